"""A model as read from any files: a config, and tensors under one set of names.

The names of the tensors, with `N` counting layers from 0:

    encoder.embedding                       [source_vocab, dim]
    decoder.embedding                       [target_vocab, dim]
    output.weight                           [target_vocab, dim]
    output.bias                             [target_vocab]         optional
    {encoder,decoder}.positions             [max_positions, dim]   if learned_positions
    encoder.types                           [token_types, dim]     if there are any
    {encoder,decoder}.relative_bias         [buckets, heads]       if relative_positions; or
    {encoder,decoder}.layers.N.relative_bias                       if relative_per_layer
    encoder.global_relative_bias            [buckets, heads]       of the pattern "aggregates"
    encoder.global_states                   [encoder_global_states, dim]          of "states"
    {encoder,decoder}.embedding_norm        a norm                 if embedding_norm
    {encoder,decoder}.final_norm            a norm                 if final_norm

and in every layer, {encoder,decoder}.layers.N, for each of its blocks

    BLOCK.MATRIX                            a matrix               each of `pyattn.blocks.BLOCKS`
    BLOCK_norm                              a norm                 but the first unless first_norm
    BLOCK_post_norm                         a norm                 if norm == "both"

and in every layer of an encoder whose pattern is "aggregates" or "states"

    self_attention.global_norm              a norm, of aggregates or states

The blocks are self_attention, in a decoder cross_attention, and feed_forward. A decoder whose mixer
is not attention has the block of that name, ssru or average, in the place of self_attention.

A decoder whose queries and keys are normalised has in self_attention query_norm.weight and
key_norm.weight [head_dim].

A model without a decoder has the encoder's tensors alone, one without an encoder the decoder's, and
no cross_attention.

A matrix is a `.weight`, [out, in] as PyTorch keeps them, and often a `.bias` [out]. A norm is a
`.weight` [dim] and, if norm_kind == "layer", a `.bias` [dim]. If norm == "both", BLOCK_norm stands
before the block and BLOCK_post_norm behind it.

Matrices that the checkpoint ties (embeddings, output) are one and the same object under each of
their names: one array, or in `Tensors` one stored tensor.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping

from pyattn.blocks import NORMS, products
from pyattn.model_config import NO_DECODER, ModelConfig, Stack, StackSizes
from pyattn.options import GenerationOptions
from pyattn.stored import Array, Tensors
from pyattn.text_settings import TextSettings

__all__ = ["Checkpoint", "ModelConfig", "blocks", "has_norm", "tensor_shapes"]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A model as read from its files: config, tensors by name, generation defaults.

    Attributes:
        config: The model's config.
        tensors: float32 arrays under the names in this module's docstring: a dict, or `Tensors` as
            readers of files return them, which also give access to the stored numbers.
        generation: The checkpoint's decoding defaults.
        text: How its texts are treated; None is the default of its family.
    """

    config: ModelConfig
    tensors: Mapping[str, Array]
    generation: GenerationOptions
    text: TextSettings | None = None

    def encoder(self) -> Checkpoint:
        """The encoder as a model that stands alone."""
        config = dataclasses.replace(self.config, **NO_DECODER, start=0, end=0, unk=None)
        stored = Tensors.of(self.tensors).stored
        kept = {name: stored(name) for name in self.tensors if name.startswith("encoder.")}
        return Checkpoint(config, Tensors(kept), GenerationOptions(), self.text)

    @property
    def int8(self) -> frozenset[str]:
        """Names of the matrices that are stored in int8 or int4, and so lose nothing in int8."""
        if not isinstance(self.tensors, Tensors):
            return frozenset()
        stored = self.tensors.stored
        return frozenset(name for name in self.tensors if stored(name).dtype in ("int8", "int4"))


def tensor_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the tensors that a model of this config has, but for `output.bias`."""
    if "encoder" in config.stacks:
        yield "encoder.embedding", (config.source_vocab, config.dim)
    if "decoder" in config.stacks:
        yield "decoder.embedding", (config.target_vocab, config.dim)
        yield "output.weight", (config.target_vocab, config.dim)
    for stack in config.stacks:
        yield from _stack_shapes(config, stack)


def _stack_shapes(config: ModelConfig, stack: Stack) -> Iterator[tuple[str, tuple[int, ...]]]:
    sizes = config.stack(stack)
    relative = (config.relative_buckets, sizes.heads)
    if config.learned_positions:
        yield f"{stack}.positions", (sizes.max_positions, config.dim)
    if config.token_types and stack == "encoder":
        yield "encoder.types", (config.token_types, config.dim)
    if config.relative_positions and not config.relative_per_layer:
        yield f"{stack}.relative_bias", relative
    if stack == "encoder" and config.encoder_pattern == "aggregates":
        yield "encoder.global_relative_bias", relative
    if stack == "encoder" and config.encoder_pattern == "states":
        yield "encoder.global_states", (config.encoder_global_states, config.dim)
    if config.embedding_norm:
        yield from _norm_shapes(f"{stack}.embedding_norm", config)
    for n in range(sizes.layers):
        if config.relative_positions and config.relative_per_layer:
            yield f"{stack}.layers.{n}.relative_bias", relative
        for name, shape in _layer_shapes(config, stack, sizes, n):
            yield f"{stack}.layers.{n}.{name}", shape
    if config.final_norm:
        yield from _norm_shapes(f"{stack}.final_norm", config)


def blocks(config: ModelConfig, stack: Stack) -> tuple[str, ...]:
    """The sub-layers of a layer, in the order of computation."""
    if stack == "encoder":
        return ("self_attention", "feed_forward")
    mixer = "self_attention" if config.mixer == "attention" else config.mixer
    if "encoder" not in config.stacks:
        return (mixer, "feed_forward")
    return (mixer, "cross_attention", "feed_forward")


def has_norm(config: ModelConfig, stack: Stack, n: int, block: str) -> bool:
    """Whether a block of the n-th layer has its BLOCK_norm."""
    first = n == 0 and block == blocks(config, stack)[0]
    return config.first_norm or config.norm == "post" or not first


def _layer_shapes(
    config: ModelConfig, stack: Stack, sizes: StackSizes, n: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    for block in blocks(config, stack):
        own = sizes.of_block(n, block)
        for matrix in itertools.chain(*products(block, config, stack).values()):
            shape = matrix.shape(config, own)
            yield f"{block}.{matrix.name}.weight", shape
            if matrix.has_bias(config):
                yield f"{block}.{matrix.name}.bias", shape[:1]
        if block == "self_attention" and config.query_key_norm:
            yield "self_attention.query_norm.weight", (sizes.head_dim,)
            yield "self_attention.key_norm.weight", (sizes.head_dim,)
        if has_norm(config, stack, n, block):
            yield from _norm_shapes(f"{block}_norm", config)
        if block == "self_attention" and stack == "encoder" and config.has_global_norm:
            yield from _norm_shapes("self_attention.global_norm", config)
        if config.norm == "both":
            yield from _norm_shapes(f"{block}_post_norm", config)


def _norm_shapes(name: str, config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    for vector in NORMS[config.norm_kind]:
        yield f"{name}.{vector}", (config.dim,)
