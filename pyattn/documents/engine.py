"""Segments of many documents, translated in one stream."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.documents.model import Alignment, Answer, Segment
from pyattn.results import Translation

# Segments and characters that are translated together; two groups are under way at a time.
_GROUP_SEGMENTS = 512
_GROUP_CHARACTERS = 1 << 16
# Characters up to which a segment gets an alignment, whose size is the square of its length.
_LONGEST_ALIGNED = 6000


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
    answers = dict(zip(texts, found, strict=True))
    return [Answer(answers[segment.text]) for segment in group]


def _submitted(
    group: list[Segment], submit: Callable[..., Pending], options: Mapping[str, Any]
) -> Callable[[], list[Answer]]:
    """Begins to translate a group; the result waits for it."""
    aligned = [
        (segment.marked or segment.aligned) and len(segment.text) <= _LONGEST_ALIGNED
        for segment in group
    ]
    # Equal texts of one language are translated once.
    kinds = [(one, s.text, s.language) for s, one in zip(group, aligned, strict=True)]
    wanted = [[key for key in dict.fromkeys(kinds) if key[0] == one] for one in (False, True)]
    chosen = {"scores": False, **options, "num_hypotheses": 1}
    under_way = [
        submit([text for _, text, _ in keys], **(chosen | _languages(keys) | extra))
        for keys, extra in zip(wanted, ({}, {"alignment": True}), strict=True)
        if keys
    ]

    def wait() -> list[Answer]:
        found: dict[tuple[bool, str, str | None], Answer] = {}
        for keys, pending in zip(filter(None, wanted), under_way, strict=True):
            for key, [best, *_] in zip(keys, pending.results(), strict=True):
                found[key] = Answer(best.text, alignment_of(best) if key[0] else None)
        return [found[key] for key in kinds]

    return wait


def _languages(keys: Sequence[tuple[bool, str, str | None]]) -> dict[str, Any]:
    """The argument `source`, where languages were found in documents."""
    languages = [language for _, _, language in keys]
    return {} if None in languages else {"source": languages}


def alignment_of(best: Translation) -> Alignment | None:
    """The alignment of a translation; None if it has none."""
    if best.alignment is None or best.source_spans is None or best.target_spans is None:
        return None
    rows = _token_rows(best)
    if rows is None:
        return None
    copied = [(piece.source, piece.target) for piece in best.pieces if piece.copied]
    return Alignment(best.source_spans, best.target_spans, rows, copied)


def _token_rows(best: Translation) -> npt.NDArray[np.float32] | None:
    """The rows of an alignment that belong to tokens; parts of a text have one more for the end."""
    weights, targets = best.alignment, best.target_spans
    assert weights is not None
    assert targets is not None
    rows: list[int] = []
    row = 0
    for piece in best.pieces:
        if piece.copied:
            continue
        begin, end = piece.target
        while len(rows) < len(targets) and begin <= targets[len(rows)][0] <= end:
            if targets[len(rows)][0] == end and targets[len(rows)][1] > end:
                break
            rows.append(row)
            row += 1
        if row < len(weights) and (row == 0 or (weights[row] * weights[row - 1]).any()):
            row += 1  # the end of this part looks at the same source
    if len(rows) != len(targets) or (rows and rows[-1] >= len(weights)):
        return None
    return weights[rows]
