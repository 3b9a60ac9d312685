"""Words that matter to full stops, by language: facts, no rules."""

from __future__ import annotations

from collections.abc import Mapping

from pyattn.text.abbreviations import germanic, others, romance, slavic
from pyattn.text.abbreviations.words import Words

WORDS: Mapping[str, Words] = {
    "en": germanic.ENGLISH,
    "es": romance.SPANISH,
    "fr": romance.FRENCH,
    "de": germanic.GERMAN,
    "it": romance.ITALIAN,
    "pt": romance.PORTUGUESE,
    "nl": germanic.DUTCH,
    "da": germanic.DANISH,
    "sv": germanic.SWEDISH,
    "fi": others.FINNISH,
    "pl": slavic.POLISH,
    "cs": slavic.CZECH,
    "hu": others.HUNGARIAN,
    "ro": romance.ROMANIAN,
    "tr": others.TURKISH,
    "ru": slavic.RUSSIAN,
    "uk": slavic.UKRAINIAN,
    "bg": slavic.BULGARIAN,
    "el": others.GREEK,
    "hr": slavic.CROATIAN,
    "lt": others.BALTIC,
    "ar": others.ARABIC,
    "fa": others.PERSIAN,
    "hi": others.HINDI,
    "hy": others.ARMENIAN,
    "kk": others.KAZAKH,
    "id": others.INDONESIAN,
    "vi": others.VIETNAMESE,
    # Their marks mean nothing else.
    **dict.fromkeys(("am", "ja", "ko", "my", "zh"), Words()),
}

# Whose words and habits a language shares that has no list of its own.
RELATIVES: Mapping[str, str] = {
    **dict.fromkeys(("bs", "sh", "sl", "sr"), "hr"),
    **dict.fromkeys(("fo", "is", "nb", "nn", "no"), "da"),
    **dict.fromkeys(("ast", "ca", "eu", "gl"), "es"),
    **dict.fromkeys(("et", "lv"), "lt"),
    **dict.fromkeys(("mr", "ne"), "hi"),
    **{"af": "nl", "az": "tr", "be": "ru", "lb": "de", "mk": "bg", "ms": "id", "oc": "fr"},
    **{"sk": "cs", "ur": "ar"},
}
