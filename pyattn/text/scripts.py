"""The script of a text, by the codes of ISO 15924."""

from __future__ import annotations

import collections
import functools
import re
import unicodedata

# Scripts by the first word of their letters' names in Unicode.
_NAMED = {
    "LATIN": "Latn",
    "CYRILLIC": "Cyrl",
    "GREEK": "Grek",
    "ARABIC": "Arab",
    "HEBREW": "Hebr",
    "DEVANAGARI": "Deva",
    "BENGALI": "Beng",
    "GURMUKHI": "Guru",
    "GUJARATI": "Gujr",
    "ORIYA": "Orya",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "KANNADA": "Knda",
    "MALAYALAM": "Mlym",
    "SINHALA": "Sinh",
    "THAI": "Thai",
    "LAO": "Laoo",
    "TIBETAN": "Tibt",
    "MYANMAR": "Mymr",
    "KHMER": "Khmr",
    "GEORGIAN": "Geor",
    "ARMENIAN": "Armn",
    "ETHIOPIC": "Ethi",
    "HANGUL": "Hang",
    "HIRAGANA": "Hira",
    "KATAKANA": "Hira",
    "CJK": "Hani",
    "BOPOMOFO": "Hani",
    "MONGOLIAN": "Mong",
    "THAANA": "Thaa",
    "SYRIAC": "Syrc",
    "OL": "Olck",
    "NKO": "Nkoo",
    "TIFINAGH": "Tfng",
    "CHEROKEE": "Cher",
    "CANADIAN": "Cans",
    "YI": "Yiii",
    "JAVANESE": "Java",
}

# Letters that any script may have beside its own.
_SHARED = {"MODIFIER", "FEMININE", "MASCULINE"}

# Characters by which Chinese texts differ, the simplified and the traditional form of each.
_PAIRS = re.findall(
    r"\S\S",
    """
    这這 个個 们們 来來 时時 说說 为為 会會 对對 发發 经經 学學 样樣 开開 关關 问問 过過 还還
    没沒 现現 动動 业業 长長 两兩 从從 见見 种種 进進 实實 后後 头頭 点點 产產 东東 车車 马馬
    门門 书書 语語 话話 请請 谢謝 让讓 认認 爱愛 电電 听聽 觉覺 机機 场場 华華 万萬 与與 专專
    """,
)

# Enough letters to be certain of a text's script.
_ENOUGH = 400


@functools.lru_cache(4096)
def script_of(character: str) -> str | None:
    """The script of a letter, "Hira" for both syllabaries of Japanese; None for other characters.

    Letters of scripts without an entry here are "Zyyy".
    """
    if not character.isalpha():
        return None
    words = unicodedata.name(character, "").replace("HALFWIDTH ", "").replace("FULLWIDTH ", "")
    first = words.split(" ", 1)[0]
    return None if first in _SHARED else _NAMED.get(first, "Zyyy")


def script(text: str) -> str | None:
    """The script of most letters of a text; of its first 400, if there are more.

    Words outweigh syllables: a Chinese character counts as three letters. Any kana make a text
    Japanese ("Jpan"), and Chinese is "Hans" or "Hant" where characters differ, else "Hani".

    Returns:
        A code of ISO 15924, or None for a text without letters.
    """
    found = collections.Counter[str]()
    letters = 0
    for character in text:
        one = script_of(character)
        if one is not None:
            found[one] += 3 if one == "Hani" else 1
            letters += 1
            if letters == _ENOUGH:
                break
    if not found:
        return None
    if found["Hira"]:
        found["Jpan"] = found.pop("Hira") + found.pop("Hani", 0)
    most = max(found, key=found.__getitem__)
    return _chinese(text) if most == "Hani" else most


def _chinese(text: str) -> str:
    """Hans, Hant, or Hani for a text of characters that both have."""
    simplified = sum(text.count(pair[0]) for pair in _PAIRS)
    traditional = sum(text.count(pair[1]) for pair in _PAIRS)
    if simplified == traditional:
        return "Hani"
    return "Hans" if simplified > traditional else "Hant"
