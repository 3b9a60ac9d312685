"""Terms of a glossary are found in texts, and are in their translations exactly as often."""

from __future__ import annotations

import pickle
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyattn
from pyattn.pivot import Pivot
from pyattn.text.glossary.counting import counted
from pyattn.text.glossary.entries import Term
from pyattn.text.glossary.using import Looks, in_place, uses
from support.speaker import calls, speaking


def found(glossary: pyattn.Glossary, text: str) -> list[tuple[str, str]]:
    return [(text[term.begin : term.end], term.text) for term in glossary.terms(text)]


BANKS = {"bank": "banco", "central bank": "banco central", "Acme": None, "IT": "TI", "C++": "C++"}


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The bank.", [("bank", "banco")]),
        ("Bank, BANK", [("Bank", "Banco"), ("BANK", "BANCO")]),
        ("The Central Bank", [("Central Bank", "Banco central")]),
        ("a central  bank bank", [("central  bank", "banco central"), ("bank", "banco")]),
        ("central\nbank", [("bank", "banco")]),
        ("banks embankment bank_x", []),
        ("river-bank's", [("bank", "banco")]),
        ("Acme and ACME", [("Acme", "Acme"), ("ACME", "ACME")]),
        ("It is in IT, not in it", [("IT", "TI")]),
        ("C++ and C", [("C++", "C++")]),
        ("", []),
        ("bank" * 50_000, []),
    ],
)
def test_terms_are_found_between_borders_the_longest_first(
    text: str, terms: list[tuple[str, str]]
) -> None:
    assert found(pyattn.Glossary(BANKS), text) == terms


@pytest.mark.parametrize(
    ("term", "translation", "text", "expected"),
    [
        ("bank", "Bank", "bank", "Bank"),
        ("bank", "Bank", "BANK", "BANK"),
        ("Bank", "Banco", "bank", "banco"),
        ("iPhone", "iPhone", "iphone", "iPhone"),
        ("NATO", "OTAN", "NATO", "OTAN"),
        ("straße", "road", "STRASSE", "ROAD"),
        ("café", "bar", "cafe\u0301", "bar"),
    ],
)
def test_case_is_carried_over(term: str, translation: str, text: str, expected: str) -> None:
    assert [one for _, one in found(pyattn.Glossary({term: translation}), text)] == [expected]


def test_exact_case_comes_first() -> None:
    glossary = pyattn.Glossary({"polish": "pulir", "Polish": "polaco"})
    assert found(glossary, "Polish the polish") == [("Polish", "polaco"), ("polish", "pulir")]


def test_endings_are_up_to_four_letters_at_the_end() -> None:
    glossary = pyattn.Glossary({"bank": "banco", "bank rate": "tipo", "a": "un"}, endings=True)
    text = "banks banking bankrupts bank rates banks rate am"
    assert [one for one, _ in found(glossary, text)] == [
        "banks",
        "banking",
        "bank rates",
        "banks",
    ]
    assert not found(pyattn.Glossary({"bank": "banco"}), "banks")


def test_scripts_without_spaces_have_terms_inside() -> None:
    glossary = pyattn.Glossary({"银行": "banco", "中央银行": "banco central"})
    assert found(glossary, "我去中央银行和银行。") == [
        ("中央银行", "banco central"),
        ("银行", "banco"),
    ]


@given(st.text(alphabet="abAB .-'\n'é银", max_size=40))
def test_terms_ascend_and_do_not_overlap(text: str) -> None:
    glossary = pyattn.Glossary(
        {"a": "x", "a b": "y", "ab": "z", "银": "w", "é-a": ""}, endings=True
    )
    ends = 0
    for term in glossary.terms(text):
        assert ends <= term.begin < term.end <= len(text)
        ends = term.end


def test_many_terms_take_the_time_of_the_text() -> None:
    # Were every term looked for by itself, this would take many minutes.
    glossary = pyattn.Glossary({f"term{n} of {n}": f"x{n}" for n in range(100_000)})
    text = "We have term99999 of 99999 and term5 of 6. " * 500
    assert len(glossary.terms(text)) == 500
    same = pyattn.Glossary({" ".join(["a"] * n): "x" for n in range(1, 41)})
    assert len(same.terms("a " * 20_000)) == 500


MODELS: dict[str, Callable[[str], str]] = {
    "copies": lambda sentence: sentence,
    "loses all": lambda _: "lost words",
    "doubles": lambda sentence: f"{sentence} {sentence}",
    "is silent": lambda _: "",
    "raises": lambda sentence: sentence.upper(),
    "turns around": lambda sentence: " ".join(reversed(sentence.split())),
    "translates": lambda sentence: sentence.replace("bank", "banco"),
}
SENTENCES = [
    "The bank is here.",
    "The bank of the bank is a central bank.",
    "Bank",
    "See {name} at the bank.",
    "A bank. THE BANK IS HERE! Acme.",
    "Acme, Acme and IT: bank bank.",
]


def count(word: str, text: str) -> int:
    return len(re.findall(rf"(?<!\w){word}(?!\w)", text, re.IGNORECASE))


@pytest.mark.parametrize("answer", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("protect", [False, True])
def test_strict_terms_are_there_as_often_in_every_hypothesis(answer: Any, protect: bool) -> None:
    results = speaking(answer).results(
        SENTENCES, glossary=BANKS, protect=protect, beam_size=2, num_hypotheses=2, split="sentences"
    )
    for text, ranked in zip(SENTENCES, results, strict=True):
        for one in ranked:
            for source, target in (("bank", "banco"), ("Acme", "Acme"), ("IT", "TI")):
                times, wanted = count(target, one.text), count(source, text)
                assert times == wanted or (times > wanted and "glossary" in one.warnings), (
                    text,
                    one.text,
                )
            if protect:
                assert one.text.count("{name}") == text.count("{name}")


@pytest.mark.parametrize("answer", MODELS.values(), ids=MODELS)
def test_uses_are_reported_with_their_places(answer: Any) -> None:
    for aligned in (False, True):
        results = speaking(answer).results(SENTENCES, glossary=BANKS, alignment=aligned)
        for text, [best] in zip(SENTENCES, results, strict=True):
            terms = pyattn.Glossary(BANKS).terms(text)
            assert [use.source for use in best.terms] == [(one.begin, one.end) for one in terms]
            for use, term in zip(best.terms, terms, strict=True):
                assert use.target is not None
                assert best.text[slice(*use.target)].lower() == term.text.lower()
            assert "".join(best.text[slice(*piece.target)] for piece in best.pieces) == best.text


def test_aligned_word_is_replaced_and_what_is_there_stays() -> None:
    translator = speaking(lambda sentence: sentence.replace("bank", "caja").replace("cat", "gato"))
    [best] = translator.results(["My bank has a cat."], glossary={"bank": "banco", "cat": "gato"})[
        0
    ]
    assert best.text == "My banco has a gato."
    assert calls(translator) == [["My bank has a cat."]]
    assert best.warnings == ()


@pytest.mark.parametrize(
    ("source", "output", "looks", "term", "expected"),
    [
        ("See two birds", "Veo dos aves", [0, 1, 2], "two birds", "Veo X & <y>"),
        ("See birds", "Veo las aves", [0, 1, 1], "birds", "Veo las X & <y>"),
        ("See black cats", "Veo los gatos negros", [0, 2, 2, 1], "black cats", "Veo los X & <y>"),
    ],
)
def test_short_words_of_a_term_are_replaced_and_articles_stay(
    source: str, output: str, looks: list[int], term: str, expected: str
) -> None:
    words = [[match.span() for match in re.finditer(r"\w+", text)] for text in (source, output)]
    weights = np.full((len(looks), len(words[0])), 0.1, np.float32)
    # Articles look at their noun a little less than the noun itself.
    weights[range(len(looks)), looks] = [0.9 - 0.1 * (len(word) < 4) for word in output.split()]
    terms = pyattn.Glossary({term: "X & <y>"}).terms(source)
    spans = [(one.begin, one.end) for one in terms]
    seen = Looks(source, *words, weights)
    [use] = uses(source, terms, spans, output, [], lambda: seen, force=True)
    assert use.edit is not None
    assert output[: use.edit.begin] + use.edit.text + output[use.edit.end :] == expected


def test_terms_that_change_places_are_not_confused() -> None:
    translator = speaking(lambda sentence: sentence)
    text = "The cat saw a dog."
    assert translator.translate(text, glossary={"cat": "dog", "dog": "cat"}) == "The dog saw a cat."


@pytest.mark.parametrize(
    ("sentence", "output", "place", "expected"),
    [
        ("here we go", "we go here", 6, "aquí"),
        ("Here we go", "we go here", 6, "aquí"),  # a capital at the head of a sentence
        ("we go Here", "we go here", 6, "Aquí"),  # one that is meant
        ("we go here", "¡here we go", 1, "Aquí"),
        ("HERE WE GO", "we go here", 6, "AQUÍ"),
    ],
)
def test_first_letter_follows_the_place(
    sentence: str, output: str, place: int, expected: str
) -> None:
    [term] = pyattn.Glossary({"here": "aquí"}).terms(sentence)
    assert in_place(term, sentence, output, place) == expected


def test_capitals_keep_terms_in_capitals() -> None:
    translator = speaking(lambda sentence: sentence)
    text = translator.translate("THE BANK", glossary=BANKS, normalize=["capitals"])
    assert text == "THE BANCO"


def test_soft_terms_only_go_where_it_is_clear() -> None:
    glossary = pyattn.Glossary({"bank": "banco"}, strict=False)
    [best] = speaking(lambda _: "").results(["My bank."], glossary=glossary)[0]
    assert (best.text, "glossary" in best.warnings) == ("", True)
    assert [use.target for use in best.terms] == [None]
    [clear] = speaking(lambda one: one.replace("bank", "caja")).results(
        ["My bank."], glossary=glossary
    )[0]
    assert (clear.text, clear.warnings) == ("My banco.", ())


def test_endings_of_the_model_stay() -> None:
    glossary = pyattn.Glossary({"bank": "banco"}, endings=True)
    translator = speaking(lambda sentence: sentence.replace("banks", "bancos"))
    assert translator.translate("My banks.", glossary=glossary) == "My bancos."


def test_no_term_no_difference() -> None:
    plain: Any = speaking(MODELS["copies"])
    other: Any = speaking(MODELS["copies"])
    text = "Nothing of it. Really."
    assert plain.translate(text) == other.translate(text, glossary={"bank": "banco"})
    assert calls(plain) == calls(other)
    assert not other.model.settings["options"].alignment


def test_protected_parts_have_no_terms() -> None:
    text = "Open {bank} at the bank."
    translated = speaking(MODELS["copies"]).translate(text, glossary=BANKS, protect=True)
    assert translated == "Open {bank} at the banco."


def test_no_sentence_ends_inside_of_a_term() -> None:
    translator = speaking(MODELS["copies"])
    translated = translator.translate(
        "In St. James. We go.", glossary={"St. James": "Santiago"}, split="sentences"
    )
    assert translated == "In Santiago. We go."
    assert calls(translator) == [["In St. James.", "We go."]]


def test_text_that_is_not_translated_has_its_terms() -> None:
    glossary = {"你好": "hola"}
    assert speaking(MODELS["loses all"]).translate("你好", glossary=glossary).startswith("Hola")


def test_streams_and_submit_take_glossaries() -> None:
    translator = speaking(MODELS["copies"])
    assert list(translator.stream(["A bank."] * 3, glossary=BANKS)) == ["A banco."] * 3
    assert translator.submit(["A bank."], glossary=BANKS).texts() == ["A banco."]


def test_pivot_keeps_terms_through_both_models() -> None:
    first = speaking(lambda sentence: sentence.replace("bank", "Bank").upper())
    second = speaking(lambda _: "nothing at all")
    pivot = Pivot(first, second)
    glossary = pyattn.Glossary({"bank": "banco"}, target="es")
    [best] = pivot.results(["The bank here.", "No."], glossary=glossary)[0]
    assert count("banco", best.text) == 1
    [use] = best.terms
    assert use.source == (4, 8)
    assert use.target is not None
    assert best.text[slice(*use.target)].lower() == "banco"
    assert list(pivot.stream(["No."], glossary=glossary)) == ["nothing at all"]


def test_languages_must_fit() -> None:
    translator = pyattn.load(threads=1)
    with pytest.raises(ValueError, match="glossary: target is 'fr', expected 'es'"):
        translator.translate("The bank.", glossary=pyattn.Glossary(BANKS, target="fr"))
    assert "orilla" in translator.translate(
        "I went to the bank.", glossary=pyattn.Glossary({"bank": "orilla"}, target="es-MX")
    )


def test_spare_terms_of_the_sentence_itself_are_no_fault() -> None:
    terms = [Term(0, 4, "banco", "banco", strict=True, endings=False)]
    assert counted(terms, "bank banco", "banco banco") == (0, 0)
    assert counted(terms, "bank", "banco banco") == (0, 1)
    assert counted(terms, "bank", "bancos") == (1, 0)


def test_glossary_does_not_change_and_can_be_shared() -> None:
    entries = {"bank": "banco", " central   bank ": " banco central ", "Acme": None}
    glossary = pyattn.Glossary(entries, source="en", target="es", strict=False, endings=True)
    entries["cat"] = "gato"
    assert dict(glossary.entries) == {"bank": "banco", "central bank": "banco central", "Acme": ""}
    assert (len(glossary), next(iter(glossary))) == (3, "bank")
    with pytest.raises(AttributeError, match="does not change"):
        glossary.strict = True
    with pytest.raises(AttributeError, match="does not change"):
        del glossary.source
    with pytest.raises(TypeError):
        glossary.entries["x"] = "y"  # type: ignore[index]
    again = pickle.loads(pickle.dumps(glossary))
    assert again == glossary
    assert hash(again) == hash(glossary)
    assert again != pyattn.Glossary({})
    assert (again.source, again.target, again.strict, again.endings) == ("en", "es", False, True)
    assert repr(glossary) == "<pyattn.Glossary of 3 terms, en-es>"
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(found(glossary, "Banks " * 100)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[("Banks", "Banco")] * 100] * 4


@pytest.mark.parametrize(
    ("glossary", "error", "message"),
    [
        ("terms.tsv", TypeError, "glossary is str, expected .*; Glossary.read reads a file"),
        ([("a", "b")], TypeError, "glossary is list, expected a Glossary or a mapping"),
        ({"a": 1}, TypeError, "glossary: 'a' is an entry of str and int, expected str"),
        ({1: "a"}, TypeError, "glossary: 1 is an entry of int and str"),
        ({" ": "a"}, ValueError, "glossary: ' ' has no term"),
        ({"a" * 501: "a"}, ValueError, "has a term of 501 characters, expected at most 500"),
        ({"a": "b " * 41}, ValueError, "has a translation of 81 characters"),
        ({"a": "\ud800"}, ValueError, "half a surrogate pair"),
    ],
)
def test_wrong_glossary_is_an_error(glossary: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        speaking(MODELS["copies"]).translate("some words", glossary=glossary)


def test_included_model_uses_terms() -> None:
    translator = pyattn.load(threads=1)
    glossary = {"kitchen": "cuarto", "station": "parada", "Tom": None}
    text = "WHERE IS THE STATION? Tom likes the kitchen."
    [best] = translator.results([text], glossary=glossary)[0]
    assert "PARADA" in best.text
    assert count("cuarto", best.text) == count("Tom", best.text) == 1
    assert len(best.terms) == 3


def test_documents_have_terms_inside_of_their_markup() -> None:
    from pyattn.documents import translate

    data = b"<p>The <b>central bank</b> is a <i>bank</i>.</p>"
    found = translate(data, "html", speaking(MODELS["copies"]), glossary=BANKS)
    assert found == b"<p>The <b>banco central</b> is a <i>banco</i>.</p>"
