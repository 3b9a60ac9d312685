"""A model that answers with what a function makes of a sentence, letter aligned with letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis
from pyattn.translator import Translator
from support.echo import Echo, Echoes, Letters


class Speaker(Echo):
    """A model that answers a sentence with what a function makes of it."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        super().__init__()
        self.answer = answer

    def submit(
        self,
        sources: Sequence[Sequence[int]],
        options: GenerationOptions | Sequence[GenerationOptions] | None = None,
        *,
        shortlist: Any = None,  # noqa: ARG002
    ) -> Echoes:
        chosen = options or self.generation
        self.settings = {"options": chosen}
        self.calls.append(["".join(map(chr, source[:-1])) for source in sources])
        each = [chosen] * len(sources) if isinstance(chosen, GenerationOptions) else chosen
        return Echoes(
            [self._spoken(source, rank, one) for rank in range(one.num_hypotheses)]
            for source, one in zip(sources, each, strict=True)
        )

    def _spoken(self, source: Sequence[int], rank: int, options: GenerationOptions) -> Hypothesis:
        tokens = list(map(ord, self.answer("".join(map(chr, source[:-1]))) + "." * rank))
        return Hypothesis(
            tokens=tokens,
            score=-float(rank),
            token_scores=np.zeros(len(tokens) + 1, np.float32),
            finish_reason="eos",
            alignment=(
                np.eye(len(tokens) + 1, len(source), dtype=np.float32)
                if options.alignment
                else None
            ),
        )


def speaking(answer: Callable[[str], str]) -> Translator:
    return Translator(Speaker(answer), Letters())


def calls(translator: Translator) -> list[list[str]]:
    return translator.model.calls  # type: ignore[attr-defined]
