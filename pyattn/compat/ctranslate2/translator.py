"""CTranslate2's Translator."""

from __future__ import annotations

import concurrent.futures
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pyattn.compat.ctranslate2 import files as text_files
from pyattn.compat.ctranslate2.decoding import Decoding, check_batch_type, check_tokens
from pyattn.compat.ctranslate2.handle import ModelHandle
from pyattn.compat.ctranslate2.results import (
    AsyncScoringResult,
    AsyncTranslationResult,
    ExecutionStats,
    GenerationStepResult,
    ScoringResult,
    TranslationResult,
)
from pyattn.compat.ctranslate2.run import Run, source_ids

# Requests of an iterable that are under way at a time.
_BATCHES_AHEAD = 8


class Translator(ModelHandle):
    """Translates and scores sentences that are cut into tokens.

    Args:
        model_path: The model's folder.
        device: "cpu", or "auto", which is that.
        device_index: 0.
        compute_type: What weights are computed with, also by device; "default" is what the model
            was saved with.
        inter_threads: Times `intra_threads` is the number of threads.
        intra_threads: 0 for as many as the process may use.
        max_queued_batches: Requests never block, so it is not needed.
        flash_attention: Not for CPUs; has to be False.
        tensor_parallel: Not for CPUs; has to be False.
        files: The model's files by their names, as bytes or files, in place of those in the folder.

    Raises:
        RuntimeError: if the model cannot be loaded; the message names the file.
        ValueError: if an argument has no such value.
    """

    def translate_batch(
        self,
        source: Sequence[Sequence[str]],
        target_prefix: Sequence[Sequence[str] | None] | None = None,
        *,
        max_batch_size: int = 0,  # noqa: ARG002 (all are decoded in one batch that is kept full)
        batch_type: str = "examples",
        asynchronous: bool = False,
        callback: Callable[[GenerationStepResult], bool] | None = None,
        **options: Any,
    ) -> list[Any]:
        """Translates sentences.

        Args:
            source: Tokens of each sentence.
            target_prefix: Tokens that each target begins with.
            max_batch_size: Not needed.
            batch_type: Not needed.
            asynchronous: Whether to return at once.
            callback: Called with every token, with a `beam_size` of 1; a sentence for which it
                returns True ends there.
            **options: The fields of `Decoding`, which are CTranslate2's.

        Returns:
            A TranslationResult for each sentence, or an AsyncTranslationResult.

        Raises:
            ValueError: if an option is out of its range.
            TypeError: if an option does not exist, or a sentence is no list of tokens.
            RuntimeError: if the model was unloaded.
        """
        check_batch_type(batch_type)
        run = self._run(
            Decoding(**options),
            check_tokens("source", source),
            target_prefix,
            watched=callback is not None,
        )
        if callback is not None:
            run.watch(callback)
        if asynchronous:
            return [
                AsyncTranslationResult(
                    functools.partial(run.is_done, n), functools.partial(run.result, n)
                )
                for n in range(len(source))
            ]
        run.wait()
        return [run.result(n) for n in range(len(source))]

    def _run(
        self,
        decoding: Decoding,
        sources: list[list[str]],
        prefixes: Sequence[Sequence[str] | None] | None,
        *,
        watched: bool,
    ) -> Run:
        given = [prefix or [] for prefix in prefixes or []]
        # Those that are missing are empty, and there may be more than are needed.
        padded = [*check_tokens("target_prefix", given), *([] for _ in sources)][: len(sources)]
        return Run(
            self.loaded(),
            self.vocabularies,
            self.vmap,
            decoding,
            sources,
            padded,
            watched=watched,
        )

    def generate_tokens(
        self,
        source: Sequence[str],
        target_prefix: Sequence[str] | None = None,
        *,
        return_log_prob: bool = False,
        **options: Any,
    ) -> Iterator[GenerationStepResult]:
        """The tokens of one sentence as they are generated.

        Args:
            source: Its tokens.
            target_prefix: Tokens that its target begins with.
            return_log_prob: Whether to tell log-probabilities.
            **options: As `translate_batch`.

        Raises:
            ValueError: as `translate_batch`, at once.
            TypeError: as `translate_batch`, at once.
        """
        run = self._run(
            Decoding(beam_size=1, return_scores=return_log_prob, **options),
            check_tokens("source", [source]),
            None if target_prefix is None else [target_prefix],
            watched=True,
        )
        return run.steps()

    def translate_iterable(
        self,
        source: Iterable[Sequence[str]],
        target_prefix: Iterable[Sequence[str] | None] | None = None,
        max_batch_size: int = 32,
        batch_type: str = "examples",
        **options: Any,
    ) -> Iterator[TranslationResult]:
        """Translates any number of sentences, in order and in bounded memory.

        Args:
            source: Tokens of each sentence.
            target_prefix: Tokens that each target begins with.
            max_batch_size: Sentences that are read at a time, some times over.
            batch_type: Not needed.
            **options: As `translate_batch`.

        Raises:
            ValueError: if there are not as many prefixes as sources.
        """
        check_batch_type(batch_type)
        pairs: Iterable[tuple[Any, Any]] = ((tokens, None) for tokens in source)
        if target_prefix is not None:
            pairs = text_files.pairs(source, target_prefix)

        def start(batch: list[tuple[Any, Any]]) -> list[Any]:
            sources, prefixes = zip(*batch, strict=True)
            return self.translate_batch(sources, prefixes, asynchronous=True, **options)

        return text_files.in_order(pairs, start, max(max_batch_size, 1), _BATCHES_AHEAD)

    def translate_file(
        self,
        source_path: str | os.PathLike[str],
        output_path: str | os.PathLike[str],
        target_path: str | os.PathLike[str] | None = None,
        *,
        max_batch_size: int = 32,
        read_batch_size: int = 0,
        batch_type: str = "examples",
        with_scores: bool = False,
        source_tokenize_fn: text_files.Tokenize | None = None,
        target_tokenize_fn: text_files.Tokenize | None = None,
        target_detokenize_fn: text_files.Detokenize | None = None,
        **options: Any,
    ) -> ExecutionStats:
        """Translates the lines of a file.

        Args:
            source_path: The file.
            output_path: Where the translations go, a line for each hypothesis.
            target_path: A file with the prefix of each target.
            max_batch_size: Lines that are read at a time, some times over.
            read_batch_size: Not needed.
            batch_type: Not needed.
            with_scores: Whether a line begins with its score.
            source_tokenize_fn: Cuts a line of the source; at spaces by default.
            target_tokenize_fn: Cuts a prefix; at spaces by default.
            target_detokenize_fn: Joins tokens; with spaces by default.
            **options: As `translate_batch`.

        Raises:
            RuntimeError: if a file cannot be opened, or has not as many lines as the other.
        """
        return text_files.translate(
            functools.partial(
                self.translate_iterable,
                max_batch_size=max(max_batch_size, read_batch_size),
                batch_type=batch_type,
                return_scores=with_scores,
                **options,
            ),
            text_files.Lines(source_path, source_tokenize_fn),
            None if target_path is None else text_files.Lines(target_path, target_tokenize_fn),
            output_path,
            target_detokenize_fn or " ".join,
        )

    # --- scoring ---

    def score_batch(
        self,
        source: Sequence[Sequence[str]],
        target: Sequence[Sequence[str]],
        *,
        max_batch_size: int = 0,  # noqa: ARG002 (as in translate_batch)
        batch_type: str = "examples",
        max_input_length: int = 1024,
        offset: int = 0,
        asynchronous: bool = False,
    ) -> list[Any]:
        """Log-probabilities of given targets.

        Args:
            source: Tokens of each sentence.
            target: Tokens of its target.
            max_batch_size: Not needed.
            batch_type: Not needed.
            max_input_length: Sources and targets, with their ends, are cut there; 0 for no limit.
            offset: Tokens of the targets that are not told.
            asynchronous: Whether to return at once.

        Returns:
            A ScoringResult for each sentence, or an AsyncScoringResult.

        Raises:
            ValueError: if there are not as many targets as sources.
            TypeError: if a sentence is no list of tokens.
            RuntimeError: if the model was unloaded.
        """
        check_batch_type(batch_type)
        model = self.loaded()
        sources, targets = check_tokens("source", source), check_tokens("target", target)
        if len(sources) != len(targets):
            raise ValueError(f"there are {len(targets)} targets, expected {len(sources)}")
        cut = Decoding(max_input_length=max_input_length)
        vocabularies = self.vocabularies
        # The end counts as a token of the target.
        longest = max_input_length - 1 if max_input_length else None
        wanted = [vocabularies.target.ids(tokens)[:longest] for tokens in targets]
        ids = [source_ids(vocabularies, cut, tokens) for tokens in sources]
        chosen = [n for n, source in enumerate(ids) if source]

        def work() -> list[ScoringResult]:
            found = model.score([ids[n] for n in chosen], [wanted[n] for n in chosen])
            scores = dict(zip(chosen, found, strict=True))
            results = []
            for n, target in enumerate(wanted):
                tokens = [*vocabularies.target_tokens(target), vocabularies.end]
                if n in scores:
                    results.append(ScoringResult(tokens[offset:], scores[n][offset:].tolist()))
                else:
                    results.append(ScoringResult(tokens, [0.0] * len(tokens)))
            return results

        if not asynchronous:
            return work()
        # A thread of its own, which ends with its work: scoring is one call, and there is nothing
        # to wait for in between.
        scored: concurrent.futures.Future[list[ScoringResult]] = concurrent.futures.Future()
        threading.Thread(target=_fulfil, args=(scored, work), daemon=True).start()
        return [
            AsyncScoringResult(scored.done, functools.partial(_nth, scored, n))
            for n in range(len(sources))
        ]

    def score_iterable(
        self,
        source: Iterable[Sequence[str]],
        target: Iterable[Sequence[str]],
        max_batch_size: int = 64,
        batch_type: str = "examples",
        **options: Any,
    ) -> Iterator[ScoringResult]:
        """Scores any number of sentences, in order and in bounded memory.

        Args:
            source: Tokens of each sentence.
            target: Tokens of its target.
            max_batch_size: Sentences that are read at a time, some times over.
            batch_type: Not needed.
            **options: As `score_batch`.

        Raises:
            ValueError: if there are not as many targets as sources.
        """
        check_batch_type(batch_type)

        def start(batch: list[tuple[Any, Any]]) -> list[Any]:
            sources, targets = zip(*batch, strict=True)
            return self.score_batch(sources, targets, asynchronous=True, **options)

        pairs = text_files.pairs(source, target)
        return text_files.in_order(pairs, start, max(max_batch_size, 1), _BATCHES_AHEAD)

    def score_file(
        self,
        source_path: str | os.PathLike[str],
        target_path: str | os.PathLike[str],
        output_path: str | os.PathLike[str],
        *,
        max_batch_size: int = 32,
        read_batch_size: int = 0,
        batch_type: str = "examples",
        max_input_length: int = 1024,
        offset: int = 0,
        with_tokens_score: bool = False,
        source_tokenize_fn: text_files.Tokenize | None = None,
        target_tokenize_fn: text_files.Tokenize | None = None,
        target_detokenize_fn: text_files.Detokenize | None = None,
    ) -> ExecutionStats:
        """Scores the lines of a file, as `<score> ||| <target> [||| <score of each token>]`.

        Args:
            source_path: The sources.
            target_path: Their targets.
            output_path: Where the scores go.
            max_batch_size: Lines that are read at a time, some times over.
            read_batch_size: Not needed.
            batch_type: Not needed.
            max_input_length: As `score_batch`.
            offset: As `score_batch`.
            with_tokens_score: Whether a line ends with the score of each token.
            source_tokenize_fn: Cuts a line of the source; at spaces by default.
            target_tokenize_fn: Cuts a line of the target; at spaces by default.
            target_detokenize_fn: Joins tokens; with spaces by default.

        Raises:
            RuntimeError: if a file cannot be opened, or has not as many lines as the other.
        """
        return text_files.score(
            functools.partial(
                self.score_iterable,
                max_batch_size=max(max_batch_size, read_batch_size),
                batch_type=batch_type,
                max_input_length=max_input_length,
                offset=offset,
            ),
            text_files.Lines(source_path, source_tokenize_fn),
            text_files.Lines(target_path, target_tokenize_fn),
            output_path,
            target_detokenize_fn or " ".join,
            with_tokens_score,
        )


def _fulfil(scored: concurrent.futures.Future[Any], work: Callable[[], Any]) -> None:
    try:
        scored.set_result(work())
    except BaseException as error:
        scored.set_exception(error)


def _nth(scored: concurrent.futures.Future[list[ScoringResult]], sentence: int) -> ScoringResult:
    return scored.result()[sentence]
