"""Keep the tests on the installed package, out of each other's way, and Ctrl-C alive.

`python -m pytest` puts the current folder first on the path; after a plain `pip install .` the
folder `pyattn` found there has no compiled module.

What a shell runs in the background ignores SIGINT, and so would all that it starts; a signal that
has a handler is one that children get afresh.
"""

import os
import pathlib
import signal
import sys

import hypothesis
import pytest

from support import built

_ROOT = pathlib.Path(__file__).parent.parent
sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != _ROOT]

signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, and no limit on the time of one: machines may be busy.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")

# A process for each core, of which each has threads for all cores: those that wait are to sleep,
# and NumPy is to have none, for the sake of the others.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# More processes than this spend their time on collecting the tests.
_MOST_PROCESSES = 8


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes `-n auto` is: as many as cores; for a single file, none but this one."""
    if len(config.args) == 1 and pathlib.Path(config.args[0].split("::")[0]).is_file():
        return 0
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, _MOST_PROCESSES)


def pytest_configure(config: pytest.Config) -> None:
    """Makes room for what tests compile."""
    if remove := built.open_folder():
        config.add_cleanup(remove)
