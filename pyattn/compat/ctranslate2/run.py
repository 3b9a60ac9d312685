"""One request, from tokens to results."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pyattn.compat.ctranslate2.decoding import Decoding
from pyattn.compat.ctranslate2.results import GenerationStepResult, TranslationResult
from pyattn.formats.ctranslate2.vmap import VocabularyMap
from pyattn.formats.vocabulary import Vocabularies
from pyattn.model import Model
from pyattn.options import GenerationOptions
from pyattn.results import DecidedToken, Hypothesis


def source_ids(vocabularies: Vocabularies, decoding: Decoding, tokens: Sequence[str]) -> list[int]:
    """What the encoder reads for a sentence's tokens."""
    return decoding.truncated(vocabularies.source_ids(tokens), vocabularies.add_end)


class Run:
    """Sentences on their way.

    Those without tokens, or with a prefix of full length, are not translated: they are that prefix.
    """

    def __init__(
        self,
        model: Model,
        vocabularies: Vocabularies,
        vmap: VocabularyMap | None,
        decoding: Decoding,
        sources: list[list[str]],
        prefixes: list[list[str]],
        *,
        watched: bool,
    ) -> None:
        if watched and (decoding.beam_size > 1 or decoding.prefix_bias_beta > 0):
            raise ValueError(
                "The callback function is not compatible with beam_size > 1 or prefix_bias_beta > 0"
            )
        self._model = model
        self._vocabularies = vocabularies
        self._decoding = decoding
        self._sources = sources
        self._prefixes = prefixes
        self._chosen = [
            n for n, tokens in enumerate(sources) if tokens and not decoding.is_done(prefixes[n])
        ]
        self._place = {n: place for place, n in enumerate(self._chosen)}
        self._ids = [source_ids(vocabularies, decoding, sources[n]) for n in self._chosen]
        known: dict[tuple[str, ...], GenerationOptions] = {}
        options = []
        for n in self._chosen:
            prefix = tuple(prefixes[n])
            if prefix not in known:
                known[prefix] = decoding.options(
                    vocabularies, prefix, model.generation.alignment_heads
                )
            options.append(known[prefix])
        more: dict[str, Any] = {}
        if decoding.use_vmap and vmap is not None:
            ends = decoding.end_ids(vocabularies.target)
            more["shortlist"] = [
                sorted({*vmap.candidates(sources[n]), *ends}) for n in self._chosen
            ]
        # How much of their prefix is left of sentences that were stopped within it.
        self._stopped: dict[int, int] = {}
        self._generation = model.submit(self._ids, options, watched=watched, **more)

    def wait(self) -> None:
        """Until all are done."""
        self._generation.results()

    def is_done(self, sentence: int) -> bool:
        """Whether `result` would not wait."""
        return sentence not in self._place or self._generation.is_done(self._place[sentence])

    def result(self, sentence: int) -> TranslationResult:
        """Waits for a sentence."""
        decoding = self._decoding
        if sentence not in self._place:
            return self._untranslated(sentence)
        place = self._place[sentence]
        found = self._generation.result(place)
        if sentence in self._stopped:
            most = self._stopped[sentence]
            found = [dataclasses.replace(one, tokens=one.tokens[:most], score=0.0) for one in found]
        return TranslationResult(
            hypotheses=[self._tokens(sentence, one) for one in found],
            scores=[one.score for one in found if one.score is not None]
            if decoding.return_scores
            else [],
            attention=[self._attention(sentence, one) for one in found]
            if decoding.return_attention
            else [],
            logits=[self._logits(place, one) for one in found]
            if decoding.return_logits_vocab
            else [],
        )

    def watch(self, callback: Callable[[GenerationStepResult], bool]) -> None:
        """Calls `callback` with every token until all are done, or it has ended all."""
        for step in self._certain_steps():
            callback(step)

        def on_token(token: DecidedToken) -> bool:
            for step in self._steps(token):
                if callback(step):
                    self._stop(step)
                    return True
            return False

        self._generation.watch(on_token)

    def steps(self) -> Iterator[GenerationStepResult]:
        """Every token, those of prefixes included."""
        try:
            yield from self._certain_steps()
            for token in self._generation.tokens():
                yield from self._steps(token)
        finally:
            self._generation.cancel()

    def _stop(self, step: GenerationStepResult) -> None:
        if step.step < len(self._prefixes[step.batch_id]):
            self._stopped[step.batch_id] = step.step + 1

    def _certain_steps(self) -> Iterator[GenerationStepResult]:
        """The tokens of sentences that are nothing but their prefix."""
        for n, tokens in enumerate(self._sources):
            if tokens and n not in self._place:
                given = self._prefix_steps(n)[: self._decoding.max_decoding_length]
                yield from given[:-1]
                yield dataclasses.replace(given[-1], is_last=True)

    def _steps(self, token: DecidedToken) -> list[GenerationStepResult]:
        """A token, and if it is the first of its sentence the prefix before it."""
        sentence = self._chosen[token.sentence]
        before = self._prefix_steps(sentence) if token.step == 0 else []
        step = len(self._prefixes[sentence]) + token.step
        return [*before, self._step(sentence, step, token.token, token.score, token.last)]

    def _prefix_steps(self, sentence: int) -> list[GenerationStepResult]:
        ids = self._vocabularies.target.ids(self._prefixes[sentence])
        return [self._step(sentence, step, id, 0.0, False) for step, id in enumerate(ids)]

    def _step(
        self, sentence: int, step: int, id: int, log_prob: float, last: bool
    ) -> GenerationStepResult:
        return GenerationStepResult(
            step=step,
            batch_id=sentence,
            token_id=id,
            hypothesis_id=0,
            token=self._vocabularies.target.tokens[id],
            log_prob=log_prob if self._decoding.return_scores else None,
            is_last=last,
        )

    def _untranslated(self, sentence: int) -> TranslationResult:
        count = self._decoding.num_hypotheses
        # As the model knows its tokens.
        target = self._vocabularies.target
        given = self._prefixes[sentence][: self._decoding.max_decoding_length]
        prefix = [target.tokens[id] for id in target.ids(given)]
        return TranslationResult(
            hypotheses=[list(prefix) for _ in range(count)],
            scores=[0.0] * count if self._decoding.return_scores else [],
            attention=[[[] for _ in prefix] for _ in range(count)]
            if self._decoding.return_attention
            else [],
        )

    def _tokens(self, sentence: int, found: Hypothesis) -> list[str]:
        tokens = self._vocabularies.target_tokens(found.tokens)
        if not self._decoding.replace_unknowns:
            return tokens
        source = self._sources[sentence]
        unknown = self._vocabularies.target.unk
        weights = self._attention(sentence, found)
        return [
            source[int(np.argmax(weights[t]))] if id == unknown else token
            for t, (id, token) in enumerate(zip(found.tokens, tokens, strict=True))
        ]

    def _attention(self, sentence: int, found: Hypothesis) -> list[list[float]]:
        """A row for each token of the target; columns are the caller's tokens."""
        assert found.alignment is not None
        first = int(self._vocabularies.add_begin)
        last = found.alignment.shape[1] - int(self._vocabularies.add_end)
        width = len(self._sources[sentence])
        # The model's own tokens around the sentence are no columns of it, nor is what was cut off.
        rows = found.alignment[: len(found.tokens), first : min(first + width, last)]
        padded = np.zeros((len(rows), width), np.float32)
        padded[:, : rows.shape[1]] = rows
        return padded.tolist()

    def _logits(self, place: int, found: Hypothesis) -> list[Any]:
        """Of every step, the prefix's included, and the end's if it was reached."""
        ends = self._decoding.return_end_token and found.finish_reason == "eos"
        tokens = found.tokens[:-1] if ends else found.tokens
        [logits] = self._model.logits([self._ids[place]], [tokens])
        last = len(logits) if found.finish_reason == "eos" else len(logits) - 1
        return list(logits[:last])
