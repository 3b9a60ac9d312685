"""What both of Marian's files of parameters hold, and which is which by its name."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.errors import ModelError
from pyattn.files.reading import bare
from pyattn.files.tensors import Tensor
from pyattn.stored import Stored

# A float tensor as it lies in the file, [in, out] if it is a matrix; an int8 matrix [out, in], or
# [vocab, dim] if it is an embedding.
Item: TypeAlias = Tensor | Stored

MODEL_YML = "special:model.yml"
ALPHA_SUFFIX = "_QuantMultA"
EMBEDDINGS = ("Wemb", "encoder_Wemb", "decoder_Wemb")
# The newer of two names of an output matrix that is no embedding; [vocab, dim] in floats.
OUTPUT = "decoder_ff_logit_out_Wt"

_LIMITS = np.finfo(np.float32)
_SMALLEST, _MOST = 127 / float(_LIMITS.max), 1 / float(_LIMITS.tiny)


def quantized(
    file: str, name: str, values: npt.NDArray[np.int8], shape: tuple[int, ...], multiplier: float
) -> Stored:
    """An intgemm8 item: integers, and what the weights were multiplied by to become them.

    Args:
        file: For errors.
        name: Of the item.
        values: All integers, as they lie in the file.
        shape: What the file says.
        multiplier: What the file says.

    Raises:
        ModelError: if it is no matrix, the multiplier is not positive, or an integer is -128, which
            int8 weights do not have.
    """
    place = f"{file}: {bare(name)}"
    if name.endswith(ALPHA_SUFFIX) and math.prod(shape) == 1:
        shape = (1, 1)
    if len(shape) != 2:
        raise ModelError(f"{place} has shape {list(shape)}, expected a matrix, as it is intgemm8")
    if name == OUTPUT:
        # Nobody has published one, and the two programs that write them do not agree on the order.
        raise ModelError(f"{place} is intgemm8, supported is an embedding as the output, or floats")
    # A step, and 127 of them, must be numbers that float32 has with all their digits.
    if not _SMALLEST <= multiplier <= _MOST:
        raise ModelError(
            f"{place} has the multiplier {multiplier:g}, expected {_SMALLEST:g} to {_MOST:g}"
        )
    if values.min() == -128:
        raise ModelError(f"{place} has the integer -128, expected -127 to 127")
    rows, columns = shape if name in EMBEDDINGS else shape[::-1]
    scale = np.full(rows, 1 / multiplier, np.float32)
    return Stored("int8", values.reshape(rows, columns), scale)
