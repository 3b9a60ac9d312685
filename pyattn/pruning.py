"""What pruning left of a model: parts that are all zero are dropped, the others counted.

Files of pruned models mostly keep the shapes of the whole model, with zeros in place of what was
removed. Left out are, from each layer,

    a unit of the feed-forward   if its column of `down` is zero, or if what it computes is always
                                 zero: its row and bias of `up` or of the gate are
    a head of an attention       if its columns of `output` are zero, or its rows and biases of
                                 `value` are

as these add nothing but zeros to a sum. In float32 results keep their bits. In int8 they do, too,
where all of a part is zero; else its numbers had a share in the scales of others, which now are
finer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.blocks import products
from pyattn.checkpoint import Checkpoint, blocks
from pyattn.model_config import ModelConfig, Stack, StackSizes
from pyattn.stored import Stored, Tensors

_Indices = npt.NDArray[np.int64]

# Of units: products handle that many side by side. Zeros fill the last ones up.
_TOGETHER = 16
# Rows that are looked at before all are: a model that is not pruned has none of zeros.
_FEW = 64


@dataclasses.dataclass(frozen=True)
class Kept:
    """What a model has of the heads and units of its layers, and what it would have uncut."""

    heads: int
    all_heads: int
    units: int
    all_units: int

    @classmethod
    def of(cls, config: ModelConfig) -> Kept | None:
        """Of all layers together; None if nothing is missing."""
        heads = all_heads = units = all_units = 0
        for stack in config.stacks:
            sizes = config.stack(stack)
            for counts, block in (
                (sizes.layer_heads, "self_attention"),
                (sizes.layer_cross_heads, "cross_attention"),
            ):
                if block in blocks(config, stack):
                    heads += sum(counts)
                    all_heads += sizes.layers * sizes.heads
            units += sum(sizes.layer_ffn)
            all_units += sizes.layers * sizes.ffn
        whole = (heads, units) == (all_heads, all_units)
        return None if whole else cls(heads, all_heads, units, all_units)

    def __str__(self) -> str:
        """For readers, such as "155 of 216 heads, 9,216 of 36,864 units of feed-forward"."""
        return (
            f"{self.heads:,} of {self.all_heads:,} heads, "
            f"{self.units:,} of {self.all_units:,} units of feed-forward"
        )


def without_zeros(checkpoint: Checkpoint) -> Checkpoint:
    """The same model without parts that are all zero; itself if there are none.

    Of each block at least one head or unit stays. Blocks with a matrix in int4 stay as they are,
    and heads where something counts them: a bias by distance, or `alignment_heads`.
    """
    config, tensors = checkpoint.config, Tensors.of(checkpoint.tensors)
    found: dict[str, Stored] = {}
    changes: dict[str, Any] = {}
    counted = {layer for layer, _ in checkpoint.generation.alignment_heads or ()}
    for stack in config.stacks:
        sizes = config.stack(stack)
        for block, attribute in _SIZES.items():
            if block not in blocks(config, stack) or (
                block == "self_attention" and config.relative_positions
            ):
                continue
            counts = list(getattr(sizes, attribute))
            for n in range(sizes.layers):
                if block == "cross_attention" and n in counted:
                    continue
                part = _Block(config, stack, sizes.of_block(n, block), block, tensors, n)
                kept = part.kept()
                if kept is not None:
                    counts[n] = len(kept)
                    found |= part.only(kept)
            if tuple(counts) != getattr(sizes, attribute):
                changes[f"{stack}_{attribute}"] = tuple(counts)
    if not changes:
        return checkpoint
    return dataclasses.replace(
        checkpoint,
        config=dataclasses.replace(config, **changes),
        tensors=Tensors({name: found.get(name, tensors.stored(name)) for name in tensors}),
    )


_SIZES = {
    "self_attention": "layer_heads",
    "cross_attention": "layer_cross_heads",
    "feed_forward": "layer_ffn",
}


@dataclasses.dataclass(frozen=True)
class _Block:
    """An attention, whose parts are heads, or a feed-forward, whose parts are units."""

    config: ModelConfig
    stack: Stack
    sizes: StackSizes
    block: str
    tensors: Tensors
    n: int

    def kept(self) -> _Indices | None:
        """The parts to keep; None if nothing can be dropped."""
        if any(stored.dtype == "int4" for stored in map(self._stored, self._names)):
            return None
        return self._kept_units() if self.block == "feed_forward" else self._kept_heads()

    def only(self, kept: _Indices) -> dict[str, Stored]:
        """The block's tensors with these parts alone, by their names."""
        found = {}
        group = self.sizes.heads // self.sizes.kv_heads
        for name in self._names:
            word, kind = name.split(".")
            parts = kept
            if word in ("key", "value", "global_key", "global_value"):
                parts = kept[::group] // group
            if self.block != "feed_forward":
                parts = _numbers(parts, self.sizes.head_dim)
            stored = self._stored(name)
            if word in ("output", "down"):
                if kind == "bias":
                    continue
                values, scale = stored.values[:, parts], stored.scale
            else:
                values = stored.values[parts]
                scale = None if stored.scale is None else stored.scale[parts]
            found[self._name(name)] = Stored(stored.dtype, values, scale)
        return found

    def _kept_units(self) -> _Indices | None:
        zero = {*_zero_columns(self._stored("down.weight"))}
        for word in ("up", "gate") if self.config.gated else ("up",):
            zero |= {*self._zero_rows(word)}
        return _rest(zero, self.sizes.ffn, _TOGETHER)

    def _kept_heads(self) -> _Indices | None:
        """Heads that share keys and values stay or go together."""
        sizes = self.sizes
        group = sizes.heads // sizes.kv_heads
        zero = _whole(_zero_columns(self._stored("output.weight")), group * sizes.head_dim)
        if self.config.encoder_pattern != "tokens":  # whose global tokens have further values
            zero |= _whole(self._zero_rows("value"), sizes.head_dim)
        rest = _rest(zero, sizes.kv_heads, 1)
        return None if rest is None else _numbers(rest, group)

    def _zero_rows(self, word: str) -> _Indices:
        """The rows of a matrix that are zero, as their biases are."""
        stored = self._stored(f"{word}.weight")
        rows = np.arange(stored.shape[0])
        if f"{word}.bias" in self._names:
            rows = np.flatnonzero(_is_zero(self._stored(f"{word}.bias")))
        if not _is_zero(stored, rows[:_FEW]).all(axis=1).any():
            return rows[:0]
        return rows[_is_zero(stored, rows).all(axis=1)]

    @property
    def _names(self) -> list[str]:
        return [
            f"{matrix.name}.{kind}"
            for matrices in products(self.block, self.config, self.stack).values()
            for matrix in matrices
            for kind in ("weight", "bias")
            if kind == "weight" or matrix.has_bias(self.config)
        ]

    def _name(self, name: str) -> str:
        return f"{self.stack}.layers.{self.n}.{self.block}.{name}"

    def _stored(self, name: str) -> Stored:
        return self.tensors.stored(self._name(name))


def _is_zero(stored: Stored, rows: Any = slice(None)) -> npt.NDArray[np.bool_]:
    """Which numbers of some rows are zero; of bfloat16 the sign does not count."""
    values = stored.values[rows]
    zero: npt.NDArray[np.bool_] = (values << 1 if stored.dtype == "bfloat16" else values) == 0
    return zero


def _zero_columns(stored: Stored) -> _Indices:
    """The columns of a matrix that are zero: rows rule them out, first one, then more at once."""
    rows, count = stored.shape
    left = np.arange(count)
    begin, step = 0, 1
    while begin < rows and len(left):
        left = left[_is_zero(stored, slice(begin, begin + step))[:, left].all(axis=0)]
        begin, step = begin + step, 4 * step
    return left


def _whole(indices: _Indices, width: int) -> set[int]:
    """The parts of `width` neighbours all of which are among the indices."""
    parts, counts = np.unique(indices // width, return_counts=True)
    return {*parts[counts == width].tolist()}


def _rest(zero: set[Any], count: int, together: int) -> _Indices | None:
    """The parts that are not zero, and as many more as make their number a multiple."""
    left = count - len(zero)
    wanted = min(max(-(-left // together) * together, 1), count)
    if wanted == count:
        return None
    kept = sorted({*range(count)} - zero)
    return np.array(sorted([*kept, *sorted(zero)[: wanted - left]]), np.int64)


def _numbers(parts: Sequence[int] | _Indices, width: int) -> _Indices:
    """The indices of all members of some parts."""
    return (np.asarray(parts)[:, None] * width + np.arange(width)).reshape(-1)
