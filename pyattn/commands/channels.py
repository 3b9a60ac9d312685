"""Input and output of the command: lines as they arrive, files that appear when complete."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from pyattn.commands.usage import UsageError

# Bytes of input to read, and so to translate, at once: about a thousand lines of a file. Pipes and
# terminals return what has arrived, so that a line is not held back until others come.
_READ_BYTES = 1 << 16
# As many links as Linux follows.
_MOST_LINKS = 40


@contextlib.contextmanager
def lines(path: str | None) -> Iterator[Iterator[list[str]]]:
    """The lines of a file, or of standard input, in groups that are read on demand."""
    if path is None or path == "-":
        if sys.stdin is None:
            raise OSError("standard input: is closed")
        yield _decoded(sys.stdin.buffer, "standard input")
    else:
        with pathlib.Path(path).open("rb") as file:
            yield _decoded(file, path)


@contextlib.contextmanager
def given_lines(
    texts: Sequence[str], path: str | None, *, hint: str = ""
) -> Iterator[Iterator[list[str]]]:
    """The texts of the command line as one group, or else the lines of a file or standard input.

    Args:
        texts: The arguments that are texts.
        path: The argument of --input.
        hint: What else the command does with files, in the error for a text that is one.

    Raises:
        UsageError: if there are both, or a text is the name of a file.
    """
    if texts and path is not None:
        raise UsageError("argument --input: not allowed with a TEXT")
    for text in texts:
        if os.path.isfile(text):  # noqa: PTH113  # False for what can be no path
            raise UsageError(f"{text}: is a file; {hint}--input FILE reads its lines")
    if texts:
        yield iter([list(texts)])
        return
    if path is None and sys.stdin is not None and sys.stdin.isatty():
        end = "Ctrl-Z and Enter end" if os.name == "nt" else "Ctrl-D ends"
        print(f"pyattn: reading lines; {end}", file=sys.stderr)
    with lines(path) as groups:
        yield groups


def _decoded(stream: Any, name: str) -> Iterator[list[str]]:
    """Groups of lines; those before a line that is not UTF-8 come before the error."""
    numbers = itertools.count(1)
    for group in _arriving(stream):
        texts: list[str] = []
        for line in group:
            number = next(numbers)
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                yield texts
                raise ValueError(
                    f"{name}: line {number} is not valid UTF-8 at byte {error.start + 1}"
                ) from None
            texts.append(text.removesuffix("\r"))
        yield texts


def _arriving(stream: Any) -> Iterator[list[bytes]]:
    """Lines without their ends, as many at once as have arrived."""
    begun: list[bytes] = []  # the parts of a line whose end has not arrived
    while chunk := stream.read1(_READ_BYTES):
        *ended, rest = chunk.split(b"\n")
        if ended:
            ended[0] = b"".join([*begun, ended[0]])
            begun.clear()
            yield ended
        begun.append(rest)
    if last := b"".join(begun):
        yield [last]


@contextlib.contextmanager
def writing(path: str | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that gets its name when it is complete.

    A failed run leaves its output in FILE.partial, and does not change FILE.
    """
    if path is None or path == "-":
        if sys.stdout is None:
            raise OSError("standard output: is closed")
        yield sys.stdout.buffer
        return
    descriptor = _own_descriptor(path)
    if descriptor is not None:
        # Printed output comes first. A file behind the descriptor is neither emptied nor replaced,
        # since the program that opened it may continue to write.
        if sys.stdout is not None:
            sys.stdout.flush()
        with os.fdopen(os.dup(descriptor), "wb") as file:
            yield file
        return
    if _is_special(path):
        with pathlib.Path(path).open("wb") as file:
            yield file
        return
    target = pathlib.Path(path).resolve()  # a link stays a link
    partial = target.with_name(f"{target.name}.partial")
    with partial.open("wb") as file:
        yield file
    if target.exists():
        shutil.copymode(target, partial)
    partial.replace(target)


def _own_descriptor(path: str) -> int | None:
    """The open file of this process that a path is a name of, such as /dev/stdout or /dev/fd/63."""
    folders = {os.path.realpath(folder) for folder in ("/dev/fd", "/proc/self/fd")}
    place = pathlib.Path(path)
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(place.parent)
        if folder in folders and place.name.isdecimal():
            return int(place.name)
        if not place.is_symlink():
            break
        place = pathlib.Path(folder, place.readlink())
    return None


def _is_special(path: str) -> bool:
    """Whether a path leads to something that is there and is no regular file: a pipe, a device."""
    try:
        return not stat.S_ISREG(pathlib.Path(path).stat().st_mode)
    except OSError:  # which opening it will meet as well
        return False


def forget_standard_output() -> None:
    """Discard the rest of the output, or the interpreter complains about it at exit."""
    with contextlib.suppress(OSError, ValueError):  # not a real file, as under a test
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def settle_standard_output() -> None:
    """Write the rest of the output, or discard it if it cannot be written.

    The interpreter would try again at exit, complain, and exit with another code.
    """
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            forget_standard_output()


def one_line(text: str) -> str:
    """A text whose line breaks are spaces."""
    return " ".join(text.splitlines())
