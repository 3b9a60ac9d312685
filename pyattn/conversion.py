"""From any model's files to a folder of pyattn's own layout."""

from __future__ import annotations

import contextlib
import os
import pathlib

from pyattn.formats import read_checkpoint
from pyattn.formats.native import MatrixType, write_native
from pyattn.tokenizers import NoTokenizer, load_tokenizer, tokenizer_files


def convert(
    model: str | os.PathLike[str], out: str | os.PathLike[str], *, dtype: MatrixType = "float32"
) -> None:
    """Write a model, and its tokenizer if it has one, as a native folder.

    Args:
        model: Its files, as `pyattn.load` takes them.
        out: The folder, which does not exist yet, or is empty.
        dtype: What matrices are stored in. Those that are stored in it already keep their bits.

    Raises:
        FileExistsError: if `out` holds anything.
        ModelError: if a file is missing or cannot be used; the message names it.
        ValueError: if there is no such dtype, or a matrix that is to be int8 has a value that is
            not finite.
    """
    checkpoint = read_checkpoint(model)
    with contextlib.suppress(NoTokenizer):
        load_tokenizer(model, checkpoint.config)  # files are copied, but none that cannot be used
    files = tokenizer_files(model, checkpoint.config)
    write_native(pathlib.Path(out), checkpoint, dtype=dtype, tokenizer_files=files)
