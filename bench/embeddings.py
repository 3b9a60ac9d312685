r"""Compare how fast texts become vectors: pyattn and the programs that run the same encoders.

    python bench/embeddings.py --texts texts.en --model all-MiniLM-L6-v2 --shape bge-base \
        --write bench/results/embeddings

--texts is any file of lines. A text is a line of it, or several lines with a space between
(--join), drawn at random; its length is its own. The time is from texts to normalised vectors, with
all that is between: tokens, batches, pooling.

- texts/s: all texts in one call; they are sorted by length and padded in batches of 32, as
  sentence-transformers does it. pyattn pads nothing
- ms for one: a call with a single text, the mean of some of them
- CPU: seconds of the process for a second by the clock: far below the number of threads, the
  machine was busy, and the run is to be repeated
- cosine: with the vectors of the first contender in float32; the mean of the texts, and the least

A contender is a program and a number type, in a process of its own that is pinned to as many cores
as it has threads. They take turns (A B C, C B A, ...), so that a machine that gets slower does so
for all. Vectors are compared before anything is measured. With --add, a long measurement can be
made in several runs.

A --shape has the sizes of a published model, seeded random weights and the tokenizer of a model. It
is as fast as the published model; its cosines say little.

Needs torch, transformers, sentence-transformers, onnx, onnxruntime, openvino and ctranslate2. Linux
only (it pins processes to cores).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import machine
import numpy as np
from embedder_files import SHAPES, Files, export, make_shape
from embedders import CONTENDERS, DTYPES, Contender, Floats
from report import earlier, heading, table, write
from worker import SETTLE_SECONDS, environment, of_pools, peak_mib

DEFAULT = (
    *("pyattn/float32", "pyattn/int8", "pyattn/auto", "sentence-transformers/float32"),
    *("onnxruntime/float32", "onnxruntime/int8", "openvino/float32", "openvino/bfloat16"),
    *("ctranslate2/float32", "ctranslate2/int8"),
)
PACKAGES = (
    *("pyattn", "numpy", "torch", "transformers", "sentence-transformers", "tokenizers"),
    *("onnxruntime", "openvino", "ctranslate2"),
)
LEAST_COSINE = 0.9999  # of contenders in float32


class Times(NamedTuple):
    """Seconds of a turn by the clock, and CPU seconds of the process.

    Each is of the call with all texts, or of all calls with one.
    """

    batch: float
    batch_cpu: float
    ones: float
    ones_cpu: float


class Worker:
    """A contender in a process of its own, pinned to some cores.

    Raises:
        RuntimeError: if it does not start; the message has its last words.
    """

    def __init__(self, label: str, files: Files, cores: Sequence[int]) -> None:
        self._label = label
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, *label.split("/"), files, list(cores)), daemon=True
        )
        with environment(of_pools(len(cores)) | {"TOKENIZERS_PARALLELISM": "false"}):
            self._process.start()
        theirs.close()
        self.detail: str = self._receive()

    def embed(self, texts: list[str]) -> Floats:
        """Their vectors."""
        found: Floats = self._ask("embed", texts)
        return found

    def turn(self, texts: list[str], ones: list[str]) -> Times:
        """All texts in one call, and some one by one."""
        found: Times = self._ask("time", texts, ones)
        return found

    def close(self) -> float:
        """End the process; the most memory that it ever had, in MiB."""
        peak: float = self._ask("close")
        self._process.join()
        return peak

    def _ask(self, *question: Any) -> Any:
        self._connection.send(question)
        return self._receive()

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            raise RuntimeError(f"{self._label}: the process ended") from None
        if isinstance(answer, BaseException):
            raise RuntimeError(f"{self._label}: {answer}") from answer
        return answer


def _serve(
    connection: Connection, program: str, dtype: str, files: Files, cores: list[int]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    os.sched_setaffinity(0, cores)
    try:
        contender = CONTENDERS[program](files, len(cores), dtype)
        connection.send(contender.detail)
        while (question := connection.recv())[0] != "close":
            what, texts, *others = question
            if what == "embed":
                connection.send(contender.embed(texts))
                continue
            batch = _clocked(contender, [texts])
            ones = _clocked(contender, [[text] for text in others[0]])
            connection.send(Times(*batch, *ones))
        connection.send(peak_mib())
    except EOFError:  # the parent is gone
        pass
    except Exception as error:
        traceback.print_exc()
        connection.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _clocked(contender: Contender, calls: list[list[str]]) -> tuple[float, float]:
    cpu, begun = time.process_time(), time.perf_counter()
    for texts in calls:
        contender.embed(texts)
    return time.perf_counter() - begun, time.process_time() - cpu


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if that cannot be or contenders disagree, 130 if interrupted."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    results = machine.provenance("embeddings", given, PACKAGES)
    about = {"date": results.pop("date"), "command": results.pop("command")}
    results["runs"] = []
    try:
        if options.add:
            results["runs"] += earlier(options.write.with_suffix(".json"), results)
        with tempfile.TemporaryDirectory() as scratch:
            for name, folder in _folders(options, Path(scratch)):
                files = Files(folder, Path(scratch, name, "onnx"), Path(scratch, name, "ct2"))
                export(files)
                for threads in options.threads:
                    made = _measured(name, files, options.cores[:threads], options)
                    results["runs"] += [about | run for run in made]
    except (OSError, ValueError, RuntimeError) as error:
        print(f"embeddings: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(markdown(results))
    if options.write:
        write(options.write, results, markdown(results))
    return 0


def _folders(options: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Names and folders of the models."""
    for folder in options.model:
        (scratch / folder.name).mkdir()
        yield folder.name, folder
    tokenizer = options.tokenizer or next(iter(options.model), None)
    for name in options.shape:
        if tokenizer is None:
            raise ValueError("--shape needs a --tokenizer")
        make_shape(name, tokenizer, scratch / name / "model")
        yield f"{name} (random weights)", scratch / name / "model"


def _measured(
    name: str, files: Files, cores: Sequence[int], options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """A run for each length of texts."""
    workers = {}
    for label in options.contenders:
        print(f"{name}: starting {label} with {len(cores)} threads", file=sys.stderr, flush=True)
        workers[label] = Worker(label, files, cores)
    for count in options.join:
        texts = drawn(options.texts.read_text("utf-8").splitlines(), count, options)
        cosines = _agreement(workers, texts)
        turns = _take_turns(workers, texts, options)
        yield {
            "model": name,
            "threads": len(cores),
            "joined": count,
            "texts": len(texts),
            "letters": round(statistics.mean(map(len, texts)), 1),
            "rounds": options.rounds,
            "load": machine.load(),
            "contenders": {
                label: _figures(turns[label], len(texts), options.ones)
                | {"detail": workers[label].detail, "cosine": cosines[label]}
                for label in workers
            },
        }
    for worker in workers.values():
        worker.close()


def drawn(lines: list[str], count: int, options: argparse.Namespace) -> list[str]:
    """Texts of `count` lines each, drawn without repetition; always the same ones.

    Raises:
        ValueError: if there are too few lines.
    """
    wanted = count * options.count
    if len(lines) < wanted:
        raise ValueError(f"--texts has {len(lines)} lines, expected {wanted} at least")
    chosen = random.Random(options.seed).sample(lines, wanted)
    return [" ".join(chosen[n : n + count]) for n in range(0, wanted, count)]


def _agreement(workers: dict[str, Worker], texts: list[str]) -> dict[str, list[float]]:
    """Mean and least cosine with the vectors of the first contender in float32.

    Raises:
        ValueError: if another one in float32 has other vectors.
    """
    found = {label: worker.embed(texts) for label, worker in workers.items()}
    exact = [label for label in found if label.endswith("/float32")]
    first = found[exact[0] if exact else next(iter(found))]
    cosines = {label: (first * vectors).sum(axis=1) for label, vectors in found.items()}
    for label in exact:
        if cosines[label].min() < LEAST_COSINE:
            raise ValueError(f"{label} has other vectors than {exact[0]}, cosine {cosines[label]}")
    return {label: [float(np.mean(one)), float(one.min())] for label, one in cosines.items()}


def _take_turns(
    workers: dict[str, Worker], texts: list[str], options: argparse.Namespace
) -> dict[str, list[Times]]:
    turns: dict[str, list[Times]] = {label: [] for label in workers}
    ones = texts[: options.ones]
    for number in range(options.rounds):
        order = list(workers) if number % 2 == 0 else list(reversed(workers))
        for label in order:
            time.sleep(SETTLE_SECONDS)
            turns[label].append(workers[label].turn(texts, ones))
    return turns


def _figures(turns: list[Times], texts: int, ones: int) -> dict[str, Any]:
    """Medians and bests of milliseconds for a text, and how busy the process was."""
    found = {}
    for key, column in zip(Times._fields, zip(*turns, strict=True), strict=True):
        scale = 1000 / (texts if key.startswith("batch") else ones)
        found[key] = [scale * statistics.median(column), scale * min(column)]
    busy = sum(t.batch_cpu + t.ones_cpu for t in turns) / sum(t.batch + t.ones for t in turns)
    return {**found, "busy": busy}


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and two tables for each run."""
    lines = [
        *heading("Vectors of texts", results),
        "The first table of a run is of all texts in one call, the second of calls with one text.",
        "A figure is the median of the rounds (the best). The other columns are by how much pyattn",
        "is faster in each of its number types; float32 is compared with float32 alone.",
    ]
    for run in results["runs"]:
        threads = f"{run['threads']} thread{'s' * (run['threads'] > 1)}"
        lines += [
            "",
            f"## {run['model']}, {threads}, texts of {run['joined']} "
            f"line{'s' * (run['joined'] > 1)}",
            "",
            f"{run['date']}, {run['texts']} texts of {run['letters']} letters on average, "
            f"{run['rounds']} rounds, load {run['load']}.",
            "",
            f"    {run['command']}",
            "",
            *table(*_rows(run["contenders"], "texts/s", "batch")),
            "",
            *table(*_rows(run["contenders"], "ms for one", "ones")),
            "",
            *table(["contender", "CPU", "cosine", "runs on"], _about(run["contenders"])),
        ]
    return "\n".join(lines)


def _rows(contenders: dict[str, Any], title: str, key: str) -> tuple[list[str], list[list[str]]]:
    ours = [label for label in contenders if label.startswith("pyattn/")]
    rows = []
    for label, found in contenders.items():
        median, best = found[key]
        if key == "batch":
            figure = f"{1000 / median:.0f} ({1000 / best:.0f})"
        else:
            figure = f"{median:.2f} ({best:.2f})"
        rows.append([label, figure, *(_factor(contenders, one, label, key) for one in ours)])
    return ["contender", title, *ours], rows


def _factor(contenders: dict[str, Any], ours: str, theirs: str, key: str) -> str:
    """By how much one of ours is faster than another program, if that is a comparison."""
    exact = [label.endswith("/float32") for label in (ours, theirs)]
    if theirs.startswith("pyattn/") or exact == [True, False]:
        return ""
    pairs = zip(contenders[ours][key], contenders[theirs][key], strict=True)
    median, best = (other / own for own, other in pairs)
    return f"{median:.2f} ({best:.2f})"


def _about(contenders: dict[str, Any]) -> list[list[str]]:
    rows = []
    for label, found in contenders.items():
        mean, least = found["cosine"]
        rows.append([label, f"{found['busy']:.2f}", f"{mean:.5f}, {least:.4f}", found["detail"]])
    return rows


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _labels(text: str) -> list[str]:
    known = [f"{name}/{dtype}" for name, dtypes in DTYPES.items() for dtype in dtypes]
    for label in _names(text):
        if label not in known:
            raise argparse.ArgumentTypeError(f"{label} is none of {', '.join(known)}")
    return _names(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--texts", type=Path, required=True, help="a file of lines")
    parser.add_argument(
        "--model", type=Path, action="append", default=[], help="a BERT of sentence-transformers"
    )
    parser.add_argument("--shape", type=_names, default=[], help=f"some of {', '.join(SHAPES)}")
    parser.add_argument("--tokenizer", type=Path, help="of shapes; default: the first model's")
    parser.add_argument("--contenders", type=_labels, default=list(DEFAULT), metavar="A,B")
    parser.add_argument("--threads", type=_numbers, default=[1, 2], help="default: 1,2")
    parser.add_argument("--cores", type=_numbers, default=sorted(os.sched_getaffinity(0)))
    parser.add_argument("--join", type=_numbers, default=[1, 8], help="lines of a text")
    parser.add_argument("--count", type=int, default=64, help="texts in a call")
    parser.add_argument("--ones", type=int, default=8, help="texts one by one")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="also into this file, .json and .md")
    parser.add_argument("--add", action="store_true", help="to what --write has already")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
