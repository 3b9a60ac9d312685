"""CTranslate2's Generator."""

from __future__ import annotations

import asyncio
import functools
import pathlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pyattn.compat.ctranslate2 import files as text_files
from pyattn.compat.ctranslate2.arguments import (
    check_batch_type,
    check_sentences,
    checked,
    incompatible,
    is_sequence,
)
from pyattn.compat.ctranslate2.encoder import dense_rows, row_ids
from pyattn.compat.ctranslate2.generation import (
    GENERATION_STREAMED,
    Generation,
    GenerationRun,
    no_such,
)
from pyattn.compat.ctranslate2.handle import Loaded, ModelHandle
from pyattn.compat.ctranslate2.pending import Background, Failed, Pending
from pyattn.compat.ctranslate2.prompts import log_softmax, logits_of, scored_texts, words_of
from pyattn.compat.ctranslate2.results import (
    AsyncGenerationResult,
    AsyncScoringResult,
    GenerationResult,
    GenerationStepResult,
    ScoringResult,
)
from pyattn.compat.ctranslate2.run import Callback
from pyattn.compat.ctranslate2.storage import StorageView
from pyattn.files import open_model

# Requests of an iterable that are under way at a time.
_BATCHES_AHEAD = 8


class Generator(ModelHandle[Loaded]):
    """Continues and scores prompts that are cut into tokens.

    Args:
        model_path: The model's folder, of CTranslate2's layout; or of transformers', whose weights
            are stored in float32.
        device: "cpu", or "auto", which is that.
        device_index: 0.
        compute_type: What weights are computed with, also by device; "default" is what the model
            was saved with.
        inter_threads: Times `intra_threads` is the number of threads, which one batch shares.
        intra_threads: 0 for as many as the process may use.
        max_queued_batches: Requests never block, so it is not needed.
        flash_attention: Not for CPUs; has to be False.
        tensor_parallel: Not for CPUs; has to be False.
        files: The model's files by their names, as bytes or files, in place of those in the folder.

    Raises:
        RuntimeError: if the model cannot be loaded; the message names the file.
        ValueError: if an argument has no such value.
    """

    def generate_batch(
        self,
        start_tokens: Sequence[Sequence[str]],
        *,
        max_batch_size: int = 0,  # noqa: ARG002 (all are decoded in one batch that is kept full)
        batch_type: str = "examples",
        asynchronous: bool = False,
        callback: Callback | None = None,
        **options: Any,
    ) -> list[Any]:
        """Continues prompts.

        Args:
            start_tokens: Tokens of each prompt, special ones included.
            max_batch_size: Not needed.
            batch_type: Not needed.
            asynchronous: Whether to return at once. A ValueError is raised by the results then.
            callback: Called with every token, with a `beam_size` of 1; a sequence for which it
                returns True ends there. It is called by another thread, if `asynchronous`.
            **options: The fields of `Generation`, which are CTranslate2's.

        Returns:
            A GenerationResult for each prompt, or an AsyncGenerationResult.

        Raises:
            ValueError: if an option is out of its range, or has an unknown token; if a prompt is
                empty.
            TypeError: if an option does not exist, or a prompt is no list of tokens.
            RuntimeError: if the model was unloaded, or a prompt is too long for it.
        """
        check_batch_type(batch_type)
        prompts = check_sentences("start_tokens", start_tokens)
        generation = Generation(**options)
        if callback is not None and not callable(callback):
            raise incompatible("callback", callback, "a function")
        if not prompts:
            return []
        with self.in_use() as loaded:
            start = functools.partial(
                GenerationRun, loaded, generation, prompts, watched=callback is not None
            )
            if not asynchronous:
                return _finished(start(), callback)
            pending = _begun(start, callback)
            self.keep_in_use(pending)
        return [AsyncGenerationResult(pending, n) for n in range(len(prompts))]

    def generate_tokens(
        self,
        prompt: Sequence[str] | Sequence[Sequence[str]],
        max_batch_size: int = 0,  # noqa: ARG002 (as in generate_batch)
        batch_type: str = "examples",
        *,
        return_log_prob: bool = False,
        callback: Callback | None = None,
        **options: Any,
    ) -> Iterator[GenerationStepResult]:
        """The tokens behind prompts as they are generated.

        Args:
            prompt: Tokens of a prompt, or of several.
            max_batch_size: Not needed.
            batch_type: Not needed.
            return_log_prob: Whether to tell log-probabilities.
            callback: Called with every token; if it returns True, its sequence ends there.
            **options: As `generate_batch`.

        Raises:
            ValueError: as `generate_batch`, with the first token.
            TypeError: as `generate_batch`, at once.
            RuntimeError: as `generate_batch`, with the first token.
        """
        no_such("generate_tokens", options, GENERATION_STREAMED)
        check_batch_type(batch_type)
        one = is_sequence(prompt) and len(prompt) > 0 and isinstance(prompt[0], str)
        prompts = check_sentences("prompt", [prompt] if one else prompt)
        generation = Generation(
            return_scores=return_log_prob, include_prompt_in_result=False, **options
        )
        return self._tokens(generation, prompts, callback)

    def _tokens(
        self, generation: Generation, prompts: list[list[str]], callback: Callback | None
    ) -> Iterator[GenerationStepResult]:
        stopped: set[int] = set()
        with self.in_use() as loaded:
            run = GenerationRun(loaded, generation, prompts, watched=True)
            self.keep_in_use(run)
        for step in run.steps():
            if step.batch_id in stopped:
                continue
            yield step
            if callback is not None and callback(step):
                stopped.add(step.batch_id)
                if len(stopped) == len(prompts):
                    return

    async def async_generate_tokens(
        self,
        prompt: Sequence[str] | Sequence[Sequence[str]],
        max_batch_size: int = 0,
        batch_type: str = "examples",
        **options: Any,
    ) -> AsyncIterator[GenerationStepResult]:
        """As `generate_tokens`, without blocking the event loop.

        Args:
            prompt: As for `generate_tokens`.
            max_batch_size: Likewise.
            batch_type: Likewise.
            **options: Likewise.

        Raises:
            ValueError: as `generate_tokens`.
            TypeError: likewise.
            RuntimeError: likewise.
        """
        steps = self.generate_tokens(prompt, max_batch_size, batch_type, **options)
        while (step := await asyncio.to_thread(next, steps, None)) is not None:
            yield step

    def generate_iterable(
        self,
        start_tokens: Iterable[Sequence[str]],
        max_batch_size: int = 32,
        batch_type: str = "examples",
        **options: Any,
    ) -> Iterator[GenerationResult]:
        """Continues any number of prompts, in order and in bounded memory.

        Args:
            start_tokens: Tokens of each prompt.
            max_batch_size: Prompts that are read at a time, some times over.
            batch_type: Not needed.
            **options: As `generate_batch`.

        Raises:
            ValueError: as `generate_batch`.
            TypeError: as `generate_batch`.
            RuntimeError: as `generate_batch`.
        """
        return _in_order(self.generate_batch, start_tokens, max_batch_size, batch_type, options)

    def score_batch(
        self,
        tokens: Sequence[Sequence[str]],
        *,
        max_batch_size: int = 0,  # noqa: ARG002 (as in generate_batch)
        batch_type: str = "examples",
        max_input_length: int = 1024,
        asynchronous: bool = False,
    ) -> list[Any]:
        """Log-probabilities of the tokens of texts, of each behind those in front of it.

        Args:
            tokens: Tokens of each text, special ones included.
            max_batch_size: Not needed.
            batch_type: Not needed.
            max_input_length: Texts are cut there; 0 for no limit.
            asynchronous: Whether to return at once.

        Returns:
            A ScoringResult for each text, without its first token; or an AsyncScoringResult.

        Raises:
            ValueError: if `max_input_length` is negative.
            TypeError: if a text is no list of tokens.
            RuntimeError: if the model was unloaded, or a text is too long for it.
        """
        check_batch_type(batch_type)
        texts = check_sentences("tokens", tokens)
        if checked("max_input_length", max_input_length, "int") < 0:
            raise ValueError("max_input_length must be >= 0")
        cut = [text[: max_input_length or None] for text in texts]
        with self.in_use() as loaded:
            work = functools.partial(scored_texts, loaded, cut)
            if not asynchronous:
                return work()
            pending = Background(work)
            self.keep_in_use(pending)
        return [AsyncScoringResult(pending, n) for n in range(len(texts))]

    def score_iterable(
        self,
        tokens: Iterable[Sequence[str]],
        max_batch_size: int = 64,
        batch_type: str = "examples",
        **options: Any,
    ) -> Iterator[ScoringResult]:
        """Scores any number of texts, in order and in bounded memory.

        Args:
            tokens: Tokens of each text.
            max_batch_size: Texts that are read at a time, some times over.
            batch_type: Not needed.
            **options: As `score_batch`.

        Raises:
            ValueError: as `score_batch`.
            TypeError: as `score_batch`.
            RuntimeError: as `score_batch`.
        """
        return _in_order(self.score_batch, tokens, max_batch_size, batch_type, options)

    def forward_batch(
        self,
        inputs: Sequence[Sequence[str]] | Sequence[Sequence[int]] | StorageView,
        lengths: StorageView | None = None,
        *,
        return_log_probs: bool = False,
    ) -> StorageView:
        """The logits of the token behind each token.

        Args:
            inputs: Tokens or ids of each sequence; or ids as an int32 array, [batch, longest].
            lengths: Number of ids of each row of an array, [batch], int32.
            return_log_probs: Whether to return log-probabilities in place of logits.

        Returns:
            [batch, longest, vocab], float32; zeros behind a shorter sequence's end.

        Raises:
            TypeError: if an argument is of another type.
            ValueError: if an id is unknown or a length is out of its range.
            RuntimeError: if the model was unloaded, or a sequence is too long for it.
        """
        rows: Any = inputs
        if isinstance(inputs, StorageView):
            rows = dense_rows(inputs, lengths)
        elif isinstance(inputs, np.ndarray):
            rows = inputs.tolist()
        with self.in_use() as loaded:
            ids = row_ids(rows, loaded.vocabularies.source)
            logits = logits_of(loaded, ids)
            vocab = loaded.model.config.target_vocab
        longest = max(map(len, ids), default=0)
        padded = np.zeros((len(ids), longest, vocab), np.float32)
        for row, own in zip(padded, logits, strict=True):
            row[: len(own)] = log_softmax(own) if return_log_probs else own
        return StorageView(padded)

    @property
    def num_generators(self) -> int:
        """`inter_threads` for each device index, though one engine serves all threads."""
        return self._translators

    def _read_folder(self, folder: pathlib.Path) -> Loaded:
        with open_model(folder) as files:
            if files.config.stacks != ("decoder",):
                raise RuntimeError("This model cannot be used as a language model")
            words = words_of(files)
            checkpoint = files.checkpoint
        return Loaded(self._model(checkpoint), words, None)


def _in_order(
    work: Callable[..., list[Any]],
    items: Iterable[Any],
    max_batch_size: int,
    batch_type: str,
    options: dict[str, Any],
) -> Iterator[Any]:
    """Results of items; nothing happens, and nothing fails, before the first."""
    if max_batch_size < 1:
        raise ValueError("max_batch_size must be >= 1")
    check_batch_type(batch_type)

    def start(batch: list[tuple[Any, Any]]) -> list[Any]:
        return work([one for one, _ in batch], **options | {"asynchronous": True})

    yield from text_files.in_order(text_files.alone(items), start, max_batch_size, _BATCHES_AHEAD)


def _finished(run: GenerationRun, callback: Callback | None) -> list[GenerationResult]:
    if callback is not None:
        run.watch(callback)
    return run.results()


def _begun(
    start: Callable[[], GenerationRun], callback: Callback | None
) -> Pending[GenerationResult]:
    """A run that has been started."""
    try:
        run = start()
    except ValueError as error:
        return Failed(error)
    return run if callback is None else Background(functools.partial(_finished, run, callback))
