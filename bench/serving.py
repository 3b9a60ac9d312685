r"""Compare pyattn and CTranslate2 where sentences do not come as neat batches.

    python bench/serving.py --sources dev.en --model marian-en-es --model opus-mt-layout \
        --write bench/results/serving

- one by one: a thread that asks for a sentence at a time
- 8 threads: as many, each of which asks for a sentence at a time
- one call: all sentences at once; CTranslate2 in the best of several batch sizes
- prefix: of 24 target tokens 20 are given (sentences 32 at a time, one call)

Processes, cores, turns and figures are those of end_to_end.py; a factor is by how much pyattn is
faster, by the medians (by the best). CTranslate2 translates as it does by default, on one thread.
Trained models translate as long as they like; random weights get 24 tokens a sentence.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
from contenders import Decoding, convert
from end_to_end import NATURAL_LIMIT, command_line, read_lines, tokenize
from report import heading, table, write
from shapes import model_files
from worker import SETTLE_SECONDS, Turn, Worker

CALLERS = 8
# What CTranslate2 is given a chance with.
TOGETHER = ((32, "examples"), (64, "examples"), (1024, "tokens"), (2048, "tokens"))


@dataclasses.dataclass(frozen=True)
class Scenario:
    """How sentences come: of which batch, through how many callers, with which prefix."""

    name: str
    batch: int
    callers: int
    prefix: int
    settings: Sequence[tuple[int, str] | None] = (None,)  # of CTranslate2


SCENARIOS = (
    Scenario("one by one", 0, 1, 0),
    Scenario(f"{CALLERS} threads", 1, CALLERS, 0),
    Scenario("one call", 2, 0, 0, TOGETHER),
    Scenario("prefix", 3, 0, 20),
)


def main() -> int:
    """Measure and print; 1 if that cannot be, 130 if interrupted."""
    options = _parser().parse_args()
    about: dict[str, Any] = {
        "machine": machine.describe(),
        "versions": machine.versions(("pyattn", "numpy", "ctranslate2")),
        "models": [],
    }
    command = command_line("serving.py", sys.argv[1:])
    try:
        if options.add and options.write.with_suffix(".json").exists():
            about["models"] = json.loads(options.write.with_suffix(".json").read_text())["models"]
        for folder in options.model:
            about["models"].append({"command": command} | _measure(folder, options))
    except (OSError, ValueError, RuntimeError) as error:
        print(f"serving: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    text = "\n".join(_report(about)) + "\n"
    print(text)
    if options.write:
        write(options.write, about, text)
    return 0


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        files, trained = model_files(folder, Path(scratch))
        convert(files)
        sources = tokenize(folder, read_lines(options.sources, 1))[: options.sentences]
        few = sources[: max(options.sentences // 8, 8)]
        batches = [few, sources[: max(options.sentences // 4, 32)], sources, sources[:32]]
        cores = sorted(os.sched_getaffinity(0))[-options.threads :]
        rows = []
        for dtype in options.dtypes:
            labels = (f"pyattn/{dtype}", f"ctranslate2/{dtype}")
            workers = [Worker(label, files, cores, batches) for label in labels]
            for beam in options.beam:
                for scenario in SCENARIOS:
                    print(f"{folder.name}: {dtype}, beam {beam}, {scenario.name}", file=sys.stderr)
                    times = _take_turns(workers, scenario, beam, trained, options.rounds)
                    count = len(batches[scenario.batch])
                    rows.append(
                        {"dtype": dtype, "beam": beam, "scenario": scenario.name}
                        | _summary(times, count)
                    )
            for worker in workers:
                worker.close()
    return {"model": folder.name, "weights": "trained" if trained else "random", "rows": rows}


def _take_turns(
    workers: Sequence[Worker], scenario: Scenario, beam: int, trained: bool, rounds: int
) -> dict[str, list[Turn]]:
    """Turns by contender; those of CTranslate2 also by its settings."""
    times: dict[str, list[Turn]] = {}
    for number in range(rounds + 1):
        for name, worker, decoding in _contenders(workers, scenario, beam, trained):
            time.sleep(SETTLE_SECONDS)
            turn = worker.turn(scenario.batch, decoding, scenario.callers)
            if number > 0:  # the first warms up
                times.setdefault(name, []).append(turn)
    return times


def _contenders(
    workers: Sequence[Worker], scenario: Scenario, beam: int, trained: bool
) -> Iterator[tuple[str, Worker, Decoding]]:
    length = (0, NATURAL_LIMIT) if trained and not scenario.prefix else (24, 24)
    decoding = Decoding(beam, *length, scenario.prefix)
    yield "pyattn", workers[0], decoding
    for together in scenario.settings:
        name = "ctranslate2" + (f", {together[0]} {together[1]}" if together else "")
        yield name, workers[1], dataclasses.replace(decoding, together=together)


def _summary(times: dict[str, list[Turn]], count: int) -> dict[str, Any]:
    """Sentences per second of each, and the factor to the best of the other's."""
    seconds = {
        name: {"median": statistics.median(walls), "best": min(walls)}
        for name, turns in times.items()
        for walls in [[turn.wall for turn in turns]]
    }
    others = [name for name in seconds if name != "pyattn"]
    return {
        "sentences": count,
        "sentences_per_second": {
            name: {kind: round(count / value, 1) for kind, value in found.items()}
            for name, found in seconds.items()
        },
        "factor": {
            kind: round(min(seconds[n][kind] for n in others) / seconds["pyattn"][kind], 2)
            for kind in ("median", "best")
        },
    }


def _report(about: dict[str, Any]) -> Iterator[str]:
    yield from heading("Serving", about)
    yield "Sentences/s: the median of the rounds (the best); of CTranslate2 its best setting."
    for model in about["models"]:
        yield ""
        yield f"## {model['model']} ({model['weights']} weights)"
        yield ""
        yield f"    {model['command']}"
        yield ""
        rows = []
        for row in model["rows"]:
            speeds = row["sentences_per_second"]
            theirs = max((n for n in speeds if n != "pyattn"), key=lambda n: speeds[n]["median"])
            rows.append(
                [
                    f"{row['dtype']}, beam {row['beam']}",
                    row["scenario"],
                    *(
                        f"{speeds[name]['median']:.1f} ({speeds[name]['best']:.1f})"
                        for name in ("pyattn", theirs)
                    ),
                    f"{row['factor']['median']:.2f} ({row['factor']['best']:.2f})",
                ]
            )
        yield from table(["", "", "pyattn", "CTranslate2", "factor"], rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", type=Path, action="append", required=True, help="as for end_to_end.py")
    add("--sources", type=Path, required=True, help="sentences to translate, one a line")
    add("--dtypes", type=lambda text: text.split(","), default=["int8", "float32"])
    add("--beam", type=lambda text: [int(n) for n in text.split(",")], default=[1, 4])
    add("--sentences", type=int, default=1000, help="of the one call; the others take fewer")
    add("--threads", type=int, default=1)
    add("--rounds", type=int, default=3)
    add("--write", type=Path, help="write the results as JSON and Markdown, under this name")
    add("--add", action="store_true", help="add to what --write has already")
    return parser


if __name__ == "__main__":
    sys.exit(main())
