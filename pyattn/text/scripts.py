"""Scripts, by the codes of ISO 15924: their letters, their languages, and the script of a text."""

from __future__ import annotations

import collections
import functools
import re

from pyattn.text.languages import iso_639

# Of each script its letters, as regular expressions write them between brackets, and its
# languages. Those of Latin are the ones that models usually have: others may be Latin as well.
_SCRIPTS = {
    "Latn": (
        "A-Za-z\u00aa\u00ba\u00c0-\u024f\u0250-\u02af\u1e00-\u1eff\ua720-\ua7ff\ufb00-\ufb06\uff21-\uff5a",
        "af ast az bs br ca ceb cs cy da de en eo es et eu fi fj fo fr fy ga gd gl gn hr ht hu id"
        " ig ilo is it jv ku la lb lt lv mg mi ms mt nb nl nn no ny oc om pl pt qu ro rw sk sl sm"
        " sn so sq sr ss st su sv sw tk tl tn tr ts tt uz vi wo xh yo zgh zu",
    ),
    "Cyrl": (
        "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
        "ru uk be bg mk sr kk ky mn tg tt ba cv ce os av bxr kv krc myv mhr mrj sah tyv xal rue uz"
        " az ab",
    ),
    "Grek": ("\u0370-\u03ff\u1f00-\u1fff", "el"),
    "Arab": (
        "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
        "ar fa ur ps sd ug ckb arz azb pnb lrc mzn ks ku pa",
    ),
    "Hebr": ("\u0590-\u05ff\ufb1d-\ufb4f", "he yi"),
    "Deva": ("\u0900-\u097f\ua8e0-\ua8ff", "hi mr ne sa bh gom new mai dty bho kok sd ks"),
    "Beng": ("\u0980-\u09ff", "bn as bpy"),
    "Guru": ("\u0a00-\u0a7f", "pa"),
    "Gujr": ("\u0a80-\u0aff", "gu"),
    "Orya": ("\u0b00-\u0b7f", "or"),
    "Taml": ("\u0b80-\u0bff", "ta"),
    "Telu": ("\u0c00-\u0c7f", "te"),
    "Knda": ("\u0c80-\u0cff", "kn"),
    "Mlym": ("\u0d00-\u0d7f", "ml"),
    "Sinh": ("\u0d80-\u0dff", "si"),
    "Thai": ("\u0e00-\u0e7f", "th"),
    "Laoo": ("\u0e80-\u0eff", "lo"),
    "Tibt": ("\u0f00-\u0fff", "bo dz"),
    "Mymr": ("\u1000-\u109f\uaa60-\uaa7f", "my"),
    "Khmr": ("\u1780-\u17ff", "km"),
    "Geor": ("\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2f", "ka xmf"),
    "Armn": ("\u0530-\u058f", "hy"),
    "Ethi": ("\u1200-\u139f", "am ti"),
    "Mong": ("\u1800-\u18af", "mn"),
    "Thaa": ("\u0780-\u07bf", "dv"),
    "Syrc": ("\u0700-\u074f", "syr"),
    "Nkoo": ("\u07c0-\u07ff", "nqo"),
    "Olck": ("\u1c50-\u1c7f", "sat"),
    "Tfng": ("\u2d30-\u2d7f", "ber zgh"),
    "Cher": ("\u13a0-\u13ff\uab70-\uabbf", "chr"),
    "Cans": ("\u1400-\u167f", "iu cr"),
    # Both syllabaries of Japanese.
    "Hira": ("\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f", "ja"),
    "Hang": ("\u1100-\u11ff\u3130-\u318f\uac00-\ud7af", "ko"),
    "Hani": (
        "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
        "zh yue wuu ja ko",
    ),
}
_LANGUAGES = {name: frozenset(codes.split()) for name, (_, codes) in _SCRIPTS.items()}
_LETTERS = {name: re.compile(f"[{letters}]") for name, (letters, _) in _SCRIPTS.items()}
# Scripts of texts that are no rows above: the forms of Chinese, and Japanese with its syllabaries.
_LANGUAGES["Hans"] = _LANGUAGES["Hant"] = frozenset(["zh", "yue", "wuu"])
_LANGUAGES["Jpan"] = frozenset(["ja"])
_OTHER_THAN_LATIN = frozenset[str]().union(
    *(codes for name, codes in _LANGUAGES.items() if name != "Latn")
)

# Letters that a row does not have, of a script without one.
_UNKNOWN = "Zyyy"

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
    """The script of a letter, "Zyyy" for one that is not known; None for other characters."""
    if not character.isalpha():
        return None
    for name, letters in _LETTERS.items():
        if letters.match(character):
            return name
    # Letters beside those of any script, such as ʼ and ª.
    return _UNKNOWN if ord(character) > 0x2FF else None


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


def languages_in(name: str) -> frozenset[str] | None:
    """The languages that are written in a script, by ISO 639; None for Latin and unknown scripts.

    Args:
        name: A script as `script` returns it.
    """
    return None if name == "Latn" else _LANGUAGES.get(name)


def may_be_latin(language: str) -> bool:
    """Whether a language, by ISO 639, is not known to be written in other scripts alone."""
    return language in _LANGUAGES["Latn"] or language not in _OTHER_THAN_LATIN


@functools.lru_cache(256)
def letters_of(language: str | None) -> re.Pattern[str] | None:
    """Matches runs of letters of the scripts of a language; None if these are not known.

    Args:
        language: Its name, as models have them ("es", "srp_Cyrl").
    """
    if language is None or not re.match(r"[a-z]{2,3}(?![a-z])", language.lower()):
        return None
    named = re.search(r"[_-]([A-Za-z]{4})(?![A-Za-z])", language)
    code = iso_639(language)
    rows = (
        [_SCRIPTS[named[1].title()]]
        if named and named[1].title() in _SCRIPTS
        else [row for name, row in _SCRIPTS.items() if code in _LANGUAGES[name]]
    )
    return re.compile(f"[{''.join(letters for letters, _ in rows)}]+") if rows else None
