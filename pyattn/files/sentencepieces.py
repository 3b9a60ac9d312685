"""SentencePiece's models, which cut texts into pieces."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING

from pyattn._exits import gate
from pyattn.errors import ModelError
from pyattn.files.archives import read_plain

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor


@dataclasses.dataclass(frozen=True, eq=False)
class Pieces:
    """A SentencePiece model.

    Attributes:
        processor: Cuts and joins texts.
        names: The pieces, by SentencePiece's own ids.
    """

    processor: SentencePieceProcessor
    names: list[str]

    def numbered(self) -> dict[str, int]:
        """Piece to SentencePiece's own id."""
        return {piece: id for id, piece in enumerate(self.names)}


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredPieces:
    """A SentencePiece model of single pieces (Kudo 2018), for a package that cuts as it does.

    Attributes:
        scored: The pieces and their log-probabilities, by SentencePiece's own ids.
        charsmap: Its rules of normalization, compiled; empty if there are none.
    """

    scored: list[tuple[str, float]]
    charsmap: bytes


def read_pieces(path: pathlib.Path) -> Pieces:
    """The model in a file, also if it ends in .gz.

    Raises:
        ModelError: if the file cannot be read, or holds anything else.
    """
    from sentencepiece import SentencePieceProcessor

    content = bytes(read_plain(path))
    processor = SentencePieceProcessor()
    try:
        with gate:
            processor.LoadFromSerializedProto(content)
            names = processor.id_to_piece(list(range(processor.get_piece_size())))
    except (RuntimeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path.name}: not a SentencePiece model: {error}") from None
    return Pieces(processor, names)


def read_scored_pieces(path: pathlib.Path) -> ScoredPieces:
    """The model of single pieces in a file, also if it ends in .gz.

    Raises:
        ModelError: if the file cannot be read, or holds anything else.
    """
    pieces = read_pieces(path)
    try:
        model = _fields(pieces.processor.serialized_model_proto())
        trainer, normalizer = (_fields(_bytes(model.get(key, b""))) for key in (_TRAINER, _NORMS))
        kind, charsmap = trainer.get(_KIND, _UNIGRAM), _bytes(normalizer.get(_CHARSMAP, b""))
    except (IndexError, TypeError, ValueError):
        raise ModelError(f"{path.name}: not a SentencePiece model: damaged") from None
    if kind != _UNIGRAM:
        raise ModelError(
            f"{path.name}: the pieces are not those of a unigram model, expected them to be"
        )
    with gate:
        scores = pieces.processor.get_score(list(range(len(pieces.names))))
    return ScoredPieces(list(zip(pieces.names, scores, strict=True)), charsmap)


# Numbers of fields in SentencePiece's messages, and the kind of model that is their default.
_TRAINER, _NORMS = 2, 3
_KIND, _UNIGRAM = 3, 1
_CHARSMAP = 2


def _fields(message: bytes) -> dict[int, int | bytes]:
    """The last value of each field of a message of Protocol Buffers; fixed numbers are left out.

    Raises:
        IndexError: if the message ends early.
        ValueError: if it has fields of an unknown type.
    """
    found: dict[int, int | bytes] = {}
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == 0:
            found[key >> 3], place = _varint(message, place)
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        elif kind == 2:
            length, place = _varint(message, place)
            found[key >> 3] = message[place : place + length]
            place += length
        else:
            raise ValueError(kind)
    if place > len(message):
        raise IndexError(place)
    return found


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return value, place


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise TypeError
    return value
