"""Texts cut by SentencePiece, with its pieces numbered as the model has them.

SentencePiece is called directly and its ids are mapped through a list, which gives the ids of
transformers' tokenizers at several times their speed. Special tokens in a text, such as "</s>", are
just text.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from pyattn._exits import gate
from pyattn.files.sentencepieces import Pieces
from pyattn.text.tokenizers.contract import Decoded, Encoded, Span
from pyattn.text.tokenizers.spans import aligned, between, partition, spread

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
        self.blank_ids = frozenset({unknown, source_ids.get(_SPACE, unknown)})
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
        # One by one: for a list SentencePiece starts a thread, which takes as long as ten texts.
        table, unknown, encode = self._id_of_piece, self._unknown_piece, self._source.encode
        with gate:
            return [
                self._numbered(encode(text, out_type=str))
                if unknown in (pieces := encode(text, out_type=int))
                else [table[piece] for piece in pieces]
                for text in texts
            ]

    def cut_with_spans(self, texts: Sequence[str]) -> list[Encoded]:
        """The same ids, and their spans, which are a partition of any text that has ids."""
        bodies = list(texts)
        # This comes without the package protobuf, and in characters.
        with gate:
            cut = [self._source.encode(text, out_type="offset_mapping") for text in bodies]
        return [
            Encoded(self._numbered(found["pieces"]), partition(found["offsets"], len(text)))
            for text, found in zip(bodies, cut, strict=True)
        ]

    def join(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; special tokens and unknown ids are left out."""
        texts, size, decode = self._texts, self.target_vocab, self._target.decode
        with gate:
            return [
                decode([texts[token] for token in row if token < size and texts[token]])
                .replace(_SPACE, " ")
                .strip()
                for row in ids
            ]

    def join_with_spans(self, ids: Sequence[Sequence[int]]) -> list[Decoded]:
        """The same texts, and the spans of all ids, which are a partition of any text."""
        texts, size = self._texts, self.target_vocab
        joined = []
        for row, text in zip(ids, self.join(ids), strict=True):
            places = [place for place, id in enumerate(row) if id < size and texts[id]]
            spans = self._spans([texts[row[place]] for place in places], text)
            joined.append(Decoded(text, spread(spans, places, len(row))))
        return joined

    def _spans(self, pieces: list[str], text: str) -> list[Span]:
        """The spans of pieces in the text that `join` makes of them."""
        whole = "".join(pieces).replace(_SPACE, " ")
        ends = list(itertools.accumulate(map(len, pieces)))
        if whole.strip() != text:
            # Not every text is its pieces: some are bytes, and rules of denormalization change any.
            whole = self._with_spaces(pieces)
            ends = [end for _, end in aligned(self._with_spaces, pieces, whole)]
        begin = len(whole) - len(whole.lstrip())
        return between(min(max(end - begin, 0), len(text)) for end in ends)

    def _with_spaces(self, pieces: list[str]) -> str:
        with gate:
            text: str = self._target.decode(pieces)
        return text.replace(_SPACE, " ")

    def _numbered(self, pieces: Sequence[str]) -> list[int]:
        # What the source's SentencePiece model does not know may be a piece of the target's.
        return [self._source_ids.get(piece, self._unknown) for piece in pieces]
