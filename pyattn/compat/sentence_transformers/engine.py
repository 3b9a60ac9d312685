"""pyattn's own classes, as both faces need them: they cut long texts without a warning."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pyattn.classifier import Classifier
from pyattn.embedder import Embedder
from pyattn.embedding.pooling import applied
from pyattn.encoder_model import EncoderModel
from pyattn.text.tokenizers.pairs import Framed, TextOrPair

Floats = npt.NDArray[np.float32]


class TextEncoder(Embedder):
    """Vectors of texts and of tokens."""

    def framed(self, texts: Sequence[TextOrPair], prompt: str) -> list[Framed]:
        """Ids of each text."""
        return [self.tokenizer.encode(self._prepared(prompt, text)) for text in texts]

    def vectors(self, texts: Sequence[TextOrPair], prompt: str, progress: bool) -> Floats:
        """[texts, width]."""
        return self._vectors(texts, prompt, "cut", progress)

    def states(self, texts: Sequence[TextOrPair], prompt: str, progress: bool) -> list[Floats]:
        """[time, dim] of each text."""
        return self._of_states(
            "encode", texts, prompt, lambda states: states, long="cut", progress=progress
        )

    @property
    def width(self) -> int:
        """Width of vectors of texts."""
        pooled = self.model.config.dim * len(self._modules.pooling.modes)
        return int(applied(self._modules.steps, np.zeros((1, pooled), np.float32)).shape[1])

    @property
    def similarity(self) -> str | None:
        """The function of vectors that the model's files name."""
        return self._modules.similarity

    @property
    def default_prompt(self) -> str | None:
        """The name of the prompt that counts if none is given."""
        return self._modules.default_prompt

    def include_prompt(self, included: bool) -> None:
        """Chooses whether tokens of the prompt count in vectors of texts."""
        pooling = dataclasses.replace(self._modules.pooling, include_prompt=included)
        self._modules = dataclasses.replace(self._modules, pooling=pooling)


class PairScorer(Classifier):
    """Logits of texts and pairs."""

    def logits(self, texts: Sequence[TextOrPair], prompt: str, progress: bool) -> Floats:
        """[texts, labels]."""
        return self._logits("predict", texts, prompt, "cut", progress)

    @property
    def function(self) -> str:
        """The function of logits: what the files name, or sigmoid for one label."""
        if self._head.named:
            return self._head.scores
        return "sigmoid" if len(self.labels) == 1 else "identity"

    @property
    def default_prompt(self) -> str | None:
        """The name of the prompt that counts if none is given."""
        return self._modules.default_prompt


def features(model: EncoderModel, framed: Sequence[Framed]) -> dict[str, npt.NDArray[np.int64]]:
    """Ids, their mask and their types, if the model has some; [texts, longest], padded."""
    lengths = [len(one.ids) for one in framed]
    shape = len(framed), max(lengths, default=0)
    found = {
        "input_ids": np.full(shape, model.model.config.pad or 0, np.int64),
        "attention_mask": np.zeros(shape, np.int64),
        "token_type_ids": np.zeros(shape, np.int64),
    }
    for row, (one, length) in enumerate(zip(framed, lengths, strict=True)):
        found["input_ids"][row, :length] = one.ids
        found["attention_mask"][row, :length] = 1
        found["token_type_ids"][row, :length] = one.types
    if model.model.config.token_types < 2:
        del found["token_type_ids"]
    return found
