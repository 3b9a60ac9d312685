"""The variables of a CTranslate2 model, each checked when it is asked for."""

from __future__ import annotations

import math

import numpy as np

from pyattn.errors import ModelError
from pyattn.files.ctranslate2.binary import SCALE_SUFFIX, WEIGHTS_FILE, Binary
from pyattn.files.reading import bare, listed, shown
from pyattn.files.tensors import Tensor
from pyattn.stored import Stored

_INTEGERS = ("I8", "I16", "I32")
# What int16 weights were multiplied by before their files said so.
_INT16_SCALE = 1000.0
_MAX_TEXT = 1 << 10

# OpenNMT-tf's names, which the first revision of the model's class had, to the later ones: each
# is replaced once, in this order.
_FIRST_NAMES = (
    ("transformer/", ""),
    (":0", ""),
    ("w_embs", "embeddings/weight"),
    ("kernel", "weight"),
    ("LayerNorm", "layer_norm"),
    ("dense", "projection"),
    ("conv1d_", "linear_"),
    ("conv1d", "linear_0"),
)


class Variables:
    """The variables of a file; remembers which were asked for.

    Args:
        binary: What the file holds.

    Raises:
        ModelError: if two variables have one name.
    """

    def __init__(self, binary: Binary) -> None:
        self._tensors = dict(binary.variables)
        if binary.revision == 1:
            self._tensors = {_later(name): tensor for name, tensor in self._tensors.items()}
            if len(self._tensors) < len(binary.variables):
                raise ModelError(f"{WEIGHTS_FILE}: two variables have the same name")
        self._left = set(self._tensors)
        # By variable, whatever the names that it is asked for by. It outlives this table.
        self._stored: dict[int, Stored] = {}

    def names(self) -> list[str]:
        """The names of all variables."""
        return list(self._tensors)

    def error(self, name: str, problem: str) -> ModelError:
        """The error of a variable that cannot be used."""
        return ModelError(f"{WEIGHTS_FILE}: {bare(name)} {problem}")

    def optional(self, *names: str) -> Tensor | None:
        """The variable of the first of these names that there is."""
        found = None
        for name in reversed(names):
            self._left.discard(name)
            found = self._tensors.get(name, found)
        return found

    def number(self, name: str, *others: str, default: float) -> float:
        """A number that stands alone under the first of these names, or `default`."""
        found = self.optional_number(name, *others)
        return default if found is None else found

    def optional_number(self, name: str, *others: str) -> float | None:
        """The same, or None."""
        tensor = self.optional(name, *others)
        if tensor is None:
            return None
        if tensor.shape:
            raise self.error(name, f"has shape {list(tensor.shape)}, expected a single number")
        if tensor.dtype in _INTEGERS:
            return int(tensor.values)
        value = float(tensor.float32())
        if not math.isfinite(value):
            raise self.error(name, f"is {value}, expected a finite number")
        return value

    def flag(self, name: str, *others: str, default: bool) -> bool:
        """Whether a number is other than 0."""
        return self.number(name, *others, default=default) != 0

    def expect(self, name: str, value: float) -> None:
        """That a number, if it is there, is the only one that is supported.

        Raises:
            ModelError: if it is another.
        """
        found = self.number(name, default=value)
        if not math.isclose(found, value, rel_tol=1e-5):
            raise self.error(name, f"is {found:g}, supported is {value:g}")

    def text(self, name: str, default: str) -> str:
        """A string, or `default`."""
        tensor = self.optional(name)
        if tensor is None:
            return default
        if tensor.dtype != "I8" or len(tensor.shape) != 1 or tensor.values.size > _MAX_TEXT:
            raise self.error(name, f"is {tensor.dtype} {list(tensor.shape)}, expected a text")
        content = tensor.values.tobytes()
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            raise self.error(name, f"is {shown(content)}, expected UTF-8") from None

    def shape(self, *names: str) -> tuple[int, int]:
        """The shape of the matrix that has the first of these names.

        Raises:
            ModelError: if there is none, or it is no matrix.
        """
        tensor = self._required(*names)
        if len(tensor.shape) != 2:
            raise self.error(names[0], f"has shape {list(tensor.shape)}, expected a matrix")
        return tensor.shape[0], tensor.shape[1]

    def stored(self, shape: tuple[int, ...], *names: str) -> Stored:
        """The tensor of the first of these names, still a view of the file unless it is int16.

        One variable is one object, under all its names.

        Raises:
            ModelError: if there is no such variable, or it has another shape or a type that is not
                for numbers.
        """
        tensor = self._required(*names)
        if tensor.shape != shape:
            raise self.error(
                names[0], f"has shape {list(tensor.shape)}, expected {[int(n) for n in shape]}"
            )
        scale = self.optional(*(f"{name}{SCALE_SUFFIX}" for name in names))
        if id(tensor) not in self._stored:
            self._stored[id(tensor)] = self._scaled(names[0], tensor, scale)
        return self._stored[id(tensor)]

    def check_all_taken(self) -> None:
        """That nothing is left: what is not computed with may not be there either.

        Raises:
            ModelError: if variables are left; the message names the first of them.
        """
        if self._left:
            raise ModelError(
                f"{WEIGHTS_FILE}: {listed(sorted(self._left))}: no such variables in a model that "
                f"is supported"
            )

    def tensor(self, name: str) -> Tensor:
        """The variable of that name as it is stored.

        Raises:
            ModelError: if there is none.
        """
        return self._required(name)

    def _required(self, *names: str) -> Tensor:
        tensor = self.optional(*names)
        if tensor is None:
            raise ModelError(f"{WEIGHTS_FILE}: {bare(names[0])} is missing")
        return tensor

    def _scaled(self, name: str, tensor: Tensor, scale: Tensor | None) -> Stored:
        if tensor.dtype not in ("I8", "I16"):
            return tensor.stored()
        # int8 has a scale for each row of a matrix, int16 one for all of it.
        rows = tensor.shape[:1] if tensor.dtype == "I8" else ()
        place = f"{name}{SCALE_SUFFIX}"
        if scale is None and tensor.dtype == "I8":
            raise self.error(place, "is missing")
        if scale is not None and (len(tensor.shape) != 2 or scale.shape != rows):
            raise self.error(place, f"has shape {list(scale.shape)}, expected {list(rows)}")
        factors = np.full((), _INT16_SCALE, np.float32) if scale is None else scale.float32()
        smallest = np.finfo(np.float32).tiny
        if not (np.isfinite(factors) & (factors >= smallest)).all():
            raise self.error(place, "has values that are not positive and finite")
        if rows:
            # Files divide, as CTranslate2 itself multiplies by the reciprocal.
            return Stored("int8", tensor.values, np.reciprocal(factors))
        floats = tensor.values.astype(np.float32)
        floats /= factors
        floats.flags.writeable = False
        return Stored("float32", floats)


def _later(name: str) -> str:
    """The name that a variable of the first revision has had since."""
    heads = [("multi_head", "self_attention")]
    if "encoder" not in name:
        heads = [("masked_multi_head", "self_attention"), ("multi_head", "attention")]
    for old, new in (*_FIRST_NAMES, *heads):
        name = name.replace(old, new, 1)
    return name
