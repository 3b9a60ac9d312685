"""Texts in, vectors out: an encoder that stands alone, and the modules behind it."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from pyattn.embedding.modules import Modules, read_modules, write_modules
from pyattn.embedding.pooling import applied
from pyattn.errors import ModelError
from pyattn.files import model_path, open_model
from pyattn.text.checks import check_text, checked_texts
from pyattn.text.progress import bar
from pyattn.text.tokenizers import NoTokenizer, tokenizer_files
from pyattn.text.tokenizers.pairs import Framed, PairTokenizer, load_pair_tokenizer
from pyattn.text_model import LoadedModel

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.files.native import MatrixType
    from pyattn.overrides import Limits
    from pyattn.running.precision import DTypes

Floats = npt.NDArray[np.float32]

# Texts that are sorted by their lengths and computed together, and tokens whose states exist at a
# time: of a width of 1,024, 64 MiB.
_TEXTS = 4096
_TOKENS = 1 << 14


class Embedder(LoadedModel):
    """A model that makes vectors of texts.

    Vectors do not depend on the other texts, their order or the number of threads.

    Args:
        path: A folder of sentence-transformers, where T5's decoder is left out if there is one; or
            of an encoder alone, whose tokens' states are averaged.
        dtype: As for `pyattn.Model`.
        threads: Likewise.
        **limits: Other settings of `pyattn.Model`: `isa`, `batch_tokens`.

    Attributes:
        prompts: The model's prompts, by name.
        max_tokens: Tokens of the longest text, special ones included.

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
        # Takes as long to import as everything else.
        from pyattn.model import Model

        folder = model_path(path)
        self._modules: Modules = read_modules(folder)
        with open_model(self._modules.model) as files:
            checkpoint = self._modules.encoder(files.checkpoint)
            self._tokenizer: PairTokenizer | NoTokenizer
            try:
                self._tokenizer = load_pair_tokenizer(files, self._modules.longest)
            except NoTokenizer as error:
                self._tokenizer = error
        self._settings: dict[str, Any] = {"dtype": dtype, "threads": threads, **limits}
        super().__init__(Model(checkpoint, **self._settings), folder)
        self.prompts = dict(self._modules.prompts)

    @property
    def max_tokens(self) -> int:
        """Tokens of the longest text, special ones included.

        Raises:
            ModelError: if the model has no tokenizer.
        """
        return self._needed_tokenizer().longest

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
        texts: Iterable[str],
        *,
        prompt: str | None = ...,
        prompt_name: str | None = ...,
        truncate: bool = ...,
        progress: bool = ...,
    ) -> Floats: ...
    def embed(
        self,
        texts: str | Iterable[str],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        truncate: bool = True,
        progress: bool = False,
    ) -> Floats:
        """The vectors of texts.

        Args:
            texts: Any number of texts, or one. An empty text has a vector, too: that of the special
                tokens around it.
            prompt: A text in front of every text, such as "query: ".
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
            TypeError: if a text is not a str.
            ModelError: if the model has no tokenizer.
        """
        front = self._prompt(prompt, prompt_name)
        if isinstance(texts, str):
            check_text(texts, "embed: text")
            row: Floats = self._vectors([texts], front, truncate, False)[0]
            return row
        return self._vectors(list(checked_texts("embed", texts)), front, truncate, progress)

    def _vectors(self, texts: list[str], prompt: str, truncate: bool, progress: bool) -> Floats:
        tokenizer = self._needed_tokenizer()
        skipped = self._prompt_tokens(tokenizer, prompt)
        pooled: list[Floats] = []
        cut: list[int] = []
        with bar(len(texts), "text") if progress else contextlib.nullcontext() as report:
            for begin in range(0, len(texts), _TEXTS):
                framed = [
                    tokenizer.encode(self._prepared(prompt + text))
                    for text in texts[begin : begin + _TEXTS]
                ]
                cut += [begin + n for n, one in enumerate(framed) if one.cut]
                if cut and not truncate:
                    raise ValueError(
                        f"embed: text {cut[0]} has more than {tokenizer.longest} tokens, expected "
                        "no more, or truncate=True"
                    )
                for rows, done in self._pooled(framed, skipped):
                    pooled += rows
                    if report is not None:
                        report(begin + done)
        if cut:
            warnings.warn(
                f"embed: {len(cut)} of {len(texts)} texts have more than {tokenizer.longest} "
                f"tokens and were cut, the first is text {cut[0]}",
                stacklevel=3,
            )
        width = self.model.config.dim * len(self._modules.pooling.modes)
        vectors = np.stack(pooled) if pooled else np.empty((0, width), np.float32)
        return applied(self._modules.steps, vectors)

    def _pooled(self, framed: Sequence[Framed], prompt: int) -> Iterator[tuple[list[Floats], int]]:
        """The pooled states of texts in their order, once all are there, and how many are done."""
        order = sorted(range(len(framed)), key=lambda n: -len(framed[n].ids))
        nothing = np.zeros((1, self.model.config.dim), np.float32)
        found: dict[int, Floats] = {}
        typed = self.model.config.token_types > 1
        for batch in _batches(order, [len(one.ids) for one in framed]):
            with_ids = [n for n in batch if framed[n].ids]
            ids = [framed[n].ids for n in with_ids]
            types = [framed[n].types for n in with_ids] if typed else None
            states = dict(zip(with_ids, self.model.encode(ids, types), strict=True))
            for n in batch:
                # A text of no tokens at all, not even special ones, is zeros.
                found[n] = self._modules.pooling(states.get(n, nothing), prompt)
            yield [], len(found)
        yield [found[n] for n in range(len(framed))], len(found)

    def _prompt(self, prompt: str | None, name: str | None) -> str:
        if prompt is not None and name is not None:
            raise ValueError("embed: prompt and prompt_name are given, expected one of them")
        if prompt is not None:
            return check_text(prompt, "embed: prompt")
        name = self._modules.default_prompt if name is None else name
        if name is None:
            return ""
        if name not in self.prompts:
            known = ", ".join(map(repr, self.prompts)) or "none, as the model has no prompts"
            raise ValueError(f"embed: prompt_name is {name!r}, expected {known}")
        return self.prompts[name]

    def _prompt_tokens(self, tokenizer: PairTokenizer, prompt: str) -> int:
        """How many tokens at the beginning of a text are of the prompt, with the special one."""
        if not prompt or self._modules.pooling.include_prompt:
            return 0
        framed = tokenizer.encode(self._prepared(prompt))
        return len(framed.ids) - framed.ends

    def _prepared(self, text: str) -> str:
        return text.lower() if self._modules.lower else text

    def _needed_tokenizer(self) -> PairTokenizer:
        if isinstance(self._tokenizer, ModelError):
            raise self._tokenizer
        return self._tokenizer

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

    def __reduce__(self) -> tuple[Any, ...]:
        return _embedder, (self._folder, self._settings)


def _embedder(folder: Any, settings: dict[str, Any]) -> Embedder:
    """A pickled embedder, loaded again."""
    return Embedder(folder, **settings)


def _batches(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of texts in that order, as many at a time as have `_TOKENS` tokens, at least one."""
    batch: list[int] = []
    tokens = 0
    for n in order:
        if batch and tokens + lengths[n] > _TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(n)
        tokens += lengths[n]
    if batch:
        yield batch
