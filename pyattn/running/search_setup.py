"""When a model's vocabulary search is made, and from which states."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.running.vocabulary_search import MOST_COST, Floats, search_parts

if TYPE_CHECKING:
    from pyattn import _core
    from pyattn.running.run_config import RunConfig

VocabularySearch: TypeAlias = bool | Literal["auto"]

# Of fewer than eight states for each of its dimensions, second moments say little about others.
_STATES_PER_DIM = 8
_STATES_MORE = 1024

# Made-up sources: their number in a call, the most calls, and their lengths.
_SOURCES = 64
_CALLS = 64
MADE_UP = GenerationOptions(beam_size=1, num_hypotheses=1, max_new_tokens=24, scores=False)
_SHORTEST, _LONGEST = 2, 16

# After made-up sentences a model is less sure of what comes next than after text, so their states
# have more candidates: by the shipped model's estimates half as much time again.
_MOST_COST_MADE_UP = 1.5 * MOST_COST

# Ids below this are special tokens in most vocabularies.
_FIRST_ID = 5


def checked_vocabulary_search(value: object) -> VocabularySearch:
    """The setting `vocabulary_search` of a model.

    Raises:
        ValueError: if it is not True, False or "auto".
    """
    if value is True or value is False or value == "auto":
        return value
    raise ValueError(f'vocabulary_search is {value!r}, expected True, False or "auto"')


class SearchSetup:
    """Makes the vocabulary search of a model, once there are states to make it from.

    They are those that greedy searches project: of the first sentences that are translated, or of
    made-up ones.

    Args:
        core: The model.
        config: What it is.
        dtype: The number type of its output.
        wanted: Whether to have a search; "auto" makes it in a thread of its own.
    """

    def __init__(
        self, core: _core.Model, config: RunConfig, dtype: str, wanted: VocabularySearch
    ) -> None:
        self._core = weakref.ref(core)
        self._config = config
        self._dtype = dtype
        searched = dtype in ("float32", "bfloat16", "int8")
        possible = "decoder" in config.stacks and config.logits_soft_cap == 0 and searched
        self._possible = possible
        self.waits = possible and wanted == "auto"
        if possible and wanted is not False:
            core.want_states(_STATES_PER_DIM * config.dim + _STATES_MORE)

    def advance(self) -> None:
        """Begins to make the search if the states for it are there; returns at once."""
        core = self._core()
        if not self.waits or core is None:
            return
        states = core.states()
        if states is not None:
            self.waits = False
            threading.Thread(
                target=self._make,
                args=(states, MOST_COST),
                name="pyattn-search",
                daemon=True,
            ).start()

    def make_now(self, translate: Callable[[list[list[int]]], object]) -> None:
        """Makes the search from the states of made-up sentences.

        The ids of their sources are as frequent as words are (Zipf 1949): low ids, which are the
        common pieces of most vocabularies, more than others. The states of what a model makes of
        these are much like those of text: on the same axes, text has 1.6 times the candidates that
        it has on its own. With sources whose ids are all as frequent it has three times as many.
        """
        core = self._core()
        if core is None or not self._possible:
            return
        for sources in self._made_up():
            translate(sources)
            states = core.states()
            if states is not None:
                self._make(states, _MOST_COST_MADE_UP)
                return

    def _made_up(self) -> Iterator[list[list[int]]]:
        config = self._config
        reader = config.stack(config.stacks[0])
        first = min(_FIRST_ID, reader.vocab - 1)
        chances = 1 / np.arange(1, reader.vocab - first + 1)
        chances /= chances.sum()
        longest = min(_LONGEST, reader.max_positions - 1)
        rng = np.random.default_rng(0)
        for _ in range(_CALLS):
            lengths = rng.integers(min(_SHORTEST, longest), longest + 1, _SOURCES)
            yield [
                [*(first + rng.choice(len(chances), length, p=chances)).tolist(), config.end]
                for length in lengths
            ]

    def _make(self, states: Floats, most_cost: float) -> None:
        core = self._core()
        if core is None:
            return
        # The model may be closed meanwhile.
        with contextlib.suppress(ValueError, MemoryError):
            vocab = self._config.target_vocab
            parts = search_parts(states, core.output_rows, vocab, self._dtype, most_cost)
            if parts is not None:
                core.set_vocabulary_search(parts)
