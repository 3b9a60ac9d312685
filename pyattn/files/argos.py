"""Argos Translate's packages: a CTranslate2 model and its SentencePiece model, mostly zipped.

A package is a zip file that ends in .argosmodel and holds one folder, or that folder:

    metadata.json               from_code, to_code, and perhaps target_prefix
    model/                      a CTranslate2 model
    sentencepiece.model         cuts texts into the model's tokens; some have bpe.model instead

Argos translates with a beam of 4 and a length penalty of 0.2.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.archives import zip_entries
from pyattn.files.ctranslate2 import read_ctranslate2, read_vocabularies
from pyattn.files.fields import Fields
from pyattn.files.reading import bare, map_file, read_json, shown

SUFFIX = ".argosmodel"
METADATA_FILE = "metadata.json"
PIECES_FILE = "sentencepiece.model"
MODEL_FOLDER = "model"
# A model's folder has a handful; a package's other files (licences, models that split sentences)
# are not looked at.
_MOST_FILES = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Package:
    """A package whose files can be opened.

    Attributes:
        model: The folder of the CTranslate2 model.
        pieces: The SentencePiece model; there may be none.
        source: Code of the language that it translates from.
        target: Code of the language that it translates to.
        prefix: The token that every target begins with, such as "__fr__"; "" is none.
    """

    model: pathlib.Path
    pieces: pathlib.Path
    source: str
    target: str
    prefix: str


def is_argos(path: pathlib.Path) -> bool:
    """Whether a path is a package, by its name or its files."""
    if path.is_dir():
        return (path / METADATA_FILE).exists() and (path / MODEL_FOLDER).is_dir()
    return path.suffix == SUFFIX


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Package]:
    """A package's files, which may be deleted afterwards; mapped files stay readable.

    Raises:
        ModelError: if the zip file is malformed, or metadata.json is.
    """
    if path.is_dir():
        yield _package(path)
        return
    with tempfile.TemporaryDirectory(prefix="pyattn-") as folder:
        unpack(path, pathlib.Path(folder))
        yield _package(pathlib.Path(folder))


def read_argos(path: pathlib.Path) -> Checkpoint:
    """The model of a package, which is decoded as Argos does.

    Raises:
        ModelError: if a file is missing or malformed.
    """
    with opened(path) as package:
        checkpoint = read_ctranslate2(package.model)
        options = dataclasses.replace(
            checkpoint.generation,
            beam_size=4,
            length_penalty=0.2,
            target_prefix=_prefix(package),
            return_prefix=False,
        )
        return dataclasses.replace(checkpoint, generation=options)


def _prefix(package: Package) -> tuple[int, ...]:
    if not package.prefix:
        return ()
    target = read_vocabularies(package.model).target
    if package.prefix not in target:
        raise ModelError(
            f"{METADATA_FILE}: target_prefix is {shown(package.prefix)}, expected a token of the "
            f"target vocabulary"
        )
    return (target.tokens.index(package.prefix),)


def _package(folder: pathlib.Path) -> Package:
    fields = Fields({METADATA_FILE: read_json(folder / METADATA_FILE)})
    return Package(
        model=folder / MODEL_FOLDER,
        pieces=folder / PIECES_FILE,
        source=fields.text("from_code", ""),
        target=fields.text("to_code", ""),
        prefix=fields.text("target_prefix", "").strip(),
    )


def unpack(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the needed files of a zip file into an empty folder.

    Raises:
        ModelError: if the zip file is malformed, or a file is not where packages have theirs.
    """
    entries = zip_entries(path.name, map_file(path), compressed=True)
    roots = [name.removesuffix(METADATA_FILE) for name in entries if _is_metadata(name)]
    if len(roots) != 1:
        raise ModelError(f"{path.name}: {len(roots)} {METADATA_FILE}, expected one")
    (folder / MODEL_FOLDER).mkdir()
    files = 0
    for name, content in entries.items():
        inside = name.removeprefix(roots[0])
        model = inside.removeprefix(f"{MODEL_FOLDER}/")
        if inside in (METADATA_FILE, PIECES_FILE):
            target = folder / inside
        elif model != inside and model:
            if set(model) & set("/\\:\0") or model in (".", ".."):
                raise ModelError(
                    f"{path.name}: {bare(name)}, expected files in {MODEL_FOLDER}/ alone"
                )
            target = folder / MODEL_FOLDER / model
        else:
            continue
        files += 1
        if files > _MOST_FILES:
            raise ModelError(f"{path.name}: more than {_MOST_FILES} files of a model")
        target.write_bytes(content)


def _is_metadata(name: str) -> bool:
    """Whether it is a package's own, in the zip file's root or in its one folder."""
    return name == METADATA_FILE or (name.endswith(f"/{METADATA_FILE}") and name.count("/") == 1)
