"""A decoder that stands alone, with its tokenizer and its template of chats."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from pyattn._foreign import unknown_setting
from pyattn.errors import ModelError
from pyattn.files import ModelFiles, model_path, open_model
from pyattn.files.tokenizer_parts import FilesByRole
from pyattn.options import GenerationOptions
from pyattn.text.chat.template import ChatTemplate
from pyattn.text.checks import check_text, checked_texts
from pyattn.text.progress import bar
from pyattn.text.tokenizers import NoTokenizer, tokenizer_files
from pyattn.text.tokenizers.prompts import (
    Prompt,
    PromptTokenizer,
    ReadsPrompts,
    load_prompt_tokenizer,
)
from pyattn.text_model import LoadedModel

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.files.native_entries import MatrixType
    from pyattn.files.reading import JsonObject
    from pyattn.model import Model
    from pyattn.overrides import Limits
    from pyattn.running.precision import DTypes

_SETTINGS = frozenset(
    {"dtype", "threads", "isa", "batch_tokens", "batch_rows", "cache_bytes", "vocabulary_search"}
)


class DecoderModel(LoadedModel, ReadsPrompts):
    """A decoder and its tokenizer; `pyattn.Generator` derives from it.

    Args:
        path: A folder with a GPT-2, Llama, Qwen2 or Qwen3, of transformers' layout or pyattn's own.
        dtype: As for `pyattn.Model`.
        threads: Likewise.
        **limits: Other settings of `pyattn.Model`.

    Raises:
        ModelError: if a file is missing or cannot be used, or the model has an encoder.
        ValueError: as `pyattn.Model`.
    """

    model: Model

    def __init__(
        self,
        path: str | os.PathLike[str],
        dtype: DTypes = "auto",
        threads: int | None = None,
        **limits: Unpack[Limits],
    ) -> None:
        # Takes as long to import as everything else.
        from pyattn.model import Model

        unknown = sorted(limits.keys() - _SETTINGS)
        if unknown:
            raise TypeError(
                f"{type(self).__name__}: {unknown_setting(unknown[0], _SETTINGS | {'path'})}"
            )
        place = model_path(path)
        with open_model(place) as files:
            if files.config.stacks != ("decoder",):
                raise ModelError(
                    f"{place}: {files.config.family} has an encoder, expected a decoder alone; "
                    "pyattn.load finds what serves it"
                )
            self._tokenizer = _tokenizer(files)
            self._chat_settings = _chat_settings(files)
            checkpoint = files.checkpoint
        self._settings: dict[str, Any] = {"dtype": dtype, "threads": threads, **limits}
        super().__init__(Model(checkpoint, **self._settings), place)

    @functools.cached_property
    def chat_template(self) -> ChatTemplate:
        """The template of the model's chats.

        Raises:
            ModelError: if the model has none, it cannot be used, or the package jinja2 is missing.
        """
        return ChatTemplate(self._chat_settings)

    def save(self, folder: str | os.PathLike[str], *, dtype: MatrixType | None = None) -> None:
        """Write model and tokenizer as a folder of pyattn's own layout.

        Args:
            folder: The folder to write; it does not exist yet, or is empty.
            dtype: As for `Model.save`.

        Raises:
            FileExistsError: if the folder holds anything.
            ValueError: as `Model.save`.
        """
        assert self._folder is not None
        self.model.save(folder, dtype=dtype, tokenizer_files=tokenizer_files(self._folder))

    def _ids(self, operation: str, prompts: Iterable[Prompt]) -> list[Sequence[int]]:
        """Prompts as ids; their tokens are checked by the model."""
        # The iterable is checked at once, and its items below.
        checked_texts(operation, cast(Any, prompts), "a list of texts or of ids", name="prompts")
        found: list[Sequence[int]] = []
        for n, prompt in enumerate(prompts):
            if isinstance(prompt, str):
                [ids] = self.tokenizer.encode([check_text(prompt, f"{operation}: prompts[{n}]")])
            elif isinstance(prompt, bytes) or not isinstance(prompt, Iterable):
                raise TypeError(
                    f"{operation}: prompts[{n}] is {type(prompt).__name__}, expected a text or a "
                    "list of ids"
                )
            else:
                ids = list(prompt)
            if not ids:
                raise ValueError(f"{operation}: prompts[{n}] has no tokens, expected at least one")
            found.append(ids)
        return found

    def _texts(
        self,
        ids: Sequence[Sequence[int]],
        options: GenerationOptions | None,
        progress: bool,
        overrides: Any,
    ) -> list[str]:
        tokenizer = self.tokenizer
        search = {"scores": False, **overrides}
        if progress:
            with bar(len(ids), "prompt") as report:
                found = self.model.generate(ids, options, progress=report, **search)
                report(len(ids))
        else:
            found = self.model.generate(ids, options, **search)
        behind = self._behind(options, search)
        return [
            tokenizer.continued([*prompt, *behind], best.tokens)
            for prompt, [best, *_] in zip(ids, found, strict=True)
        ]

    def _streamed(
        self, ids: Sequence[int], options: GenerationOptions | None, overrides: Any
    ) -> Iterator[str]:
        tokenizer = self.tokenizer
        search = {"scores": False, **overrides}
        ends = self._ends(options, search)
        if self._option("return_end_token", options, search):
            ends = frozenset()
        tokens = self.model.generate_stream(ids, options, **search)
        behind = self._behind(options, search)
        continuation = tokenizer.continuation([*ids, *behind])
        # Tokens of a certain prefix are not decided, but are part of the text.
        given: Sequence[int] = ()
        if not behind and not self._option("prefix_bias_beta", options, search):
            given = self._option("target_prefix", options, search)

        def pieces() -> Iterator[str]:
            for token in given:
                if piece := continuation.add(token):
                    yield piece
            for decided in tokens:
                if decided.last and decided.token in ends:
                    break
                if piece := continuation.add(decided.token):
                    yield piece
            if rest := continuation.rest():
                yield rest

        return pieces()

    def _option(self, name: str, options: GenerationOptions | None, overrides: Any) -> Any:
        return overrides.get(name, getattr(options or self.model.generation, name))

    def _behind(self, options: GenerationOptions | None, overrides: Any) -> Sequence[int]:
        """Tokens between prompts and texts: those of a prefix that is no part of a text."""
        if self._option("return_prefix", options, overrides) or self._option(
            "prefix_bias_beta", options, overrides
        ):
            return ()
        found: Sequence[int] = self._option("target_prefix", options, overrides)
        return found

    def _ends(self, options: GenerationOptions | None, overrides: Any) -> frozenset[int]:
        """The tokens that end a continuation."""
        ends = self._option("end_tokens", options, overrides)
        return frozenset(ends or (self.model.config.end,))

    def chat_options(
        self, options: GenerationOptions | None = None, **overrides: Any
    ) -> dict[str, Any]:
        """The options of an answer to a chat, which also ends with the end of the tokenizer.

        Args:
            options: How to search; None is the checkpoint's defaults.
            **overrides: Fields of `GenerationOptions`.

        Returns:
            The overrides, with `end_tokens` among them if that takes more than is given.
        """
        name = self._chat_settings.get("eos_token")
        name = name.get("content") if isinstance(name, dict) else name
        own = self.tokenizer.special.get(name) if isinstance(name, str) else None
        if own is None or "end_tokens" in overrides or (options and options.end_tokens):
            return dict(overrides)
        ends = self._ends(options, overrides)
        if own in ends:
            return dict(overrides)
        first = self.model.config.end
        return {**overrides, "end_tokens": (*sorted(ends, key=lambda end: end != first), own)}

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded, (type(self), self._folder, self._settings)


def _loaded(kind: type[DecoderModel], folder: Any, settings: Any) -> DecoderModel:
    """A pickled model, loaded again."""
    return kind(folder, **settings)


def _tokenizer(files: ModelFiles) -> PromptTokenizer | NoTokenizer:
    try:
        return load_prompt_tokenizer(files)
    except NoTokenizer as error:
        return error


def _chat_settings(files: ModelFiles) -> JsonObject:
    """The settings of the tokenizer, among them its template."""
    parts = files.tokenizer
    return parts.settings if isinstance(parts, FilesByRole) else {}
