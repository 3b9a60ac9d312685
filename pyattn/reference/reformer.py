"""Reformer's language model (Kitaev et al. 2020): ids in, ids out.

Two streams go through the layers, both the embedding at first. Each layer adds to one of them what
it makes of the other, so that its input could be computed from its output (there section 3, eq. 9):

    y1 = x1 + attention(norm(x2))
    y2 = x2 + feed_forward(norm(y1))

Logits are made of both, normalised together.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyattn._chosen_options import Options, chosen_options
from pyattn.options import GenerationOptions
from pyattn.reference.alternatives import alternatives
from pyattn.reference.arrays import Floats, Ints, check_floats
from pyattn.reference.hash_vectors import HashVectors, seeded_vectors, torch_vectors
from pyattn.reference.ids import check_ids
from pyattn.reference.reformer_runs import Anew, Cached, Network
from pyattn.reference.rules import Rules
from pyattn.reference.search import is_greedy, rows_of, search
from pyattn.reformer_config import ReformerCheckpoint, ReformerConfig, reformer_shapes
from pyattn.results import Hypothesis

# Without a seed in the files or from the caller.
_SEED = 0


class Reformer:
    """Reformer's language model in plain NumPy, in float32.

    Layers that hash give other answers with other random vectors; a Reformer keeps those that it
    has. Each hashing layer has its own for each shape, [heads, head_dim, hashes, rotated]
    (`pyattn.reference.lsh_attention`):

        seed            Generator(PCG64([seed, layer])).standard_normal(shape, float32)
        hash_vectors    hash_vectors(layer, shape)
        neither         those of transformers on a CPU by the config's `hash_seed`; if it has none,
                        those of the seed 0

    Layers count from 0, over both kinds. A text of at most one chunk is not hashed, and its answers
    depend on no vectors. A text that is longer than the shortest chunk is padded to whole chunks of
    all kinds of layers; no token sees padding.

    Args:
        checkpoint: Config and weights, as `pyattn.files.read_reformer` returns them.
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
        if seed is not None and hash_vectors is not None:
            raise ValueError("Reformer: both seed and hash_vectors are given, expected one at most")
        stated = checkpoint.config.hash_seed
        if hash_vectors is None:
            if seed is None and stated is not None:
                hash_vectors = torch_vectors(stated)
            else:
                hash_vectors = seeded_vectors(_SEED if seed is None else seed)
        for name, shape in reformer_shapes(checkpoint.config):
            check_floats("Reformer", name, checkpoint.tensors.get(name), shape)
        self._checkpoint = checkpoint
        self._network = Network(checkpoint, hash_vectors)

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
                positions for when it is padded (`config.longest`).
            TypeError: if a text is not a list of integers.
        """
        ids = check_ids("logits", "text", texts, self.config.vocab, self.config.longest)
        nothing = np.empty((0, self.config.vocab), np.float32)
        return [self._network.whole(one[None])[0][0] if one.size else nothing for one in ids]

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        options: Options = None,
        *,
        cache: bool = True,
        **overrides: Any,
    ) -> list[list[Hypothesis]]:
        """What follows prompts.

        The number of buckets, if it depends on the length, is that of the first text of a search
        that was long enough to be hashed.

        Args:
            prompts: Ids.
            options: One for all prompts or one for each; None is the checkpoint's defaults.
            cache: Whether a new token takes its place among those that layers keep of the text
                before it, as by transformers' default, or the whole text is computed for each. The
                two agree if nothing is hashed and one chunk is seen before each; else they are
                different approximations.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Returns:
            Per prompt the `num_hypotheses` best continuations, best first, without the prompt.

        Raises:
            ValueError: as `logits` does, and if a prompt is empty or an option is out of its range.
            TypeError: as `logits` does, and if an option does not exist.
        """
        ids = check_ids("generate", "prompt", prompts, self.config.vocab, self.config.longest)
        for n, prompt in enumerate(ids):
            if not prompt.size:
                raise ValueError(f"generate: prompt {n} has no tokens, expected at least one")
        defaults = self._checkpoint.generation
        chosen = chosen_options(
            options, overrides, len(ids), config=self.config.model, defaults=defaults
        )
        return [self._searched(prompt, one, cache) for prompt, one in zip(ids, chosen, strict=True)]

    def _searched(self, prompt: Ints, options: GenerationOptions, cache: bool) -> list[Hypothesis]:
        rules = Rules.of(options, self.config.model, [prompt])
        start = functools.partial(self._start, Cached if cache else Anew)
        if options.return_alternatives:
            [found] = alternatives(start, rules)
        else:
            [found] = search(start(rules.sources, rows_of(options)), rules)
        if options.scores or options.return_alternatives or not is_greedy(options):
            return found
        none = np.empty(0, np.float32)
        return [dataclasses.replace(one, score=None, token_scores=none) for one in found]

    def _start(self, kind: type[Anew], prompts: Sequence[Ints], rows: int) -> Anew:
        return kind(self._network, len(prompts) * rows, len(prompts[0]))
