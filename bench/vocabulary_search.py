"""Greedy decoding with and without the search of the vocabulary.

    python bench/vocabulary_search.py --sources dev.en --model marian-en-es \
        --write bench/results/vocabulary-search

"product" is the time of the product with the vocabulary and the choice from it, with the search by
that of the whole product without scores and, in brackets, with them: of the states that the sources
and their translations have, so many rows at once. "decode" is the time without the search by the
time with it, of whole translations, in turns; "same" by that of a second model without it, which
says how far equal times differ. "whole" are rows that needed the whole product, "logits" those of a
row that were computed exactly. --tokens makes every translation that long. Bounds are made of the
states of made-up sentences. A folder without weights gets random ones (shapes.py), which no bound
can tell apart: there the search is given up, and must cost nothing.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import machine
import numpy as np
from report import origin, write
from shapes import model_files

import pyattn
from pyattn import _core
from pyattn.running.vocabulary_search import search_parts
from pyattn.translator import Translator

# Random weights end no sentence.
_GREEDY: dict[str, Any] = {
    "beam_size": 1,
    "num_hypotheses": 1,
    "scores": False,
    "max_length_factor": 2.0,
}
_STATES = 960


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    lines = options.sources.read_text("utf-8").splitlines()
    cells = []
    for model in options.model:
        cells += _cells(model, lines, options)
    results = {
        **machine.provenance("vocabulary_search", given, ("pyattn", "numpy")),
        "isa": _core.default_isa(),
        "cells": cells,
    }
    text = _table(results)
    print(text)
    if options.write:
        write(options.write, results, text)
    return 0


def _cells(model: Path, lines: Sequence[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    cells = []
    with tempfile.TemporaryDirectory() as scratch:
        folder, trained = model, True
        if (model / "config.json").exists():  # else Marian's own files
            files, trained = model_files(model, Path(scratch))
            folder = files.checkpoint
        name = model.name + ("" if trained else ", random weights")
        for dtype in options.dtypes.split(","):
            load = functools.partial(pyattn.load, folder, dtype=dtype, threads=1, shortlist=False)
            with (
                load(vocabulary_search=False) as without,
                load(vocabulary_search=False) as same,
                load(vocabulary_search=True) as with_it,
            ):
                for batch in map(int, options.batches.split(",")):
                    cell = _cell((without, same, with_it), lines, batch, options)
                    cells.append({"model": name, "dtype": dtype, "batch": batch, **cell})
                    print(cells[-1], flush=True)
    return cells


def _cell(
    models: tuple[Translator, Translator, Translator],
    lines: Sequence[str],
    batch: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    without, _, with_it = models
    settings = dict(_GREEDY)
    if options.tokens:
        settings |= {"min_new_tokens": options.tokens, "max_new_tokens": options.tokens}
    sources = without.tokenizer.encode(list(lines[: max(4 * batch, 32)]))

    def decode(translator: Translator) -> list[list[int]]:
        found = []
        for first in range(0, len(sources), batch):
            found += translator.model.generate(sources[first : first + batch], **settings)
        return [one[0].tokens for one in found]

    if decode(without) != decode(with_it):
        raise AssertionError("the search changed a translation")
    jobs = [functools.partial(decode, model) for model in models]
    off, again, on = map(statistics.median, in_turns(jobs, options.rounds))
    counts = with_it.model._core.search_counts
    cell: dict[str, Any] = {"decode": off / on, "same": off / again}
    if counts is not None:
        cell |= {"whole": counts[1] / counts[0], "logits": counts[2] / counts[0]}
        cell |= _product(without, with_it, sources, batch, options.rounds)
    return cell


def _product(
    without: Translator,
    with_it: Translator,
    sources: Sequence[Sequence[int]],
    batch: int,
    rounds: int,
) -> dict[str, float]:
    """The product alone, for states that the model had."""
    core, config = without.model._core, without.model.config
    core.want_states(_STATES)
    while (x := core.states()) is None:
        without.model.generate(sources, **_GREEDY)
    made_for = _made_up_states(with_it)
    weights, bias = core.output_rows(0, config.target_vocab)
    dtype = config.other_dtypes.get("output", config.dtype)
    packed = _core.pack("bench", "weights", weights, "bias", bias, dtype, None)
    rows = functools.partial(_core.output_rows, packed)
    parts = search_parts(made_for, rows, config.target_vocab, dtype)
    assert parts is not None
    search = _core.VocabularySearch(packed, parts)
    best = functools.partial(search.best, x, [config.target_vocab - 1], False, batch)
    jobs = [
        functools.partial(best, False, False),
        functools.partial(best, True, False),
        functools.partial(best, True, True),
    ]
    own, whole, scored = (min(times) for times in in_turns(jobs, rounds))
    return {"product": own / whole, "product_scored": own / scored, "kept": parts.kept}


def _made_up_states(translator: Translator) -> np.ndarray:
    """The states that a model's search was made of, once more."""
    from pyattn.running.search_setup import MADE_UP, SearchSetup

    core, config = translator.model._core, translator.model.config
    setup = SearchSetup(core, config, config.dtype, True)
    for sources in setup._made_up():
        translator.model.generate(sources, MADE_UP)
        states = core.states()
        if states is not None:
            return states
    raise RuntimeError("there are too few states")


def in_turns(jobs: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds of each job, in turns, which share what disturbs them."""
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds):
        for job, own in zip(jobs, times, strict=True):
            begin = time.perf_counter()
            job()
            own.append(time.perf_counter() - begin)
    return times


def _table(results: dict[str, Any]) -> str:
    rows = [
        "| model | dtype | batch | product | decode | same | whole | logits |",
        "| --- " * 8 + "|",
    ]
    for cell in results["cells"]:
        shown = ["-", "-", "-"]
        if "product" in cell:
            product = f"{cell['product']:.2f} ({cell['product_scored']:.2f})"
            shown = [product, f"{cell['whole']:.1%}", f"{cell['logits']:.1f}"]
        rows.append(
            f"| {cell['model']} | {cell['dtype']} | {cell['batch']} | {shown[0]} "
            f"| {cell['decode']:.3f}x | {cell['same']:.3f}x | {shown[1]} | {shown[2]} |"
        )
    head = (
        "# The search of the vocabulary\n\n"
        f"One thread, {results['isa']}, {results['date']}. "
        "`bench/vocabulary_search.py` says what the columns are.\n\n"
    )
    return head + "\n".join(origin(results)) + "\n\n" + "\n".join(rows) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", type=Path, required=True, help="a file of lines")
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="folders of models")
    parser.add_argument("--dtypes", default="int8", help="number types (default: int8)")
    parser.add_argument("--batches", default="1,8,32", help="rows at once (default: 1,8,32)")
    parser.add_argument("--tokens", type=int, default=0, help="of each translation")
    parser.add_argument("--rounds", type=int, default=15, help="of each time (default: 15)")
    parser.add_argument("--write", type=Path, help="results without their ending")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
