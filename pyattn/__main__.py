"""`python -m pyattn` is the command `pyattn`."""

import sys

from pyattn.commands.main import main

# Guarded because the benchmark's worker processes import this module once more.
if __name__ == "__main__":
    sys.exit(main())
