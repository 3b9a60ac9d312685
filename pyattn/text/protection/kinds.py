# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
"""Kinds of protected parts and their patterns.

A pattern takes linear time: wherever it begins, it reads a bounded number of characters, or reads
characters that no other match can begin at.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Literal, TypeAlias

# How a part is carried through a translation: as a number, a name, the name of a person; or not at
# all, because a sentence is complete without it.
Role: TypeAlias = Literal["number", "name", "person", "mark"]


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A protected part of a text.

    Attributes:
        begin: Its first character.
        end: The character behind its last.
        role: What it is to the sentence around it.
    """

    begin: int
    end: int
    role: Role


_EMOJI = "\u231a-\u23ff\u2600-\u27bf\u2b1b-\u2b55\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
_SIGN = f"[{_EMOJI}][\ufe0f\U0001f3fb-\U0001f3ff]{{0,2}}"
# What no URL ends with: marks of the sentence around it.
_URL_END = r"[^\s<>\"'`|.,;:!?()\[\]{}“”‘’«»…]"
_URL_BODY = r"[^\s<>\"`|“”«»]"
_DOMAINS = (
    "com|org|net|edu|gov|io|dev|app|info|eu|uk|de|fr|es|it|nl|pl|pt|ru|jp|cn|br|ca|ch|at|au|us"
)
_ENDINGS = (
    "py|js|ts|c|h|cc|cpp|rs|go|rb|sh|html?|css|xml|json|ya?ml|toml|ini|cfg|conf|csv|tsv|txt|md|rst|"
    "po|log|sql|pdf|docx?|xlsx?|pptx?|od[tsp]|epub|png|jpe?g|gif|svg|webp|mp[34]|wav|zip|tar|gz|exe"
)

# The first that matches at a place counts, so the longer kinds come first. These begin a word:
_WORDS: tuple[tuple[str, str], ...] = (
    (
        "url",
        rf"(?:[A-Za-z][A-Za-z0-9+.-]{{1,15}}://|www\.|mailto:){_URL_BODY}*{_URL_END}/?",
    ),
    ("email", r"(?<![.+%-])\w[\w.+%-]{0,63}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?!\w)"),
    (
        "hash",
        r"(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|0[xX][0-9A-Fa-f]{1,32}"
        r"|(?=[a-f]{0,64}\d)(?=\d{0,64}[a-f])[0-9a-f]{7,128})(?!\w)",
    ),
    (
        "version",
        r"(?<!\.)(?:v\d{1,6}(?:\.\d{1,6}){0,5}|(?!\d{1,3}(?:\.\d{3})+(?![\w.]))"
        r"\d{1,6}(?:\.\d{1,6}){2,5})(?:[-+](?:alpha|beta|rc|dev|post)?[.\d]{0,12}\d)?(?!\w)",
    ),
    (
        "path",
        r"[A-Za-z]:\\[^\s<>\"|?*:]{1,255}(?<![.,;!])"
        rf"|(?<![./-])(?:[\w-]{{1,64}}[./]){{1,16}}(?:{_ENDINGS})(?![\w-])"
        rf"|(?<![./-])(?:[\w-]{{1,63}}\.){{1,8}}(?:{_DOMAINS})(?![\w-])"
        rf"(?:/{_URL_BODY}{{0,255}}{_URL_END}/?)?",
    ),
    ("emoji", r"[0-9]\ufe0f?\u20e3"),
)
# And these begin with a sign.
_SIGNS: tuple[tuple[str, str], ...] = (
    ("code", r"(?<!`)(?P<ticks>`{1,3})(?!`)[^`]{1,1000}(?P=ticks)(?!`)"),
    ("tag", r"<!--[^<>]{0,500}-->|</?[A-Za-z][^<>]{0,500}>|&(?:[A-Za-z]\w{1,31}|#\w{1,7});"),
    # {{ x }}, {% x %}, ${x}, {0}, {name!r:>10}
    ("placeholder", r"\{\{[^{}]{1,200}\}\}|\{%[^{}%]{1,200}%\}|[$#]\{[^{}\s]{1,200}\}"),
    ("placeholder", r"\{ ?[\w.$\[\]-]{0,64}(?:![rsa])?(?::[^{}\s]{0,32})? ?\}"),
    # %(x)d, %1$s, %.2f, %@
    (
        "placeholder",
        r"(?:%%){1,99}|%\([\w .-]{1,64}\)[-+ #0]{0,4}\d{0,4}(?:\.\d{1,3})?[A-Za-z]"
        r"|%(?<![\d%]%)(?:\d{1,2}\$)?[-+#0]{0,4}(?:\*|\d{1,4})?(?:\.(?:\*|\d{1,3}))?"
        r"(?:(?:hh?|ll?|[Lqjzt])?[diuxXfFeEgGoc](?![A-Za-z])|[sd@])",
    ),
    # $name, :name
    ("placeholder", r"(?<![\w$])\$[A-Za-z_]\w{2,63}|(?<![\w:/]):[a-z_][a-z0-9_]{2,63}(?![\w:/])"),
    (
        "path",
        r"(?<![\w/.<])(?:~|\.{1,2})?/(?:[\w.@%+~-]{1,255}/){0,64}[\w@%+~-]"
        r"(?:[\w.@%+~-]{0,255}[\w@%+~-])?/?",
    ),
    ("handle", r"(?<![\w@./])@[A-Za-z_]\w{1,63}"),
    ("hashtag", r"(?<![\w&#/])#(?=\d{0,60}[^\W\d])\w{1,60}"),
    (
        "emoji",
        f"(?:{_SIGN}(?:\u200d{_SIGN}){{0,8}}|[\U0001f1e6-\U0001f1ff]{{2}}){{1,99}}|[#*]\ufe0f?\u20e3",
    ),
)
_MARKS = frozenset({"tag", "emoji"})


def _alternatives(kinds: tuple[tuple[str, str], ...], prefix: str) -> str:
    return "|".join(f"(?P<{kind}_{prefix}{n}>{p})" for n, (kind, p) in enumerate(kinds))


# Most characters are inside of words, where nothing begins.
_ANY = re.compile(
    rf"(?<!\w)(?=\w)(?:{_alternatives(_WORDS, 'w')})"
    rf"|(?=[`<&{{$#%:~./@*\U0001f1e6-\U0001f1ff{_EMOJI}])(?:{_alternatives(_SIGNS, 's')})"
)
# What all of these contain, for texts that have none of them: most.
_HINT = re.compile(
    rf"[@#$%&{{<`/\\~\u20e3\U0001f1e6-\U0001f1ff{_EMOJI}]|:[a-z_]|\w\.\w|\dx|v\d"
    "|[0-9A-Fa-f]{7}|mailto:"
)
_ICU = re.compile(
    r"\{\s?[\w.-]{1,64}\s?,\s?(?:plural|selectordinal|select|number|date|time|ordinal|duration"
    r"|spellout|choice)\b"
)
_COUNTED = re.compile(
    r"%[^A-Za-z(]*[diuxXfFeEgGo]$|%\([^)]*\)[^A-Za-z]*[diuxXfFeEgGo]$"
    r"|(?i:num|count|total|size|limit|max|min|length|amount|number|percent|minutes|hours|days|year)"
)
_PEOPLE = re.compile(r"(?i:user|author|owner|person|sender|member|creator|full_?name|first_?name)")


def usual(text: str) -> list[Kept]:
    """The protected parts of the usual kinds in a text, ascending; they do not overlap."""
    if not _HINT.search(text):
        return []
    found = list(_arguments(text)) if "{" in text and "," in text else []
    begin = 0
    parts: list[Kept] = []
    for argument in [*found, None]:
        end = argument.begin if argument else len(text)
        for match in _ANY.finditer(text, begin, end):
            parts.append(_kept(match))
        if argument:
            parts.append(argument)
            begin = argument.end
    return parts


def _kept(match: re.Match[str]) -> Kept:
    begin, end = match.span()
    kind = (match.lastgroup or "").partition("_")[0]
    # A URL in brackets ends before the bracket, one with brackets behind it.
    if (
        kind == "url"
        and match.string[end : end + 1] == ")"
        and match[0].count("(") > match[0].count(")")
    ):
        end += 1
    return Kept(begin, end, _role(kind, match))


def _role(kind: str, match: re.Match[str]) -> Role:
    if kind in _MARKS:
        return "mark"
    if kind == "placeholder":
        if _COUNTED.search(match[0]):
            return "number"
        if _PEOPLE.search(match[0]):
            return "person"
    return "person" if kind in ("handle", "email") else "name"


def _arguments(text: str) -> list[Kept]:
    """ICU arguments, which nest braces: {count, plural, one {# file} other {# files}}."""
    heads = [match.start() for match in _ICU.finditer(text)]
    if not heads:
        return []
    # One pass over all braces finds the partner of each.
    partners: dict[int, int] = {}
    open_braces: list[int] = []
    for match in re.finditer(r"[{}]", text):
        if match[0] == "{":
            open_braces.append(match.start())
        elif open_braces:
            partners[open_braces.pop()] = match.end()
    found: list[Kept] = []
    for begin in heads:
        end = partners.get(begin)
        if end is not None and (not found or begin >= found[-1].end):
            found.append(Kept(begin, end, "name"))
    return found
