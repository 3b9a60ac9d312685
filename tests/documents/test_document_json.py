"""JSON and ARB: values are translated; keys, names, placeholders and choices stay."""

from __future__ import annotations

import json

import pytest

from pyattn import documents
from pyattn.documents.placeholders import placeholders
from pyattn.errors import DocumentError
from support.document_makers import Maker
from support.toy_translators import Capitals, capitals, identity, reversed_order, same_order


def translated(text: str, format: str = "json", **options: object) -> str:
    return documents.translate(text.encode(), format, Capitals(same_order), **options).decode()


def shape(value: object) -> object:
    """What a value consists of, without its texts but with their placeholders."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, str):
        # One word of a choice looks like a placeholder.
        names = sorted(value[slice(*span)].upper() for span in placeholders(value))
        return names, sorted(value.upper())
    return value


@pytest.mark.parametrize("format", ["json", "arb"])
def test_another_parser_sees_the_same_keys_and_placeholders(format: str) -> None:
    for seed in range(200):
        text = getattr(Maker(seed), format)()
        found = documents.translate(text.encode(), format, Capitals(reversed_order)).decode()
        assert shape(json.loads(found)) == shape(json.loads(text)), seed


def test_values_are_translated_and_names_are_not() -> None:
    text = (
        '{"a b": "c d", "x": ["e", {"f": "g\\nh"}], "id": "some_id", "u": "https://a.b/c",'
        ' "k": "camelCase", "n": 1, "d": "2020-01-01", "p": "img/a.png", "c": "#fff"}'
    )
    assert translated(text) == text.replace("c d", "C D").replace('"e"', '"E"').replace(
        "g\\nh", "G\\nH"
    )


def test_escapes_are_those_of_the_file() -> None:
    assert translated('{"a": "cr\\u00e8me \\"b\\" \\/"}') == '{"a": "CR\\u00c8ME \\"B\\" /"}'
    assert translated('{"a": "café \\"b\\""}') == '{"a": "CAFÉ \\"B\\""}'
    assert translated('{"a": "x \\ud83d\\ude00 y"}') == '{"a": "X \\ud83d\\ude00 Y"}'
    data = '{"a": "é b"}'.encode("latin-1")
    found = documents.translate(data, "json", lambda _: ["日"], encoding="latin-1")
    assert json.loads(found.decode("latin-1")) == {"a": "日"}


def test_each_choice_of_a_message_is_a_text() -> None:
    text = (
        '{"a": "You have {n, plural, =0{no mail} one{# letter} other{{n} letters from {who}}} now",'
        ' "b": "{g, select, male{he {n, plural, other{has it}}} other{they}} said"}'
    )
    assert translated(text) == (
        '{"a": "YOU HAVE {n, plural, =0{NO MAIL} one{# LETTER} other{{n} LETTERS FROM {who}}} NOW",'
        ' "b": "{g, select, male{HE {n, plural, other{HAS IT}}} other{THEY}} SAID"}'
    )


def test_tags_in_messages_move_with_their_words() -> None:
    text = b'{"a": "click <a href=\\"x\\">here</a> now"}'
    assert documents.translate(text, "json", Capitals(reversed_order)) == (
        b'{"a": "NOW <a href=\\"x\\">HERE</a> CLICK"}'
    )


def test_arb_has_notes_and_a_locale() -> None:
    text = '{"@@locale": "en", "a": "b c", "@a": {"description": "d e"}}'
    assert translated(text, "arb", target_language="es") == (
        '{"@@locale": "es", "a": "B C", "@a": {"description": "d e"}}'
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [('{"a": }', "line 1, column 7"), ('{\n"a": "b" "c"}', "line 2, column 10"), ("", "line 1")],
)
def test_broken_json_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(DocumentError, match=f"json: {place}"):
        documents.translate(text.encode(), "json", identity)


def test_deep_nesting_is_refused_with_its_reason() -> None:
    with pytest.raises(DocumentError, match=r"json: line 1, column 1: .*recursion"):
        documents.translate(b"[" * 100_000 + b"]" * 100_000, "json", identity)
    text = '{"a":' * 300 + '"b c"' + "}" * 300
    assert translated(text) == text.replace("b c", "B C")
    broken = '{"a": "' + "{n, plural, other{" * 2000 + '"}'
    documents.translate(broken.encode(), "json", capitals)
