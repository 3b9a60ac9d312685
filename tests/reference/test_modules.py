"""What modules of transformers compute is what we compute; golden/make_modules.py asked them.

The weights get their names here and not by a reader of files, so that a mistake in one of those
does not hide one in the model.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn import reference
from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.options import GenerationOptions
from support.inputs import ISAS
from support.paths import GOLDEN
from support.tolerances import FLOAT32, assert_close

Array = npt.NDArray[np.float32]
MODULES = GOLDEN / "modules"
PAIRS = range(3)


def t5(**variant: object) -> ModelConfig:
    return ModelConfig(
        family="t5",
        source_vocab=24,
        target_vocab=24,
        dim=12,
        encoder_layers=2,
        decoder_layers=3,
        encoder_heads=3,
        decoder_heads=3,
        encoder_ffn=21,
        decoder_ffn=21,
        max_positions=40,
        start=0,
        end=1,
        head_dim=5,
        norm="pre",
        norm_kind="rms",
        norm_epsilon=1e-6,
        final_norm=True,
        attention_bias=False,
        feed_forward_bias=False,
        positions="relative",
        relative_buckets=8,
        relative_distance=14,
        attention_scale=1.0,
        **variant,
    )


T5GEMMA = ModelConfig(
    family="t5gemma",
    source_vocab=24,
    target_vocab=24,
    dim=16,
    encoder_layers=3,
    decoder_layers=2,
    encoder_heads=4,
    decoder_heads=8,
    encoder_ffn=19,
    decoder_ffn=25,
    max_positions=64,
    start=2,
    end=1,
    head_dim=6,
    encoder_kv_heads=2,
    decoder_kv_heads=2,
    norm="both",
    norm_kind="rms",
    norm_epsilon=1e-6,
    final_norm=True,
    attention_bias=False,
    feed_forward_bias=False,
    activation="gelu_tanh",
    gated=True,
    positions="rotary",
    rotary_theta=100.0,
    # sliding_window is 4; to both sides, transformers' does not count the token's own position.
    encoder_windows=(5, 0, 5),
    decoder_windows=(4, 0),
    attention_scale=10**-0.5,
    attention_soft_cap=1.5,
    embedding_scale=4.0,
    logits_soft_cap=2.0,
)
GATED = {"activation": "gelu_tanh", "gated": True}
CONFIGS = {
    "t5": t5(logits_scale=12**-0.5),
    "t5-gated": t5(**GATED),
    "umt5": t5(relative_per_layer=True, **GATED),
    "t5gemma": T5GEMMA,
}

T5_NAMES = {
    "self_attention": "layer.0.SelfAttention",
    "self_attention_norm": "layer.0.layer_norm",
    "cross_attention": "layer.1.EncDecAttention",
    "cross_attention_norm": "layer.1.layer_norm",
    "query": "q",
    "key": "k",
    "value": "v",
    "output": "o",
    "gate": "wi_0",
    "down": "wo",
    "relative_bias": "layer.0.SelfAttention.relative_attention_bias.weight",
}


def t5_name(config: ModelConfig, name: str) -> str:
    """Where T5 has a tensor of ours."""
    stack, *rest = name.split(".")
    if name == "output.weight" or rest[0] == "embedding":
        tied = config.logits_scale != 1
        own = "lm_head.weight" if stack == "output" else f"{stack}.embed_tokens.weight"
        return "shared.weight" if tied else own
    if rest[0] == "final_norm":
        return f"{stack}.final_layer_norm.weight"
    # All layers but UMT5's share the first one's.
    n, rest = (rest[1], rest[2:]) if rest[0] == "layers" else ("0", rest)
    last = 1 if stack == "encoder" else 2
    names = T5_NAMES | {
        "feed_forward": f"layer.{last}.DenseReluDense",
        "feed_forward_norm": f"layer.{last}.layer_norm",
        "up": "wi_1" if config.gated else "wi",
    }
    return ".".join([stack, "block", n, *(names.get(word, word) for word in rest)])


GEMMA_NAMES = {
    "self_attention": "self_attn",
    "self_attention_norm": "pre_self_attn_layernorm",
    "self_attention_post_norm": "post_self_attn_layernorm",
    "cross_attention": "cross_attn",
    "cross_attention_norm": "pre_cross_attn_layernorm",
    "cross_attention_post_norm": "post_cross_attn_layernorm",
    "feed_forward": "mlp",
    "feed_forward_norm": "pre_feedforward_layernorm",
    "feed_forward_post_norm": "post_feedforward_layernorm",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "output": "o_proj",
    "gate": "gate_proj",
    "up": "up_proj",
    "down": "down_proj",
    "embedding": "embed_tokens.weight",
    "final_norm": "norm",
}


def gemma_name(config: ModelConfig, name: str) -> str:
    """Where T5Gemma has it."""
    del config
    if name == "output.weight":
        return "model.decoder.embed_tokens.weight"
    return ".".join(["model", *(GEMMA_NAMES.get(word, word) for word in name.split("."))])


@functools.cache
def golden(name: str) -> Mapping[str, Array]:
    with np.load(MODULES / f"{name}.npz") as arrays:
        return dict(arrays)


def weights(name: str) -> dict[str, Array]:
    """All that the module has, by its names."""
    arrays, begin, found = golden(name), 0, {}
    for key, shape in json.loads(str(arrays["shapes"])).items():
        end = begin + int(np.prod(shape))
        found[key] = (arrays["weights"][begin:end] / np.float32(64)).reshape(shape)
        begin = end
    return found


@functools.cache
def checkpoint(name: str) -> Checkpoint:
    config, theirs = CONFIGS[name], weights(name)
    of: Callable[[ModelConfig, str], str] = gemma_name if name == "t5gemma" else t5_name
    tensors = {}
    for ours, _ in tensor_shapes(config):
        tensors[ours] = theirs[of(config, ours)]
        if name == "t5gemma" and ours.endswith("norm.weight"):
            tensors[ours] = 1 + tensors[ours]
    used = {of(config, ours) for ours in tensors}
    # It lies unused where each stack has an embedding of its own.
    assert set(theirs) - used <= {"shared.weight"}
    return Checkpoint(config, tensors, GenerationOptions())


@pytest.mark.parametrize("implementation", ["numpy", *ISAS])
@pytest.mark.parametrize("name", CONFIGS)
def test_memory_and_logits_are_those_of_transformers(name: str, implementation: str) -> None:
    made = checkpoint(name)
    model: reference.Model | pyattn.Model = reference.Model(made)
    if implementation != "numpy":
        model = pyattn.Model(made, dtype="float32", isa=implementation, threads=1)
    arrays = golden(name)
    sources, targets = (
        [arrays[f"{side}_{n}"].tolist() for n in PAIRS] for side in ("source", "target")
    )
    memories, logits = model.encode(sources), model.logits(sources, targets)
    for n in PAIRS:
        assert_close(memories[n], arrays[f"memory_{n}"], FLOAT32, f"pair {n}")
        assert_close(logits[n], arrays[f"logits_{n}"], FLOAT32, f"pair {n}")
