"""Reformer's language model (Kitaev et al. 2020): ids in, ids out.

Two streams go through the layers, both the embedding at first. Each layer adds to one of them what
it makes of the other, so that its input could be computed from its output (there section 3, eq. 9):

    y1 = x1 + attention(norm(x2))
    y2 = x2 + feed_forward(norm(y1))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyattn._chosen_options import Options, chosen_options
from pyattn.options import GenerationOptions
from pyattn.reference.alternatives import alternatives
from pyattn.reference.arrays import Floats, Ints, check_floats
from pyattn.reference.hash_vectors import HashVectors, Shape, seeded_vectors, torch_vectors
from pyattn.reference.ids import check_ids
from pyattn.reference.layers import PackedLinear
from pyattn.reference.reformer_layers import Hashing, Layer, Weights
from pyattn.reference.rules import Rules
from pyattn.reference.search import is_greedy, rows_of, search
from pyattn.reformer_config import PREFIX, ReformerCheckpoint, ReformerConfig, reformer_shapes
from pyattn.results import Hypothesis

_NOTHING = np.empty((0, 0), np.float32)
# Without a seed in the files or from the caller.
_SEED = 0


class Reformer:
    """Reformer's language model in plain NumPy, in float32.

    Layers that hash give other answers with other random vectors; a Reformer keeps the ones it has.
    Each hashing layer draws its own for each of its shapes, [heads, head_dim, hashes, rotated]:

        seed given           Generator(PCG64([seed, layer])).standard_normal(shape, float32)
        hash_vectors given   hash_vectors(layer, shape)
        neither              transformers' by the `hash_seed` of the config; as for the seed 0
                             if it has none

    Layers count from 0, over both kinds. A text of at most one chunk is not hashed, so that its
    answers depend on no vectors. A text that is longer than the shortest chunk is padded to whole
    chunks of all kinds of layers; padding changes no more than how many buckets there are if these
    depend on the length.

    Args:
        checkpoint: Config and weights.
        seed: Of NumPy's vectors, 0 or more.
        hash_vectors: Other vectors, such as those that another program has drawn: from the number
            of a layer and a shape to float32.

    Raises:
        ValueError: if both are given, the seed is negative, or a tensor has another shape than the
            config says.
        TypeError: if the seed is no integer, or a tensor not a float32 array.
    """

    def __init__(
        self,
        checkpoint: ReformerCheckpoint,
        *,
        seed: int | None = None,
        hash_vectors: HashVectors | None = None,
    ) -> None:
        config = checkpoint.config
        if seed is not None and hash_vectors is not None:
            raise ValueError("Reformer: both seed and hash_vectors are given, expected one at most")
        if hash_vectors is None:
            stated = seed is None and config.hash_seed is not None
            hash_vectors = (
                torch_vectors(config.hash_seed or 0)
                if stated
                else seeded_vectors(_SEED if seed is None else seed)
            )
        for name, shape in reformer_shapes(config):
            check_floats("Reformer", name, checkpoint.tensors.get(name), shape)
        self._checkpoint = checkpoint
        self._draw = hash_vectors
        self._vectors: dict[tuple[int, Shape], Floats] = {}
        weights = Weights(checkpoint)
        self._embedding = weights.tensor("embeddings.word_embeddings.weight")
        self._layers = [Layer.of(weights, n) for n in range(len(config.layers))]
        self._norm = weights.norm("encoder.layer_norm")
        head = (checkpoint.tensors[f"lm_head.decoder.{part}"] for part in ("weight", "bias"))
        self._output = PackedLinear(*head)

    @property
    def config(self) -> ReformerConfig:
        """The model's config."""
        return self._checkpoint.config

    def logits(self, texts: Sequence[Sequence[int]]) -> list[Floats]:
        """What each token of texts predicts.

        Where a layer hashes, a later token may change what an earlier one predicts, though none
        sees it: it moves others to other chunks.

        Args:
            texts: Ids.

        Returns:
            [len(text), vocab] for every text, before the softmax; row i predicts token i + 1.

        Raises:
            ValueError: if a text has an id that the vocabulary lacks, or more tokens than there are
                positions for it when it is padded (`config.longest`).
            TypeError: if a text is not a list of integers.
        """
        ids = check_ids("logits", "text", texts, self.config.vocab, self.config.longest)
        return [self.predicted(text[None])[0] for text in ids]

    def generate(
        self, prompts: Sequence[Sequence[int]], options: Options = None, **overrides: Any
    ) -> list[list[Hypothesis]]:
        """What follows prompts.

        Every token is predicted by the whole text before it, computed anew: transformers'
        `generate(use_cache=False)`, whose answers a cache of its own kind changes where layers
        hash. The number of buckets, if it depends on the length, is that of the first text that
        was long enough to be hashed.

        Args:
            prompts: Ids.
            options: One for all prompts or one for each; None is the checkpoint's defaults.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Returns:
            Per prompt the `num_hypotheses` best continuations, best first, without the prompt.

        Raises:
            ValueError: as `logits` does, and if a prompt is empty or an option is out of its range.
            TypeError: as `logits` does, and if an option does not exist.
        """
        ids = check_ids("generate", "prompt", prompts, self.config.vocab, self.config.longest)
        for n, prompt in enumerate(ids):
            if not len(prompt):
                raise ValueError(f"generate: prompt {n} has no tokens, expected at least one")
        defaults = self._checkpoint.generation
        chosen = chosen_options(
            options, overrides, len(ids), config=self.config.model, defaults=defaults
        )
        return [self._searched(prompt, one) for prompt, one in zip(ids, chosen, strict=True)]

    def _searched(self, prompt: Ints, options: GenerationOptions) -> list[Hypothesis]:
        rules = Rules.of(options, self.config.model, [prompt])
        if options.return_alternatives:
            [found] = alternatives(self._start, rules)
        else:
            [found] = search(self._start(rules.sources, rows_of(options)), rules)
        if options.scores or options.return_alternatives or not is_greedy(options):
            return found
        none = np.empty(0, np.float32)
        return [dataclasses.replace(one, score=None, token_scores=none) for one in found]

    def _start(self, prompts: Sequence[Ints], rows: int) -> _Run:
        return _Run(self, len(prompts) * rows, len(prompts[0]))

    def predicted(
        self, ids: Ints, *, first: int = 0, buckets: tuple[int, ...] | None = None
    ) -> Floats:
        """What tokens predict, from the `first` on, [rows, time] -> [rows, time - first, vocab].

        Args:
            ids: Texts of one length, which has positions.
            first: A position.
            buckets: Factors of the number of buckets; None is those for this length.
        """
        time = ids.shape[1]
        length = self.config.padded(time)
        padding = np.full((len(ids), length - time), self.config.pad)
        x = self._embedding[np.concatenate([ids, padding], axis=1)] + self._positions(length)
        streams = x, x
        for n, layer in enumerate(self._layers):
            streams = layer(*streams, self._hashing(n, time, buckets))
        both = np.concatenate(streams, axis=-1)[:, first:time]
        return self._output(self._norm(both))

    def _positions(self, count: int) -> Floats:
        """The vectors of the first positions, [count, dim].

        An axial position is the vectors of its row and of its column side by side.
        """
        table = f"{PREFIX}embeddings.position_embeddings"
        tensors, shape = self._checkpoint.tensors, self.config.axial_shape
        if shape is None:
            return tensors[f"{table}.embedding.weight"][:count]
        rows, columns = np.divmod(np.arange(count), shape[1])
        parts = tensors[f"{table}.weights.0"][rows, 0], tensors[f"{table}.weights.1"][0, columns]
        return np.concatenate(parts, axis=-1)

    def _hashing(self, n: int, time: int, buckets: tuple[int, ...] | None) -> Hashing | None:
        """How a layer hashes a text of so many tokens; None if it does not."""
        config = self.config
        length = config.padded(time)
        if config.layers[n] == "local" or length <= config.lsh_chunk:
            return None
        buckets = buckets or config.buckets_for(length)
        shape = config.heads, config.head_dim, config.hashes, sum(buckets) // 2
        if (n, shape) not in self._vectors:
            drawn = self._draw(n, shape)
            check_floats("Reformer", "hash_vectors' answer", drawn, shape)
            self._vectors[n, shape] = drawn
        return Hashing(self._vectors[n, shape], buckets, time)


class _Run:
    """The steps of a search (`pyattn.reference.search.Steps`), each over the whole text so far."""

    def __init__(self, model: Reformer, rows: int, prompt: int) -> None:
        self._model = model
        self._prompt = prompt
        self._ids: Ints = np.empty((rows, 0), np.int64)
        self._buckets: tuple[int, ...] | None = None

    def step(self, tokens: Ints) -> Floats:
        """The logits that follow the last token of each row, [rows] -> [rows, vocab]."""
        self._ids = np.concatenate([self._ids, tokens[:, None]], axis=1)
        time = self._ids.shape[1]
        if time < self._prompt:
            return _NOTHING  # nobody asks what is inside of a prompt
        config = self._model.config
        length = config.padded(time)
        if self._buckets is None and length > config.lsh_chunk:
            self._buckets = config.buckets_for(length)
        return self._model.predicted(self._ids, first=time - 1, buckets=self._buckets)[:, 0]

    def attention(self, heads: Sequence[tuple[int, int]]) -> Floats:
        """There is no source to attend to; options that need one are refused before a search."""
        raise NotImplementedError

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""
        self._ids = self._ids[rows]
