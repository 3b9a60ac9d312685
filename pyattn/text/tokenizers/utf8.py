"""ByT5's tokens (Xue et al. 2022): the bytes of UTF-8, behind three special ones."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from pyattn.text.tokenizers.contract import Decoded, Encoded
from pyattn.text.tokenizers.spans import between

PAD, END, UNKNOWN = 0, 1, 2
_OFFSET = 3
_BYTES = 256


class ByteCutter:
    """Bytes as ids. The ids behind them, the sentinels of training, have no text."""

    source_vocab = target_vocab = _OFFSET + _BYTES
    blank_ids = frozenset({UNKNOWN, _OFFSET + ord(" ")})

    def cut(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text."""
        return [[byte + _OFFSET for byte in text.encode()] for text in texts]

    def cut_with_spans(self, texts: Sequence[str]) -> list[Encoded]:
        """The same ids, and their spans: that of a character's last byte is the character."""
        return [
            Encoded(ids, between(_ends(text)))
            for text, ids in zip(texts, self.cut(texts), strict=True)
        ]

    def join(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; bytes that are not UTF-8 are left out, as by transformers."""
        rows = (bytes(id - _OFFSET for id in row if 0 <= id - _OFFSET < _BYTES) for row in ids)
        return [row.decode(errors="ignore") for row in rows]

    def join_with_spans(self, ids: Sequence[Sequence[int]]) -> list[Decoded]:
        """The same texts, and the spans of all ids: a character is that of its last byte."""
        return [_decoded(row) for row in ids]


def _ends(text: str) -> list[int]:
    """How many characters of a text are complete with each of its bytes."""
    ends: list[int] = []
    for index, character in enumerate(text):
        ends += [index] * (len(character.encode()) - 1)
        ends.append(index + 1)
    return ends


def _decoded(row: Sequence[int]) -> Decoded:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
    text = ""
    ends: list[int] = []
    for id in row:
        if 0 <= id - _OFFSET < _BYTES:
            text += decoder.decode(bytes((id - _OFFSET,)))
        ends.append(len(text))
    return Decoded(text, between(ends))
