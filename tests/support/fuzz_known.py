"""A subject for the driver of fuzzing whose outcomes are known; imports no more than it needs."""

from __future__ import annotations

import os
import pathlib
import signal

OUTCOMES = ("read", "refused", "CRASH", "ERROR", "MEMORY", "SLOW")


class KnownCase:
    """A case that comes to what its number says."""

    about = ""
    seconds = 0.5

    def __init__(self, number: int) -> None:
        self.source = OUTCOMES[number % len(OUTCOMES)]
        if self.source == "SLOW":
            self.seconds = -1.0

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes its name."""
        path = folder / "case"
        path.write_text(self.source)
        return path

    def use(self, path: pathlib.Path) -> bool:
        """Does what is written."""
        outcome = path.read_text()
        if outcome == "CRASH":
            os.kill(os.getpid(), signal.SIGKILL)
        if outcome == "ERROR":
            raise KeyError("missing")
        if outcome == "MEMORY":
            bytearray(1 << 40)
        return outcome != "refused"


class Known:
    """Cases whose outcomes are known."""

    def prepare(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def case(self, seed: int, number: int) -> KnownCase:
        """The `number`-th case."""
        del seed
        return KnownCase(number)
