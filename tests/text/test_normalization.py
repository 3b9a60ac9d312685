# ruff: noqa: RUF001 (typographic quotes and letters of other scripts are meant)
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyattn.text.normalization import has_letter, is_capitals, normalized, raised_spans
from pyattn.text_settings import NORMALIZATION_STEPS

ALL = frozenset(NORMALIZATION_STEPS)


@pytest.mark.parametrize(
    "code",
    [0xAD, 0x200B, 0x200E, 0x200F, 0x202A, 0x202E, 0x2060, 0x2066, 0xFEFF, 0x34F, 0x61C],
    ids=hex,
)
def test_invisible_characters_are_taken_out(code: int) -> None:
    mark = chr(code)
    assert unicodedata.category(mark) in ("Cf", "Mn")
    text = f"{mark}won{mark}der{mark}"
    assert normalized(text, frozenset({"invisible"})).text == "wonder"
    assert normalized(text, frozenset()).text == text


@pytest.mark.parametrize("mark", ["\u200c", "\u200d", "\ufe0f", "\u0301", "\u00a0"])
def test_characters_that_mean_something_stay(mark: str) -> None:
    assert normalized(f"a{mark}b", ALL).text == f"a{mark}b"


def test_typographic_quotes_become_straight() -> None:
    text = "“I’m ‘here’,” she said. «No»"
    assert normalized(text, frozenset({"quotes"})).text == '"I\'m \'here\'," she said. "No"'
    assert normalized(text, frozenset({"invisible"})).text == text


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\n\n", "\u2028", "\x85", "\v\f"])
def test_line_breaks_are_a_space(breaks: str) -> None:
    assert normalized(f"one{breaks}two", frozenset()).text == "one two"


@pytest.mark.parametrize(
    ("text", "lowered"),
    [
        ("WHERE IS THE STATION?", "Where is the station?"),
        ("HELP!", "Help!"),
        ("I AM HERE, AND I WAIT.", "I am here, and I wait."),
        ("“HELP,” I SAID.", "“Help,” I said."),
        ("ÉL ESTÁ AQUÍ", "Él está aquí"),
        ("ΟΔΟΣ", "Οδος"),
        ("1. THE END", "1. The end"),
    ],
)
def test_capitals_are_lowered(text: str, lowered: str) -> None:
    form = normalized(text, frozenset({"capitals"}), "en")
    assert (form.text.replace("ς", "σ"), form.raised) == (lowered.replace("ς", "σ"), True)


@pytest.mark.parametrize("text", ["I", "A?", "Hello", "iPhone", "USA is big", "42", "...", "你好"])
def test_what_is_not_all_in_capitals_stays(text: str) -> None:
    form = normalized(text, frozenset({"capitals"}), "en")
    assert (form.text, form.raised) == (text, False)
    assert not is_capitals(text)


def test_english_i_is_english_alone() -> None:
    assert normalized("PA I PO", frozenset({"capitals"}), "pl").text == "Pa i po"


@given(st.text(), st.sets(st.sampled_from(NORMALIZATION_STEPS)))
def test_every_character_says_where_it_was(text: str, steps: set[str]) -> None:
    form = normalized(text, frozenset(steps), "en")
    origins = form.origins()
    assert len(origins) == len(form.text) + 1
    assert origins == sorted(origins)
    assert origins[-1] == len(text)
    if form.text:
        assert origins[0] == 0
    for letter, begin, end in zip(form.text, origins, origins[1:], strict=False):
        if letter.isalnum() and end > begin:
            assert letter.lower() in text[begin:end].lower() or letter.lower() == "ς"


@given(st.text(), st.data())
def test_spans_follow_what_is_raised(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    spans = list(zip([0, *cuts], [*cuts, len(text)], strict=True))
    raised = raised_spans(text, spans)
    upper = text.upper()
    assert "".join(upper[begin:end] for begin, end in raised) == upper
    for (begin, end), (low, high) in zip(spans, raised, strict=True):
        assert upper[low:high] == text[begin:end].upper()


@pytest.mark.parametrize("text", ["a", "42 a", "ß", "你", "é", "ا", "１a"])
def test_letters_of_every_script_are_letters(text: str) -> None:
    assert has_letter(text)


@pytest.mark.parametrize("text", ["", "42", "1,600.5 %", "😀", "...", "½", "№", "->", "— !", "٤٢"])
def test_numbers_marks_and_symbols_are_none(text: str) -> None:
    assert not has_letter(text)
