"""Protected parts come back exactly as they were, and as often, whatever the model does."""

from __future__ import annotations

import collections
import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyattn
from pyattn.options import GenerationOptions
from pyattn.text.protection.carried import Carried, Edit, places, rewritten
from pyattn.text.protection.choice import Protection, chosen_protection, units
from pyattn.text.protection.edges import hugged, masked, trimmed, uncut
from pyattn.text.protection.kinds import Kept, usual
from pyattn.translator import Translator
from support.echo import POSITIONS, Letters
from support.speaker import Speaker, calls, speaking


def copying_words(sentence: str) -> str:
    """A model that copies words and numbers, and loses what else there is."""
    return " ".join(re.findall(r"[^\W_]+", sentence)) + "."


def losing_all(_: str) -> str:
    return "lost"


def doubling(sentence: str) -> str:
    return f"{sentence} {sentence}"


MODELS = {
    "copies": lambda sentence: sentence,
    "copies words": copying_words,
    "loses all": losing_all,
    "doubles": doubling,
    "is silent": lambda _: "",
    "raises": lambda sentence: sentence.upper(),
    "makes up": lambda sentence: f"{sentence} {{name}} %s \U0001f600 https://example.com/a?b=1",
    "turns around": lambda sentence: " ".join(reversed(sentence.split())),
}
each_model = pytest.mark.parametrize("answer", MODELS.values(), ids=MODELS)


def kept(text: str) -> list[str]:
    return [text[part.begin : part.end] for part in usual(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("See https://example.com/a?b=1&c=2.", ["https://example.com/a?b=1&c=2"]),
        ("(see http://a.org/b_(c))", ["http://a.org/b_(c)"]),
        ("(www.example.org)", ["www.example.org"]),
        ("Read example.com/page today.", ["example.com/page"]),
        ("Mail bob.smith+x@mail.example.co.uk!", ["bob.smith+x@mail.example.co.uk"]),
        ("@user and #topic, not C# or #1", ["@user", "#topic"]),
        ("{name} {0} {} {user.name!r:>10}", ["{name}", "{0}", "{}", "{user.name!r:>10}"]),
        ("{{ x }} {% if x %} ${y} #{z}", ["{{ x }}", "{% if x %}", "${y}", "#{z}"]),
        ("%s %d %(count)d %1$s %.2f %@ %%", ["%s", "%d", "%(count)d", "%1$s", "%.2f", "%@", "%%"]),
        ("50% of it, 100%pure", []),
        ("$HOME costs $20", ["$HOME"]),
        ("Dear :name, at 10:30 :)", [":name"]),
        (
            "{count, plural, one {# file} other {# files}} in {x}",
            ["{count, plural, one {# file} other {# files}}", "{x}"],
        ),
        ("Run `git commit -m x` or ``a`b``.", ["`git commit -m x`"]),
        ("/usr/bin/env ../a ~/b and/or he/she 1/2", ["/usr/bin/env", "../a", "~/b"]),
        ("Open C:\\Users\\x.txt or read_me.md.", ["C:\\Users\\x.txt", "read_me.md"]),
        (
            "a1b2c3d 550e8400-e29b-41d4-a716-446655440000 0x1F deadbeef",
            ["a1b2c3d", "550e8400-e29b-41d4-a716-446655440000", "0x1F"],
        ),
        ("v1.2 and 1.2.3-rc1, 12.5 and 1.600.000", ["v1.2", "1.2.3-rc1"]),
        ('<b>x</b> <br/> <a href="y">3 < 4 > 2', ["<b>", "</b>", "<br/>", '<a href="y">']),
        ("Tom &amp; Ann, AT&T", ["&amp;"]),
        ("\U0001f600 \U0001f468\u200d\U0001f469 \U0001f1ea\U0001f1f8 \u2764\ufe0f", None),
        ("Mr. Smith lives in St. Louis, U.S., e.g. there: yes.", []),
        ("I said hi.You said bye.", []),
    ],
)
def test_usual_kinds_are_found(text: str, parts: list[str] | None) -> None:
    assert kept(text) == (text.split() if parts is None else parts)


HOSTILE = [
    *"{%<:/@#$`&\\.~([|a1",
    *(
        "a.",
        "a/",
        "<a",
        "<!--",
        "{a,plural,",
        "{{",
        "%(",
        "%(a",
        "${",
        "a@",
        "a://",
        "http://",
        "www.",
    ),
    *("1.", "v1", "0x", "f1", "`a", "``a", "a1b2c3d4", "/a", "@a", "#a", "#1", "\U0001f600", "{a:"),
    *(
        "\U0001f600\u200d",
        "\U0001f1ea",
        "<a ",
        "%1$",
        "a@a.",
        "&a",
        "&#1",
        " http://!",
        "a+@",
        "C:\\",
    ),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear(unit: str) -> None:
    # Were it quadratic, this would take an hour.
    for tail in ("", "x"):
        text = unit * (100_000 // len(unit)) + tail
        assert all(part.end <= len(text) for part in usual(text))


@given(st.text(alphabet="ab1 .:/@#%${}<>`&\\_-+=\n\U0001f600", max_size=60))
def test_parts_ascend_and_do_not_overlap(text: str) -> None:
    parts = usual(text)
    assert all(part.begin < part.end <= len(text) for part in parts)
    assert all(one.end <= two.begin for one, two in itertools.pairwise(parts))


SENTENCES = [
    "{name} has logged in.",
    "Please visit https://example.com/a?b=1 or write to bob@example.org.",
    'The {name} "{obj}" was added.',
    "{a} and {a} and {b} are equal.",
    "First. Then %(count)d files, {x}. WELCOME {name} TO THE HOTEL!",
    "I love you \U0001f600 so much. \U0001f44d",
    "<b>Bold</b> and <i>{name}</i> text",
    "Use `a. B` now.\nAnd %s:%s then.",
    "Tom likes {x} and Maria 42 likes {y}.",
    " ".join(f"{{p{n}}} is here and" for n in range(40)),
    "{name}",
    "  %s - \U0001f600  ",
    "version 1.2.3 of a1b2c3d at /usr/bin/x",
]


@each_model
def test_every_part_comes_back_as_often_in_every_hypothesis(answer: Any) -> None:
    translator = speaking(answer)
    found = translator.results(SENTENCES, protect=True, beam_size=3, num_hypotheses=3)
    for text, ranked in zip(SENTENCES, found, strict=True):
        for one in ranked:
            for part in set(kept(text)):
                assert one.text.count(part) == text.count(part), (text, one.text)
    best = translator.translate(SENTENCES, protect=True)
    assert best == [ranked[0].text for ranked in found]


@each_model
def test_spans_cover_texts_and_translations(answer: Any) -> None:
    found = speaking(answer).results(SENTENCES, protect=True, alignment=True)
    for text, [one] in zip(SENTENCES, found, strict=True):
        assert "".join(text[slice(*piece.source)] for piece in one.pieces) == text
        assert "".join(one.text[slice(*piece.target)] for piece in one.pieces) == one.text
        assert one.source_spans is not None
        assert one.target_spans is not None
        assert one.alignment is not None
        assert len(one.source_spans) == one.alignment.shape[1]
        assert len(one.target_spans) == one.alignment.shape[0]
        for begin, end in [*one.source_spans]:
            assert 0 <= begin <= end <= len(text)
        for begin, end in [*one.target_spans]:
            assert 0 <= begin <= end <= len(one.text)


def test_nothing_but_protected_parts_is_never_decoded() -> None:
    translator = speaking(losing_all)
    texts = ["{name}", "%s %d", "https://example.com", " \U0001f600 - 42 ", "`code` / <br/>", ""]
    assert translator.translate(texts, protect=True) == texts
    assert not any(calls(translator))


def test_marks_at_the_edges_are_cut_off_and_what_a_colon_parts() -> None:
    translator = speaking(lambda sentence: sentence)
    text = "\U0001f600 <b>Hello.</b> Details: https://example.com"
    assert translator.translate(text, protect=True, split="sentences") == text
    assert calls(translator) == [["Hello.", "Details:"]]
    assert translator.translate(text, protect=True, split="never") == text


def test_model_that_copies_parts_sees_them() -> None:
    translator = speaking(lambda sentence: sentence)
    [best] = translator.results(["See {a} and %s."], protect=True)[0]
    assert calls(translator)[-1] == ["See {a} and %s."]
    assert [piece.protection for piece in best.pieces] == ["itself"]


def test_other_models_see_carriers_that_are_not_in_the_text() -> None:
    translator = speaking(copying_words)
    [best] = translator.results(["Chicago and Tom like {a} and {b}."], protect=True)[0]
    [[seen]] = calls(translator)[1:]
    assert seen.startswith("Chicago and Tom like ")
    assert "{" not in seen
    assert len(set(seen.rstrip(".").split()) - {"like", "and"}) == 4
    assert best.text == "Chicago and Tom like {a} and {b}."
    assert best.warnings == ()
    assert [piece.protection for piece in best.pieces] == ["carrier"]


def test_probe_runs_once() -> None:
    translator = speaking(copying_words)
    for _ in range(3):
        translator.translate("See {a}.", protect=True)
    assert [len(call) for call in calls(translator)][1:] == [1, 1, 1]
    plain = speaking(copying_words)
    plain.translate("See {a} \U0001f600 now.")
    plain.translate("See \U0001f600 now.", protect=True)
    assert [len(call) for call in calls(plain)] == [1, 1]


def test_last_resort_is_a_warning() -> None:
    [best] = speaking(losing_all).results(["You see {a} now."], protect=True)[0]
    assert best.text.count("{a}") == 1
    assert best.warnings == ("protected",)
    assert [piece.protection for piece in best.pieces] == ["alignment"]


def test_part_goes_where_its_neighbour_went() -> None:
    # The k-th letter of the answer is aligned with the k-th of the source.
    translator = speaking(lambda sentence: sentence.replace("red", "roj"))
    text = "I like <b>red</b> cars \U0001f600 here."
    assert translator.translate(text, protect=True) == text.replace("red", "roj")


def test_text_in_capitals_keeps_small_parts() -> None:
    translator = speaking(copying_words)
    translated = translator.translate("WELCOME {name} HERE", protect=True, normalize=["capitals"])
    assert translated == "WELCOME {name} HERE."
    assert calls(translator)[1][0].startswith("Welcome ")


def test_no_sentence_ends_inside_of_a_part() -> None:
    translator = speaking(lambda sentence: sentence)
    text = "Use `a. B c` and <a title='X. Y'> here. It works."
    assert translator.translate(text, protect=True, split="sentences") == text
    assert calls(translator)[-1] == ["Use `a. B c` and <a title='X. Y'> here.", "It works."]


def test_own_function_cannot_cut_a_part() -> None:
    translator = speaking(lambda sentence: sentence)
    text = "One `two. three` four. Five."
    assert translator.translate(text, protect=True, split=re.compile(r"(?<=\.) ").split) == text
    assert not any("`two" in seen and "three`" not in seen for seen in calls(translator)[-1])


def test_long_parts_take_no_positions() -> None:
    translator = speaking(copying_words)
    text = f"See https://example.com/{'a' * 5000} now."
    assert translator.translate(text, protect=True) == text
    assert max(map(len, calls(translator)[-1])) < 60


@pytest.mark.parametrize("edge", ["", "x "])
def test_text_around_a_long_part_is_cut_beside_it(edge: str) -> None:
    translator = speaking(lambda sentence: sentence)
    words = "some words " * 40
    part = f"https://example.com/{'a' * 5000}"
    text = f"{edge}{words}{part} {words}end"
    assert translator.translate(text, protect=True) == text
    assert max(map(len, calls(translator)[-1])) < POSITIONS


def test_parts_without_spaces_between_are_cut_apart() -> None:
    translator = speaking(copying_words)
    text = "x" + "`a`b" * 400
    assert translator.translate(text, protect=True).count("`a`") == 400
    assert max(map(len, calls(translator)[-1])) < POSITIONS


def test_searches_that_follow_have_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 4)
    monkeypatch.setattr("pyattn.text.rounds.monotonic", lambda: float(next(clock)))
    speaker = Speaker(copying_words)
    translator = Translator(speaker, Letters())
    translator.translate("See {x}.", protect=True)  # finds the carriers
    speaker.answer = losing_all
    limits: list[float | None] = []
    submit = speaker.submit

    def noted(sources: Any, options: Any = None, **rest: Any) -> Any:
        one = options if isinstance(options, GenerationOptions) else options[0]
        limits.append(one.max_time)
        return submit(sources, options, **rest)

    monkeypatch.setattr(speaker, "submit", noted)
    translator.translate("See {x} and {y}.", protect=True, max_time=10.0)
    assert len(limits) >= 2
    assert limits == [max(0.0, 10.0 - 4 * place) for place in range(len(limits))]


def test_patterns_protect_besides_the_usual_kinds() -> None:
    translator = speaking(copying_words)
    text = "Acme Turbo {x} is Acme Max."
    translated = translator.translate(text, protect=[r"Acme \w+"])
    assert collections.Counter(re.findall(r"Acme \w+|\{x\}", translated)) == collections.Counter(
        ["Acme Turbo", "{x}", "Acme Max"]
    )
    compiled = translator.translate(text, protect=[re.compile("acme", re.IGNORECASE)])
    assert compiled.count("Acme") == 2


@pytest.mark.parametrize("protect", [None, False])
def test_nothing_is_protected_by_default(protect: bool | None) -> None:
    translator = speaking(losing_all)
    assert translator.translate("See {x}.", protect=protect) == "lost"


@pytest.mark.parametrize(
    ("protect", "error", "message"),
    [
        (["a", "("], ValueError, r"protect\[1\] is '\(', expected a regular expression: "),
        (["x*"], ValueError, r"protect has 'x\*', which matches an empty text"),
        ([r"\b"], ValueError, r"protect has '\\\\b', which matches an empty text"),
        ("abc", TypeError, "protect is str, expected True, False or a list"),
        (1, TypeError, "protect is int, expected True, False or a list"),
        ([1], TypeError, r"protect\[0\] is int, expected True"),
        ([re.compile(b"a")], TypeError, r"protect\[0\] is Pattern, expected True"),
    ],
)
def test_wrong_protection_is_an_error(protect: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        speaking(losing_all).translate("some words", protect=protect)


def test_spans_of_a_document_are_protected_whatever_is_chosen() -> None:
    translator = speaking(copying_words)
    _, treatment = translator._chosen(None, {})
    text = "Press Enter, then {x}."
    pending = translator._starter().start(
        [text], [(None, None)], GenerationOptions(), treatment, [[(6, 11)]]
    )
    [translated] = pending.texts()
    assert translated == "Press Enter then x."
    assert "Enter" not in calls(translator)[-1][0]


WORDS = [("type print to print a page", "print"), ("use a in a terminal", "a")]


@pytest.mark.parametrize(("text", "code"), WORDS)
@pytest.mark.parametrize("said", ["la casa que imprime", "print a B a", "Banana printer"])
def test_code_that_is_a_word_of_the_text_as_well_is_no_reason_for_a_copy(
    text: str, code: str, said: str
) -> None:
    begin = text.index(f" {code}") + 1
    for sentence in (text, f"{text}. To print a page."):
        [[best]] = (
            speaking(lambda _: said)
            .submit([sentence], protect=True, kept=[[(begin, begin + len(code))]])
            .results()
        )
        assert "copy" not in best.warnings
        assert re.search(rf"\b{code}\b", best.text)


@pytest.mark.parametrize("code", ["print", "{x}", "Key"])
def test_code_is_not_doubled(code: str) -> None:
    text = f"type {code} now"
    translator = speaking(lambda _: f"{code} or {code}")
    [[best]] = translator.submit([text], protect=True, kept=[[(5, 5 + len(code))]]).results()
    assert best.text == text


def test_parts_that_touch_are_one() -> None:
    text = "<em>{name}</em> {a}={b}, {c}<br>{d}"
    parts = chosen_protection(True, default=False).parts(text)
    assert [text[part.begin : part.end] for part in units(text, parts)] == [
        "<em>{name}</em>",
        "{a}={b}",
        "{c}",
        "<br>",
        "{d}",
    ]


def test_overlapping_parts_are_one() -> None:
    protection = Protection(kinds=True, patterns=[re.compile("b} an")])
    assert [(part.begin, part.end) for part in protection.parts("{a} {b} and")] == [(0, 3), (4, 10)]
    more = Protection(kinds=False).parts("abcdef", [(1, 3), (2, 5), (0, 0)])
    assert [(part.begin, part.end) for part in more] == [(1, 5)]


def test_mask_keeps_every_place() -> None:
    text = "See `a. b` now \U0001f600."
    parts = usual(text)
    assert masked(text, parts) == "See Xxxxxx now  ."
    assert masked(text, []) is text


def test_cuts_inside_of_parts_are_moved() -> None:
    inside = [Kept(4, 8, "name")]
    assert uncut([(0, 5), (6, 12)], inside) == [(0, 12)]
    assert uncut([(0, 4), (8, 12)], inside) == [(0, 4), (8, 12)]
    assert uncut([(0, 6), (8, 12)], inside) == [(0, 8), (8, 12)]


def test_sentence_keeps_a_name_at_its_edge() -> None:
    text = "{x} is here"
    assert trimmed(text, (0, 11), usual(text)) == ((0, 11), usual(text))
    text = "{x}: it is here"
    assert trimmed(text, (0, 15), usual(text)) == ((5, 15), [])


def test_quotes_go_with_what_they_hold() -> None:
    assert hugged('a "{x}" b', [(3, 6)]) == [(2, 7)]
    assert hugged('("{x}")', [(2, 5)]) == [(0, 7)]
    assert hugged('a "{x}', [(3, 6)]) == [(3, 6)]
    assert hugged("'{x}'{y}'", [(1, 4), (5, 8)]) == [(0, 5), (5, 8)]


def carried(text: str, spans: list[tuple[int, int]], words: list[str | None]) -> Carried:
    from pyattn.text.normalization import normalized

    return Carried(
        text, spans, words, lambda one: normalized(one, frozenset({"quotes"})), "carrier"
    )


def test_carriers_must_come_back_once_and_whole() -> None:
    form = carried("a {x} b {y}", [(2, 5), (8, 11)], ["Tom", "42"])
    assert form.text == "a Tom b 42"
    assert form.edits("42 c Tom") == [Edit(0, 2, "{y}"), Edit(5, 8, "{x}")]
    for lost in ("c Tom", "Tom Tom 42", "Tomato 42", "Tom 142", "tom 42", ""):
        assert form.edits(lost) is None


def test_origins_lead_back_to_the_sentence() -> None:
    text = "“a” {xyz} b {long} c"
    form = carried(text, [(4, 9), (12, 18)], ["Tom", None])
    assert form.text == '"a" Tom b c'
    origins = form.origins()
    assert len(origins) == len(form.text) + 1
    assert origins[-1] == len(text)
    assert [text[origins[form.text.index(letter)]] for letter in "abc"] == ["a", "b", "c"]
    assert origins == sorted(origins)


def test_edits_and_places_agree() -> None:
    output = "ab Tom ß c"
    edits = [Edit(0, 0, "<i>"), Edit(3, 6, "{name}"), Edit(len(output), len(output), " %s")]
    for raised in (False, True):
        text = rewritten(output, edits, raised)
        where = places(output, edits, raised)
        assert text == ("<i>AB {name} SS C %s" if raised else "<i>ab {name} ß c %s")
        assert len(where) == len(output) + 1
        assert where == sorted(where)
        assert where[-1] == len(text)
        assert text[where[3] : where[6]] == "{name}"


def test_included_model_keeps_placeholders() -> None:
    texts = [
        "The {name} “{obj}” was added successfully.",
        "You have %(count)d new messages from %(user)s.",
        "Please visit https://example.com/a?b=1 or write to bob@example.org.",
        "I <b>really</b> like <i>red</i> cars \U0001f600.",
        "See https://example.com/watch?v=dQw4w9WgXcQ&list=PL77Lk00001111 for more.",
    ]
    with pyattn.load(threads=1) as translator:
        plain = translator.translate(texts)
        found = translator.results(texts, protect=True, num_hypotheses=4)
    assert not all(part in plain[-1] for part in kept(texts[-1]))
    for text, ranked in zip(texts, found, strict=True):
        assert len(ranked) == 4
        for one in ranked:
            assert collections.Counter(kept(text)) == collections.Counter(
                {part: one.text.count(part) for part in set(kept(text))}
            )
        assert ranked[0].warnings == ()
