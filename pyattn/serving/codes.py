"""Codes and names of languages, as clients have them."""

from __future__ import annotations

import re

from pyattn.text.languages import iso_639

# What clients call languages that have two standard names.
_ALIASES = {
    "zh": "zh",
    "zh-hans": "zh",
    "zh-cn": "zh",
    "zh-sg": "zh",
    "zh-hant": "zh-Hant",
    "zh-tw": "zh-Hant",
    "zh-hk": "zh-Hant",
    "zt": "zh-Hant",
    "pb": "pt-BR",
    "iw": "he",
    "in": "id",
    "no": "nb",
}
# Variants that are languages of their own where a model has both.
_VARIANTS = {"pt-br": "pt-BR", "sr-latn": "sr-Latn", "en-gb": "en-GB", "en-us": "en-US"}

_NAMES = """
    af Afrikaans, am Amharic, ar Arabic, as Assamese, ast Asturian, az Azerbaijani, ba Bashkir,
    be Belarusian, bg Bulgarian, bn Bengali, br Breton, bs Bosnian, ca Catalan, ceb Cebuano, ckb
    Central Kurdish, cs Czech, cy Welsh, da Danish, de German, el Greek, en English, en-GB
    British English, en-US American English, eo Esperanto, es Spanish, et Estonian, eu Basque,
    fa Persian, ff Fulah, fi Finnish, fj Fijian, fo Faroese, fr French, fy Western Frisian, ga
    Irish, gd Scottish Gaelic, gl Galician, gn Guarani, gu Gujarati, ha Hausa, he Hebrew, hi
    Hindi, hr Croatian, ht Haitian Creole, hu Hungarian, hy Armenian, id Indonesian, ig Igbo,
    ilo Iloko, is Icelandic, it Italian, ja Japanese, jv Javanese, ka Georgian, kk Kazakh, km
    Khmer, kn Kannada, ko Korean, ku Kurdish, ky Kyrgyz, lb Luxembourgish, lg Ganda, ln Lingala,
    lo Lao, lt Lithuanian, lv Latvian, mg Malagasy, mi Maori, mk Macedonian, ml Malayalam, mn
    Mongolian, mr Marathi, ms Malay, mt Maltese, my Burmese, nb Norwegian Bokmål, ne Nepali, nl
    Dutch, nn Norwegian Nynorsk, ns Northern Sotho, ny Nyanja, oc Occitan, om Oromo, or Odia, pa
    Punjabi, pl Polish, ps Pashto, pt Portuguese, pt-BR Brazilian Portuguese, qu Quechua, ro
    Romanian, rn Rundi, ru Russian, rw Kinyarwanda, sa Sanskrit, sd Sindhi, sg Sango, si
    Sinhala, sk Slovak, sl Slovenian, sm Samoan, sn Shona, so Somali, sq Albanian, sr Serbian,
    sr-Latn Serbian (Latin), ss Swati, st Southern Sotho, su Sundanese, sv Swedish, sw Swahili,
    ta Tamil, te Telugu, tg Tajik, th Thai, ti Tigrinya, tk Turkmen, tl Tagalog, tn Tswana, tr
    Turkish, ts Tsonga, tt Tatar, ug Uyghur, uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese, wo
    Wolof, xh Xhosa, yi Yiddish, yo Yoruba, zh Chinese, zh-Hant Chinese (traditional), zu Zulu
"""
_NAME_OF = dict(entry.strip().split(" ", 1) for entry in " ".join(_NAMES.split()).split(","))


def code_of(name: str) -> str:
    """The code that the service has for a language, such as "en" or "zh-Hant".

    Args:
        name: As models and clients write it: "en", "EN-US", "eng_Latn", "zho_Hant", "pt_XX".
    """
    written = name.replace("_", "-").lower()
    if written in _ALIASES:
        return _ALIASES[written]
    if written in _VARIANTS:
        return _VARIANTS[written]
    code = iso_639(written)
    if code == "zh" and "hant" in written:
        return "zh-Hant"
    if code == "sr" and "latn" in written:
        return "sr-Latn"
    return code if re.match(r"[a-z]{2,3}(?![a-z])", written) else written


def same_language(code: str, other: str) -> bool:
    """Whether two codes mean the same language, whatever its country."""
    one, two = code_of(code), code_of(other)
    return one == two or _base(one) == _base(two) != "zh"


def language_name(code: str) -> str:
    """The English name of a language; its code if that is not known."""
    return _NAME_OF.get(code) or _NAME_OF.get(_base(code)) or code


def _base(code: str) -> str:
    return code.partition("-")[0]
