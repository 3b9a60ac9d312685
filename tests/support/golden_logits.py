"""Logits that another program has written down, held against the reference and every level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import pyattn
from pyattn import reference
from pyattn.checkpoint import Checkpoint
from support.inputs import ISAS
from support.tolerances import FLOAT32, assert_close


def assert_golden_logits(checkpoint: Checkpoint, cases: Sequence[dict[str, Any]]) -> None:
    """Each case has a source, a target that begins with the start, and the logits of its tokens."""
    sources = [case["source"] for case in cases]
    targets = [case["target"][1:] for case in cases]  # the start is fed by the model itself
    found = {"NumPy": reference.Model(checkpoint).logits(sources, targets)}
    for isa in ISAS:
        with pyattn.Model(checkpoint, dtype="float32", isa=isa, threads=1) as model:
            found[isa] = model.logits(sources, targets)
    for by, logits in found.items():
        for case, rows in zip(cases, logits, strict=True):
            assert_close(rows, np.array(case["logits"], np.float32), FLOAT32, by)
