"""ByT5's tokens (Xue et al. 2022): the bytes of UTF-8, behind three special ones."""

from __future__ import annotations

from collections.abc import Sequence

PAD, END, UNKNOWN = 0, 1, 2
_OFFSET = 3
_BYTES = 256


class ByteCutter:
    """Bytes as ids. The ids behind them, the sentinels of training, have no text."""

    source_vocab = target_vocab = _OFFSET + _BYTES

    def cut(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text."""
        return [[byte + _OFFSET for byte in text.encode()] for text in texts]

    def join(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; bytes that are not UTF-8 are left out, as by transformers."""
        rows = (bytes(id - _OFFSET for id in row if 0 <= id - _OFFSET < _BYTES) for row in ids)
        return [row.decode(errors="ignore") for row in rows]
