"""One request, from tokens to results."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.compat.ctranslate2.decoding import Decoding
from pyattn.compat.ctranslate2.handle import Loaded
from pyattn.compat.ctranslate2.results import GenerationStepResult, TranslationResult
from pyattn.compat.ctranslate2.sources import is_empty, source_ids
from pyattn.options import GenerationOptions
from pyattn.results import DecidedToken, Hypothesis

Callback = Callable[[GenerationStepResult], object]
Floats = npt.NDArray[np.float32]


class Run:
    """Sentences on their way.

    An empty sentence, and one with a prefix of full length, is not searched: its target is the
    prefix. If all are empty, values of arguments are not validated, as in CTranslate2.

    Args:
        loaded: The model.
        decoding: How to search.
        sources: Tokens of each sentence.
        prefixes: Tokens that each target begins with.
        watched: Whether `watch` or `steps` will be called.

    Raises:
        ValueError: if an argument is out of its range, or has an unknown token.
    """

    def __init__(
        self,
        loaded: Loaded,
        decoding: Decoding,
        sources: list[list[str]],
        prefixes: list[list[str]],
        *,
        watched: bool,
    ) -> None:
        self._loaded = loaded
        self._decoding = decoding
        self._sources = sources
        self._prefixes = prefixes
        self._ids = [self._source(tokens) for tokens in sources]
        filled = [n for n, tokens in enumerate(sources) if self._is_filled(tokens)]
        if filled:
            decoding.check(loaded.vocabularies.target, watched=watched)
        self._full = [n for n in filled if decoding.is_done(prefixes[n])]
        self._searched = [n for n in filled if not decoding.is_done(prefixes[n])]
        self._copies = decoding.num_hypotheses if decoding.is_copied(watched=watched) else 1
        self._place = {n: place * self._copies for place, n in enumerate(self._searched)}
        # Tokens of the prefix that a callback left, by sentence and hypothesis.
        self._stopped: dict[tuple[int, int], int] = {}
        self._looks_at = self._full_alignments()
        copied = [n for n in self._searched for _ in range(self._copies)]
        options = self._options(copied)
        more: dict[str, Any] = {}
        if copied and decoding.use_vmap and loaded.vmap is not None:
            ends = decoding.end_ids(loaded.vocabularies.target)
            more["shortlist"] = [
                sorted({*loaded.vmap.candidates(sources[n]), *ends}) for n in copied
            ]
        self._generation = loaded.model.submit(
            [self._ids[n] for n in copied], options, watched=watched, **more
        )

    def _source(self, tokens: list[str]) -> list[int]:
        """The ids of a sentence."""
        return source_ids(self._loaded.vocabularies, tokens, self._decoding.max_input_length)

    def _is_filled(self, tokens: list[str]) -> bool:
        """Whether a sentence has content."""
        return not is_empty(self._loaded.vocabularies, tokens)

    def _options(self, copied: list[int]) -> list[GenerationOptions]:
        """The options of each search; samples of equal sentences have different seeds."""
        decoding = self._decoding.of_each_search(self._copies)
        known: dict[tuple[tuple[str, ...], int], GenerationOptions] = {}
        drawn: collections.Counter[tuple[tuple[int, ...], tuple[str, ...]]] = collections.Counter()
        options = []
        for n in copied:
            prefix = tuple(self._prefixes[n])
            times = 0
            if decoding.samples:
                source = tuple(self._ids[n])
                times = drawn[source, prefix]
                drawn[source, prefix] += 1
            if (prefix, times) not in known:
                known[prefix, times] = decoding.options(
                    self._loaded.vocabularies, prefix, self._loaded.model.generation.alignment_heads
                )
            options.append(known[prefix, times])
        return options

    def _full_alignments(self) -> dict[int, Floats]:
        """[prefix, source] of each sentence with a prefix of full length, if it is needed."""
        if not self._full or not self._decoding.needs_alignment:
            return {}
        targets = [self._given(n) for n in self._full]
        found = self._loaded.model.align([self._ids[n] for n in self._full], targets)
        return {
            n: rows[: len(target)]
            for n, target, rows in zip(self._full, targets, found, strict=True)
        }

    def _given(self, sentence: int) -> list[int]:
        """Ids of a sentence's prefix, as far as its target may go."""
        given = self._prefixes[sentence][: self._decoding.max_decoding_length]
        return self._loaded.vocabularies.target.ids(given)

    # --- results ---

    def done(self) -> bool:
        """Whether all are done, and `result` needs the model no more."""
        return self._generation.done() and not self._decoding.return_logits_vocab

    def is_done(self, sentence: int) -> bool:
        """Whether `result` would not wait."""
        return all(self._generation.is_done(place) for place in self._places(sentence))

    def _places(self, sentence: int) -> range:
        """Places of a sentence's searches in the generation."""
        first = self._place.get(sentence, 0)
        return range(first, first + (self._copies if sentence in self._place else 0))

    def results(self) -> list[TranslationResult]:
        """Waits for all sentences."""
        self._generation.results()
        return [self.result(sentence) for sentence in range(len(self._sources))]

    def result(self, sentence: int) -> TranslationResult:
        """Waits for a sentence."""
        if sentence not in self._place:
            return self._unsearched(sentence)
        decoding = self._decoding
        places = self._places(sentence)
        found = [
            self._cut(one, self._stopped.get((sentence, copy)))
            for copy, place in enumerate(places)
            for one in self._generation.result(place)
        ]
        if len(places) > 1:
            found.sort(key=lambda one: -(one.score or 0))
        return TranslationResult(
            hypotheses=[self._tokens(sentence, one.tokens, one.alignment) for one in found],
            scores=[one.score for one in found if one.score is not None]
            if decoding.return_scores
            else [],
            attention=[self._attention(sentence, one.alignment, len(one.tokens)) for one in found]
            if decoding.return_attention
            else [],
            logits=[self._logits(sentence, one) for one in found]
            if decoding.return_logits_vocab
            else [],
        )

    def _cut(self, found: Hypothesis, most: int | None) -> Hypothesis:
        """A target without what a callback stopped, or what its prefix ends with."""
        if most is not None:
            return dataclasses.replace(found, tokens=found.tokens[:most], score=0.0)
        tokens = self._decoding.without_ends(self._loaded.vocabularies, found.tokens)
        return found if tokens is found.tokens else dataclasses.replace(found, tokens=tokens)

    def _unsearched(self, sentence: int) -> TranslationResult:
        """The prefix, as each of the hypotheses."""
        decoding = self._decoding
        hypotheses, attention = [], []
        for copy in range(decoding.num_hypotheses):
            ids = self._given(sentence)[: self._stopped.get((sentence, copy))]
            if sentence in self._full:
                ids = decoding.without_ends(self._loaded.vocabularies, ids)
            # An empty sentence has no alignment: its rows are zeros.
            looks_at = self._looks_at.get(sentence, np.zeros((len(ids), 0), np.float32))
            hypotheses.append(self._tokens(sentence, ids, looks_at))
            if decoding.return_attention:
                attention.append(self._attention(sentence, looks_at, len(ids)))
        score = self._coverage(sentence)
        return TranslationResult(
            hypotheses=hypotheses,
            scores=[score] * decoding.num_hypotheses if decoding.return_scores else [],
            attention=attention,
        )

    def _coverage(self, sentence: int) -> float:
        """The score of a target whose tokens are certain: its coverage penalty alone."""
        if sentence not in self._looks_at:
            return 0.0
        covered = self._looks_at[sentence].sum(axis=0)
        missed = np.log(np.clip(covered, np.finfo(np.float32).tiny, 1)).sum()
        return self._decoding.coverage_penalty * float(missed)

    def _tokens(self, sentence: int, ids: Sequence[int], looks_at: Floats | None) -> list[str]:
        tokens = self._loaded.vocabularies.target_tokens(ids)
        unknown = self._loaded.vocabularies.target.unk
        has_looked = sentence in self._place or sentence in self._looks_at
        if not self._decoding.replace_unknowns or not has_looked:
            return tokens
        source = self._sources[sentence]
        weights = self._attention(sentence, looks_at, len(ids))
        return [
            source[int(np.argmax(weights[t]))] if id == unknown else token
            for t, (id, token) in enumerate(zip(ids, tokens, strict=True))
        ]

    def _attention(self, sentence: int, looks_at: Floats | None, count: int) -> list[list[float]]:
        """A row for each of `count` tokens of the target; columns are the caller's tokens."""
        assert looks_at is not None
        first = int(self._loaded.vocabularies.add_begin)
        last = looks_at.shape[1] - int(self._loaded.vocabularies.add_end)
        width = len(self._sources[sentence])
        # The model's own tokens around the sentence are no columns of it, nor is what was cut off.
        rows = looks_at[:count, first : min(first + width, max(last, first))]
        padded = np.zeros((len(rows), width), np.float32)
        padded[:, : rows.shape[1]] = rows
        return padded.tolist()

    def _logits(self, sentence: int, found: Hypothesis) -> list[Any]:
        """Of every step, the prefix's included, and the end's if it was reached."""
        ends = self._decoding.return_end_token and found.finish_reason == "eos"
        tokens = found.tokens[:-1] if ends else found.tokens
        [logits] = self._loaded.model.logits([self._ids[sentence]], [tokens])
        last = len(logits) if found.finish_reason == "eos" else len(logits) - 1
        return list(logits[:last])

    # --- tokens as they are decided ---

    def watch(self, callback: Callback) -> None:
        """Calls `callback` with every token until all are done, or it has ended all."""
        for sentence in self._full:
            for copy in range(self._copies):
                for step in self._full_steps(sentence, copy):
                    if callback(step):
                        self._stopped[sentence, copy] = step.step + 1
                        break

        def on_token(token: DecidedToken) -> bool:
            for step in self._steps(token):
                if callback(step):
                    if step.step < len(self._prefixes[step.batch_id]):
                        self._stopped[step.batch_id, step.hypothesis_id] = step.step + 1
                    return True
            return False

        self._generation.watch(on_token)

    def steps(self) -> Iterator[GenerationStepResult]:
        """Every token, those of prefixes included."""
        try:
            for sentence in self._full:
                yield from self._full_steps(sentence, 0)
            for token in self._generation.tokens():
                yield from self._steps(token)
        finally:
            self._generation.cancel()

    def _full_steps(self, sentence: int, copy: int) -> list[GenerationStepResult]:
        """The tokens of a sentence that is nothing but its prefix."""
        ids = self._given(sentence)
        return [
            self._step((sentence, copy), step, id, 0.0, step + 1 == len(ids))
            for step, id in enumerate(ids)
        ]

    def _steps(self, token: DecidedToken) -> list[GenerationStepResult]:
        """A token, and if it is the first of its search the prefix before it."""
        place, copy = divmod(token.sentence, self._copies)
        sentence = self._searched[place]
        which, prefix = (sentence, copy), self._given(sentence)
        before = [
            self._step(which, step, id, 0.0, False)
            for step, id in enumerate(prefix if token.step == 0 else [])
        ]
        step = len(prefix) + token.step
        return [*before, self._step(which, step, token.token, token.score, token.last)]

    def _step(
        self, which: tuple[int, int], step: int, id: int, log_prob: float | None, last: bool
    ) -> GenerationStepResult:
        """A token of a sentence's hypothesis."""
        sentence, hypothesis = which
        return GenerationStepResult(
            step=step,
            batch_id=sentence,
            token_id=id,
            hypothesis_id=hypothesis,
            token=self._loaded.vocabularies.target.tokens[id],
            log_prob=log_prob if self._decoding.return_scores else None,
            logits=None,
            is_last=last,
        )
