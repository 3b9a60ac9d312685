"""Which parts of zeros a model is read without, and which stay."""

import dataclasses
import pathlib

import numpy as np
import pytest

from pyattn import reference
from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.pruning import without_zeros
from support.inputs import checkpoint
from support.paths import GOLDEN
from support.tolerances import FLOAT32, assert_close


def grouped_decoder() -> Checkpoint:
    """Six heads, two for each of three of keys and values, and 40 units."""
    made = read_checkpoint(GOLDEN / "decoders" / "llama-tied")
    sizes = {"decoder_heads": 6, "decoder_kv_heads": 3, "head_dim": 4, "decoder_ffn": 40}
    config = dataclasses.replace(made.config, **sizes)
    draw = np.random.default_rng(7)
    tensors = {
        name: draw.normal(size=shape).astype(np.float32) for name, shape in tensor_shapes(config)
    }
    return dataclasses.replace(made, config=config, tensors=tensors)


def assert_same_logits(found: Checkpoint, given: Checkpoint) -> None:
    prompts, more = [[5, 6, 7], [9]], [[4, 3], [8] * 5]
    one, other = (reference.Model(model).logits(prompts, more) for model in (found, given))
    for ours, theirs in zip(one, other, strict=True):
        assert_close(ours, theirs, FLOAT32)


@pytest.mark.parametrize("group", [0, 1, 2])
@pytest.mark.parametrize("word", ["value", "output"])
def test_heads_that_share_keys_go_together_and_only_whole(group: int, word: str) -> None:
    made = grouped_decoder()
    tensors = {name: np.array(array) for name, array in made.tensors.items()}
    block = "decoder.layers.{}.self_attention.{}.weight"
    if word == "value":
        tensors[block.format(1, word)][4 * group : 4 * group + 4] = 0
        tensors[block.format(0, word)][4 * group : 4 * group + 3] = 0
    else:
        tensors[block.format(1, word)][:, 8 * group : 8 * group + 8] = 0
        tensors[block.format(0, word)][:, 8 * group : 8 * group + 7] = 0
    given = dataclasses.replace(made, tensors=tensors)
    found = without_zeros(given)
    assert found.config.decoder_layer_heads == (6, 4)
    assert_same_logits(found, given)


def test_zeros_with_a_sign_are_zeros_and_those_in_int4_stay(tmp_path: pathlib.Path) -> None:
    made = grouped_decoder()
    tensors = {name: np.array(array) for name, array in made.tensors.items()}
    tensors["decoder.layers.1.feed_forward.down.weight"][:, 4:30] = -0.0
    given = dataclasses.replace(made, tensors=tensors)
    widths = {"float32": (40, 16), "bfloat16": (40, 16), "int4": (40, 40)}
    for dtype, expected in widths.items():
        write_native(tmp_path / dtype, given, dtype=dtype)
        sizes = read_checkpoint(tmp_path / dtype).config.stack("decoder")
        assert tuple(sizes.layer_ffn) == expected, dtype


def test_heads_that_a_bias_by_distance_counts_stay() -> None:
    made = checkpoint("t5")
    assert made.config.relative_positions
    tensors = {name: np.array(array) for name, array in made.tensors.items()}
    tensors["encoder.layers.1.self_attention.output.weight"][:] = 0
    found = without_zeros(dataclasses.replace(made, tensors=tensors))
    assert found.config.encoder_layer_heads == made.config.encoder_layer_heads


def test_heads_of_which_global_tokens_have_other_values_stay() -> None:
    made = read_checkpoint(GOLDEN / "long" / "led")
    assert made.config.encoder_pattern == "tokens"
    tensors = {name: np.array(array) for name, array in made.tensors.items()}
    block, width = "encoder.layers.1.self_attention", made.config.stack("encoder").head_dim
    for kind in ("weight", "bias"):
        tensors[f"{block}.value.{kind}"][:width] = 0
    given = dataclasses.replace(made, tensors=tensors)
    assert without_zeros(given).config.encoder_layer_heads == made.config.encoder_layer_heads
    tensors[f"{block}.output.weight"][:, :width] = 0
    heads = made.config.stack("encoder").heads
    assert without_zeros(given).config.encoder_layer_heads == (heads, heads - 1)
