"""Which tests plain `pytest` leaves out: those whose subject others hold, in less time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

slow = pytest.mark.slow


def but_slow(values: Iterable[Any], *left_out: Any) -> list[Any]:
    """Parameters of a test, of which some are for the whole suite alone."""
    return [pytest.param(value, marks=slow) if value in left_out else value for value in values]
