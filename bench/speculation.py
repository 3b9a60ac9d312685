"""What speculation would gain: a draft of further tokens, checked in one step of the decoder.

    python bench/speculation.py --sources dev.en long.en --learn more.en --model marian-en-es-2 \
        --draft marian-en-es --write bench/results/speculation
    python bench/speculation.py --shapes opus-mt t5-base --write bench/results/speculation

pyattn has no speculation: this measures both of its sides and multiplies them. Both calls write
into one file, each its part.

Drafts, by `--model`: greedy translations of the sources are taken as given, and drafts are held
against them (drafts.py): exact, since the tokens are to be the same. "output" and "source" copy
what followed the last one to three tokens in the output so far, or in the source. "table" counts
what followed them in the model's own translations of as many lines of `--learn`; "tree" is the
same with alternatives. "layers" are the decoder's first ones with the model's output matrix,
and `--draft` are other models of the same vocabulary.

Steps, by `--shapes`: the milliseconds of a decoder's step with k rows at batch 1, by those of one
row. They are measured with k sentences that are the same: the difference of two searches of
different lengths, by the difference, so that nothing of the encoder is in it. Against a draft's
rows, which see one another's past, it is too much by k - 1 readings of the source's keys and
values. "encoder" is the rest of the shorter search.

The gain is tokens per check, by the step's ratio plus the draft's steps, at the best k. "whole" is
that of whole translations of 24 tokens, the encoder included. Tables, trees and copies are taken
to cost nothing. Weights of shapes are random, and their drafts' acceptance is that of the trained
models: larger vocabularies have longer pieces and are harder to guess, so it flatters them.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import drafts
import machine
import numpy as np
import published
from report import table, write

import pyattn
from pyattn.checkpoint import Checkpoint
from pyattn.files import read_checkpoint

ROWS = (1, 2, 3, 4, 6, 8)
SHORT, LONG = 4, 28
SOURCE_TOKENS = 24
# Drafts that are looked up.
_FREE = ("output", "source", "table", "tree")
# Ids from here on are pieces of any of the shapes.
FIRST_ID = 10
LEARNT = (1000, 10000)
DTYPES: dict[str, Any] = {"int8": "int8", "int4": "int4"}
# Which of the shapes share a vocabulary, so that one can draft for the other.
SIBLINGS = {"t5-base": "t5-small", "t5-large": "t5-small"}
# Shares of right tokens for which a sibling's gain is shown.
AGREEMENTS = (0.5, 0.6, 0.7, 0.8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    about = machine.provenance("speculation", given, ("pyattn", "numpy"))
    kept = options.write.with_suffix(".json") if options.write else None
    results = json.loads(kept.read_text("utf-8")) if kept and kept.exists() else {}
    if options.shapes:
        dtypes = options.dtypes.split(",")
        cells = [_steps(name, dtypes, options.seconds) for name in options.shapes]
        old = results.get("steps", {"cells": {}})["cells"]
        results["steps"] = {**about, "cells": old | dict(zip(options.shapes, cells, strict=True))}
    if options.model:
        sets = {path.stem: path.read_text("utf-8").splitlines() for path in options.sources}
        learn = options.learn.read_text("utf-8").splitlines() if options.learn else []
        old = results.get("drafts", {"cells": {}})["cells"]
        cell = _drafts(options.model, options.draft, sets, learn)
        cell["command"] = about["command"]
        results["drafts"] = {**about, "cells": old | {options.model.name: cell}}
    text = "\n".join(_report(results)) + "\n"
    print(text)
    if options.write:
        write(options.write, results, text)
    return 0


# --- drafts -------------------------------------------------------------------------------------


def _drafts(
    folder: Path, others: Sequence[Path], sets: dict[str, list[str]], learn: list[str]
) -> dict[str, Any]:
    """Per set and draft the gain of a check, [tokens, checks, rows] for each of `ROWS`."""
    with pyattn.load(folder, dtype="int8", threads=1) as translator:
        model = translator.model
        end = model.config.end
        pairs = {name: _translated(translator, lines) for name, lines in sets.items()}
        known = {tuple(source) for found in pairs.values() for source, _ in found}
        learnt = [pair for pair in _translated(translator, learn) if tuple(pair[0]) not in known]
    found: dict[str, Any] = {name: {} for name in sets}
    counts, at = drafts.Table(), 0
    for size in (0, *(size for size in LEARNT if size <= len(learnt))):
        for _, target in learnt[at:size]:
            counts.learn(target)
        at = size
        for name, own in pairs.items():
            guesses = _guesses(counts, size, end)
            found[name] |= {label: _gains(own, draft) for label, draft in guesses.items()}
    for label, checkpoint in _model_drafts(folder, others):
        with pyattn.Model(checkpoint, dtype="int8", threads=1) as draft:
            for name, own in pairs.items():
                agreed = _agreement(draft, own)
                found[name][label] = _chained(own, agreed)
    lengths = {name: statistics.mean(len(t) for _, t in own) for name, own in pairs.items()}
    return {"sets": found, "tokens": lengths, "lines": {n: len(own) for n, own in pairs.items()}}


def _translated(
    translator: pyattn.Translator, lines: Sequence[str]
) -> list[tuple[list[int], list[int]]]:
    """Sources, and targets with their ends."""
    model = translator.model
    sources = translator.tokenizer.encode(list(lines))
    sources = [source for source in sources if 1 < len(source) <= model.config.max_positions // 2]
    found = model.generate(sources, beam_size=1, num_hypotheses=1, scores=False)
    return [
        (list(source), [*map(int, one[0].tokens), model.config.end])
        for source, one in zip(sources, found, strict=True)
    ]


# A draft: of a source and a beginning, so many paths or tokens.
_Draft = Callable[[list[int], list[int], int], list[list[int]]]


def _guesses(counts: drafts.Table, size: int, end: int) -> dict[str, _Draft]:
    if size == 0:
        return {
            "output": lambda _, begun, count: [drafts.copied(begun, begun, count)],
            "source": lambda source, begun, count: [drafts.copied(source[:-1], begun, count)],
        }

    # What a table says depends on the last tokens alone.
    @functools.cache
    def paths(of: str, begun: tuple[int, ...], count: int) -> list[list[int]]:
        if of == "table":
            return [drafts.chain(counts.next, begun, count, end)]
        return drafts.tree(counts.next, begun, count, end)

    most = max(drafts.ORDERS)
    return {
        f"{of}, {size}": lambda _, begun, n, of=of: paths(of, tuple(begun[-most:]), n)
        for of in ("table", "tree")
    }


def _gains(pairs: Sequence[tuple[list[int], list[int]]], draft: _Draft) -> list[drafts.Gain]:
    targets = [target for _, target in pairs]

    def right(rows: int, n: int, i: int) -> tuple[int, int]:
        paths = draft(pairs[n][0], targets[n][:i], rows - 1) if rows > 1 else []
        ahead = targets[n][i:]
        if len(paths) == 1:
            return drafts.prefix_length(paths[0], ahead), len(paths[0])
        return drafts.longest_right(paths, ahead), len(paths)

    return [drafts.gain(targets, lambda n, i, rows=rows: right(rows, n, i)) for rows in ROWS]


def _model_drafts(folder: Path, others: Sequence[Path]) -> Iterator[tuple[str, Checkpoint]]:
    own = read_checkpoint(folder)
    for layers in range(1, own.config.decoder_layers):
        config = dataclasses.replace(own.config, decoder_layers=layers)
        names = [
            name
            for name in own.tensors
            if not name.startswith("decoder.layers.") or int(name.split(".")[2]) < layers
        ]
        tensors = {name: own.tensors[name] for name in names}
        yield f"layers, {layers}", Checkpoint(config, tensors, own.generation)
    for other in others:
        yield other.name, read_checkpoint(other)


def _agreement(
    draft: pyattn.Model, pairs: Sequence[tuple[list[int], list[int]]]
) -> list[list[bool]]:
    """Whether the draft's choice after each beginning of each target is the target's."""
    found = []
    for source, target in pairs:
        logits = np.array(draft.logits([source], [target[:-1]])[0])
        if draft.config.pad is not None:
            logits[:, draft.config.pad] = -np.inf
        found.append((logits.argmax(axis=1) == np.array(target)).tolist())
    return found


def _chained(
    pairs: Sequence[tuple[list[int], list[int]]], agreed: list[list[bool]]
) -> list[drafts.Gain]:
    targets = [target for _, target in pairs]
    return [drafts.gain(targets, drafts.chained(agreed, rows)) for rows in ROWS]


# --- steps --------------------------------------------------------------------------------------


def _steps(name: str, dtypes: Sequence[str], seconds: float) -> dict[str, Any]:
    """Milliseconds by number type: of the encoder, and of a step of each of `ROWS`."""
    checkpoint = published.checkpoint(published.SHAPES[name])
    random = np.random.default_rng(0)
    ids = random.integers(FIRST_ID, checkpoint.config.source_vocab - FIRST_ID, SOURCE_TOKENS)
    source = [*map(int, ids), checkpoint.config.end]
    found = {}
    for dtype in dtypes:
        with pyattn.Model(checkpoint, dtype=DTYPES[dtype], threads=1) as model:
            found[dtype] = _timed(model, source, seconds / len(dtypes))
        print(name, dtype, found[dtype], flush=True)
    return found


def _timed(model: pyattn.Model, source: list[int], seconds: float) -> dict[str, Any]:
    def run(rows: int, tokens: int) -> float:
        begin = time.perf_counter()
        model.generate(
            [source] * rows, beam_size=1, num_hypotheses=1, scores=False,
            min_new_tokens=tokens, max_new_tokens=tokens,
        )  # fmt: skip
        return (time.perf_counter() - begin) * 1e3

    cells = [(rows, tokens) for rows in ROWS for tokens in (SHORT, LONG)]
    taken: dict[tuple[int, int], list[float]] = {cell: [] for cell in cells}
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds or len(taken[cells[0]]) < 2:
        for cell in cells:
            taken[cell].append(run(*cell))
        cells.reverse()
    middle = {cell: statistics.median(times[1:]) for cell, times in taken.items()}
    steps = [(middle[rows, LONG] - middle[rows, SHORT]) / (LONG - SHORT) for rows in ROWS]
    encoder = middle[1, SHORT] - SHORT * steps[0]
    return {"encoder": encoder, "steps": steps, "rounds": len(taken[cells[0]]) - 1}


# --- the report ---------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Speedup:
    """Of a draft on a shape: of the decoder, of whole translations, and with how many rows."""

    decode: float
    whole: float
    rows: int


def speedup(steps: dict[str, Any], per_check: Sequence[float], draft: float = 0.0) -> Speedup:
    """The best number of rows for a draft whose own step takes `draft` milliseconds.

    Args:
        steps: Milliseconds as `_timed` has them.
        per_check: Tokens that a check gains, for each of `ROWS`.
        draft: Milliseconds of each token of a draft.
    """
    one, encoder = steps["steps"][0], steps["encoder"]
    found = []
    for rows, step, gained in zip(ROWS, steps["steps"], per_check, strict=True):
        token = (step + (rows - 1) * draft) / gained
        plain, own = (encoder + SOURCE_TOKENS * each for each in (one, token))
        found.append(Speedup(one / token, plain / own, rows))
    return max(found, key=lambda each: each.decode)


def expected(agreement: float) -> list[float]:
    """Tokens per check for each of `ROWS`, if each drafted token is right so often."""
    return [sum(agreement**n for n in range(rows)) for rows in ROWS]


def _report(results: dict[str, Any]) -> Iterator[str]:
    yield from ("# Speculation", "", _ANSWER)
    if "steps" in results:
        yield from _step_tables(results["steps"])
    for model, cell in results.get("drafts", {"cells": {}})["cells"].items():
        yield from _draft_tables(model, cell, results.get("steps", {"cells": {}})["cells"])
    yield from ("", "## How", "")
    for part, about in results.items():
        cells = about["cells"].values()
        own = [cell["command"] for cell in cells if "command" in cell] or [about["command"]]
        versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        on = f"{about['machine']['cpu']}, Python {about['machine']['python']}, {versions}"
        yield from (f"The {part}, {about['date']}, {on}:", "")
        yield from (*(f"    {command}" for command in own), "")


def _step_tables(steps: dict[str, Any]) -> Iterator[str]:
    yield from ("", "## Steps", "")
    yield "Milliseconds of a step of one row, and of k rows by that; one core, batch 1."
    yield ""
    head = ["shape", "dtype", "encoder", "k = 1", *(f"k = {rows}" for rows in ROWS[1:])]
    rows = []
    for name, own in steps["cells"].items():
        for dtype, cell in own.items():
            one = cell["steps"][0]
            ratios = [f"{step / one:.2f}" for step in cell["steps"][1:]]
            rows.append([name, dtype, f"{cell['encoder']:.2f}", f"{one:.3f}", *ratios])
    yield from table(head, rows)
    yield from ("", "## A smaller model as the draft", "")
    yield "The gain in decoding (whole) and the best k, computed from the steps of both, if each of"
    yield "the draft's tokens is right so often, independently."
    yield ""
    rows = []
    for large, small in SIBLINGS.items():
        if large in steps["cells"] and small in steps["cells"]:
            cell = steps["cells"][large]["int8"]
            cost = steps["cells"][small]["int8"]["steps"][0]
            gains = [speedup(cell, expected(share), cost) for share in AGREEMENTS]
            rows.append([f"{large}, draft {small}", *map(_shown, gains)])
    yield from table(["models", *(f"{share:.0%}" for share in AGREEMENTS)], rows)


def _draft_tables(
    model: str, cell: dict[str, Any], shapes: dict[str, dict[str, Any]]
) -> Iterator[str]:
    for name, found in cell["sets"].items():
        per_check = {draft: [gain[0] / gain[1] for gain in gains] for draft, gains in found.items()}
        lines, tokens = cell["lines"][name], cell["tokens"][name]
        yield from ("", f"## Drafts of {model}: {name}", "")
        yield f"Tokens per check of k rows; {lines} lines of {tokens:.1f} tokens, the end included."
        yield ""
        head = ["draft", *(f"k = {rows}" for rows in ROWS[1:])]
        rows = [[draft, *(f"{one:.2f}" for one in own[1:])] for draft, own in per_check.items()]
        yield from table(head, rows)
        # Those that only draft have their own table.
        large = [shape for shape in shapes if shape not in SIBLINGS.values()]
        columns = [(shape, dtype) for shape in large for dtype in shapes[shape]]
        if not columns:
            continue
        yield from ("", "The gain in decoding (whole) of drafts that cost nothing:", "")
        rows = [
            [draft, *(_shown(speedup(shapes[s][d], own)) for s, d in columns)]
            for draft, own in per_check.items()
            if draft.split(",")[0] in _FREE
        ]
        yield from table(["draft", *(f"{s}, {d}" for s, d in columns)], rows)


def _shown(gain: Speedup) -> str:
    if gain.rows == 1:
        return "none"
    return f"{gain.decode:.2f} ({gain.whole:.2f}), k = {gain.rows}"


_ANSWER = """\
**No, of the drafts that could be measured.** Gains are computed from measured steps and simulated
drafts; nothing here was decoded with speculation. A check of k rows is cheap where a step waits for
its weights: two to three rows cost 0 to 17 % more than one in int8 on the shapes of OPUS-MT,
T5-base and NLLB-600M. On the small models, whose weights stay in the cache, k = 3 costs 1.4 times
as much, and on all shapes int4 takes away most of the room.

- Copies of the output or the source gain at most 6 % on a real student of 32,000 pieces.
- Tables need thousands of translations of the same kind of text. On the student, after 1,000 they
  gain 0 to 11 % in int8; after 10,000, with alternatives, 13 to 18 % in int8 and 4 to 12 % in int4
  on text of that kind, and 2 to 12 % in int8 on other text. (A model of 8,000 pieces, which are
  easier to guess, on text that it was trained on: 30 to 35 % in int8.) int4 alone takes 8 to 26 %
  off a step, without any table.
- A decoder's first layers say nothing that its output matrix understands, but for the last but one
  of marian-en-es-2, which has two of three layers and finds 22 to 30 % more tokens.
- A smaller model of the same vocabulary would pay: T5-small for T5-base, if half of its tokens are
  right, 1.16 times the speed of whole translations, and 1.34 if 70 % are. Weights to measure that
  with were not at hand. Of the two trained models of one vocabulary, both of one size, one foresees
  69, 49, 25 and 17 % of the other's tokens on the four kinds of text: the share falls quickly where
  the draft knows the text less well. This is where to look again."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sources", type=Path, nargs="+", default=[], help="files of lines")
    add("--learn", type=Path, help="a file of lines for tables")
    add("--model", type=Path, help="folder of a trained model")
    add("--draft", type=Path, nargs="+", default=[], help="folders of the same vocabulary")
    add("--shapes", nargs="+", choices=list(published.SHAPES), default=[])
    add("--dtypes", default="int8,int4", help="of the shapes (default: int8,int4)")
    add("--seconds", type=float, default=30, help="to measure each shape for (default: 30)")
    add("--write", type=Path, help="results without their ending; what is there is kept")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
