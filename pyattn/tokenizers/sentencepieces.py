"""Texts cut by SentencePiece, with its pieces numbered as the model has them.

SentencePiece is called directly and its ids are mapped through a list, which gives the ids of
transformers' tokenizers at several times their speed. Special tokens in a text, such as "</s>", are
just text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyattn.formats.sentencepieces import Pieces

# What SentencePiece writes for a space.
_SPACE = "\u2581"


class PieceCutter:
    """SentencePiece, with pieces numbered by vocabularies of their own.

    Args:
        source: What cuts sources.
        target: What joins the pieces of targets.
        source_ids: Piece to id, for sources.
        target_ids: The same for targets.
        unknown: Id of what has none in `source_ids`.
        special: Pieces of targets that have no text.
    """

    def __init__(
        self,
        source: Pieces,
        target: Pieces,
        source_ids: Mapping[str, int],
        target_ids: Mapping[str, int],
        *,
        unknown: int,
        special: frozenset[str],
    ) -> None:
        self.source_vocab = max(source_ids.values()) + 1
        self.target_vocab = max(target_ids.values()) + 1
        self._source = source.processor
        self._target = target.processor
        self._source_ids = source_ids
        self._unknown = unknown
        self._unknown_piece: int = self._source.unk_id()
        self._id_of_piece = [source_ids.get(piece, unknown) for piece in source.names]
        self._texts = [""] * self.target_vocab
        for piece, id in target_ids.items():
            if piece not in special:
                self._texts[id] = piece

    def cut(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text."""
        bodies = list(texts)
        cut: list[list[int]] = self._source.encode(bodies, out_type=int, num_threads=1)
        table, unknown = self._id_of_piece, self._unknown_piece
        return [
            self._with_unknown(text) if unknown in pieces else [table[piece] for piece in pieces]
            for text, pieces in zip(bodies, cut, strict=True)
        ]

    def join(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; special tokens and unknown ids are left out."""
        if not ids:
            return []  # which SentencePiece takes for a single empty text
        texts, size = self._texts, self.target_vocab
        pieces = [[texts[token] for token in row if token < size and texts[token]] for row in ids]
        decoded: list[str] = self._target.decode(pieces, num_threads=1)
        return [text.replace(_SPACE, " ").strip() for text in decoded]

    def _with_unknown(self, text: str) -> list[int]:
        # What the source's SentencePiece model does not know may be a piece of the target's.
        pieces: list[str] = self._source.encode(text, out_type=str)
        return [self._source_ids.get(piece, self._unknown) for piece in pieces]
