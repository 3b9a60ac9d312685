# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
"""Long texts, cut into pieces that a model translates well.

Translation models are trained on single sentences and have positions for a few hundred tokens.
Longer texts they do not refuse: they translate the first sentence or two and drop the rest without
a word. So what has more than `WHOLE_TOKENS` tokens they are given sentence by sentence. Models of
whole texts, such as summarisers, are given all that fits into their positions: cut by sentences a
summary would be one of each, and a task that T5 is given at the head of a text would be lost.

What still does not fit is halved at the end of a sentence, at a clause, at a space or, at worst,
inside a word, until it does. Every character is in exactly one piece, whatever the language or the
punctuation.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

# Texts up to here are left as they are. The shipped model, whose training sentences have 10 tokens
# on average, on dev sentences joined by a space, greedy, BLEU and length against the references:
#
#     tokens      10    19    28    38    56    74   110   184
#     BLEU      38.8  26.8  15.9   8.7   4.8   2.1   0.6   0.0
#     length    1.02  0.84  0.72  0.63  0.44  0.44  0.24  0.14
#
# Lower would serve it better still, but models trained on longer lines (OPUS-MT) use the context
# of neighbouring sentences, and no dev line (39 tokens at most) should depend on where it is cut.
WHOLE_TOKENS = 40

Encode: TypeAlias = Callable[[Sequence[str]], list[list[int]]]

# A sentence ends with its marks, the quotes and brackets that they close, and the space after; the
# marks of Chinese and Japanese need no space. The others are those of Arabic, Urdu, Hindi,
# Armenian, Amharic, Burmese and Khmer. The look-behind keeps a long run of dots from being
# tried from each of its dots.
_SENTENCE_END = re.compile(
    r"(?<![.!?…؟۔।։።။។])[.!?…؟۔।։።။។]+[\"'”’»)\]]*\s+|[。！？]+[”’」』）]*\s*"
)
# A stop after one of these, or after a single letter, belongs to the word.
_LONGEST_ABBREVIATION = len(" Prof. ")
_ABBREVIATION = re.compile(
    r"(?:^|[^\w.])(?:[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|St|Mt|Jr|Sr|Sra|Dra|Fr|Nr|No|vs|cf)\.\s+$"
)
_CLAUSE_END = re.compile(r"[,;:–—]\s+|[，、；：]")
_SPACE = re.compile(r"\s+")


def pieces(
    text: str, ids: list[int], encode: Encode, *, positions: int, by_sentence: bool
) -> list[list[int]]:
    """Token ids of the pieces that a text is translated in.

    Args:
        text: One text, without line breaks.
        ids: Its ids as a whole.
        encode: The tokenizer: texts to ids.
        positions: How many tokens the model has positions for. (A single character that needs more
            is a piece all the same, for the model to refuse.)
        by_sentence: Whether the model was trained on single sentences. Such a one gets no more than
            half its positions: the translation, which may be longer, needs positions too.
    """
    if len(ids) <= (min(WHOLE_TOKENS, positions) if by_sentence else positions):
        return [ids]
    if not by_sentence:
        return _halved(text, encode, positions)
    limit = max(1, positions // 2)
    return [ids for sentence in sentences(text) for ids in _halved(sentence, encode, limit)]


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with the space after it: joined, they are the text."""
    marks = _SENTENCE_END.finditer(text)
    cuts = [0, *(match.end() for match in marks if _ends_sentence(text, match)), len(text)]
    return [text[begin:end] for begin, end in itertools.pairwise(cuts) if begin < end]


def _ends_sentence(text: str, marks: re.Match[str]) -> bool:
    """Whether these marks, which may also stand for an abbreviation, end a sentence."""
    end = marks.end()
    near = max(0, end - _LONGEST_ABBREVIATION)
    return not text[end : end + 1].islower() and not _ABBREVIATION.search(text, near, end)


def _halved(text: str, encode: Encode, limit: int) -> list[list[int]]:
    (ids,) = encode([text])
    if len(ids) <= limit or len(text) == 1:
        return [ids]
    cut = _middle(text)
    return _halved(text[:cut], encode, limit) + _halved(text[cut:], encode, limit)


def _middle(text: str) -> int:
    """Where to cut a text in two: near its middle, so that no half is a mere scrap."""
    middle, low, high = len(text) // 2, len(text) // 4, len(text) - len(text) // 4
    for boundary in (_SENTENCE_END, _CLAUSE_END, _SPACE):
        ends = [
            match.end()
            for match in boundary.finditer(text, low, high)
            # A cut at 0 or at the end would leave the text as long as it was.
            if 0 < match.end() < len(text)
            and (boundary is not _SENTENCE_END or _ends_sentence(text, match))
        ]
        if ends:
            return min(ends, key=lambda end: abs(end - middle))
    return middle
