"""The quality of texts of several sentences, and of texts in capitals, next to single lines.

    python bench/texts.py --sources dev.en --references dev.es --write bench/results/texts

translates all of --sources line by line, then joined in twos, threes and fours with a space between
lines, then in capitals. Scores are sacrebleu's BLEU. The references of a row are joined, or in
capitals, as its sources are, so scores of different rows have different references. "as lines" is
the score of the single lines' translations, joined or raised in the same way: that of a text whose
sentences are translated as well as single lines. Times are processor times.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import machine
import sacrebleu
from report import origin, write

import pyattn

JOINED = (2, 3, 4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Translate, score and print."""
    options = _parser().parse_args(arguments)
    sources, references = (
        path.read_text(encoding="utf-8").splitlines()
        for path in (options.sources, options.references)
    )
    if len(sources) != len(references):
        print(
            f"texts: {len(sources)} sources, {len(references)} references, expected as many",
            file=sys.stderr,
        )
        return 1
    given = sys.argv[1:] if arguments is None else arguments
    with pyattn.load(options.model, threads=options.threads) as translator:
        results = {
            **machine.provenance("texts", given, ("pyattn", "numpy", "sacrebleu")),
            "lines": len(sources),
            "model": f"{translator.model.config.dtype} on {translator.model.config.isa}",
            "rows": measured(translator.translate, sources, references),
        }
    print(markdown(results))
    if options.write:
        write(options.write, results, markdown(results))
    return 0


def measured(
    translate: Callable[[list[str]], list[str]], sources: list[str], references: list[str]
) -> list[dict[str, Any]]:
    """A row for each way to present the same lines.

    Args:
        translate: Texts to their translations.
        sources: The lines.
        references: Their translations.
    """
    lines, seconds = _timed(translate, sources)
    rows = [_row("single lines", lines, references, seconds / seconds)]
    for count in JOINED:
        found, took = _timed(translate, joined(sources, count))
        wanted = joined(references, count)
        row = _row(f"joined by {count}", found, wanted, took / seconds)
        rows.append(row | {"as_lines": _bleu(joined(lines, count), wanted)})
    found, took = _timed(translate, [line.upper() for line in sources])
    wanted = [line.upper() for line in references]
    row = _row("in capitals", found, wanted, took / seconds)
    return [*rows, row | {"as_lines": _bleu([line.upper() for line in lines], wanted)}]


def joined(lines: Sequence[str], count: int) -> list[str]:
    """Texts of `count` lines each, in order; the last one may have fewer."""
    return [" ".join(lines[begin : begin + count]) for begin in range(0, len(lines), count)]


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and the table."""
    lines = [
        "# Texts of several sentences, and in capitals",
        "",
        f"{results['lines']} lines, {results['date']}, {results['model']}. `bench/texts.py` says "
        "what the columns are.",
        *origin(results),
        "| texts | BLEU | as lines | time |",
        "| --- | --- | --- | --- |",
    ]
    for row in results["rows"]:
        as_lines = f"{row['as_lines']:.2f}" if "as_lines" in row else ""
        lines.append(f"| {row['texts']} | {row['bleu']:.2f} | {as_lines} | {row['time']:.2f}x |")
    return "\n".join(lines)


def _row(name: str, found: list[str], wanted: list[str], ratio: float) -> dict[str, Any]:
    return {"texts": name, "bleu": _bleu(found, wanted), "time": ratio}


def _bleu(found: list[str], wanted: list[str]) -> float:
    return float(sacrebleu.corpus_bleu(found, [wanted]).score)


def _timed(
    translate: Callable[[list[str]], list[str]], texts: list[str]
) -> tuple[list[str], float]:
    begin = time.process_time()
    return translate(texts), time.process_time() - begin


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=Path, required=True, help="a sentence per line")
    parser.add_argument("--references", type=Path, required=True, help="their translations")
    parser.add_argument("--model", type=Path, help="a folder; by default the shipped model")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--write", type=Path, help="also into this file, .json and .md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
