"""The tokenizer of a GGUF file as a SentencePiece model, which it was made of.

SentencePiece's messages are those of Protocol Buffers: a field is its number and kind, then an
integer, a float, or the length and the bytes of a text or a message.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyattn.errors import ModelError
from pyattn.files.fields import Fields
from pyattn.files.gguf.container import Container

_KEYS = "tokenizer.ggml."
# Kinds of pieces have the same numbers in both.
_UNKNOWN, _UNUSED, _LAST_KIND = 2, 5, 6
# A converter fills up the vocabulary with such, where a tokenizer of Python's would add tokens.
_FILLER = "[PAD"
_MOST_PIECES = 1 << 20

# Numbers of fields in SentencePiece's messages: a model, its pieces, how it was trained (as
# unigrams, and its ids), and how it normalises.
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3
_NAME, _SCORE, _TYPE = 1, 2, 3
_MODEL_TYPE, _UNIGRAM = 3, 1
_UNK_ID, _BOS_ID, _EOS_ID, _PAD_ID = 40, 41, 42, 43
_CHARSMAP, _ADD_DUMMY_PREFIX, _REMOVE_EXTRA_WHITESPACES = 2, 3, 4


def sentencepiece_model(container: Container) -> bytes | None:
    """The content of spiece.model; None if the file has no tokenizer.

    Raises:
        ModelError: if the tokenizer is another, or malformed.
    """
    kind = container.pairs.get(f"{_KEYS}model")
    if kind is None:
        return None
    fields = Fields({container.name: container.pairs})
    if kind != "t5":
        fields.fail(f"{_KEYS}model", f"is {kind!r:.80}, expected t5, SentencePiece's unigrams")
    names = container.pairs.get(f"{_KEYS}tokens")
    if not isinstance(names, list) or not 0 < len(names) <= _MOST_PIECES:
        fields.fail(f"{_KEYS}tokens", f"is no list of 1 to {_MOST_PIECES} texts")
    scores = _numbers(container, "scores", np.float32, len(names))
    kinds = _numbers(container, "token_type", np.int32, len(names))
    if not ((kinds >= 1) & (kinds <= _LAST_KIND)).all() or not np.isfinite(scores).all():
        fields.fail(f"{_KEYS}token_type", "or scores are out of range")
    count = len(names)
    while count and kinds[count - 1] == _UNUSED and names[count - 1].startswith(_FILLER):
        count -= 1
    pieces = b"".join(
        _bytes(_PIECE, _bytes(_NAME, name.encode()) + _float(_SCORE, score) + _integer(_TYPE, kind))
        for name, score, kind in zip(names[:count], scores.tolist(), kinds.tolist(), strict=False)
    )
    trainer, normalizer = _trainer(fields, kinds), _normalizer(container)
    return pieces + _bytes(_TRAINER, trainer) + _bytes(_NORMALIZER, normalizer)


def _numbers(container: Container, key: str, dtype: type[np.generic], count: int) -> Any:
    values = container.pairs.get(f"{_KEYS}{key}")
    if not isinstance(values, np.ndarray) or values.dtype != dtype or len(values) != count:
        raise ModelError(
            f"{container.name}: {_KEYS}{key} is no array of {count} {np.dtype(dtype).name}, as "
            "many as there are tokens"
        )
    return values


def _trainer(fields: Fields, kinds: Any) -> bytes:
    unknown = np.flatnonzero(kinds == _UNKNOWN)
    if len(unknown) != 1:
        fields.fail(f"{_KEYS}token_type", f"has {len(unknown)} unknown tokens, expected one")
    ids: Mapping[int, int] = {
        _UNK_ID: int(unknown[0]),
        _BOS_ID: _id(fields, "bos_token_id"),
        _EOS_ID: _id(fields, "eos_token_id"),
        _PAD_ID: _id(fields, "padding_token_id"),
    }
    return _integer(_MODEL_TYPE, _UNIGRAM) + b"".join(
        _integer(field, id) for field, id in ids.items()
    )


def _id(fields: Fields, key: str) -> int:
    return fields.integer(f"{_KEYS}{key}", -1, low=-1)


def _normalizer(container: Container) -> bytes:
    charsmap = container.pairs.get(f"{_KEYS}precompiled_charsmap")
    switches = {
        _ADD_DUMMY_PREFIX: container.pairs.get(f"{_KEYS}add_space_prefix", True),
        _REMOVE_EXTRA_WHITESPACES: container.pairs.get(f"{_KEYS}remove_extra_whitespaces", False),
    }
    rules = b"".join(_integer(field, int(bool(on))) for field, on in switches.items())
    if charsmap is None:
        return rules
    if not isinstance(charsmap, np.ndarray) or charsmap.dtype.itemsize != 1:
        raise ModelError(f"{container.name}: {_KEYS}precompiled_charsmap is no array of bytes")
    return _bytes(_CHARSMAP, charsmap.tobytes()) + rules


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers have ten bytes
    found = bytearray()
    while value >= 128:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
