"""Texts of more tokens than a model takes: cut in pieces, truncated or refused, as asked."""

from __future__ import annotations

import itertools
import re
import warnings
from typing import Any

import pytest

from pyattn.text.tokenizers.contract import Encoded, truncated
from pyattn.text_settings import TextSettings
from pyattn.translator import Translator
from support.echo import END, POSITIONS, Echo, Letters

# A model that takes POSITIONS tokens sees all letters but the last: the end is a token, too.
ROOM = POSITIONS - 1
LONG = "".join(itertools.islice(itertools.cycle("abcdefg "), 3 * POSITIONS - 1))
SEEN = LONG[:ROOM].rstrip()


class Echoing(Echo):
    """Of a family; keeps the ids that it gets."""

    def __init__(self, family: str) -> None:
        super().__init__()
        self.config.family = family
        self.ids: list[list[int]] = []

    def submit(self, sources: Any, options: Any = None, *, shortlist: Any = None) -> Any:
        self.ids += map(list, sources)
        return super().submit(sources, options, shortlist=shortlist)


def made(family: str = "bart", **settings: Any) -> Translator:
    return Translator(Echoing(family), Letters(), settings=TextSettings(**settings))


def ids(translator: Translator) -> list[list[int]]:
    return translator.model.ids  # type: ignore[attr-defined]


def test_model_of_whole_texts_sees_as_much_as_fits_and_the_rest_is_warned_of() -> None:
    translator = made()
    with pytest.warns(UserWarning, match=r"^1 of 2 texts have more than 128 tokens .*texts\[1\]$"):
        short, long = translator.translate(["short", LONG])
    assert (short, long) == ("short", SEEN)
    assert ids(translator) == [[*map(ord, "short"), END], [*map(ord, LONG[:ROOM]), END]]


def test_warning_names_the_callers_line() -> None:
    for call in (made().translate, made().results, made().submit):
        with pytest.warns(UserWarning, match="were cut") as caught:
            call([LONG])
        assert caught[0].filename == __file__


def test_result_knows_what_was_left_out() -> None:
    with pytest.warns(UserWarning, match="were cut"):
        [[short], [long]] = made().results(["short", f" {LONG}"], alignment=True)
    assert (short.warnings, long.warnings) == ((), ("truncated",))
    space, seen, rest = long.pieces
    assert (space.source, space.copied) == ((0, 1), True)
    assert (seen.source, seen.copied) == ((1, 1 + len(SEEN)), False)
    assert rest.source == (1 + len(SEEN), 1 + len(LONG))
    assert (rest.target, rest.copied) == ((len(long.text), len(long.text)), True)
    assert long.alignment is not None
    assert long.source_spans is not None
    assert long.alignment.shape[1] == len(long.source_spans) == POSITIONS
    assert long.source_spans[-1] == (1 + ROOM, 1 + ROOM)


def test_text_that_just_fits_is_whole() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert made().translate(LONG[:ROOM].ljust(ROOM, "x")) == LONG[:ROOM].ljust(ROOM, "x")


def test_text_may_be_refused() -> None:
    translator = made()
    wanted = "texts[1] has 384 tokens, expected at most 128, or truncate=True"
    with pytest.raises(ValueError, match=f"^{re.escape(wanted)}$"):
        translator.translate(["short", LONG], truncate=False)
    assert ids(translator) == []
    text = f"One is short. {LONG.capitalize()}"
    with pytest.raises(ValueError, match=r"^texts\[0\] has 384 tokens in a sentence, expected"):
        made("marian", whole_tokens=0).translate(text, truncate=False)


def test_pieces_may_be_asked_of_a_model_of_whole_texts() -> None:
    translator = made()
    assert translator.translate(LONG, truncate="pieces", reuse=False) == LONG
    assert len(ids(translator)) > 2


@pytest.mark.parametrize("split", ["auto", "sentences", "never"])
def test_model_that_translates_cuts_pieces_unless_asked(split: Any) -> None:
    assert made("marian").translate(LONG, split=split) == LONG
    with pytest.warns(UserWarning, match="were cut"):
        assert made("marian").translate(LONG, split=split, truncate=True) == SEEN


def test_sentences_are_truncated_one_by_one() -> None:
    text = f"Short one. {LONG.capitalize()}. Last one."
    translator = made("marian", whole_tokens=0)
    with pytest.warns(UserWarning, match="were cut"):
        [[one]] = translator.results([text], truncate=True)
    assert one.text == f"Short one. {SEEN.capitalize()} Last one."
    assert one.warnings == ("truncated",)


def test_protected_parts_are_kept_up_to_where_the_text_is_read() -> None:
    text = f"see {{name}} {LONG[:110]} {{other}} {LONG}"
    with pytest.warns(UserWarning, match="were cut"):
        [[one]] = made().results([text], truncate=True, protect=[r"\{\w+\}"])
    assert "truncated" in one.warnings
    assert one.text.count("{name}") == 1
    assert text.startswith(one.text)
    assert len(one.text) <= ROOM


def test_summary_is_no_faulty_translation() -> None:
    class Summary(Echoing):
        @staticmethod
        def _hypothesis(source: Any, times: int, options: Any) -> Any:  # noqa: ARG004
            return Echo._hypothesis([*map(ord, "So."), END], min(times, 1), options)

    text = "There were 12 apples (red) in 1977, and nobody had eaten any of them before the winter."
    for family, warned in (("bart", ()), ("marian", ("brackets", "length", "numbers"))):
        model = Summary(family)
        [[one]] = Translator(model, Letters(), settings=TextSettings()).results([text])
        assert (one.text, one.warnings) == ("So.", warned)
        assert len(model.ids) == (1 if family == "bart" else 3)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("cut", ValueError, 'truncate is \'cut\', expected True, False, "auto" or "pieces"'),
        (1, TypeError, 'truncate is int, expected True, False, "auto" or "pieces"'),
        (None, TypeError, 'truncate is NoneType, expected True, False, "auto" or "pieces"'),
    ],
)
def test_what_is_no_choice_is_refused(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        made().translate("a", truncate=value)


def test_truncated_ids_keep_what_stands_around_the_text() -> None:
    framed = Encoded([9, 1, 2, 3, 7, 8], [(0, 0), (0, 2), (2, 2), (2, 5), (5, 5), (5, 5)])
    assert truncated(framed, 6) == framed
    assert truncated(framed, 5) == ([9, 1, 2, 7, 8], [(0, 0), (0, 2), (2, 2), (2, 2), (2, 2)])
    assert truncated(framed, 3) == ([9, 7, 8], [(0, 0)] * 3)
    assert truncated(framed, 1) == ([7, 8], [(0, 0)] * 2)
