import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyattn.text.pieces import halved, stripped


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("One two. Three four", ["One two.", "Three four"]),
        ("one two, three four", ["one two,", "three four"]),
        ("one two three four", ["one two", "three four"]),
        ("一二三。四五六", ["一二三。", "四五六"]),
        ("aaaaaaaa", ["aaaa", "aaaa"]),
        ("ab", ["a", "b"]),
    ],
)
def test_cut_is_at_the_best_place_near_the_middle(text: str, halves: list[str]) -> None:
    assert [text[begin:end] for begin, end in halved(text, (0, len(text)))] == halves


def test_single_character_is_not_halved() -> None:
    assert halved("abc", (1, 2)) == [(1, 2)]


@given(st.text(min_size=2))
def test_halves_are_all_of_it_but_white_space(text: str) -> None:
    span = stripped(text, (0, len(text)))
    if span[1] - span[0] < 2:
        return
    halves = halved(text, span)
    assert all(begin < end for begin, end in halves)
    assert all(end - begin < span[1] - span[0] for begin, end in halves)
    joined = "".join(text[begin:end] for begin, end in halves)
    assert "".join(joined.split()) == "".join(text.split())


@given(st.text(), st.text(alphabet=" \n\t\u3000"))
def test_stripped_span_is_what_strip_leaves(text: str, space: str) -> None:
    whole = f"{space}{text}{space}"
    begin, end = stripped(whole, (0, len(whole)))
    assert whole[begin:end] == whole.strip()
