"""Fields of config.json about rotary positions of decoders that stand alone.

transformers 5 keeps them in `rope_parameters`; files of 4 have `rope_theta` and `rope_scaling`.
"""

from __future__ import annotations

from typing import Any

from pyattn.files.fields import MAX_POSITIONS, Fields
from pyattn.files.huggingface.layout import CONFIG_FILE
from pyattn.files.reading import shown
from pyattn.model_config import RotaryScaling

_THETA = 10000.0
_LLAMA_3 = "llama3"
# Factors far beyond those of any model.
_MOST = 1e6


def rotary_fields(fields: Fields) -> dict[str, Any]:
    """The attributes of `ModelConfig` that say how queries and keys are turned.

    Args:
        fields: Those of config.json; `max_position_embeddings` is what a scaling starts from if it
            does not say so.

    Raises:
        ModelError: if a field is out of range, or positions are scaled in a way that pyattn does
            not compute.
    """
    theta, scaling = fields.number("rope_theta", _THETA, low=1), None
    for key in ("rope_scaling", "rope_parameters"):
        values = fields.object(key)
        if not values:
            continue
        place = f"{CONFIG_FILE}: {key}"
        rope = Fields({place: values})
        theta = rope.number("rope_theta", theta, low=1)
        # Files of the first years call it `type`.
        kind = rope.text("rope_type", rope.text("type", "default"))
        if kind not in ("default", _LLAMA_3):
            name = "rope_type" if "rope_type" in values else "type"
            rope.fail(name, f"is {shown(kind)}, supported are default, {_LLAMA_3}")
        if rope.number("partial_rotary_factor", 1.0, low=0, high=1) != 1:
            rope.fail("partial_rotary_factor", "is below 1, expected heads that turn as a whole")
        scaling = _llama_3(rope, fields) if kind == _LLAMA_3 else None
    if fields.number("partial_rotary_factor", 1.0, low=0, high=1) != 1:
        fields.fail("partial_rotary_factor", "is below 1, expected heads that turn as a whole")
    return {"rotary_theta": theta, "rotary_scaling": scaling}


def _llama_3(rope: Fields, fields: Fields) -> RotaryScaling:
    """Llama 3.1's: long wavelengths grow by the factor, short ones stay."""
    for key in ("factor", "low_freq_factor", "high_freq_factor"):
        if rope.get(key) is None:
            rope.fail(key, f"is missing, expected a number for rope_type {_LLAMA_3}")
    usual = fields.integer("max_position_embeddings", high=MAX_POSITIONS)
    low = rope.number("low_freq_factor", 1.0, low=1e-6, high=_MOST)
    high = rope.number("high_freq_factor", 4.0, low=1e-6, high=_MOST)
    if high <= low:
        rope.fail("high_freq_factor", f"is {high:g}, expected more than low_freq_factor, {low:g}")
    return RotaryScaling(
        factor=rope.number("factor", 1.0, low=1, high=_MOST),
        low_frequency=low,
        high_frequency=high,
        original_positions=rope.integer(
            "original_max_position_embeddings", usual, high=MAX_POSITIONS
        ),
    )
