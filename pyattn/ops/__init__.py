"""The kernels for NumPy users: float32 arrays in, float32 arrays out, read where they lie.

Arrays are taken without a copy if their last axis is contiguous (`attention`) or if they are in C
order (the others). Every function releases the GIL; large work runs on as many threads as the
process may use, and can be interrupted. Denormal numbers count as zero.
"""

from __future__ import annotations

from pyattn._core import PackedLinear, Selection
from pyattn.ops.attention import attention, attention_step, linear_attention, multi_head_attention
from pyattn.ops.norms import layer_norm, rms_norm
from pyattn.ops.products import best_tokens, feed_forward, linear, pack, sample_tokens, select
from pyattn.ops.types import Activation, DType
from pyattn.segments import KeySegment

__all__ = [
    "Activation",
    "DType",
    "KeySegment",
    "PackedLinear",
    "Selection",
    "attention",
    "attention_step",
    "best_tokens",
    "feed_forward",
    "layer_norm",
    "linear",
    "linear_attention",
    "multi_head_attention",
    "pack",
    "rms_norm",
    "sample_tokens",
    "select",
]
