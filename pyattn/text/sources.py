"""From texts to sources: the token ids of their parts, and the options of each search."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pyattn.checkpoint import WHOLE_TOKENS, ModelConfig, TextSettings
from pyattn.options import GenerationOptions
from pyattn.results import Span
from pyattn.text.normalization import LINE_BREAKS, Normalized, has_letter, normalized
from pyattn.text.pieces import halved, stripped
from pyattn.text.sentences import sentence_spans
from pyattn.text.settings import Split
from pyattn.text.tokenizers.contract import TextError

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Tokenizer

Names: TypeAlias = str | Sequence[str] | None
# The languages of a source and of its target; None where the model needs none.
Pair: TypeAlias = tuple[str | None, str | None]

_LINE = re.compile(f"[^{LINE_BREAKS}]+")


@dataclasses.dataclass(slots=True)
class Part:
    """A part of a text that the model translates.

    Attributes:
        span: Its span in the text.
        form: The form that the model sees.
        ids: The token ids of that form.
    """

    span: Span
    form: Normalized
    ids: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Plan:
    """How a text is translated. Characters in no part, mostly white space, are copied.

    Attributes:
        index: Index among the caller's texts.
        text: The text.
        head: Number of characters in front that name a language and are no text.
        pair: Its languages.
        parts: Its parts in order; empty if nothing is to be translated.
    """

    index: int
    text: str
    head: int
    pair: Pair
    parts: list[Part] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Sources:
    """The sources of some texts.

    Attributes:
        plans: How each text is translated.
        ids: Token ids of all parts, in the order of the texts.
        options: The options of all searches, or of each.
    """

    plans: list[Plan]
    ids: list[list[int]]
    options: GenerationOptions | list[GenerationOptions]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Treatment:
    """A caller's choices for texts.

    Attributes:
        split: Where texts are cut.
        steps: The steps of normalization.
    """

    split: Split
    steps: frozenset[str]


class SourceMaker:
    """Makes sources for one model.

    Args:
        tokenizer: The model's tokenizer.
        config: The model's config.
        settings: The model's settings for texts.
    """

    def __init__(self, tokenizer: Tokenizer, config: ModelConfig, settings: TextSettings) -> None:
        self._tokenizer = tokenizer
        self._config = config
        self._settings = settings
        self._frames: dict[Pair, list[int]] = {}

    def make(
        self,
        texts: Sequence[str],
        pairs: Sequence[Pair],
        search: GenerationOptions,
        treatment: Treatment,
    ) -> Sources:
        """The sources of some texts.

        Args:
            texts: The texts.
            pairs: The languages that the caller names for each.
            search: The options of all searches, without the language.
            treatment: The caller's choices.

        Raises:
            TypeError: if a caller's `split` does not return a list of str.
            ValueError: if it returns other text, if the model does not have a language, or if a
                language that it needs is not given.
        """
        plans = self._plans(texts, pairs, search)
        groups: dict[Pair, list[Plan]] = {}
        for plan in plans:
            groups.setdefault(plan.pair, []).append(plan)
        options: dict[Pair, list[GenerationOptions]] = {}
        for pair, members in groups.items():
            self._cutting(pair, treatment).cut(members)
            options[pair] = self._options(pair, search)
        each = [
            options[plan.pair][number > 0] for plan in plans for number in range(len(plan.parts))
        ]
        return Sources(
            plans=plans,
            ids=[part.ids for plan in plans for part in plan.parts],
            options=search if all(one is search for one in each) else each,
        )

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

    def _cutting(self, pair: Pair, treatment: Treatment) -> _Cutting:
        frame = self._frames.get(pair)
        if frame is None:
            [frame] = self._tokenizer.encode_bodies([""], *pair)
            self._frames[pair] = frame
        return _Cutting(self._tokenizer, self._config, self._settings, pair, treatment, frame)

    def _options(self, pair: Pair, search: GenerationOptions) -> list[GenerationOptions]:
        """The options for the first part of a text, and for all others."""
        first = self._tokenizer.languages.first_token(pair[1])
        options = search if first is None else search.replace(forced_bos_token=first)
        # Only a text's first part begins with the prefix.
        return [options, options.replace(target_prefix=()) if search.target_prefix else options]


class _Cutting:
    """Cuts the texts of one pair of languages into parts, with their ids."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        config: ModelConfig,
        settings: TextSettings,
        pair: Pair,
        treatment: Treatment,
        frame: list[int],
    ) -> None:
        self._tokenizer = tokenizer
        self._pair = pair
        self._split = treatment.split
        self._steps = treatment.steps
        self._language = pair[0] or settings.source
        self._whole = _whole_tokens(settings, tokenizer, pair)
        # A translation may be longer than its source, and needs positions too.
        halves = self._whole is not None and self._split != "never"
        self._most = max(1, config.max_positions // 2 if halves else config.max_positions)
        self._frame = frame
        self._nothing = tokenizer.blank_ids.union(frame) if "copies" in self._steps else None

    def cut(self, plans: Sequence[Plan]) -> None:
        """Gives each plan its parts."""
        for plan in plans:
            plan.parts = self._parts(plan, self._spans(plan.text, plan.head))
        self._number([(part, plan) for plan in plans for part in plan.parts])
        if self._split == "auto" and self._whole:
            self._cut_long_lines(plans, self._whole)
        for plan in plans:
            plan.parts = [
                fitting
                for part in plan.parts
                for fitting in self._fitting(plan, part)
                if self._says_something(fitting)
            ]

    def _spans(self, text: str, head: int) -> list[Span]:
        """The sentences of a text, or its lines if the model translates short lines whole."""
        if callable(self._split):
            return _found(text, head, self._split(text[head:]))
        if self._split == "never" or (self._split == "auto" and self._whole is None):
            whole = stripped(text, (head, len(text)))
            return [whole] if whole[0] < whole[1] else []
        if self._split == "auto" and self._whole:
            lines = (stripped(text, line.span()) for line in _LINE.finditer(text, head))
            return [line for line in lines if line[0] < line[1]]
        if head:
            return _moved(sentence_spans(text[head:], self._language), head)
        return sentence_spans(text, self._language)

    def _cut_long_lines(self, plans: Sequence[Plan], whole: int) -> None:
        """Cuts lines of more than `whole` tokens into sentences."""
        most = min(whole, self._most * 2)
        for plan in plans:
            if all(len(part.ids) <= most for part in plan.parts):
                continue
            plan.parts = [
                part
                for line in plan.parts
                for part in ([line] if len(line.ids) <= most else self._sentences(plan, line.span))
            ]

    def _sentences(self, plan: Plan, line: Span) -> list[Part]:
        begin, end = line
        spans = _moved(sentence_spans(plan.text[begin:end], self._language), begin)
        parts = self._parts(plan, spans)
        self._number([(part, plan) for part in parts])
        return parts

    def _parts(self, plan: Plan, spans: Sequence[Span]) -> list[Part]:
        return [Part(span, self._form(plan.text, span)) for span in spans]

    def _form(self, text: str, span: Span) -> Normalized:
        return normalized(text[span[0] : span[1]], self._steps, self._language)

    def _number(self, parts: Iterable[tuple[Part, Plan]]) -> None:
        """Gives parts their ids, except parts that are copied."""
        chosen = [
            (part, plan.index)
            for part, plan in parts
            if self._nothing is None or has_letter(part.form.text)
        ]
        texts = [part.form.text for part, _ in chosen]
        numbered = self._encoded(texts, [index for _, index in chosen])
        for (part, _), ids in zip(chosen, numbered, strict=True):
            part.ids = ids

    def _fitting(self, plan: Plan, part: Part) -> list[Part]:
        """A part, or pieces of it that fit into the model's positions."""
        if len(part.ids) <= self._most:
            return [part]
        halves = self._parts(plan, halved(plan.text, part.span))
        if len(halves) == 1 and halves[0].span == part.span:
            return [part]  # one character, which the model will refuse
        self._number([(half, plan) for half in halves])
        return [piece for half in halves for piece in self._fitting(plan, half)]

    def _says_something(self, part: Part) -> bool:
        if self._nothing is None:
            return part.ids != self._frame
        return not self._nothing.issuperset(part.ids)

    def _encoded(self, texts: Sequence[str], indices: Sequence[int]) -> list[list[int]]:
        """The ids of parts; `indices` are those of the caller's texts, for errors."""
        # Some tokenizers make a token of a space at either end, which helps no model.
        bodies = [text.strip() for text in texts]
        try:
            return self._tokenizer.encode_bodies(bodies, self._pair[0], self._pair[1])
        except TextError as error:
            raise ValueError(f"texts[{indices[error.index]}] {error.problem}") from None


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


def _whole_tokens(settings: TextSettings, tokenizer: Tokenizer, pair: Pair) -> int | None:
    """Tokens up to which a line stays whole: the model's setting, or that of translators.

    A model of a family with several tasks (mBART, T5) translates if the target's language is given
    and is not the source's. An mBART that summarises has the same language for both.
    """
    if settings.whole_tokens is not None:
        return settings.whole_tokens
    source, target = pair
    translates = tokenizer.languages.targets and target is not None and source != target
    return WHOLE_TOKENS if translates else None


def _found(text: str, begin: int, sentences: Sequence[str]) -> list[Span]:
    """Spans of the sentences that a caller's function returns."""
    if isinstance(sentences, str | bytes) or not isinstance(sentences, Iterable):
        raise TypeError(f"split returned {type(sentences).__name__}, expected a list of str")
    spans: list[Span] = []
    for sentence in sentences:
        if not isinstance(sentence, str):
            raise TypeError(f"split returned a list with {type(sentence).__name__}, expected str")
        body = sentence.strip()
        place = text.find(body, begin)
        if place < 0 or text[begin:place].strip():
            raise ValueError(
                f"split returned {body!r:.60}, expected the sentences of the text in order, next "
                f"{text[begin:].strip()!r:.60}"
            )
        begin = place + len(body)
        if body:
            spans.append((place, begin))
    if text[begin:].strip():
        raise ValueError(f"split did not return {text[begin:].strip()!r:.60}")
    return spans


def _moved(spans: Iterable[Span], by: int) -> list[Span]:
    return [(begin + by, end + by) for begin, end in spans]
