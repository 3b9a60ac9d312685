"""Sizes and variant of the stacks of a CTranslate2 model, from its variables."""

from __future__ import annotations

import dataclasses
import math
import re

from pyattn.errors import ModelError
from pyattn.files.ctranslate2.binary import WEIGHTS_FILE, Binary
from pyattn.files.ctranslate2.variables import Variables
from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS
from pyattn.model_config import Activation, Stack

# Name of a model's class to its default number of heads.
SPECS = {"": 8, "TransformerBase": 8, "TransformerBig": 16, "TransformerSpec": 8}
# The revision from which on each stack has attributes of its own.
_SCOPED = 5
_ACTIVATIONS: dict[int, Activation] = {0: "relu", 1: "gelu_tanh", 2: "silu", 3: "gelu"}
# Computed positions have no end; CTranslate2 cuts sources here by default.
_COMPUTED_POSITIONS = 1024
# Nor have distances, which share one bucket from some hundred on. This bounds tables.
_RELATIVE_POSITIONS = 4096
# How to merge the features of sources, of which there is only one; and settings of ALiBi.
_UNUSED = ("embeddings_merge", "alibi_use_positive_positions", "scale_alibi")
EMBEDDINGS = {
    "encoder": ("encoder/embeddings_0", "encoder/embeddings"),
    "decoder": ("decoder/embeddings",),
}


@dataclasses.dataclass(frozen=True)
class Variant:
    """The variant of the Transformer, which both stacks share; by the variables' names.

    Attributes:
        pre_norm: Whether norms stand in front of sub-layers.
        rms_norm: Whether norms have no beta.
        layer_norm: Whether the stacks end with a norm.
        layernorm_embedding: Whether embeddings are normalised.
        activation: Activation of feed-forward blocks.
        gated: Whether feed-forward blocks have a linear_0_noact.
        attention_bias: Whether linears of attention have biases.
        feed_forward_bias: Whether linears of feed-forward have biases.
        width: Width of all queries of a token.
        encodings: Whether there is a table of positions.
        buckets: Number of distances that the bias of self-attention distinguishes; 0 is no bias.
        relative_attention_max_distance: Distance from which on all share one bucket.
        queries_scale: Factor of queries, if it is not 1 / sqrt(head_dim).
        scale_embeddings: Factor of embeddings.
    """

    pre_norm: bool
    rms_norm: bool
    layer_norm: bool
    layernorm_embedding: bool
    activation: Activation
    gated: bool
    attention_bias: bool
    feed_forward_bias: bool
    width: int
    encodings: bool
    buckets: int
    relative_attention_max_distance: int
    queries_scale: float | None
    scale_embeddings: float


@dataclasses.dataclass(frozen=True)
class Structure:
    """The sizes of a stack, and its variant."""

    layers: int
    heads: int
    ffn: int
    positions: int
    variant: Variant


def attribute_names(binary: Binary, stack: str, name: str) -> tuple[str, ...]:
    """The names that a stack's attribute may have."""
    return (f"{stack}/{name}",) if binary.revision >= _SCOPED else (f"{stack}/{name}", name)


def relative_bias(stack: str, layer: int) -> str:
    """The variable of a layer's bias by distance, [buckets, heads]."""
    return f"{stack}/layer_{layer}/self_attention/relative_attention_bias"


def relative_distance(stack: str, layer: int) -> str:
    """The variable of the largest distance that a layer distinguishes."""
    return f"{stack}/layer_{layer}/self_attention/relative_attention_max_distance"


def read_structure(variables: Variables, binary: Binary, stack: Stack, dim: int) -> Structure:
    """The structure of a stack, from its variables.

    Raises:
        ModelError: if a value is out of range, or a variant is not supported.
    """
    name = attribute_names(binary, stack, "num_heads")
    width = variables.shape(f"{stack}/layer_0/self_attention/linear_1/weight")[1]
    heads = variables.number(*name, default=SPECS[binary.spec])
    if not (1 <= heads <= width) or width % heads:
        raise variables.error(name[0], f"is {heads:g}, expected a divisor of {width}")
    ffn = variables.shape(f"{stack}/layer_0/ffn/linear_0/weight")[0]
    variant = _variant(variables, binary, stack, dim)
    positions = _RELATIVE_POSITIONS if variant.buckets else _COMPUTED_POSITIONS
    encodings = f"{stack}/position_encodings/encodings"
    if variables.optional(encodings) is not None:
        positions = variables.shape(encodings)[0]
    if max(ffn, width) > MAX_DIM or positions > MAX_POSITIONS:
        raise ModelError(
            f"{WEIGHTS_FILE}: {stack} has {ffn} columns in layer_0/ffn, {width} in "
            f"layer_0/self_attention and {positions} positions, expected at most {MAX_DIM}, "
            f"{MAX_DIM} and {MAX_POSITIONS}"
        )
    for neutral in ("alibi", "multi_query_attention"):
        variables.expect(f"{stack}/{neutral}", 0)
    for unused in _UNUSED:
        variables.optional(*attribute_names(binary, stack, unused))
    return Structure(_layers(variables, stack), int(heads), ffn, positions, variant)


def common_variant(encoder: Structure, decoder: Structure) -> Variant:
    """The variant of both stacks.

    Raises:
        ModelError: if they differ.
    """
    for field in dataclasses.fields(Variant):
        one, other = (getattr(stack.variant, field.name) for stack in (encoder, decoder))
        if one != other:
            raise ModelError(
                f"{WEIGHTS_FILE}: {field.name} is {one} in the encoder and {other} in the decoder, "
                f"expected the same"
            )
    return encoder.variant


def _variant(variables: Variables, binary: Binary, stack: Stack, dim: int) -> Variant:
    name = attribute_names(binary, stack, "activation")
    activation = variables.number(*name, default=0)
    if activation not in _ACTIVATIONS:
        known = ", ".join(f"{number} ({name})" for number, name in _ACTIVATIONS.items())
        raise variables.error(name[0], f"is {activation:g}, supported are {known}")
    attention, ffn = f"{stack}/layer_0/self_attention", f"{stack}/layer_0/ffn"
    bias = relative_bias(stack, 0)
    distance = variables.number(relative_distance(stack, 0), default=128)
    if not 1 <= distance <= MAX_POSITIONS:
        raise variables.error(
            relative_distance(stack, 0), f"is {distance:g}, expected 1 to {MAX_POSITIONS}"
        )
    scale = f"{attention}/queries_scale"
    return Variant(
        pre_norm=variables.flag(*attribute_names(binary, stack, "pre_norm"), default=True),
        rms_norm=variables.optional(f"{ffn}/layer_norm/beta") is None,
        layer_norm=_exists(variables, f"{stack}/layer_norm"),
        layernorm_embedding=_exists(variables, f"{stack}/layernorm_embedding"),
        activation=_ACTIVATIONS[int(activation)],
        gated=_exists(variables, f"{ffn}/linear_0_noact"),
        attention_bias=variables.optional(f"{attention}/linear_0/bias") is not None,
        feed_forward_bias=variables.optional(f"{ffn}/linear_0/bias") is not None,
        width=variables.shape(f"{attention}/linear_1/weight")[1],
        encodings=_exists(variables, f"{stack}/position_encodings"),
        buckets=0 if variables.optional(bias) is None else variables.shape(bias)[0],
        relative_attention_max_distance=int(distance),
        queries_scale=None
        if variables.optional(scale) is None
        else variables.number(scale, default=1),
        scale_embeddings=_embedding_scale(variables, stack, dim),
    )


def _embedding_scale(variables: Variables, stack: str, dim: int) -> float:
    """The scale: a floating number is the scale itself, an integer is a flag for sqrt(dim)."""
    names = [f"{stack}/scale_embeddings"]
    names += [f"{name}/multiply_by_sqrt_depth" for name in EMBEDDINGS[stack]]
    scale = variables.number(*names, default=1)
    if isinstance(scale, int):
        return math.sqrt(dim) if scale else 1.0
    return scale


def _exists(variables: Variables, prefix: str) -> bool:
    return any(name.startswith(f"{prefix}/") for name in variables.names())


def _layers(variables: Variables, stack: str) -> int:
    """How many layers there are names for; that none is left out shows when they are read."""
    layer = re.compile(rf"{stack}/layer_(\d{{1,6}})/")
    found = filter(None, map(layer.match, variables.names()))
    count = max((int(match[1]) for match in found), default=-1) + 1
    if not 1 <= count <= MAX_LAYERS:
        raise ModelError(
            f"{WEIGHTS_FILE}: {count} layers of the {stack}, expected 1 to {MAX_LAYERS}"
        )
    return count
