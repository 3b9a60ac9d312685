"""The page for people: its headers, its files, and its words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from pyattn.serving.static import FOLDER
from support import service
from support.paths import ROOT

FILES = sorted(file.name for file in FOLDER.iterdir())
LANGUAGES = [name.split(".")[1] for name in FILES if name.endswith(".json")]
MOST_LINES = 400


def read(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def words(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(read(f"texts.{language}.json"))
    return found


def gaps(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service.client() as found:
        yield found


def addresses() -> list[str]:
    return ["/", *(f"/page/{name}" for name in FILES if name != "index.html")]


@pytest.mark.parametrize("address", addresses())
def test_headers_let_nothing_else_in(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    headers = answer.headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    allowed = {name: value for name, value in policy.items() if value not in ("'none'", "'self'")}
    assert allowed == {"require-trusted-types-for": "'script'"}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    kinds = {"css": "text/css", "js": "text/javascript", "json": "application/json"}
    ending = address.rpartition(".")[2]
    kind = {"/": "text/html", "svg": "image/svg+xml"} | kinds
    assert headers["content-type"] == f"{kind[ending]}; charset=utf-8"


@pytest.mark.parametrize("address", ["/", "/page/main.js"])
def test_what_a_browser_has_is_not_sent_again(client: TestClient, address: str) -> None:
    first = client.get(address)
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "content-security-policy" in again.headers
    assert client.get(address, headers={"If-None-Match": '"other"'}).content == first.content
    head = client.head(address)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


@pytest.mark.parametrize(
    "name", ["", "index.html", "nothing.js", "../static.py", "..%2fstatic.py", "%2e%2e/static.py"]
)
def test_nothing_beside_the_page_is_sent(client: TestClient, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404


def test_a_service_may_have_no_page() -> None:
    with service.client(page=False) as client:
        assert client.get("/").status_code in (404, 405)
        assert client.get("/page/main.js").status_code == 404
        assert client.get("/health").status_code == 200


def test_page_is_there_without_a_key() -> None:
    with service.client(keys=("secret",)) as client:
        assert client.get("/").status_code == 200
        assert client.get("/frontend/settings").json()["keyRequired"] is True


def test_page_works_under_a_root_path(client: TestClient) -> None:
    under = TestClient(client.app, root_path="/words")
    assert under.get("/words/").text == client.get("/").text
    assert under.get("/words/page/main.js").status_code == 200


@pytest.mark.parametrize("name", FILES)
def test_no_address_leads_elsewhere(name: str) -> None:
    found = set(re.findall(r"\w+:\/\/[\w./-]+", read(name)))
    assert found <= {"http://www.w3.org/2000/svg"}  # a name, which nobody asks for
    before = r"(?:src|href|action|from|import\(|fetch\()"
    quoted = re.findall(before + r"""\s*=?\s*["'`](.)""", read(name))
    assert "/" not in quoted, "an address is not relative"


@pytest.mark.parametrize("name", FILES)
def test_nothing_needs_what_the_policy_forbids(name: str) -> None:
    text = read(name)
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|@import"
    assert not re.search(banned, text)
    if name.endswith(".html"):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", text)


@pytest.mark.parametrize("name", FILES)
def test_files_have_one_subject_and_no_more_lines_than_others(name: str) -> None:
    assert len(read(name).splitlines()) <= MOST_LINES


def test_all_files_of_the_page_are_known() -> None:
    index = read("index.html")
    scripts = [read(name) for name in FILES if name.endswith(".js")]
    used = set(re.findall(r'"page/([\w.]+)"', index))
    used |= {name for text in scripts for name in re.findall(r'from "\./([\w.]+)"', text)}
    assert used | {"index.html"} | {f"texts.{one}.json" for one in LANGUAGES} == set(FILES)


def test_every_language_says_the_same_things() -> None:
    assert LANGUAGES == ["en", "es"]
    english = words("en")
    for language in LANGUAGES:
        others = words(language)
        assert others.keys() == english.keys()
        assert all(others.values())
        for key, text in english.items():
            assert gaps(text) == gaps(others[key]), key
        offered = re.search(rf'<option value="{language}" lang="{language}">', read("index.html"))
        assert offered
    known = re.search(r"LANGUAGES = (\[.*?\])", read("texts.js"))
    assert known is not None
    assert json.loads(known[1]) == LANGUAGES


def test_all_words_of_the_page_exist_and_are_used() -> None:
    index, english = read("index.html"), words("en")
    marked = set(re.findall(r'data-i18n(?:-\w+)?="([^"]*)"', index))
    assert len(marked) > 30
    assert marked <= english.keys()
    scripts = "".join(read(name) for name in FILES if name.endswith(".js"))
    called = set(re.findall(r'\bt\(\s*"([^"]+)"', scripts))
    quoted = set(re.findall(r'"([a-z]+\.[a-z.]+)"', scripts))
    assert called
    plural = {key.rpartition(".")[0] for key in english if key.endswith((".one", ".other"))}
    assert called <= english.keys() | plural
    # Keys that are put together of two parts.
    parts = {f"{part}." for part in re.findall(r"`(\w+)\.\$\{", scripts)}
    unused = {
        key
        for key in english.keys() - marked - called - quoted
        if key.rpartition(".")[0] not in called and not key.startswith(tuple(parts))
    }
    assert not unused


def test_every_warning_has_words() -> None:
    from pyattn.results import Translation

    codes = re.findall(r'"(\w+)"', str(Translation.__doc__).partition("warnings:")[2])
    assert {"numbers", "glossary"} <= set(codes)
    assert {f"warning.{code}" for code in codes} <= words("en").keys()


def test_index_has_a_label_for_every_control() -> None:
    index = read("index.html")
    for tag in re.findall(r"<(?:select|textarea|button|input)\b[^>]*>", index):
        name = re.search(r'id="([\w-]+)"', tag)
        inside = re.search(re.escape(tag) + r"</label>", index)
        labels = name is not None and f'for="{name[1]}"' in index
        assert "data-i18n" in tag or labels or inside, tag


def test_page_has_no_markup_without_an_id_that_scripts_ask_for() -> None:
    ids = set(re.findall(r'\bid="([\w-]+)"', read("index.html")))
    scripts = "".join(read(name) for name in FILES if name.endswith(".js"))
    asked = set(re.findall(r'\$\("([\w-]+)"\)', scripts))
    assert asked
    assert asked <= ids


def test_browser_check_is_described_and_runs() -> None:
    script = ROOT / ".ci" / "page"
    if not script.exists():
        pytest.skip("the gate is not in the wheel")
    text = script.read_text("utf-8")
    for name in re.findall(r"\b([\w.]+\.js)\b", text):
        assert (ROOT / "tests" / "serving" / "browser" / name).is_file()
