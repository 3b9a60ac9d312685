"""The files of a Marian model in a folder.

In releases of OPUS-MT and of students, decoder.yml (or a similar name) lists them. Its paths are of
another machine, so only their last parts count. Without it, as in models of Firefox, files are
found by their names. Every file may be compressed, as `<name>.gz`.

    *.npz, *.bin                                the model
    srcvocab*, trgvocab*; vocab*; *.vocab.yml   vocabularies, .spm or .yml, of source and target
    source.spm, target.spm                      cut texts into the tokens of a .yml
    lex*                                        the shortlist
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import zlib
from collections.abc import Iterable

from pyattn.errors import ModelError
from pyattn.files.archives import GZIP_SUFFIX, plain_name
from pyattn.files.marian.binary import is_binary
from pyattn.files.marian.options import Options
from pyattn.files.marian.parameters import NPZ_SUFFIX
from pyattn.files.marian.yaml import parse_yaml
from pyattn.files.reading import contents, listed, named_inside, open_regular, read_bytes, shown

_SETTINGS = ("decoder.yml", "config.yml")
_OTHER_SETTINGS = ("*.decoder.yml", "config.*.yml")
_SETTINGS_LIMIT = 1 << 20
_BIN_SUFFIX = ".bin"
_VOCABULARY_SUFFIXES = (".spm", ".yml", ".yaml")
_PIECES = ("source.spm", "target.spm")
# Bytes that gzip needs for its header and the first content.
_START = 1 << 12
# Files of training beside a model.
_NO_MODELS = (".optimizer.npz", ".orig.npz", ".progress.npz")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Files:
    """The files of a model.

    Attributes:
        folder: Their folder.
        model: The parameters.
        settings: decoder.yml; empty if there is none.
        vocabularies: Vocabularies of source and target; None if there are none.
        pieces: SentencePiece models of both, beside vocabularies that are lists of tokens.
        shortlist: The lexical shortlist; None if there is none.
    """

    folder: pathlib.Path
    model: pathlib.Path
    settings: Options
    vocabularies: tuple[pathlib.Path, pathlib.Path] | None
    pieces: tuple[pathlib.Path, pathlib.Path] | None
    shortlist: pathlib.Path | None


def find_models(path: pathlib.Path) -> list[pathlib.Path]:
    """The Marian models in a folder, or the file if it is one."""
    if path.is_file():
        return [path] if _is_model(path) else []
    return _models(path)


def find_files(path: pathlib.Path, models: list[pathlib.Path]) -> Files:
    """The files of the model in a folder, or of the model that is the file.

    Args:
        path: The folder, or the file.
        models: As `find_models` has them.

    Raises:
        ModelError: if a file that is named is missing or leads out of the folder, or if it is not
            clear which files are meant.
    """
    folder = path.parent if path.is_file() else path
    settings = _settings(folder)
    vocabularies = _vocabularies(folder, settings)
    pieces = tuple(_present(folder, name) for name in _PIECES)
    lists = any(not plain_name(path).endswith(".spm") for path in vocabularies or ())
    return Files(
        folder=folder,
        model=path if path.is_file() else _model(folder, settings, models),
        settings=settings,
        vocabularies=vocabularies,
        pieces=(pieces[0], pieces[1]) if lists and pieces[0] and pieces[1] else None,
        shortlist=_shortlist(folder, settings),
    )


def _settings(folder: pathlib.Path) -> Options:
    names = [name for name in _SETTINGS if (folder / name).exists()]
    others = sorted(path.name for pattern in _OTHER_SETTINGS for path in folder.glob(pattern))
    if not names and len(others) == 1:
        names = others
    if not names:
        return Options("decoder.yml", {})
    return Options(names[0], parse_yaml(read_bytes(folder / names[0], _SETTINGS_LIMIT), names[0]))


def _model(folder: pathlib.Path, settings: Options, found: list[pathlib.Path]) -> pathlib.Path:
    for name in ("models", "model"):
        named = settings.texts(name)
        if len(named) > 1:
            settings.fail(name, "expected one model: ensembles are not supported")
        if named:
            return _named(folder, named[0], settings, name)
    if len(found) != 1:
        problem = f"the models {listed([path.name for path in found])}" if found else "no model"
        raise ModelError(
            f"{folder}: {problem}, expected one, or a decoder.yml that names it, or the path of "
            f"the file itself; the folder {contents(folder)}"
        )
    return found[0]


def _vocabularies(
    folder: pathlib.Path, settings: Options
) -> tuple[pathlib.Path, pathlib.Path] | None:
    named = settings.texts("vocabs")
    if len(named) not in (0, 2):
        settings.fail("vocabs", "expected two names, of source and target")
    if named:
        source, target = (_named(folder, name, settings, "vocabs") for name in named)
        for path in (source, target):
            if not plain_name(path).endswith(_VOCABULARY_SUFFIXES):  # factored ones are .fsv
                kinds = ", ".join(_VOCABULARY_SUFFIXES)
                settings.fail("vocabs", f"{shown(path.name)} is not one of {kinds}")
        return source, target
    source_only, target_only = (
        _only(folder, f"{role}vocab", _lists(folder, [f"{role}vocab*"])) for role in ("src", "trg")
    )
    if source_only and target_only:
        return source_only, target_only
    shared = _only(folder, "vocabulary", _lists(folder, ["vocab*", "*.vocab.*"]))
    return (shared, shared) if shared else None


def _shortlist(folder: pathlib.Path, settings: Options) -> pathlib.Path | None:
    # Its name, and how to read it.
    named = settings.texts("shortlist")
    if named:
        return _named(folder, named[0], settings, "shortlist")
    return _only(folder, "shortlist", _plain_once(folder.glob("lex*")))


def _named(folder: pathlib.Path, name: str, settings: Options, option: str) -> pathlib.Path:
    """The file of the folder that an option names, or the same compressed."""
    last = pathlib.PurePosixPath(name).name
    named_inside(folder, last, f"{settings.place}: {option}")
    found = _present(folder, last)
    if found is None:
        settings.fail(option, f"which is missing; the folder {contents(folder)}")
    return named_inside(folder, found.name, f"{settings.place}: {option}")


def _present(folder: pathlib.Path, name: str) -> pathlib.Path | None:
    for path in (folder / name, folder / f"{name}{GZIP_SUFFIX}"):
        if os.path.exists(path):  # noqa: PTH110  # False for a name that is too long
            return path
    return None


def _only(folder: pathlib.Path, what: str, found: list[pathlib.Path]) -> pathlib.Path | None:
    if len(found) > 1:
        raise ModelError(
            f"{folder}: {listed([path.name for path in found])}, expected one {what}, or a "
            f"decoder.yml that names it"
        )
    return found[0] if found else None


def _lists(folder: pathlib.Path, patterns: Iterable[str]) -> list[pathlib.Path]:
    paths = {path for pattern in patterns for path in folder.glob(pattern)}
    return _plain_once(path for path in paths if plain_name(path).endswith(_VOCABULARY_SUFFIXES))


def _models(folder: pathlib.Path) -> list[pathlib.Path]:
    if not folder.is_dir():
        return []
    return _plain_once(path for path in folder.iterdir() if _is_model(path))


def _is_model(path: pathlib.Path) -> bool:
    name = plain_name(path)
    if name.endswith(NPZ_SUFFIX):
        return not name.endswith(_NO_MODELS)
    return name.endswith(_BIN_SUFFIX) and path.is_file() and is_binary(_start(path))


def _start(path: pathlib.Path) -> bytes:
    """The first 16 bytes, decompressed; fewer if there are not as many."""
    with open_regular(path) as file:
        start = file.read(_START)
    if not path.name.endswith(GZIP_SUFFIX):
        return start[:16]
    try:
        return zlib.decompressobj(wbits=31).decompress(start, 16)
    except zlib.error:
        return b""


def _plain_once(paths: Iterable[pathlib.Path]) -> list[pathlib.Path]:
    """The files, in order; those that are compressed unless they are there without that, too."""
    found: dict[str, pathlib.Path] = {}
    for path in sorted(paths, key=lambda path: path.name):  # X comes before X.gz
        found.setdefault(plain_name(path), path)
    return list(found.values())
