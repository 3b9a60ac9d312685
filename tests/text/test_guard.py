"""Faults of translations are seen, searched for again, and warned of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis
from pyattn.text.guard.checks import (
    Checks,
    bad_length,
    brackets_changed,
    checks_of,
    is_copy,
    repeats,
)
from pyattn.text.guard.stress import LINES
from pyattn.text.scripts import letters_of
from pyattn.text_settings import TextSettings
from pyattn.translator import Translator
from support.echo import Echo, Echoes, Letters

SOURCE = "This is a sentence with some words."
Answers = Callable[[str, GenerationOptions], list[str]]


class Scripted(Echo):
    """A model whose ranked answers depend on the sentence and the options."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self.answers = answers
        self.options: list[GenerationOptions] = []

    def submit(
        self,
        sources: Sequence[Sequence[int]],
        options: GenerationOptions | Sequence[GenerationOptions] | None = None,
        *,
        shortlist: Any = None,  # noqa: ARG002
    ) -> Echoes:
        chosen = options or self.generation
        each = [chosen] * len(sources) if isinstance(chosen, GenerationOptions) else chosen
        self.options.extend(each)
        return Echoes(
            [
                Hypothesis(
                    tokens=list(map(ord, text)),
                    score=-float(rank),
                    token_scores=np.zeros(len(text) + 1, np.float32),
                    finish_reason="eos",
                )
                for rank, text in enumerate(
                    self.answers("".join(map(chr, source[:-1])), one)[: one.num_hypotheses]
                )
            ]
            for source, one in zip(sources, each, strict=True)
        )


def scripted(answers: Answers) -> Translator:
    settings = TextSettings(source="en", target="es")
    return Translator(Scripted(answers), Letters(), settings=settings)


def options_of(translator: Translator) -> list[GenerationOptions]:
    return translator.model.options  # type: ignore[attr-defined]


RUNAWAY = "ay " * 60
GOOD = "Hay unas palabras en esto."


def test_good_translation_is_searched_for_once() -> None:
    translator = scripted(lambda *_: [GOOD])
    assert translator.results([SOURCE])[0][0].warnings == ()
    assert len(options_of(translator)) == 1


def test_second_hypothesis_of_a_wider_beam_replaces_a_faulty_one() -> None:
    translator = scripted(lambda _, one: [RUNAWAY, GOOD][: one.beam_size])
    [best] = translator.results([SOURCE])[0]
    assert best.text == GOOD
    assert best.warnings == ()
    assert [one.beam_size for one in options_of(translator)] == [1, 6]
    assert translator.translate(SOURCE) == GOOD


def test_ngrams_are_banned_next() -> None:
    translator = scripted(lambda _, one: [GOOD if one.no_repeat_ngram_size else RUNAWAY] * 6)
    assert translator.translate(SOURCE) == GOOD
    assert len(options_of(translator)) == 3


def test_what_remains_is_a_warning_and_the_first_answer() -> None:
    translator = scripted(lambda *_: [RUNAWAY] * 6)
    [best] = translator.results([SOURCE])[0]
    assert best.text == RUNAWAY.strip() or best.text == RUNAWAY
    assert best.warnings == ("length", "repetition")
    assert len(options_of(translator)) == 3


def test_less_faulty_answer_wins() -> None:
    translator = scripted(lambda _, one: ["ay ay ay ay ay" if one.beam_size > 1 else RUNAWAY] * 6)
    [best] = translator.results([SOURCE])[0]
    assert best.text == "ay ay ay ay ay"
    assert best.warnings == ("repetition",)


def test_capitals_are_lowered() -> None:
    def answers(sentence: str, _: GenerationOptions) -> list[str]:
        return [RUNAWAY if sentence.isupper() else GOOD] * 6

    translator = scripted(answers)
    translated = translator.translate(SOURCE.upper(), normalize="never")
    assert translated == GOOD.upper()
    assert len(options_of(translator)) == 2


def test_only_faulty_sentences_are_searched_for_again() -> None:
    def answers(sentence: str, one: GenerationOptions) -> list[str]:
        return [RUNAWAY if "Bad" in sentence and one.beam_size == 1 else GOOD] * 6

    translator = scripted(answers)
    texts = ["A good sentence.", "Bad it is.", "Good again."]
    assert translator.translate(texts) == [GOOD] * 3
    assert len(options_of(translator)) == 4


def test_guard_can_be_switched_off() -> None:
    translator = scripted(lambda *_: [RUNAWAY] * 6)
    [best] = translator.results([SOURCE], guard=False)[0]
    assert best.warnings == ()
    assert len(options_of(translator)) == 1
    with pytest.raises(TypeError, match="guard is str, expected True or False"):
        translator.translate(SOURCE, guard="yes")


@pytest.mark.parametrize(
    "options", [{"do_sample": True}, {"max_time": 9.0}, {"return_alternatives": True}]
)
def test_chance_alternatives_and_time_limits_are_left_alone(options: dict[str, Any]) -> None:
    translator = scripted(lambda *_: [RUNAWAY] * 6)
    [best] = translator.results([SOURCE], **options)[0]
    assert best.warnings == ("length", "repetition")
    assert len(options_of(translator)) == 1


def test_number_of_hypotheses_stays() -> None:
    translator = scripted(
        lambda _, one: [RUNAWAY, RUNAWAY, GOOD, GOOD, GOOD, GOOD][: one.beam_size]
    )
    ranked = translator.results([SOURCE], beam_size=2, num_hypotheses=2)[0]
    assert len(ranked) == 2
    assert ranked[0].text == GOOD


def test_polling_and_streams_go_through_all_rounds() -> None:
    translator = scripted(lambda _, one: [RUNAWAY, GOOD][: one.beam_size])
    pending = translator.submit([SOURCE])
    while not pending.done():
        pass
    assert pending.texts() == [GOOD]
    assert list(translator.stream([SOURCE] * 30)) == [GOOD] * 30


@pytest.mark.parametrize(
    ("source", "tokens", "wanted"),
    [
        ([1, 2, 3], [4, 5, 6, 7], False),
        ([1, 2, 3], [4, 4, 4, 4], True),
        ([1, 2, 3], [4, 4, 4, 5], False),
        ([1, 2, 3], [4, 5, 4, 5, 4, 5], True),
        ([1, 2, 3], [4, 5, 4, 5], False),
        ([1, 1, 1, 1, 2], [4, 4, 4, 4], False),
        ([1, 2, 1, 2, 1, 2], [4, 5, 4, 5, 4, 5], False),
        ([1], [*range(8)] * 3, True),
        ([1], [*range(9)] * 3, False),
        ([], [], False),
    ],
)
def test_repetition(source: list[int], tokens: list[int], wanted: bool) -> None:
    assert repeats(source, tokens) is wanted


@pytest.mark.parametrize(
    ("source", "output", "wanted"),
    [
        ("Hi", "Hola", False),
        ("Next", "A continuación", False),
        ("Hello", "a" * 40, True),
        ("a" * 100, "b" * 19, True),
        ("a" * 59, "b", False),
        ("a" * 100, "b" * 20, False),
        ("図書館はどこですか", "Where is the library, please?", False),
        ("Where is the library? I have to bring back the books.", "図書館はどこですか", False),
    ],
)
def test_length(source: str, output: str, wanted: bool) -> None:
    assert bad_length(source, output) is wanted


def test_copy() -> None:
    source = "These words have never been translated."
    assert is_copy(source, source)
    assert is_copy(source, "These words have jamás been traducidas.")
    assert not is_copy(source, "Estas palabras nunca se han traducido.")
    assert not is_copy(
        "Tom Jackson of Boston, Massachusetts", "Tom Jackson of Boston, Massachusetts"
    )
    assert not is_copy("hotel animal", "hotel animal")
    assert checks_of("en", "es").faults(source, source, [], []) == ("copy",)
    assert checks_of("eng_Latn", "en").faults(source, source, [], []) == ()
    assert Checks(None, "es").faults(source, source, [], []) == ()


@pytest.mark.parametrize(
    ("target", "output", "wanted"),
    [
        ("es", "Привет, мой друг", True),
        ("es", "¿Dónde está la estación?", False),
        ("rus_Cyrl", "Where is the station", True),
        ("rus_Cyrl", "Где находится вокзал?", False),
        ("ru", "Компания Microsoft", False),
        ("zh", "车站在哪里?", False),
        ("zh", "Where is it now", True),
        ("ja", "駅はどこですか", False),
        ("ko", "역이 어디예요?", False),
        ("uzn_Cyrl", "Вокзал қаерда", False),
        ("uzn_Latn", "Вокзал қаерда", True),
        ("xx", "Привет, мой друг", False),
        ("code", "Привет, мой друг", False),
        (None, "Привет, мой друг", False),
    ],
)
def test_script(target: str | None, output: str, wanted: bool) -> None:
    faults = Checks(None, target).faults("Some words of Microsoft to see.", output, [], [])
    assert ("script" in faults) is wanted


def test_names_of_the_source_are_in_no_wrong_script() -> None:
    assert Checks("en", "ru").faults("Tom Jackson Boston", "Tom Jackson Boston", [], []) == ()


def test_numbers_that_were_changed_count_and_words_for_them_do_not() -> None:
    checks = checks_of("en", "es")
    assert checks.faults("It was in 1977.", "Fue en 5777.", [], []) == ("numbers",)
    assert checks.faults("I have 12 books.", "Tengo doce libros.", [], []) == ()
    assert checks.faults("At 2:30 it ends.", "A las dos y media termina.", [], []) == ()


@pytest.mark.parametrize(
    ("source", "output", "wanted"),
    [
        ("He (Tom) left.", "Él (Tom) se fue.", False),
        ("He (Tom) left.", "Él, Tom, se fue.", True),
        ("He (Tom) left.", "Él (Tom se fue.", True),
        ("He (Tom) left.", "Él )Tom( se fue.", True),
        ("He (Tom) left.", "\u4ed6\uff08\u6c64\u59c6\uff09\u8d70\u4e86", False),
        ("He [Tom] left.", "Él (Tom) se fue.", False),
        ("I left :)", "Me fui", False),
        ("a) I left.", "a Me fui.", False),
        ('He said "no".', "Dijo «no».", False),
        ('He said "no".', 'Dijo "no.', True),
        ('He said "no".', "Dijo no.", True),
        ('He said "no".', "Dijo 'no'.", False),
        ('"No", he said.', "\u2014No \u2014dijo.", False),
        ('"No. He said.', "No. Dijo.", False),
        ("He left.", "Él (se fue.", False),
    ],
)
def test_brackets(source: str, output: str, wanted: bool) -> None:
    assert brackets_changed(source, output) is wanted
    assert ("brackets" in checks_of("en", "es").faults(source, output, [], [])) is wanted


def test_lost_brackets_are_warned_of_and_not_searched_for_again() -> None:
    translator = scripted(lambda *_: ["Hay palabras."])
    [best] = translator.results(["There are (some) words."])[0]
    assert best.text == "Hay palabras."
    assert best.warnings == ("brackets",)
    assert len(options_of(translator)) == 1


def test_nothing_is_wrong_with_signs() -> None:
    for source in ("42", "...", "-", ""):
        assert checks_of("en", "es").faults(source, "", [], []) == ()
    assert checks_of("en", "es").faults("word", "...", [], []) == ("empty",)


def test_letters_of_unknown_languages_are_unknown() -> None:
    assert letters_of(None) is None
    assert letters_of("code") is None
    assert letters_of("xx") is None


def test_odd_lines_never_run_away() -> None:
    assert len(LINES) >= 300
    with pyattn.load(threads=1) as translator:
        translations = translator.translate(LINES)
    for line, translation in zip(LINES, translations, strict=True):
        # Of a few letters there are long translations: "Next", "A continuación".
        assert len(translation) <= 3 * max(len(line), 5), line


def test_ordinary_sentences_are_left_alone() -> None:
    texts = [
        "I am hungry.",
        "Where is the kitchen?",
        "Tom has 12 apples, and Mary has 7.",
        "What happens at 2:30?",
        "No, no, no!",
    ]
    with pyattn.load(threads=1) as translator:
        found = translator.results(texts)
        assert [one[0].text for one in found] == translator.translate(texts, guard=False)
    assert all(one[0].warnings == () for one in found)
