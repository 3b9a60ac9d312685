"""A model and a tokenizer whose answers can be told in advance, for the tests of what is around."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis

END = 0
POSITIONS = 128


class Letters:
    """A tokenizer whose tokens are characters; what is around a text is not part of it."""

    end = END

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[*map(ord, text.strip()), END] for text in texts]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        return ["".join(map(chr, tokens)) for tokens in ids]


class Echoes(list[list[Hypothesis]]):
    """What the model found, which never takes it any time."""

    def results(self, progress: Any = None) -> list[list[Hypothesis]]:
        if progress is not None:
            progress(1)
        return self


class Echo:
    """A model that says what it hears, and as its n-th best target the same n times over."""

    def __init__(self) -> None:
        self.config = types.SimpleNamespace(family="marian", end=END, max_positions=POSITIONS)
        self.generation = GenerationOptions()
        self.calls: list[list[str]] = []
        self.settings: dict[str, Any] = {}
        self.shortlist: Any = None
        self.closed = False

    def submit(
        self,
        sources: Sequence[Sequence[int]],
        options: GenerationOptions | None = None,
        *,
        shortlist: Any = None,
    ) -> Echoes:
        chosen = options or self.generation
        self.settings = {"options": chosen}
        self.shortlist = shortlist
        self.calls.append(["".join(map(chr, source[:-1])) for source in sources])
        return Echoes(
            [self._hypothesis(source, n, chosen) for n in range(1, chosen.num_hypotheses + 1)]
            for source in sources
        )

    def close(self) -> None:
        self.closed = True

    @staticmethod
    def _hypothesis(source: Sequence[int], times: int, options: GenerationOptions) -> Hypothesis:
        tokens = list(source[:-1]) * times
        kept = tokens[: options.max_new_tokens]
        return Hypothesis(
            tokens=kept,
            score=-float(times * len(source)),
            token_scores=np.full(len(kept) + 1, -times, np.float32),
            finish_reason="eos" if kept == tokens else "length",
            alignment=(
                np.eye(len(kept) + 1, len(source), dtype=np.float32) if options.alignment else None
            ),
        )
