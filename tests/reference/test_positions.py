"""Buckets, tables of relative biases and rotary angles, against definitions written out."""

import cmath
import dataclasses

import numpy as np
import pytest

from pyattn.model_config import ModelConfig, Stack
from pyattn.reference.distances import Distances, Rotary
from pyattn.reference.positions import (
    computed_positions,
    global_relative_bias_table,
    relative_bias_table,
    relative_buckets,
    rotary_tables,
)
from support.inputs import checkpoint, floats
from support.tolerances import EXACT, FLOAT32, assert_close


def bucket_by_hand(distance: int, buckets: int, max_distance: int, bidirectional: bool) -> int:
    """In whole numbers: bucket exact + n begins at exact * (max_distance / exact) ** (n / wide)."""
    size, offset = abs(distance), 0
    if bidirectional:
        buckets //= 2
        offset = buckets if distance > 0 else 0
    elif distance > 0:
        size = 0
    exact = buckets // 2
    if size < exact:
        return offset + size
    wide = buckets - exact
    passed = [n for n in range(wide) if size**wide * exact**n >= max_distance**n * exact**wide]
    return offset + exact + passed[-1]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("buckets", "max_distance"), [(32, 128), (32, 129), (8, 14), (4, 3), (33, 100), (64, 4096)]
)
def test_buckets_are_those_of_exact_arithmetic(
    buckets: int, max_distance: int, bidirectional: bool
) -> None:
    distances = np.concatenate([np.arange(-300, 301), [-5000, -4096, -4095, 4095, 4096, 5000]])
    found = relative_buckets(distances, buckets, max_distance, bidirectional)
    wanted = [bucket_by_hand(int(d), buckets, max_distance, bidirectional) for d in distances]
    assert found.tolist() == wanted
    assert set(found.tolist()) <= set(range(buckets))


def test_buckets_of_t5_are_these() -> None:
    # T5's own: 32 buckets up to 128, in the encoder 16 to each side.
    ahead = [0, 17, 23, 24, 24, 25, 26, 31, 31]
    distances = np.array([0, 1, 7, 8, 11, 12, 16, 113, 999])
    assert relative_buckets(distances, 32, 128, True).tolist() == ahead
    assert relative_buckets(-distances, 32, 128, True).tolist() == [max(n - 16, 0) for n in ahead]
    assert relative_buckets(distances, 32, 128, False).tolist() == [0] * 9
    behind = np.array([0, 15, 16, 18, 19, 112, 113, 128])
    assert relative_buckets(-behind, 32, 128, False).tolist() == [0, 15, 16, 16, 17, 30, 31, 31]


@pytest.mark.parametrize(
    ("buckets", "max_distance", "bidirectional", "message"),
    [
        (1, 9, False, "buckets is 1, expected at least 2"),
        (3, 9, True, "buckets is 3, expected at least 4"),
        (32, 16, False, "max_distance is 16, expected more than 16"),
    ],
)
def test_buckets_that_cannot_be_are_refused(
    buckets: int, max_distance: int, bidirectional: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=f"relative_buckets: {message}"):
        relative_buckets(np.arange(3), buckets, max_distance, bidirectional)


def config(name: str, **changes: object) -> ModelConfig:
    return dataclasses.replace(checkpoint(name).config, **changes)


@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_bias_table_has_the_bias_of_each_distance(stack: Stack) -> None:
    made = config("t5", max_positions=40)
    bias = floats(1, made.relative_buckets, 3)
    table = relative_bias_table(bias, made, stack)
    assert table.shape == (3, 79 if stack == "encoder" else 40)
    for column, distance in enumerate(range(-39, table.shape[1] - 39)):
        of = bucket_by_hand(
            distance, made.relative_buckets, made.relative_distance, stack == "encoder"
        )
        assert_close(table[:, column], bias[of], EXACT)


def test_bias_of_another_number_of_buckets_is_refused() -> None:
    with pytest.raises(ValueError, match="bias has shape \\[11, 3\\], expected \\[12, any\\]"):
        relative_bias_table(floats(1, 11, 3), config("t5"), "encoder")


@pytest.mark.parametrize(("longest", "blocks"), [(70, 4), (64, 4), (63, 3), (15, 1)])
def test_bias_of_aggregates_is_that_of_distances_in_blocks(longest: int, blocks: int) -> None:
    made = config("t5", max_positions=20, encoder_max_positions=longest, encoder_block=16)
    bias = floats(1, made.relative_buckets, 3)
    table = global_relative_bias_table(bias, made)
    assert table.shape == (3, 2 * blocks - 1)
    for column, distance in enumerate(range(1 - blocks, blocks)):
        of = bucket_by_hand(distance, made.relative_buckets, made.relative_distance, True)
        assert_close(table[:, column], bias[of], EXACT)


def test_tables_are_as_long_as_the_sequences_of_their_stack() -> None:
    made = config("t5", max_positions=20, encoder_max_positions=33)
    bias = floats(1, made.relative_buckets, 3)
    assert relative_bias_table(bias, made, "encoder").shape == (3, 65)
    assert relative_bias_table(bias, made, "decoder").shape == (3, 20)
    assert [len(computed_positions(made, stack)) for stack in made.stacks] == [33, 20]
    # Of both stacks at once.
    cos, sin = rotary_tables(config("gemma", max_positions=20, encoder_max_positions=33), 10000.0)
    assert len(cos) == len(sin) == 33


@pytest.mark.parametrize("window", [0, 1, 3, 50])
@pytest.mark.parametrize("stack", ["encoder", "decoder"])
@pytest.mark.parametrize("learned", [False, True])
def test_distances_add_what_a_loop_over_queries_and_keys_adds(
    stack: Stack, window: int, learned: bool
) -> None:
    made = config("t5", max_positions=20)
    bias = floats(1, made.relative_buckets, 3) if learned else None
    distances = Distances.of(made, stack, window, bias)
    for first, queries, keys in [(0, 1, 1), (0, 20, 20), (19, 1, 20), (4, 7, 11), (0, 5, 5)]:
        wanted = np.zeros((3, queries, keys))
        for i, j in np.ndindex(queries, keys):
            distance = j - (first + i)
            if bias is not None:
                both = stack == "encoder"
                bucket = bucket_by_hand(
                    distance, made.relative_buckets, made.relative_distance, both
                )
                wanted[:, i, j] = bias[bucket]
            if (stack == "decoder" and distance > 0) or (window and abs(distance) >= window):
                wanted[:, i, j] = -np.inf
        found = distances(first, queries, keys)
        assert (found is None) == (not wanted.any())
        if found is not None:
            assert_close(np.broadcast_to(found, wanted.shape), wanted, EXACT)


def test_rotary_tables_are_cosines_and_sines() -> None:
    cos, sin = rotary_tables(config("gemma", max_positions=500), 777.0)
    assert cos.shape == sin.shape == (500, 3)
    for p, i in np.ndindex(cos.shape):
        turn = cmath.exp(1j * p * 777.0 ** (-i / 3))
        # Rounded once, from double precision.
        assert (cos[p, i], sin[p, i]) == (np.float32(turn.real), np.float32(turn.imag))


def test_rotary_multiplies_complex_numbers() -> None:
    x = floats(1, 2, 5, 3, 6)
    wanted = np.empty(x.shape)
    for row, time, head, i in np.ndindex(2, 5, 3, 3):
        number = complex(*x[row, time, head, [i, i + 3]])
        turned = number * cmath.exp(1j * (time + 7) * 1000.0 ** (-i / 3))
        wanted[row, time, head, [i, i + 3]] = turned.real, turned.imag
    assert_close(Rotary.of(config("gemma"), 1000.0)(x, 7), wanted, FLOAT32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head_dim": 5}, "head_dim is 5, expected an even number"),
        (
            {"head_dim": None, "dim": 24},
            "head_dim is 4 in the decoder, expected the encoder's 6",
        ),
    ],
)
def test_heads_that_cannot_be_turned_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"rotary_tables: {message}"):
        rotary_tables(config("gemma", **changes), 1000.0)
