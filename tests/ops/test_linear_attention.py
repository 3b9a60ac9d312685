"""Linear attention, against the definition with all pairs of positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyattn import ops, reference
from support.inputs import ISAS, Floats, floats
from support.tolerances import FLOAT32, assert_close

SIZES = [(1, 1), (3, 5), (7, 16), (16, 15), (20, 20), (33, 31), (64, 64), (65, 127)]
TIMES = [(1, 1), (1, 40), (9, 33), (70, 70)]


def inputs(
    time_q: int, time_k: int, head_dim: int, value_dim: int, *, batch: int = 2, heads: int = 3
) -> tuple[Floats, Floats, Floats]:
    return (
        floats(1, batch, heads, time_q, head_dim),
        floats(2, batch, heads, time_k, head_dim),
        floats(3, batch, heads, time_k, value_dim),
    )


def by_pairs(
    q: Floats, k: Floats, v: Floats, *, lengths: Any = None, causal: bool = False
) -> Floats:
    """The weight of every pair of a query and a key, in double precision."""

    def features(x: Floats) -> Any:
        wide = x.astype(np.float64)
        return np.where(wide > 0, wide + 1, np.exp(np.minimum(wide, 0)))

    weights = features(q) @ features(k).swapaxes(-1, -2)
    queries, keys = np.arange(q.shape[2])[:, None], np.arange(k.shape[2])
    if causal:
        weights = weights * (keys <= queries + k.shape[2] - q.shape[2])
    if lengths is not None:
        weights = weights * (keys < np.array(lengths)[:, None, None, None])
    total = weights.sum(-1, keepdims=True)
    means = (weights / np.where(total == 0, 1, total)) @ v.astype(np.float64)
    return means.astype(np.float32)


@pytest.mark.parametrize("causal", [False, True])
def test_definition_is_the_mean_by_pairs(causal: bool) -> None:
    for (time_q, time_k), (head_dim, value_dim) in zip(TIMES, SIZES, strict=False):
        q, k, v = inputs(time_q, time_k, head_dim, value_dim)
        lengths = [time_k // 2, time_k]
        for options in ({"causal": causal}, {"causal": causal, "lengths": lengths}):
            assert_close(
                reference.linear_attention(q, k, v, **options),
                by_pairs(q, k, v, **options),
                FLOAT32,
            )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("sizes", SIZES)
def test_matches_the_mean_by_pairs(isa: str, sizes: tuple[int, int]) -> None:
    for time_q, time_k in TIMES:
        q, k, v = inputs(time_q, time_k, *sizes)
        for options in (
            {},
            {"causal": True},
            {"lengths": [0, time_k // 2]},
            {"lengths": np.array([time_k, time_k - 1]), "causal": True},
        ):
            found = ops.linear_attention(q, k, v, isa=isa, **options)
            case = f"{time_q} queries, {time_k} keys, {options}"
            assert_close(found, by_pairs(q, k, v, **options), FLOAT32, case)


@pytest.mark.parametrize("isa", ISAS)
def test_keys_that_do_not_exist_are_never_read(isa: str) -> None:
    q, k, v = inputs(4, 6, 8, 8)
    wanted = ops.linear_attention(q, k, v, lengths=[3, 5], isa=isa)
    for row, length in enumerate([3, 5]):
        k[row, :, length:], v[row, :, length:] = np.nan, np.inf
    np.testing.assert_array_equal(ops.linear_attention(q, k, v, lengths=[3, 5], isa=isa), wanted)
    assert not np.isnan(wanted).any()


# The level "reference" computes in double precision, where they do not vanish.
@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa != "reference"])
def test_features_that_vanish_give_zeros(isa: str) -> None:
    q, k, v = inputs(3, 5, 4, 6)
    k[:] = -200.0
    assert not ops.linear_attention(q, k, v, isa=isa).any()
    assert not reference.linear_attention(q, k, v).any()


@pytest.mark.parametrize("isa", ISAS)
def test_nan_stays_where_it_is_seen(isa: str) -> None:
    q, k, v = inputs(6, 6, 8, 8)
    k[0, 1, 4, 2] = np.nan
    found = ops.linear_attention(q, k, v, causal=True, isa=isa)
    assert np.isnan(found[0, 1, 4:]).all()
    found[0, 1, 4:] = 0
    assert np.isfinite(found).all()


@pytest.mark.parametrize("isa", ISAS)
def test_query_has_the_same_bits_in_any_batch_and_layout(isa: str) -> None:
    q, k, v = inputs(40, 50, 20, 24, batch=3)
    for causal in (False, True):
        together = ops.linear_attention(q, k, v, causal=causal, isa=isa)
        for row in range(3):
            one = [np.asfortranarray(x[row : row + 1]) for x in (q, k, v)]
            alone = ops.linear_attention(*one, causal=causal, isa=isa)
            np.testing.assert_array_equal(alone, together[row : row + 1])
        last = ops.linear_attention(q[:, :, -1:], k, v, causal=causal, isa=isa)
        np.testing.assert_array_equal(last, together[:, :, -1:])


def test_levels_with_a_fused_multiply_add_agree_to_the_bit() -> None:
    q, k, v = inputs(33, 70, 24, 40)
    levels = [isa for isa in ISAS if isa not in ("portable", "reference")]
    found = [ops.linear_attention(q, k, v, causal=True, isa=isa).tobytes() for isa in levels]
    assert len(set(found)) <= 1


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": (2, 3, 5, 9)}, r"k has shape \[2, 3, 5, 9\]"),
        ({"v": (2, 3, 4, 8)}, r"v has shape \[2, 3, 4, 8\]"),
        ({"v": (2, 2, 5, 8)}, r"v has shape \[2, 2, 5, 8\]"),
        ({"q": (2, 3, 8)}, r"q has shape \[2, 3, 8\]"),
        ({"q": (2, 3, 6, 8), "causal": True}, "q has 6 positions, expected at most k's 5"),
        ({"lengths": [1, 6]}, "lengths"),
        ({"lengths": [1]}, "lengths"),
    ],
)
def test_what_does_not_fit_is_named(module: Any, change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"q": (2, 3, 4, 8), "k": (2, 3, 5, 8), "v": (2, 3, 5, 8)} | change
    for name in "qkv":
        arguments[name] = np.zeros(arguments[name], np.float32)
    with pytest.raises(ValueError, match=f"linear_attention: {message}"):
        module.linear_attention(**arguments)


@pytest.mark.parametrize("module", [ops, reference])
def test_other_numbers_are_refused(module: Any) -> None:
    q, k, v = inputs(1, 1, 2, 2)
    with pytest.raises(TypeError, match="linear_attention: k has dtype float64, expected float32"):
        module.linear_attention(q, k.astype(np.float64), v)
