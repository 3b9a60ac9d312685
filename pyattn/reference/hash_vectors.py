"""The random vectors that tokens are hashed by, each from a seed that is stated.

A layer's are normally distributed, [heads, head_dim, hashes, rotated], `rotated` being half of the
sum of the factors of its buckets (`pyattn.reference.lsh_attention`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.reference.arrays import Floats

Shape: TypeAlias = tuple[int, int, int, int]
# From the number of a layer and a shape to its vectors.
HashVectors: TypeAlias = Callable[[int, Shape], Floats]

# Numbers that torch makes at once, of as many uniform ones: the first half of these are radii.
_BLOCK = 16
_BITS_OF_FLOAT, _BITS_OF_DOUBLE = 24, 53


def seeded_vectors(seed: int) -> HashVectors:
    """Vectors of NumPy's generator PCG64, seeded by a number and the layer's.

    Those of layer n, counted from 0 over layers of both kinds, are
    `Generator(PCG64([seed, n])).standard_normal(shape, float32)`: they depend on nothing else.

    Args:
        seed: 0 or more.

    Raises:
        ValueError: if the seed is negative.
        TypeError: if it is no integer.
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
        raise TypeError(f"hash vectors: seed is {type(seed).__name__}, expected an integer")
    if seed < 0:
        raise ValueError(f"hash vectors: seed is {seed}, expected 0 or more")

    def draw(layer: int, shape: Shape) -> Floats:
        generator = np.random.Generator(np.random.PCG64([int(seed), layer]))
        return generator.standard_normal(shape, np.float32)

    return draw


def torch_vectors(seed: int) -> HashVectors:
    """The vectors that transformers draws for a `hash_seed`, to the last digit or nearly.

    They are those of `torch.manual_seed(seed); torch.randn(shape)` on a CPU, the same in every
    layer: normal numbers by Box and Muller from the words of a Mersenne Twister.

    Args:
        seed: Of the config.
    """
    return lambda _, shape: _torch_normal(seed, math.prod(shape)).reshape(shape)


def _torch_normal(seed: int, count: int) -> Floats:
    # The old generator's stream is frozen, and its bytes are the words of the twister.
    twister = np.random.RandomState(seed & 0xFFFFFFFF)

    def words(number: int) -> npt.NDArray[np.uint32]:
        return np.frombuffer(twister.bytes(4 * number), "<u4")

    if count < _BLOCK:
        return np.concatenate([_pair(words(4)) for _ in range(-(-count // 2))])[:count]
    out = np.empty(count, np.float32)
    whole = count // _BLOCK * _BLOCK
    out[:whole] = _blocks(words(count)[:whole])
    if whole < count:  # the last block begins earlier, and is drawn again
        out[-_BLOCK:] = _blocks(words(_BLOCK))
    return out


def _blocks(words: npt.NDArray[np.uint32]) -> Floats:
    """Normal numbers of as many words, whole blocks of them, in float32."""
    mask = np.uint32(2**_BITS_OF_FLOAT - 1)
    uniform = (words & mask).astype(np.float32) * np.float32(2.0**-_BITS_OF_FLOAT)
    first, second = uniform.reshape(-1, 2, _BLOCK // 2).swapaxes(0, 1)
    radius = np.sqrt(np.float32(-2) * np.log(np.float32(1) - first))
    angle = np.float32(2 * math.pi) * second
    pair = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return pair.reshape(-1).astype(np.float32)


def _pair(words: npt.NDArray[np.uint32]) -> Floats:
    """Two normal numbers of four words, in double precision."""
    high, low = words.astype(np.uint64).reshape(2, 2).T
    bits = (high << np.uint64(32) | low) & np.uint64(2**_BITS_OF_DOUBLE - 1)
    turn, share = (bits * 2.0**-_BITS_OF_DOUBLE).tolist()
    radius, angle = math.sqrt(-2 * math.log1p(-share)), 2 * math.pi * turn
    return np.array([radius * math.cos(angle), radius * math.sin(angle)], np.float32)
