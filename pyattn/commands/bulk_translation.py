"""Files of texts in, the same with translations out, once each, also if the run is interrupted."""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from pyattn.commands.channels import writing
from pyattn.commands.fitting import ends, fitted, with_cache
from pyattn.commands.usage import UsageError

_OBJECTS = (".jsonl", ".ndjson")


def is_bulk(parsed: argparse.Namespace) -> bool:
    """Whether the arguments are for a file of records rather than for plain lines."""
    if parsed.column is not None or parsed.output_column is not None or parsed.resume:
        return True
    return parsed.input is not None and _suffixes(parsed.input)[0] != ""


def translated(
    parsed: argparse.Namespace, options: Mapping[str, Any], loaded: Callable[[], Any]
) -> None:
    """Translate --input to --output.

    Args:
        parsed: The arguments.
        options: Arguments of a translator's methods.
        loaded: Loads the translator.

    Raises:
        UsageError: if arguments do not go together.
        ValueError: if the input cannot be used, or does not continue the earlier run.
    """
    from pyattn.bulk.parts import Parts
    from pyattn.bulk.running import complete

    source, described = _source(parsed)
    with loaded() as translator:
        described |= _description(parsed, translator, options)
        chosen = with_cache(translator, fitted(translator, {"scores": False, **options}))
        output = pathlib.Path(parsed.output).resolve()
        with Parts(output, described, resume=parsed.resume) as parts:
            paths = complete(source, parts, lambda texts: translator.submit(texts, **chosen))
            with writing(parsed.output) as file:
                source.joined(paths, file)
                file.flush()
                os.fsync(file.fileno())
            parts.remove()


def _suffixes(name: str) -> tuple[str, bool]:
    """The kind of a file of records, "" for plain lines, and whether it is compressed."""
    path = pathlib.PurePath(name)
    packed = path.suffix.lower() == ".gz"
    kind = pathlib.PurePath(path.stem).suffix.lower() if packed else path.suffix.lower()
    if kind == ".parquet" or kind in _OBJECTS:
        return kind, packed
    return (".txt" if packed else ""), packed


def _source(parsed: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The input, and its part of the description of the run."""
    for name in ("input", "output"):
        if getattr(parsed, name) in (None, "-"):
            raise UsageError(f"--{name}: needs a file, since finished parts are kept beside it")
    if parsed.jsonl or parsed.text:
        raise UsageError(f"{'--jsonl' if parsed.jsonl else 'TEXT'}: is for lines, not for records")
    path, output = pathlib.Path(parsed.input), pathlib.Path(parsed.output)
    if output.exists() and (not output.is_file() or (path.exists() and output.samefile(path))):
        raise UsageError("--output: needs a regular file, and another one than --input")
    kind, _ = _suffixes(parsed.input)
    kind = kind or ".txt"
    column, added = parsed.column, parsed.output_column
    if kind == ".txt" and (column is not None or added is not None):
        raise UsageError("--column and --output-column: are for .jsonl and .parquet files")
    column, added = column or "text", added or "translation"
    if (kind == ".parquet") != (_suffixes(parsed.output)[0] == ".parquet"):
        raise UsageError("--output: a .parquet file is for a .parquet file, and no other is")
    packed = _suffixes(parsed.output)[1]
    described = {"kind": kind, "column": column, "output column": added, "compressed": packed}
    if kind == ".parquet":
        from pyattn.bulk.columns import Columns

        return Columns(path, column, added), described
    from pyattn.bulk.records import Records

    with path.open("rb"):  # fails before a model is loaded
        pass
    key = None if kind == ".txt" else column
    return Records(path, key, added, compressed=packed), described


def _description(
    parsed: argparse.Namespace, translator: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    """What else the bytes of the output depend on."""
    from importlib import metadata

    given = {name: repr(value) for name, value in options.items() if name != "glossary"}
    if parsed.glossary is not None:
        given["glossary"] = hashlib.sha256(pathlib.Path(parsed.glossary).read_bytes()).hexdigest()
    models = list(dict.fromkeys(ends(translator)))
    return {
        "version": metadata.version("pyattn"),
        "options": given,
        "model": [_digest(one.folder) for one in models],
        "number type": [str(getattr(one.model.config, "dtype", "")) for one in models],
        "instructions": [str(getattr(one.model.config, "isa", "")) for one in models],
    }


def _digest(folder: pathlib.Path | None) -> str:
    """A digest of a model's files; empty for a model without any."""
    if folder is None:
        return ""
    found = hashlib.sha256()
    files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
    for path in files:
        if path.is_file():
            found.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    found.update(chunk)
    return found.hexdigest()
