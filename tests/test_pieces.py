# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
import pytest

from pyattn.pieces import WHOLE_TOKENS, pieces, sentences

LIMIT = 64


def encode(texts: list[str]) -> list[list[int]]:
    """A token per character, and the end."""
    return [[*map(ord, text), 0] for text in texts]


def cut(text: str, positions: int = 2 * LIMIT, *, by_sentence: bool = True) -> list[str]:
    ids = encode([text])[0]
    ids = pieces(text, ids, encode, positions=positions, by_sentence=by_sentence)
    return ["".join(map(chr, piece[:-1])) for piece in ids]


@pytest.mark.parametrize(
    "parts",
    [
        ["Hello. ", "How are you? ", "Fine!"],
        ['"Are you mad at me?" ', '"No, not at all." ', "(He was.) ", "So…  ", "Yes."],
        ["Mr. Smith and Dr. Who met J. R. Jones on Mt. Hope. ", "They left."],
        ["It costs 3.50 at pyattn.org, e.g. this one... or that. ", "At 5. ", "Then home."],
        ["你好。", "你好吗？", "“很好。”", "再见"],
        ["هل أنت بخير؟ ", "نعم۔ ", "क्या हाल है। ", "ठीक"],
        ["ሰላም ነው። ", "Ողջույն։ ", "សួស្តី។ ", "ဟုတ်ကဲ့။ ", "Да"],
        ["no marks at all"],
        ["...!?"],
    ],
)
def test_sentences_end_at_their_marks(parts: list[str]) -> None:
    assert sentences("".join(parts)) == parts


def test_nothing_has_no_sentences() -> None:
    assert sentences("") == []


def test_short_text_is_one_piece_however_many_sentences_it_has() -> None:
    text = "One. Two. Three. " + "X" * (WHOLE_TOKENS - 18)
    assert len(encode([text])[0]) == WHOLE_TOKENS
    assert cut(text) == [text]
    assert cut(text + "X") == ["One. ", "Two. ", "Three. ", text[17:] + "X"]


def test_model_of_whole_texts_gets_as_many_sentences_as_fit() -> None:
    text = "This is a sentence, and that is one. " * 3
    assert cut(text, by_sentence=False) == [text]
    first, second = cut(text * 2, by_sentence=False)
    assert first == second == text


def test_sentence_that_fits_is_not_cut_at_commas() -> None:
    sentence = "This, that, these and those, and a few more of them."
    assert cut(f"{sentence} {sentence}") == [f"{sentence} ", sentence]


def test_sentence_that_does_not_fit_is_cut_at_the_clause_nearest_its_middle() -> None:
    assert cut("a" * 30 + ", " + "b" * 20 + ", " + "c" * 30) == [
        "a" * 30 + ", ",
        "b" * 20 + ", " + "c" * 30,
    ]


def test_sentence_without_clauses_is_cut_at_a_space() -> None:
    words = "word " * 30
    assert set("".join(cut(words)).split()) == {"word"}
    assert all(piece.endswith("word ") for piece in cut(words))


def test_word_that_does_not_fit_is_cut_inside() -> None:
    word = "abcdefghij" * 100
    assert "".join(cut(word)) == word
    assert max(map(len, cut(word))) < LIMIT


@pytest.mark.parametrize(
    "text",
    [
        "One thing. " * 3000,
        "and so on and on " * 3000,
        "x" * 50_000,
        "好" * 50_000,
        "." * 50_000,
        "a. " * 20_000,
        "no,no,no;" * 5000,
        "end.\t" * 5000,
    ],
)
def test_no_character_is_lost_and_every_piece_fits(text: str) -> None:
    for by_sentence, limit in ((True, LIMIT), (False, 2 * LIMIT)):
        parts = cut(text, by_sentence=by_sentence)
        assert "".join(parts) == text
        assert max(len(part) + 1 for part in parts) <= limit


@pytest.mark.parametrize("positions", [1, 2, 3, 7])
def test_few_positions_end_at_single_characters(positions: int) -> None:
    assert "".join(cut("some words", positions)) == "some words"


def test_character_that_does_not_fit_is_left_to_the_model() -> None:
    def bytewise(texts: list[str]) -> list[list[int]]:
        return [[*text.encode(), 0] for text in texts]

    ids = bytewise(["好好"])[0]
    assert pieces("好好", ids, bytewise, positions=6, by_sentence=True) == [bytewise(["好"])[0]] * 2
