"""From the tensors of a file to those of a checkpoint, each checked against the config."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from pyattn.checkpoint import tensor_shapes
from pyattn.errors import ModelError
from pyattn.files.reading import bare, listed
from pyattn.files.tensors import Tensor
from pyattn.model_config import ModelConfig
from pyattn.stored import Stored


class Length(int):
    """The length of an axis that remembers which field of config.json it comes from."""

    key: str

    @classmethod
    def of(cls, value: int, key: str) -> Length:
        """The length `value`, which config.json gives as its field `key`."""
        length = cls(value)
        length.key = key
        return length


def named_shapes(
    config: ModelConfig, keys: Mapping[str, str]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """`tensor_shapes`, with lengths that know their fields of config.json where they are one.

    Args:
        config: The model's config.
        keys: Name in config.json of each attribute of `config` that is the length of an axis.
    """
    lengths: dict[str, Any] = {
        name: Length.of(getattr(config, name), key)
        for name, key in keys.items()
        if getattr(config, name) is not None
    }
    yield from tensor_shapes(dataclasses.replace(config, **lengths))


class Weights:
    """The tensors of a model's files; remembers which were read.

    Args:
        file: The file, or the index of several, for errors.
        tensors: By their names.
    """

    def __init__(self, file: str, tensors: Mapping[str, Tensor]) -> None:
        self.file = file
        self._tensors = tensors
        self._left = set(tensors)

    def optional(self, name: str) -> Tensor | None:
        """The tensor of that name, if there is one."""
        self._left.discard(name)
        return self._tensors.get(name)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of the tensor of that name, if there is one; it does not count as read."""
        tensor = self._tensors.get(name)
        return None if tensor is None else tensor.shape

    def take(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """The tensor of that name.

        Raises:
            ModelError: if there is none, or it has another shape.
        """
        tensor = self.optional(name)
        if tensor is None:
            raise ModelError(f"{self.file}: {bare(name)} is missing")
        check_shape(tensor, shape)
        return tensor

    def leave(self, begin: str) -> None:
        """Counts tensors whose names begin so as read."""
        self._left = {name for name in self._left if not name.startswith(begin)}

    def counts(self) -> dict[str, int]:
        """How many numbers of which type there are."""
        counts: dict[str, int] = {}
        for tensor in self._tensors.values():
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.values.size
        return counts

    def check_all_taken(self, family: str) -> None:
        """Checks that all tensors were read, as an unused tensor means another kind of model.

        Raises:
            ModelError: if tensors are left; the message names the first of them.
        """
        if self._left:
            raise ModelError(
                f"{self.file}: {listed(sorted(self._left))}: no such tensors in a model of "
                f"family {bare(family)}, with as many layers as config.json says"
            )


def tied(
    weights: Weights, shapes: Mapping[str, tuple[int, ...]], names: Mapping[str, str]
) -> dict[str, Stored]:
    """Matrices of which files may repeat one under several names: then one object.

    Args:
        weights: The file's tensors.
        shapes: Shape of each matrix, by its name in a checkpoint.
        names: Name in the file, likewise.

    Raises:
        ModelError: if one is missing, or has another shape.
    """
    found: dict[str, Stored] = {}
    distinct: list[tuple[Tensor, Stored]] = []
    for name, saved in names.items():
        tensor = weights.take(saved, shapes[name])
        for other, stored in distinct:
            if tensor.same_bits(other):
                found[name] = stored
                break
        else:
            found[name] = tensor.stored()
            distinct.append((tensor, found[name]))
    return found


def check_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Checks that a tensor has the shape that config.json gives it.

    Raises:
        ModelError: if it does not; the message names the field with the other value.
    """
    if tensor.shape == shape:
        return
    place = f"{tensor.file}: {bare(tensor.name)} has shape {list(tensor.shape)}"
    if len(tensor.shape) != len(shape):
        raise ModelError(f"{place}, expected {[int(length) for length in shape]}")
    wrong = next(b for a, b in zip(tensor.shape, shape, strict=True) if a != b)
    if isinstance(wrong, Length):
        raise ModelError(f"{place}, config.json's {wrong.key} says {wrong}")
    raise ModelError(f"{place}, expected {list(map(int, shape))} by config.json")
