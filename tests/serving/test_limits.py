"""Keys, rates, sizes, deadlines and the queue: what is refused, and how."""

import asyncio
import json
import logging
import time
from typing import Any

import pytest

from pyattn.serving.admission import Admission, Keys, Rates
from pyattn.serving.problems import Problem
from pyattn.serving.service import Service
from pyattn.serving.settings import ServiceSettings
from pyattn.serving.watching import JsonLines
from pyattn.serving.work import Job
from support import service

_FIELDS = {"q": "I am hungry.", "source": "en", "target": "es"}
# No sentence comes twice: such are translated once.
_LONG = " ".join(f"The cat sat on {n} mats and looked at {n} birds." for n in range(2, 900))


def test_a_key_is_required_where_there_are_any() -> None:
    with service.client(keys=("secret", "other")) as client:
        answer = client.post("/translate", json=_FIELDS)
        assert answer.status_code == 400
        assert "get an API key" in answer.json()["error"]
        wrong = client.post("/translate", json=_FIELDS | {"api_key": "guess"})
        assert (wrong.status_code, wrong.json()) == (403, {"error": "Invalid API key"})
        assert client.post("/translate", json=_FIELDS | {"api_key": "secret"}).status_code == 200
        bearer = {"Authorization": "Bearer other"}
        assert client.post("/translate", json=_FIELDS, headers=bearer).status_code == 200
        own = client.post("/v1/translate", json={"texts": ["a"], "target": "es"})
        assert own.status_code == 401
        # These tell nothing that a key protects.
        for path in ("/health", "/ready", "/languages", "/frontend/settings", "/openapi.json"):
            assert client.get(path).status_code == 200, path


def test_keys_are_kept_as_hashes_only() -> None:
    keys = Keys(["secret"])
    assert "secret" not in repr(vars(keys))
    assert keys.holder("secret") is not None
    assert keys.holder("secre") is None
    assert keys.holder(None) is None
    assert keys.holder("\ud800") is None
    assert Keys([]).holder("any") is not None


def test_a_bucket_fills_evenly() -> None:
    now = [0.0]
    rates = Rates(60, lambda: now[0])
    for _ in range(60):
        rates.take("a")
    with pytest.raises(Problem) as refused:
        rates.take("a")
    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    rates.take("b")
    now[0] = 1.5
    rates.take("a")
    with pytest.raises(Problem):
        rates.take("a")


def test_too_many_requests_are_told_when_to_come_back() -> None:
    with service.client(requests_per_minute=2) as client:
        answers = [client.post("/translate", json=_FIELDS) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30
        assert answers[2].json() == {"error": "Slowdown: 2 per 1 minute"}


def test_addresses_of_proxies_count_only_if_trusted() -> None:
    for trusted, last in ((False, 429), (True, 200)):
        with service.client(requests_per_minute=1, trust_proxy=trusted) as client:
            found = [
                client.post(
                    "/translate", json=_FIELDS, headers={"X-Forwarded-For": f"9.9.9.9, 1.1.1.{n}"}
                ).status_code
                for n in (1, 2)
            ]
            assert found == [200, last]


def test_large_bodies_are_refused() -> None:
    with service.client(body_bytes=1000, file_bytes=2000) as client:
        body = json.dumps(_FIELDS | {"q": "a" * 1000})
        assert client.post("/translate", content=body).status_code == 413

        def parts() -> Any:
            for _ in range(11):
                yield b"x" * 100

        # Without a length that is announced.
        assert client.post("/translate", content=parts()).status_code == 413
        for length in ("99999999999999999999999", "1001"):
            answer = client.post("/translate", content=b"{}", headers={"Content-Length": length})
            assert answer.status_code == 413
        file = {"file": ("a.txt", b"Hello. " * 200)}
        languages = {"source": "en", "target": "es"}
        assert client.post("/translate_file", files=file, data=languages).status_code == 200
        file = {"file": ("a.txt", b"Hello. " * 400)}
        assert client.post("/translate_file", files=file, data=languages).status_code == 413


def test_a_deadline_ends_a_request() -> None:
    with service.client(seconds=0.05) as client:
        answer = client.post("/translate", json=_FIELDS | {"q": _LONG})
        assert answer.status_code == 504
        assert "send less" in answer.json()["error"]


def test_files_can_be_switched_off() -> None:
    with service.client(files=False) as client:
        file = {"file": ("a.txt", b"Hello.")}
        answer = client.post("/translate_file", files=file, data={"source": "en", "target": "es"})
        assert answer.status_code == 403


def test_results_are_deleted_when_their_time_is_over() -> None:
    with service.client(result_minutes=0.01) as client:
        file = {"file": ("a.txt", b"Hello.")}
        answer = client.post("/translate_file", files=file, data={"source": "en", "target": "es"})
        address = answer.json()["translatedFileUrl"]
        assert client.get(address).status_code == 200
        time.sleep(0.7)
        assert client.get(address).status_code == 404


def test_the_queue_is_bounded_in_tokens() -> None:
    admission = Admission(10, 100.0)
    with admission.admitted(50), pytest.raises(Problem) as refused, admission.admitted(1):
        pass
    assert refused.value.status == 503
    assert refused.value.retry_after is not None
    assert admission.tokens == 0
    with admission.admitted(5), admission.admitted(5):
        assert admission.tokens == 10


def test_the_queue_is_bounded_in_time_once_the_speed_is_known() -> None:
    now = [0.0]
    admission = Admission(1_000_000, 10.0, lambda: now[0])
    for _ in range(5):
        with admission.admitted(500):
            now[0] += 5  # 100 tokens a second
        now[0] += 100  # in which there is nothing to do
    assert admission.rate == pytest.approx(100, rel=0.15)
    with admission.admitted(800):
        with admission.admitted(50):
            pass
        with pytest.raises(Problem) as refused, admission.admitted(400):
            pass
    assert refused.value.retry_after in range(7, 10)


def test_what_was_cancelled_is_no_speed() -> None:
    admission = Admission(1_000_000, 10.0)
    with pytest.raises(KeyError), admission.admitted(5000):
        raise KeyError
    assert admission.rate is None


def made(**settings: Any) -> Service:
    models = {"en-es": service.translator()}
    return Service(models, ServiceSettings(**settings), lambda _: service.translator())


def test_a_request_that_is_cancelled_leaves_the_queue() -> None:
    async def run() -> None:
        one = made()
        job = Job(texts=[_LONG], source="en", target="es")
        task = asyncio.ensure_future(one.work.translate(job))
        while not one.admission.tokens:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert one.admission.tokens == 0
        assert all(slot.uses == 0 for slot in one.catalog.slots)

    asyncio.run(run())


def test_nothing_is_accepted_while_draining() -> None:
    with service.client() as client:
        client.app.service.drain()  # type: ignore[attr-defined]
        assert client.post("/translate", json=_FIELDS).status_code == 503
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503


def test_logs_have_no_texts_and_no_keys(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, "pyattn.serving"),
        service.client(keys=("secret",)) as client,
    ):
        client.post("/translate", json=_FIELDS | {"api_key": "secret"})
        client.post("/translate", json=_FIELDS | {"api_key": "wrong"})
        metrics = client.get("/metrics").text
    lines = [JsonLines().format(record) for record in caplog.records]
    found = [json.loads(line) for line in lines]
    asked = [one for one in found if one.get("route") == "/translate"]
    assert [one["status"] for one in asked] == [200, 403]
    assert (asked[0]["texts"], asked[0]["characters"]) == (1, 12)
    for hidden in ("hungry", "hambre", "secret", "wrong", "testclient"):
        assert hidden not in "".join(lines) + metrics
    route = 'interface="libretranslate",route="/translate"'
    assert f'pyattn_requests_total{{{route},status="200"}} 1.0' in metrics
    assert "pyattn_texts_total 1.0" in metrics


def test_other_origins_are_refused_unless_named() -> None:
    headers = {"Origin": "https://a.example"}
    with service.client() as client:
        answer = client.post("/translate", json=_FIELDS, headers=headers)
        assert "access-control-allow-origin" not in answer.headers
    with service.client(cors=("https://a.example",)) as client:
        answer = client.post("/translate", json=_FIELDS, headers=headers)
        assert answer.headers["access-control-allow-origin"] == "https://a.example"


def test_each_way_through_the_application_has_the_same_answer() -> None:
    answers = []
    for settings in ({}, {"root_path": "/mt"}, {"cors": ("https://a.example",)}):
        with service.client(**settings) as client:
            root = settings.get("root_path", "")
            found = [
                client.post(f"{root}/translate", json=_FIELDS),
                client.post(f"{root}/translate", content=b"{"),
                client.get(f"{root}/languages"),
                client.head(f"{root}/languages"),
                client.get(f"{root}/translate"),
                client.post(f"{root}/translate/", json=_FIELDS),
                client.post(f"{root}/language/translate/v2?q=a&target=es"),
                client.get(f"{root}/v1/progress/x"),
            ]
            # With CORS an answer depends on the origin, and says so.
            headers = [{k: v for k, v in one.headers.items() if k != "vary"} for one in found]
            answers.append(
                [(a.status_code, a.content, h) for a, h in zip(found, headers, strict=True)]
            )
    assert [status for status, *_ in answers[0]] == [200, 400, 200, 200, 405, 404, 200, 404]
    assert answers[0] == answers[1] == answers[2]


def test_paths_that_are_not_there_have_the_shape_of_errors() -> None:
    with service.client(metrics=False) as client:
        for path in ("/nope", "/metrics", "/translate/", "/../x"):
            answer = client.get(path, follow_redirects=False)
            assert answer.status_code in (404, 405), path
            assert list(answer.json()) == ["error"]
