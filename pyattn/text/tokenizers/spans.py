"""The characters of a text that belong to each of its tokens.

Libraries give a token the characters that it was made of. Dropped characters belong to no token,
and a character that became several tokens belongs to all of them. Here spans become a partition, as
`Encoded` describes it. Some libraries give no spans for decoded texts; these are found by decoding
again, some tokens at a time.
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
    """Spans that follow each other, by their ends, which ascend."""
    return list(itertools.pairwise([0, *ends]))


def partition(found: Sequence[Span], length: int) -> list[Span]:
    """A partition of a text, from the characters that its tokens were made of.

    A token's span begins behind the token before it, and so includes dropped characters between
    them. Tokens without characters get an empty span. A character that several tokens share goes to
    the last of them. The rest of the text goes to the last token with characters, or to the last
    token.

    Args:
        found: Characters of each token, in the text's order apart from faults; empty spans may be
            anywhere.
        length: Length of the text in characters.

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
    """Spans of all tokens, given those of the tokens with text; all others get empty spans.

    Args:
        spans: A partition of a text.
        places: Index of each span's token among all tokens; ascending.
        count: Number of all tokens.
    """
    known = dict(zip(places, (end for _, end in spans), strict=True))
    ends: list[int] = []
    for place in range(count):
        ends.append(known.get(place, ends[-1] if ends else 0))
    return between(ends)


def aligned(decode: Callable[[list[Token]], str], tokens: Sequence[Token], text: str) -> list[Span]:
    """The spans of tokens in the text that they decode to, for any decoder.

    A token's text is what it adds to the text of the tokens before it, as far as the whole text has
    it too: half a character, which decodes to U+FFFD or the like, adds nothing before its other
    half. (So the parts of a U+FFFD look like the whole, and the first part has it.)

    Only a few of the tokens before it are decoded with it, so time is linear unless long runs of
    tokens add nothing or spaces. One of these few has other characters, since decoders often drop
    spaces at the head of a list.

    Args:
        decode: Tokens to their text.
        tokens: The tokens, none of which `decode` leaves out.
        text: The text of all tokens.

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
            # Some tokens change the text of their neighbours, as invalid bytes do.
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
    """Number of first characters of `added` that a text has at a position."""
    if text.startswith(added, place):
        return len(added)
    pairs = zip(added, text[place : place + len(added)], strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def without(spans: Sequence[Span], text: str, shorter: str) -> list[Span]:
    """The spans of a text from which some spaces were removed.

    Args:
        spans: A partition of the text.
        text: The text with all spaces.
        shorter: The text without some of its spaces.
    """
    kept = [0]
    for character in text:
        # The next character of the shorter text is this one, unless this is a removed space.
        kept.append(kept[-1] + (shorter[kept[-1] : kept[-1] + 1] == character))
    return [(kept[begin], kept[end]) for begin, end in spans]
