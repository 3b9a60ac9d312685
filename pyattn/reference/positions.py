"""Where a token stands."""

from __future__ import annotations

import dataclasses
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.model_config import ModelConfig, RotaryScaling, Stack
from pyattn.reference.arrays import Floats, Ints, check_floats

_Doubles: TypeAlias = npt.NDArray[np.float64]

_BLOCK = 1024  # rows


def computed_positions(config: ModelConfig, stack: Stack) -> Floats:
    """The table of a stack whose positions are not learned, [max_positions, dim]."""
    return sinusoidal_positions(
        config.stack(stack).max_positions,
        config.dim,
        first=config.first_position,
        t2t=config.positions == "sinusoidal_t2t",
    )


def sinusoidal_positions(count: int, dim: int, *, first: int = 0, t2t: bool = False) -> Floats:
    """Sines and cosines of every position, at wavelengths from 2 pi to 10000 * 2 pi.

    Position p has the angles p / 10000 ** (2 i / dim) (Vaswani et al. 2017, section 3.5). Marian's
    order: first the sines of all i, then the cosines; of an odd dim the sines get the larger half.
    The dot product of two rows depends on their distance alone.

    Tensor2Tensor's angles, which OpenNMT-tf and fairseq took over, are p / 10000 ** (i / (n - 1))
    for n sines: the longest wavelength is 10000 * 2 pi itself.

    Args:
        count: Number of positions.
        dim: Width of a row.
        first: The position of the first row.
        t2t: Whether the angles are Tensor2Tensor's.

    Returns:
        [count, dim], float32.

    Raises:
        ValueError: if count or first is negative or dim is not positive.
    """
    if count < 0 or dim < 1:
        raise ValueError(
            f"sinusoidal_positions: count and dim are {count} and {dim}, expected at least 0 and 1"
        )
    if first < 0:
        raise ValueError(f"sinusoidal_positions: first is {first}, expected at least 0")
    sines = (dim + 1) // 2
    exponents = np.arange(sines) / max(sines - 1, 1) if t2t else 2 * np.arange(sines) / dim
    # In double precision: an angle of some hundreds would cost float32 its last digits. A block of
    # rows at a time, since of all at once that would be four times the table.
    table = np.empty((count, dim), np.float32)
    for begin in range(0, count, _BLOCK):
        block = table[begin : begin + _BLOCK]
        positions = np.arange(first + begin, first + begin + len(block))
        angles = positions[:, None] / 10000.0**exponents
        block[:, :sines] = np.sin(angles)
        block[:, sines:] = np.cos(angles[:, : dim - sines])
    return table


def relative_buckets(distances: Ints, buckets: int, max_distance: int, bidirectional: bool) -> Ints:
    """Which of a few biases a distance has (Raffel et al. 2020, section 2.1).

    The first half of the buckets are a distance each, from 0 on; the others are wider and wider,
    each by the same factor, and reach up to `max_distance`; the last one holds what is beyond.

    Args:
        distances: Of a key from its query, position of the key less that of the query, any shape.
        buckets: How many there are in all.
        max_distance: Where the last bucket ends.
        bidirectional: Whether keys behind the query have a half of the buckets of their own, the
            second; if not, all of them count as distance 0.

    Returns:
        Buckets in [0, buckets), shaped like the distances.

    Raises:
        ValueError: if there are too few buckets to have both halves, or `max_distance` does not
            lie beyond the first half.
    """
    ways = 2 if bidirectional else 1
    one_way = buckets // ways
    exact = one_way // 2
    if exact < 1:
        raise ValueError(f"relative_buckets: buckets is {buckets}, expected at least {2 * ways}")
    if max_distance <= exact:
        raise ValueError(
            f"relative_buckets: max_distance is {max_distance}, expected more than {exact}"
        )
    size = np.abs(distances) if bidirectional else np.maximum(np.negative(distances), 0)
    octaves = np.log(np.maximum(size, exact) / exact) / math.log(max_distance / exact)
    # Where a bucket begins at a whole number, double precision may end up just below its own.
    wide = exact + np.floor(octaves * (one_way - exact) + 1e-9).astype(np.int64)
    found: Ints = np.where(size < exact, size, np.minimum(wide, one_way - 1))
    return found + np.where(distances > 0, one_way, 0) if bidirectional else found


def relative_bias_table(bias: Floats, config: ModelConfig, stack: Stack) -> Floats:
    """A bias of self-attention by bucket as one by distance, in the order in which it is read.

    With M the stack's `max_positions`, a row of scores begins at the first key. The decoder's query
    i adds the last i + 1 columns to its keys 0 to i; the encoder's query i of n keys the n columns
    from M - 1 - i on.

    Args:
        bias: [buckets, heads], float32.
        config: Says how distances fall into buckets.
        stack: "encoder", which looks to both sides, or "decoder", which looks back.

    Returns:
        [heads, 2 * M - 1] for the encoder, by the distance of the key from the query, from
        -(M - 1) to M - 1; [heads, M] for the decoder, from -(M - 1) to 0.

    Raises:
        ValueError: if the bias has another number of buckets, or as `relative_buckets` does.
        TypeError: if the bias is not a float32 array.
    """
    check_floats("relative_bias_table", "bias", bias, [config.relative_buckets, None])
    both = stack == "encoder"
    farthest = config.stack(stack).max_positions - 1
    distances = np.arange(-farthest, farthest + 1 if both else 1)
    chosen = relative_buckets(distances, config.relative_buckets, config.relative_distance, both)
    return np.ascontiguousarray(bias[chosen].T)


def global_relative_bias_table(bias: Floats, config: ModelConfig) -> Floats:
    """The bias of aggregates by bucket as one by distance in blocks.

    Args:
        bias: [buckets, heads], float32.
        config: Its encoder sees aggregates.

    Returns:
        [heads, 2 * B - 1] with B the aggregates of the longest source, by the number of an
        aggregate's block less that of the query's, from -(B - 1) to B - 1; of at least one block.

    Raises:
        ValueError: as `relative_bias_table`.
        TypeError: as `relative_bias_table`.
    """
    most = max(config.stack("encoder").max_positions // config.encoder_block, 1)
    blocks = dataclasses.replace(config, encoder_max_positions=most)
    return relative_bias_table(bias, blocks, "encoder")


def _scaled(frequencies: _Doubles, scaling: RotaryScaling) -> _Doubles:
    """Frequencies of longer waves, between two limits a mixture of old and new (Llama 3.1)."""
    turns = scaling.original_positions * frequencies / (2 * np.pi)
    own = (turns - scaling.low_frequency) / (scaling.high_frequency - scaling.low_frequency)
    own = np.clip(own, 0, 1)
    return own * frequencies + (1 - own) * frequencies / scaling.factor


def rotary_tables(config: ModelConfig, theta: float) -> tuple[Floats, Floats]:
    """The cosines and sines by which queries and keys are turned (Su et al. 2021, section 3.2.2).

    Position p turns the pair i of a head, its numbers i and i + head_dim / 2, by the angle
    p * theta ** (-2 i / head_dim): (a, b) becomes (a cos - b sin, b cos + a sin).

    Args:
        config: Its positions are "rotary".
        theta: One of its bases.

    Returns:
        Cosines and sines, [max_positions, head_dim / 2] each, float32, of angles in double
        precision. Both stacks share them, so they reach as far as the longer one.

    Raises:
        ValueError: if a head has an odd width, or other ones in the encoder than in the decoder.
    """
    head_dim, *others = (config.stack(stack).head_dim for stack in config.stacks)
    if head_dim % 2:
        raise ValueError(f"rotary_tables: head_dim is {head_dim}, expected an even number")
    for other in others:
        if other != head_dim:
            raise ValueError(
                f"rotary_tables: head_dim is {other} in the decoder, expected the encoder's "
                f"{head_dim}"
            )
    frequencies = theta ** (-2 * np.arange(head_dim // 2) / head_dim)
    if config.rotary_scaling is not None:
        frequencies = _scaled(frequencies, config.rotary_scaling)
    longest = max(config.stack(stack).max_positions for stack in config.stacks)
    angles = np.arange(longest)[:, None] * frequencies
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
