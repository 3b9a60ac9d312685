"""How far two results may be apart, by family, each with its reason."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """The largest difference, as a share of the largest magnitude in the wanted array.

    A share of the array and not of each number: where terms cancel, a small number carries the
    rounding of the large ones that it is the difference of.
    """

    share: float


# The same operations in the same order, or no rounding at all.
EXACT = Tolerance(0)

# The same sums in another order. Every addition rounds by up to 6e-8 of what it has so far; over
# the hundreds to thousands of terms of a product these errors wander rather than add up, to about
# 1e-6 of the largest terms, and the layers of a model add some more: a tiny T5 is off by
# 1.1e-5 with the BLAS of NumPy 2.4.6, by less with that of others.
FLOAT32 = Tolerance(2e-5)

# Factors rounded to bfloat16: each is off by up to 2^-9, and so by 0.4 % with its partner; sums of
# many are off by less, and the softmax's exponents by what a score of a few units is.
BFLOAT16 = Tolerance(2e-2)

# Below this a float32 is on its way to being a denormal number, which may count as zero.
_NOTHING = 1e-30


def assert_close(
    found: npt.ArrayLike, wanted: npt.ArrayLike, tolerance: Tolerance, case: str = ""
) -> None:
    """Fails unless shapes are equal and numbers lie within the tolerance; nan matches nan."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, case
    if tolerance == EXACT:
        np.testing.assert_array_equal(found, wanted, err_msg=case)
        return
    finite = np.abs(wanted[np.isfinite(wanted)], dtype=np.float64)
    allowed = tolerance.share * finite.max(initial=0) + _NOTHING
    np.testing.assert_allclose(found, wanted, rtol=0, atol=allowed, err_msg=case)
