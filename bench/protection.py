"""Placeholders, addresses and tags of real messages, translated as they are and protected.

    pip download --no-deps django wagtail djangorestframework; unzip each into folder/
    python bench/protection.py --catalogs folder --write bench/results/protection

reads the compiled catalogs (.mo) of --language below --catalogs, translates every different message
with `protect=False` and with `protect=True`, and counts the protected parts of each message in its
translations. "kept" are parts that come back as often as they were; "lost" and "doubled" those that
come back less or more often. "weak" are messages with the warning "protected": a part that the
alignment had to place. chrF and BLEU are sacrebleu's, of the messages with protected parts, against
the catalogs' own translations. Times are processor times of all messages, the first use of carriers
included. --sample prints that many messages with protected parts beside their translations, for a
look at where the parts went.
"""

from __future__ import annotations

import argparse
import collections
import random
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
import sacrebleu
from report import origin, write

import pyattn
from pyattn.results import Translation
from pyattn.text.protection.kinds import usual

# Of a .mo file in the byte order of its writer.
_MAGIC = 0x950412DE


def main(arguments: Sequence[str] | None = None) -> int:
    """Translate, count and print."""
    options = _parser().parse_args(arguments)
    pairs = messages(options.catalogs, options.language)
    if not pairs:
        print(
            f"protection: no catalog of {options.language} below {options.catalogs}",
            file=sys.stderr,
        )
        return 1
    given = sys.argv[1:] if arguments is None else arguments
    rows: list[dict[str, Any]] = []
    with pyattn.load(options.model, threads=options.threads) as translator:
        for protect in (False, True):
            begin = time.process_time()
            found = translator.results(list(pairs), protect=protect)
            seconds = time.process_time() - begin
            best = dict(zip(pairs, (ranked[0] for ranked in found), strict=True))
            rows.append({"protect": protect, **counted(best, pairs), "seconds": seconds})
        results = {
            **machine.provenance("protection", given, ("pyattn", "numpy", "sacrebleu")),
            "model": f"{translator.model.config.dtype} on {translator.model.config.isa}",
            "messages": len(pairs),
            "rows": rows,
        }
    print(markdown(results))
    for source, translation in sampled(best, options.sample):
        print(f"{source!r}\n    {translation!r}")
    if options.write:
        write(options.write, results, markdown(results))
    return 0


def messages(folder: Path, language: str) -> dict[str, str]:
    """The different messages of all catalogs below a folder, with their translations."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob(f"{language}/LC_MESSAGES/*.mo")):
        for source, translation in read_catalog(path.read_bytes()):
            found.setdefault(source, translation)
    return found


def read_catalog(data: bytes) -> Iterator[tuple[str, str]]:
    """The messages of a .mo file, each plural form as one of its own, and their translations."""
    order = "<" if struct.unpack_from("<I", data)[0] == _MAGIC else ">"
    count, sources, translations = struct.unpack_from(f"{order}3I", data, 8)
    for number in range(count):
        texts: list[str] = []
        for table in (sources, translations):
            length, place = struct.unpack_from(f"{order}2I", data, table + 8 * number)
            texts.append(data[place : place + length].decode())
        source, translation = texts
        if source:  # the one without is the header
            forms = source.rpartition("\x04")[2].split("\0")
            yield from zip(forms, translation.split("\0"), strict=False)


def parts_of(text: str) -> collections.Counter[str]:
    """The protected parts of a text."""
    return collections.Counter(text[part.begin : part.end] for part in usual(text))


def counted(best: dict[str, Translation], references: dict[str, str]) -> dict[str, Any]:
    """What came back.

    Args:
        best: The translation of each message.
        references: The messages and their translations in the catalogs.
    """
    total = lost = doubled = exact = 0
    holders = [text for text in best if parts_of(text)]
    for text in holders:
        translation = best[text].text
        differences = [translation.count(part) - text.count(part) for part in parts_of(text)]
        total += len(differences)
        lost += sum(one < 0 for one in differences)
        doubled += sum(one > 0 for one in differences)
        exact += not any(differences)
    translations = [best[text].text for text in holders]
    wanted = [[references[text] for text in holders]]
    return {
        "holders": len(holders),
        "parts": total,
        "kept": total - lost - doubled,
        "lost": lost,
        "doubled": doubled,
        "exact": exact,
        "weak": sum("protected" in best[text].warnings for text in holders),
        "chrf": float(sacrebleu.corpus_chrf(translations, wanted).score) if holders else 0.0,
        "bleu": float(sacrebleu.corpus_bleu(translations, wanted).score) if holders else 0.0,
    }


def sampled(best: dict[str, Translation], count: int) -> list[tuple[str, str]]:
    """Some messages with protected parts and their translations, the same ones every time."""
    holders = sorted(text for text in best if parts_of(text))
    chosen = random.Random(1).sample(holders, min(count, len(holders)))
    return [(text, best[text].text) for text in chosen]


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and the table."""
    first = results["rows"][0]
    lines = [
        "# Placeholders, addresses and tags in real messages",
        "",
        f"{results['messages']} messages, {first['holders']} of them with {first['parts']} "
        f"different protected parts, {results['date']}, {results['model']}. "
        "`bench/protection.py` says what the columns are.",
        *origin(results),
        "| protect | parts kept | lost | doubled | messages exact | weak | chrF | BLEU | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in results["rows"]:
        kept, exact = row["kept"] / max(1, row["parts"]), row["exact"] / max(1, row["holders"])
        lines.append(
            f"| {row['protect']} | {kept:.1%} | {row['lost']} | {row['doubled']} | {exact:.1%} | "
            f"{row['weak']} | {row['chrf']:.1f} | {row['bleu']:.1f} | {row['seconds']:.1f} |"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--catalogs", type=Path, required=True, help="a folder of packages")
    parser.add_argument("--language", default="es", help="of the catalogs (default: es)")
    parser.add_argument("--model", type=Path, help="a folder; by default the shipped model")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--sample", type=int, default=0, help="messages to print")
    parser.add_argument("--write", type=Path, help="also into this file, .json and .md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
