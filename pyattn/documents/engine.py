"""Segments of many documents, translated in one stream."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from pyattn.documents.model import Alignment, Answer, Segment
from pyattn.results import Span, Translation

# Segments and characters that are translated together; two groups are under way at a time.
_GROUP_SEGMENTS = 512
_GROUP_CHARACTERS = 1 << 16
# Characters up to which a segment gets an alignment, whose size is the square of its length.
_LONGEST_ALIGNED = 6000
_SURROGATE = re.compile("[\ud800-\udfff]")
# Characters that XML forbids, and those that Unicode keeps for the use inside of programs.
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufdd0-\ufdef\ufffe\uffff]")


class Pending(Protocol):
    """Translations under way, as `Translator.submit` returns them."""

    def results(self) -> list[list[Translation]]:
        """Waits for the translations of each text, best first."""
        ...


class Engine(Protocol):
    """What documents need of a `Translator`."""

    @property
    def submit(self) -> Callable[..., Any]:
        """Begins to translate texts."""
        ...


_Key: TypeAlias = tuple[str, tuple[Span, ...], str | None]

# A translator, or a function from texts to their translations.
Translate: TypeAlias = Engine | Callable[[list[str]], list[str]]


def answered(
    segments: Iterable[Segment], translate: Translate, options: Mapping[str, Any]
) -> Iterator[Answer]:
    """The translation of each segment, in order, in bounded memory.

    Args:
        segments: Segments of any number of documents.
        translate: A translator, or a function from texts to their translations.
        options: Options of `Translator.submit`; none for a function.

    Raises:
        TypeError: if a function gets options, or returns something else than a list of str.
        ValueError: if it returns another number of texts, or as `Translator.submit` does.
    """
    submit = getattr(translate, "submit", None)
    if submit is None:
        if not callable(translate):
            kind = type(translate).__name__
            raise TypeError(f"documents: translate is {kind}, expected a Translator or a function")
        if options:
            raise TypeError(f"documents: {min(options)} is an option of translators only")
    under_way: collections.deque[Callable[[], list[Answer]]] = collections.deque()
    for group in _groups(segments):
        if submit is None:
            yield from _called(group, translate)  # type: ignore[arg-type]
            continue
        under_way.append(_submitted(group, submit, options))
        if len(under_way) > 1:
            yield from under_way.popleft()()
    while under_way:
        yield from under_way.popleft()()


def _groups(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    group: list[Segment] = []
    length = 0
    for segment in segments:
        group.append(segment)
        length += len(segment.text)
        if len(group) >= _GROUP_SEGMENTS or length >= _GROUP_CHARACTERS:
            yield group
            group, length = [], 0
    if group:
        yield group


def _called(group: list[Segment], translate: Callable[[list[str]], list[str]]) -> list[Answer]:
    texts = list(dict.fromkeys(segment.text for segment in group))
    found = translate(list(texts))
    if isinstance(found, str) or not isinstance(found, Sequence):
        raise TypeError(f"translate returned {type(found).__name__}, expected a list of str")
    if len(found) != len(texts):
        raise ValueError(f"translate returned {len(found)} texts, expected {len(texts)}")
    for text in found:
        if not isinstance(text, str):
            raise TypeError(f"translate returned a list with {type(text).__name__}, expected str")
    answers = {text: _writable(text, answer) for text, answer in zip(texts, found, strict=True)}
    return [Answer(answers[segment.text]) for segment in group]


def _writable(text: str, answer: str) -> str:
    """A caller's translation with spaces for characters that no document may hold.

    Raises:
        ValueError: if it is not valid Unicode, while its source is.
    """
    if answer == text:
        return answer
    surrogate = _SURROGATE.search(answer)
    if surrogate and surrogate[0] not in text:
        raise ValueError(
            f"translate returned a text with a lone surrogate at character {surrogate.start()}, "
            "expected valid Unicode"
        )
    return _CONTROL.sub(lambda sign: sign[0] if sign[0] in text else " ", answer)


def _submitted(
    group: list[Segment], submit: Callable[..., Pending], options: Mapping[str, Any]
) -> Callable[[], list[Answer]]:
    """Begins to translate a group; the result waits for it."""
    chosen = {"scores": False, "protect": True, **options, "num_hypotheses": 1}
    waiting: list[tuple[Pending, list[_Key], bool]] = []
    for aligned in (False, True):
        keys = list(dict.fromkeys(_key(one) for one in group if _is_aligned(one) == aligned))
        if keys:
            extra = {"alignment": True, "kept": [key[1] for key in keys]} if aligned else {}
            if None not in (languages := [key[2] for key in keys]):
                extra["source"] = languages
            texts = [key[0] for key in keys]
            waiting.append((submit(texts, **(chosen | extra)), keys, aligned))

    def wait() -> list[Answer]:
        found: dict[tuple[_Key, bool], Answer] = {}
        for pending, keys, aligned in waiting:
            for key, [best, *_] in zip(keys, pending.results(), strict=True):
                answer = Answer(best.text, alignment_of(best) if aligned else None)
                found[key, aligned] = answer
        return [found[_key(one), _is_aligned(one)] for one in group]

    return wait


def _is_aligned(segment: Segment) -> bool:
    needs = segment.marked or segment.aligned
    return needs and len(segment.text) <= _LONGEST_ALIGNED


def _key(segment: Segment) -> _Key:
    """The text of a segment, its spans that come back as they are, and its language."""
    spans = set(segment.protected)
    waiting = list(segment.elements)
    while waiting:
        element = waiting.pop()
        waiting += element.children
        # The engine copies line breaks by itself, and cuts texts there.
        if element.kept and segment.text[slice(*element.span)] != "\n":
            spans.add(element.span)
    kept: list[Span] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return segment.text, tuple(kept), segment.language


def alignment_of(best: Translation) -> Alignment | None:
    """The alignment of a translation; None if it has none."""
    if best.alignment is None or best.source_spans is None or best.target_spans is None:
        return None
    # Without the ends of sentences, which are nowhere in the text.
    rows = [row for row, (begin, end) in enumerate(best.target_spans) if begin < end]
    targets = [best.target_spans[row] for row in rows]
    copied = [(piece.source, piece.target) for piece in best.pieces if piece.copied]
    return Alignment(best.source_spans, targets, best.alignment[rows], copied)
