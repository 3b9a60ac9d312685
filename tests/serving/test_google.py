"""Google's interface: texts, detection, languages, quotes and errors."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pyattn.serving import google
from pyattn.serving.codes import code_of
from support import service

_PLACE = "/language/translate/v2"
_LINES = ["You are welcome.", "Where is the station?", "I am hungry."]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service.client() as found:
        yield found


def ask(client: TestClient, **fields: Any) -> list[dict[str, Any]]:
    answer = client.post(_PLACE, json={"target": "es"} | fields)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["translations"]
    return found


def test_texts_are_translated_as_by_the_translator(client: TestClient) -> None:
    expected = service.translator().translate(_LINES)
    assert ask(client, q=_LINES, source="en") == [{"translatedText": one} for one in expected]
    assert ask(client, q=_LINES[0], format="text") == [
        {"translatedText": expected[0], "detectedSourceLanguage": "en"}
    ]
    assert ask(client, q=_LINES[0], source="en", model="nmt")[0]["model"] == "nmt"


def test_models_that_google_does_not_have_are_not_repeated(client: TestClient) -> None:
    for model in ('"other"', '"\\ud800"'):
        body = f'{{"q": "a", "source": "en", "target": "es", "model": {model}}}'
        answer = client.post(_PLACE, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200
        assert "model" not in answer.json()["data"]["translations"][0]


def test_fields_may_be_in_the_query_or_a_form(client: TestClient) -> None:
    fields = {"q": _LINES, "source": "en", "target": "es"}
    expected = service.translator().translate(_LINES)
    for answer in (
        client.get(_PLACE, params=fields),
        client.post(_PLACE, params=fields),
        client.post(_PLACE, data=fields),
    ):
        found = answer.json()["data"]["translations"]
        assert [one["translatedText"] for one in found] == expected


def test_texts_are_html_unless_the_request_says_otherwise(client: TestClient) -> None:
    text = "<b>5 &lt; 6</b>"
    assert ask(client, q=text, source="en")[0]["translatedText"] == text
    plain = ask(client, q="5 < 6", source="en", format="text")
    assert plain[0]["translatedText"] == "5 < 6"


@pytest.mark.parametrize(
    ("html", "written"),
    [
        ("a 'b' \"c\"", "a &#39;b&#39; &quot;c&quot;"),
        ("<a title='it\"s > x'>d'e</a>", "<a title='it\"s > x'>d&#39;e</a>"),
        ("<!-- it's --><i>it's</i>", "<!-- it's --><i>it&#39;s</i>"),
        ("1 < 2 'a'", "1 < 2 &#39;a&#39;"),
    ],
)
def test_quotes_outside_of_tags_are_references(html: str, written: str) -> None:
    assert google._quoted(html) == written


def test_quoting_takes_linear_time() -> None:
    for part in ("<", "<a '", '<a "', "<!--", "<a b='c' ", "'"):
        assert google._quoted(part * 20_000)


def test_detection_is_per_text(client: TestClient) -> None:
    texts = ["Where is the station?", "¿Dónde está la estación?", "123"]
    for answer in (
        client.post(f"{_PLACE}/detect", json={"q": texts}),
        client.get(f"{_PLACE}/detect", params={"q": texts}),
    ):
        found = answer.json()["data"]["detections"]
        assert [[one["language"] for one in each] for each in found] == [["en"], ["es"], ["und"]]
        assert 0.3 < found[0][0]["confidence"] <= 1


def test_languages_have_names_only_with_a_target(client: TestClient) -> None:
    expected = [{"language": "en"}, {"language": "es"}]
    for method in ("GET", "POST"):
        answer = client.request(method, f"{_PLACE}/languages")
        assert answer.json() == {"data": {"languages": expected}}
        answer = client.request(method, f"{_PLACE}/languages", params={"target": "en"})
        assert [one["name"] for one in answer.json()["data"]["languages"]] == ["English", "Spanish"]


@pytest.mark.parametrize(("code", "other"), [("zh", "zh-CN"), ("zh-Hant", "zh-TW"), ("nb", "no")])
def test_codes_are_those_of_google(code: str, other: str) -> None:
    assert google._google(code) == other
    assert code_of(other) == code


def test_keys_may_be_in_the_query_or_a_header() -> None:
    with service.client(keys=("secret",)) as client:
        right: list[dict[str, Any]] = [
            {"params": {"key": "secret"}},
            {"headers": {"X-goog-api-key": "secret"}},
            {"headers": {"Authorization": "Bearer secret"}},
        ]
        for one in right:
            assert client.get(f"{_PLACE}/languages", **one).status_code == 200
        answer = client.post(_PLACE, params={"key": "secret"}, json={"q": "a", "target": "es"})
        assert answer.status_code == 200
        wrong = client.get(f"{_PLACE}/languages", params={"key": "wrong"})
        assert wrong.status_code == 400
        assert wrong.json()["error"]["message"].startswith("API key not valid")
        missing = client.get(f"{_PLACE}/languages")
        assert missing.status_code == 403
        assert missing.json()["error"]["status"] == "PERMISSION_DENIED"


def test_errors_have_the_shape_of_google(client: TestClient) -> None:
    answer = client.post(_PLACE, json={"q": "a", "target": "zz"})
    assert answer.status_code == 400
    message = "zz is not supported"
    assert answer.json() == {
        "error": {
            "code": 400,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": "invalid"}],
            "status": "INVALID_ARGUMENT",
        }
    }


@pytest.mark.parametrize(
    "fields", [{}, {"q": "a"}, {"target": "es"}, {"q": 1, "target": "es"}, {"format": "x"}]
)
def test_wrong_fields_are_400(client: TestClient, fields: dict[str, Any]) -> None:
    for path in ("", "/detect"):
        if path and "q" in fields and fields["q"] != 1:
            continue
        answer = client.post(f"{_PLACE}{path}", json=fields)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)


def test_too_many_requests_have_a_status_of_their_own() -> None:
    with service.client(requests_per_minute=1) as client:
        client.get(f"{_PLACE}/languages")
        answer = client.get(f"{_PLACE}/languages")
        assert answer.status_code == 429
        assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
