"""The whole Transformer: ids in, ids out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pyattn._chosen_options import Options, chosen_options, heads_of
from pyattn._global_tokens import GlobalTokens, chosen_global_tokens
from pyattn.checkpoint import Checkpoint
from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.reference.alternatives import alternatives
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.batches import batches
from pyattn.reference.decoder import Decoder, DecoderRun
from pyattn.reference.encoder import Encoder, padded
from pyattn.reference.ids import check_ids, check_together
from pyattn.reference.layers import Watch
from pyattn.reference.memory import Memory
from pyattn.reference.rules import Rules
from pyattn.reference.search import is_greedy, rows_of, search
from pyattn.reference.softmax import log_softmax
from pyattn.results import Hypothesis


class Model:
    """A Transformer, an encoder-decoder or one of the two alone, in plain NumPy, in float32.

    Sources are lists of ids that end as the model expects it (Marian: with the end token); targets
    are lists of ids without start and end. A source of a decoder alone is a prompt: its target goes
    on with it.

    Args:
        checkpoint: Config and weights.
        watch: Called at every product of the layers with the names of its matrices and the rows
            that it reads, [rows, in].
    """

    def __init__(self, checkpoint: Checkpoint, *, watch: Watch | None = None) -> None:
        self._checkpoint = checkpoint
        encodes = "encoder" in checkpoint.config.stacks
        self._own_encoder = Encoder(checkpoint, watch) if encodes else None
        decodes = "decoder" in checkpoint.config.stacks
        self._own_decoder = Decoder(checkpoint, watch) if decodes else None

    @property
    def config(self) -> ModelConfig:
        """The model's config."""
        return self._checkpoint.config

    def encode(
        self,
        sources: Sequence[Sequence[int]],
        types: Sequence[Sequence[int]] | None = None,
        *,
        global_tokens: GlobalTokens = None,
    ) -> list[Floats]:
        """The encoder's output for every source, [time, dim] each.

        Args:
            sources: Ids.
            types: The types of every source's tokens; None is type 0 for all.
            global_tokens: The positions of every source's global tokens; None is the model's
                default.

        Raises:
            ValueError: if a source is empty, too long for the model, or has an id that the
                vocabulary lacks; if there is not a type of the model's for each token; if the model
                has no global tokens, or a source no such position.
            TypeError: if a source is not a list of integers.
        """
        if self._own_encoder is None:
            raise ValueError("encode: the model has no encoder")
        ids = self._sources("encode", sources)
        own = None if types is None else self._types(ids, types)
        tokens = self._global_tokens("encode", ids, global_tokens)
        results: list[Floats] = [_NOTHING] * len(ids)
        for batch in batches([len(source) for source in ids], _BATCH_TOKENS):
            of_batch = None if own is None else [own[n] for n in batch]
            memory = self._own_encoder(
                [ids[n] for n in batch], of_batch, [tokens[n] for n in batch]
            )
            for n, rows, length in zip(batch, memory.rows, memory.lengths, strict=True):
                results[n] = rows[:length].copy()
        return results

    def logits(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        *,
        global_tokens: GlobalTokens = None,
    ) -> list[Floats]:
        """Logits of given targets, fed in one pass (teacher forcing).

        Returns:
            [len(target) + 1, vocab] for every target, before the softmax; row i predicts
            target[i], and the last row the token behind the target.

        Raises:
            ValueError: as `encode` does, and if the numbers of targets and sources differ.
        """
        source_ids, target_ids = self._pairs("logits", sources, targets)
        tokens = self._global_tokens("logits", source_ids, global_tokens)
        results: list[Floats] = [_NOTHING] * len(source_ids)
        for batch, _, rows in self._predictions(source_ids, target_ids, tokens):
            for n, row in zip(batch, rows, strict=True):
                results[n] = row.copy()
        return results

    def score(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        *,
        global_tokens: GlobalTokens = None,
    ) -> list[Floats]:
        """The log-probability of every token of the targets, and of the end behind it.

        Returns:
            [len(target) + 1] for every target.

        Raises:
            ValueError: as `logits` does.
        """
        source_ids, target_ids = self._pairs("score", sources, targets)
        tokens = self._global_tokens("score", source_ids, global_tokens)
        results: list[Floats] = [_NOTHING] * len(source_ids)
        for batch, _, rows in self._predictions(source_ids, target_ids, tokens):
            for n, row in zip(batch, rows, strict=True):
                expected = np.append(target_ids[n], self.config.end)
                results[n] = log_softmax(row)[np.arange(len(expected)), expected]
        return results

    def align(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        *,
        heads: Sequence[tuple[int, int]] | None = None,
        global_tokens: GlobalTokens = None,
    ) -> list[Floats]:
        """The cross-attention of given targets, as an average over heads.

        Args:
            sources: Ids.
            targets: Ids.
            heads: Pairs of a decoder layer and a head; None is the checkpoint's choice, or all
                heads of the last layer.
            global_tokens: As for `encode`.

        Returns:
            [len(target) + 1, len(source)] for every target; row i is the attention at the
            prediction of target[i], the last row at that of the token behind the target.

        Raises:
            ValueError: as `logits` does, and if there is no such head.
        """
        source_ids, target_ids = self._pairs("align", sources, targets)
        tokens = self._global_tokens("align", source_ids, global_tokens)
        return self._alignments("align", source_ids, target_ids, heads, tokens)

    def generate(
        self,
        sources: Sequence[Sequence[int]],
        options: Options = None,
        *,
        global_tokens: GlobalTokens = None,
        **overrides: Any,
    ) -> list[list[Hypothesis]]:
        """Searches for the target of every source.

        A sentence's result does not depend on the other sentences.

        Args:
            sources: Ids.
            options: One for all sources or one for each; None is the checkpoint's defaults.
            global_tokens: As for `encode`.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Returns:
            Up to `num_hypotheses` targets for every source, best first; fewer only if fewer exist.

        Raises:
            ValueError: as `encode` does, and if an option is out of its range.
            TypeError: if an option does not exist.
        """
        self._check_decoder("generate")
        ids = self._sources("generate", sources)
        tokens = self._global_tokens("generate", ids, global_tokens)
        chosen = chosen_options(
            options,
            overrides,
            len(ids),
            config=self.config,
            defaults=self._checkpoint.generation,
        )
        results: list[list[Hypothesis]] = [[] for _ in ids]
        for one in dict.fromkeys(chosen):
            alike = [n for n, other in enumerate(chosen) if other == one]
            found = self._searched([ids[n] for n in alike], one, [tokens[n] for n in alike])
            for n, hypotheses in zip(alike, found, strict=True):
                results[n] = hypotheses
        return results

    def _searched(
        self, sources: list[Ints], options: GenerationOptions, global_tokens: list[Ints]
    ) -> list[list[Hypothesis]]:
        """The targets of sources that are searched for by the same options."""
        results: list[list[Hypothesis]] = [[] for _ in sources]
        # Alternatives of a sentence begin runs of their own, over that sentence several times.
        most = 1 if options.return_alternatives else max(_BATCH_ROWS // rows_of(options), 1)
        # The rows of a search take their steps together, so prompts of a batch are equally long.
        lengths = [len(source) for source in sources]
        for batch in batches(lengths, _BATCH_TOKENS, most, equal=self._own_encoder is None):
            rules = Rules.of(options, self.config, [sources[n] for n in batch])
            start = functools.partial(self._start, [global_tokens[n] for n in batch])
            found = (
                alternatives(start, rules)
                if options.return_alternatives
                else search(start(rules.sources, rows_of(options)), rules)
            )
            for n, hypotheses in zip(batch, found, strict=True):
                results[n] = hypotheses
        if options.alignment:
            results = self._aligned(sources, results, options, global_tokens)
        if options.scores or options.return_alternatives or not is_greedy(options):
            return results
        return [[_without_scores(one) for one in found] for found in results]

    def _start(self, global_tokens: list[Ints], sources: Sequence[Ints], rows: int) -> DecoderRun:
        """A run with so many rows for each source, or for each of one source's copies."""
        tokens = global_tokens * (len(sources) // len(global_tokens))
        memory = self._memory(list(sources), tokens)
        return DecoderRun(self._decoder, memory, rows)

    def _aligned(
        self,
        sources: list[Ints],
        results: list[list[Hypothesis]],
        options: GenerationOptions,
        global_tokens: list[Ints],
    ) -> list[list[Hypothesis]]:
        """The same hypotheses with the alignments that they have when they are fed."""
        before = [] if options.return_prefix else options.target_prefix[: options.certain_prefix]
        found = [(n, one) for n, ranked in enumerate(results) for one in ranked]
        alignments = iter(
            self._alignments(
                "generate",
                [sources[n] for n, _ in found],
                # The last token of a target without end is predicted, but not fed.
                [
                    np.array([*before, *one.tokens[: len(one.token_scores) - 1]], np.int64)
                    for _, one in found
                ],
                options.alignment_heads,
                [global_tokens[n] for n, _ in found],
            )
        )
        return [
            [dataclasses.replace(one, alignment=next(alignments)[len(before) :]) for one in ranked]
            for ranked in results
        ]

    def _alignments(
        self,
        operation: str,
        sources: list[Ints],
        targets: list[Ints],
        heads: Sequence[tuple[int, int]] | None,
        global_tokens: list[Ints],
    ) -> list[Floats]:
        counts = self.config.stack("decoder").layer_cross_heads
        chosen = heads_of(
            None if heads is None else tuple(heads), self.config, self._checkpoint.generation
        )
        for layer, head in chosen:
            if not (0 <= layer < len(counts) and 0 <= head < counts[layer]):
                raise ValueError(
                    f"{operation}: alignment_heads has layer {layer}, head {head}, expected a "
                    f"layer and one of its heads, of which there are {list(counts)}"
                )
        results: list[Floats] = [_NOTHING] * len(sources)
        for batch, run, _ in self._predictions(sources, targets, global_tokens):
            for n, weights in zip(batch, run.attention(chosen), strict=True):
                results[n] = weights[: len(targets[n]) + 1, : len(sources[n])].copy()
        return results

    def _predictions(
        self, sources: list[Ints], targets: list[Ints], global_tokens: list[Ints]
    ) -> Iterator[tuple[list[int], DecoderRun, list[Floats]]]:
        """Batches of pairs: their numbers, the run, and of each the logits [target + 1, vocab]."""
        openings = sources
        if self._own_encoder is not None:
            openings = [np.array([self.config.start])] * len(sources)
        lengths = [
            max(len(s), len(o) + len(t)) for s, o, t in zip(sources, openings, targets, strict=True)
        ]
        for batch in batches(lengths, max(_BATCH_LOGITS // self.config.target_vocab, 1)):
            memory = self._memory([sources[n] for n in batch], [global_tokens[n] for n in batch])
            run = DecoderRun(self._decoder, memory)
            fed, lengths_fed = padded([np.append(openings[n], targets[n]) for n in batch])
            logits = run.feed(fed)
            yield (
                batch,
                run,
                [
                    rows[len(openings[n]) - 1 : length]
                    for n, rows, length in zip(batch, logits, lengths_fed, strict=True)
                ],
            )

    def _memory(self, sources: list[Ints], global_tokens: list[Ints]) -> Memory:
        if self._own_encoder is None:
            return Memory.none(len(sources), self.config.dim)
        return self._own_encoder(sources, global_tokens=global_tokens)

    def _sources(self, operation: str, sources: Sequence[Sequence[int]]) -> list[Ints]:
        reader = self.config.stack(self.config.stacks[0])
        alone = self._own_encoder is None
        name = "prompt" if alone else "source"
        # A prompt leaves a position to its target.
        longest = reader.max_positions - alone
        checked = check_ids(operation, name, sources, reader.vocab, longest)
        for n, source in enumerate(checked):
            if not source.size:
                raise ValueError(f"{operation}: {name} {n} is empty, expected at least one id")
        return checked

    def _global_tokens(
        self, operation: str, sources: list[Ints], given: GlobalTokens
    ) -> list[Ints]:
        """The positions of global tokens of every source; none if the model has no such tokens."""
        chosen = chosen_global_tokens(operation, given, sources, self.config)
        return [np.array(row, np.int64) for row in chosen or [[] for _ in sources]]

    def _types(self, ids: list[Ints], types: Sequence[Sequence[int]]) -> list[Ints]:
        known = self.config.token_types
        if not known:
            raise ValueError("encode: types are given, but the model has no token types")
        longest = self.config.stack("encoder").max_positions
        checked = check_ids("encode", "type", types, known, longest)
        if [*map(len, checked)] != [*map(len, ids)]:
            raise ValueError("encode: types are of other lengths than the sources")
        return checked

    @property
    def _decoder(self) -> Decoder:
        assert self._own_decoder is not None, "its callers have checked it"
        return self._own_decoder

    def _check_decoder(self, operation: str) -> None:
        if self._own_decoder is None:
            raise ValueError(f"{operation}: the model has no decoder")

    def _pairs(
        self,
        operation: str,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
    ) -> tuple[list[Ints], list[Ints]]:
        config = self.config
        self._check_decoder(operation)
        source_ids = self._sources(operation, sources)
        # The start takes a position too.
        target_ids = check_ids(
            operation, "target", targets, config.target_vocab, config.max_positions - 1
        )
        alone = self._own_encoder is None
        if operation == "align" and alone:
            raise ValueError("align: the model has no encoder")
        if len(source_ids) != len(target_ids):
            raise ValueError(
                f"{operation}: there are {len(target_ids)} targets, "
                f"expected {len(source_ids)}, one for each source"
            )
        if alone:
            check_together(operation, source_ids, target_ids, config.max_positions)
        return source_ids, target_ids


# Source tokens of a batch, padding included.
_BATCH_TOKENS = 2048
# Rows of a decoding batch. From 32 to 128 rows throughput grows by a tenth (greedy) to two fifths
# (beam 4), from there to 512 by another tenth, on a model of 10 M parameters.
_BATCH_ROWS = 128
# Logits that exist at a time when targets are fed: 64 MiB.
_BATCH_LOGITS = 2**24

_NOTHING = np.empty((0, 0), np.float32)


def _without_scores(hypothesis: Hypothesis) -> Hypothesis:
    nothing = np.empty(0, np.float32)
    return dataclasses.replace(hypothesis, score=None, token_scores=nothing)
