"""The ids that the target of a source may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Shortlist(Protocol):
    """A shortlist, as translators use it. Threads that share a translator share it as well."""

    def candidates(self, source: Sequence[int]) -> npt.NDArray[np.int32]:
        """The ids that the target of a source may have, ascending, the end among them."""
        ...


def allowed(
    shortlist: Shortlist | None, sources: Sequence[Sequence[int]], ends: Sequence[int]
) -> list[npt.NDArray[np.int32]] | None:
    """The ids that each target may have: its shortlist, and the options' ends."""
    if shortlist is None:
        return None
    found = map(shortlist.candidates, sources)
    more = np.array(ends, np.int32)
    return [np.union1d(ids, more) if more.size else ids for ids in found]
