"""Reformer's language models (Kitaev et al. 2020), in NumPy: texts in, what follows them out.

    generator = ReformerGenerator("reformer-crime-and-punishment", seed=0)
    generator.complete("A few months later", max_new_tokens=20)

The engine does not run them. They take a token at a time on one thread, and show what a Reformer
computes: `pyattn.reference.Reformer` is the model, and `pyattn.reference` has its definitions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast, overload

import numpy as np
import numpy.typing as npt

from pyattn.files import model_path, read_reformer
from pyattn.files.huggingface.opened import files_by_role
from pyattn.files.tokenizer_parts import read_settings
from pyattn.reference.reformer import Reformer
from pyattn.text.checks import check_text, checked_texts
from pyattn.text.tokenizers import NoTokenizer
from pyattn.text.tokenizers.prompts import (
    Prompt,
    PromptTokenizer,
    ReadsPrompts,
    prompt_tokenizer,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.options import GenerationOptions
    from pyattn.overrides import Overrides
    from pyattn.reference.hash_vectors import HashVectors
    from pyattn.results import Hypothesis

Floats: TypeAlias = npt.NDArray[np.float32]
# A model of bytes has these ids and no tokenizer, as google/reformer-enwik8.
_FIRST_BYTE, _BYTES = 2, 256


class ReformerGenerator(ReadsPrompts):
    """A Reformer that continues texts.

    A prompt is a text or a list of ids. Texts are cut by tokenizer.json (needs the package
    tokenizers) or spiece.model. A model of 258 ids without either has the bytes of UTF-8, each 2
    above its value.

    Args:
        path: A folder of transformers' layout with a `ReformerModelWithLMHead`.
        seed: As for `pyattn.reference.Reformer`: of the random vectors that tokens are hashed by.
        hash_vectors: Likewise: these vectors themselves.

    Attributes:
        model: The model: ids in, ids out.

    Raises:
        ModelError: if a file is missing or cannot be used; the message names it and the field.
        ValueError: as `pyattn.reference.Reformer`.
        TypeError: likewise.
    """

    model: Reformer

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        seed: int | None = None,
        hash_vectors: HashVectors | None = None,
    ) -> None:
        folder = model_path(path)
        self.model = Reformer(read_reformer(folder), seed=seed, hash_vectors=hash_vectors)
        parts, config = files_by_role(folder, read_settings(folder)), self.model.config
        try:
            self._tokenizer = prompt_tokenizer(folder, parts, config.model)
        except NoTokenizer as error:
            bytewise = config.vocab == _FIRST_BYTE + _BYTES and not {"json", "pieces"} & {
                *parts.files
            }
            self._tokenizer = PromptTokenizer(_Bytes(), end=config.end) if bytewise else error

    def logits(self, prompts: Iterable[Prompt]) -> list[Floats]:
        """What each token of texts predicts.

        Args:
            prompts: Any number of texts or lists of ids; a single one goes into a list.

        Returns:
            [tokens, vocab] for each, before the softmax.

        Raises:
            ValueError: as `pyattn.reference.Reformer.logits`, or if a text is not valid Unicode.
            TypeError: if a prompt is neither text nor ids.
            ModelError: if a text is given and the model has no tokenizer.
        """
        return self.model.logits(self._ids("logits", prompts))

    def generate(
        self,
        prompts: Iterable[Prompt],
        options: GenerationOptions | Sequence[GenerationOptions] | None = None,
        *,
        cache: bool = True,
        **overrides: Unpack[Overrides],
    ) -> list[list[Hypothesis]]:
        """What follows prompts, as ids.

        Args:
            prompts: As for `logits`.
            options: How to search, for all prompts or a list with one for each; None is the
                checkpoint's defaults.
            cache: As for `pyattn.reference.Reformer.generate`.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Returns:
            Per prompt the `num_hypotheses` best continuations, best first, without the prompt.

        Raises:
            ValueError: as `logits`, and if an option does not fit the model.
            TypeError: as `logits`, and if an option does not exist.
            ModelError: as `logits`.
        """
        ids = self._ids("generate", prompts)
        return self.model.generate(ids, options, cache=cache, **overrides)

    @overload
    def complete(  # type: ignore[overload-overlap]  # a str is an iterable of str, too
        self,
        prompts: str,
        options: GenerationOptions | None = ...,
        *,
        cache: bool = ...,
        **overrides: Unpack[Overrides],
    ) -> str: ...
    @overload
    def complete(
        self,
        prompts: Iterable[Prompt],
        options: GenerationOptions | None = ...,
        *,
        cache: bool = ...,
        **overrides: Unpack[Overrides],
    ) -> list[str]: ...
    def complete(
        self,
        prompts: str | Iterable[Prompt],
        options: GenerationOptions | None = None,
        *,
        cache: bool = True,
        **overrides: Unpack[Overrides],
    ) -> str | list[str]:
        """The best continuation of each prompt, as a text: prompt + continuation is the whole.

        Args:
            prompts: One text, or any number of texts or lists of ids.
            options: As for `generate`.
            cache: As for `generate`.
            **overrides: As for `generate`.

        Returns:
            A str for a str, else a list in the order of `prompts`.

        Raises:
            ValueError: as `generate`.
            TypeError: as `generate`.
            ModelError: if the model has no tokenizer.
        """
        tokenizer = self.tokenizer
        one = isinstance(prompts, str)
        ids = self._ids("complete", [prompts] if isinstance(prompts, str) else prompts)
        found = self.model.generate(ids, options, cache=cache, **overrides)
        texts = [
            tokenizer.continued(prompt, best.tokens)
            for prompt, [best, *_] in zip(ids, found, strict=True)
        ]
        return texts[0] if one else texts

    def _ids(self, operation: str, prompts: Iterable[Prompt]) -> list[Sequence[int]]:
        """Prompts as ids; their tokens are checked by the model."""
        checked_texts(operation, cast(Any, prompts), "a list of texts or of ids", name="prompts")
        found: list[Sequence[int]] = []
        for n, prompt in enumerate(prompts):
            if isinstance(prompt, str):
                text = check_text(prompt, f"{operation}: prompts[{n}]")
                found += self.tokenizer.encode([text])
            else:
                found.append(prompt)
        return found


class _Bytes:
    """The bytes of UTF-8 as ids; bytes that are no text become U+FFFD."""

    special: Mapping[str, int] = {}

    @property
    def tokens(self) -> Mapping[str, int]:
        """Names of bytes, as SentencePiece writes them, and their ids."""
        return {f"<0x{byte:02X}>": byte + _FIRST_BYTE for byte in range(_BYTES)}

    def cut(self, text: str) -> list[int]:
        """Ids of a text."""
        return [byte + _FIRST_BYTE for byte in text.encode()]

    def cut_marked(self, text: str) -> list[int]:
        """The same; there are no special tokens."""
        return self.cut(text)

    def join(self, ids: list[int]) -> str:
        """Text of ids; the two that are no bytes are left out."""
        known = (id - _FIRST_BYTE for id in ids)
        return bytes(byte for byte in known if 0 <= byte < _BYTES).decode(errors="replace")
