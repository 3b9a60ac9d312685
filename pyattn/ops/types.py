"""Types of the kernels' arguments."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Bools: TypeAlias = npt.NDArray[np.bool_]
Ids: TypeAlias = npt.NDArray[np.int32]
Activation: TypeAlias = Literal["relu", "gelu", "gelu_tanh", "silu"]
DType: TypeAlias = Literal["float32", "bfloat16", "int8", "int4", "int8_grouped"]
