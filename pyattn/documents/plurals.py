"""Plural forms of languages, as the header of a PO file has them."""

from __future__ import annotations

import functools
import gettext
import re

_ONE = "nplurals=1; plural=0;"
_NOT_ONE = "nplurals=2; plural=(n != 1);"
_OVER_ONE = "nplurals=2; plural=(n > 1);"
_EAST_SLAVIC = (
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : "
    "n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"
)
_FORMS = {
    **dict.fromkeys(("id", "ja", "km", "ko", "lo", "ms", "my", "th", "vi", "zh"), _ONE),
    **dict.fromkeys(("br", "fil", "fr", "hy", "ln", "mg", "oc", "ti", "tr", "wa"), _OVER_ONE),
    **dict.fromkeys(("be", "bs", "hr", "ru", "sr", "uk"), _EAST_SLAVIC),
    **dict.fromkeys(("cs", "sk"), "nplurals=3; plural=(n==1 ? 0 : n>=2 && n<=4 ? 1 : 2);"),
    "pl": ("nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"),
    "sl": "nplurals=4; plural=(n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3);",
    "lt": (
        "nplurals=3; plural=(n%10==1 && (n%100<11 || n%100>19) ? 0 : "
        "n%10>=2 && (n%100<11 || n%100>19) ? 1 : 2);"
    ),
    "lv": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2);",
    "ro": "nplurals=3; plural=(n==1 ? 0 : n==0 || (n%100>0 && n%100<20) ? 1 : 2);",
    "ar": (
        "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : "
        "n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);"
    ),
    "is": "nplurals=2; plural=(n%10!=1 || n%100==11);",
    "mk": "nplurals=2; plural=(n%10==1 && n%100!=11 ? 0 : 1);",
}
_RULE = re.compile(r"nplurals\s*=\s*(\d{1,2})\s*;\s*plural\s*=\s*([^;\n]{1,500})")
# Numbers that tell the forms of all languages apart.
_NUMBERS = range(201)


def plural_forms(language: str) -> str:
    """The rule of a language."""
    return _FORMS.get(language, _NOT_ONE)


@functools.lru_cache(64)
def numbers_of_forms(rule: str) -> tuple[tuple[int, ...], ...]:
    """The numbers up to 200 of each plural form; empty if a rule is not valid."""
    found = _RULE.search(rule)
    if not found or not 0 < int(found[1]) <= 10:
        return ()
    forms: list[list[int]] = [[] for _ in range(int(found[1]))]
    try:
        choose = gettext.c2py(found[2].strip())
        for number in _NUMBERS:
            forms[int(choose(number))].append(number)
    except (ValueError, IndexError, ZeroDivisionError, RecursionError, SyntaxError):
        return ()
    return tuple(map(tuple, forms))
