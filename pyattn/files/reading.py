"""Opening and parsing the files of a model's folder, none of which is trusted."""

from __future__ import annotations

import json
import os
import pathlib
import stat
from collections.abc import Sequence
from typing import Any, BinaryIO, NoReturn, TypeAlias

from pyattn._mapped import mapped
from pyattn.errors import ModelError

JsonObject: TypeAlias = dict[str, Any]

# Far above any real config, index or vocabulary (NLLB's tokenizer.json has 17 MB), and low enough
# that a file of that size is parsed in seconds.
_JSON_LIMIT = 128 << 20


def open_regular(path: pathlib.Path) -> BinaryIO:
    """Opens a regular file, or the target of a link to one.

    Raises:
        ModelError: if there is no such file, or it is a folder, pipe or device; or it cannot be
            opened.
    """
    # Without O_NONBLOCK, opening a pipe without a writer would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise ModelError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except ValueError:  # a NUL in the name
        raise ModelError(f"{str(path)!r}: not a file name") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ModelError(f"{path}: not a regular file")
    return os.fdopen(descriptor, "rb")


def map_file(path: pathlib.Path) -> memoryview:
    """The bytes of a file, read-only; they are read from disk on access.

    The map lives as long as a view of it does.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size == 0:  # which mmap refuses
            return memoryview(b"")
        try:
            return mapped(file)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: cannot be mapped: {error}") from None


def named_inside(folder: pathlib.Path, name: object, place: str) -> pathlib.Path:
    """The path of a file that another file of the folder names.

    A name is a plain file name. It may be a link, as long as it leads to somewhere inside the
    folder or to the blobs of the hub's cache, whose folders hold nothing but links to them.

    Args:
        folder: The folder that both files are in.
        name: The value in the other file.
        place: File and field of that value, for the error.

    Raises:
        ModelError: if the name, or the link behind it, leads anywhere else.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\:\0"):
        raise ModelError(f"{place} is {shown(name)}, expected the name of a file in its folder")
    path = folder / name
    target = pathlib.Path(os.path.realpath(path))
    root = pathlib.Path(os.path.realpath(folder))
    allowed = [root]
    if root.parent.name == "snapshots":  # <cache>/models--<owner>--<name>/snapshots/<commit>/
        repository = root.parent.parent
        allowed.append(repository / "blobs")
        if repository.name.startswith("models--"):  # contents that repositories share
            allowed.append(repository.parent / "blobs")
    if not any(target.is_relative_to(place) for place in allowed):
        raise ModelError(f"{place} is {shown(name)}, a link that leads out of the folder")
    return path


def read_json(path: pathlib.Path) -> JsonObject:
    """The JSON object in a file.

    Raises:
        ModelError: if the file cannot be read, or holds anything else.
    """
    return parse_json(read_bytes(path, _JSON_LIMIT), path.name)


def read_bytes(path: pathlib.Path, limit: int) -> bytes:
    """All of a file that is no larger than it should be.

    Args:
        path: The file.
        limit: The most bytes that it may have.

    Raises:
        ModelError: if the file cannot be read, or is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ModelError(f"{path.name}: {size} bytes, expected at most {limit}")
        return file.read(size)


def parse_json(content: bytes, place: str) -> JsonObject:
    """The JSON object in some bytes: strict UTF-8, no NaN, and no key twice in one object.

    Args:
        content: What to parse.
        place: Where it stands, for the error.
    """
    value = _parsed(content, place)
    if not isinstance(value, dict):
        raise ModelError(f"{place}: {type(value).__name__} at the top, expected a JSON object")
    return value


def parse_json_list(content: bytes, place: str) -> list[Any]:
    """The JSON list in some bytes, as `parse_json` reads an object."""
    value = _parsed(content, place)
    if not isinstance(value, list):
        raise ModelError(f"{place}: {type(value).__name__} at the top, expected a JSON list")
    return value


def _parsed(content: bytes, place: str) -> Any:
    try:
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse
        )
    except RecursionError:
        raise ModelError(f"{place}: nested too deeply for a config") from None
    except ValueError as error:  # what is not UTF-8, and JSONDecodeError, are ValueErrors too
        raise ModelError(f"{place}: not valid JSON: {error}") from None


def contents(folder: pathlib.Path) -> str:
    """The contents of a folder, for the error of a missing file."""
    names = sorted(entry.name for entry in folder.iterdir())
    return f"holds {listed(names)}" if names else "is empty"


def shown(value: object) -> str:
    """A value from a file as an error may show it: short, and safe to print."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return _short(ascii(value))


def bare(name: str) -> str:
    """A name from a file as an error may show it, without quotes."""
    return _short(ascii(name)[1:-1])


def listed(names: Sequence[str]) -> str:
    """The first few of some names, for an error."""
    first = ", ".join(bare(name) for name in names[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3} more"


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."


def _without_duplicates(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {shown(key)} stands twice")
            seen.add(key)
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
