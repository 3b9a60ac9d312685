"""Finished parts of an output, which survive the process, and what they belong to."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import sys
from collections.abc import Mapping
from typing import Any

_DESCRIPTION = "run.json"


class Parts:
    """The folder `OUTPUT.parts`: one file per finished group of the input.

    A part gets its name, its number and the digest of its input, when it is complete and on disk.
    A run that is killed at any time leaves whole parts only, and one that resumes compares digests
    rather than trust the input's name or time. Threads and the time of the run are no part of the
    description, since they do not change a byte.

    Args:
        output: The file that the parts become.
        described: What the parts depend on besides their input, as JSON.
        resume: Whether parts of an earlier run count.

    Attributes:
        paths: The part of each group that `has` or `add` has seen.

    Raises:
        ValueError: if there are parts and `resume` is False, or they are of another run.
    """

    def __init__(self, output: pathlib.Path, described: Mapping[str, Any], *, resume: bool) -> None:
        self.folder = output.with_name(f"{output.name}.parts")
        self._known: dict[int, tuple[str, pathlib.Path]] = {}
        place = self.folder / _DESCRIPTION
        self.paths: dict[int, pathlib.Path] = {}
        if place.exists():
            if not resume:
                raise ValueError(
                    f"{self.folder}: has parts of an earlier run; --resume continues it, and "
                    "without the folder everything is translated again"
                )
            self._check(json.loads(place.read_text("utf-8")), described)
            for path in self.folder.glob("*.part"):
                number, _, digest = path.stem.partition("-")
                self._known[int(number)] = digest, path
            return
        self.folder.mkdir(exist_ok=True)
        _write(place, json.dumps(described, indent=1, sort_keys=True).encode())

    def __enter__(self) -> Parts:
        """Takes the folder; another process that has it is a RuntimeError."""
        self._held = (self.folder / _DESCRIPTION).open("rb")
        if not _taken(self._held.fileno()):
            self._held.close()
            raise RuntimeError(f"{self.folder}: another process is writing to it")
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()  # which also gives up the lock

    def has(self, number: int, content: bytes) -> bool:
        """Whether the part of a group is finished.

        Args:
            number: The group's number, from 0 on.
            content: Its input.

        Raises:
            ValueError: if it was made of another input.
        """
        if number not in self._known:
            return False
        digest, path = self._known[number]
        self.paths[number] = path
        if digest != _digest(content):
            raise ValueError(
                f"{self.folder}: part {number} was made of another input; give --resume the input "
                "of the earlier run, or delete the folder"
            )
        return True

    def add(self, number: int, content: bytes, made: bytes) -> None:
        """Write the part of a group, made of its input `content`."""
        path = self.folder / f"{number:09}-{_digest(content)}.part"
        _write(path, made)
        self.paths[number] = path

    def check_end(self, count: int) -> None:
        """Raise a ValueError if there are parts beyond those of `count` groups."""
        if self._known and max(self._known) >= count:
            raise ValueError(
                f"{self.folder}: has more parts than the input, which is shorter than that of the "
                "earlier run; give --resume the same input, or delete the folder"
            )

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)

    def _check(self, known: dict[str, Any], described: Mapping[str, Any]) -> None:
        expected = json.loads(json.dumps(described))
        for name in sorted({*known, *expected}):
            if known.get(name) != expected.get(name):
                raise ValueError(
                    f"{self.folder}: the earlier run had {name} {known.get(name)!r}, this one has "
                    f"{expected.get(name)!r}; repeat its arguments, or delete the folder"
                )


if sys.platform == "win32":

    def _taken(_: int) -> bool:
        return True  # where a folder in use cannot be deleted

else:
    import fcntl

    def _taken(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a network file system without locks
            return True
        return True


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _write(path: pathlib.Path, content: bytes) -> None:
    """A file that has its name only when its content is on disk."""
    begun = path.with_name(f"{path.name}.begun")
    with begun.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    begun.replace(path)
