"""The beginning of every translation: from texts to the rounds of their searches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis, Span
from pyattn.text.guard.checks import WHOLE_TEXTS, Checks, checks_of
from pyattn.text.joining import Joiner
from pyattn.text.pending import PendingTranslations
from pyattn.text.plans import Pair, Plan
from pyattn.text.repeats import Cache, sharing
from pyattn.text.rounds import Rounds
from pyattn.text.searches import PendingSearch, Submit
from pyattn.text.settings import Treatment
from pyattn.text.shortlist import Shortlist, allowed
from pyattn.text.sources import SourceMaker
from pyattn.text_settings import TextSettings

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Tokenizer


class Searcher(Protocol):
    """A model, as far as texts need it; see `pyattn.Model`."""

    @property
    def config(self) -> ModelConfig:
        """The model's sizes."""
        ...

    @property
    def generation(self) -> GenerationOptions:
        """The model's own options."""
        ...

    def submit(self, sources: Any, options: Any, *, shortlist: Any) -> PendingSearch:
        """Begins the search for the targets of sources."""
        ...


class Starter:
    """Begins translations with one model.

    Args:
        model: Token ids to token ids.
        tokenizer: Texts to token ids and back.
        settings: How texts are treated by default.
        shortlist: The ids that the target of a source may have; None for all.

    Attributes:
        shortlist: As passed.
    """

    def __init__(
        self,
        model: Searcher,
        tokenizer: Tokenizer,
        settings: TextSettings,
        shortlist: Shortlist | None,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._settings = settings
        self.shortlist = shortlist
        self._maker = SourceMaker(
            tokenizer, model.config, settings, model.generation, self._answers
        )

    def start(
        self,
        texts: Sequence[str],
        pairs: Sequence[Pair],
        search: GenerationOptions,
        treatment: Treatment,
        kept: Sequence[Sequence[Span]] | None = None,
    ) -> PendingTranslations:
        """Begins the translation of texts.

        Args:
            texts: The texts, checked.
            pairs: The languages of each.
            search: How to search.
            treatment: The caller's choices.
            kept: Spans of each text that come back as they are, whatever `treatment` protects, such
                as the code of a document. They may touch, but not overlap.

        Raises:
            TypeError: if a caller's `split` does not return a list of str.
            ValueError: if it returns other text, a language is missing, a pattern of `protect`
                matches an empty text, or a text is too long and neither to be cut nor truncated.
        """
        sources = self._maker.make(texts, pairs, search, treatment, kept)
        self._warn(sources.plans)
        submit: Submit = self._submitted
        if treatment.reuse is not False:
            cache = treatment.reuse if isinstance(treatment.reuse, Cache) else None
            if cache is not None:
                cache.bind(self._model)
            submit = sharing(submit, cache)
        checks = self._checks if treatment.guard else None
        rounds = Rounds(sources, self._tokenizer, submit, checks)
        joiner = Joiner(self._tokenizer)
        return PendingTranslations(sources.plans, rounds, joiner, aligned=search.alignment)

    def _warn(self, plans: Sequence[Plan]) -> None:
        """Warns of texts that the model does not see to their end."""
        cut = [plan.index for plan in plans if any(part.unread for part in plan.parts)]
        if cut:
            most = self._model.config.stack("encoder").max_positions
            warnings.warn(
                f"{len(cut)} of {len(plans)} texts have more than {most} tokens and were cut, the "
                f"first is texts[{cut[0]}]",
                stacklevel=5,
            )

    def _submitted(self, ids: list[list[int]], options: list[GenerationOptions]) -> PendingSearch:
        """Begins a search for the targets of sources."""
        lists = allowed(self.shortlist, ids, options[0].end_tokens if options else ())
        same = all(one is options[0] for one in options)
        chosen = options[0] if options and same else options
        return self._model.submit(ids, chosen or None, shortlist=lists)

    def _answers(self, ids: list[list[int]], options: GenerationOptions) -> list[list[Hypothesis]]:
        return self._submitted(ids, [options] * len(ids)).results()

    def _checks(self, plan: Plan) -> Checks:
        source, target = plan.pair
        if not plan.translated:
            return WHOLE_TEXTS
        return checks_of(source or self._settings.source, target or self._settings.target)
