"""Models that heads or parts of feed-forwards were cut from, layer by layer.

transformers 4 wrote the heads that it had cut from BERT and kin into `pruned_heads` of config.json,
{"layer": [heads]}, and matrices without their rows and columns into the files; transformers 5 does
neither read. For encoder-decoders it had no such function, so what they have is told by the shapes
of their files alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from pyattn.checkpoint import blocks
from pyattn.errors import ModelError
from pyattn.files.fields import Fields
from pyattn.files.huggingface.layout import Layout
from pyattn.files.named_tensors import Weights
from pyattn.files.reading import bare, shown
from pyattn.model_config import ModelConfig, Stack, StackSizes

_FIELD = "pruned_heads"
_ATTENTIONS = {"self_attention": "layer_heads", "cross_attention": "layer_cross_heads"}


@dataclasses.dataclass(frozen=True)
class Sizes:
    """A model's config with the sizes that its layers have in its files.

    Attributes:
        model: The config.
        emptied: Begins of the names of attentions without a head, such as
            "encoder.layers.3.self_attention.". In `model` they have one, or one for each that
            shares its keys and values, whose tensors are zeros: then the bias of their output is
            all that they add, as it is in transformers 4.
    """

    model: ModelConfig
    emptied: tuple[str, ...]


def read_sizes(layout: Layout, fields: Fields, weights: Weights) -> Sizes:
    """The sizes of a model's layers, by the shapes of their matrices.

    Raises:
        ModelError: if `pruned_heads` is malformed, or contradicts a tensor of an encoder that
            stands alone.
    """
    model = layout.model
    pruned = _pruned_heads(fields, model)
    changes: dict[str, Any] = {}
    emptied: list[str] = []
    for stack in model.stacks:
        sizes = model.stack(stack)
        for block in blocks(model, stack):
            if block in _ATTENTIONS:
                heads = [
                    _heads(layout, weights, f"{stack}.layers.{n}.{block}", sizes)
                    for n in range(sizes.layers)
                ]
                if "decoder" not in model.stacks:
                    _check(layout, weights, pruned, heads, sizes)
                if any(count != sizes.heads for count in heads):
                    least = sizes.heads // sizes.kv_heads
                    changes[f"{stack}_{_ATTENTIONS[block]}"] = tuple(max(n, least) for n in heads)
                emptied += [
                    f"{stack}.layers.{n}.{block}." for n, count in enumerate(heads) if not count
                ]
        widths = tuple(_widths(layout, weights, stack, sizes))
        # One width in all layers is another width than config.json's, not a cut.
        if len({*widths}) > 1:
            changes[f"{stack}_layer_ffn"] = widths
    return Sizes(dataclasses.replace(model, **changes) if changes else model, tuple(emptied))


def _heads(layout: Layout, weights: Weights, block: str, sizes: StackSizes) -> int:
    """The heads that an attention has in the files; those of config.json if they do not tell."""
    saved = layout.saved_name(f"{block}.query.weight")
    if layout.transposed or saved == layout.saved_name(f"{block}.key.weight"):
        return sizes.heads
    shape = weights.shape(saved)
    group = sizes.heads // sizes.kv_heads
    if shape is None or len(shape) != 2 or shape[0] % (group * sizes.head_dim):
        return sizes.heads  # reading it will say what is wrong
    return min(shape[0] // sizes.head_dim, sizes.heads)


def _widths(layout: Layout, weights: Weights, stack: Stack, sizes: StackSizes) -> Iterator[int]:
    for n in range(sizes.layers):
        block = f"{stack}.layers.{n}.feed_forward"
        saved = layout.saved_name(f"{block}.up.weight")
        fused = layout.model.gated and saved == layout.saved_name(f"{block}.gate.weight")
        shape = None if layout.transposed or fused else weights.shape(saved)
        width = sizes.ffn if shape is None or len(shape) != 2 else shape[0]
        yield width if 0 < width < sizes.ffn else sizes.ffn


def _pruned_heads(fields: Fields, model: ModelConfig) -> dict[int, int]:
    """How many heads the field says were cut from a layer, for those that it names."""
    counts: dict[int, int] = {}
    sizes = model.stack(model.stacks[0])
    layers = max(model.stack(stack).layers for stack in model.stacks)
    heads = max(model.stack(stack).heads for stack in model.stacks)
    known = {*map(str, range(layers))}
    for key, listed in fields.object(_FIELD).items():
        if key not in known:
            fields.fail(_FIELD, f"has layer {shown(key)}, expected 0 to {layers - 1}")
        if not isinstance(listed, list) or not all(
            type(head) is int and 0 <= head < heads for head in listed
        ):
            fields.fail(
                _FIELD, f"has {shown(listed)} for layer {key}, expected heads from 0 to {heads - 1}"
            )
        if len({*listed}) < len(listed):
            fields.fail(_FIELD, f"has {shown(listed)} for layer {key}, expected each head once")
        counts[int(key)] = min(len(listed), sizes.heads)
    return counts


def _check(
    layout: Layout, weights: Weights, pruned: dict[int, int], heads: list[int], sizes: StackSizes
) -> None:
    """Refuses a field that says something else than the file."""
    for n, count in pruned.items():
        left = sizes.heads - count
        if heads[n] != left:
            saved = layout.saved_name(f"encoder.layers.{n}.self_attention.query.weight")
            raise ModelError(
                f"{weights.file}: {bare(saved)} has shape {list(weights.shape(saved) or ())}, "
                f"config.json's {_FIELD} leaves layer {n} {left} heads of {sizes.head_dim}"
            )
