# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
import itertools
import re
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyattn.text import sentences as module
from pyattn.text.abbreviations import RELATIVES, WORDS
from pyattn.text.languages import iso_639
from pyattn.text.sentences import Span, sentence_spans
from support.golden_sentences import GOLDEN


def cut(text: str, language: str | None = None, *, own: bool | None = True) -> list[str]:
    return [text[begin:end] for begin, end in sentence_spans(text, language, own=own)]


def gaps(text: str, spans: list[Span]) -> list[str]:
    edges = [0, *itertools.chain.from_iterable(spans), len(text)]
    return [text[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)]


@pytest.fixture
def without_sentencex(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "sentencex", None)
    module._sentencex.cache_clear()
    yield
    module._sentencex.cache_clear()


@pytest.mark.parametrize(
    ("language", "marked"),
    [(language, marked) for language, texts in GOLDEN.items() for marked in texts],
)
def test_sentences_end_where_a_reader_ends_them(language: str, marked: str) -> None:
    expected = [sentence.strip() for sentence in marked.split("¦")]
    assert cut(marked.replace("¦", ""), language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2. Close the window.", [("2. ", "Close the window.")]),
        ("2. close the window.", [("2. ", "close the window.")]),
        ("a) Tea\nb) Milk", [("a) ", "Tea"), ("\nb) ", "Milk")]),
        ("(3) Tea. (4) Milk.", [("(3) ", "Tea."), (" (4) ", "Milk.")]),
        ("(a) Tea\n(iv) Milk", [("(a) ", "Tea"), ("\n(iv) ", "Milk")]),
        ("iv. Tea\nIV. Milk", [("iv. ", "Tea"), ("\nIV. ", "Milk")]),
        ("- Tea\n* Milk\n• Salt", [("- ", "Tea"), ("\n* ", "Milk"), ("\n• ", "Salt")]),
        ("• 9. Tea", [("• 9. ", "Tea")]),
        (
            "1.2. Tea\n1.) Milk\n§ 3. Salt",
            [("1.2. ", "Tea"), ("\n1.) ", "Milk"), ("\n§ 3. ", "Salt")],
        ),
        ("— Hi. — Hello.", [("— ", "Hi."), (" — ", "Hello.")]),
        ("I left. 2. Then you came.", [("", "I left."), (" 2. ", "Then you came.")]),
        # The items of a list in one line.
        ("1. Tea 2. Milk 3. Salt", [("1. ", "Tea"), (" 2. ", "Milk"), (" 3. ", "Salt")]),
        ("1) Tea. 2) Milk.", [("1) ", "Tea."), (" 2) ", "Milk.")]),
        ("a. The tea b. The milk", [("a. ", "The tea"), (" b. ", "The milk")]),
        ("• Tea • Milk", [("• ", "Tea"), (" • ", "Milk")]),
        # None of these is one.
        ("It costs 5. Buy it.", [("", "It costs 5."), (" ", "Buy it.")]),
        ("I was born in 2. He was not.", [("", "I was born in 2."), (" ", "He was not.")]),
        ("1984. A novel.", [("", "1984."), (" ", "A novel.")]),
        ("A. Smith came.", [("", "A. Smith came.")]),
        ("E. coli is small.", [("", "E. coli is small.")]),
        ("p. 5 is torn.", [("", "p. 5 is torn.")]),
        ("3.5 litres of milk", [("", "3.5 litres of milk")]),
        ("-5 degrees", [("", "-5 degrees")]),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_enumerators_stay_with_their_sentence(
    text: str, expected: list[tuple[str, str]], own: bool
) -> None:
    spans = sentence_spans(text, "en", own=own)
    assert [*zip(gaps(text, spans), cut(text, "en", own=own), strict=False)] == expected


def test_chinese_enumerators_need_no_spaces() -> None:
    text = "1、茶。2、盐。①糖（三）米"
    assert cut(text, "zh") == ["茶。", "盐。", "糖（三）米"]
    assert cut("（三）米", "zh") == ["米"]


def test_ordinal_number_is_no_enumerator() -> None:
    text = "1. und 2. Liga spielen."
    assert cut(text, "de") == [text]
    assert cut(text, "en") != [text]


@pytest.mark.parametrize("text", ["", " ", "\n \t\u2028\x1c\x85\u3000", "2.", " 2.\n", "a)", "(3)"])
@pytest.mark.parametrize("more", ["", "iv.", "-", "• ", "1. 2. 3."])
def test_blanks_and_enumerators_alone_are_no_sentence(text: str, more: str) -> None:
    assert sentence_spans(f"{text} {more}") == []


@pytest.mark.parametrize("own", [True, False])
def test_line_breaks_end_sentences(own: bool) -> None:
    lines = ["One line", "another line,", "and (a", "third) one"]
    for end in ("\n", "\r\n", "\n\n", " \n\t", "\u2028", "\x85", "\x1c", "\v", "\f"):
        assert cut(end.join(lines), own=own) == lines


def test_quotation_is_cut_if_it_never_closes_or_is_long() -> None:
    assert cut('He said "Go. Run. Hide.') == ['He said "Go.', "Run.", "Hide."]
    assert cut("He said (go. Run.\nHide.)") == ["He said (go.", "Run.", "Hide.)"]
    speech = "“" + "I shall say it again. " * 10 + "Do you hear?”"
    assert len(cut(speech)) == 11


def test_fragments_of_chinese_need_no_spaces_in_any_language() -> None:
    assert cut("好。好！", "en") == ["好。", "好！"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("en-GB", "en"),
        ("en_XX", "en"),
        ("eng", "en"),
        ("eng_Latn", "en"),
        ("zho_Hans", "zh"),
        ("zh", "zh"),
        ("cmn_Hant", "zh"),
        ("pes_Arab", "fa"),
        ("ceb_Latn", "ceb"),
        (None, "en"),
        ("", "en"),
        ("English", "en"),
        ("<2fr>", "en"),
    ],
)
def test_languages_are_known_by_their_usual_names(name: str | None, code: str) -> None:
    assert iso_639(name) == code


def test_language_decides() -> None:
    text = "Am 3. Oktober war es so."
    assert cut(text, "deu_Latn") == cut(text, "de") == [text]
    assert cut(text, "en") == ["Am 3.", "Oktober war es so."]


def test_relatives_have_words() -> None:
    assert set(RELATIVES.values()) <= set(WORDS)
    assert not set(RELATIVES) & set(WORDS)


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_words_are_of_one_kind(words: object) -> None:
    kinds = [getattr(words, kind).split() for kind in ("leading", "numbered", "inner", "closing")]
    listed = [*itertools.chain.from_iterable(kinds)]
    assert sorted(listed) == sorted(set(listed))


def test_own_rules_cut_where_they_have_words() -> None:
    text = "Don't tell me. I know."
    assert cut(text, "en", own=None) == ["Don't tell me.", "I know."]


@pytest.mark.usefixtures("without_sentencex")
def test_own_rules_cut_where_sentencex_is_not_installed() -> None:
    text = "Habari yako? Nzuri. Asante."
    assert cut(text, "sw", own=None) == cut(text, "sw", own=False) == cut(text, "sw")


class TestSentencex:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("sentencex")

    def test_cuts_languages_without_words_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[tuple[str, str]] = []

        def segment(language: str, text: str) -> list[str]:
            asked.append((language, text))
            return [text[:7], text[7:]]

        monkeypatch.setattr(module, "_sentencex", lambda: segment)
        assert cut("1. Habari yako? Nzuri.\nNdiyo", "swh_Latn", own=None) == [
            "Habari",
            "yako? Nzuri.",
            "Ndiyo",
        ]
        assert asked == [("sw", "Habari yako? Nzuri.")]

    def test_is_not_asked_about_long_lines(self) -> None:
        text = "“Habari? " * 2000
        assert cut(text, "sw", own=False) == cut(text, "sw", own=True)

    def test_does_not_cut_names_in_programs(self) -> None:
        text = "It calls socket.AF_INET and queue.Queue. Then it waits."
        assert cut(text, "en", own=False) == [
            "It calls socket.AF_INET and queue.Queue.",
            "Then it waits.",
        ]

    def test_takes_any_text(self) -> None:
        assert cut("Ndiyo \ud800? Hapana.", "sw", own=False) == ["Ndiyo \ud800?", "Hapana."]


MARKS = ".!?…:;,-—–*•/_'\"“”‘’«»()[]「」『』（）。！？、，।۔؟։።①§"
SPACES = "\n\r\u2028\x1c\x85\xa0\u3000\u200b\u00ad"
PARTS = [
    *MARKS,
    *SPACES,
    *(
        "...",
        ". ",
        "! ",
        "  ",
        "1. ",
        "(2) ",
        "a) ",
        "iv. ",
        "1984",
        "12",
        "Mr. ",
        "etc. ",
        "U.S. ",
    ),
    *(
        "word",
        "Word",
        "he ",
        "The ",
        "Он ",
        "好",
        "か",
        "ა",
        "ß",
        "e\u0301",
        "😀",
        "\ud800",
        "p.m. ",
    ),
]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PARTS), max_size=30).map("".join))
LANGUAGES = st.sampled_from([None, *WORDS, "sw", "th"])
# What a gap may hold: white space, bullets, and enumerators that are no longer than this.
GAP = re.compile(
    r"(?:\s|[•◦‣⁃▪▫●○■□➢➤✓✔→①-⒇❶-➓㈠-㈩\-–—*·§]|"
    r"[(（\[]?\s?(?:[\d.]+|[^\W\d_]|[ivxIVX]{2,6}|[一-十])\s?[-–.、．)）\]]{1,2})*"
)


@given(TEXTS, LANGUAGES, st.sampled_from([True, False, None]))
def test_spans_and_gaps_are_the_text(text: str, language: str | None, own: bool | None) -> None:
    spans = sentence_spans(text, language, own=own)
    edges = [0, *itertools.chain.from_iterable(spans), len(text)]
    assert edges == sorted(edges)
    for begin, end in spans:
        assert begin < end
        assert not text[begin].isspace()
        assert not text[end - 1].isspace()
        assert len(text[begin:end].splitlines()) == 1
    for gap in gaps(text, spans):
        assert GAP.fullmatch(gap)


@given(TEXTS, LANGUAGES)
def test_lines_are_cut_each_on_its_own(text: str, language: str | None) -> None:
    lines = [line for line in text.splitlines() if line.strip()]
    assert cut(text, language) == [*itertools.chain(*(cut(line, language) for line in lines))]


# Inside of brackets, quotations and lists a sentence may be cut that is not cut as a whole.
PLAIN = [part for part in PARTS if part not in set('"“”«»()[]「」『』（）•①') and part != "(2) "]


@given(st.lists(st.sampled_from(PLAIN), max_size=30).map("".join), LANGUAGES)
def test_sentence_is_one_sentence(text: str, language: str | None) -> None:
    for sentence in cut(text, language):
        assert cut(sentence, language) == [sentence]


KINDS = [
    *".!?()[]7\"'“«„「」 \ta\n。あ！।_*#-",
    *("()", "a.", "A.", "1.", "1. ", "1.) ", "(1) ", "a) ", "- ", "• ", "\r\n", "a\n", "1\n"),
    *("a. ", "A. ", "! ", "? A", "Ab. ", "e.g. ", "U.S. ", " . ", "... ", '". ', "(. ", ". ("),
    *("Mr. ", "😀. ", "「あ。", "あ。", "1. A\n", "\n- ", "¿. ", "ab.Cd", "[1]", "a b", "iv. "),
    *("http://a.b/c.d?e=f. ", "\ud800. "),
]


# A step that grew with the square of the length would take hours here.
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_time_is_linear(kind: str, own: bool) -> None:
    text = f"Word {kind * (100_000 // len(kind))}(Word? Word"
    spans = sentence_spans(text, "en", own=own)
    assert sum(end - begin for begin, end in spans) + sum(map(len, gaps(text, spans))) == len(text)
