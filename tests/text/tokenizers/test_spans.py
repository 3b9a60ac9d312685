"""The characters of a text are shared out among its tokens, whatever cuts it and whatever it is."""

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from golden.tokenizer_lines import lines
from pyattn.text.tokenizers import Encoded, Span, Tokenizer, spans, truncated
from pyattn.text.tokenizers.framed import FramedTokenizer
from pyattn.text.tokenizers.sentencepieces import PieceCutter
from support.echo import Letters
from support.tokenizer_folders import NAMES
from support.tokenizer_kinds import ALL_SPACES, BYTES, KINDS, of_kind, pieces

many = settings(deadline=None, derandomize=True, max_examples=100, database=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    yield tmp_path_factory.mktemp("spans")
    of_kind.cache_clear()


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest, folder: pathlib.Path) -> Tokenizer:
    return of_kind(request.param, folder)


# --- what holds for every text -----------------------------------------------------------------

FRAGMENTS = (
    "cat", "the", " ", "  ", ".", "\u00a0", "\u200b", "\u200d", "\u00ad", "\ufeff", "e\u0301",
    "\u0301", "\ufb01", "\ufdfa", "\u2026", "\u00bd", "\u0130", "\u1e9e", "\U0001f1ea\U0001f1f8",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001d518", "\u732b", "\uff21", "\u3000",
    "\u2581", "\x00", "\x85", "\t", "\n", "\u0e33", "\u1100\u1161", "\ufffd", "<0x41>", "</s>",
    "<mask>", "<2en>", ">>fra<<", "ab",
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
    st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join),
    st.text(max_size=30),
)


def is_partition(found: Sequence[Span], text: str, ids: Sequence[int]) -> bool:
    if not ids:
        return not found
    ends = [0, *(end for _, end in found)]
    return (
        len(found) == len(ids)
        and found == list(itertools.pairwise(ends))
        and ends == sorted(ends)
        and ends[-1] == len(text)
    )


def rows_of(tokenizer: Tokenizer) -> st.SearchStrategy[list[int]]:
    """Ids of texts, and any ids."""
    of_text = TEXTS.map(lambda text: tokenizer.encode_bodies([text])[0])
    return of_text | st.lists(st.integers(0, tokenizer.target_vocab + 2), max_size=20)


@many
@given(texts=st.lists(TEXTS, max_size=3))
def test_spans_of_sources_are_a_partition(tokenizer: Tokenizer, texts: list[str]) -> None:
    encoded = tokenizer.encode_with_spans(texts)
    assert [one.ids for one in encoded] == tokenizer.encode_bodies(texts)
    for text, (ids, found) in zip(texts, encoded, strict=True):
        assert is_partition(found, text, ids), (text, found)


def test_truncated_source_keeps_what_stands_around_it(tokenizer: Tokenizer) -> None:
    [encoded] = tokenizer.encode_with_spans([WORDS])
    words = [begin < end for begin, end in encoded.spans]
    first, last = words.index(True), len(words) - words[::-1].index(True)
    for most in range(first + len(words) - last, len(words)):
        ids, found = truncated(encoded, most)
        ahead = most - len(words) + last
        assert ids == [*encoded.ids[:ahead], *encoded.ids[last:]]
        assert is_partition(found, WORDS[: found[-1][1]], ids)


@many
@given(data=st.data())
def test_spans_of_targets_are_a_partition(tokenizer: Tokenizer, data: st.DataObject) -> None:
    rows = data.draw(st.lists(rows_of(tokenizer), max_size=3))
    decoded = tokenizer.decode_with_spans(rows)
    assert [one.text for one in decoded] == tokenizer.decode(rows)
    for ids, (text, found) in zip(rows, decoded, strict=True):
        assert is_partition(found, text, ids), (ids, text, found)


WORDS = "dogs run home with people"


def surfaces(text: str, found: Sequence[Span]) -> list[str]:
    return [text[begin:end].strip() for begin, end in found]


def alone(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """What each id is by itself."""
    return [text.removeprefix("##").strip() for text in tokenizer.decode([[id] for id in ids])]


def test_spans_of_words_hold_their_tokens(tokenizer: Tokenizer) -> None:
    ((ids, found),) = tokenizer.encode_with_spans([WORDS])
    own = alone(tokenizer, ids)
    assert surfaces(WORDS, found) == own
    assert "".join(own) == WORDS.replace(" ", "")
    ((text, found),) = tokenizer.decode_with_spans([ids])
    assert text == WORDS
    assert surfaces(text, found) == own


def by_prefixes(tokenizer: Tokenizer, ids: Sequence[int]) -> list[Span]:
    """What each token adds to the text of those before it, as far as the whole has it."""
    (text,) = tokenizer.decode([ids])
    prefixes = tokenizer.decode([ids[: count + 1] for count in range(len(ids))])
    shared = [
        next((n for n, (a, b) in enumerate(zip(text, prefix, strict=False)) if a != b), len(prefix))
        for prefix in prefixes
    ]
    return list(itertools.pairwise([0, *itertools.accumulate(shared, max)]))


@pytest.mark.parametrize("name", [*(name for name in NAMES if "pieces" not in name), "word pieces"])
@many
@given(data=st.data())
def test_tokens_have_what_they_add_to_a_target(
    name: str, folder: pathlib.Path, data: st.DataObject
) -> None:
    tokenizer = of_kind(name, folder)
    ids = data.draw(rows_of(tokenizer).filter(len))
    ((_, found),) = tokenizer.decode_with_spans([ids])
    assert found == by_prefixes(tokenizer, ids)


@pytest.mark.parametrize(
    "settings", [BYTES, BYTES | ALL_SPACES, {"treat_whitespace_as_suffix": True}]
)
def test_targets_are_shared_out_as_sentencepiece_does(
    settings: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    model = pieces(tmp_path, **settings)
    ids = model.numbered()
    cutter = PieceCutter(model, model, ids, ids, unknown=0, special=frozenset({"<unk>", "</s>"}))

    @many
    @given(rows_of(FramedTokenizer(cutter, end=ids["</s>"])))
    def check(row: list[int]) -> None:
        known = [id for id in row if 1 < id < len(ids)]
        whole = model.processor.decode(known, return_type="offset_mapping")
        ((text, found),) = cutter.join_with_spans([known])
        assume("\N{REPLACEMENT CHARACTER}" not in text)  # whose parts look like the whole
        begin = len(whole["text"]) - len(whole["text"].lstrip())
        assert shown(text, found) == [
            text[max(first - begin, 0) : max(last - begin, 0)] for first, last in whole["offsets"]
        ]

    check()


# --- what a span is ----------------------------------------------------------------------------


def shown(text: str, found: Sequence[Span]) -> list[str]:
    return [text[begin:end] for begin, end in found]


def encoded(tokenizer: Tokenizer, text: str, **languages: str) -> list[str]:
    """The characters of each token."""
    ((_, found),) = tokenizer.encode_with_spans([text], **languages)
    return shown(text, found)


def test_spaces_belong_to_the_token_behind_them(folder: pathlib.Path) -> None:
    shipped = of_kind("shipped", folder)
    assert encoded(shipped, "  You\u00a0  are. \n") == ["  You", "\u00a0  are", ". \n", ""]
    assert encoded(of_kind("byt5", folder), " a ") == [" ", "a", " ", ""]


def test_character_belongs_to_its_last_token(folder: pathlib.Path) -> None:
    assert encoded(of_kind("shipped", folder), "a\u2026 ") == ["a", "", "", "\u2026 ", ""]
    assert encoded(of_kind("byt5", folder), "\u00e9a") == ["", "\u00e9", "a", ""]
    for name, behind in (("bart-json", 1), ("byte fallback", 0), ("bytes among pieces", 0)):
        found = [part for part in encoded(of_kind(name, folder), "\N{GRINNING FACE} dog") if part]
        assert found[0] == "\N{GRINNING FACE}"
        assert encoded(of_kind(name, folder), "\N{GRINNING FACE}").count("") >= 3 + behind


def test_unknown_token_has_its_characters(folder: pathlib.Path) -> None:
    found = encoded(of_kind("t5-pieces", folder), "cat \N{SNOWMAN}\N{SNOWMAN} cat")
    assert found == ["cat", " ", "\N{SNOWMAN}\N{SNOWMAN}", " cat", ""]


def test_languages_and_ends_have_empty_spans(folder: pathlib.Path) -> None:
    nllb = of_kind("nllb-json", folder)
    ((ids, found),) = nllb.encode_with_spans(["the cat"], source="eng_Latn", target="fra_Latn")
    assert ids[0] == nllb.languages.sources["eng_Latn"][0]
    assert (found[0], found[-1]) == ((0, 0), (7, 7))
    madlad = of_kind("madlad-json", folder)
    ((ids, found),) = madlad.encode_with_spans(["the cat"], target="en")
    before = len(madlad.languages.targets["en"])
    assert tuple(ids[:before]) == madlad.languages.targets["en"]
    assert found[:before] == [(0, 0)] * before


def test_text_without_tokens_belongs_to_the_last_id(folder: pathlib.Path) -> None:
    shipped = of_kind("shipped", folder)
    assert shipped.encode_with_spans(["", " \u200b "]) == [([0], [(0, 0)]), ([0], [(0, 3)])]
    mbart = of_kind("mbart-pieces", folder)  # whose language is behind the end
    ((ids, found),) = mbart.encode_with_spans(["  "])
    assert (len(ids), found) == (2, [(0, 0), (0, 2)])
    assert shipped.encode_with_spans([]) == []


def test_text_without_tokens_may_have_no_ids() -> None:
    class Nothing:
        """What keeps nothing of any text."""

        source_vocab = target_vocab = 1
        blank_ids: frozenset[int] = frozenset()

        def cut_with_spans(self, texts: Sequence[str]) -> Any:
            return [Encoded([], []) for _ in texts]

    nobody = FramedTokenizer(Nothing(), end=0, after=())
    assert nobody.encode_with_spans([" "]) == [([], [])]


def test_ids_without_text_have_empty_spans_in_targets(folder: pathlib.Path) -> None:
    shipped = of_kind("shipped", folder)
    ((name, _),) = shipped.encode_with_spans(["name"])
    row = [0, *name, 0, shipped.target_vocab, *name, 0]
    ((text, found),) = shipped.decode_with_spans([row])
    assert (text, shown(text, found)) == ("name name", ["", "name", "", "", "", " name", "", ""])


def test_text_of_targets_is_followed_through_denormalization(folder: pathlib.Path) -> None:
    tokenizer = of_kind("denormalization", folder)
    ids = tokenizer.encode_bodies(["the cat sat"])
    ((text, found),) = tokenizer.decode_with_spans(ids)
    assert text == "the cAAAt sAAAt"
    own = [part.strip() for part in tokenizer.decode([[id] for id in ids[0]])]
    assert surfaces(text, found) == own


def test_outer_spaces_of_targets_are_no_text(folder: pathlib.Path) -> None:
    for name in ("all spaces", "all spaces and bytes"):
        tokenizer = of_kind(name, folder)
        for odd in ("", "\N{SNOWMAN}"):
            (ids,) = tokenizer.encode_bodies([f"   dog  cat{odd}  "])
            ((text, found),) = tokenizer.decode_with_spans([ids])
            assert text == f"dog  cat{odd if 'bytes' in name else ''}"
            pairs = zip(surfaces(text, found), alone(tokenizer, ids), strict=True)
            assert all(part == own for part, own in pairs if own.isascii())


def test_spaces_that_are_cleaned_belong_to_nobody(folder: pathlib.Path) -> None:
    tokenizer = of_kind("bare words", folder)
    ids = tokenizer.encode_bodies(["dogs run, people."])
    ((text, found),) = tokenizer.decode_with_spans(ids)
    assert text == "dogs run, people."
    assert shown(text, found) == ["", "dogs", " run", ",", " people", ".", ""]


def test_words_behind_invalid_bytes_have_their_spans(folder: pathlib.Path) -> None:
    tokenizer = of_kind("byte fallback", folder)
    (ids,) = tokenizer.encode_bodies([WORDS])
    byte = 3  # of the first, of which 0x00 is valid alone and not beside the others
    row = [*ids[:-1], byte + 0x80, byte, byte, byte + 0xFF, *ids[1:]]
    ((text, found),) = tokenizer.decode_with_spans([row])
    assert text == f"{WORDS}{4 * chr(0xFFFD)}{WORDS}"
    cut = len(ids) + 3
    # Those that come soon may be late.
    assert surfaces(text, found)[cut + 6 :] == alone(tokenizer, row)[cut + 6 :]


# --- how they are found ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "length", "expected"),
    [
        ([], 3, []),
        ([(0, 2), (2, 3)], 3, [(0, 2), (2, 3)]),
        ([(1, 2), (4, 5)], 7, [(0, 2), (2, 7)]),  # what is between, before and behind
        ([(0, 1), (0, 1), (0, 1)], 1, [(0, 0), (0, 0), (0, 1)]),  # one character
        ([(0, 2), (1, 2)], 2, [(0, 1), (1, 2)]),  # one and a half, and a half
        ([(0, 1), (0, 0), (1, 2)], 2, [(0, 1), (1, 1), (1, 2)]),  # without a place
        ([(0, 2), (3, 3)], 4, [(0, 4), (4, 4)]),  # nothing at the end
        ([(0, 0), (0, 0)], 2, [(0, 0), (0, 2)]),  # nothing at all
        ([(2, 4), (0, 1), (5, 9)], 6, [(0, 0), (0, 1), (1, 6)]),  # in no order, and too long
    ],
)
def test_partition(found: list[Span], length: int, expected: list[Span]) -> None:
    assert spans.partition(found, length) == expected


ANY_SPANS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=6)


@many
@given(found=ANY_SPANS, length=st.integers(0, 9))
def test_partition_of_any_spans_is_one(found: list[Span], length: int) -> None:
    assert is_partition(spans.partition(found, length), "x" * length, list(range(len(found))))


@many
@given(tokens=st.lists(st.text("ab", max_size=2), max_size=9), text=st.text("ab", max_size=9))
def test_whatever_decodes_gives_a_partition(tokens: list[str], text: str) -> None:
    def backwards(tokens: list[str]) -> str:
        return "".join(reversed(tokens))

    for decode in ("".join, backwards):
        for whole in (decode(tokens), text):
            assert is_partition(spans.aligned(decode, tokens, whole), whole, tokens)


def test_spans_of_long_targets_take_linear_time(folder: pathlib.Path) -> None:
    tokenizer = of_kind("bart-json", folder)
    decoded = 0

    def decode(ids: list[int]) -> str:
        nonlocal decoded
        decoded += len(ids)
        return tokenizer.decode([ids])[0]

    (ids,) = tokenizer.encode_bodies([" ".join(lines(60))])
    text = decode(ids[1:-1])
    assert shown(text, spans.aligned(decode, ids[1:-1], text)) == shown(
        text, by_prefixes(tokenizer, ids[1:-1])
    )
    assert len(ids) > 1000
    assert decoded < 10 * len(ids)


def test_letters_are_a_tokenizer_like_the_others() -> None:
    letters = Letters()
    for text in ("", " ", "a", "  a b ", "ab\n"):
        ((ids, found),) = letters.encode_with_spans([text])
        assert [ids] == letters.encode_bodies([text])
        assert is_partition(found, text, ids)
    ((text, found),) = letters.decode_with_spans([[97, 98]])
    assert (text, found) == ("ab", [(0, 1), (1, 2)])


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["encode", "encode_bodies", "encode_with_spans"])
def test_error_names_its_operation_and_text(operation: str, folder: pathlib.Path) -> None:
    encode = getattr(of_kind("t5-json", folder), operation)
    with pytest.raises(TypeError, match=rf"^{operation}: texts\[1\] is bytes, expected str"):
        encode(["a", b"a"])
    with pytest.raises(TypeError, match=rf"^{operation}: texts is str, expected a list of str"):
        encode("a")
    with pytest.raises(ValueError, match=rf"^{operation}: texts\[2\] has a lone surrogate"):
        encode(["a", "b", "\ud800"])


@pytest.mark.parametrize("operation", ["decode", "decode_with_spans"])
def test_error_names_its_operation_and_ids(operation: str, folder: pathlib.Path) -> None:
    decode = getattr(of_kind("t5-json", folder), operation)
    with pytest.raises(TypeError, match=rf"^{operation}: ids\[1\] is 'a', expected a list"):
        decode([[3], "a"])
    with pytest.raises(ValueError, match=rf"^{operation}: ids\[1\] has a negative id"):
        decode([[3], [-1]])
