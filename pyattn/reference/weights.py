"""From a checkpoint's tensors to the parts that a stack of layers is built from."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pyattn.blocks import NORMS, Matrix, products
from pyattn.checkpoint import Checkpoint, has_norm
from pyattn.model_config import NormKind, Stack
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.average import Average
from pyattn.reference.cross_attention import CrossAttention
from pyattn.reference.distances import Distances, Rotary
from pyattn.reference.heads import Heads
from pyattn.reference.layers import (
    FeedForward,
    LayerNorm,
    PackedLinear,
    RmsNorm,
    Watch,
    Watched,
)
from pyattn.reference.patterns import (
    Aggregates,
    Blocks,
    Norm,
    Pattern,
    States,
    StatesNorm,
    Tokens,
    Windows,
)
from pyattn.reference.positions import computed_positions, global_relative_bias_table
from pyattn.reference.self_attention import SelfAttention
from pyattn.reference.softmax import soft_capped
from pyattn.reference.ssru import Ssru

Mixer: TypeAlias = SelfAttention | Ssru | Average


@dataclasses.dataclass(frozen=True, eq=False)
class Embedding:
    """Token ids to vectors: a row of a table, scaled, plus the vectors of its position and type.

    A model may have neither. The sum is normalised if there is a norm.
    """

    tokens: Floats  # [vocab, dim]
    positions: Floats | None  # [max_positions, dim]
    types: Floats | None  # [token_types, dim]
    scale: float
    zero_start: bool  # whether the id at position 0 counts as a row of zeros
    norm: Norm

    def __call__(self, ids: Ints, first: int = 0, types: Ints | None = None) -> Floats:
        """[rows, time] -> [rows, time, dim], the first id standing at position `first`.

        `types` are [rows, time]; None is type 0 for all ids.
        """
        x = self.tokens[ids]
        x *= np.float32(self.scale)
        if self.zero_start and first == 0:
            x[:, 0] = 0
        if self.positions is not None:
            x += self.positions[first : first + ids.shape[1]]
        if self.types is not None:
            x += self.types[np.zeros_like(ids) if types is None else types]
        return self.norm(x)


@dataclasses.dataclass(frozen=True, eq=False)
class Residual:
    """x plus the sub-layer's output for x, with norms around (Xiong et al. 2020).

    A norm that a model does not have leaves its rows unchanged.
    """

    before: Norm  # of the sub-layer's input
    behind: Norm  # of its output
    after: Norm  # of the sum

    def __call__(self, x: Floats, sublayer: Callable[[Floats], Floats]) -> Floats:
        """[rows, time, dim] -> [rows, time, dim]."""
        y = self.behind(sublayer(self.before(x)))
        y += x
        return self.after(y)


@dataclasses.dataclass(frozen=True, eq=False)
class Output:
    """The projection to the vocabulary."""

    projection: PackedLinear  # [vocab, dim]
    scale: float  # of the products, without the bias
    soft_cap: float  # 0 for none

    def __call__(self, x: Floats) -> Floats:
        """[..., dim] -> logits, [..., vocab]."""
        logits = self.projection(x if self.scale == 1 else x * np.float32(self.scale))
        return soft_capped(logits, self.soft_cap) if self.soft_cap else logits


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """The parts of one of a checkpoint's two stacks, by the names of `pyattn.checkpoint`."""

    checkpoint: Checkpoint
    stack: Stack
    watch: Watch | None = None
    # By their bases.
    _rotations: dict[float, Rotary] = dataclasses.field(default_factory=dict)

    def embedding(self) -> Embedding:
        """The embeddings of tokens and of positions."""
        config = self.checkpoint.config
        positions: Floats | None = None
        if config.learned_positions:
            positions = self._tensor("positions")
        elif config.positions.startswith("sinusoidal"):
            positions = computed_positions(config, self.stack)
        return Embedding(
            self._tensor("embedding"),
            positions,
            self._tensor("types") if config.token_types and self.stack == "encoder" else None,
            config.embedding_scale,
            config.zero_start and self.stack == "decoder",
            self._norm("embedding_norm", there=config.embedding_norm),
        )

    def mixer(self, n: int) -> Mixer:
        """The decoder's self-attention, or its replacement."""
        config = self.checkpoint.config
        if config.mixer == "ssru":
            return Ssru(**self._matrices(n, "ssru"))
        if config.mixer == "average":
            return Average(
                dim=config.dim,
                activation=config.average_activation,
                **self._matrices(n, "average"),
            )
        return self.self_attention(n)

    def self_attention(self, n: int) -> SelfAttention:
        """The self-attention of a layer."""
        products = self._products(n, "self_attention")
        normed = self.checkpoint.config.query_key_norm
        return SelfAttention(
            heads=Heads.of(self.checkpoint.config, self.stack, n, "self_attention"),
            distances=self._distances[n],
            rotary=self._rotary(n),
            query_key_value=products["query_key_value"],
            output=products["output"],
            query_norm=self._head_norm(n, "query_norm") if normed else None,
            key_norm=self._head_norm(n, "key_norm") if normed else None,
        )

    def pattern(self, n: int) -> Pattern:
        """The self-attention of a layer of the encoder."""
        config, attention = self.checkpoint.config, self.self_attention(n)
        block = config.encoder_block
        match config.encoder_pattern:
            case "windows":
                return Windows(attention)
            case "tokens":
                products = self._products(n, "self_attention")
                return Tokens(
                    attention,
                    config.stack("encoder").windows[n],
                    products["global_query"],
                    products["global_key_value"],
                )
            case "aggregates":
                bias = global_relative_bias_table(self._tensor("global_relative_bias"), config)
                norm = self._norm(f"layers.{n}.self_attention.global_norm", there=True)
                return Aggregates(attention, block, norm, Distances(bias))
            case "blocks":
                return Blocks(attention, block, config.encoder_random_blocks)
            case "states":
                shift = block // 2 if config.encoder_staggered and n % 2 else 0
                return States(attention, config.encoder_global_states, block, shift)

    def cross_attention(self, n: int) -> CrossAttention:
        """The attention of a decoder layer to the source."""
        heads = Heads.of(self.checkpoint.config, self.stack, n, "cross_attention")
        return CrossAttention(heads=heads, **self._products(n, "cross_attention"))

    def feed_forward(self, n: int) -> FeedForward:
        """The feed-forward block of a layer."""
        activation = self.checkpoint.config.activation
        return FeedForward(activation=activation, **self._matrices(n, "feed_forward"))

    def residual(self, n: int, block: str) -> Residual:
        """The norms of a sub-layer."""
        config = self.checkpoint.config
        name, side = f"layers.{n}.{block}", config.norm
        there = side != "post" and has_norm(config, self.stack, n, block)
        before = self._norm(f"{name}_norm", there=there)
        if there and block == "self_attention" and self._has_states:
            states = self._norm(f"{name}.global_norm", there=True)
            before = StatesNorm(config.encoder_global_states, states, before)
        return Residual(
            before=before,
            behind=self._norm(f"{name}_post_norm", there=side == "both"),
            after=self._norm(f"{name}_norm", there=side == "post"),
        )

    def states(self) -> Floats | None:
        """The encoder's learned states, [states, dim], if it has some."""
        return self._tensor("global_states") if self._has_states else None

    def final_norm(self) -> Norm:
        """The norm at the end of the stack, if it has one."""
        return self._norm("final_norm", there=self.checkpoint.config.final_norm)

    def output(self) -> Output:
        """The end of the decoder."""
        config, tensors = self.checkpoint.config, self.checkpoint.tensors
        projection = PackedLinear(tensors["output.weight"], tensors.get("output.bias"))
        return Output(projection, config.logits_scale, config.logits_soft_cap)

    @functools.cached_property
    def _distances(self) -> list[Distances]:
        """Those of every layer; layers that are alike share one table."""
        config, stack = self.checkpoint.config, self.stack
        sizes = config.stack(stack)
        windows = sizes.windows[: sizes.layers]
        if stack == "encoder" and config.encoder_pattern not in ("windows", "aggregates"):
            windows = (0,) * sizes.layers  # the pattern decides
        if config.relative_positions and config.relative_per_layer:
            return [
                Distances.of(config, stack, window, self._tensor(f"layers.{n}.relative_bias"))
                for n, window in enumerate(windows)
            ]
        bias = self._tensor("relative_bias") if config.relative_positions else None
        tables = {window: Distances.of(config, stack, window, bias) for window in set(windows)}
        return [tables[window] for window in windows]

    @property
    def _has_states(self) -> bool:
        return self.stack == "encoder" and self.checkpoint.config.encoder_pattern == "states"

    def _rotary(self, n: int) -> Rotary | None:
        """That of a layer; layers that are alike share it."""
        config = self.checkpoint.config
        if config.positions != "rotary":
            return None
        windowed = config.stack(self.stack).windows[n] > 0
        local = config.rotary_local_theta if windowed else None
        theta = config.rotary_theta if local is None else local
        if theta not in self._rotations:
            self._rotations[theta] = Rotary.of(config, theta)
        return self._rotations[theta]

    def _products(self, n: int, block: str) -> dict[str, PackedLinear]:
        """The products of a block, by the names of `pyattn.blocks`.

        The class of a block has the names as its fields, so it accepts neither fewer nor more.
        """
        return {
            product: self._linear(f"layers.{n}.{block}", matrices)
            for product, matrices in products(block, self.checkpoint.config, self.stack).items()
        }

    def _matrices(self, n: int, block: str) -> dict[str, PackedLinear]:
        """The same with a product for each matrix."""
        return {
            matrix.name: self._linear(f"layers.{n}.{block}", (matrix,))
            for matrices in products(block, self.checkpoint.config, self.stack).values()
            for matrix in matrices
        }

    def _linear(self, name: str, matrices: tuple[Matrix, ...]) -> PackedLinear:
        """Matrices above each other, so that one product does for all of them."""

        def stacked(kind: str) -> Floats:
            tensors = [self._tensor(f"{name}.{matrix.name}.{kind}") for matrix in matrices]
            return tensors[0] if len(tensors) == 1 else np.concatenate(tensors)

        bias = any(matrix.has_bias(self.checkpoint.config) for matrix in matrices)
        product = PackedLinear(stacked("weight"), stacked("bias") if bias else None)
        if self.watch is None:
            return product
        names = tuple(f"{self.stack}.{name}.{matrix.name}.weight" for matrix in matrices)
        return Watched(product.weight, product.bias, names, self.watch)

    def _norm(self, name: str, *, there: bool) -> Norm:
        if not there:
            return _unchanged
        config = self.checkpoint.config
        vectors = [self._tensor(f"{name}.{vector}") for vector in NORMS[config.norm_kind]]
        return _NORMS[config.norm_kind](*vectors, epsilon=config.norm_epsilon)

    def _head_norm(self, n: int, name: str) -> RmsNorm:
        gamma = self._tensor(f"layers.{n}.self_attention.{name}.weight")
        return RmsNorm(gamma, self.checkpoint.config.norm_epsilon)

    def _tensor(self, name: str) -> Floats:
        return self.checkpoint.tensors[f"{self.stack}.{name}"]


def _unchanged(x: Floats) -> Floats:
    return x


_NORMS: dict[NormKind, Callable[..., Norm]] = {"layer": LayerNorm, "rms": RmsNorm}
