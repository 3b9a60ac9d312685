"""Where things are."""

from __future__ import annotations

import pathlib

TESTS = pathlib.Path(__file__).parent.parent
ROOT = TESTS.parent
CSRC = ROOT / "csrc"
BENCH = ROOT / "bench"
GOLDEN = TESTS / "golden"
