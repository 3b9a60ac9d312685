"""From texts to sources: the token ids of their parts, and the options of each search."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis, Span
from pyattn.text.cutting import Cutting
from pyattn.text.glossary.terms import Glossary
from pyattn.text.glossary.within import ends_inside, overlaps
from pyattn.text.plans import Pair, Plan
from pyattn.text.protection.carriers import Carriers
from pyattn.text.protection.choice import units
from pyattn.text.protection.edges import masked
from pyattn.text.protection.exactness import Exactness
from pyattn.text.protection.kinds import Kept
from pyattn.text.settings import Treatment
from pyattn.text_settings import TextSettings

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Tokenizer

Names: TypeAlias = str | Sequence[str] | None
# Searches for the targets of sources.
Ask: TypeAlias = Callable[[list[list[int]], GenerationOptions], list[list[Hypothesis]]]

# Most tokens of the translations of the sentences that find carriers.
_PROBE_TOKENS = 64


@dataclasses.dataclass(frozen=True)
class Sources:
    """The sources of some texts.

    Attributes:
        plans: How each text is translated.
        cuttings: What cut the texts of each pair of languages.
    """

    plans: list[Plan]
    cuttings: dict[Pair, Cutting]


class SourceMaker:
    """Makes sources for one model.

    Args:
        tokenizer: The model's tokenizer.
        config: The model's config.
        settings: The model's settings for texts.
        generation: The model's own options.
        ask: Searches with the model, to find out which carriers it copies.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        config: ModelConfig,
        settings: TextSettings,
        generation: GenerationOptions,
        ask: Ask,
    ) -> None:
        self._tokenizer = tokenizer
        self._config = config
        self._settings = settings
        self._generation = generation
        self._ask = ask
        self._frames: dict[Pair, list[int]] = {}
        self._carriers: dict[Pair, Carriers] = {}

    def make(
        self,
        texts: Sequence[str],
        pairs: Sequence[Pair],
        search: GenerationOptions,
        treatment: Treatment,
        kept: Sequence[Sequence[Span]] | None = None,
    ) -> Sources:
        """The sources of some texts.

        Args:
            texts: The texts.
            pairs: The languages that the caller names for each.
            search: The options of all searches, without the language.
            treatment: The caller's choices.
            kept: Spans of each text that are protected besides.

        Raises:
            TypeError: if a caller's `split` does not return a list of str.
            ValueError: if it returns other text, if the model does not have a language, or if a
                language that it needs is not given.
        """
        plans = self._plans(texts, pairs, search)
        for plan in plans:
            more = kept[plan.index] if kept is not None else ()
            found = treatment.protection.parts(plan.text, more)
            # What names the language is no text.
            found = [part for part in found if part.begin >= plan.head]
            plan.exact = Exactness(plan.text, found)
            plan.kept = units(plan.text, found)
            plan.whole, plan.mask = plan.kept, masked(plan.text, plan.kept)
            if treatment.glossary is not None:
                self._find_terms(plan, treatment.glossary)
        groups: dict[Pair, list[Plan]] = {}
        for plan in plans:
            groups.setdefault(plan.pair, []).append(plan)
        cuttings: dict[Pair, Cutting] = {}
        for pair, members in groups.items():
            cuttings[pair] = self._cutting(pair, treatment)
            cuttings[pair].cut(members)
            options = self._options(pair, search)
            for plan in members:
                for number, part in enumerate(plan.parts):
                    part.options = options[number > 0]
        return Sources(plans, cuttings)

    def _find_terms(self, plan: Plan, glossary: Glossary) -> None:
        """Gives a plan its terms."""
        source, target = plan.pair
        glossary.check_languages(source or self._settings.source, target or self._settings.target)
        found = [term.moved(plan.head) for term in glossary.terms(plan.text[plan.head :])]
        plan.terms = [term for term in found if not overlaps(term, plan.kept)]
        if plan.terms:
            own = [Kept(term.begin, term.end, "name") for term in plan.terms]
            plan.whole = sorted([*plan.kept, *own], key=lambda part: part.begin)
            # A sentence may end inside of "St. James", but most terms are plain words.
            signs = [part for part in own if ends_inside(plan.text, part)]
            if signs:
                hidden = sorted([*plan.kept, *signs], key=lambda part: part.begin)
                plan.mask = masked(plan.text, hidden)

    def _plans(
        self, texts: Sequence[str], pairs: Sequence[Pair], search: GenerationOptions
    ) -> list[Plan]:
        """A plan for each text, without parts: its head is read, the rest is text."""
        languages = self._tokenizer.languages
        plans: list[Plan] = []
        for index, (text, (source, target)) in enumerate(zip(texts, pairs, strict=True)):
            asked, body = languages.split(text, f"texts[{index}]", target)
            head = 0 if len(body) == len(text) else len(text) - len(body.lstrip())
            pair = languages.chosen(source, asked, search.forced_bos_token)
            plans.append(Plan(index, text, head, pair))
        return plans

    def _cutting(self, pair: Pair, treatment: Treatment) -> Cutting:
        frame = self._frames.get(pair)
        if frame is None:
            [frame] = self._tokenizer.encode_bodies([""], *pair)
            self._frames[pair] = frame
        return Cutting(
            self._tokenizer,
            self._config,
            self._settings,
            pair,
            treatment,
            frame,
            lambda: self._carriers_of(pair),
        )

    def _carriers_of(self, pair: Pair) -> Carriers:
        """The carriers of a pair of languages, found at its first text with protected parts."""
        found = self._carriers.get(pair)
        if found is None:
            # Greedy search is fast, and loses what a wider one loses.
            plain = GenerationOptions(
                max_new_tokens=min(_PROBE_TOKENS, self._generation.max_new_tokens),
                suppress_tokens=self._generation.suppress_tokens,
                forced_bos_token=self._generation.forced_bos_token,
                scores=False,
            )

            def translate(sentences: list[str]) -> list[str]:
                ids = self._tokenizer.encode_bodies(sentences, *pair)
                found = self._ask(ids, self._options(pair, plain)[0])
                return self._tokenizer.decode([ranked[0].tokens for ranked in found])

            found = Carriers(translate, pair[0] or self._settings.source)
            self._carriers[pair] = found
        return found

    def _options(self, pair: Pair, search: GenerationOptions) -> list[GenerationOptions]:
        """The options for the first part of a text, and for all others."""
        first = self._tokenizer.languages.first_token(pair[1])
        options = search if first is None else search.replace(forced_bos_token=first)
        # Only a text's first part begins with the prefix.
        return [options, options.replace(target_prefix=()) if search.target_prefix else options]


def paired(source: Names, target: Names, count: int) -> list[Pair]:
    """The languages of each text.

    Raises:
        TypeError: if a language is neither a str nor a list.
        ValueError: if a list has another length.
    """
    return list(zip(_each("source", source, count), _each("target", target, count), strict=True))


def _each(side: str, names: Names, count: int) -> list[str | None]:
    if names is None or isinstance(names, str):
        return [names] * count
    if isinstance(names, bytes) or not isinstance(names, Sequence):
        raise TypeError(f"{side} is {type(names).__name__}, expected a language or a list of them")
    if len(names) != count:
        raise ValueError(f"{side} has {len(names)} languages, expected {count}, one per text")
    return list(names)
