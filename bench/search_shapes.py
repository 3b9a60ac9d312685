"""What the search of the vocabulary would save in published shapes, with candidates taken as given.

    python bench/search_shapes.py --write bench/results/search-shapes

No trained weights of these shapes are at hand, and how many logits a search has to compute depends
on them. So weights and states are made: of both, the deviation falls as a power of the place along
common axes, which decides that share. Nothing here says what share a trained model of that shape
has: trained models that were measured (vocabulary_search.py) have 0.1 to 0.2 %.

"product" is the time of the product with the vocabulary and the choice from it, with the search by
that without, so many rows at once; "kept" are the coordinates of the bounds.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine
import numpy as np
import numpy.typing as npt
from report import origin, write
from vocabulary_search import in_turns

from pyattn import _core
from pyattn.running.vocabulary_search import search_parts

Floats = npt.NDArray[np.float32]

_SHAPES = {
    "OPUS-MT": (512, 58_101),
    "NLLB-600M": (1_024, 256_206),
    "mT5-small": (512, 250_112),
}
_STATES = 960


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    cells = []
    for name in options.shapes.split(","):
        for dtype in options.dtypes.split(","):
            for fall in map(float, options.falls.split(",")):
                cells += _cells(name, dtype, fall, options)
    results = {
        **machine.provenance("search_shapes", given, ("pyattn", "numpy")),
        "isa": _core.default_isa(),
        "cells": cells,
    }
    text = _table(results)
    print(text)
    if options.write:
        write(options.write, results, text)
    return 0


def _cells(name: str, dtype: str, fall: float, options: argparse.Namespace) -> list[dict[str, Any]]:
    dim, vocab = _SHAPES[name]
    random = np.random.default_rng(1)
    falling = (np.arange(1, dim + 1) ** -fall).astype(np.float32)
    weights = random.standard_normal((vocab, dim), np.float32) * falling
    states = random.standard_normal((_STATES, dim), np.float32) * falling
    packed = _core.pack("bench", "weights", weights, "bias", None, dtype, None)
    rows = functools.partial(_core.output_rows, packed)
    parts = search_parts(states, rows, vocab, dtype, most_cost=np.inf)
    assert parts is not None
    search = _core.VocabularySearch(packed, parts)
    cells = []
    for batch in map(int, options.batches.split(",")):
        best = functools.partial(search.best, states[: max(2 * batch, 16)], [0], False, batch)
        jobs = [functools.partial(best, whole, False) for whole in (False, True)]
        if not np.array_equal(jobs[0]()[0], jobs[1]()[0]):
            raise AssertionError("the search found another token")
        with_it, without = (min(times) for times in in_turns(jobs, options.rounds))
        cells.append(
            {
                "shape": name,
                "dtype": dtype,
                "share": _share(search, vocab),
                "kept": parts.kept / dim,
                "batch": batch,
                "product": with_it / without,
            }
        )
        print(cells[-1], flush=True)
    return cells


def _share(search: Any, vocab: int) -> float:
    """Of the logits of all rows so far, those that were computed; of whole rows, all."""
    rows, whole, logits = search.counts
    return float((logits + whole * vocab) / (rows * vocab))


def _table(results: dict[str, Any]) -> str:
    rows = ["| shape | dtype | logits | kept | rows | product |", "| --- " * 6 + "|"]
    rows += [
        f"| {cell['shape']} | {cell['dtype']} | {cell['share']:.2%} | {cell['kept']:.2f} "
        f"| {cell['batch']} | {cell['product']:.2f} |"
        for cell in results["cells"]
    ]
    head = (
        "# The search of the vocabulary in published shapes, candidates taken as given\n\n"
        f"One thread, {results['isa']}, {results['date']}. Weights and states are made up:\n"
        "`bench/search_shapes.py` says how. With the share of logits that a search computes there "
        "taken\nas given, this is what it would save, not what a trained model of that shape has "
        "been seen to save.\n\n"
    )
    return head + "\n".join(origin(results)) + "\n\n" + "\n".join(rows) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", default=",".join(_SHAPES), help="(default: all)")
    parser.add_argument("--dtypes", default="int8,float32", help="(default: int8,float32)")
    parser.add_argument("--falls", default="0.3,0.4", help="powers (default: 0.3,0.4)")
    parser.add_argument("--batches", default="1,8,32", help="rows at once (default: 1,8,32)")
    parser.add_argument("--rounds", type=int, default=9, help="of each time (default: 9)")
    parser.add_argument("--write", type=Path, help="results without their ending")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
