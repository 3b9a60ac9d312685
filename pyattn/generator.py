"""Prompts in, what follows them out: a decoder that stands alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from pyattn.decoder_model import DecoderModel
from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis
from pyattn.text.chat.template import Message, checked_variables
from pyattn.text.checks import check_text
from pyattn.text.tokenizers.prompts import Prompt

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.overrides import Overrides
    from pyattn.results import DecidedToken

Floats: TypeAlias = npt.NDArray[np.float32]


class Generator(DecoderModel):
    """A model that continues texts, and answers in chats if it was trained to.

    A prompt is a text or a list of ids. Of a text, special tokens such as "<|im_end|>" are just
    text, and the model's begin is put in front; ids are taken as they are. A prompt and its
    continuation fit into the model's positions: a longer prompt is an error, and a continuation
    ends there at the latest, with the `finish_reason` "length".

    All methods take decoding options, those of `GenerationOptions`: as one object, as keywords, or
    both. Keywords override `options`, which default to the checkpoint's (`model.generation`). A
    checkpoint that samples does so here with the `seed` 0: other answers need other seeds.

    Any number of threads may share a generator; the prompts of all are decoded together, and
    prompts that begin the same are computed once as far as they do.

    A generator is pickled by path and settings; unpickling loads it again.

    Args:
        path: A folder with a GPT-2, Llama, Qwen2 or Qwen3, of transformers' layout or pyattn's own.
        dtype: As for `pyattn.Model`.
        threads: Likewise.
        **limits: Other settings of `pyattn.Model`: `isa`, `batch_tokens`, `batch_rows`,
            `cache_bytes` and `vocabulary_search`.

    Raises:
        ModelError: if a file is missing or cannot be used, or the model has an encoder.
        ValueError: as `pyattn.Model`.
    """

    def generate(
        self,
        prompts: Iterable[Prompt],
        options: GenerationOptions | Sequence[GenerationOptions] | None = None,
        *,
        on_token: Callable[[DecidedToken], object] | None = None,
        progress: Callable[[int], object] | None = None,
        **overrides: Unpack[Overrides],
    ) -> list[list[Hypothesis]]:
        """What follows prompts, as ids.

        Args:
            prompts: Any number of texts or lists of ids; a single one goes into a list.
            options: How to search, for all prompts or a list with one for each.
            on_token: As for `Model.generate`.
            progress: Called at intervals with the number of prompts that are done.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Returns:
            Per prompt the `num_hypotheses` best continuations, best first, without the prompt.

        Raises:
            ValueError: if a prompt has no tokens, too many or unknown ones, a text is not valid
                Unicode, or an option does not fit the model.
            TypeError: if a prompt is neither text nor ids, or an option does not exist.
        """
        ids = self._ids("generate", prompts)
        return self.model.generate(ids, options, on_token=on_token, progress=progress, **overrides)

    @overload
    def complete(  # type: ignore[overload-overlap]  # a str is an iterable of str, too
        self,
        prompts: str,
        options: GenerationOptions | None = ...,
        *,
        progress: bool = ...,
        **overrides: Unpack[Overrides],
    ) -> str: ...
    @overload
    def complete(
        self,
        prompts: Iterable[Prompt],
        options: GenerationOptions | None = ...,
        *,
        progress: bool = ...,
        **overrides: Unpack[Overrides],
    ) -> list[str]: ...
    def complete(
        self,
        prompts: str | Iterable[Prompt],
        options: GenerationOptions | None = None,
        *,
        progress: bool = False,
        **overrides: Unpack[Overrides],
    ) -> str | list[str]:
        """The best continuation of each prompt, as a text: prompt + continuation is the whole.

        Args:
            prompts: One text, or any number of texts or lists of ids.
            options: How to search.
            progress: Whether to draw a bar on standard error; needs the package tqdm.
            **overrides: Fields of `GenerationOptions`. `scores` is False unless it is given here.

        Returns:
            A str for a str, else a list in the order of `prompts`.

        Raises:
            ValueError: as `generate`.
            TypeError: as `generate`.
            ModelError: if the model has no tokenizer.
        """
        one = isinstance(prompts, str)
        ids = self._ids("complete", [prompts] if isinstance(prompts, str) else prompts)
        texts = self._texts(ids, options, progress, overrides)
        return texts[0] if one else texts

    def stream(
        self,
        prompt: Prompt,
        options: GenerationOptions | None = None,
        **overrides: Unpack[Overrides],
    ) -> Iterator[str]:
        """The continuation of one prompt in pieces, as they are decided.

        A character of several tokens comes whole. The pieces are the text of `complete` with a
        `beam_size` of 1. Leaving the iteration ends the search.

        Args:
            prompt: A text, or a list of ids.
            options: How to search; None is the checkpoint's defaults, with a `beam_size` of 1.
            **overrides: Fields of `GenerationOptions`. `scores` is False unless it is given here.

        Raises:
            ValueError: as `generate`, at once.
            TypeError: as `generate`, at once.
            ModelError: if the model has no tokenizer.
        """
        [ids] = self._ids("stream", [prompt])
        return self._streamed(ids, options, overrides)

    def chat_ids(
        self, messages: Sequence[Message], *, add_generation_prompt: bool = True, **variables: Any
    ) -> list[int]:
        """A chat as a prompt, by the model's template.

        Special tokens of the template count; those in messages are just text.

        Args:
            messages: Dicts with a `role`, such as "user", and a `content`.
            add_generation_prompt: Whether the begin of an answer follows.
            **variables: What else the template knows, such as `tools` or `enable_thinking`.

        Raises:
            ValueError: if the template does not take the messages; the message has its reason.
            TypeError: if they are something else than messages.
            ModelError: if the model has no template or no tokenizer, or the template takes too
                long.
        """
        tokenizer = self.tokenizer
        checked_variables(variables)
        pieces = self.chat_template.render(
            messages,
            add_generation_prompt=add_generation_prompt,
            broken=tokenizer.broken,
            **variables,
        )
        return tokenizer.encode_rendered(pieces)

    def chat(
        self,
        messages: Sequence[Message],
        options: GenerationOptions | None = None,
        *,
        variables: dict[str, Any] | None = None,
        **overrides: Unpack[Overrides],
    ) -> str:
        """The model's answer to a chat.

        The answer ends with one of the model's end tokens, or with the one that its tokenizer
        names.

        Args:
            messages: As for `chat_ids`.
            options: How to search.
            variables: What else the template knows, as for `chat_ids`.
            **overrides: Fields of `GenerationOptions`. `scores` is False unless it is given here.

        Raises:
            ValueError: as `chat_ids` and `generate`.
            TypeError: likewise.
            ModelError: as `chat_ids`.
        """
        ids = self.chat_ids(messages, **checked_variables(variables))
        return self._texts([ids], options, False, self.chat_options(options, **overrides))[0]

    def stream_chat(
        self,
        messages: Sequence[Message],
        options: GenerationOptions | None = None,
        *,
        variables: dict[str, Any] | None = None,
        **overrides: Unpack[Overrides],
    ) -> Iterator[str]:
        """The answer of `chat` in pieces, as `stream` has them.

        Args:
            messages: As for `chat_ids`.
            options: As for `stream`.
            variables: What else the template knows, as for `chat_ids`.
            **overrides: Fields of `GenerationOptions`. `scores` is False unless it is given here.

        Raises:
            ValueError: as `chat`, at once.
            TypeError: likewise.
            ModelError: likewise.
        """
        ids = self.chat_ids(messages, **checked_variables(variables))
        return self._streamed(ids, options, self.chat_options(options, **overrides))

    def score(self, prompts: Iterable[Prompt], targets: Iterable[Prompt]) -> list[Floats]:
        """Log-probabilities of given continuations.

        A target that is a text is cut together with its prompt, if that is one, as far as the
        prompt's tokens stay the same.

        Args:
            prompts: Any number of texts or lists of ids.
            targets: A continuation for each.

        Returns:
            For each pair [target + 1], float32: of each of the target's tokens, and of the end.

        Raises:
            ValueError: as `generate`, and if there are not as many targets as prompts.
            TypeError: as `generate`.
            ModelError: if a text is given and the model has no tokenizer.
        """
        given, wanted = list(prompts), list(targets)
        if len(given) != len(wanted):
            raise ValueError(f"score: there are {len(wanted)} targets, expected {len(given)}")
        for n, target in enumerate(wanted):
            if isinstance(target, bytes):  # which would be ids
                raise TypeError(f"score: targets[{n}] is bytes, expected a text or a list of ids")
        ids = self._ids("score", given)
        rows = [
            self.tokenizer.encode_behind(prompt, own, check_text(target, f"score: targets[{n}]"))
            if isinstance(target, str)
            else target
            for n, (prompt, own, target) in enumerate(zip(given, ids, wanted, strict=True))
        ]
        return self.model.score(ids, rows)
