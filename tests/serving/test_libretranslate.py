"""LibreTranslate's interface: its shapes, and the translations of `Translator.translate`."""

import concurrent.futures
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pyattn.serving import files
from support import service

_LINES = ["You are welcome.", "Where is the station?", "I am hungry."]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service.client() as found:
        yield found


def ask(client: TestClient, path: str = "/translate", **fields: Any) -> Any:
    answer = client.post(path, json={"source": "en", "target": "es"} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(client: TestClient, **fields: Any) -> tuple[int, str]:
    body = {name: one for name, one in ({"q": "a"} | fields).items() if one is not None}
    content = json.dumps(body).encode()
    answer = client.post("/translate", content=content)
    assert list(answer.json()) == ["error"]
    return answer.status_code, answer.json()["error"]


def test_a_text_is_translated_as_by_the_translator(client: TestClient) -> None:
    expected = service.translator().translate(_LINES[1])
    assert ask(client, q=_LINES[1]) == {"translatedText": expected}


def test_a_list_gives_a_list_in_order(client: TestClient) -> None:
    expected = service.translator().translate(_LINES)
    assert ask(client, q=_LINES)["translatedText"] == expected
    assert ask(client, q=_LINES[:1])["translatedText"] == expected[:1]
    assert ask(client, q=[])["translatedText"] == []


def test_fields_may_be_a_form_or_a_query(client: TestClient) -> None:
    fields = {"q": _LINES[0], "source": "en", "target": "es", "api_key": ""}
    expected = {"translatedText": "De nada."}
    assert client.post("/translate", data=fields).json() == expected
    assert client.post("/translate", params=fields).json() == expected
    assert client.post("/translate", files={n: (None, v) for n, v in fields.items()}).json() == (
        expected
    )


def test_each_text_has_its_own_language(client: TestClient) -> None:
    answer = ask(client, q=["Where is the station?", "¿Dónde está la estación?"], source="auto")
    assert answer["translatedText"][1] == "¿Dónde está la estación?"
    assert [one["language"] for one in answer["detectedLanguage"]] == ["en", "es"]
    one = ask(client, q="Where is the station?", source="auto")["detectedLanguage"]
    assert one["language"] == "en"
    assert isinstance(one["confidence"], int)


def test_a_text_without_letters_is_echoed(client: TestClient) -> None:
    answer = ask(client, q="😀 !!", source="auto")
    assert answer["translatedText"] == "😀 !!"
    assert answer["detectedLanguage"] == {"confidence": 0, "language": "en"}


def test_alternatives_are_the_next_hypotheses(client: TestClient) -> None:
    found = service.translator().results(_LINES[:1], num_hypotheses=4, beam_size=4)[0]
    answer = ask(client, q=_LINES[0], alternatives=3)
    texts = list(dict.fromkeys(one.text for one in found))
    assert [answer["translatedText"], *answer["alternatives"]] == texts
    assert ask(client, q=_LINES[:2], alternatives=1)["alternatives"][0] == texts[1:2]


def test_markup_stays_around_its_words(client: TestClient) -> None:
    answer = ask(client, q="I went to <b>Paris</b> &lt;today&gt;.", format="html")
    assert re.search(r"<b>París</b>", answer["translatedText"])
    # What was escaped does not become markup.
    assert "<today" not in answer["translatedText"]
    assert ask(client, q="<p>Hello!</p>", format="html", alternatives=2)["alternatives"] == []


def test_a_glossary_and_protection_are_ours(client: TestClient) -> None:
    answer = ask(client, q="Where is the station?", glossary={"station": "parada"})
    assert "parada" in answer["translatedText"]
    answer = ask(client, q="Open https://example.com/a and wait.", protect=True)
    assert "https://example.com/a" in answer["translatedText"]
    # By default a list has exact texts: a pattern could be made to take for ever.
    answer = ask(client, q="Ask Mr. Brown (the cook).", protect=["Brown (the cook)"])
    assert "Brown (the cook)" in answer["translatedText"]


def test_scores_and_warnings_come_if_asked_for(client: TestClient) -> None:
    answer = ask(client, q=_LINES[:1], alternatives=1, verbose=True)
    assert -2 < answer["scores"][0] < 0
    assert answer["warnings"] == [[]]


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"q": None}, 400, "Invalid request: missing q parameter"),
        ({"source": None}, 400, "Invalid request: missing source parameter"),
        ({"target": None}, 400, "Invalid request: missing target parameter"),
        ({"source": "zz"}, 400, "zz is not supported"),
        ({"target": "zz"}, 400, "zz is not supported"),
        ({"source": "es", "target": "en"}, 400, "en is not available as a target language from es"),
        ({"format": "pdf"}, 400, "pdf format is not supported"),
        ({"q": 5}, 400, "q is a number, expected a string or a list of strings"),
        ({"q": ["a", None]}, 400, "q[1] is null, expected a string"),
        ({"q": {"a": 1}}, 400, "q is an object"),
        ({"alternatives": -1}, 400, "alternatives is -1, expected a number from 0 to 8"),
        ({"alternatives": True}, 400, "alternatives is True"),
        ({"glossary": []}, 400, "glossary is a list, expected an object"),
        ({"glossary": {"a": 5}}, 400, "glossary"),
        ({"split": "x"}, 400, "x split is not supported"),
        ({"protect": [5]}, 400, "protect[0] is a number"),
        ({"q": "\ud800"}, 400, "text 0 has a lone surrogate"),
        ({"q": "a" * 100_001}, 413, "text 0 has 100001 characters, expected at most 100000"),
        ({"q": ["a"] * 1001}, 413, "request has 1001 texts, expected at most 1000"),
    ],
)
def test_wrong_requests_get_a_reason(
    client: TestClient, fields: dict[str, Any], status: int, message: str
) -> None:
    found = refusal(client, **{"source": "en", "target": "es"} | fields)
    assert found[0] == status
    assert message in found[1]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"null", b'"q"', b"[" * 100_000, b"\xff\xfe", b'{"q":NaN}']
)
def test_broken_json_gets_a_reason(client: TestClient, body: bytes) -> None:
    answer = client.post("/translate", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


def test_broken_forms_get_a_reason(client: TestClient) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = client.post(
            "/translate", content=b"--x\r\nContent-Disp", headers={"Content-Type": kind}
        )
        assert answer.status_code == 400, kind
        assert list(answer.json()) == ["error"]


def test_detect_names_the_best_language(client: TestClient) -> None:
    [found] = client.post("/detect", json={"q": "¿Dónde está la estación?"}).json()
    assert found["language"] == "es"
    assert 50 < found["confidence"] <= 100
    assert client.post("/detect", data={"q": "12"}).json() == [{"confidence": 0, "language": "en"}]


def test_languages_have_names_and_targets(client: TestClient) -> None:
    assert client.get("/languages").json() == [
        {"code": "en", "name": "English", "targets": ["en", "es"]},
        {"code": "es", "name": "Spanish", "targets": ["es"]},
    ]
    assert client.post("/languages").status_code == 405


def test_codes_are_case_insensitive_and_have_aliases(client: TestClient) -> None:
    for source, target in (("EN", "ES"), ("en-GB", "es-MX"), ("eng", "spa_Latn")):
        assert ask(client, q="I am hungry.", source=source, target=target)["translatedText"] == (
            "Tengo hambre."
        )


def test_a_file_is_translated_as_by_documents(client: TestClient) -> None:
    page = b"<p>Where is the <i>station</i>?</p>\n"
    files = {"file": ("pägé 1.html", page, "text/html")}
    answer = client.post("/translate_file", files=files, data={"source": "en", "target": "es"})
    address = answer.json()["translatedFileUrl"]
    assert address.startswith("http://testserver/download_file/")
    found = client.get(address)
    expected = pyattn_documents(page)
    assert found.content == expected
    assert "filename*=UTF-8''p%C3%A4g%C3%A9%201_es.html" in (found.headers["content-disposition"])
    assert found.headers["x-content-type-options"] == "nosniff"


def pyattn_documents(page: bytes) -> bytes:
    import pyattn

    return pyattn.documents.translate(page, "html", service.translator())


def test_a_file_may_have_any_language(client: TestClient) -> None:
    page = b"Where is the station?\n"
    files = {"file": ("a.txt", page)}
    answer = client.post("/translate_file", files=files, data={"source": "auto", "target": "es"})
    assert client.get(answer.json()["translatedFileUrl"]).text == "¿Dónde está la estación?\n"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a", b"x", "has no extension"),
        ("a.exe", b"x", "exe"),
        ("a.docx", b"PK\x03\x04broken", "docx"),
        ("a.pdf", b"%PDF-1.4", "pdf"),
        ("../../etc/passwd", b"x", "has no extension"),
        ("a.json", b"{", "json"),
    ],
)
def test_files_that_cannot_be_read_get_a_reason(
    client: TestClient, name: str, data: bytes, message: str
) -> None:
    answer = client.post(
        "/translate_file", files={"file": (name, data)}, data={"source": "en", "target": "es"}
    )
    assert answer.status_code == 400, answer.text
    assert message in answer.json()["error"]


def test_a_document_shows_how_far_it_is(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, finish = threading.Event(), threading.Event()

    def translated(data: bytes, *_: Any, progress: Any, **__: Any) -> bytes:
        progress(0.25)
        begun.set()
        finish.wait(10)
        return data

    monkeypatch.setattr(files, "translate_document", translated)
    name = "0123456789abcdef" * 2
    fields = {"source": "en", "target": "es", "progress_id": name}

    def sent(**changed: str) -> Any:
        file = {"file": ("a.txt", b"Hello.")}
        return client.post("/translate_file", files=file, data=fields | changed)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(sent)
        assert begun.wait(10)
        found = client.get(f"/v1/progress/{name}")
        assert (found.status_code, found.json()) == (200, {"state": "translating", "share": 0.25})
        assert client.get(f"/v1/progress/{name[::-1]}").status_code == 404
        assert sent().status_code == sent(progress_id="1").status_code == 400
        finish.set()
        assert answer.result().status_code == 200
    assert client.get(f"/v1/progress/{name}").status_code == 404


@pytest.mark.parametrize("name", ["x", "../x", "..%2f..%2fetc%2fpasswd", "%00", "a" * 5000])
def test_no_other_file_can_be_fetched(client: TestClient, name: str) -> None:
    assert client.get(f"/download_file/{name}").status_code == 404


def test_suggestions_are_kept_where_there_is_a_folder(tmp_path: Any) -> None:
    fields = {"q": "Hi", "s": "Hola", "source": "en", "target": "es"}
    with service.client() as client:
        assert client.post("/suggest", data=fields).status_code == 403
    with service.client(data=tmp_path / "kept") as client:
        assert client.post("/suggest", data=fields).json() == {"success": True}
    [line] = (tmp_path / "kept" / "suggestions.jsonl").read_text().splitlines()
    assert json.loads(line) == fields
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_settings_are_those_of_the_service(client: TestClient) -> None:
    found = client.get("/frontend/settings").json()
    assert found["charLimit"] == 100_000
    assert found["keyRequired"] is False
    assert found["language"]["target"] == {"code": "es", "name": "Spanish"}
    assert {".html", ".srt", ".docx"} <= set(found["supportedFilesFormat"])
