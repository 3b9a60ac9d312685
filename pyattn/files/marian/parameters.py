"""The parameters of a Marian model, each checked when it is asked for."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping

import numpy as np

from pyattn.errors import ModelError
from pyattn.files.archives import plain_name, read_plain
from pyattn.files.marian.binary import read_binary_items
from pyattn.files.marian.items import ALPHA_SUFFIX, MODEL_YML, Item
from pyattn.files.marian.npz import read_npz
from pyattn.files.reading import bare, listed
from pyattn.files.tensors import Tensor
from pyattn.stored import Stored

NPZ_SUFFIX = ".npz"
# Of a tied output layer, which has no weight of its own.
_NAMELESS = "none"
_MOST_TEXT = 1 << 20


def read_parameters(path: pathlib.Path) -> Parameters:
    """The parameters in a `.npz` or `.bin`, also if it ends in .gz.

    Raises:
        ModelError: if the file is malformed.
    """
    content = read_plain(path)
    if plain_name(path).endswith(NPZ_SUFFIX):
        return Parameters(path.name, read_npz(path.name, content))
    return Parameters(path.name, read_binary_items(path.name, content))


class Parameters:
    """The parameters of a file; remembers which were asked for.

    Args:
        file: Its name, for errors.
        items: By their names.
    """

    def __init__(self, file: str, items: Mapping[str, Item]) -> None:
        self.file = file
        self._items = items
        self._left = set(items)
        # One parameter is one matrix, however often it is asked for: layers may be tied.
        self._matrices: dict[str, Stored] = {}

    def __contains__(self, name: str) -> bool:
        """Whether there is a parameter of that name."""
        return name in self._items

    def error(self, name: str, problem: str) -> ModelError:
        """The error of a parameter that cannot be used."""
        return ModelError(f"{self.file}: {bare(name)} {problem}")

    def counts(self) -> dict[str, int]:
        """How many numbers of which type there are, but for those that are no weights."""
        counts: dict[str, int] = {}
        for name, item in self._items.items():
            if name != MODEL_YML and not name.endswith(ALPHA_SUFFIX):
                kind = item.dtype if isinstance(item, Tensor) else "I8"
                counts[kind] = counts.get(kind, 0) + item.values.size
        return counts

    def model_yml(self) -> bytes:
        """The options that the model was made with, without the 0 at their end."""
        item = self._item(MODEL_YML)
        if isinstance(item, Stored) or item.dtype != "I8" or item.values.size > _MOST_TEXT:
            raise self.error(MODEL_YML, f"is no text of at most {_MOST_TEXT} bytes")
        return item.values.tobytes().rstrip(b"\0")

    def layers(self, stack: str) -> int:
        """The highest number of a layer that there are names for, from 1 on; 0 if there is none."""
        layer = re.compile(rf"{stack}_l([1-9]\d{{0,5}})_")
        found = filter(None, map(layer.match, self._items))
        return max((int(match[1]) for match in found), default=0)

    def shape(self, name: str) -> tuple[int, int]:
        """The shape of an embedding or of a matrix, [in, out] then.

        Raises:
            ModelError: if there is no such parameter, or it is no matrix.
        """
        item = self._item(name)
        shape = item.values.shape
        if len(shape) != 2:
            raise self.error(name, f"has shape {list(shape)}, expected a matrix")
        turned = isinstance(item, Stored) and not name.endswith("Wemb")
        return (shape[1], shape[0]) if turned else (shape[0], shape[1])

    def embedding(self, name: str, rows: int, columns: int) -> Stored:
        """What lies in a checkpoint as it does in the file, [rows, columns].

        Raises:
            ModelError: if there is no such parameter, or it has another shape or no weights' type.
        """
        self._check_shape(name, (rows, columns))
        return self._matrix(name, turned=False)

    def matrix(self, name: str, rows: int, columns: int) -> Stored:
        """The matrix [rows, columns] of a product, which the file has as [columns, rows].

        Raises:
            ModelError: as `embedding`.
        """
        self._check_shape(name, (columns, rows))
        return self._matrix(name, turned=True)

    def vector(self, name: str, size: int) -> Stored:
        """A bias, or what a norm multiplies by; files have it as [1, size].

        Raises:
            ModelError: as `embedding`.
        """
        item = self._item(name)
        if isinstance(item, Stored) or item.shape not in ((1, size), (size,)):
            raise self.error(
                name, f"has shape {list(item.values.shape)}, expected floats of [1, {size}]"
            )
        return Stored("float32", item.float32().reshape(size))

    def check_alphas(self) -> None:
        """That what inputs would be multiplied by, if there is such a number, is one.

        They are not used. Here every row of inputs has a range of its own, and the same integers on
        every CPU; a range that was fixed beforehand cuts off what is larger than what was seen
        then, and is never the better one.

        Raises:
            ModelError: if one is no positive number, or belongs to no parameter.
        """
        for name in sorted(self._left):
            if not name.endswith(ALPHA_SUFFIX):
                continue
            weight = name.removesuffix(ALPHA_SUFFIX)
            if weight != _NAMELESS and weight not in self._items:
                raise self.error(name, f"belongs to {bare(weight)}, which is missing")
            item = self._item(name)
            alpha = item.float32().reshape(-1)
            if alpha.size != 1 or not (np.isfinite(alpha) & (alpha > 0)).all():
                raise self.error(name, f"is {alpha[:3].tolist()}, expected one positive number")

    def check_all_taken(self) -> None:
        """That nothing is left: what is not computed with may not be there either.

        Raises:
            ModelError: if parameters are left; the message names the first of them.
        """
        if self._left:
            raise ModelError(
                f"{self.file}: {listed(sorted(self._left))}: no such parameters in a model with "
                f"the options of its {MODEL_YML}"
            )

    def _item(self, name: str) -> Item:
        self._left.discard(name)
        if name not in self._items:
            raise ModelError(f"{self.file}: {bare(name)} is missing")
        return self._items[name]

    def _check_shape(self, name: str, shape: tuple[int, int]) -> None:
        found = self.shape(name)
        if found != shape:
            raise self.error(name, f"has shape {list(found)}, expected {list(shape)}")

    def _matrix(self, name: str, *, turned: bool) -> Stored:
        if name not in self._matrices:
            item = self._items[name]
            if isinstance(item, Stored):  # integers lie turned in the file
                self._matrices[name] = item
            else:
                stored = item.stored()
                values = stored.values.T if turned else stored.values
                self._matrices[name] = Stored(stored.dtype, values)
        return self._matrices[name]
