"""The subtitles of a film: are times kept, and lines as short as they have to be?

    python bench/film.py --cues 1500

makes a film from the sentences of `bench/tags.tsv`: some alone, some joined to longer ones, some
cut into two cues, in lines of 42 letters at most, with pauses between sentences. It is translated
in one call with the included model. "long" are lines of more than 42 letters: no line of the source
is. Their cues are printed on standard error.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import machine
from report import origin, table

import pyattn
from pyattn import documents

_JUDGED = Path(__file__).with_name("tags.tsv")
_LETTERS, _LINES = 42, 2
_BETWEEN = (", and ", ", but ", " because ", " when ", ", so ")


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes films, translates them and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cues", type=int, default=1500, help="cues of a film")
    parser.add_argument("--films", type=int, default=1, help="films, each of its own seed")
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    lines = [*origin(machine.provenance("film", given, ["pyattn"]))]
    rows = []
    with pyattn.load() as translator:
        for seed in range(options.films):
            film = made(options.cues, seed)
            begin = time.perf_counter()
            found = documents.translate(film.encode(), "srt", translator).decode()
            seconds = time.perf_counter() - begin
            rows.append([str(options.cues), *judged(film, found), f"{seconds:.1f}"])
    head = ["cues", "same times", "lines at most", "long", "longest", "seconds"]
    print("\n".join([*lines, *table(head, rows)]))
    return 0


def made(count: int, seed: int) -> str:
    """A film in SubRip."""
    chance = random.Random(seed)
    sentences = [
        re.sub("</?b>", "", line.split("\t")[0]) for line in _JUDGED.read_text("utf-8").splitlines()
    ]
    cues: list[tuple[int, list[str]]] = []
    while len(cues) < count:
        text = chance.choice(sentences)
        for _ in range(chance.choice([0, 0, 0, 1, 1, 2])):
            following = chance.choice(sentences)
            text = (
                text.rstrip(".?") + chance.choice(_BETWEEN) + following[0].lower() + following[1:]
            )
        lines = textwrap.wrap(text, chance.choice([_LETTERS, _LETTERS, 30]), break_long_words=False)
        size = chance.choice([1, _LINES, _LINES])
        for n in range(0, len(lines), size):
            pause = chance.choice([0, 40, 400] if n else [0, 40, 40, 400, 2500])
            cues.append((pause, lines[n : n + size]))
    out = []
    clock = 0
    for number, (pause, lines) in enumerate(cues[:count], 1):
        begin = clock + pause
        clock = begin + 900 + 50 * sum(map(len, lines))
        out.append("\n".join([str(number), f"{_stamp(begin)} --> {_stamp(clock)}", *lines, ""]))
    return "\n".join(out)


def judged(film: str, found: str) -> list[str]:
    """Whether times are the same, lines at most in a cue, long lines, letters of the longest."""
    before, after = (
        [cue.split("\n")[1:] for cue in one.strip().split("\n\n")] for one in (film, found)
    )
    same = [cue[0] for cue in before] == [cue[0] for cue in after]
    bodies = [cue[1:] for cue in after]
    long = [line for lines in bodies for line in lines if len(line) > _LETTERS]
    for lines in bodies:
        if any(line in long for line in lines):
            print(*lines, sep=" / ", file=sys.stderr)
    longest = max(len(line) for lines in bodies for line in lines)
    return ["yes" if same else "no", str(max(map(len, bodies))), str(len(long)), str(longest)]


def _stamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{rest:03}"


if __name__ == "__main__":
    sys.exit(main())
