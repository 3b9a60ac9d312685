"""`pyattn translate --out`: files in, files out."""

from __future__ import annotations

import dataclasses
import difflib
import errno
import os
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pyattn.commands.channels import one_line, writing
from pyattn.commands.fitting import with_cache
from pyattn.commands.progress import bar
from pyattn.commands.usage import UsageError
from pyattn.documents import format_names, translate, translate_files
from pyattn.documents.formats import format_of
from pyattn.errors import DocumentError

# What text files with an extension that is no format are.
_FALLBACK = "lines"


@dataclasses.dataclass(frozen=True)
class Files:
    """The arguments about files.

    Attributes:
        names: The files to translate; "-" is standard input.
        out: The folder to write to; "-" is standard output.
        format: The format of all files; None for the extension of each.
        force: Whether files that are there are replaced.
        resume: Whether files whose translation is there, and newer, are left out.

    Raises:
        UsageError: if these do not go together.
    """

    names: Sequence[str]
    out: str
    format: str | None = None
    force: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        if not self.names:
            raise UsageError("--out needs files to translate")
        if self.format is not None and self.format not in format_names():
            near = difflib.get_close_matches(self.format, format_names(), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = ", ".join(format_names())
            raise UsageError(f"--format: expected one of {known}, got {self.format!r}{hint}")
        if self.force and self.resume:
            raise UsageError("--resume: not allowed with --force")
        for name in self.names:
            if name != "-" and pathlib.Path(name).is_dir():
                raise UsageError(
                    f"{name}: is a folder, expected files, such as {pathlib.Path(name, '*.html')}"
                )
        if self.out == "-":
            if self.names[1:]:
                raise UsageError("--out -: expected one file, got several")
            if self.names == ["-"] and self.format is None:
                raise UsageError("-: standard input has no extension: name its --format")
        elif "-" in self.names:
            raise UsageError("-: the translation of standard input needs --out - and a --format")


def planned(files: Files) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """The files to translate and their targets, all of them checked before a model is loaded.

    Raises:
        OSError: if a file is missing, or a target exists or cannot be written.
        UsageError: if two files would have the same target.
    """
    out = pathlib.Path(files.out)
    _check_folder(out)
    jobs: dict[pathlib.Path, pathlib.Path] = {}
    for source in map(pathlib.Path, files.names):
        if not source.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
        target = out / source.name
        if target in jobs:
            raise UsageError(f"{jobs[target]} and {source} would both be written to {target}")
        jobs[target] = source
    wanted: list[tuple[pathlib.Path, pathlib.Path]] = []
    for target, source in jobs.items():
        if target.exists():
            if target.samefile(source):
                raise FileExistsError(f"{source}: is its own target; name another --out")
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
            if files.resume and target.stat().st_mtime_ns > source.stat().st_mtime_ns:
                continue
            if not (files.force or files.resume):
                raise FileExistsError(
                    f"{target}: exists; --force replaces it, --resume keeps what is newer than its "
                    "source"
                )
        wanted.append((source, target))
    return wanted


def translated(
    jobs: Sequence[tuple[pathlib.Path, pathlib.Path]],
    files: Files,
    translator: Any,
    options: Mapping[str, Any],
) -> None:
    """Translates files in one stream, with a progress bar on a terminal.

    A file that cannot be translated is a line on standard error, and does not end the others.

    Raises:
        DocumentError: at the end, if there were such files.
        ValueError: if an option does not fit the model.
    """
    pathlib.Path(files.out).mkdir(parents=True, exist_ok=True)
    failed = 0
    with bar(sum(source.stat().st_size for source, _ in jobs)) as report:
        for result in translate_files(
            jobs,
            translator,
            format=files.format,
            fallback=_FALLBACK,
            progress=report,
            **with_cache(translator, options),
        ):
            if result.error is not None:
                failed += 1
                print(f"pyattn: {_told(result.source, result.error)}", file=sys.stderr)
    if failed:
        raise DocumentError(f"{failed} of {len(jobs)} files could not be translated")


def to_standard_output(
    files: Files,
    load: Callable[[], AbstractContextManager[Any]],
    options: Mapping[str, Any],
) -> None:
    """Translates one file, or standard input, to standard output.

    Raises:
        DocumentError: if the document is broken.
        OSError: if it cannot be read.
    """
    [name] = files.names
    path = pathlib.Path(name)
    if name == "-" and sys.stdin is None:
        raise OSError("standard input: is closed")
    data = sys.stdin.buffer.read() if name == "-" else path.read_bytes()
    with load() as translator, writing(None) as output:
        format = files.format or format_of(path, _FALLBACK)
        output.write(translate(data, format, translator, **options))


def _check_folder(out: pathlib.Path) -> None:
    """Fails for a folder that cannot be made or written to."""
    place = out.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def _told(source: pathlib.Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.filename or source}: {error.strerror}"
    return one_line(str(error))
