import contextlib
import itertools
import re
import sys
import time
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from pyattn.errors import ModelError
from pyattn.loading import load
from pyattn.options import GenerationOptions
from pyattn.text.tokenizers import Languages
from pyattn.text_settings import TextSettings
from pyattn.translator import Translator
from support.echo import POSITIONS, Echo, Letters


@pytest.fixture
def translator() -> Translator:
    return Translator(Echo(), Letters())


def calls(translator: Translator) -> list[list[str]]:
    return translator.model.calls  # type: ignore[attr-defined]


def test_str_gives_str_and_list_gives_list(translator: Translator) -> None:
    assert translator.translate("hello") == "hello"
    assert translator.translate(["hello"]) == ["hello"]
    assert translator.translate([]) == []


def test_translations_come_in_the_callers_order(translator: Translator) -> None:
    texts = ["long " * 9, "", "b", "a", "b", " ", "long " * 50]
    assert translator.translate(texts) == texts


def _keys(texts: list[str]) -> Any:
    return dict.fromkeys(texts).keys()


@pytest.mark.parametrize("kind", [tuple, iter, np.array, _keys])
def test_any_iterable_of_texts_is_translated(translator: Translator, kind: Any) -> None:
    assert translator.translate(kind(["one", "two"])) == ["one", "two"]


def test_numpy_str_is_a_str(translator: Translator) -> None:
    assert translator.translate(np.str_("one")) == "one"


@pytest.mark.parametrize("blank", ["", " ", "\n", "\t \r\n", "\u00a0\u3000", "\u2028"])
def test_blank_text_is_its_own_translation(translator: Translator, blank: str) -> None:
    assert translator.translate(blank) == blank
    ((translation,),) = translator.results([blank], beam_size=3, num_hypotheses=3)
    assert (translation.text, translation.tokens, translation.score) == (blank, [], 0)
    assert translation.token_scores.shape == (0,)
    assert translation.finish_reason == "eos"
    assert not any(calls(translator))


def test_line_breaks_come_back_as_they_were(translator: Translator) -> None:
    text = "  one\ntwo\r\n\r\nthree\x85four\u2028five\n"
    assert translator.translate(text) == text
    assert calls(translator) == [["one", "two", "three", "four", "five"]]


def test_text_that_is_never_split_is_one_line(translator: Translator) -> None:
    assert translator.translate(" one.\r\ntwo.\n", split="never") == " one. two.\n"
    assert calls(translator) == [["one. two."]]


def test_text_longer_than_the_model_is_translated_in_pieces(translator: Translator) -> None:
    text = " ".join(f"Sentence number {n} has a few words." for n in range(1000))
    assert translator.translate(text) == text
    assert calls(translator) == [[f"Sentence number {n} has a few words." for n in range(1000)]]


def test_ten_thousand_words_without_a_stop_are_all_translated(translator: Translator) -> None:
    text = " ".join(f"word{n}" for n in range(10_000))
    assert translator.translate(text) == text
    assert all(len(piece) < POSITIONS for piece in calls(translator)[0])


def test_pieces_of_several_texts_are_told_apart(translator: Translator) -> None:
    texts = ["a. B. " * 30, "short", "c. D. " * 30]
    assert translator.translate(texts) == texts
    assert len(calls(translator)) == 1


def test_results_have_texts_best_first(translator: Translator) -> None:
    (ranked,) = translator.results(["ab"], beam_size=3, num_hypotheses=3)
    assert [one.text for one in ranked] == ["ab", "abab", "ababab"]
    assert [one.score for one in ranked] == [-3, -6, -9]
    assert ranked[0].tokens == [ord("a"), ord("b")]


def test_results_of_pieces_are_joined(translator: Translator) -> None:
    first, second = "a" * 40 + ".", "B" * 50 + "."
    (ranked,) = translator.results([f"{first} {second}"], beam_size=2, num_hypotheses=2)
    assert [one.text for one in ranked] == [f"{first} {second}", f"{first * 2} {second * 2}"]
    assert ranked[0].tokens == [*map(ord, first + second)]
    assert ranked[0].score == -(42 + 52) / 2
    assert ranked[0].token_scores.shape == (42 + 52,)
    assert ranked[0].finish_reason == "eos"


def test_alignments_of_pieces_are_side_by_side(translator: Translator) -> None:
    text = "a" * 40 + ". " + "B" * 50 + "."
    ((one,),) = translator.results([text], alignment=True)
    np.testing.assert_array_equal(one.alignment, np.eye(42 + 52, dtype=np.float32))
    ((other,),) = translator.results([text])
    assert other.alignment is None


def test_one_unfinished_piece_makes_the_text_unfinished(translator: Translator) -> None:
    ((one,),) = translator.results(["a" * 40 + ". B."], max_new_tokens=10)
    assert one.finish_reason == "length"
    assert one.text == "a" * 10 + " B."


def test_keywords_override_options(translator: Translator) -> None:
    translator.translate("a", GenerationOptions(beam_size=4, max_new_tokens=9), beam_size=2)
    assert translator.model.settings == {  # type: ignore[attr-defined]
        "options": GenerationOptions(beam_size=2, max_new_tokens=9, scores=False),
    }


def test_checkpoint_options_are_the_default(translator: Translator) -> None:
    translator.model.generation = GenerationOptions(beam_size=6)
    translator.translate("a", length_penalty=0.5)
    assert translator.model.settings == {  # type: ignore[attr-defined]
        "options": GenerationOptions(beam_size=6, length_penalty=0.5, scores=False),
    }


class Doubles:
    """A shortlist of a source's ids and of twice these."""

    def candidates(self, source: Sequence[int]) -> Any:
        return np.unique([*source, *(2 * token for token in source)])


def test_shortlist_is_of_each_piece_and_has_the_ends_that_are_asked_for() -> None:
    translator = Translator(Echo(), Letters(), shortlist=Doubles())
    translator.translate(["ab", "", "b"])
    shortlist = translator.model.shortlist  # type: ignore[attr-defined]
    assert [ids.tolist() for ids in shortlist] == [[0, 97, 98, 194, 196], [0, 98, 196]]
    translator.translate("b", end_tokens=(7, 0))
    [ids] = translator.model.shortlist  # type: ignore[attr-defined]
    assert ids.tolist() == [0, 7, 98, 196]


def test_without_a_shortlist_all_ids_may_come(translator: Translator) -> None:
    translator.translate("a")
    assert translator.model.shortlist is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["translate", "results", "stream"])
@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        (b"bytes", TypeError, "texts is bytes, expected (a str or )?an iterable of str"),
        (None, TypeError, "texts is NoneType, expected (a str or )?an iterable of str"),
        (7, TypeError, "texts is int, expected (a str or )?an iterable of str"),
        (["a", b"b"], TypeError, r"texts\[1\] is bytes, expected str"),
        (["a", "b", None], TypeError, r"texts\[2\] is NoneType, expected str"),
        ([["a"]], TypeError, r"texts\[0\] is list, expected str"),
        (["a", "b\ud800"], ValueError, r"texts\[1\] has a lone surrogate at character 1"),
    ],
)
def test_what_is_not_text_is_refused_by_its_place(
    translator: Translator, method: str, texts: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{method}: {message}"):
        list(getattr(translator, method)(texts))
    if method != "stream":
        assert not any(calls(translator))


@pytest.mark.parametrize(("method", "expected"), [("translate", "a str or an"), ("results", "an")])
def test_error_names_what_a_method_accepts(
    translator: Translator, method: str, expected: str
) -> None:
    with pytest.raises(TypeError, match=f"^{method}: texts is int, expected {expected} iterable"):
        getattr(translator, method)(7)


def test_lone_surrogate_of_a_single_text_is_refused(translator: Translator) -> None:
    with pytest.raises(ValueError, match=r"^translate: texts has a lone surrogate at character 3"):
        translator.translate("abc\udcff")


@pytest.mark.parametrize("method", ["results", "stream"])
def test_single_str_is_no_list_of_texts(translator: Translator, method: str) -> None:
    with pytest.raises(TypeError, match=f"^{method}: texts is str"):
        getattr(translator, method)("one text")


@pytest.mark.parametrize("method", ["translate", "results", "stream"])
def test_bad_options_fail_before_the_texts_are_read(translator: Translator, method: str) -> None:
    texts = iter(["a"])
    with pytest.raises(TypeError, match="unknown option 'beams'"):
        getattr(translator, method)(texts, beams=4)
    with pytest.raises(ValueError, match="beam_size"):
        getattr(translator, method)(texts, beam_size=0)
    assert next(texts) == "a"


def test_stream_translates_an_endless_iterable(translator: Translator) -> None:
    numbers = map(str, itertools.count())
    assert list(itertools.islice(translator.stream(numbers), 5000)) == [*map(str, range(5000))]


def test_stream_reads_no_more_than_a_window_ahead(translator: Translator) -> None:
    read = 0

    def count(text: str) -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield text

    short = translator.stream(count("a"))
    assert read == 0
    list(itertools.islice(short, 3_000))
    assert 3_000 <= read <= 3_000 + 1024
    read = 0
    list(itertools.islice(translator.stream(count("long text " * 10_000)), 5))
    assert 5 <= read <= 9


@pytest.mark.parametrize("bad", [b"bytes", "\ud800"])
def test_stream_yields_what_precedes_a_bad_text(translator: Translator, bad: Any) -> None:
    stream = translator.stream(["a", "b", bad, "c"])
    assert [next(stream), next(stream)] == ["a", "b"]
    with pytest.raises((TypeError, ValueError), match=r"texts\[2\]"):
        next(stream)


def test_stream_yields_what_precedes_an_error_of_the_iterable(translator: Translator) -> None:
    def broken() -> Iterator[str]:
        yield "a"
        raise OSError("disk on fire")

    stream = translator.stream(broken())
    assert next(stream) == "a"
    with pytest.raises(OSError, match="disk on fire"):
        next(stream)


def test_stream_of_nothing_is_empty(translator: Translator) -> None:
    assert list(translator.stream([])) == []
    assert not any(calls(translator))


def test_model_without_tokenizer_says_so() -> None:
    translator = Translator(Echo(), None)
    with pytest.raises(ModelError, match="no tokenizer"):
        translator.translate("a")
    with pytest.raises(ModelError, match="no tokenizer"):
        _ = translator.tokenizer


def test_leaving_the_block_closes_the_model(translator: Translator) -> None:
    with contextlib.suppress(KeyError), translator as same:
        assert same is translator
        raise KeyError
    assert translator.model.closed  # type: ignore[attr-defined]


def test_progress_without_tqdm_is_a_clear_error(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match="needs the package tqdm"):
        translator.translate(["a"], progress=True)


def test_progress_counts_up_to_the_number_of_texts(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bar:
        made: list["Bar"] = []  # noqa: RUF012

        def __init__(self, *, total: int, unit: str) -> None:
            self.total, self.unit, self.n = total, unit, 0
            self.seen: list[int] = []
            Bar.made.append(self)

        def update(self, more: int) -> None:
            self.n += more
            self.seen.append(self.n)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    assert translator.translate(["a", "", "b"], progress=True) == ["a", "", "b"]
    (bar,) = Bar.made
    assert (bar.total, bar.unit, bar.seen) == (2, "sentence", [1, 2])


PARAGRAPH = "First one. Second one! 2. Third one?\n\n  a) Fourth.  Fifth."


@pytest.mark.parametrize(
    ("split", "parts"),
    [
        ("auto", ["First one. Second one! 2. Third one?", "a) Fourth.  Fifth."]),
        ("sentences", ["First one.", "Second one!", "Third one?", "Fourth.", "Fifth."]),
        ("never", ["First one. Second one! 2. Third one?   a) Fourth.  Fifth."]),
        (lambda text: text.split("\n\n"), None),
    ],
)
def test_split_says_how_a_text_is_cut(
    translator: Translator, split: Any, parts: list[str] | None
) -> None:
    translated = translator.translate(PARAGRAPH, split=split)
    assert translated == PARAGRAPH if split != "never" else parts[0]  # type: ignore[index]
    if parts is None:
        parts = ["First one. Second one! 2. Third one?", "a) Fourth.  Fifth."]
    assert calls(translator) == [parts]


def test_model_of_single_sentences_gets_single_sentences() -> None:
    translator = Translator(Echo(), Letters(), settings=TextSettings(whole_tokens=0))
    assert translator.translate("I said hi. You said bye.") == "I said hi. You said bye."
    assert calls(translator) == [["I said hi.", "You said bye."]]


def test_model_of_whole_texts_gets_whole_texts() -> None:
    translator = Translator(Echo(), Letters(), settings=TextSettings())
    assert translator.translate("I said hi.\nYou said bye.") == "I said hi. You said bye."
    assert calls(translator) == [["I said hi. You said bye."]]


@pytest.mark.parametrize(
    ("split", "error", "message"),
    [
        ("sentence", ValueError, 'split is \'sentence\', expected "auto", "sentences", "never"'),
        (7, TypeError, "split is int, expected a str or a function"),
        (lambda text: text, TypeError, "split returned str, expected a list of str"),
        (lambda text: [text, None], TypeError, "split returned a list with NoneType"),
        (lambda _: ["Hi."], ValueError, "split returned 'Hi.', expected the sentences of the text"),
        (lambda _: ["Two."], ValueError, "split returned 'Two.', expected the sentences"),
        (lambda _: ["One."], ValueError, "split did not return 'Two.'"),
    ],
)
def test_split_that_is_none_is_refused(
    translator: Translator, split: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        translator.translate("One. Two.", split=split)
    assert not any(calls(translator))


@pytest.mark.parametrize("text", ["42", "1977", "...", "?", "\U0001f600", "- !", "3.14 %", "2."])
def test_text_without_a_letter_is_copied(translator: Translator, text: str) -> None:
    assert translator.translate(text) == text
    assert not any(calls(translator))
    translator.translate(text, normalize="never", split="never")
    assert calls(translator)[-1] == [text]


def test_text_of_which_the_model_knows_nothing_is_copied(translator: Translator) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Letters, "blank_ids", frozenset(map(ord, "xyz")))
        assert translator.translate(["xyz", "xa"]) == ["xyz", "xa"]
    assert calls(translator) == [["xa"]]


def test_steps_of_normalization_may_be_named(translator: Translator) -> None:
    assert translator.translate("HELP ME, it\u2019s 5", normalize=["quotes"]) == "HELP ME, it's 5"
    assert translator.translate("HELP ME", normalize=["capitals"]) == "HELP ME"
    assert calls(translator)[-1] == ["Help me"]
    for wrong in ("always", ["capital"]):
        with pytest.raises(ValueError, match=r"^normalize .*, expected \"auto\", \"never\""):
            translator.translate("a", normalize=wrong)
    with pytest.raises(TypeError, match=r"^normalize is bool, expected"):
        translator.translate("a", normalize=True)


def test_prefix_begins_the_first_part_alone(translator: Translator) -> None:
    translator.translate("One a. Two b.", target_prefix=(5,), split="sentences")
    first, second = translator.model.settings["options"]  # type: ignore[attr-defined]
    assert (first.target_prefix, second.target_prefix) == ((5,), ())


SPANNED = [
    "one",
    " One a. 2. Two b.\n\nThree\u00ad c.  ",
    "STOP NOW. Go on, it\u2019s fine.",
    "stra\u00dfe. STRASSE \u0130\u00df\ufb01.",
    "42",
    "",
]


@pytest.mark.parametrize("text", SPANNED)
@pytest.mark.parametrize("steps", ["never", ["invisible", "quotes", "capitals", "copies"]])
def test_pieces_and_spans_cover_both_texts(translator: Translator, text: str, steps: Any) -> None:
    ((one,),) = translator.results([text], split="sentences", normalize=steps, alignment=True)
    for side, whole in (("source", text), ("target", one.text)):
        spans = [getattr(piece, side) for piece in one.pieces]
        assert [begin for begin, _ in spans] == [0, *(end for _, end in spans[:-1])][: len(spans)]
        assert (spans[-1][1] if spans else 0) == len(whole)
    for piece in one.pieces:
        if piece.copied:
            assert text[slice(*piece.source)] == one.text[slice(*piece.target)]
    assert one.source_spans is not None
    assert one.target_spans is not None
    if one.alignment is not None:
        assert (len(one.target_spans), len(one.source_spans)) == one.alignment.shape
    for given, side, whole in (
        (one.source_spans, "source", text),
        (one.target_spans, "target", one.text),
    ):
        translated = [getattr(piece, side) for piece in one.pieces if not piece.copied]
        assert "".join(whole[slice(*span)] for span in given) == "".join(
            whole[slice(*span)] for span in translated
        )


def test_rows_of_an_alignment_have_spans_in_their_own_sentence() -> None:
    text = "I am hungry. Where is the kitchen? Sit down."
    with load(threads=1) as shipped:
        ((one,),) = shipped.results([text], alignment=True)
    assert one.alignment is not None
    assert one.source_spans is not None
    assert one.target_spans is not None
    sentences = [(piece.source, piece.target) for piece in one.pieces if not piece.copied]
    assert len(sentences) == 3
    for span, weights in zip(one.target_spans, one.alignment, strict=True):
        source = one.source_spans[int(weights.argmax())]
        [looked_at] = [where for where, _ in sentences if where[0] <= source[0] <= where[1]]
        target = dict(sentences)[looked_at]
        assert target[0] <= span[0] <= span[1] <= target[1]


def test_numbers_that_are_not_those_of_the_text_are_warned_of(translator: Translator) -> None:
    ((same,), (other,)) = translator.results(["a 123", "b 12345"], max_new_tokens=5)
    assert (same.text, same.warnings) == ("a 123", ())
    assert (other.text, other.warnings) == ("b 123", ("numbers",))


def test_sentences_of_scripts_without_spaces_are_parted_in_others() -> None:
    class Translated(Letters):
        def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
            return ["Hi." for _ in ids]

    translator = Translator(Echo(), Translated())
    assert (
        translator.translate("\u4f60\u597d\u3002\u4f60\u597d\u3002", split="sentences") == "Hi. Hi."
    )


def test_submitted_texts_are_waited_for_later(translator: Translator) -> None:
    pending = translator.submit(["one", "two"])
    assert len(pending) == 2
    assert pending.texts() == ["one", "two"]
    assert [best.text for [best] in pending.results()] == ["one", "two"]


def test_slow_source_gets_each_translation_before_its_next_text(translator: Translator) -> None:
    heard: list[str] = []

    def talk() -> Iterator[str]:
        for text in ("one", "two", "three"):
            time.sleep(0.02)
            yield text
            assert heard[-1:] == [text]  # who asks again has had the answer

    for text in translator.stream(talk()):
        heard.append(text)
    assert heard == ["one", "two", "three"]


class Tagged(Letters):
    """A tokenizer of a model with several targets, asked for at the head of a text."""

    languages = Languages(
        targets={"fra": (1,), "por": (2,)},
        head=re.compile(r"\s*(>>([^\s<>]{1,40})<<)"),
        required=False,
    )

    def encode_bodies(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        return super().encode([f"{target}:{text}" for text in texts], source)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (">>fra<< Hello.", ["fra:Hello."]),
        (">>fra<< >>por<< Hello.", ["fra:>>por<< Hello."]),
        (">>fra<< One. >>por<< Two. >>xyz<< three.", ["fra:One.", "fra:>>por<< Two."]),
    ],
)
def test_head_is_read_once_and_what_follows_it_is_text(text: str, given: list[str]) -> None:
    translator = Translator(Echo(), Tagged())
    translator.translate(text, split="sentences")
    assert calls(translator)[0][: len(given)] == given


def test_head_of_an_unknown_language_is_refused_by_the_index_of_its_text() -> None:
    translator = Translator(Echo(), Tagged())
    with pytest.raises(ValueError, match=r"^texts\[2\] asks for >>xyz<<, which the model does"):
        translator.translate(["", "a", ">>xyz<< b"], target=None)
    with pytest.raises(ValueError, match=r"^texts\[1\] asks for por, but target is fra"):
        translator.translate(["a", ">>por<< b"], target="fra")
    assert not any(calls(translator))
