"""From any model's files to a folder of pyattn's own layout."""

from __future__ import annotations

import contextlib
import os
import pathlib

from pyattn.embedding.modules import read_around, write_modules
from pyattn.files import model_path, open_model
from pyattn.files.head import write_head
from pyattn.files.native import MatrixType, write_native
from pyattn.running.packing import check_positions
from pyattn.text.tokenizers import NoTokenizer, load_tokenizer, tokenizer_files
from pyattn.text.tokenizers.pairs import load_pair_tokenizer


def convert(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    dtype: MatrixType | None = None,
) -> None:
    """Write a model as a native folder, with what it has of tokenizer, shortlist, modules and head.

    Args:
        model: Its files, as `pyattn.load` takes them.
        out: The folder to write; it does not exist yet, or is empty.
        dtype: Number type to store matrices in; None keeps the stored type of each. Matrices that
            are stored in it already keep their bits.

    Raises:
        FileExistsError: if `out` holds anything.
        ModelError: if a file is missing or cannot be used; the message names it.
        ValueError: if there is no such dtype, or a matrix that is to be int8 has a value that is
            not finite.
    """
    around = read_around(model_path(model))
    with open_model(around.model) as files:
        checkpoint, head = files.checkpoint, files.head
        if around.files:
            checkpoint = around.encoder(checkpoint)
        check_positions(checkpoint.config)
        with contextlib.suppress(NoTokenizer):
            # Fails if its files cannot be used.
            if "decoder" in checkpoint.config.stacks:
                load_tokenizer(files)
            else:
                load_pair_tokenizer(files, around.longest)
        write_native(
            out,
            checkpoint,
            dtype=dtype,
            tokenizer_files=tokenizer_files(files),
            shortlist=files.shortlist,
        )
    if head is not None:
        write_head(pathlib.Path(out), head)
    write_modules(pathlib.Path(out), around)
