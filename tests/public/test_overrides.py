"""What editors are told of options is what there is."""

import dataclasses
import inspect
import typing
from collections.abc import Sequence
from typing import Any

import pyattn
from pyattn.overrides import Limits, Overrides


def loosened(hint: Any) -> Any:
    """A type with sequences for its tuples of any length."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and arguments[-1] is Ellipsis:
        return Sequence[loosened(arguments[0])]  # type: ignore[misc]
    if typing.get_origin(hint) is tuple:
        return tuple[tuple(map(loosened, arguments))]  # type: ignore[misc]
    if arguments and type(None) in arguments:
        [rest] = [one for one in arguments if one is not type(None)]
        return loosened(rest) | None
    return hint


def test_overrides_are_the_fields_of_the_options() -> None:
    fields = typing.get_type_hints(pyattn.GenerationOptions)
    assert list(fields) == [one.name for one in dataclasses.fields(pyattn.GenerationOptions)]
    assert typing.get_type_hints(Overrides) == {n: loosened(h) for n, h in fields.items()}
    assert not Overrides.__required_keys__


def test_limits_are_arguments_of_the_model() -> None:
    parameters = inspect.signature(pyattn.Model.__init__).parameters
    hints = typing.get_type_hints(Limits)
    assert hints.keys() == parameters.keys() - {"self", "checkpoint", "dtype", "threads"}
