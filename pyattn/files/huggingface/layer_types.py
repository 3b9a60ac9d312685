"""Fields of config.json about layers that see everything, and layers with a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyattn.files.fields import Fields
from pyattn.files.reading import shown

SLIDING, FULL = "sliding_attention", "full_attention"


def windows(fields: Fields, default: Sequence[str], window: Callable[[], int]) -> tuple[int, ...]:
    """Positions that self-attention reaches to a side, per layer, the token's own included.

    Args:
        fields: Their `layer_types` say of each layer which kind it is.
        default: The types if there is no such field.
        window: Of a layer that has one; called if there is any.

    Raises:
        ModelError: if `layer_types` has other words, or not one for each layer.
    """
    types = fields.list("layer_types") or list(default)
    if len(types) != len(default) or not all(kind in (SLIDING, FULL) for kind in types):
        expected = f"{SLIDING} or {FULL} for each of {len(default)} layers"
        fields.fail("layer_types", f"is {shown(types)}, expected {expected}")
    reach = window() if SLIDING in types else 0
    return tuple(reach if kind == SLIDING else 0 for kind in types)


def rotary_theta(fields: Fields, place: str, key: str) -> float | None:
    """The base of the wavelengths in an object of config.json; None if that has none.

    Raises:
        ModelError: if the object has a scaling of positions, which is not computed.
    """
    rope = Fields({f"{place}: {key}": fields.object(key)})
    rope.choice("rope_type", {"default": None}, "default")
    return rope.optional_number("rope_theta", low=1)
