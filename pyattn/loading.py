"""From a model's files to a translator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyattn._foreign import unknown_setting
from pyattn.checkpoint import Checkpoint, TextSettings
from pyattn.running.origin import SHIPPED_MODEL, Origin
from pyattn.translator import Translator

if TYPE_CHECKING:
    import os
    import pathlib

    from typing_extensions import Unpack

    from pyattn.files import ModelFiles
    from pyattn.files.shortlist import LexicalShortlist
    from pyattn.model import Model
    from pyattn.overrides import Limits
    from pyattn.running.precision import DTypes
    from pyattn.text.tokenizers import NoTokenizer, Tokenizer

_LIMITS = {"isa", "batch_tokens", "batch_rows", "cache_bytes"}


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    dtype: DTypes = "auto",
    threads: int | None = None,
    shortlist: bool = True,
    **limits: Unpack[Limits],
) -> Translator:
    """A translator for a model's files.

    Args:
        path: A model's folder, or a model that is one file; None for the included English-Spanish
            model.
        dtype: The number type of weights in computation; "auto" is the fastest at full quality
            here. Or a mapping of patterns of products to number types, as for `pyattn.Model`.
        threads: Number of threads; default: as many as the process may use.
        shortlist: Whether to use the lexical shortlist of a Marian model, converted or not. It
            leaves a sentence some hundred ids of a vocabulary of 32,000, which makes the last
            matrix product cheaper.
        **limits: `isa`, `batch_tokens`, `batch_rows` and `cache_bytes` of `pyattn.Model`.

    Raises:
        ModelError: if a file is missing or cannot be used; the message names it.
        TypeError: if there is no such setting, or `path` is no path.
        ValueError: if `dtype`, `threads` or `isa` is not available here, or a pattern matches no
            product.
    """
    # Imported here because they take as long to import as everything else.
    from pyattn.files import model_path
    from pyattn.model import Model

    unknown = sorted(limits.keys() - _LIMITS)
    if unknown:
        known = {"path", "dtype", "threads", "shortlist", *_LIMITS}
        raise TypeError(f"load: {unknown_setting(unknown[0], known)}")
    folder = SHIPPED_MODEL if path is None else model_path(path)
    checkpoint, tokenizer, lists = _read(folder, shortlist)
    model = Model(checkpoint, dtype=dtype, threads=threads, **limits)
    text = checkpoint.text
    translator = Translator(model, tokenizer, shortlist=lists, settings=text, folder=folder)
    settings = {"dtype": dtype, "threads": threads, **limits}
    where = None if path is None else str(folder.absolute())
    translator._origin = model.origin = Origin(path=where, settings=settings, rebuild=rebuilt)
    return translator


def _read(
    folder: pathlib.Path, shortlist: bool
) -> tuple[Checkpoint, Tokenizer | NoTokenizer | None, LexicalShortlist | None]:
    """A model's checkpoint, its tokenizer or why there is none, and its shortlist."""
    from pyattn.files import open_model

    with open_model(folder) as files:
        return files.checkpoint, *_text_parts(files, shortlist)


def _text_parts(
    files: ModelFiles, shortlist: bool
) -> tuple[Tokenizer | NoTokenizer | None, LexicalShortlist | None]:
    """A model's tokenizer, or why there is none, and its shortlist."""
    from pyattn.text.tokenizers import NoTokenizer, load_tokenizer

    tokenizer: Tokenizer | NoTokenizer | None
    try:
        tokenizer = load_tokenizer(files)
    except NoTokenizer as error:
        tokenizer = error
    return tokenizer, files.shortlist if shortlist else None


def rebuilt(model: Model, origin: Origin, shortlist: bool, settings: TextSettings) -> Translator:
    """A pickled translator, around its model."""
    from pyattn.files import open_model

    folder = origin.folder
    with open_model(folder) as files:
        tokenizer, lists = _text_parts(files, shortlist)
    translator = Translator(model, tokenizer, shortlist=lists, settings=settings, folder=folder)
    translator._origin = origin
    return translator
