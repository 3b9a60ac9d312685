"""What the model does by itself, without the treatment that texts get before and after it.

    python bench/untreated.py --sources dev.en --references dev.es --write bench/results/untreated

Texts are neither cut, lowered, protected nor guarded. The first table has sacrebleu's BLEU, beam 4,
of all lines, of the lines in capitals, and of lines joined in threes, each against references that
are treated alike. The second counts lines whose digits or copies all come back: --lines that have
digits (those of --sources, the same with other digits, sentences of bench/phrases with random
numbers, lines with a number put in), and as many lines of --sources into which an address, a
placeholder or markup has been put. A line counts if each of its numbers, or the thing that was put
in, is in the translation as often as in the source.
"""

from __future__ import annotations

import argparse
import collections
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import augment
import copied
import machine
import sacrebleu
from pairs import read_pair
from report import origin, write
from texts import joined

import pyattn

UNTREATED: dict[str, Any] = {
    **{"split": "never", "normalize": ("invisible", "quotes"), "protect": False, "guard": False},
    **{"beam_size": 4},
}
PHRASES = Path(__file__).resolve().parent / "phrases"
SEED = 20  # other things than training has put in


def main(arguments: Sequence[str] | None = None) -> int:
    """Translate, count and print."""
    options = _parser().parse_args(arguments)
    try:
        sources, references = read_pair(options.sources, options.references)
    except ValueError as error:
        print(f"untreated: {error}", file=sys.stderr)
        return 1
    given = sys.argv[1:] if arguments is None else arguments
    with pyattn.load(options.model, threads=options.threads) as translator:

        def translate(texts: list[str]) -> list[str]:
            return translator.translate(texts, **UNTREATED)

        results = {
            **machine.provenance("untreated", given, ("pyattn", "numpy", "sacrebleu")),
            "model": f"{translator.model.config.dtype} on {translator.model.config.isa}",
            "scores": scores(translate, sources, references),
            "kept": [
                {"lines": name, **counted(translate, *lines)}
                for name, lines in (
                    ("with digits", with_digits(sources, options.lines)),
                    ("with copies", with_copies(sources, options.lines)),
                )
            ],
        }
    print(markdown(results))
    for row in results["kept"]:
        for line, found in row.pop("lost")[: options.show]:  # they stay out of files
            print(f"{line}\n    {found}")
    if options.write:
        write(options.write, results, markdown(results))
    return 0


def scores(
    translate: Callable[[list[str]], list[str]], sources: list[str], references: list[str]
) -> list[dict[str, Any]]:
    """BLEU of the lines, of the lines in capitals and of lines in threes."""
    ways: dict[str, Callable[[list[str]], list[str]]] = {
        "single lines": list,
        "in capitals": lambda lines: [line.upper() for line in lines],
        "joined by 3": lambda lines: joined(lines, 3),
    }
    return [
        {"texts": name, "bleu": _bleu(translate(way(sources)), way(references))}
        for name, way in ways.items()
    ]


def _bleu(found: list[str], wanted: list[str]) -> float:
    return float(sacrebleu.corpus_bleu(found, [wanted]).score)


def with_digits(sources: list[str], count: int) -> tuple[list[str], list[list[str]]]:
    """Lines with digits, and the numbers of each."""
    random, lines = Random(SEED), [line for line in sources if re.search(r"\d", line)]
    found, carriers = lines[: count // 3], [line for line in _carriers() if "{num}" in line]
    while lines and len(found) < count // 3:
        line = random.choice(lines)
        found.append(augment.renumbered((line, line), random)[0])
    while len(found) < count * 2 // 3:
        line = random.choice(carriers)
        found.append(augment.filled((line, line), random)[0])
    while len(found) < count:
        number = copied.digits(random.randrange(1, 6), random)
        found.append(_put(random.choice(sources), number, random))
    return found, [re.findall(r"\d+", line) for line in found]


def with_copies(sources: list[str], count: int) -> tuple[list[str], list[list[str]]]:
    """Lines with something to be copied, and what it is in each."""
    random, lines, things = Random(SEED), [], []
    kinds = (copied.address, copied.mail, copied.placeholder, None)
    for place in range(count):
        line, kind = random.choice(sources), kinds[place % len(kinds)]
        if kind is None:
            tag = random.choice(("b", "i", "em", "p", "span"))
            lines.append(f"<{tag}>{line}</{tag}>")
            things.append([f"<{tag}>", f"</{tag}>"])
        else:
            thing = kind(random)
            lines.append(_put(line, thing, random))
            things.append([thing])
    return lines, things


def _put(line: str, thing: str, random: Random) -> str:
    """The line with a thing in place of a name that it has, or else before or behind it."""
    names = re.findall(r"(?<=[a-z,] )[A-Z][a-z]+\b", line)
    if names:
        return line.replace(random.choice(names), thing, 1)
    return random.choice((f"{thing}: {line}", f"{line} {thing}", f"{line} ({thing})"))


def counted(
    translate: Callable[[list[str]], list[str]], lines: list[str], things: list[list[str]]
) -> dict[str, Any]:
    """How many lines have all of their things in their translations, and some that do not."""
    lost = []
    for line, wanted, found in zip(lines, things, translate(lines), strict=True):
        numbers = all(thing.isdigit() for thing in wanted)
        have = collections.Counter(re.findall(r"\d+", found)) if numbers else None
        for thing, times in collections.Counter(wanted).items():
            if (have[thing] if have is not None else found.count(thing)) < times:
                lost.append([line, found])
                break
    return {"count": len(lines), "kept": len(lines) - len(lost), "lost": lost}


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and the tables."""
    lines = [
        "# The model without treatment of texts",
        "",
        f"{results['date']}, {results['model']}. `bench/untreated.py` says what the rows are.",
        *origin(results),
        "| texts | BLEU |",
        "| --- | --- |",
        *(f"| {row['texts']} | {row['bleu']:.2f} |" for row in results["scores"]),
        "",
        "| lines | kept |",
        "| --- | --- |",
        *(
            f"| {row['lines']} | {row['kept']} of {row['count']} "
            f"({row['kept'] / row['count']:.1%}) |"
            for row in results["kept"]
        ),
    ]
    return "\n".join(lines)


def _carriers() -> list[str]:
    return read_pair(PHRASES / "carriers.en", PHRASES / "carriers.es")[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=Path, required=True, help="a sentence per line")
    parser.add_argument("--references", type=Path, required=True, help="their translations")
    parser.add_argument("--model", type=Path, help="a folder; by default the shipped model")
    parser.add_argument("--lines", type=int, default=300, help="with digits, and with copies")
    parser.add_argument("--show", type=int, default=0, help="lines of each kind that lost some")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--write", type=Path, help="also into this file, .json and .md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
