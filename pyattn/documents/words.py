"""Words of a segment and of its translation, and which belong together."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pyattn.documents.model import Alignment, Answer
from pyattn.results import Span

# Letters of scripts without spaces stand alone, as do signs and line breaks.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60"
    "\U00020000-\U0003ffff"
)
_TOKEN = re.compile(
    rf"\n|[{_SPACELESS}]|[^\W{_SPACELESS}]+(?:(?:['’@/-]|(?<=\d)[.,:](?=\d)|(?<=[^\W\d])[.:]"
    rf"(?=[^\W\d]))[^\W{_SPACELESS}]+)*|[^\w\s]"
)
# Classes of emoji and of what modifies letters.
_WORDLIKE = frozenset({"So", "Mn", "Mc", "Cf", "Sk"})
# The weight of an alignment between texts that are longer than this is not kept as a matrix.
_MOST_CELLS = 4_000_000


@dataclasses.dataclass(frozen=True)
class Words:
    """The words and signs of a text.

    Attributes:
        text: The text.
        spans: Their spans in it, in order.
        solid: Whether each is a word or a line break; signs are not.
    """

    text: str
    spans: list[Span]
    solid: list[bool]

    @classmethod
    def of(cls, text: str, borders: Sequence[int] = ()) -> Words:
        """The words of a text; none crosses one of some borders, which are in order."""
        cuts = [0, *borders, len(text)]
        spans = [
            match.span()
            for begin, end in itertools.pairwise(cuts)
            for match in _TOKEN.finditer(text, begin, end)
        ]
        return cls(text, spans, [_is_solid(text[n]) for n, _ in spans])

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, index: int) -> str:
        begin, end = self.spans[index]
        return self.text[begin:end]

    def of_letters(self) -> npt.NDArray[np.int64]:
        """For each letter of the text, its word's index; -1 for white space."""
        owners = np.full(len(self.text), -1, np.int64)
        for number, (begin, end) in enumerate(self.spans):
            owners[begin:end] = number
        return owners

    def within(self, span: Span) -> tuple[int, int]:
        """First word that touches a span and the one behind the last; both None-like if empty."""
        begin, end = span
        low = _first(self.spans, begin)
        high = low
        while high < len(self.spans) and self.spans[high][0] < end:
            high += 1
        return low, high


def _is_solid(letter: str) -> bool:
    """Whether a letter begins a word; emoji are words, too."""
    return letter.isalnum() or letter == "\n" or unicodedata.category(letter) in _WORDLIKE


def _first(spans: Sequence[Span], place: int) -> int:
    """Index of the first span that ends behind a place."""
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] <= place:
            low = middle + 1
        else:
            high = middle
    return low


@dataclasses.dataclass(frozen=True)
class Links:
    """Which words of a source the words of a translation belong to.

    Attributes:
        source: The words of the source.
        target: The words of the translation.
        best: For each word of the translation, the source's word it belongs to most; -1 if none.
        weights: [target, source], how much each belongs to each; None if not known.
    """

    source: Words
    target: Words
    best: list[int]
    weights: npt.NDArray[np.float32] | None = None


def linked(source: Words, target: Words, answer: Answer) -> Links:
    """The links between the words of a segment and of its translation."""
    weights: npt.NDArray[np.float32] | None = None
    if answer.alignment is not None and len(source) * len(target) <= _MOST_CELLS:
        weights = _weights(source, target, answer.alignment)
        best = _strongest(source, target, weights)
    else:
        best = _proportional(source, target)
    _link_signs(source, target, best)
    return Links(source, target, best, weights)


def _strongest(source: Words, target: Words, weights: npt.NDArray[np.float32]) -> list[int]:
    """The word that each word looks at most; words look at words rather than at signs."""
    if not weights.size:
        return [-1] * len(target)
    solid = np.array(source.solid)
    best = []
    for row, is_word in zip(weights, target.solid, strict=True):
        own = np.where(solid, row, 0) if is_word else row
        own = own if own.max() > 0 else row
        best.append(int(own.argmax()) if own.max() > 0 else -1)
    return best


def _weights(source: Words, target: Words, alignment: Alignment) -> npt.NDArray[np.float32]:
    """Attention between words: the mean over a word's tokens of what falls on the other's."""
    columns = _shares(source, alignment.sources)
    rows = _shares(target, alignment.targets)
    weights: npt.NDArray[np.float32] = rows.T @ alignment.weights @ columns
    parts = rows.sum(axis=0)
    weights /= np.where(parts > 0, parts, 1)[:, np.newaxis]
    of_source, of_target = source.of_letters(), target.of_letters()
    for (begin, end), (copy, copied) in alignment.copied:
        if end - begin == copied - copy:
            for left, right in zip(of_source[begin:end], of_target[copy:copied], strict=True):
                if left >= 0 and right >= 0:
                    weights[right, left] = 1
    return weights


def _shares(words: Words, tokens: Sequence[Span]) -> npt.NDArray[np.float32]:
    """[tokens, words]: which share of a token's letters lies in a word.

    White space counts not, and signs only in tokens without words.
    """
    shares = np.zeros((len(tokens), len(words)), np.float32)
    owners = words.of_letters()
    solid = np.array([*words.solid, False])
    for number, (begin, end) in enumerate(tokens):
        letters = owners[begin:end]
        letters = letters[solid[letters]] if solid[letters].any() else letters[letters >= 0]
        if letters.size:
            np.add.at(shares[number], letters, np.float32(1 / letters.size))
    return shares


def _proportional(source: Words, target: Words) -> list[int]:
    """Links without an alignment: equal words, and between them by position."""
    if not len(source):
        return [-1] * len(target)
    anchors = _anchors(source, target)
    best: list[int] = []
    before = (-1, -1)
    following = iter([*anchors, (len(target), len(source))])
    after = next(following)
    for place in range(len(target)):
        if place == after[0]:
            best.append(after[1])
            before, after = after, next(following)
            continue
        share = (place - before[0] - 0.5) / (after[0] - before[0] - 1)
        exact = before[1] + 0.5 + share * (after[1] - before[1] - 1)
        low, high = min(before[1] + 1, len(source) - 1), max(after[1] - 1, 0)
        best.append(int(min(max(round(exact), low), max(low, high))))
    return best


def _anchors(source: Words, target: Words) -> list[tuple[int, int]]:
    """Words that both texts have once, (target, source), as far as their order is the same."""
    found = []
    count = collections.Counter(source[n] for n in range(len(source)))
    there = {source[n]: n for n in range(len(source)) if source.solid[n]}
    again = collections.Counter(target[n] for n in range(len(target)))
    for place in range(len(target)):
        word = target[place]
        if word in there and count[word] == again[word] == 1:
            found.append((place, there[word]))
    kept: list[tuple[int, int]] = []
    for anchor in found:
        if not kept or anchor[1] > kept[-1][1]:
            kept.append(anchor)
    return kept


def _link_signs(source: Words, target: Words, best: list[int]) -> None:
    """Links signs that both texts have equally often in order: attention on signs is noise."""
    mine: dict[str, list[int]] = collections.defaultdict(list)
    other: dict[str, list[int]] = collections.defaultdict(list)
    for words, places in ((source, mine), (target, other)):
        for number in range(len(words)):
            if not words[number][0].isalnum():
                places[words[number]].append(number)
    for sign, there in other.items():
        if len(there) == len(mine.get(sign, ())):
            for place, partner in zip(there, mine[sign], strict=True):
                best[place] = partner
