"""One request, from tokens to results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pyattn.compat.ctranslate2.decoding import Decoding
from pyattn.compat.ctranslate2.results import GenerationStepResult, TranslationResult
from pyattn.formats.vmap import VocabularyMap
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
            more["shortlist"] = [vmap.candidates(sources[n]) for n in self._chosen]
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
        return TranslationResult(
            hypotheses=[self._tokens(sentence, one) for one in found],
            scores=[one.score for one in found] if decoding.return_scores else [],
            attention=[self._attention(sentence, one) for one in found]
            if decoding.return_attention
            else [],
            logits=[self._logits(place, one) for one in found]
            if decoding.return_logits_vocab
            else [],
        )

    def watch(self, callback: Callable[[GenerationStepResult], bool]) -> None:
        """Calls `callback` with every token until all are done, or it has ended all."""
        self._generation.watch(lambda token: callback(self._step(token)))

    def steps(self) -> Iterator[GenerationStepResult]:
        """Every token."""
        try:
            for token in self._generation.tokens():
                yield self._step(token)
        finally:
            self._generation.cancel()

    def _step(self, token: DecidedToken) -> GenerationStepResult:
        return GenerationStepResult(
            step=token.step,
            batch_id=self._chosen[token.sentence],
            token_id=token.token,
            hypothesis_id=0,
            token=self._vocabularies.target.tokens[token.token],
            log_prob=token.score if self._decoding.return_scores else None,
            is_last=token.last,
        )

    def _untranslated(self, sentence: int) -> TranslationResult:
        count = self._decoding.num_hypotheses
        prefix = self._prefixes[sentence][: self._decoding.max_decoding_length]
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
        width = len(self._sources[sentence])
        rows = found.alignment[: len(found.tokens), first : first + width]
        padded = np.zeros((len(rows), width), np.float32)
        padded[:, : rows.shape[1]] = rows
        return padded.tolist()

    def _logits(self, place: int, found: Hypothesis) -> list[Any]:
        """Of every step behind the prefix, the end's included if it was reached."""
        prefix = len(self._prefixes[self._chosen[place]])
        ends = self._decoding.return_end_token and found.finish_reason == "eos"
        tokens = found.tokens[:-1] if ends else found.tokens
        [logits] = self._model.logits([self._ids[place]], [tokens])
        last = len(logits) if found.finish_reason == "eos" else len(logits) - 1
        return list(logits[prefix:last])
