"""What a translator reads beside its model: the tokenizer, and the shortlist if there is one."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pyattn.checkpoint import ModelConfig
    from pyattn.formats.shortlist import LexicalShortlist
    from pyattn.tokenizers import NoTokenizer, Tokenizer


class Shortlist(Protocol):
    """What a translator needs to know which target ids go with a source."""

    def candidates(self, source: Sequence[int]) -> npt.NDArray[np.int32]:
        """The ids that the target of a source may have, ascending, the end among them."""
        ...


def read_text_files(
    folder: pathlib.Path, config: ModelConfig, *, shortlist: bool
) -> tuple[Tokenizer | NoTokenizer | None, LexicalShortlist | None]:
    """The tokenizer, or the error that says why there is none, and the shortlist.

    Args:
        folder: The model's folder, or its file.
        config: What the model is.
        shortlist: Whether the shortlist is wanted.

    Raises:
        ModelError: if a file cannot be used; the message names it.
    """
    # Imported here because they take as long to import as all the rest.
    from pyattn.formats import read_shortlist
    from pyattn.tokenizers import NoTokenizer, load_tokenizer

    tokenizer: Tokenizer | NoTokenizer | None
    try:
        tokenizer = load_tokenizer(folder, config)
    except NoTokenizer as error:
        tokenizer = error
    return tokenizer, read_shortlist(folder, config) if shortlist else None
