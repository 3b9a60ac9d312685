"""Markup in translations: every element once, well nested, on its own words."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pyattn import documents
from pyattn.documents.engine import Translate
from pyattn.documents.model import Alignment, Answer, Element, Segment
from pyattn.documents.placement import placed
from support.random_markup import Nesting, NestingMaker, Outline
from support.toy_translators import Capitals, capitals, reversed_order, same_order, shuffled_order


def translated(page: str, translate: Translate, **options: object) -> str:
    return documents.translate(page.encode(), "html", translate, **options).decode()


def nestings(count: int, **settings: int) -> list[Nesting]:
    return [NestingMaker(seed, **settings).paragraph() for seed in range(count)]


def is_single(nesting: Nesting) -> bool:
    return all(len(words) <= 1 for words in nesting.words.values())


@pytest.mark.parametrize("order", [reversed_order, same_order], ids=["reversed", "same"])
def test_elements_go_where_the_alignment_puts_their_words(order: object) -> None:
    for nesting in nestings(200):
        seen = Outline(translated(nesting.html, Capitals(order)))
        assert seen.nested
        assert {name: sorted(own) for name, own in seen.words.items()} == {
            name: sorted(map(str.upper, own)) for name, own in nesting.words.items()
        }


def test_single_words_keep_their_element_in_any_order() -> None:
    checked = 0
    for nesting in nestings(400, most=1):
        if not is_single(nesting):
            continue
        seen = Outline(translated(nesting.html, Capitals(shuffled_order)))
        assert seen.nested
        assert seen.words == {
            name: [word.upper() for word in own] for name, own in nesting.words.items()
        }
        checked += any(nesting.words.values())
    assert checked > 100


def scrambled(texts: list[str]) -> list[str]:
    """Fewer or more words in any order, as no translator would have them."""
    found = []
    for text in texts:
        words = text.upper().split()
        chance = random.Random(text)
        count = chance.randint(0, 2 * len(words))
        found.append(" ".join(chance.choice(words) for _ in range(count)))
    return found


@pytest.mark.parametrize(
    "translate", [scrambled, capitals, Capitals(shuffled_order)], ids=["scrambled", "same", "order"]
)
def test_every_element_is_there_once_and_well_nested(translate: Translate) -> None:
    for nesting in nestings(300, most=6):
        before, after = Outline(nesting.html), Outline(translated(nesting.html, translate))
        assert after.nested
        assert after.tags == before.tags


def test_without_an_alignment_equal_words_and_positions_decide() -> None:
    page = "<p>the <b>quick</b> fox saw <a>Tom Smith</a> today</p>"
    seen = translated(page, lambda _: ["der schnelle Fuchs sah heute Tom Smith"])
    assert seen == "<p>der <b>schnelle</b> Fuchs sah heute <a>Tom Smith</a></p>"


def test_elements_stay_on_names_and_numbers() -> None:
    page = "<p>call <a>+1 555 0100</a> or <b>Tom</b></p>"
    seen = translated(page, lambda _: ["bitte ruf Tom an + +1 555 0100 bald"])
    assert seen == "<p>bitte ruf <b>Tom</b> an + <a>+1 555 0100</a> bald</p>"
    page = "<p><b>4444 5555</b> and <i>5555 6666</i></p>"
    seen = translated(page, lambda _: ["y 4444 5555 6666"])
    assert Outline(seen).nested
    assert seen.count("<b>") == seen.count("<i>") == 1


def test_an_element_inside_a_word_covers_the_word() -> None:
    page = "<p>an un<u>der</u>line here</p>"
    assert translated(page, Capitals()) == "<p>HERE <u>UNDERLINE</u> AN</p>"


def test_signs_at_the_end_of_an_element_stay_in_it() -> None:
    page = "<p><b>Note:</b> it is <i>(very)</i> late.</p>"
    found = translated(page, lambda _: ["Nota: es (muy) tarde."])
    assert found == "<p><b>Nota:</b> es <i>(muy)</i> tarde.</p>"
    page = "<p>She asked: <i>Where is it?</i> He left.</p>"
    found = translated(page, lambda _: ["Ella preguntó: ¿Dónde está? Se fue."])
    assert found == "<p>Ella preguntó: <i>¿Dónde está?</i> Se fue.</p>"


def test_a_copied_element_replaces_its_own_words() -> None:
    page = "<p>Run <code>npm i</code> now and <code>x</code> then</p>"
    assert translated(page, Capitals()) == (
        "<p>THEN <code>x</code> AND NOW <code>npm i</code> RUN</p>"
    )


def test_a_copy_that_the_translation_lost_is_put_back() -> None:
    page = "<p>Run <code>npm i</code> now</p>"
    found = translated(page, lambda _: ["Ejecuta ahora"])
    assert Outline(found).text.split() == ["Ejecuta", "npm", "i", "ahora"]
    assert translated(page, lambda _: [""]) == "<p><code>npm i</code></p>"


def test_many_elements_take_time_that_grows_with_their_number() -> None:
    # Far beyond any real page; quadratic time would take hours.
    page = "<p>" + "<b>a</b> b <img>" * 20_000 + "</p>"
    assert translated(page, capitals).count("<b>") == 20_000
    deep = "<p>a " + "<b>" * 20_000 + "a word" + "</b>" * 20_000 + "</p>"
    assert translated(deep, capitals).count("<b>") == 20_000


@pytest.mark.parametrize("code", ["3", "x", "x2", "int", "7.5"])
@pytest.mark.parametrize("order", [same_order, reversed_order], ids=["same", "reversed"])
def test_a_copy_that_touches_a_word_swallows_and_doubles_nothing(code: str, order: object) -> None:
    for before, after in (("house", ""), ("", "house"), ("a", "b")):
        page = f"<p>one {before}<code>{code}</code>{after} two</p>"
        found = Outline(translated(page, Capitals(order)))
        words = ["ONE", f"{before}{code}{after}".upper(), "TWO"]
        assert found.text.upper().split() == (words if order is same_order else words[::-1])


def test_a_copy_that_touched_a_word_is_put_over_no_word() -> None:
    # "casatres" looks at the copy more than at the word, but is the translation of both.
    segment = Segment("one house3 two", (0, 0), [Element((9, 10), (50, 60))])
    weights = np.array([[0.8, 0.1, 0.1, 0], [0, 0.3, 0.7, 0], [0, 0.1, 0.1, 0.8]], np.float32)
    sources, targets = [(0, 3), (4, 9), (9, 10), (11, 14)], [(0, 3), (4, 12), (13, 16)]
    answer = Answer("uno casatres dos", Alignment(sources, targets, weights))
    found = placed(segment, answer)
    assert (50, 60) in found
    written = "".join(part for part in found if isinstance(part, str))
    assert written.split() == ["uno", "casatres", "dos"]


@pytest.mark.parametrize("order", [same_order, reversed_order], ids=["same", "reversed"])
def test_an_element_inside_a_word_that_stays_the_same_covers_its_own_letters(order: object) -> None:
    page = "<p>this H<sub>2</sub>SO<sub>4</sub> and X<b>M</b>L2 or X<b>M</b>L2, M<sup>2</sup></p>"
    found = translated(page, Capitals(order))
    for word in ("H<sub>2</sub>SO<sub>4</sub>", "X<b>M</b>L2", "M<sup>2</sup>"):
        assert found.count(word) == page.count(word)
