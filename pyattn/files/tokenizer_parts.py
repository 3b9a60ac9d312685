"""The files that a model's tokenizer is made of, as `pyattn.text.tokenizers` needs them.

A `ModelFiles` has one of three kinds, whatever its layout: Marian's SentencePiece models, whose
pieces have ids; a package of Argos Translate; or files by their roles.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TypeAlias

from pyattn.errors import ModelError
from pyattn.files.reading import JsonObject, bare, read_bytes, read_json, shown
from pyattn.files.sentencepieces import Pieces, read_pieces
from pyattn.files.vocabulary import Vocabularies

# No vocabulary comes near; ids index a list.
_MOST_IDS = 1 << 24
_MOST_DIGITS = 9
# The tokens that every vocabulary of Marian's and fairseq's has.
END, UNKNOWN = "</s>", "<unk>"

SETTINGS_FILE = "tokenizer_config.json"
_TEMPLATE_FILE = "chat_template.jinja"
# Many times the longest there are.
_MOST_TEMPLATE = 1 << 20
# Token to id, of tokens behind the vocabulary; newer files have them among the settings.
_ADDED_FILE = "added_tokens.json"
_ADDED_KEY = "added_tokens_decoder"
# Role to the name under which a native folder has the file, unless it equals an earlier role's.
TOKENIZER_FILES = {
    "source": "source.spm",
    "target": "target.spm",
    "vocab": "vocab.json",
    "target_vocab": "target_vocab.json",
    "json": "tokenizer.json",
    "pieces": "pieces.model",
    "merges": "merges.txt",
    "words": "vocab.txt",
    "settings": SETTINGS_FILE,
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FilesByRole:
    """Files that exist, which the model's family says how to read.

    Attributes:
        files: By role, a key of `TOKENIZER_FILES`.
        settings: The fields of tokenizer_config.json; empty if there is none. `tokenizer_class`,
            which may decide what surrounds a source, is that of the folder's own code if it has
            some.
    """

    files: Mapping[str, pathlib.Path]
    settings: JsonObject


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NumberedPieces:
    """Marian's SentencePiece models, and the ids that the model gives their pieces.

    Attributes:
        source: Cuts sources.
        target: Joins targets.
        source_ids: Piece to id, of sources.
        target_ids: Piece to id, of targets.
        files: What they were read from, by role, if these are files of a native folder, too.
    """

    source: Pieces
    target: Pieces
    source_ids: Mapping[str, int]
    target_ids: Mapping[str, int]
    files: Mapping[str, pathlib.Path] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PackagePieces:
    """A package of Argos Translate: one SentencePiece model, and CTranslate2's tokens.

    Attributes:
        name: The package's name, for errors.
        pieces: Cuts sources and joins targets; None if the package cuts texts otherwise.
        vocabularies: The model's tokens.
        prefix: The token that every target begins with; "" is none.
    """

    name: str
    pieces: Pieces | None
    vocabularies: Vocabularies
    prefix: str


TokenizerParts: TypeAlias = FilesByRole | NumberedPieces | PackagePieces


def read_numbered(files: Mapping[str, pathlib.Path]) -> NumberedPieces:
    """Marian's SentencePiece models and their ids.

    Args:
        files: By role: `source` and `target`; `vocab` unless SentencePiece's own numbers are the
            ids; `target_vocab` if targets have others.

    Raises:
        ModelError: if a file is missing or malformed.
    """
    source = read_pieces(files["source"])
    target = source if files["target"] == files["source"] else read_pieces(files["target"])
    source_ids, target_ids = source.numbered(), target.numbered()
    if "vocab" in files:
        source_ids = target_ids = read_ids(files["vocab"])
    if "target_vocab" in files:
        target_ids = read_ids(files["target_vocab"])
    return NumberedPieces(
        source=source, target=target, source_ids=source_ids, target_ids=target_ids, files=files
    )


def read_settings(folder: pathlib.Path) -> JsonObject:
    """The fields of a folder's tokenizer_config.json, with what newer and older files have apart.

    That is the tokens of added_tokens.json, and the template of chats in chat_template.jinja.

    Raises:
        ModelError: if a file cannot be read.
    """
    settings, added = (
        read_json(folder / name) if (folder / name).exists() else {}
        for name in (SETTINGS_FILE, _ADDED_FILE)
    )
    if (folder / _TEMPLATE_FILE).exists():
        content = read_bytes(folder / _TEMPLATE_FILE, _MOST_TEMPLATE)
        try:
            settings = {**settings, "chat_template": content.decode()}
        except UnicodeDecodeError as error:
            raise ModelError(f"{_TEMPLATE_FILE}: not valid UTF-8 at byte {error.start}") from None
    if not added or settings.get(_ADDED_KEY):
        return settings
    return {**settings, _ADDED_KEY: {str(id): {"content": token} for token, id in added.items()}}


def added_tokens(settings: JsonObject) -> dict[str, int]:
    """Token to id, of the tokens that settings add to a vocabulary, by rising ids."""
    found = settings.get(_ADDED_KEY)
    ids = {
        token["content"]: int(id)
        for id, token in (found.items() if isinstance(found, dict) else ())
        if isinstance(token, dict) and isinstance(token.get("content"), str) and _is_id(id)
    }
    return dict(sorted(ids.items(), key=lambda item: item[1]))


def special_names(settings: JsonObject) -> frozenset[str]:
    """The tokens among these that stand for no text."""
    found = settings.get(_ADDED_KEY)
    silent = {
        int(id)
        for id, token in (found.items() if isinstance(found, dict) else ())
        if _is_id(id) and isinstance(token, dict) and token.get("special", True) is not False
    }
    return frozenset(token for token, id in added_tokens(settings).items() if id in silent)


def json_added_tokens(content: JsonObject) -> dict[str, int]:
    """Token to id, of the tokens that a tokenizer.json adds to its vocabulary."""
    found = content.get("added_tokens")
    return {
        token["content"]: token["id"]
        for token in (found if isinstance(found, list) else ())
        if isinstance(token, dict)
        and isinstance(token.get("content"), str)
        and type(token.get("id")) is int
        and 0 <= token["id"] < _MOST_IDS
    }


def _is_id(digits: str) -> bool:
    return digits.isdecimal() and len(digits) < _MOST_DIGITS


def read_ids(path: pathlib.Path) -> dict[str, int]:
    """Piece to id, from a JSON object.

    Raises:
        ModelError: if the file cannot be read, or an id is invalid or appears twice.
    """
    ids = read_json(path)
    taken: dict[int, str] = {}
    for piece, id in ids.items():
        if type(id) is not int or not 0 <= id < _MOST_IDS:
            raise ModelError(f"{path.name}: {bare(piece)} is {shown(id)}, expected an id")
        if taken.setdefault(id, piece) != piece:
            raise ModelError(f"{path.name}: {bare(taken[id])} and {bare(piece)} both have id {id}")
    return ids
