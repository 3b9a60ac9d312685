"""Our own interface: details, errors per text, and streams."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

import pyattn
from support import service

_TEXT = "Where is the station?"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service.client() as found:
        yield found


def ask(client: TestClient, **fields: Any) -> list[dict[str, Any]]:
    body = json.dumps({"texts": [_TEXT], "target": "es"} | fields)
    answer = client.post("/v1/translate", content=body)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["translations"]
    return found


def test_details_are_those_of_the_result(client: TestClient) -> None:
    [found] = ask(client, details=True)
    [[best]] = service.translator().results([_TEXT], alignment=True, protect=True)
    assert found["text"] == best.text
    assert found["score"] == pytest.approx(best.score, abs=1e-5)
    assert found["pieces"] == [{"source": [0, 21], "target": [0, 24], "copied": False}]
    words = [best.text[slice(*one["target"])] for one in found["tokens"]]
    assert "".join(words) == best.text.replace(" ", "") or "".join(words) == best.text
    looked = {
        best.text[slice(*o["target"])].strip(): _TEXT[slice(*o["source"])].strip()
        for o in found["tokens"]
    }
    assert looked["estación"] == "station"
    assert all(one["score"] <= 0 for one in found["tokens"])


def test_a_wrong_text_does_not_harm_the_others() -> None:
    with service.client(text_characters=30) as client:
        first, second, third = ask(client, texts=["I am hungry.", "a" * 31, "\ud800"])
    assert first["text"] == "Tengo hambre."
    assert second["error"]["status"] == 413
    assert third["error"]["status"] == 400


def test_detection_is_reported(client: TestClient) -> None:
    english, spanish, neither = ask(client, texts=[_TEXT, "¿Dónde está la estación?", "12"])
    assert english["detected"]["language"] == "en"
    assert (spanish["text"], spanish["source"]) == ("¿Dónde está la estación?", "es")
    assert neither["detected"] == {"language": None, "confidence": 0.0}


def test_texts_without_any_are_an_empty_list(client: TestClient) -> None:
    assert ask(client, texts=[]) == []


def test_a_stream_has_every_text_once(client: TestClient) -> None:
    texts = ["I am hungry.", _TEXT, "I am hungry."]
    body = {"texts": texts, "target": "es", "stream": True}
    with client.stream("POST", "/v1/translate", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = "".join(answer.iter_text()).split("\n\n")
    assert events[-2:] == ["event: done\ndata: {}", ""]
    found = [json.loads(one.partition("data: ")[2]) for one in events[:-2]]
    texts_of = {one["index"]: one["text"] for one in found}
    assert texts_of == dict(enumerate(service.translator().translate(texts)))


def test_errors_have_a_status_and_a_message(client: TestClient) -> None:
    answer = client.post("/v1/translate", json={"texts": ["a"], "target": "zz"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": {"status": 400, "message": "zz is not supported"}},
    )


def test_models_and_their_languages_are_listed(client: TestClient) -> None:
    assert client.get("/v1/models").json() == {
        "models": [{"name": "en-es", "loaded": True, "pairs": [{"source": "en", "target": "es"}]}],
        "languages": {"en": "English", "es": "Spanish"},
        "limits": {
            "texts": 1000,
            "characters": 100_000,
            "alternatives": 8,
            "file_bytes": 20_000_000,
        },
    }
    with service.client(files=False) as other:
        assert other.get("/v1/models").json()["limits"]["file_bytes"] == 0


def test_alternatives_have_details_of_their_own(client: TestClient) -> None:
    [found] = ask(client, alternatives=3, details=True)
    assert [one["text"] for one in found["others"]] == found["alternatives"]
    assert found["alternatives"]
    for one in found["others"]:
        looked = {
            one["text"][slice(*o["target"])].strip().lower(): _TEXT[slice(*o["source"])].strip()
            for o in one["tokens"]
        }
        assert looked["estación"] == "station"
        assert one["score"] <= found["score"]
        assert one["pieces"][-1]["target"][1] == len(one["text"])
    [plain] = ask(client, alternatives=3)
    assert plain["alternatives"] == found["alternatives"]
    assert "others" not in plain


def test_a_stream_ends_with_an_error_where_the_service_fails() -> None:
    class Broken:
        def __await__(self) -> Any:
            raise RuntimeError("secret")
            yield

    class Model(pyattn.Translator):
        def submit(self, *_: Any, **__: Any) -> Any:
            return Broken()

    own = service.translator()
    with service.client({"en-es": Model(own.model, own.tokenizer)}) as client:
        body = {"texts": ["I am hungry."], "target": "es", "source": "en", "stream": True}
        answer = client.post("/v1/translate", json=body)
    assert "500" in answer.text
    assert "secret" not in answer.text
    assert answer.text.endswith("event: done\ndata: {}\n\n")


def test_xml_is_translated_between_its_tags(client: TestClient) -> None:
    [found] = ask(client, texts=["<a>I am <b/>hungry.</a>"], format="xml")
    assert found["text"].startswith("<a>Tengo")
    assert found["text"].count("<b/>") == 1


def test_a_beam_can_be_chosen(client: TestClient) -> None:
    [found] = ask(client, beam_size=1)
    assert found["text"] == service.translator().translate(_TEXT, beam_size=1)
