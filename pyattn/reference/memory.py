"""The encoder's output, which the decoder attends to."""

from __future__ import annotations

import dataclasses

from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.masks import as_bias, padding_mask


@dataclasses.dataclass(frozen=True, eq=False)
class Memory:
    """The encoder's output for some sentences."""

    rows: Floats  # [sentences, time, dim]; rows beyond a sentence's length have no meaning
    lengths: Ints  # [sentences]

    def padding(self) -> Floats | None:
        """The bias that masks padding, [sentences, 1, 1, time]; None if there is no padding."""
        time = self.rows.shape[1]
        if (self.lengths == time).all():
            return None
        return as_bias(padding_mask(self.lengths, time))
