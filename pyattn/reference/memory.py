"""The encoder's output, which the decoder attends to."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.masks import as_bias, padding_mask


@dataclasses.dataclass(frozen=True, eq=False)
class Memory:
    """The encoder's output for some sentences."""

    rows: Floats  # [sentences, time, dim]; rows beyond a sentence's length have no meaning
    lengths: Ints  # [sentences]

    @classmethod
    def none(cls, sentences: int, dim: int) -> Memory:
        """That of a model without an encoder."""
        return cls(np.empty((sentences, 0, dim), np.float32), np.zeros(sentences, np.int64))

    def padding(self) -> Floats | None:
        """The bias that masks padding, [sentences, 1, 1, time]; None if there is no padding."""
        time = self.rows.shape[1]
        if (self.lengths == time).all():
            return None
        return as_bias(padding_mask(self.lengths, time))
