"""The benchmark of `pyattn bench`: the NumPy baseline and pyattn, in turn, on the same sources.

Each contender lives in a process of its own, so that its peak memory is its own and the number of
threads of NumPy's matrix products, which is read once from the environment, can be set. One works
while the other waits, and rounds alternate, so that a machine that gets slower or faster meanwhile
does so for both. Both compute the same ids with the same options; their answers are compared.

An encoder-decoder translates sentences, or decodes documents if its family summarises; a decoder
alone continues prompts; an encoder alone encodes texts. What stands around an encoder, its pooling
or its head, takes next to no time and is left out.
"""

from __future__ import annotations

import dataclasses
import json
import operator
import os
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyattn import _core
from pyattn.commands.benchmark_work import Kind, work_of
from pyattn.commands.benchmark_worker import Round, Worker
from pyattn.running.origin import SHIPPED_MODEL
from pyattn.running.precision import DTypes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """The figures of one contender at one batch size.

    Attributes:
        contender: "numpy" or "pyattn".
        batch: Sources per call.
        seconds: Time of each round, for all sources.
        tokens: Tokens produced in a round, ends included; of an encoder alone, tokens read.
        tokens_per_second: By the median round; of a decoder alone those behind the first token of
            each target, whose time is the prompts'. None if disturbances were longer than that.
        ms_per_sentence: Per source, by the median round.
        speed_up: The baseline's time, at this batch size, for what `tokens_per_second` counts, over
            this one's; None if one of these is not known.
        prompt_seconds: Of a decoder alone: the time of each round for one token of each target.
        prompt_tokens_per_second: Tokens of prompts read, by the median of these; None for other
            models.
        prompt_speed_up: As `speed_up`, likewise.
        peak_mib: Peak memory of its process so far; None if unknown.
    """

    contender: str
    batch: int
    seconds: tuple[float, ...]
    tokens: int
    tokens_per_second: float | None
    ms_per_sentence: float
    speed_up: float | None
    prompt_seconds: tuple[float, ...] = ()
    prompt_tokens_per_second: float | None = None
    prompt_speed_up: float | None = None
    peak_mib: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """A benchmark's figures and what they depend on.

    Attributes:
        model: The model's folder.
        kind: What the model is.
        noun: What its sources are, such as "sentence".
        cpu: The processor's name.
        isa: The instruction set level that pyattn ran.
        dtype: The number type of pyattn's weights in computation; the baseline's is float32.
        threads: Threads of each contender.
        kept: What a pruned model has of its heads and units; None for others.
        options: Decoding options that differ from the checkpoint's own.
        random_ids: Why the sources are random ids; None if they are texts.
        sentences: Number of sources in a round.
        source_tokens: Number of their tokens.
        same_answers: Number of sources with the same target tokens from both, at every batch size;
            None for an encoder alone.
        least_cosine: Of an encoder alone: the smallest cosine of a source's mean state and that of
            the baseline; None for other models.
        measurements: The baseline and pyattn, for each batch size.
    """

    model: str
    kind: Kind = "encoder-decoder"
    noun: str = "sentence"
    cpu: str
    isa: str
    dtype: str
    threads: int
    kept: str | None = None
    options: dict[str, Any]
    random_ids: str | None = None
    sentences: int
    source_tokens: int
    same_answers: int | None
    least_cosine: float | None = None
    measurements: tuple[Measurement, ...]


def run(
    model: str | os.PathLike[str] | None = None,
    *,
    sentences: Sequence[str] | None = None,
    batches: Sequence[int] | None = None,
    rounds: int = 5,
    dtype: DTypes = "auto",
    threads: int | None = None,
    options: Mapping[str, Any] | None = None,
    source: str | None = None,
    target: str | None = None,
) -> Result:
    """Measure a model. Starts processes: a program that calls this needs a `__main__` guard.

    A model without a tokenizer computes random ids of a fixed seed. Targets of random ids, of
    documents and of prompts all have the same number of tokens.

    Args:
        model: The model's folder; the included model by default.
        sentences: Sentences to translate, or other texts as the model takes them; by default 32
            sentences, which prompts and documents consist of.
        batches: Numbers of sources to compute at once; by default 1 and as many as there are.
        rounds: Number of rounds over all sources, after one round to warm up.
        dtype: The number type of pyattn's weights in computation, as for `pyattn.load`.
        threads: Threads of each contender; by default as many as the process may use.
        options: Decoding options; the others are the checkpoint's, but greedy.
        source: The language of the sentences, for a model of several.
        target: The language to translate into, likewise.

    Raises:
        ModelError: if the model cannot be used, or `sentences` or languages are given to a model
            without a tokenizer.
        ValueError: if there are no sentences, an option is out of its range or does not fit the
            model, the model does not have a language, or a language that it needs is not given.
        RuntimeError: if a contender's process fails.
    """
    folder = SHIPPED_MODEL if model is None else pathlib.Path(model)
    work = work_of(folder, sentences, options or {}, source, target)
    # pyattn first: it knows how many threads the process may use.
    with (
        Worker("pyattn", folder, dtype, threads) as pyattn,
        Worker("numpy", folder, "float32", pyattn.facts["threads"]) as numpy,
    ):
        rows: list[Measurement] = []
        pairs: list[tuple[Round, Round]] = []
        source_tokens = sum(map(len, work.sources))
        for batch in work.batches if batches is None else batches:
            pairs.append((numpy.round(work, batch), pyattn.round(work, batch)))
            timed = [(numpy.round(work, batch), pyattn.round(work, batch)) for _ in range(rounds)]
            baseline, ours = zip(*timed, strict=True)
            rows.append(_measurement("numpy", batch, baseline, baseline, source_tokens))
            rows.append(_measurement("pyattn", batch, ours, baseline, source_tokens))
    encodes = work.kind == "encoder"
    return Result(
        model=str(folder),
        kind=work.kind,
        noun=work.noun,
        cpu=_core.cpu_model(),
        options=work.search,
        random_ids=work.random_ids,
        sentences=len(work.sources),
        source_tokens=source_tokens,
        same_answers=None if encodes else min(_same(*pair) for pair in pairs),
        least_cosine=min(_least_cosine(*pair) for pair in pairs) if encodes else None,
        measurements=tuple(rows),
        **pyattn.facts,
    )


def table(result: Result) -> str:
    """The figures as lines of text."""
    search = "".join(f", {name} {value}" for name, value in result.options.items())
    noun = f"{result.noun}{'s' * (result.sentences != 1)}"
    lines = [
        f"{result.model}: {result.sentences} {noun}, {result.source_tokens} source tokens{search}",
        f"{result.cpu}, isa {result.isa}, {result.dtype}, threads {result.threads}; "
        f"median of {len(result.measurements[0].seconds)} rounds",
    ]
    if result.kept is not None:
        lines.append(f"pruned, has {result.kept}")
    if result.random_ids is not None:
        lines.append(f"random ids instead of texts: {result.random_ids}")
    lines += ["", _head(result), *map(_line, result.measurements)]
    if result.least_cosine is not None:
        agreement = f"smallest cosine with NumPy's mean states: {result.least_cosine:.5f}"
    else:
        agreement = f"same tokens for {result.same_answers} of {result.sentences} {noun}"
    return "\n".join([*lines, "", agreement])


def _head(result: Result) -> str:
    begin, each = f"{'':8}{'batch':>7}", f"ms/{result.noun}"
    if result.kind != "decoder":
        return f"{begin}{'tokens/s':>12}{each:>14}{'speed-up':>11}{'peak MiB':>11}"
    read = f"{'read tok/s':>12}{'speed-up':>11}"
    return f"{begin}{read}{'new tok/s':>12}{'speed-up':>11}{each:>14}{'peak MiB':>11}"


def _line(row: Measurement) -> str:
    peak = "-" if row.peak_mib is None else f"{row.peak_mib:,.0f}"
    begin, each = f"{row.contender:8}{row.batch:>7}", f"{row.ms_per_sentence:>14.2f}"
    tokens = "-" if row.tokens_per_second is None else f"{row.tokens_per_second:,.0f}"
    speed_up = "-" if row.speed_up is None else f"{row.speed_up:.2f}x"
    if row.prompt_tokens_per_second is None:
        return f"{begin}{tokens:>12}{each}{speed_up:>11}{peak:>11}"
    read = f"{row.prompt_tokens_per_second:>12,.0f}{row.prompt_speed_up:>10.2f}x"
    return f"{begin}{read}{tokens:>12}{speed_up:>11}{each}{peak:>11}"


def to_json(result: Result) -> str:
    """The figures as JSON: the fields of `Result` and `Measurement`."""
    return json.dumps(dataclasses.asdict(result), indent=2) + "\n"


def _measurement(
    contender: str,
    batch: int,
    rounds: Sequence[Round],
    baseline: Sequence[Round],
    source_tokens: int,
) -> Measurement:
    last = rounds[-1]
    whole, first, behind = _medians(rounds)
    _, base_first, base_behind = _medians(baseline)
    counted = last.produced - (len(last.answers) if first else 0)
    row = Measurement(
        contender=contender,
        batch=batch,
        seconds=tuple(each.seconds for each in rounds),
        tokens=last.produced,
        tokens_per_second=None if behind is None else counted / behind,
        ms_per_sentence=1000 * whole / len(last.answers),
        speed_up=None if behind is None or base_behind is None else base_behind / behind,
        peak_mib=last.peak_mib,
    )
    if not first:
        return row
    return dataclasses.replace(
        row,
        prompt_seconds=tuple(each.prompt_seconds or 0.0 for each in rounds),
        prompt_tokens_per_second=source_tokens / first,
        prompt_speed_up=base_first / first,
    )


def _medians(rounds: Sequence[Round]) -> tuple[float, float, float | None]:
    """Of the whole, of one token of each prompt (0 if there are none), and of what is behind it."""
    whole = statistics.median(each.seconds for each in rounds)
    first = statistics.median(each.prompt_seconds or 0.0 for each in rounds)
    return whole, first, whole - first if whole > first else None


def _same(baseline: Round, ours: Round) -> int:
    return sum(map(operator.eq, baseline.answers, ours.answers))


def _least_cosine(baseline: Round, ours: Round) -> float:
    return min(map(_cosine, baseline.answers, ours.answers))


def _cosine(one: Any, other: Any) -> float:
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    # States of zeros have no direction, and agree with each other only.
    return float(one @ other) / length if length else float((one == other).all())
