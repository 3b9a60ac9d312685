"""What cross-attention reads: keys and values in the type of the product that computes them."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import reference
from pyattn.reference.layers import PackedLinear
from support.inputs import FAMILIES, ISAS, Floats, checkpoint, sentences, targets
from support.lanes import each_on_each
from support.number_types import int8_product, weights_to_int8

ONLY_CROSS = {"*": "float32", "decoder.*.cross_attention.key_value": "int8"}


@dataclasses.dataclass(frozen=True, eq=False)
class Kept(PackedLinear):
    """Keys and values that are computed and kept in int8, a scale for each token and head."""

    head_dim: int = 0

    def __call__(self, x: Floats) -> Floats:
        bias = np.float32(0) if self.bias is None else self.bias
        made = int8_product(x.reshape(-1, x.shape[-1]), self.weight, np.asarray(bias))
        whole, scales = weights_to_int8(made.reshape(len(made), -1, self.head_dim))
        return (whole * scales).reshape(*x.shape[:-1], -1).astype(np.float32)


def kept_in_int8(plain: reference.Model) -> reference.Model:
    """The same model with keys and values of sources in int8."""
    for layer in plain._decoder.layers:
        cross = layer.cross_attention
        assert cross is not None
        kept = Kept(cross.key_value.weight, cross.key_value.bias, cross.heads.sizes.head_dim)
        object.__setattr__(cross, "key_value", kept)
    return plain


@pytest.mark.parametrize(("name", "isa"), each_on_each(["post", "pre", *FAMILIES], ISAS))
def test_int8_is_a_scale_for_each_token_and_head(name: str, isa: str) -> None:
    made = checkpoint(name)
    sources, given = sentences(1, made.config, 5, 40), targets(2, made.config, 5, 9)
    exact = np.concatenate(reference.Model(made).logits(sources, given))
    kept = kept_in_int8(reference.Model(made))
    wanted = np.concatenate(kept.logits(sources, given))
    with pyattn.Model(made, dtype=ONLY_CROSS, isa=isa, threads=2) as model:
        found = np.concatenate(model.logits(sources, given))
        aligned = model.align(sources, given)
    # An encoder's float32 sums in another order round a few numbers the other way.
    assert np.abs(found - wanted).mean() < 0.1 * np.abs(wanted - exact).mean()
    for ours, plain in zip(aligned, kept.align(sources, given), strict=True):
        np.testing.assert_allclose(ours, plain, atol=0.01)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_source_needs_as_much_memory_as_it_is_estimated_to(dtype: Any) -> None:
    made = checkpoint("pre")
    sizes = made.config.stack("decoder")
    numbers = 2 * made.config.decoder_layers * sizes.kv_heads * sizes.head_dim
    scales = 2 * made.config.decoder_layers * sizes.kv_heads
    of_source = {"float32": 4 * numbers, "bfloat16": 2 * numbers, "int8": numbers + 4 * scales}
    of_target = 4 * numbers if dtype == "float32" else 2 * numbers
    enough = 50 * of_source[dtype] + of_target
    with pyattn.Model(made, dtype=dtype, cache_bytes=enough) as model:
        assert model.estimate_memory(0, 50) == 50 * of_source[dtype]
        assert len(model.generate([[1] * 50], max_new_tokens=1)) == 1
    with pyattn.Model(made, dtype=dtype, cache_bytes=enough - 1) as model:
        assert model.estimate_memory(0, 50) == 50 * of_source[dtype]
        with pytest.raises(ValueError, match="raise cache_bytes"):
            model.generate([[1] * 50], max_new_tokens=1)


def test_long_sources_take_the_place_of_long_targets() -> None:
    made = checkpoint("post")
    short, long = sentences(3, made.config, 12, 4), sentences(4, made.config, 6, 150)
    options: dict[str, Any] = {"beam_size": 2, "suppress_tokens": (made.config.end,)}
    with pyattn.Model(made) as model:
        wanted = [model.generate(chosen, **options) for chosen in (short, long)]
        budget = model.estimate_memory(0, 170) + 170 * (model.estimate_memory(10**6) // 10**6)
    with pyattn.Model(made, cache_bytes=budget) as model:
        pending = [model.submit(chosen, **options) for chosen in (short, long)]
        found = [one.results() for one in pending]
    for ours, theirs in zip(found, wanted, strict=True):
        assert [[one.tokens for one in best] for best in ours] == [
            [one.tokens for one in best] for best in theirs
        ]
