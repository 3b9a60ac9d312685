"""Which characters of a text belong to which of its tokens.

Libraries give a token the characters that it was made of: those that they dropped are nobody's, and
one that was cut in two is twice somebody's. Here they become a partition, as `Encoded` has it. Of
decoded texts some libraries give nothing: their spans are found by decoding again, bit by bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from pyattn.text.tokenizers.contract import Span

Token = TypeVar("Token", int, str)

# Tokens that a character takes at most, which are the bytes of UTF-8.
_LONGEST_CHARACTER = 4


def between(ends: Iterable[int]) -> list[Span]:
    """Spans that follow each other, by where each of them ends; ascending."""
    return list(itertools.pairwise([0, *ends]))


def partition(found: Sequence[Span], length: int) -> list[Span]:
    """A partition of a text, from the characters that its tokens were made of.

    A token has the characters since the one before it, so what was dropped between them is its own.
    Tokens without characters get none, and of tokens that share a character the last one has it.
    What is left at the end goes to the last token with characters, or to the last of all.

    Args:
        found: Of each token, in the text's order but for faults; empty ones may be anywhere.
        length: Of the text, in characters.

    Returns:
        A span for each token; the last one ends at `length`, if there is one.
    """
    if not found:
        return []
    placed: list[Span] = []
    reached = 0
    for begin, end in found:
        if begin < end:
            placed.append((begin, end))
            reached = max(reached, end)
        else:
            placed.append((reached, reached))
    ends: list[int] = []
    bound, last = 0, len(placed) - 1
    for index, ((_, end), (next_begin, _)) in enumerate(
        itertools.pairwise([*placed, (length, length)])
    ):
        before, bound = bound, min(max(bound, min(end, next_begin)), length)
        ends.append(bound)
        if bound > before:
            last = index
    ends[last:] = [length] * (len(ends) - last)
    return between(ends)


def spread(spans: Sequence[Span], places: Sequence[int], count: int) -> list[Span]:
    """Spans of some tokens, and empty ones of those between them, which have no text.

    Args:
        spans: A partition of a text.
        places: Of each, its place among all tokens; ascending.
        count: How many tokens there are.
    """
    known = dict(zip(places, (end for _, end in spans), strict=True))
    ends: list[int] = []
    for place in range(count):
        ends.append(known.get(place, ends[-1] if ends else 0))
    return between(ends)


def aligned(decode: Callable[[list[Token]], str], tokens: Sequence[Token], text: str) -> list[Span]:
    """The spans of tokens in the text that they decode to, whatever decodes them.

    A token's text is what it adds to the text of the tokens before it, as far as that is in the
    whole text too: half a character, which decodes to U+FFFD or the like, is nothing until its
    other half is there. (So the parts of a U+FFFD look like the whole, and the first has it.)

    Of the tokens before it only a few are decoded with it, so that the time is linear unless long
    runs of tokens add nothing or spaces. But there is one with other characters among them, as
    spaces at the head of a list are often lost.

    Args:
        decode: Tokens to their text.
        tokens: The tokens, none of which `decode` leaves out.
        text: What all of them decode to.

    Returns:
        A partition of the text, a span for each token.
    """
    ends: list[int] = []
    # `known` is the text of the tokens from `begin` to `end`, and ends at `certain` in the whole.
    begin = end = certain = 0
    known = ""
    for count in range(1, len(tokens) + 1):
        more = decode(list(tokens[begin:count]))
        added = more[len(known) :] if more.startswith(known) else ""
        reached = certain + _shared(added, text, certain)
        complete = added != "" and reached == certain + len(added)
        if not complete and count - end > _LONGEST_CHARACTER:
            # Some decode otherwise among others, as invalid bytes do to those before and behind.
            more = decode(list(tokens[:count]))
            reached = _shared(more, text, 0)
            complete = reached == len(more)
        ends.append(max(reached, ends[-1] if ends else 0))
        if complete:
            known = decode(list(tokens[end:count]))
            if known.strip():
                begin = end
            else:
                known = decode(list(tokens[begin:count]))
            end, certain = count, reached
    ends[-1:] = [len(text)] * bool(ends)
    return between(ends)


def _shared(added: str, text: str, place: int) -> int:
    """How many characters of `added` stand at a place of a text."""
    if text.startswith(added, place):
        return len(added)
    pairs = zip(added, text[place : place + len(added)], strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def without(spans: Sequence[Span], text: str, shorter: str) -> list[Span]:
    """The spans of a text from which some spaces were taken.

    Args:
        spans: A partition of the text.
        text: As it was.
        shorter: The same without some of its spaces.
    """
    kept = [0]
    for character in text:
        # No other character goes: the next of the shorter text is this one, or it is a space less.
        kept.append(kept[-1] + (shorter[kept[-1] : kept[-1] + 1] == character))
    return [(kept[begin], kept[end]) for begin, end in spans]
