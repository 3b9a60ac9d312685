"""Texts in, states of tokens out: what all models have that are an encoder alone."""

from __future__ import annotations

import contextlib
import pathlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from pyattn._foreign import unknown_setting
from pyattn.embedding.modules import Modules
from pyattn.errors import ModelError
from pyattn.files import ModelFiles
from pyattn.text.checks import check_text
from pyattn.text.progress import bar
from pyattn.text.tokenizers import NoTokenizer
from pyattn.text.tokenizers.pairs import (
    Framed,
    PairTokenizer,
    TextOrPair,
    load_pair_tokenizer,
)
from pyattn.text_model import LoadedModel

Floats = npt.NDArray[np.float32]
T = TypeVar("T")
# Texts of more tokens than a model takes are cut with a warning, cut silently, or an error.
Long: TypeAlias = Literal["warn", "cut", "refuse"]
_SETTINGS = frozenset({"dtype", "threads", "isa", "batch_tokens", "batch_rows", "cache_bytes"})

# Texts that are sorted by their lengths and computed together, and tokens whose states exist at a
# time: of a width of 1,024, 64 MiB.
_TEXTS = 4096
_TOKENS = 1 << 14


class EncoderModel(LoadedModel):
    """An encoder and its tokenizer.

    Results do not depend on the other texts, their order or the number of threads.

    Args:
        folder: The folder of which the object is made, and made again.
        files: The encoder's files.
        modules: What stands around it.
        settings: Other arguments of `pyattn.Model`.

    Attributes:
        prompts: The model's prompts, by name.

    Raises:
        ModelError: if a file is missing or cannot be used, or the model has a decoder.
        ValueError: as `pyattn.Model`.
    """

    def __init__(
        self, folder: pathlib.Path, files: ModelFiles, modules: Modules, settings: dict[str, Any]
    ) -> None:
        # Takes as long to import as everything else.
        from pyattn.model import Model

        unknown = sorted(settings.keys() - _SETTINGS)
        if unknown:
            name = type(self).__name__
            raise TypeError(f"{name}: {unknown_setting(unknown[0], _SETTINGS | {'path'})}")
        checkpoint = modules.encoder(files.checkpoint)
        self._tokenizer: PairTokenizer | NoTokenizer
        try:
            self._tokenizer = load_pair_tokenizer(files, modules.longest)
        except NoTokenizer as error:
            self._tokenizer = error
        self._settings = settings
        self._modules = modules
        self.prompts = dict(modules.prompts)
        super().__init__(Model(checkpoint, **settings), folder)

    @property
    def max_tokens(self) -> int:
        """Tokens of the longest text, special ones included.

        Raises:
            ModelError: if the model has no tokenizer.
        """
        return self.tokenizer.longest

    @property
    def tokenizer(self) -> PairTokenizer:
        """Texts and pairs to token ids.

        Raises:
            ModelError: if the model has no tokenizer.
        """
        if isinstance(self._tokenizer, ModelError):
            raise self._tokenizer
        return self._tokenizer

    def _prompt(self, operation: str, prompt: str | None, name: str | None) -> str:
        """The prompt that a caller gave or named, or the default."""
        if prompt is not None and name is not None:
            raise ValueError(f"{operation}: prompt and prompt_name are given, expected one of them")
        if prompt is not None:
            return check_text(prompt, f"{operation}: prompt")
        name = self._modules.default_prompt if name is None else name
        if name is None:
            return ""
        if name not in self.prompts:
            known = ", ".join(map(repr, self.prompts)) or "none, as the model has no prompts"
            raise ValueError(f"{operation}: prompt_name is {name!r}, expected {known}")
        return self.prompts[name]

    def _prepared(self, prompt: str, text: TextOrPair) -> TextOrPair:
        """A text behind the prompt, or a pair whose first text is, in the model's letters."""
        first, second = (text, None) if isinstance(text, str) else text
        first = self._lowered(prompt + first)
        return first if second is None else (first, self._lowered(second))

    def _lowered(self, text: str) -> str:
        return text.lower() if self._modules.lower else text

    def _of_states(
        self,
        operation: str,
        texts: Sequence[TextOrPair],
        prompt: str,
        one: Callable[[Floats], T],
        *,
        long: Long,
        progress: bool,
    ) -> list[T]:
        """What `one` makes of the states of each text, [time, dim].

        A text without any tokens, not even special ones, has one state of zeros.

        Args:
            operation: The caller's name in errors. It was called by the user, whose line a warning
                names.
            texts: Valid texts.
            prompt: In front of each.
            one: The function.
            long: What happens to long texts.
            progress: Whether to draw a bar.
        """
        found: list[T] = []
        cut: list[int] = []
        longest = self.max_tokens
        with bar(len(texts), "text") if progress else contextlib.nullcontext() as report:
            for begin in range(0, len(texts), _TEXTS):
                framed = [
                    self.tokenizer.encode(self._prepared(prompt, text))
                    for text in texts[begin : begin + _TEXTS]
                ]
                cut += [begin + n for n, text in enumerate(framed) if text.cut]
                if cut and long == "refuse":
                    raise ValueError(
                        f"{operation}: text {cut[0]} has more than {longest} tokens, expected no "
                        "more, or truncate=True"
                    )
                for rows, done in self._computed(framed, one):
                    found += rows
                    if report is not None:
                        report(begin + done)
        if cut and long == "warn":
            warnings.warn(
                f"{operation}: {len(cut)} of {len(texts)} texts have more than {longest} tokens "
                f"and were cut, the first is text {cut[0]}",
                stacklevel=4,
            )
        return found

    def _computed(
        self, framed: Sequence[Framed], one: Callable[[Floats], T]
    ) -> Iterator[tuple[list[T], int]]:
        """The results of texts in their order, once all are there, and how many are done."""
        order = sorted(range(len(framed)), key=lambda n: -len(framed[n].ids))
        nothing = np.zeros((1, self.model.config.dim), np.float32)
        found: dict[int, T] = {}
        typed = self.model.config.token_types > 1
        for batch in _batches(order, [len(text.ids) for text in framed]):
            with_ids = [n for n in batch if framed[n].ids]
            ids = [framed[n].ids for n in with_ids]
            types = [framed[n].types for n in with_ids] if typed else None
            states = dict(zip(with_ids, self.model.encode(ids, types), strict=True))
            for n in batch:
                found[n] = one(states.get(n, nothing))
            yield [], len(found)
        yield [found[n] for n in range(len(framed))], len(found)

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded, (type(self), self._folder, self._settings)


def _loaded(kind: Callable[..., EncoderModel], folder: Any, settings: Any) -> EncoderModel:
    """A pickled model, loaded again."""
    return kind(folder, **settings)


def long_texts(operation: str, truncate: bool) -> Long:
    """What a caller's `truncate` asks for.

    Raises:
        TypeError: if it is no bool.
    """
    if not isinstance(truncate, bool):
        kind = type(truncate).__name__
        raise TypeError(f"{operation}: truncate is {kind}, expected True or False")
    return "warn" if truncate else "refuse"


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
