"""A model and a tokenizer whose answers can be told in advance, for the tests of what is around."""

from __future__ import annotations

import itertools
import types
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis
from pyattn.text.tokenizers import Decoded, Encoded, Languages

END = 0
POSITIONS = 128


class Letters:
    """A tokenizer whose tokens are characters; what is around a text is not part of it."""

    end = END
    languages = Languages()
    blank_ids = frozenset({ord("?")})

    def encode(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        assert source is None
        assert target is None
        return [[*map(ord, text.strip()), END] for text in texts]

    encode_bodies = encode

    def encode_with_spans(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[Encoded]:
        return [
            Encoded(ids, outward(text))
            for text, ids in zip(texts, self.encode(texts, source, target), strict=True)
        ]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        return ["".join(map(chr, tokens)) for tokens in ids]

    def decode_with_spans(self, ids: Sequence[Sequence[int]]) -> list[Decoded]:
        return [
            Decoded(text, [(place, place + 1) for place in range(len(text))])
            for text in self.decode(ids)
        ]


def outward(text: str) -> list[tuple[int, int]]:
    """The spans of a text's letters and of its end; outer spaces are those of the outer letters."""
    if not text.strip():
        return [(0, len(text))]
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    cuts = [0, *range(first + 1, last), len(text), len(text)]
    return list(itertools.pairwise(cuts))


class Echoes(list[list[Hypothesis]]):
    """What the model found, which never takes it any time."""

    def results(self, progress: Any = None) -> list[list[Hypothesis]]:
        if progress is not None:
            progress(1)
        return self

    def done(self) -> bool:
        return True

    def __await__(self) -> Generator[None, None, list[list[Hypothesis]]]:
        return self
        yield


class Echo:
    """A model that says what it hears, and as its n-th best target the same n times over."""

    def __init__(self) -> None:
        sizes = types.SimpleNamespace(max_positions=POSITIONS)
        self.config = types.SimpleNamespace(
            family="marian", end=END, max_positions=POSITIONS, stack=lambda _: sizes
        )
        self.generation = GenerationOptions()
        self.calls: list[list[str]] = []
        self.settings: dict[str, Any] = {}
        self.shortlist: Any = None
        self.closed = False

    def submit(
        self,
        sources: Sequence[Sequence[int]],
        options: GenerationOptions | Sequence[GenerationOptions] | None = None,
        *,
        shortlist: Any = None,
    ) -> Echoes:
        chosen = options or self.generation
        self.settings = {"options": chosen}
        self.shortlist = shortlist
        self.calls.append(["".join(map(chr, source[:-1])) for source in sources])
        each = [chosen] * len(sources) if isinstance(chosen, GenerationOptions) else chosen
        return Echoes(
            [self._hypothesis(source, n, own) for n in range(1, own.num_hypotheses + 1)]
            for source, own in zip(sources, each, strict=True)
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
