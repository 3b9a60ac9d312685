"""The heads of a stack's attentions: shared keys and values, scale and cap of the scores."""

from __future__ import annotations

import dataclasses

from pyattn.model_config import ModelConfig, Stack, StackSizes
from pyattn.reference.arrays import Floats
from pyattn.reference.attention import (
    attend,
    attention_weights,
    by_shared_heads,
    fused_heads,
    merge_heads,
    split_heads,
)


@dataclasses.dataclass(frozen=True)
class Heads:
    """Attention between rows in which the heads lie side by side."""

    sizes: StackSizes
    scale: float
    soft_cap: float | None

    @classmethod
    def of(cls, config: ModelConfig, stack: Stack, n: int, block: str) -> Heads:
        """The heads of an attention, a block of the n-th layer."""
        sizes = config.stack(stack).of_block(n, block)
        scale = config.attention_scale
        return cls(
            sizes,
            sizes.head_dim**-0.5 if scale is None else scale,
            config.attention_soft_cap or None,
        )

    def queries(self, x: Floats) -> Floats:
        """[rows, time, width] -> [rows, heads, time, head_dim], a view if it can be."""
        return split_heads(x, self.sizes.heads)

    def keys_and_values(self, x: Floats) -> Floats:
        """[rows, time, 2 * kv_width] -> [2, rows, kv_heads, time, head_dim], a view."""
        return fused_heads(x, 2, self.sizes.kv_heads)

    def attend(self, q: Floats, k: Floats, v: Floats, bias: Floats | None) -> Floats:
        """The attention of every query, its heads side by side again, [rows, time, width]."""
        return merge_heads(attend(q, k, v, scale=self.scale, bias=bias, soft_cap=self.soft_cap))

    def weights(self, q: Floats, k: Floats, bias: Floats | None) -> Floats:
        """The weight of every key for each query, [rows, heads, time_q, time_k]."""
        return attention_weights(q, k, scale=self.scale, bias=bias, soft_cap=self.soft_cap)

    def mix(self, weights: Floats, v: Floats) -> Floats:
        """The result of `attend`, from known weights."""
        return merge_heads(by_shared_heads(weights, v))
