"""Documents by DeepL's interface: their states, keys, results and limits."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pyattn import documents
from pyattn.serving import deepl_documents, files, jobs
from pyattn.serving.files import Files, Paper, Progress
from pyattn.serving.jobs import Jobs
from pyattn.serving.problems import Problem
from support import service

_PAGE = b"<p>Where is the <b>station</b>?</p><pre>x</pre>"
_ONE = {"Authorization": "DeepL-Auth-Key secret-1"}
_OTHER = {"Authorization": "DeepL-Auth-Key secret-2"}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service.client(keys=("secret-1", "secret-2")) as found:
        found.headers.update(_ONE)
        yield found


def sent(
    client: TestClient, data: bytes = _PAGE, name: str = "a.html", **fields: str
) -> dict[str, str]:
    answer = client.post(
        "/v2/document", data={"target_lang": "ES"} | fields, files={"file": (name, data)}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


def state(client: TestClient, sent: dict[str, str]) -> dict[str, Any]:
    """The state of a document when it does not change any more."""
    place = f"/v2/document/{sent['document_id']}"
    while True:
        answer = client.post(place, json={"document_key": sent["document_key"]})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert found["document_id"] == sent["document_id"]
        if found["status"] in ("done", "error"):
            return found
        assert found["status"] in ("queued", "translating")
        time.sleep(0.01)


def fetched(client: TestClient, sent: dict[str, str], **changed: Any) -> Any:
    place = f"/v2/document/{sent['document_id']}/result"
    return client.post(place, data={"document_key": sent["document_key"]}, **changed)


def refusal(client: TestClient, name: str = "a.html", **fields: str) -> tuple[int, str]:
    data = {"target_lang": "ES"} | fields
    answer = client.post("/v2/document", data=data, files={"file": (name, _PAGE)})
    return answer.status_code, answer.json()["message"]


@pytest.mark.parametrize("source", ["EN", ""])
def test_a_document_is_translated_as_by_documents(client: TestClient, source: str) -> None:
    new = sent(client, source_lang=source)
    assert re.fullmatch(r"[0-9A-F]{32}", new["document_id"])
    assert re.fullmatch(r"[0-9A-F]{64}", new["document_key"])
    used = client.get("/v2/usage").json()["character_count"]
    done = state(client, new)
    assert done["status"] == "done"
    assert done["billed_characters"] == len("Where is the station?")
    answer = fetched(client, new)
    assert answer.content == documents.translate(_PAGE, "html", service.translator())
    assert 'filename="a_es.html"' in answer.headers["content-disposition"]
    assert client.get("/v2/usage").json()["character_count"] in (used, used + 21)


def test_the_first_answer_waits_for_a_small_document(client: TestClient) -> None:
    new = sent(client, source_lang="EN")
    key = {"document_key": new["document_key"]}
    answer = client.post(f"/v2/document/{new['document_id']}", data=key)
    assert answer.json()["status"] == "done"


def test_a_result_is_deleted_when_it_is_fetched(client: TestClient) -> None:
    new = sent(client)
    state(client, new)
    app: Any = client.app
    folder = app.service.files._folder
    before = set(folder.iterdir())
    assert fetched(client, new).status_code == 200
    assert len(before - set(folder.iterdir())) == 1
    assert fetched(client, new).status_code == 404
    answer = client.post(f"/v2/document/{new['document_id']}", json={"document_key": "x"})
    assert answer.status_code == 404


def test_its_key_and_its_owner_have_to_be_right(client: TestClient) -> None:
    new = sent(client)
    state(client, new)
    for key in ("", "x", new["document_key"][:-1], new["document_key"].lower(), "\ud800", "ñ"):
        wrong = {**new, "document_key": key}
        place = f"/v2/document/{new['document_id']}"
        body = b'{"document_key": "\\ud800"}' if key == "\ud800" else None
        for path in (place, f"{place}/result"):
            answer = client.post(
                path,
                content=body,
                json=None if body else {"document_key": wrong["document_key"]},
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code == 404, key
    assert fetched(client, new, headers=_OTHER).status_code == 404
    assert client.post(f"/v2/document/{new['document_id']}", json={}).status_code == 400
    for id in ("..", "../../x", "%2e%2e%2f", "x" * 3000):
        answer = client.post(f"/v2/document/{id}/result", json={"document_key": "x"})
        assert answer.status_code in (404, 405)
    assert fetched(client, new).status_code == 200


def test_a_broken_document_is_an_error_and_has_no_result(client: TestClient) -> None:
    new = sent(client, b"PK\x03\x04 nothing", "a.docx")
    failed = state(client, new)
    assert failed["status"] == "error"
    assert failed["error_message"]
    answer = fetched(client, new)
    assert answer.status_code == 404
    assert answer.json()["message"].endswith(failed["error_message"])


@pytest.mark.parametrize(
    ("name", "fields", "status", "message"),
    [
        ("a.xyz", {}, 400, "xyz"),
        ("a", {}, 400, "extension"),
        ("a.html", {"target_lang": "XX"}, 400, "XX is not supported"),
        ("a.html", {"source_lang": "XX"}, 400, "XX is not supported"),
        ("a.html", {"source_lang": "ES", "target_lang": "EN"}, 400, "not available"),
        ("a.html", {"output_format": "pdf"}, 400, "output_format"),
        ("a.html", {"formality": "more"}, 400, "formality"),
        ("a.html", {"glossary_id": "x", "source_lang": "EN"}, 404, "Glossary not found"),
        ("a.html", {"glossary_id": "x"}, 400, "name the source"),
    ],
)
def test_wrong_uploads_are_refused_at_once(
    client: TestClient, name: str, fields: dict[str, str], status: int, message: str
) -> None:
    found, said = refusal(client, name, **fields)
    assert found == status
    assert message in said


def test_broken_forms_are_400(client: TestClient) -> None:
    for kind, body in (
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disp"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--"),
        ("application/json", b'{"file": "x", "target_lang": "ES"}'),
        ("application/x-www-form-urlencoded", b"file=x&target_lang=ES"),
    ):
        answer = client.post("/v2/document", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400, (kind, body)
        assert list(answer.json()) == ["message"]
    several = [("file", ("a.html", b"a")), ("file", ("b.html", b"b"))]
    assert client.post("/v2/document", data={"target_lang": "ES"}, files=several).status_code == 400


def test_names_of_files_lead_nowhere(client: TestClient) -> None:
    for name in ("../../etc/x.html", "C:\\a\\x.html", "/etc/x.html", 'x"\r\nA: b.html'):
        new = sent(client, name=name, output_format="html")
        state(client, new)
        shown = fetched(client, new).headers["content-disposition"]
        assert "/" not in shown
        assert "\\" not in shown
    renamed = sent(client, name="blob", filename="b.md", data=b"# Where is it?")
    state(client, renamed)
    assert fetched(client, renamed).content == documents.translate(
        b"# Where is it?", "md", service.translator()
    )


def test_files_may_be_switched_off_and_too_large() -> None:
    with service.client(files=False) as client:
        assert refusal(client)[0] == 403
    with service.client(file_bytes=100) as client:
        answer = client.post(
            "/v2/document", data={"target_lang": "ES"}, files={"file": ("a.html", b"a" * 200)}
        )
        assert answer.status_code == 413


def test_what_waits_is_queued_and_what_is_too_much_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_AT_ONCE", 1)
    monkeypatch.setattr(deepl_documents, "_PATIENCE", 0.01)
    hold, begun = threading.Event(), threading.Event()

    def held(*arguments: Any, **options: Any) -> bytes:
        options["progress"](0.25)
        begun.set()
        assert hold.wait(20)
        return documents.translate(*arguments, **options)

    monkeypatch.setattr("pyattn.serving.files.translate_document", held)
    with service.client(queue_files=2) as client:
        first = sent(client, source_lang="EN")
        assert begun.wait(20)
        second = sent(client, source_lang="EN")

        def status(one: dict[str, str]) -> tuple[str, float | None]:
            key = {"document_key": one["document_key"]}
            found = client.post(f"/v2/document/{one['document_id']}", data=key).json()
            return found["status"], found.get("progress")

        assert (status(first), status(second)) == (("translating", 0.25), ("queued", None))
        assert refusal(client)[0] == 503
        early = fetched(client, first)
        assert (early.status_code, early.headers["retry-after"]) == (503, "1")
        hold.set()
        for one in (first, second):
            assert state(client, one)["status"] == "done"
            assert fetched(client, one).status_code == 200
        sent(client)


def test_documents_under_way_end_with_the_service() -> None:
    with service.client() as client:
        long = b" ".join(b"There are %d cats here." % n for n in range(2000))
        sent(client, long, "a.txt", source_lang="EN")
        app: Any = client.app
        [task] = app.service.files.tasks
        until = time.monotonic() + 20
        while not any(one.progress.begun for one in app.service.jobs._jobs.values()):
            assert time.monotonic() < until
            time.sleep(0.01)
    assert task.done()
    assert app.service.files.count == 0


def test_a_document_that_takes_too_long_is_an_error() -> None:
    with service.client(file_seconds=0.2) as client:
        long = b" ".join(b"There are %d cats here." % n for n in range(2000))
        failed = state(client, sent(client, long, "a.txt", source_lang="EN"))
        assert failed["status"] == "error"
        assert failed["error_message"].startswith("not done in 0.2 seconds")
        app: Any = client.app
        assert app.service.files.count == 0


def test_seconds_left_come_from_the_share() -> None:
    progress = Progress()
    assert progress.seconds_left is None
    progress.begun = time.monotonic() - 10
    assert progress.seconds_left is None
    progress.share = 0.25
    assert progress.seconds_left == 30


class _Instant:
    """Stands in for `Work`: every document is in the language that it is wanted in."""

    def check_languages(self, source: str | None, target: str) -> None: ...

    def language(self, _: str, code: str) -> str:
        return code

    def route(self, *_: str) -> Any:
        class Route:
            slots = ()

        return Route()


def test_jobs_and_results_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_MOST_JOBS", 3)
    monkeypatch.setattr(files, "_MOST_RESULT_BYTES", 10)

    async def run() -> None:
        instant: Any = _Instant()
        kept = Files(instant, 10, 1)
        counted: list[tuple[str, int]] = []
        known = Jobs(kept, 1, 60, lambda owner, count: counted.append((owner, count)))
        paper = Paper(data=b"1234", name="a.txt", source="en", target="en")
        made = []
        for _ in range(6):
            made.append(known.start("me", paper, "a.txt"))
            await asyncio.gather(*kept.tasks)
            await asyncio.sleep(0)
        assert counted == [("me", 0)] * 6
        # Three results are more than ten bytes: two are left.
        assert kept._folder is not None
        assert len(list(kept._folder.iterdir())) == 2
        known.clean()
        for old in made[:3]:
            with pytest.raises(Problem, match="not found"):
                known.get("me", old.id, old.key)
        assert known.taken(known.get("me", made[3].id, made[3].key)) is None
        assert known.taken(known.get("me", made[5].id, made[5].key)) == b"1234"
        made[4].until = 0.0
        known.clean()
        assert not known._jobs
        assert not list(kept._folder.iterdir())
        kept.close()

    asyncio.run(run())


def test_a_result_that_is_too_old_is_404() -> None:
    with service.client(result_minutes=0.01) as client:
        new = sent(client)
        state(client, new)
        app: Any = client.app
        [job] = app.service.jobs._jobs.values()
        job.until = 0.0
        assert fetched(client, new).status_code == 404
