"""`pyattn bench`, whose work `benchmark` does."""

from __future__ import annotations

import argparse

from pyattn.commands.arguments import (
    Commands,
    add_languages,
    add_machine,
    add_model,
    add_search,
    count,
    counts,
    model_folder,
    search_options,
)
from pyattn.commands.channels import lines, writing


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "bench",
        help="measure a model against the NumPy baseline",
        description="Compute the same texts with the NumPy baseline and pyattn in turn, each in a "
        "process of its own, and compare the median rounds: translate sentences, decode documents "
        "(models of whole texts, such as summarisers), continue prompts (decoders alone) or encode "
        "texts (encoders alone). A model without a tokenizer gets random ids. NumPy computes in "
        "float32; pyattn in what --dtype says, by default its fastest type at full quality, mostly "
        "int8. --dtype float32 compares the same type.",
    )
    command.set_defaults(run=_run)
    add_model(command)
    command.add_argument(
        "--sentences",
        metavar="FILE",
        help="lines of text (default: 32 built-in English sentences, 4 of which make up a prompt "
        "and 8 a document)",
    )
    command.add_argument(
        "--batch",
        type=counts,
        metavar="N[,N...]",
        help="how many texts to compute at once (default: 1,32; 1,8 for prompts, 1,4 for "
        "documents)",
    )
    command.add_argument(
        "--rounds",
        type=count,
        default=5,
        metavar="N",
        help="rounds to take the median of (default: 5)",
    )
    command.add_argument("--json", metavar="FILE", help="write the results as JSON (- for stdout)")
    add_languages(command)
    add_search(command, default="1")
    add_machine(command)


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.commands import benchmark

    result = benchmark.run(
        model_folder(parsed.model),
        sentences=_sentences(parsed.sentences),
        batches=parsed.batch,
        rounds=parsed.rounds,
        dtype=parsed.dtype,
        threads=parsed.threads,
        options=search_options(parsed),
        source=parsed.source_language,
        target=parsed.target_language,
    )
    if parsed.json != "-":
        print(benchmark.table(result))
    if parsed.json is not None:
        with writing(parsed.json) as output:
            output.write(benchmark.to_json(result).encode())


def _sentences(path: str | None) -> list[str] | None:
    if path is None:
        return None
    with lines(path) as groups:
        return [text for group in groups for text in group if text.strip()]
