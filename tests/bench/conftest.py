"""Puts the benchmarks on the path; the tests stay away where there are none, as in the wheel."""

import sys

from support.paths import BENCH

if BENCH.is_dir():
    sys.path.append(str(BENCH))
else:
    collect_ignore_glob = ["test_*.py"]
