"""How the folders `native-1-*` were made: `python tests/golden/make_native.py`, once.

They are what the first version of `write_native` made of the Hugging Face folders beside them, so
that no later version forgets how to read it. It refuses to write them again: files of today's
writer would say nothing about yesterday's.
"""

from __future__ import annotations

import pathlib

from pyattn.files import read_checkpoint
from pyattn.files.native import write_native

GOLDEN = pathlib.Path(__file__).parent
# Name of the folder that is written to the one that it is made of, and what matrices are stored in.
FOLDERS = {
    "native-1-float32": ("marian-untied-gelu-3", "float32"),
    "native-1-int8": ("marian-tied-relu-3", "int8"),
}


def main() -> None:
    """Writes the folders, none of which may exist."""
    for name, (source, dtype) in FOLDERS.items():
        assert dtype in ("float32", "int8")
        write_native(GOLDEN / name, read_checkpoint(GOLDEN / source), dtype=dtype)


if __name__ == "__main__":
    main()
