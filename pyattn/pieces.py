# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
"""Long texts, cut into pieces that a model translates well.

Translation models are trained on single sentences and have positions for a few hundred tokens.
Longer texts they do not refuse: they translate the first sentence or two and drop the rest without
a word. So a text of more than `WHOLE_TOKENS` tokens is translated sentence by sentence, and a
sentence that is still too long is halved at a clause, at a space or, at worst, inside a word until
it fits. Every character is in exactly one piece, whatever the language or the punctuation.
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
# marks of Chinese and Japanese need no space. The look-behind keeps a long run of dots from being
# tried from each of its dots.
_SENTENCE_END = re.compile(r"(?<![.!?…؟۔।])[.!?…؟۔।]+[\"'”’»)\]]*\s+|[。！？]+[”’」』）]*\s*")
# A stop after one of these, or after a single letter, belongs to the word.
_LONGEST_ABBREVIATION = len(" Prof. ")
_ABBREVIATION = re.compile(
    r"(?:^|[^\w.])(?:[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|St|Mt|Jr|Sr|Sra|Dra|Fr|Nr|No|vs|cf)\.\s+$"
)
_CLAUSE_END = re.compile(r"[,;:–—]\s+|[，、；：]")
_SPACE = re.compile(r"\s+")


def pieces(text: str, ids: list[int], encode: Encode, *, positions: int) -> list[list[int]]:
    """Token ids of the pieces that a text is translated in.

    Args:
        text: One text, without line breaks.
        ids: Its ids as a whole.
        encode: The tokenizer: texts to ids.
        positions: How many tokens the model has positions for. A sentence gets half of them at
            most: its translation, which may be longer, needs positions too. (A single character
            that needs more is a piece all the same, for the model to refuse.)
    """
    if len(ids) <= min(WHOLE_TOKENS, positions):
        return [ids]
    limit = max(1, positions // 2)
    return [piece for sentence in sentences(text) for piece in _halved(sentence, encode, limit)]


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with the space after it: joined, they are the text."""
    cuts = [0]
    for end in _SENTENCE_END.finditer(text):
        cut = end.end()
        near = max(0, cut - _LONGEST_ABBREVIATION)
        if not text[cut : cut + 1].islower() and not _ABBREVIATION.search(text, near, cut):
            cuts.append(cut)
    cuts.append(len(text))
    return [text[begin:end] for begin, end in itertools.pairwise(cuts) if begin < end]


def _halved(text: str, encode: Encode, limit: int) -> list[list[int]]:
    (ids,) = encode([text])
    if len(ids) <= limit or len(text) == 1:
        return [ids]
    cut = _middle(text)
    return _halved(text[:cut], encode, limit) + _halved(text[cut:], encode, limit)


def _middle(text: str) -> int:
    """Where to cut a text in two: near its middle, so that no half is a mere scrap."""
    middle, low, high = len(text) // 2, len(text) // 4, len(text) - len(text) // 4
    for boundary in (_CLAUSE_END, _SPACE):
        # A cut at 0 or at the end would leave the text as long as it was.
        ends = [m.end() for m in boundary.finditer(text, low, high) if 0 < m.end() < len(text)]
        if ends:
            return min(ends, key=lambda end: abs(end - middle))
    return middle
