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
        processor: What cuts and joins texts.
        names: The pieces, by SentencePiece's own ids.
    """

    processor: SentencePieceProcessor
    names: list[str]

    def numbered(self) -> dict[str, int]:
        """Piece to SentencePiece's own id."""
        return {piece: id for id, piece in enumerate(self.names)}


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
