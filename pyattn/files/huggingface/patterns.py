"""What a token of the encoder sees, by the fields of config.json."""

from __future__ import annotations

from typing import Any

from pyattn.files.fields import MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.reading import shown


def windows_with_tokens(fields: Fields, layers: int) -> dict[str, Any]:
    """The attributes of "tokens": Longformer's windows, of both sides together without the token.

    Raises:
        ModelError: if a window is odd, there is not one for each layer, or windows have gaps.
    """
    value = fields.get("attention_window")
    widths = value if isinstance(value, list) else [value] * layers
    if len(widths) != layers or not all(
        type(width) is int and 2 <= width <= MAX_POSITIONS and width % 2 == 0 for width in widths
    ):
        expected = f"an even number, or a list of {layers}, one for each layer"
        fields.fail("attention_window", f"is {shown(value)}, expected {expected}")
    _check_dilation(fields)
    return {
        "encoder_pattern": "tokens",
        "encoder_windows": tuple(width // 2 + 1 for width in widths),
    }


def _check_dilation(fields: Fields) -> None:
    value = fields.get("attention_dilation")
    dilations = value if isinstance(value, list) else [value]
    if any(dilation not in (None, 1) for dilation in dilations):
        fields.fail(
            "attention_dilation",
            f"is {shown(value)}, expected 1 in every layer: windows with gaps are not supported",
        )


def blocks(fields: Fields) -> dict[str, Any]:
    """The attributes of BigBird's "blocks"; none where all tokens see all.

    Raises:
        ModelError: if a field is out of range.
    """
    kinds = {"block_sparse": True, "original_full": False}
    if not fields.choice("attention_type", kinds):
        return {}
    return {
        "encoder_pattern": "blocks",
        "encoder_block": fields.integer("block_size", high=MAX_POSITIONS),
        "encoder_random_blocks": fields.integer("num_random_blocks", low=0, high=MAX_LAYERS),
    }


def states(fields: Fields) -> dict[str, Any]:
    """The attributes of Pegasus-X's "states".

    Raises:
        ModelError: if a field is out of range, or a block has no half where it needs one.
    """
    block = fields.integer("block_size", high=MAX_POSITIONS)
    staggered = fields.boolean("stagger_local_blocks", True)
    if staggered and block % 2:
        fields.fail("block_size", f"is {block}, expected an even number for stagger_local_blocks")
    return {
        "encoder_pattern": "states",
        "encoder_block": block,
        "encoder_global_states": fields.integer("num_global_tokens", high=MAX_POSITIONS),
        "encoder_staggered": staggered,
    }
