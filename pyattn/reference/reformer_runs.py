"""A Reformer over texts of one length: all at once, or token by token for a search.

Both runs are the steps of a search (`pyattn.reference.search.Steps`) behind prompts of one length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyattn.reference.arrays import Floats, Ints, check_floats
from pyattn.reference.hash_vectors import HashVectors, Shape
from pyattn.reference.layers import PackedLinear
from pyattn.reference.reformer_layers import Hashing, Layer, State, Weights
from pyattn.reformer_config import PREFIX, ReformerCheckpoint

_NOTHING = np.empty((0, 0), np.float32)


class Network:
    """The weights of a Reformer and its random vectors."""

    def __init__(self, checkpoint: ReformerCheckpoint, draw: HashVectors) -> None:
        self.config = checkpoint.config
        weights = Weights(checkpoint)
        self._embedding = weights.tensor("embeddings.word_embeddings.weight")
        self._tensors = checkpoint.tensors
        self._layers = [Layer.of(weights, n) for n in range(len(self.config.layers))]
        self._norm = weights.norm("encoder.layer_norm")
        head = (checkpoint.tensors[f"lm_head.decoder.{part}"] for part in ("weight", "bias"))
        self._output = PackedLinear(*head)
        self._draw = draw
        self._vectors: dict[tuple[int, Shape], Floats] = {}

    def whole(
        self, ids: Ints, *, first: int = 0, buckets: tuple[int, ...] | None = None
    ) -> tuple[Floats, list[State]]:
        """What the tokens of texts predict, and what the layers keep of them.

        Args:
            ids: [rows, time], which has positions when it is padded.
            first: The first position whose prediction is wanted.
            buckets: Factors of the number of buckets; None is those for this length.

        Returns:
            Logits, [rows, time - first, vocab], and a state for each layer.
        """
        time = ids.shape[1]
        length = self.config.padded(time)
        padding = np.full((len(ids), length - time), self.config.pad)
        x = self._embedding[np.concatenate([ids, padding], axis=1)]
        x = x + self._positions(np.arange(length))
        streams, states = (x, x), []
        for n, layer in enumerate(self._layers):
            hashing = None
            if length > self.config.lsh_chunk:  # else one chunk has all
                hashing = self._hashing(n, buckets or self.config.buckets_for(length))
            streams, state = layer(streams, time, hashing)
            states.append(state)
        both = np.concatenate(streams, axis=-1)[:, first:time]
        return self._output(self._norm(both)), states

    def step(
        self, tokens: Ints, position: int, states: list[State], buckets: tuple[int, ...] | None
    ) -> Floats:
        """What a further token of each text predicts, [rows] -> [rows, vocab].

        Args:
            tokens: Ids, [rows].
            position: Its position.
            states: Those of the layers, which take it in.
            buckets: Factors of the number of buckets, from the token on that fills a chunk.
        """
        x = self._embedding[tokens[:, None]] + self._positions(np.array([position]))
        streams = x, x
        for n, (layer, state) in enumerate(zip(self._layers, states, strict=True)):
            hashing = None if buckets is None else self._hashing(n, buckets)
            streams = layer.step(streams, state, hashing)
        return self._output(self._norm(np.concatenate(streams, axis=-1)))[:, 0]

    def _positions(self, places: Ints) -> Floats:
        """The vectors of positions, [places, dim].

        An axial position is the vectors of its row and of its column side by side.
        """
        table = f"{PREFIX}embeddings.position_embeddings"
        shape = self.config.axial_shape
        if shape is None:
            return self._tensors[f"{table}.embedding.weight"][places]
        rows, columns = np.divmod(places, shape[1])
        by_row, by_column = (self._tensors[f"{table}.weights.{n}"] for n in (0, 1))
        return np.concatenate([by_row[rows, 0], by_column[0, columns]], axis=-1)

    def _hashing(self, n: int, buckets: tuple[int, ...]) -> Hashing | None:
        """How a layer hashes; None if it does not. Its vectors are drawn once for a shape."""
        config = self.config
        if config.layers[n] == "local":
            return None
        shape = config.heads, config.head_dim, config.hashes, sum(buckets) // 2
        if (n, shape) not in self._vectors:
            drawn = self._draw(n, shape)
            check_floats("Reformer", "hash_vectors' answer", drawn, shape)
            self._vectors[n, shape] = drawn
        return Hashing(self._vectors[n, shape], buckets)


class Anew:
    """Every token is predicted by the whole text before it."""

    def __init__(self, network: Network, rows: int, prompt: int) -> None:
        self._network = network
        self._prompt = prompt
        self._buckets: tuple[int, ...] | None = None
        self._ids: Ints = np.empty((rows, 0), np.int64)

    def step(self, tokens: Ints) -> Floats:
        """The logits that follow the last token of each row, [rows] -> [rows, vocab]."""
        self._ids = np.concatenate([self._ids, tokens[:, None]], axis=1)
        time = self._ids.shape[1]
        if time < self._prompt:
            return _NOTHING  # nobody asks what is inside of a prompt
        logits, _ = self._whole(time)
        return logits

    def attention(self, heads: Sequence[tuple[int, int]]) -> Floats:
        """There is no source to attend to; options that need one are refused before a search."""
        raise NotImplementedError

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""
        self._ids = self._ids[rows]

    def _whole(self, time: int) -> tuple[Floats, list[State]]:
        # transformers keeps the number of buckets that its first hashed text has.
        config = self._network.config
        length = config.padded(time)
        if self._buckets is None and length > config.lsh_chunk:
            self._buckets = config.buckets_for(length)
        logits, states = self._network.whole(self._ids, first=time - 1, buckets=self._buckets)
        return logits[:, 0], states


class Cached(Anew):
    """Tokens behind the prompt are looked up one by one among those that layers keep."""

    def __init__(self, network: Network, rows: int, prompt: int) -> None:
        super().__init__(network, rows, prompt)
        self._states: list[State] = []

    def step(self, tokens: Ints) -> Floats:
        """As `Anew`."""
        if not self._states:
            self._ids = np.concatenate([self._ids, tokens[:, None]], axis=1)
            if self._ids.shape[1] < self._prompt:
                return _NOTHING
            logits, self._states = self._whole(self._ids.shape[1])
            return logits
        config, time = self._network.config, self._states[0].keys.shape[2]
        if self._buckets is None and time >= config.lsh_chunk:
            self._buckets = config.buckets_for(time)
        return self._network.step(tokens, time, self._states, self._buckets)

    def keep(self, rows: Ints) -> None:
        """As `Anew`."""
        super().keep(rows)
        for state in self._states:
            state.keep(rows)
