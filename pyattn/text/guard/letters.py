"""The letters of languages, by their scripts."""

from __future__ import annotations

import re

from pyattn.text.languages import iso_639

# Letters of a script, as regular expressions write them between brackets, and its languages.
_SCRIPTS = (
    (
        "A-Za-z\u00aa\u00ba\u00c0-\u02af\u1e00-\u1eff\uff21-\uff5a",
        "af sq az eu bs br ca ceb hr cs da nl en eo et fo fj fi fr fy gl de gn ht hu is ig id ga "
        "it jv rw ku la lv lt lb mg ms mt mi no nb nn ny oc om pl pt qu ro sm gd sn sk sl so st es "
        "su sw ss sv tl tn tr tk ts vi cy wo xh yo zu ast ilo",
    ),
    ("\u0400-\u052f\u1c80-\u1c8f", "be bg ru uk mk kk ky mn tg tt ba"),
    ("\u0370-\u03ff\u1f00-\u1fff", "el"),
    ("\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff", "ar fa ur ps sd ug ckb"),
    ("\u0590-\u05ff\ufb1d-\ufb4f", "he yi"),
    ("\u0900-\u097f", "hi mr ne sa"),
    ("\u0980-\u09ff", "bn as"),
    ("\u0a00-\u0a7f", "pa"),
    ("\u0a80-\u0aff", "gu"),
    ("\u0b00-\u0b7f", "or"),
    ("\u0b80-\u0bff", "ta"),
    ("\u0c00-\u0c7f", "te"),
    ("\u0c80-\u0cff", "kn"),
    ("\u0d00-\u0d7f", "ml"),
    ("\u0d80-\u0dff", "si"),
    ("\u0e00-\u0e7f", "th"),
    ("\u0e80-\u0eff", "lo"),
    ("\u1000-\u109f\uaa60-\uaa7f", "my"),
    ("\u1780-\u17ff", "km"),
    ("\u10a0-\u10ff\u1c90-\u1cbf", "ka"),
    ("\u0530-\u058f", "hy"),
    ("\u1200-\u139f", "am ti"),
    ("\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff", "zh"),
    ("\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff", "ja"),
    ("\u1100-\u11ff\u3130-\u318f\uac00-\ud7af\u4e00-\u9fff", "ko"),
)
_LETTERS = {code: letters for letters, codes in _SCRIPTS for code in codes.split()}

# Names of languages that say which script they are in: uzn_Latn, srp_Cyrl.
_NAMED = {"latn": "en", "cyrl": "ru", "arab": "ar", "deva": "hi", "hebr": "he", "grek": "el"}


def letters_of(language: str | None) -> re.Pattern[str] | None:
    """Matches runs of the letters of a language's script; None if that is not known.

    Args:
        language: Its name, as models have them.
    """
    if language is None or not re.match(r"[a-z]{2,3}(?![a-z])", language.lower()):
        return None
    named = re.search(r"[_-]([A-Za-z]{4})(?![A-Za-z])", language)
    code = _NAMED.get(named[1].lower(), iso_639(language)) if named else iso_639(language)
    letters = _LETTERS.get(code)
    return None if letters is None else re.compile(f"[{letters}]+")
