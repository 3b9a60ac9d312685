import pytest

from pyattn.files.vocabulary import Vocabularies, Vocabulary

LETTERS = Vocabulary(["a", "b", "<unk>", "a"], "<unk>")


def test_tokens_have_their_places_as_ids() -> None:
    assert LETTERS.tokens == ("a", "b", "<unk>", "a")
    assert len(LETTERS) == 4
    assert LETTERS.unk == 2


def test_of_equal_tokens_the_first_id_counts() -> None:
    assert LETTERS.ids(["a", "b", "c", "<unk>"]) == [0, 1, 2, 2]
    assert LETTERS.id_of("a") == 0
    assert dict(LETTERS.numbered()) == {"a": 0, "b": 1, "<unk>": 2}


def test_a_token_is_in_it_or_unknown() -> None:
    assert "a" in LETTERS
    assert "c" not in LETTERS
    assert LETTERS.id_of("c") == LETTERS.unk
    with pytest.raises(ValueError, match="unknown is '<u>', expected one of the tokens"):
        Vocabulary(["a"], "<u>")


@pytest.mark.parametrize("begin", [False, True])
@pytest.mark.parametrize("end", [False, True])
def test_sources_get_what_the_model_wants_around_them(begin: bool, end: bool) -> None:
    words = Vocabulary(["<s>", "</s>", "<unk>", "x"], "<unk>")
    both = Vocabularies(
        source=words, target=LETTERS, begin="<s>", end="</s>", start="<s>",
        add_begin=begin, add_end=end, sources_end=end,
    )  # fmt: skip
    assert both.source_ids(["x", "y"]) == [0] * begin + [3, 2] + [1] * end
    assert both.target_tokens([1, 3]) == ["b", "a"]
