"""CTranslate2's Translator."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pyattn.compat.ctranslate2 import files as text_files
from pyattn.compat.ctranslate2.arguments import (
    check_as_many,
    check_batch_type,
    check_prefixes,
    check_sentences,
    check_tokens,
    checked,
    incompatible,
)
from pyattn.compat.ctranslate2.decoding import STREAMED, Decoding
from pyattn.compat.ctranslate2.handle import TranslatorHandle
from pyattn.compat.ctranslate2.pending import Background, Failed, Pending
from pyattn.compat.ctranslate2.results import (
    AsyncScoringResult,
    AsyncTranslationResult,
    ExecutionStats,
    GenerationStepResult,
    ScoringResult,
    TranslationResult,
)
from pyattn.compat.ctranslate2.run import Callback, Run
from pyattn.compat.ctranslate2.scoring import scored

# Requests of an iterable that are under way at a time.
_BATCHES_AHEAD = 8


class Translator(TranslatorHandle):
    """Translates and scores sentences that are cut into tokens.

    Args:
        model_path: The model's folder.
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

    def translate_batch(
        self,
        source: Sequence[Sequence[str]],
        target_prefix: Sequence[Sequence[str] | None] | None = None,
        *,
        max_batch_size: int = 0,  # noqa: ARG002 (all are decoded in one batch that is kept full)
        batch_type: str = "examples",
        asynchronous: bool = False,
        callback: Callback | None = None,
        **options: Any,
    ) -> list[Any]:
        """Translates sentences.

        Args:
            source: Tokens of each sentence.
            target_prefix: Tokens that each target begins with.
            max_batch_size: Not needed.
            batch_type: Not needed.
            asynchronous: Whether to return at once. A ValueError is raised by the results then.
            callback: Called with every token, with a `beam_size` of 1; a hypothesis for which it
                returns True ends there. It is called by another thread, if `asynchronous`.
            **options: The fields of `Decoding`, which are CTranslate2's.

        Returns:
            A TranslationResult for each sentence, or an AsyncTranslationResult.

        Raises:
            ValueError: if an option is out of its range, or has an unknown token.
            TypeError: if an option does not exist, or a sentence is no list of tokens.
            RuntimeError: if the model was unloaded, or there are fewer prefixes than sentences.
        """
        check_batch_type(batch_type)
        sources = check_sentences("source", source)
        decoding = Decoding(**options)
        prefixes = check_prefixes(target_prefix, sources)
        if callback is not None and not callable(callback):
            raise incompatible("callback", callback, "a function")
        if not sources:
            return []
        with self.in_use() as loaded:
            start = functools.partial(
                Run, loaded, decoding, sources, prefixes, watched=callback is not None
            )
            if not asynchronous:
                return _finished(start(), callback)
            pending = _begun(start, callback)
            self.keep_in_use(pending)
        return [AsyncTranslationResult(pending, n) for n in range(len(sources))]

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
            ValueError: as `translate_batch`, with the first token.
            TypeError: as `translate_batch`, at once.
            RuntimeError: as `translate_batch`, with the first token.
        """
        for name in options.keys() - STREAMED:
            raise TypeError(f"generate_tokens() got an unexpected keyword argument {name!r}")
        return self._tokens(
            Decoding(beam_size=1, return_scores=return_log_prob, **options),
            check_tokens("source", source),
            check_tokens("target_prefix", target_prefix or []),
        )

    def _tokens(
        self, decoding: Decoding, source: list[str], prefix: list[str]
    ) -> Iterator[GenerationStepResult]:
        with self.in_use() as loaded:
            run = Run(loaded, decoding, [source], [prefix], watched=True)
            self.keep_in_use(run)
        yield from run.steps()

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
            ValueError: as `translate_batch`, or if there are not as many prefixes as sources.
            TypeError: as `translate_batch`.
            RuntimeError: as `translate_batch`.
        """
        pairs = text_files.alone(source)
        if target_prefix is not None:
            pairs = text_files.pairs(source, target_prefix)
        return self._in_order(self.translate_batch, pairs, max_batch_size, batch_type, options)

    def _in_order(
        self,
        work: Callable[..., list[Any]],
        pairs: text_files.Pairs,
        max_batch_size: int,
        batch_type: str,
        options: dict[str, Any],
    ) -> Iterator[Any]:
        """Results of pairs of sentences; nothing happens, and nothing fails, before the first."""
        if max_batch_size < 1:
            raise ValueError("max_batch_size must be >= 1")
        check_batch_type(batch_type)

        def start(batch: list[tuple[Any, Any]]) -> list[Any]:
            first, second = zip(*batch, strict=True)
            return work(first, second, **options | {"asynchronous": True})

        yield from text_files.in_order(pairs, start, max_batch_size, _BATCHES_AHEAD)

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
            RuntimeError: if a file cannot be opened, or there are fewer prefixes than lines.
            ValueError: as `translate_batch`, or if a function is missing.
        """
        if bool(source_tokenize_fn) != bool(target_detokenize_fn):
            raise ValueError(
                "source_tokenize_fn and target_detokenize_fn should both be set or none at all"
            )
        if target_path is not None and source_tokenize_fn and not target_tokenize_fn:
            raise ValueError("target_tokenize_fn should be set when passing a target file")
        return text_files.translate(
            lambda pairs: self._in_order(
                self.translate_batch,
                pairs,
                max(max_batch_size, read_batch_size),
                batch_type,
                {"return_scores": with_scores, **options},
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
            offset: Tokens of the targets to leave out of the results.
            asynchronous: Whether to return at once.

        Returns:
            A ScoringResult for each sentence, or an AsyncScoringResult.

        Raises:
            ValueError: if `offset` or `max_input_length` is negative.
            TypeError: if a sentence is no list of tokens.
            RuntimeError: if the model was unloaded, or there are fewer targets than sentences.
        """
        check_batch_type(batch_type)
        sources, targets = check_sentences("source", source), check_sentences("target", target)
        check_as_many(targets, sources)
        for name, value in (("max_input_length", max_input_length), ("offset", offset)):
            if checked(name, value, "int") < 0:
                raise ValueError(f"{name} must be >= 0")
        with self.in_use() as loaded:
            work = functools.partial(
                scored,
                loaded,
                sources,
                targets[: len(sources)],
                most=max_input_length,
                offset=offset,
            )
            if not asynchronous:
                return work()
            pending = Background(work)
            self.keep_in_use(pending)
        return [AsyncScoringResult(pending, n) for n in range(len(sources))]

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
            ValueError: as `score_batch`, or if there are not as many targets as sources.
            TypeError: as `score_batch`.
            RuntimeError: as `score_batch`.
        """
        pairs = text_files.pairs(source, target)
        return self._in_order(self.score_batch, pairs, max_batch_size, batch_type, options)

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
            RuntimeError: if a file cannot be opened, or there are fewer targets than lines.
            ValueError: as `score_batch`, or if some of the functions are missing.
        """
        if (
            len({bool(source_tokenize_fn), bool(target_tokenize_fn), bool(target_detokenize_fn)})
            > 1
        ):
            raise ValueError(
                "source_tokenize_fn, target_tokenize_fn, and target_detokenize_fn should all be "
                "set or none at all"
            )
        return text_files.score(
            lambda pairs: self._in_order(
                self.score_batch,
                pairs,
                max(max_batch_size, read_batch_size),
                batch_type,
                {"max_input_length": max_input_length, "offset": offset},
            ),
            text_files.Lines(source_path, source_tokenize_fn),
            text_files.Lines(target_path, target_tokenize_fn),
            output_path,
            target_detokenize_fn or " ".join,
            with_tokens_score,
        )


def _finished(run: Run, callback: Callback | None) -> list[TranslationResult]:
    if callback is not None:
        run.watch(callback)
    return run.results()


def _begun(start: Callable[[], Run], callback: Callback | None) -> Pending[TranslationResult]:
    """A run that has been started."""
    try:
        run = start()
    except ValueError as error:
        return Failed(error)
    return run if callback is None else Background(functools.partial(_finished, run, callback))
