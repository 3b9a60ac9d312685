"""Operations have the same bits on any number of threads."""

import os
import subprocess
import sys

import pytest

from support.inputs import ISAS
from support.lanes import but_slow
from support.paths import ROOT

# A line for each operation: its name and the sum of its results' bytes. Sizes are such that threads
# share rows in some and columns, heads or blocks in others.
OPERATIONS = """
import hashlib
import os
import sys
from support import amx
import numpy as np
from support.inputs import floats, weights
from pyattn import ops

isa = sys.argv[1]
if os.environ.get("PYATTN_ISA_UNVERIFIED") == "1":
    amx.emulated()

def show(name, *arrays):
    print(name, hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest())

for dtype in ("float32", "bfloat16", "int8"):
    for rows, inner, out in [(1, 600, 2100), (37, 301, 900), (333, 190, 270)]:
        weight, gate = weights(2, out, inner), weights(3, out, inner)
        for options in ({}, {"gate": gate, "gate_bias": floats(5, out)}):
            packed = ops.pack(weight, bias=floats(4, out), dtype=dtype, isa=isa, **options)
            y = ops.linear(floats(1, rows, inner), packed, activation="silu")
            show(f"linear {dtype} {rows} gated {packed.gated}", y)
    for rows in (5, 700):
        block = [weights(2, 401, 90), floats(3, 401), weights(4, 90, 401), floats(5, 90)]
        y = ops.feed_forward(floats(1, rows, 90), *block, dtype=dtype, isa=isa)
        show(f"feed_forward {dtype} {rows}", y)
    packed = ops.pack(weights(2, 5001, 64), bias=floats(3, 5001), dtype=dtype, isa=isa)
    show(f"best_tokens {dtype}", *ops.best_tokens(floats(1, 9, 64), packed, 8))
    columns = ops.select(packed, np.arange(3, 5001, 2))
    found = ops.best_tokens(floats(1, 9, 64), packed, 8, columns=columns)
    show(f"best_tokens of a selection {dtype}", *found)
x, gamma, beta = floats(1, 4001, 513), floats(2, 513), floats(3, 513)
show("layer_norm", ops.layer_norm(x, gamma, beta, isa=isa))
show("rms_norm", ops.rms_norm(x, gamma, isa=isa))
for dtype in ("float32", "bfloat16"):
    for shape in [(5, 3, 70, 20), (1, 1, 600, 33)]:
        q, k, v = floats(1, *shape), floats(2, *shape), floats(3, *shape)
        for options in ({}, {"causal": True, "window": 50}):
            y = ops.attention(q, k, v, dtype=dtype, isa=isa, **options)
            show(f"attention {dtype} {shape} {options}", y)
cache = floats(2, 900, 2, 4, 40)
table = np.random.default_rng(3).integers(0, 900, (29, 300))
lengths = np.arange(29) * 10
for kept in (cache, (cache.view(np.uint32) >> 16).astype(np.uint16)):
    y = ops.attention_step(floats(1, 29, 8, 40), kept, table, lengths=lengths, isa=isa)
    show(f"attention_step {kept.dtype}", y)
whole, scales = (cache * 30).astype(np.int8), floats(4, 900, 2, 4)
options = {"lengths": lengths, "scales": scales, "isa": isa}
show("attention_step int8", ops.attention_step(floats(1, 29, 8, 40), whole, table, **options))
matrices = [f(n, *s) for n in range(4) for f, s in [(weights, (64, 64)), (floats, (64,))]]
x = floats(1, 5, 150, 64)
show("multi_head_attention", ops.multi_head_attention(x, x, *matrices, heads=4, isa=isa))
"""


def results(isa: str, threads: int) -> list[str]:
    # The team of the operations' threads is made once per process.
    environment = {"PYATTN_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", OPERATIONS, isa],
        cwd=ROOT / "tests",  # in the root, Python would find the uncompiled sources
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# Levels share what splits the work.
@pytest.mark.parametrize("isa", but_slow(ISAS, *ISAS[1:-2], "reference"))
def test_operations_have_the_same_bits_on_any_number_of_threads(isa: str) -> None:
    alone = results(isa, 1)
    assert len(alone) > 30
    for threads in (2, 3):
        assert results(isa, threads) == alone
