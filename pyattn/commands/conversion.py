"""From any model's files to a folder of pyattn's own layout."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from pyattn.checkpoint import Checkpoint
from pyattn.commands.compensation import compensated
from pyattn.embedding.modules import read_around, write_modules
from pyattn.files import model_path, open_model, read_checkpoint
from pyattn.files.head import write_head
from pyattn.files.native import write_native
from pyattn.files.native_entries import MatrixType
from pyattn.model_config import ModelConfig
from pyattn.running.packing import check_positions
from pyattn.text.tokenizers import NoTokenizer, Tokenizer, load_tokenizer, tokenizer_files
from pyattn.text.tokenizers.pairs import load_pair_tokenizer
from pyattn.text.tokenizers.prompts import load_prompt_tokenizer


def convert(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    dtype: MatrixType | None = None,
    calibrate: Sequence[str] | None = None,
) -> float | None:
    """Write a model as a native folder, with what it has of tokenizer, shortlist, modules and head.

    Args:
        model: Its files, as `pyattn.load` takes them.
        out: The folder to write; it does not exist yet, or is empty.
        dtype: Number type to store matrices in; None keeps the stored type of each. Matrices that
            are stored in it already keep their bits.
        calibrate: Texts like those that the model will read, some hundred, for "int4" alone: the
            matrices are rounded so that the products change least on them (see `compensation`).

    Returns:
        For a model whose numbers had been rounded before, in blocks of GGUF: the root mean square
        of what rounding them again changed, by that of the numbers. Else None.

    Raises:
        FileExistsError: if `out` holds anything.
        ModelError: if a file is missing or cannot be used; the message names it.
        ValueError: if there is no such dtype, a matrix that is to be int8 or int4 has a value that
            is not finite, or there are texts, but another dtype or no tokenizer for them.
    """
    if calibrate is not None and dtype != "int4":
        raise ValueError(f"convert: calibrate is for the dtype int4, got {dtype}")
    around = read_around(model_path(model))
    with open_model(around.model) as files:
        checkpoint, head = files.checkpoint, files.head
        if around.files:
            checkpoint = around.encoder(checkpoint)
        check_positions(checkpoint.config)
        tokenizer = None
        with contextlib.suppress(NoTokenizer):
            # Fails if its files cannot be used.
            if checkpoint.config.stacks == ("decoder",):
                load_prompt_tokenizer(files)
            elif "decoder" in checkpoint.config.stacks:
                tokenizer = load_tokenizer(files)
            else:
                load_pair_tokenizer(files, around.longest)
        if calibrate is not None:
            if tokenizer is None:
                raise ValueError(
                    "convert: the model has no decoder or no tokenizer, so it cannot be calibrated"
                )
            checkpoint = compensated(checkpoint, _sources(tokenizer, calibrate, checkpoint.config))
        write_native(
            out,
            checkpoint,
            dtype=dtype,
            tokenizer_files=tokenizer_files(files),
            shortlist=files.shortlist,
        )
        in_blocks = any(kind.startswith("Q") for kind in files.stored_numbers)
        loss = None
        if in_blocks and dtype is not None:
            loss = _difference(checkpoint, read_checkpoint(out))
    if head is not None:
        write_head(pathlib.Path(out), head)
    write_modules(pathlib.Path(out), around)
    return loss


def _difference(before: Checkpoint, after: Checkpoint) -> float:
    """The root mean square of what changed in all matrices, by that of their numbers."""
    squares = changes = 0.0
    for name, numbers in before.tensors.items():
        if numbers.ndim == 2:
            squares += float(np.square(numbers, dtype=np.float64).sum())
            changes += float(np.square(after.tensors[name] - numbers, dtype=np.float64).sum())
    return float((changes / max(squares, 1e-30)) ** 0.5)


def _sources(tokenizer: Tokenizer, texts: Sequence[str], config: ModelConfig) -> list[list[int]]:
    """The ids of texts, without those that the model cannot read whole."""
    most = config.stack("encoder").max_positions
    return [ids for ids in tokenizer.encode(texts) if 0 < len(ids) <= most]
