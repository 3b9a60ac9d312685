"""Keep the tests on the installed package.

`python -m pytest` puts the current folder first on the path; after a plain `pip install .` the
folder `pyattn` found there has no compiled module.
"""

import pathlib
import sys

_ROOT = pathlib.Path(__file__).parent.parent
sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != _ROOT]
