"""Ends of sentences by our own rules, in one pass over a line.

A mark is a candidate if white space follows it, or if it is a mark that needs none. The words in
front of and behind a candidate decide. Both are read within a window of fixed length, so time is
linear in the length of any line.
"""

# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping

from pyattn.text.abbreviations import RELATIVES, WORDS
from pyattn.text.characters import BLANK, BREAKS, HAN, LOWER, STOPS, UPPER, WIDE
from pyattn.text.enumerators import enumerators
from pyattn.text.quotations import Quotations, may_quote

# Marks of one language: the Greek question mark, and what Armenian and Hindi are typed with where
# keyboards lack the right ones.
_MORE_STOPS = {"el": ";", "hy": ":", "hi": "|"}

# Longest word to read in front of a mark. No abbreviation is longer.
_WORD = 24

_CLOSERS = r"\"'”’“»«›)\]}」』）》〉】＂＇*_¹²³"
_WIDE_CLOSERS = r"\"'”’»›)\]}」』）》〉】＂＇"
_FRENCH = r"[ \u00a0\u202f]»(?!\S)"  # the mark that closes a quotation in French
_CLOSING = rf"(?:[{_CLOSERS}]|\[\d{{1,3}}\]){{0,8}}(?:{_FRENCH}|(?!{_FRENCH}))"
_OPENERS = "\"'“”‘’«»„‹([{¿¡-–—*_「『（"

# What follows a mark: dashes and what opens a quotation, a word or a number, one character more.
_NEXT = re.compile(rf"\s*((?:[{re.escape(_OPENERS)}]\s?){{0,4}})(\d+|[^\W\d_]{{1,20}})?(.?)")
# A word behind a mark without white space between.
_JOINED = re.compile(r"([^\W\d_]{1,20})(?:['’][^\W\d_]+)?(?:[,;:!?)…]*(?:\s|\Z)|\.(?:\s|\Z))")
# U.S, e.g, Ph.D, J.-P
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.-?)+[^\W\d_]{1,3}")
# An enumerator behind the end of a sentence: (b) b) b.
_COUNTED = re.compile(rf"\s+(?:\(?(?:[^\W\d_]|[ivx]{{1,4}})\)|[a-h]\.\s+[{UPPER}])")
_ROMAN = re.compile("[IVXLC]+")
_SMALL_ROMAN = re.compile("[ivx]{2,}")
# An ellipsis in spaces, of three stops: of four, one would be the stop of a sentence.
_SPACED_ELLIPSIS = re.compile(r"(?:^|[^\s.])\s+\.\s\.\s\.\Z")
# Japanese goes on behind a quotation with one of these.
_PARTICLES = frozenset("とっをにがはもでのへや")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """The parts of the rules that depend on the language.

    Attributes:
        candidate: Marks that may end a sentence. Group 1 is what closes with a mark that white
            space follows, group 4 what closes with one that needs none; groups 2 and 3 take part
            if none follows one that needs it. Without a group it is a run of marks and no end.
        kinds: Abbreviations, in small letters unless that would be another word, and their kind: a
            name of a field of `Words`.
        starters: First words of sentences.
        tails: What goes on behind an abbreviation that may end a sentence.
        ordinals: Whether a number with a stop is an ordinal number.
        complete: Whether hardly any abbreviation is missing in `kinds`.
        head: White space and enumerators.
        line: The same, and in group 1 the line behind them without the white space at its end. The
            group takes no part where nothing is left.
        known: Whether the language has words of its own.
    """

    candidate: re.Pattern[str]
    kinds: Mapping[str, str]
    starters: frozenset[str]
    tails: frozenset[str]
    ordinals: bool
    complete: bool
    head: re.Pattern[str]
    line: re.Pattern[str]
    known: bool


@functools.lru_cache(256)
def rules_of(language: str) -> Rules:
    """The rules of a language, by its ISO 639 code; of English, if it has none of its own."""
    relative = RELATIVES.get(language, language)
    words = WORDS.get(relative, WORDS["en"])
    head = enumerators(ordinals=words.ordinals)
    kinds = {
        word: kind
        for kind in ("leading", "numbered", "inner", "closing")
        for word in getattr(words, kind).split()
    }
    stops = STOPS + _MORE_STOPS.get(relative, "")
    return Rules(
        candidate=_candidate(stops),
        kinds=kinds,
        starters=frozenset(words.starters.split()),
        tails=frozenset(words.tails.split()),
        ordinals=words.ordinals,
        complete=words.complete and language in WORDS,
        head=re.compile(head),
        line=re.compile(rf"{head}(\S(?:[^{BREAKS}]*\S)?)?"),
        known=relative in WORDS,
    )


def _candidate(stops: str) -> re.Pattern[str]:
    """Marks that may end a sentence, of those that want white space behind them and the others."""
    # It begins with a class of characters, which the search skips to much faster than to anything
    # else. A run of marks is tried from its first only, and a long one is passed over as a whole.
    # What comes first in a branch is what fails most often.
    return re.compile(
        rf"""[{stops}{WIDE}](?:
            (?<![{stops}]{{2}}) (?<=[{stops}]) [{stops}]* (?![{stops}])
            (?: (?=[\s\[{_CLOSERS}]) ({_CLOSING})
                (?={BLANK}+ (?![{stops}]+[{_CLOSERS}]{{0,8}}(?:\s|\Z)) \S)
              | (?=[{UPPER}](?:[{LOWER}{UPPER}]|\s))
                (?: (?<=[{LOWER}]{{3}}\.) | (?<=[{LOWER}][!?]) ) ()
              | (?=[{HAN}]) (?<=[{HAN}][.!?]) ()
              | (?<=[{stops}]{{8}})
            )
          | (?<=[{WIDE}]) [{WIDE}{stops}]* ([{_WIDE_CLOSERS}]{{0,8}})
        )""",
        re.VERBOSE,
    )


def sentence_ends(text: str, begin: int, end: int, rules: Rules) -> Iterator[tuple[int, int]]:
    """Where the sentences of a line end, but for the last one.

    Args:
        text: Any text.
        begin: Where the line begins, behind its enumerators.
        end: Where it ends.
        rules: The rules of its language.

    Yields:
        The place right behind the marks that end a sentence and what they close, and the place
        where the next one begins, behind its enumerators; ascending.
    """
    quotations = Quotations(text) if may_quote(text, begin, end) else None
    at = begin
    while mark := rules.candidate.search(text, at, end):
        at = mark.end()
        if not mark.lastindex or (quotations and quotations.hold(at)):
            continue
        if _ends(mark, begin, rules, quotations.opened if quotations else -1):
            head = rules.head.match(text, at, end)
            assert head  # it matches any text
            begin = head.end()
            yield at, begin
            at = begin


def _ends(mark: re.Match[str], start: int, rules: Rules, opened: int) -> bool:
    """Whether a mark ends the sentence that begins at `start`.

    Args:
        mark: A candidate, searched for up to the end of the line.
        start: Where the sentence begins.
        rules: The rules of its language.
        opened: Where the quotation or bracket opens that was closed last.
    """
    if mark.lastindex == 4:
        return _wide_ends(mark, start, opened)
    if mark.lastindex != 1:
        return mark.lastindex == 3 or _joined_ends(mark, start, rules)
    text, (at, end) = mark.string, mark.span()
    follow = _NEXT.match(text, end, mark.endpos)
    assert follow  # it matches any text
    opener, word, after = follow.groups(default="")
    if (after == "/" and not word) or text[at - 1 : at] in ("(", "["):
        return False  # a verse goes on; or [...]
    if "¿" in opener or "¡" in opener:
        return text[at] != "." or _kind(_word(text, start, at), rules) != "leading"
    small = _is_small(word[:1]) and not word[1:2].isupper()  # as in iPhone
    counted = small and _COUNTED.match(text, end, mark.endpos) is not None
    small = small and not counted
    if small and (opener.strip("([ ") or mark[1]):
        return False  # "Why?" she said
    careless = _is_small(text[start : start + 4].lstrip(_OPENERS)[:1])
    if text[at : mark.start(1)] != ".":
        return not small or (careless and text[at] != "…" and text[at : at + 2] != "..")
    before = _word(text, start, at)
    if len(before) == 1 == at - start and _kind(before, rules):
        return False  # nothing but an initial or an enumerator
    if not before:
        return not small and not _SPACED_ELLIPSIS.search(text, max(start, at - 6), end)
    if small:
        return (careless or rules.complete) and _small_follows(before, word, careless, rules)
    starts = counted or (after != "." and word.lower() in rules.starters)
    return _stop_ends(before, word, starts or "”" in mark[1] or '"' in mark[1], rules)


def _stop_ends(before: str, word: str, starts: bool, rules: Rules) -> bool:
    """Whether a full stop between two words ends a sentence, the second being no small one.

    Args:
        before: The word in front of the stop.
        word: The word or number behind it, empty if there is none.
        starts: Whether that is sure to begin a sentence.
        rules: The rules of the language.
    """
    kind = _kind(before, rules)
    if kind == "leading":
        return False
    if kind == "numbered":
        return starts or not (word.isdecimal() or _ROMAN.fullmatch(word))
    if kind == "inner":
        # A single small letter, as in "the value of x. Square it."
        variable = rules.complete and len(before) == 1 and before.islower()
        named = len(word) > 1 and word.isalpha() and not _ROMAN.fullmatch(word)
        return starts or (variable and named and before not in rules.kinds)
    if kind == "closing":
        return not word.isdecimal() and word.lower() not in rules.tails
    if rules.ordinals and (_ROMAN.fullmatch(before) or (before.isdecimal() and len(before) < 4)):
        return starts
    return not (before[-1] in "°ºª" and word.isdecimal())


def _small_follows(before: str, word: str, careless: bool, rules: Rules) -> bool:
    """Whether a full stop between two words ends a sentence, the second being a small one.

    Args:
        before: The word in front of the stop.
        word: The word behind it.
        careless: Whether the sentence began with a small letter, too.
        rules: The rules of the language.
    """
    kind = _kind(before, rules)
    if kind == "numbered":
        return careless and word in rules.starters
    if _SMALL_ROMAN.fullmatch(before) or not any(map(str.isalpha, before)):
        return careless and not rules.ordinals
    return not kind and len(before) > 1 and before[-1] not in ".…"


def _kind(word: str, rules: Rules) -> str | None:
    """The kind of abbreviation that a word in front of a full stop is, None if it is none."""
    kind = rules.kinds.get(word) or rules.kinds.get(word.lower())
    if kind:
        return kind
    if len(word) == 1:
        # Initials, and the single letters of other alphabets; there are words of one Hangul.
        return "inner" if word.isalpha() and word < "\u1100" else None
    return "inner" if "." in word and _DOTTED.fullmatch(word) else None


def _word(text: str, start: int, end: int) -> str:
    """The word in front of a mark, without what opens a quotation and without an elided article."""
    near = text[max(start, end - _WORD) : end]
    if not near or near[-1].isspace():
        return ""
    word = near.split()[-1].lstrip(_OPENERS)
    tail = word.replace("’", "'").rpartition("'")[2]
    return tail if len(tail) > 1 else word


def _is_small(letter: str) -> bool:
    """Whether it is a small letter that has a capital to begin a sentence with: not in Georgian."""
    return letter.islower() and letter.title() != letter


def _joined_ends(mark: re.Match[str], start: int, rules: Rules) -> bool:
    """Whether a mark without white space behind it ends a sentence, as in "Hello.How are you?"."""
    before = _word(mark.string, start, mark.start())
    follow = _JOINED.match(mark.string, mark.end(), mark.endpos)
    if not follow or not before.isalpha() or _kind(before, rules):
        return False
    # Names in programs look the same (threading.Thread), but not outside of Latin.
    known = follow[1].lower() in rules.starters or rules.kinds.get(follow[1].lower()) == "leading"
    return known or before[-1] > "\u024f"


def _wide_ends(mark: re.Match[str], start: int, opened: int) -> bool:
    """Whether a mark that needs no white space ends the sentence."""
    follow = mark.string[mark.end() : min(mark.end() + 1, mark.endpos)]
    if mark[0] == "．" and follow.isdecimal():
        return False
    if mark[4] and follow.isalpha() and (follow in _PARTICLES or opened == start):
        return False  # the sentence goes on behind what it quotes
    return follow not in tuple("，、,;:；：…—)）」』》”")
