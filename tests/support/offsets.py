"""Arrays that lie anywhere in memory, for tests by hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

# A few bytes off every alignment, and within a number, which is documented to be copied.
OFFSETS = st.sampled_from([*range(0, 64, 4), 1, 2, 3, 13, 62])


def at_offset(x: np.ndarray, offset: int) -> np.ndarray:
    """A copy whose data begins so many bytes behind a boundary of 64."""
    room = np.empty(x.nbytes + 128, np.uint8)
    start = -room.ctypes.data % 64 + offset
    moved = np.frombuffer(room, x.dtype, x.size, start).reshape(x.shape)
    moved[...] = x
    assert moved.ctypes.data % 64 == offset
    return moved
