"""What passes from the encoder to the decoder."""

from __future__ import annotations

import dataclasses

from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.attention import as_bias, padding_mask


@dataclasses.dataclass(frozen=True, eq=False)
class Memory:
    """What the encoder leaves for the decoder."""

    rows: Floats  # [sentences, time, dim]; beyond a sentence's length they mean nothing
    lengths: Ints  # [sentences]

    def padding(self) -> Floats | None:
        """What is added to attention's scores, [sentences, 1, 1, time]; None if nothing is."""
        time = self.rows.shape[1]
        if (self.lengths == time).all():
            return None
        return as_bias(padding_mask(self.lengths, time))
