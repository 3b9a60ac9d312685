"""Keep the tests on the installed package, and Ctrl-C alive in the programs that they start.

`python -m pytest` puts the current folder first on the path; after a plain `pip install .` the
folder `pyattn` found there has no compiled module.

What a shell runs in the background ignores SIGINT, and so would all that it starts; a signal that
has a handler is one that children get afresh.
"""

import pathlib
import signal
import sys

import hypothesis

_ROOT = pathlib.Path(__file__).parent.parent
sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != _ROOT]

signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, and no limit on the time of one: machines may be busy.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")
