"""What the guard costs and changes: ordinary lines, and lines that are odd.

    python bench/guard.py --sources dev.en --references dev.es --write bench/results/guard

translates --sources with and without a guard, in turn, and likewise with and without protection.
Scores are sacrebleu's BLEU; "changed" are translations that differ from those with neither. Times
are processor times, the least of all rounds for each hundred lines, by that with neither. "warned"
are lines with any warning, listed in the .json. The odd lines are those in
`pyattn.text.guard.stress`; "too long" are translations of more than three times their text's
characters, a text of fewer than five counting as five.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine
import sacrebleu
from report import origin, write

import pyattn
from pyattn.text.guard.stress import LINES
from pyattn.translator import Translator

WAYS: dict[str, dict[str, bool]] = {
    "neither": {"guard": False, "protect": False},
    "guard": {"guard": True, "protect": False},
    "protection": {"guard": False, "protect": True},
    "both": {"guard": True, "protect": True},
}
_FACTOR, _LEAST = 3, 5
# Lines that are translated together, in all ways in turn.
_BLOCK = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Translate, compare and print."""
    options = _parser().parse_args(arguments)
    sources, references = (
        path.read_text(encoding="utf-8").splitlines()
        for path in (options.sources, options.references)
    )
    if len(sources) != len(references):
        print(
            f"guard: {len(sources)} sources, {len(references)} references, expected as many",
            file=sys.stderr,
        )
        return 1
    given = sys.argv[1:] if arguments is None else arguments
    with pyattn.load(options.model, threads=options.threads) as translator:
        results = {
            **machine.provenance("guard", given, ("pyattn", "numpy", "sacrebleu")),
            "model": f"{translator.model.config.dtype} on {translator.model.config.isa}",
            "lines": len(sources),
            "odd_lines": len(LINES),
            "rows": measured(translator, sources, references, options.rounds),
        }
    print(markdown(results))
    if options.write:
        write(options.write, results, markdown(results))
    return 0


def measured(
    translator: Translator, sources: list[str], references: list[str], rounds: int
) -> list[dict[str, Any]]:
    """A row for each way to translate."""
    seconds = dict.fromkeys(WAYS, 0.0)
    found: dict[str, list[str]] = {name: [] for name in WAYS}
    translator.translate("See {x}.", protect=True)  # finds the carriers
    for first in range(0, len(sources), _BLOCK):
        block = sources[first : first + _BLOCK]
        least = dict.fromkeys(WAYS, math.inf)
        for number in range(rounds):
            for name, way in WAYS.items():
                begin = time.process_time()
                translations = translator.translate(block, **way)
                least[name] = min(least[name], time.process_time() - begin)
                if number == 0:
                    found[name] += translations
        for name, took in least.items():
            seconds[name] += took
    rows: list[dict[str, Any]] = []
    for name, way in WAYS.items():
        warned = [
            {"text": text, "translation": best.text, "warnings": list(best.warnings)}
            for text, [best] in zip(sources, translator.results(sources, **way), strict=True)
            if best.warnings
        ]
        odd = translator.results(LINES, **way)
        rows.append(
            {
                "with": name,
                "bleu": float(sacrebleu.corpus_bleu(found[name], [references]).score),
                "changed": sum(map(str.__ne__, found[name], found["neither"])),
                "time": seconds[name] / seconds["neither"],
                "warned": warned,
                "odd_warned": sum(bool(best.warnings) for [best] in odd),
                "too_long": sum(
                    too_long(text, best.text) for text, [best] in zip(LINES, odd, strict=True)
                ),
            }
        )
    return rows


def too_long(text: str, translation: str) -> bool:
    """Whether a translation has more than three times its text's characters."""
    return len(translation) > _FACTOR * max(len(text), _LEAST)


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and the table."""
    lines = [
        "# Guard and protection on ordinary and on odd lines",
        "",
        f"{results['lines']} ordinary and {results['odd_lines']} odd lines, {results['date']}, "
        f"{results['model']}. `bench/guard.py` says what the columns are.",
        *origin(results),
        "| with | BLEU | changed | time | warned | odd: warned | odd: too long |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in results["rows"]:
        lines.append(
            f"| {row['with']} | {row['bleu']:.4f} | {row['changed']} | {row['time']:.3f}x | "
            f"{len(row['warned'])} | {row['odd_warned']} | {row['too_long']} |"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=Path, required=True, help="a sentence per line")
    parser.add_argument("--references", type=Path, required=True, help="their translations")
    parser.add_argument("--model", type=Path, help="a folder; by default the shipped model")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--write", type=Path, help="also into this file, .json and .md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
