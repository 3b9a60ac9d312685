"""The number types of GGUF: plain ones, and blocks with common scales, which become float32.

A block is a struct of bytes; the formulas are those of ggml. d, dmin and m are of float16, and q is
a number of few bits. What a block holds lies in the order in which ggml multiplies it: first the
lower halves of bytes, then the upper ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class NumberType:
    """A number type of GGUF.

    Attributes:
        name: Its name in ggml, which is that of safetensors for plain ones.
        count: Numbers of a block; 1 for plain ones.
        size: Bytes of a block.
        floats: Blocks, [any, size], to numbers, [any, count]; None for plain ones.
    """

    name: str
    count: int
    size: int
    floats: Callable[[Bytes], Floats] | None = None


def _half(blocks: Bytes, at: int) -> Floats:
    """The float16 at byte `at` of each block, [any, 1]."""
    half: Floats = blocks[:, at : at + 2].copy().view("<f2").astype(np.float32)
    return half


def _nibbles(quarters: Bytes) -> Bytes:
    """The lower halves of bytes, then the upper ones."""
    return np.concatenate([quarters & 15, quarters >> 4], axis=1)


def _fifth_bits(blocks: Bytes, at: int) -> Bytes:
    """A bit of each of 32 numbers, from the 4 bytes at `at`, as 0 or 16."""
    bits = np.unpackbits(blocks[:, at : at + 4], axis=1, bitorder="little")
    return np.multiply(bits, 16, dtype=np.uint8)


def _q4_0(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * (_nibbles(blocks[:, 2:]).astype(np.float32) - 8)


def _q4_1(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * _nibbles(blocks[:, 4:]).astype(np.float32) + _half(blocks, 2)


def _q5_0(blocks: Bytes) -> Floats:
    q = _nibbles(blocks[:, 6:]) | _fifth_bits(blocks, 2)
    return _half(blocks, 0) * (q.astype(np.float32) - 16)


def _q5_1(blocks: Bytes) -> Floats:
    q = _nibbles(blocks[:, 8:]) | _fifth_bits(blocks, 4)
    return _half(blocks, 0) * q.astype(np.float32) + _half(blocks, 2)


def _q8_0(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * blocks[:, 2:].view(np.int8).astype(np.float32)


def _six_bits(scales: Bytes) -> tuple[Floats, Floats]:
    """Scales and minima of eight groups, from 12 bytes: six bits each, [any, 8, 1]."""
    low, middle, high = scales[:, :4], scales[:, 4:8], scales[:, 8:]
    scale = np.concatenate([low & 63, (high & 15) | (low >> 6) << 4], axis=1)
    least = np.concatenate([middle & 63, (high >> 4) | (middle >> 6) << 4], axis=1)
    return scale.astype(np.float32)[..., None], least.astype(np.float32)[..., None]


def _in_groups(blocks: Bytes, q: Bytes) -> Floats:
    """Numbers q of [any, 8, 32] with their scales: d * scale * q - dmin * least."""
    scale, least = _six_bits(blocks[:, 4:16])
    d, dmin = (_half(blocks, at)[..., None] for at in (0, 2))
    found: Floats = d * scale * q.astype(np.float32) - dmin * least
    return found.reshape(len(blocks), -1)


def _by_pairs(quarters: Bytes) -> Bytes:
    """Each 32 bytes are two groups: the lower halves, then the upper ones; [any, 8, 32]."""
    bytes_of_pair = quarters.reshape(len(quarters), 4, 1, 32)
    return np.concatenate([bytes_of_pair & 15, bytes_of_pair >> 4], axis=2).reshape(-1, 8, 32)


def _q4_k(blocks: Bytes) -> Floats:
    return _in_groups(blocks, _by_pairs(blocks[:, 16:]))


def _q5_k(blocks: Bytes) -> Floats:
    # Bit g of byte e is the fifth of number e of group g.
    groups = np.arange(8, dtype=np.uint8)[:, None]
    fifth: Bytes = (blocks[:, 16:48][:, None] >> groups & np.uint8(1)) << np.uint8(4)
    return _in_groups(blocks, _by_pairs(blocks[:, 48:]) | fifth)


def _q6_k(blocks: Bytes) -> Floats:
    # By halves of 128 numbers: four bits in 64 bytes, two more in 32.
    count = len(blocks)
    low = blocks[:, :128].reshape(count, 2, 1, 64)
    low = np.concatenate([low & 15, low >> 4], axis=2).reshape(count, 2, 4, 32)
    shifts = np.array([0, 2, 4, 6], np.uint8)[:, None]
    high = blocks[:, 128:192].reshape(count, 2, 1, 32) >> shifts & 3
    q = (low | high << 4).astype(np.int8) - np.int8(32)
    scales = blocks[:, 192:208].view(np.int8).astype(np.float32)
    scaled = _half(blocks, 208) * scales
    found: Floats = scaled[..., None] * q.reshape(count, 16, 16).astype(np.float32)
    return found.reshape(count, 256)


# By ggml's numbers.
NUMBER_TYPES = {
    0: NumberType("F32", 1, 4),
    1: NumberType("F16", 1, 2),
    30: NumberType("BF16", 1, 2),
    2: NumberType("Q4_0", 32, 18, _q4_0),
    3: NumberType("Q4_1", 32, 20, _q4_1),
    6: NumberType("Q5_0", 32, 22, _q5_0),
    7: NumberType("Q5_1", 32, 24, _q5_1),
    8: NumberType("Q8_0", 32, 34, _q8_0),
    12: NumberType("Q4_K", 256, 144, _q4_k),
    13: NumberType("Q5_K", 256, 176, _q5_k),
    14: NumberType("Q6_K", 256, 210, _q6_k),
}
