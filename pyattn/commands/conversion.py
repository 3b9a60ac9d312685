"""From any model's files to a folder of pyattn's own layout."""

from __future__ import annotations

import contextlib
import os

from pyattn.files import read_checkpoint, read_shortlist
from pyattn.files.native import MatrixType, write_native
from pyattn.text.tokenizers import NoTokenizer, load_tokenizer, tokenizer_files


def convert(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    dtype: MatrixType | None = None,
) -> None:
    """Write a model, with its tokenizer and its shortlist if it has them, as a native folder.

    Args:
        model: Its files, as `pyattn.load` takes them.
        out: The folder, which does not exist yet, or is empty.
        dtype: What matrices are stored in; None leaves each in the type that it has. Those that are
            stored in it already keep their bits.

    Raises:
        FileExistsError: if `out` holds anything.
        ModelError: if a file is missing or cannot be used; the message names it.
        ValueError: if there is no such dtype, or a matrix that is to be int8 has a value that is
            not finite.
    """
    checkpoint = read_checkpoint(model)
    with contextlib.suppress(NoTokenizer):
        load_tokenizer(model, checkpoint.config)  # files are copied, but none that cannot be used
    write_native(
        out,
        checkpoint,
        dtype=dtype,
        tokenizer_files=tokenizer_files(model, checkpoint.config),
        shortlist=read_shortlist(model, checkpoint.config),
    )
