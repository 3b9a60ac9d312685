"""DeepL's interface: texts, languages, usage, keys and errors."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pyattn.serving import deepl
from pyattn.serving.catalog import Catalog
from pyattn.serving.fields import Fields
from support import service

_LINES = ["You are welcome.", "Where is the station?", "I am hungry."]
_KEY = {"Authorization": "DeepL-Auth-Key secret-1"}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service.client() as found:
        yield found


@pytest.fixture(scope="module")
def locked() -> Iterator[TestClient]:
    with service.client(keys=("secret-1", "secret-2")) as found:
        yield found


def ask(client: TestClient, **fields: Any) -> list[dict[str, Any]]:
    answer = client.post("/v2/translate", json={"target_lang": "ES"} | fields)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["translations"]
    return found


def refusal(client: TestClient, **fields: Any) -> tuple[int, str]:
    body = {"text": ["a"], "target_lang": "ES"} | fields
    answer = client.post(
        "/v2/translate", json={name: one for name, one in body.items() if one is not None}
    )
    assert list(answer.json()) == ["message"]
    return answer.status_code, answer.json()["message"]


def test_texts_are_translated_as_by_the_translator(client: TestClient) -> None:
    expected = service.translator().translate(_LINES)
    assert ask(client, text=_LINES) == [
        {"detected_source_language": "EN", "text": text} for text in expected
    ]
    assert [one["text"] for one in ask(client, text=_LINES[1], source_lang="en")] == expected[1:2]


def test_a_form_repeats_the_field(client: TestClient) -> None:
    answer = client.post("/v2/translate", data={"text": _LINES, "target_lang": "es"})
    expected = service.translator().translate(_LINES)
    assert [one["text"] for one in answer.json()["translations"]] == expected


@pytest.mark.parametrize("code", ["ES", "es", "es-ES", "ES-419"])
def test_codes_have_any_case_and_country(client: TestClient, code: str) -> None:
    [found] = ask(client, text=_LINES[2:], target_lang=code, source_lang="EN-GB")
    assert found["text"] == "Tengo hambre."


def test_billed_characters_are_those_of_the_text(client: TestClient) -> None:
    texts = ["I am hungry.", "", "ñ😀"]
    found = ask(client, text=texts, show_billed_characters=True)
    assert [one["billed_characters"] for one in found] == [12, 0, 2]
    assert "billed_characters" not in ask(client, text=texts)[0]


def test_tags_move_and_ignored_ones_keep_their_content(client: TestClient) -> None:
    text = "<b>I am</b> very <x>hungry</x> &amp; tired."
    for handling in ("html", "xml"):
        [found] = ask(client, text=[text], tag_handling=handling, ignore_tags=["x"])
        assert "<x>hungry</x>" in found["text"]
        assert "<b>" in found["text"]
        assert "I am" not in found["text"]
        [other] = ask(client, text=[text], tag_handling=handling)
        assert "hungry" not in other["text"]


def test_tags_may_be_one_text_with_commas(client: TestClient) -> None:
    fields = {"text": "<y>one</y> <x>two</x>", "target_lang": "ES", "source_lang": "EN"}
    for tags in ("x,y", ["x", "y"]):
        data = {**fields, "tag_handling": "xml", "ignore_tags": tags}
        [found] = client.post("/v2/translate", data=data).json()["translations"]
        assert found["text"] == fields["text"]
    [found] = ask(client, text=fields["text"], tag_handling="xml", ignore_tags="x,y")
    assert found["text"] == fields["text"]


def test_tags_split_and_do_not_split() -> None:
    fields = deepl._tags(
        Fields({"splitting_tags": ["par", " line"], "non_splitting_tags": "div,p"})
    )
    assert fields == {"blocks": ["par", "line"], "inline": ["div", "p"]}


def test_lines_are_sentences_unless_the_request_joins_them(client: TestClient) -> None:
    text = "I am\nhungry.\n\nI am here."
    [found] = ask(client, text=[text], split_sentences="nonewlines", source_lang="EN")
    expected = service.translator().translate("I am hungry.\n\nI am here.", protect=True)
    assert found["text"] == expected
    [found] = ask(client, text=[text], split_sentences="1", source_lang="EN")
    assert found["text"] == service.translator().translate(text, protect=True)


def test_one_segment_is_not_split(client: TestClient) -> None:
    text = "I am hungry.\nWhere is the station?"
    [found] = ask(client, text=[text], split_sentences="0")
    assert found["text"] == service.translator().translate(text, protect=True, split="never")
    assert "\n" in ask(client, text=[text])[0]["text"]
    assert "\n" not in found["text"]


def test_what_no_model_can_do_is_refused_or_ignored(client: TestClient) -> None:
    for formality in ("default", "prefer_less", "prefer_more"):
        assert ask(client, text=_LINES[2:], formality=formality)[0]["text"] == "Tengo hambre."
    assert refusal(client, formality="more")[0] == 400
    assert "'formality'" in refusal(client, formality="less")[1]
    for name, value in (
        ("style_id", "x"),
        ("translation_memory_id", "x"),
        ("custom_instructions", ["be brief"]),
    ):
        assert refusal(client, **{name: value}) == (400, f"'{name}' is not supported")
    plain = ask(client, text=_LINES[2:], context="At noon.", preserve_formatting=True)
    assert plain[0]["text"] == "Tengo hambre."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": None}, "missing text"),
        ({"text": [1]}, r"text[0] is a number"),
        ({"target_lang": None}, "missing target_lang"),
        ({"target_lang": "XX"}, "XX is not supported"),
        ({"target_lang": "\ud800"}, "is not supported"),
        ({"source_lang": "XX"}, "XX is not supported"),
        ({"tag_handling": "json"}, "tag_handling"),
        ({"split_sentences": "2"}, "split_sentences"),
        ({"glossary_id": "x", "source_lang": None}, "name the source"),
        ({"glossary_ids": ["a"] * 6, "source_lang": "EN"}, "at most five"),
        ({"glossary_ids": ["a"], "glossary_id": "b", "source_lang": "EN"}, "exclude"),
        ({"text": ["<a"], "tag_handling": "xml", "ignore_tags": {"a": 1}}, "ignore_tags"),
    ],
)
def test_wrong_fields_are_400(client: TestClient, fields: dict[str, Any], message: str) -> None:
    body = {"text": ["a"], "target_lang": "ES"} | fields
    answer = client.post(
        "/v2/translate",
        content=json.dumps({k: v for k, v in body.items() if v is not None}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400, answer.text
    assert message in answer.json()["message"]


def test_limits_are_413() -> None:
    with service.client(request_texts=2, text_characters=20, body_bytes=1000) as client:
        assert refusal(client, text=["a"] * 3)[0] == 413
        assert refusal(client, text=["a" * 21])[0] == 413
        assert refusal(client, text=["a" * 2000])[0] == 413
        tags = [f"a{n}" for n in range(300)]
        assert refusal(client, text=["<a/>"], tag_handling="xml", ignore_tags=tags)[0] == 413


def test_keys_are_checked_everywhere(locked: TestClient) -> None:
    calls = [
        ("POST", "/v2/translate"),
        *(("GET", path) for path in ("/v2/usage", "/v2/languages", "/v2/glossaries")),
        ("GET", "/v2/glossary-language-pairs"),
        ("GET", "/v3/glossaries"),
        ("POST", "/v3/glossaries"),
        ("DELETE", "/v2/glossaries/x"),
        ("PATCH", "/v3/glossaries/x"),
        ("PUT", "/v3/glossaries/x/dictionaries"),
        ("POST", "/v2/document"),
        ("POST", "/v2/document/x"),
        ("POST", "/v2/document/x/result"),
    ]
    for method, path in calls:
        for headers in (
            {},
            {"Authorization": "DeepL-Auth-Key wrong"},
            {"Authorization": "Bearer secret-1"},
            {"Authorization": "DeepL-Auth-Key"},
        ):
            answer = locked.request(method, path, headers=headers)
            assert answer.status_code == 403, (method, path, headers)
            assert "Authorization failed" in answer.json()["message"]
    assert locked.get("/v2/usage", headers=_KEY).status_code == 200
    # Of old clients.
    assert locked.get("/v2/usage", params={"auth_key": "secret-2"}).status_code == 200


def test_usage_counts_the_characters_of_each_key() -> None:
    with service.client(keys=("secret-1", "secret-2")) as client:
        fields = {"text": ["I am hungry."] * 2, "target_lang": "ES"}
        assert client.post("/v2/translate", json=fields, headers=_KEY).status_code == 200
        wrong = {"text": ["abc"], "target_lang": "XX"}
        assert client.post("/v2/translate", json=wrong, headers=_KEY).status_code == 400
        other = {"Authorization": "DeepL-Auth-Key secret-2"}
        assert client.get("/v2/usage", headers=_KEY).json()["character_count"] == 24
        assert client.post("/v2/usage", headers=other).json() == {
            "character_count": 0,
            "character_limit": 1_000_000_000_000,
        }


def test_languages_are_those_of_the_models(client: TestClient) -> None:
    assert client.get("/v2/languages").json() == [{"language": "EN", "name": "English"}]
    expected = [{"language": "ES", "name": "Spanish", "supports_formality": False}]
    assert client.get("/v2/languages?type=target").json() == expected
    assert client.request("GET", "/v2/languages", data={"type": "target"}).json() == expected
    assert client.get("/v2/languages?type=both").status_code == 400


def test_targets_have_the_countries_that_clients_want() -> None:
    names = ["en-es", "es-en", "es-pt", "es-zh", "en-zt", "es-sr"]
    catalog = Catalog(dict.fromkeys(names, "nowhere"), lambda _: service.translator())
    assert [one.upper() for one in deepl._targets(catalog)] == [
        *("EN-GB", "EN-US", "ES", "PT-BR", "PT-PT", "SR", "ZH", "ZH-HANS", "ZH-HANT"),
    ]
    assert deepl._sources(catalog) == ["en", "es"]
    lone = Catalog({"zt-en": "nowhere"}, lambda _: service.translator())
    assert deepl._sources(lone) == ["zh-Hant"]
    for code in deepl._targets(catalog):
        assert catalog.known(code, catalog.targets) is not None


def test_rates_are_429_with_retry_after() -> None:
    with service.client(requests_per_minute=2) as client:
        answers = [client.get("/v2/usage") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert int(answers[2].headers["retry-after"]) > 0
