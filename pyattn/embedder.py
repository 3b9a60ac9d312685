"""Texts in, vectors out: an encoder that stands alone, and the modules behind it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt

from pyattn.embedding.modules import read_modules, write_modules
from pyattn.embedding.pooling import applied
from pyattn.encoder_model import EncoderModel, Long, long_texts
from pyattn.files import model_path, open_model
from pyattn.text.checks import check_text, checked_pairs
from pyattn.text.tokenizers import tokenizer_files

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.files.native_entries import MatrixType
    from pyattn.overrides import Limits
    from pyattn.running.precision import DTypes
    from pyattn.text.tokenizers.pairs import TextOrPair

Floats = npt.NDArray[np.float32]


class Embedder(EncoderModel):
    """A model that makes vectors of texts.

    Vectors do not depend on the other texts, their order or the number of threads.

    Args:
        path: A folder of sentence-transformers, where T5's decoder is left out if there is one; or
            of an encoder alone, whose tokens' states are averaged.
        dtype: As for `pyattn.Model`.
        threads: Likewise.
        **limits: Other settings of `pyattn.Model`: `isa`, `batch_tokens`.

    Raises:
        ModelError: if a file is missing or cannot be used, or the model has a decoder.
        ValueError: as `pyattn.Model`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        dtype: DTypes = "auto",
        threads: int | None = None,
        **limits: Unpack[Limits],
    ) -> None:
        place = model_path(path)
        modules = read_modules(place)
        with open_model(modules.model) as files:
            super().__init__(place, files, modules, {"dtype": dtype, "threads": threads, **limits})

    @overload
    def embed(
        self,
        texts: str,
        *,
        prompt: str | None = ...,
        prompt_name: str | None = ...,
        truncate: bool = ...,
        progress: bool = ...,
    ) -> Floats: ...
    @overload
    def embed(
        self,
        texts: Iterable[TextOrPair],
        *,
        prompt: str | None = ...,
        prompt_name: str | None = ...,
        truncate: bool = ...,
        progress: bool = ...,
    ) -> Floats: ...
    def embed(
        self,
        texts: str | Iterable[TextOrPair],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        truncate: bool = True,
        progress: bool = False,
    ) -> Floats:
        """The vectors of texts.

        Args:
            texts: Any number of texts, or one. An empty text has a vector, too: that of the special
                tokens around it. A tuple or list of two texts is a pair, which has one vector, for
                models that were trained with pairs.
            prompt: A text in front of every text, or of the first one of a pair, such as "query: ".
            prompt_name: One of the model's `prompts` in its place; None is the model's default, if
                it has one.
            truncate: Whether a text of more than `max_tokens` is cut there, with a warning; if not,
                it is an error.
            progress: Whether to draw a bar on standard error; needs the package tqdm.

        Returns:
            [texts, dim], float32; [dim] for one text.

        Raises:
            ValueError: if a text is no valid Unicode, or is too long and not to be cut; if both
                prompts are given, or the model has none of that name.
            TypeError: if a text is neither a str nor a pair of them.
            ModelError: if the model has no tokenizer.
        """
        front = self._prompt("embed", prompt, prompt_name)
        long = long_texts("embed", truncate)
        if isinstance(texts, str):
            check_text(texts, "embed: text")
            row: Floats = self._vectors([texts], front, long, False)[0]
            return row
        return self._vectors(checked_pairs("embed", texts), front, long, progress)

    def _vectors(
        self, texts: Sequence[TextOrPair], prompt: str, long: Long, progress: bool
    ) -> Floats:
        skipped = self._prompt_tokens(prompt)
        pooled = self._of_states(
            "embed",
            texts,
            prompt,
            lambda states: self._modules.pooling(states, skipped),
            long=long,
            progress=progress,
        )
        width = self.model.config.dim * len(self._modules.pooling.modes)
        vectors = np.stack(pooled) if pooled else np.empty((0, width), np.float32)
        return applied(self._modules.steps, vectors)

    def _prompt_tokens(self, prompt: str) -> int:
        """How many tokens at the beginning of a text are of the prompt, with the special one."""
        if not prompt or self._modules.pooling.include_prompt:
            return 0
        framed = self.tokenizer.encode(self._prepared("", prompt))
        return len(framed.ids) - framed.ends

    def save(self, folder: str | os.PathLike[str], *, dtype: MatrixType | None = None) -> None:
        """Write model, tokenizer and modules as a folder of pyattn's own layout.

        Args:
            folder: The folder to write; it does not exist yet, or is empty.
            dtype: As for `Model.save`.

        Raises:
            FileExistsError: if the folder holds anything.
            ValueError: as `Model.save`.
        """
        self.model.save(folder, dtype=dtype, tokenizer_files=tokenizer_files(self._modules.model))
        write_modules(model_path(folder), self._modules)
