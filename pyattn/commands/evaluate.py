"""`pyattn evaluate`: how good a model's translations are."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyattn.commands.arguments import (
    Commands,
    add_languages,
    add_machine,
    add_search,
    search_options,
)
from pyattn.commands.channels import lines

if TYPE_CHECKING:
    from pyattn.evaluation import Evaluation, Faults


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "evaluate",
        help="score a model's translations of a test set",
        description="Translate the lines of --source and compare them with those of --reference: "
        "BLEU, chrF, TER, tokens/s and faults. Needs the extra `evaluate`.",
    )
    command.set_defaults(run=_run, fail=command.error)
    command.add_argument("--source", metavar="FILE", help="texts, one per line (- for stdin)")
    command.add_argument("--reference", metavar="FILE", help="their translations, likewise")
    command.add_argument(
        "--baseline",
        metavar="FILE",
        help="another system's translations, for a paired bootstrap test",
    )
    command.add_argument(
        "--stress",
        action="store_true",
        help="also count the faults in translations of odd lines; needs no --source",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--model", metavar="MODEL", help="by default the English-Spanish model")
    add_languages(command)
    add_search(command, default="the model's")
    add_machine(command)


def _run(parsed: argparse.Namespace) -> None:
    if (parsed.source is None) != (parsed.reference is None):
        parsed.fail("arguments --source and --reference: both are needed")
    if parsed.source is None and not parsed.stress:
        parsed.fail("arguments --source and --reference are needed, or --stress")
    if parsed.source is None and parsed.baseline is not None:
        parsed.fail("argument --baseline: needs --source and --reference")
    from pyattn.evaluation import evaluate, stressed
    from pyattn.loading import load_translator

    files = [parsed.source, parsed.reference, parsed.baseline]
    if files.count("-") > 1:
        parsed.fail("standard input is one file only")
    sources, references, baseline = (None if file is None else _lines(file) for file in files)
    options: dict[str, Any] = {
        "source": parsed.source_language,
        "target": parsed.target_language,
        **search_options(parsed),
    }
    found: Evaluation | None = None
    odd: Faults | None = None
    with load_translator(parsed.model, dtype=parsed.dtype, threads=parsed.threads) as translator:
        if sources is not None and references is not None:
            found = evaluate(translator, sources, references, baseline=baseline, **options)
        if parsed.stress:
            odd = stressed(translator, **options)
    if parsed.json:
        print(json.dumps(as_json(found, odd), ensure_ascii=False, indent=1))
    else:
        for line in as_text(found, odd):
            print(line)


def as_json(found: Evaluation | None, odd: Faults | None) -> dict[str, Any]:
    """The figures of an evaluation as JSON has them."""
    figures: dict[str, Any] = {}
    if found is not None:
        figures = {
            "lines": len(found.sources),
            "metrics": [dataclasses.asdict(metric) for metric in found.metrics],
            "length_ratio": found.length_ratio,
            "tokens": found.tokens,
            "seconds": found.seconds,
            "tokens_per_second": found.tokens_per_second,
            "faults": dataclasses.asdict(found.faults),
        }
    if odd is not None:
        figures["stress"] = dataclasses.asdict(odd)
    return figures


def as_text(found: Evaluation | None, odd: Faults | None) -> Iterator[str]:
    """The figures of an evaluation, one a line."""
    if found is not None:
        for metric in found.metrics:
            line = f"{metric.name:<13}{metric.score:.2f}"
            if metric.baseline is not None:
                line += (
                    f" +- {metric.interval:.2f}, baseline {metric.baseline:.2f} "
                    f"(p = {metric.p_value:.4f})"
                )
            yield line
            yield f"{'':<13}{metric.signature}"
        yield f"{'length':<13}{found.length_ratio:.1%} of the references' characters"
        yield (
            f"{'speed':<13}{found.tokens_per_second:.0f} tokens/s "
            f"({found.tokens} tokens, {found.seconds:.1f} s)"
        )
        yield from _faults("lines", found.faults)
    if odd is not None:
        yield from _faults("odd lines", odd)


def _faults(name: str, faults: Faults) -> Iterator[str]:
    def share(count: int) -> str:
        return f"{count} ({count / max(1, faults.lines):.2%})"

    yield f"{name:<13}{faults.lines}"
    yield f"{'  warned':<13}{share(faults.warned)}"
    for code, count in faults.warnings.items():
        yield f"    {code:<11}{share(count)}"
    for title, count in (
        ("empty", faults.empty),
        ("too long", faults.too_long),
        ("changed", faults.changed),
    ):
        yield f"  {title:<11}{share(count)}"


def _lines(path: str) -> list[str]:
    with lines(path) as groups:
        return [line for group in groups for line in group]
