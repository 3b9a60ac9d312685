"""Cutting the texts of one pair of languages into parts that fit the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pyattn.model_config import ModelConfig
from pyattn.results import Span
from pyattn.text.glossary.entries import Term
from pyattn.text.glossary.within import terms_within
from pyattn.text.normalization import LINE_BREAKS, Normalized, has_letter, normalized
from pyattn.text.pieces import stripped
from pyattn.text.plans import Form, Pair, Part, Plan
from pyattn.text.protection.carried import Carried, Step
from pyattn.text.protection.carriers import Carriers
from pyattn.text.protection.edges import has_words, hugged, parted, trimmed, uncut, within
from pyattn.text.protection.kinds import Kept, Role
from pyattn.text.sentences import sentence_spans
from pyattn.text.settings import Treatment
from pyattn.text.tokenizers.contract import TextError, truncated
from pyattn.text_settings import WHOLE_TOKENS, TextSettings

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Tokenizer

_LINE = re.compile(f"[^{LINE_BREAKS}]+")
# Sets of carriers to try before a protected part is placed by the alignment.
_TURNS = 3
_NAME: Role = "name"


class Cutting:
    """Cuts the texts of one pair of languages into parts, with their ids.

    Args:
        tokenizer: The model's tokenizer.
        config: The model's config.
        settings: The model's settings for texts.
        pair: The languages.
        treatment: The caller's choices.
        frame: The ids of an empty source.
        carriers: The carriers of the pair, found at the first call.

    Attributes:
        language: The language of the texts, if known.
        translates: Whether the model translates, and does no other work with whole texts.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        config: ModelConfig,
        settings: TextSettings,
        pair: Pair,
        treatment: Treatment,
        frame: list[int],
        carriers: Callable[[], Carriers],
    ) -> None:
        self._tokenizer = tokenizer
        self._pair = pair
        self._split = treatment.split
        self._steps = treatment.steps
        self._carriers = carriers
        self.language = pair[0] or settings.source
        self._whole = _whole_tokens(settings, tokenizer, pair)
        self.translates = settings.translates(config.family, *pair)
        self._truncate = treatment.truncate
        if self._truncate == "auto":
            # A summary of each half of a text is no summary of the text.
            self._truncate = "pieces" if self.translates else True
        self._most = config.stack("encoder").max_positions
        if self._truncate == "pieces" and self._whole is not None and self._split != "never":
            # A translation may be longer than its source, and needs positions too.
            self._most = max(1, min(self._most, config.max_positions) // 2)
        self._frame = frame
        self._nothing = tokenizer.blank_ids.union(frame) if "copies" in self._steps else None

    def cut(self, plans: Sequence[Plan]) -> None:
        """Gives each plan its parts."""
        for plan in plans:
            plan.translated = self.translates
            plan.parts = self._parts(plan, self._spans(plan))
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

    def numbered(self, form: Form) -> list[int] | None:
        """The ids of another form of a part; None if they are too many for the model."""
        [ids] = self._tokenizer.encode_bodies([form.text.strip()], *self._pair)
        return ids if len(ids) <= self._most else None

    def _spans(self, plan: Plan) -> list[Span]:
        """The sentences of a text, or its lines if the model translates short lines whole."""
        text, head = plan.text, plan.head
        if callable(self._split):
            return uncut(_found(text, head, self._split(text[head:])), plan.whole)
        text = plan.mask
        if self._split == "never" or (self._split == "auto" and self._whole is None):
            whole = stripped(text, (head, len(text)))
            return [whole] if whole[0] < whole[1] else []
        if self._split == "auto" and self._whole:
            lines = (stripped(text, line.span()) for line in _LINE.finditer(text, head))
            return [line for line in lines if line[0] < line[1]]
        if head:
            return _moved(sentence_spans(text[head:], self.language), head)
        return sentence_spans(text, self.language)

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
        spans = sentence_spans(plan.mask[begin:end], self.language)
        parts = self._parts(plan, _moved(spans, begin))
        self._number([(part, plan) for part in parts])
        return parts

    def _parts(self, plan: Plan, spans: Sequence[Span]) -> list[Part]:
        if not plan.whole:
            return [self._plain(plan.text, span) for span in spans]
        parts: list[Part] = []
        for span in spans:
            inside = within(span, plan.kept)
            if inside:
                span, inside = trimmed(plan.text, span, inside)
            terms = terms_within(span, plan.terms) if plan.terms else []
            if not inside and not terms:
                if span[0] < span[1]:
                    parts.append(self._plain(plan.text, span))
            elif terms or has_words(plan.text, span, inside):
                forms = self._carried(plan.text, span, inside, terms)
                part = Part(span, tuple(inside), next(forms), forms, terms=tuple(terms))
                parts.append(part)
        return parts

    def _plain(self, text: str, span: Span) -> Part:
        form = normalized(text[span[0] : span[1]], self._steps, self.language)
        return Part(span, (), form, iter(()))

    def _carried(
        self, text: str, span: Span, inside: Sequence[Kept], terms: Sequence[Term]
    ) -> Iterator[Carried]:
        """The forms of a sentence with protected parts or terms, in the order of their trials."""
        sentence = text[span[0] : span[1]]
        places = [(part.begin - span[0], part.end - span[0]) for part in inside]
        roles = [part.role for part in inside]
        # Models lose more words in quotes than others, so quotes go with what they hold.
        quoted = hugged(sentence, places)
        own = [term.moved(-span[0]) for term in terms]

        def carried(where: Sequence[Span], words: Sequence[str | None], step: Step) -> Carried:
            return Carried(sentence, where, words, self._normalized, step, own)

        if not places:
            yield carried((), (), "")
        if any(role != "mark" for role in roles):
            carriers = self._carriers()
            if carriers.itself:
                itself = [sentence[begin:end] for begin, end in places]
                yield carried(places, itself, "itself")
            for turn in range(_TURNS):
                words = carriers.chosen(roles, sentence, turn)
                if words is None:
                    break
                yield carried(quoted, words, "carrier")
                if quoted != places:
                    yield carried(places, words, "carrier")
        strict = [(term.begin, term.end) for term in own if term.strict]
        if strict:
            every = sorted([*zip(places, roles, strict=True), *((one, _NAME) for one in strict)])
            for turn in range(_TURNS - 1):
                words = self._carriers().chosen([role for _, role in every], sentence, turn)
                if words is None:
                    break
                yield carried([place for place, _ in every], words, "carrier")
        yield carried(quoted, [None] * len(roles), "alignment")

    def _normalized(self, text: str) -> Normalized:
        return normalized(text, self._steps, self.language)

    def _number(self, parts: Iterable[tuple[Part, Plan]]) -> None:
        """Gives parts their ids, except parts that are copied."""
        chosen = [
            (part, plan.index)
            for part, plan in parts
            if self._nothing is None or part.kept or part.terms or has_letter(part.form.text)
        ]
        texts = [part.form.text for part, _ in chosen]
        numbered = self._encoded(texts, [index for _, index in chosen])
        for (part, _), ids in zip(chosen, numbered, strict=True):
            part.ids = ids

    def _fitting(self, plan: Plan, part: Part) -> list[Part]:
        """A part, or what is translated of it if it does not fit into the model's positions."""
        while len(part.ids) > self._most and (form := next(part.others, None)):
            part.form = form
            self._number([(part, plan)])
        if len(part.ids) <= self._most:
            return [part]
        if self._truncate is False:
            raise ValueError(
                f"texts[{plan.index}] has {len(part.ids)} tokens"
                f"{'' if len(plan.parts) == 1 else ' in a sentence'}, expected at most "
                f"{self._most}, or truncate=True"
            )
        if self._truncate is True:
            return self._truncated(plan, part)
        halves = parted(plan.mask, part.span, plan.whole)
        if len(halves) == 1 and halves[0] == part.span:
            return [part]  # one character, which the model will refuse
        pieces = self._parts(plan, halves)
        self._number([(half, plan) for half in pieces])
        return [piece for half in pieces for piece in self._fitting(plan, half)]

    def _truncated(self, plan: Plan, part: Part) -> list[Part]:
        """As much of a part as fits; the rest is `unread`."""
        begin, end = part.span
        most = self._most
        while True:
            text = part.form.text
            front = len(text) - len(text.lstrip())
            [encoded] = self._tokenizer.encode_with_spans([text.strip()], *self._pair)
            ids, spans = truncated(encoded, most)
            origins = part.form.origins()
            read = begin + origins[front + max((last for _, last in spans), default=0)]
            if part.kept or part.terms:
                read = next((one.begin for one in plan.whole if one.begin < read < one.end), read)
            if not begin < read < end:
                return [part]  # no room for any text, which the model will refuse
            span = stripped(plan.text, (begin, read))
            if not part.kept and not part.terms:
                own = [(front + low, front + high) for low, high in spans]
                form = self._plain(plan.text, (begin, read)).form
                return [Part(span, (), form, iter(()), ids, unread=end - span[1], spans=own)]
            # The protected parts that are left have other forms, and may have longer ones.
            shorter = self._parts(plan, [span])
            if not shorter:
                return [part]
            self._number([(one, plan) for one in shorter])
            if all(len(one.ids) <= self._most for one in shorter):
                for one in shorter:
                    one.unread = end - one.span[1]
                return shorter
            part, most = shorter[0], most - 1

    def _says_something(self, part: Part) -> bool:
        if self._nothing is None or part.kept or part.terms:
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
