"""Glossaries at the service: DeepL's two interfaces, owners, limits and files."""

import json
import os
import pathlib
import re
import stat
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pyattn.serving import glossaries
from pyattn.serving.catalog import Catalog
from pyattn.serving.glossaries import Dictionary, Glossaries, Kept, read_entries
from pyattn.serving.problems import Problem
from support import service

_TEXT = "Where is the station?"
_ENTRIES = "station\tterminal\nbank\tcaja\n"
_ONE = {"Authorization": "DeepL-Auth-Key secret-1"}
_OTHER = {"Authorization": "DeepL-Auth-Key secret-2"}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service.client(keys=("secret-1", "secret-2")) as found:
        found.headers.update(_ONE)
        yield found


def made(client: TestClient, **fields: Any) -> dict[str, Any]:
    body = {
        "name": "towns",
        "source_lang": "en",
        "target_lang": "es",
        "entries": _ENTRIES,
        "entries_format": "tsv",
    }
    answer = client.post("/v2/glossaries", json=body | fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def made_several(client: TestClient, *entries: str, name: str = "towns") -> dict[str, Any]:
    dictionaries = [
        {"source_lang": "EN", "target_lang": "ES", "entries": one, "entries_format": "tsv"}
        for one in entries
    ]
    fields = {"name": name, "dictionaries": dictionaries}
    answer = client.post("/v3/glossaries", json=fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refusal(client: TestClient, **fields: Any) -> tuple[int, str]:
    body = {"name": "x", "source_lang": "en", "target_lang": "es", "entries": "a\tb"} | fields
    given = {name: one for name, one in body.items() if one is not None}
    answer = client.post(
        "/v2/glossaries",
        content=json.dumps(given),
        headers={"Content-Type": "application/json"},
    )
    return answer.status_code, answer.json()["message"]


def translated(client: TestClient, **fields: Any) -> str:
    body = {"text": [_TEXT], "source_lang": "EN", "target_lang": "ES"} | fields
    answer = client.post("/v2/translate", json=body)
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["translations"][0]["text"]
    return text


def test_a_glossary_is_made_shown_and_deleted(client: TestClient) -> None:
    new = made(client)
    place = f"/v2/glossaries/{new['glossary_id']}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", new.pop("creation_time"))
    assert new | {"glossary_id": ""} == {
        "glossary_id": "",
        "ready": True,
        "name": "towns",
        "source_lang": "en",
        "target_lang": "es",
        "entry_count": 2,
    }
    shown = client.get(place).json()
    assert shown.items() >= new.items()
    assert shown in client.get("/v2/glossaries").json()["glossaries"]
    table = client.get(f"{place}/entries")
    assert table.text == "station\tterminal\nbank\tcaja"
    assert table.headers["content-type"].startswith("text/tab-separated-values")
    assert client.delete(place).status_code == 204
    assert client.get(place).status_code == 404
    assert client.delete(place).status_code == 404
    assert shown not in client.get("/v2/glossaries").json()["glossaries"]


def test_its_terms_are_in_translations_of_every_interface(client: TestClient) -> None:
    assert "terminal" not in translated(client)
    id = made(client)["glossary_id"]
    assert "terminal" in translated(client, glossary_id=id)
    assert "terminal" in translated(client, glossary_id=id, tag_handling="html")
    body = {"q": _TEXT, "source": "en", "target": "es", "glossary_id": id, "api_key": "secret-1"}
    assert "terminal" in client.post("/translate", json=body).json()["translatedText"]
    body = {"texts": _TEXT, "source": "en", "target": "es", "glossary_id": id}
    answer = client.post("/v1/translate", json=body, headers={"Authorization": "Bearer secret-1"})
    assert "terminal" in answer.json()["translations"][0]["text"]


def test_the_first_of_several_wins(client: TestClient) -> None:
    first = made_several(client, "station\tparada")["glossary_id"]
    second = made_several(client, "station\tterminal\nWhere\tAdónde")["glossary_id"]
    text = translated(client, glossary_ids=[first, second])
    assert "parada" in text
    assert "Adónde" in text
    assert "terminal" in translated(client, glossary_ids=[second, first])
    form = {"text": _TEXT, "source_lang": "EN", "target_lang": "ES"}
    answer = client.post("/v2/translate", data=form | {"glossary_ids": f"{first},{second}"})
    assert "parada" in answer.json()["translations"][0]["text"]


def test_nobody_else_sees_or_uses_it(client: TestClient) -> None:
    id = made(client)["glossary_id"]
    wrong = {"entries": "a\tb", "source_lang": "en", "target_lang": "es"}
    for method, path, body in (
        ("GET", f"/v2/glossaries/{id}", None),
        ("GET", f"/v2/glossaries/{id}/entries", None),
        ("DELETE", f"/v2/glossaries/{id}", None),
        ("GET", f"/v3/glossaries/{id}", None),
        ("GET", f"/v3/glossaries/{id}/entries?source_lang=en&target_lang=es", None),
        ("PATCH", f"/v3/glossaries/{id}", {"name": "mine"}),
        ("PUT", f"/v3/glossaries/{id}/dictionaries", wrong),
        ("DELETE", f"/v3/glossaries/{id}/dictionaries?source_lang=en&target_lang=es", None),
        ("DELETE", f"/v3/glossaries/{id}", None),
    ):
        answer = client.request(method, path, json=body, headers=_OTHER)
        assert answer.status_code == 404, (method, path)
        assert answer.json()["message"] == "Glossary not found"
    for version in (2, 3):
        assert client.get(f"/v{version}/glossaries", headers=_OTHER).json() == {"glossaries": []}
    fields = {"text": ["a"], "source_lang": "EN", "target_lang": "ES", "glossary_id": id}
    assert client.post("/v2/translate", json=fields, headers=_OTHER).status_code == 404
    assert client.get(f"/v2/glossaries/{id}").json()["entry_count"] == 2


@pytest.mark.parametrize(
    "id", ["../x", "..%2F..%2Fetc%2Fpasswd", "%00", "x" * 5000, "..", "%ff", "*"]
)
def test_odd_ids_are_not_found(client: TestClient, id: str) -> None:
    for path in (f"/v2/glossaries/{id}", f"/v3/glossaries/{id}", f"/v2/glossaries/{id}/entries"):
        for method in ("GET", "DELETE"):
            assert client.request(method, path).status_code in (404, 405), path


def test_dictionaries_are_added_changed_and_deleted(client: TestClient) -> None:
    new = made_several(client, "station\tparada")
    place = f"/v3/glossaries/{new['glossary_id']}"
    query = {"source_lang": "EN", "target_lang": "es"}
    counted = {"source_lang": "en", "target_lang": "es", "entry_count": 1}
    assert new["dictionaries"] == [counted]
    more = {**query, "entries": "station\tterminal\nbank\tcaja", "entries_format": "tsv"}
    changed = client.patch(place, json={"name": "cities", "dictionaries": [more]}).json()
    assert changed["name"] == "cities"
    assert changed["dictionaries"] == [counted | {"entry_count": 2}]
    [found] = client.get(f"{place}/entries", params=query).json()["dictionaries"]
    assert found["entries"] == "station\tterminal\nbank\tcaja"
    assert found["entries_format"] == "tsv"
    replaced = client.put(
        f"{place}/dictionaries", json=query | {"entries": "bank,orilla", "entries_format": "csv"}
    )
    assert replaced.json() == counted
    assert client.get(place).json()["dictionaries"] == [counted]
    # The last one stays: a glossary without terms would be none.
    assert client.delete(f"{place}/dictionaries", params=query).status_code == 400
    unknown = {"source_lang": "en", "target_lang": "de"}
    assert client.delete(f"{place}/dictionaries", params=unknown).status_code == 400
    assert client.get(f"{place}/entries", params=unknown).status_code == 400
    assert client.delete(place).status_code == 204


def test_forms_number_the_dictionaries(client: TestClient) -> None:
    form = {
        "name": "towns",
        "dictionaries[0].source_lang": "en",
        "dictionaries[0].target_lang": "es",
        "dictionaries[0].entries": _ENTRIES,
        "dictionaries[0].entries_format": "tsv",
    }
    answer = client.post("/v3/glossaries", data=form)
    assert answer.status_code == 201
    assert answer.json()["dictionaries"][0]["entry_count"] == 2


def test_pairs_of_languages_are_those_of_the_models(client: TestClient) -> None:
    expected = [{"source_lang": "en", "target_lang": "es"}]
    assert client.get("/v2/glossary-language-pairs").json() == {"supported_languages": expected}


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"name": None}, 400, "missing name"),
        ({"name": " "}, 400, "name is empty"),
        ({"name": "a\nb"}, 400, "name is empty or invalid"),
        ({"name": "a" * 201}, 400, "200 characters"),
        ({"name": "\ud800"}, 400, "invalid"),
        ({"entries": None}, 400, "missing entries"),
        ({"entries": ""}, 400, "there are none"),
        ({"entries": "\n \n"}, 400, "there are none"),
        ({"entries": "a"}, 400, "row 1 has 1 columns"),
        ({"entries": "a\tb\tc"}, 400, "row 1 has 3 columns"),
        ({"entries": "a\t"}, 400, "empty or invalid"),
        ({"entries": "a\tb\na\tc"}, 400, "row 2 has a term for the second time"),
        ({"entries": "a\x07\tb"}, 400, "invalid"),
        ({"entries": "a\tb\u2028c"}, 400, "invalid"),
        ({"entries": "a\t\udc00"}, 400, "invalid"),
        ({"entries": "a" * 501 + "\tb"}, 400, "501"),
        ({"entries": 'a,"b', "entries_format": "csv"}, 400, "entries"),
        ({"entries": '"' + "a" * 200_000 + '",b', "entries_format": "csv"}, 400, "entries"),
        ({"entries": "a,b,c", "entries_format": "csv"}, 400, "3 columns"),
        ({"entries": ["a\tb"]}, 400, "expected a string"),
        ({"entries_format": "xls"}, 400, "entries_format"),
        ({"target_lang": "de"}, 400, "en to de"),
        ({"target_lang": "en"}, 400, "en to en"),
        ({"target_lang": "\ud800"}, 400, "not supported"),
        ({"entries": "\n".join(f"a{n}\tb" for n in range(20_001))}, 413, "20000"),
        ({"entries": "a\tb\n" + " " * 2_000_000}, 413, "too large"),
    ],
)
def test_wrong_glossaries_are_refused(
    client: TestClient, fields: dict[str, Any], status: int, message: str
) -> None:
    found, said = refusal(client, **fields)
    assert found == status
    assert message in said


@pytest.mark.parametrize(
    "dictionaries", [None, [], "x", [1], {"0": {}}, [[]], [{}], [{"source_lang": 1}]]
)
def test_wrong_dictionaries_are_refused(client: TestClient, dictionaries: object) -> None:
    body = {"name": "x", "dictionaries": dictionaries}
    assert client.post("/v3/glossaries", json=body).status_code == 400


def test_csv_may_name_languages_and_have_quotes() -> None:
    table = '"a, b","c ""d"""\r\ne,f,en,es\r\n\r\n'
    assert read_entries(table, "csv") == {"a, b": 'c "d"', "e": "f"}
    assert read_entries('a\t"b\r\nc\td', "tsv") == {"a": '"b', "c": "d"}


def test_owners_have_a_limit_of_glossaries_and_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glossaries, "_MOST_GLOSSARIES", 2)
    monkeypatch.setattr(glossaries, "_MOST_TERMS", 3)
    store = Glossaries(None)
    first = Kept("a", "x", (Dictionary("en", "es", {"a": "b"}),))
    store.put(first, new=True)
    store.put(Kept("a", "y", first.dictionaries), new=True)
    for third in (
        Kept("a", "z", first.dictionaries),
        first.having(Dictionary("en", "fr", {"a": "b", "c": "d"})),
    ):
        with pytest.raises(Problem) as refused:
            store.put(third, new=third.id != first.id)
        assert refused.value.status == 456
    store.put(Kept("b", "z", first.dictionaries), new=True)
    assert len(store.of("a")) == 2


def test_a_deleted_glossary_does_not_come_back_with_a_late_change() -> None:
    store = Glossaries(None)
    kept = Kept("a", "x", (Dictionary("en", "es", {"a": "b"}),))
    store.put(kept, new=True)
    store.delete("a", kept.id)
    with pytest.raises(Problem, match="not found"):
        store.put(kept)
    assert not store.of("a")


def test_files_last_and_are_private(tmp_path: pathlib.Path) -> None:
    place = tmp_path / "data"
    with service.client(data=place) as client:
        id = made(client)["glossary_id"]
        gone = made(client)["glossary_id"]
        assert client.delete(f"/v2/glossaries/{gone}").status_code == 204
    [file] = (place / "glossaries").iterdir()
    assert file.name == f"{id}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with service.client(data=place) as client:
        assert client.get(f"/v2/glossaries/{id}/entries").text == _ENTRIES.strip()
        assert "terminal" in translated(client, glossary_id=id)
    # What was made without a key belongs to no key.
    with service.client(data=place, keys=("secret-1",)) as client:
        client.headers.update(_ONE)
        assert client.get(f"/v2/glossaries/{id}").status_code == 404
        own = made(client)["glossary_id"]
    assert b"secret" not in b"".join(one.read_bytes() for one in place.rglob("*.json"))
    with service.client(data=place, keys=("secret-2", "secret-1")) as client:
        assert client.get(f"/v2/glossaries/{own}", headers=_ONE).status_code == 200
        assert client.get(f"/v2/glossaries/{own}", headers=_OTHER).status_code == 404


def test_damaged_files_are_left_out(tmp_path: pathlib.Path) -> None:
    store = Glossaries(tmp_path)
    kept = Kept("a", "x", (Dictionary("en", "es", {"a": "b"}),))
    store.put(kept, new=True)
    folder = tmp_path / "glossaries"
    whole = (folder / f"{kept.id}.json").read_text()
    for number, text in enumerate(
        ["", "{", "[]", "{}", "null", whole, whole.replace('{"a": "b"}', "3"), "[" * 100_000]
    ):
        (folder / f"{number}.json").write_text(text)
    (folder / ".abc.partial").write_text("{")
    assert [one.id for one in Glossaries(tmp_path).of("a")] == [kept.id]
    assert not (folder / ".abc.partial").exists()


def test_a_file_is_whole_or_not_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Glossaries(tmp_path)
    kept = Kept("a", "x", (Dictionary("en", "es", {"a": "b"}),))
    store.put(kept, new=True)

    def fail(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="space"):
        store.put(kept.having(Dictionary("en", "es", {"c": "d"})))
    assert [one.name for one in (tmp_path / "glossaries").iterdir()] == [f"{kept.id}.json"]
    for known in (store, Glossaries(tmp_path)):
        assert known.get("a", kept.id).dictionaries[0].entries == {"a": "b"}


def test_fields_of_our_own_exclude_each_other(client: TestClient) -> None:
    body = {"q": "a", "source": "en", "target": "es", "api_key": "secret-1", "glossary_id": "x"}
    answer = client.post("/translate", json=body)
    assert (answer.status_code, answer.json()) == (404, {"error": "Glossary not found"})
    answer = client.post("/translate", json=body | {"source": "auto"})
    assert answer.status_code == 400
    answer = client.post("/translate", json=body | {"glossary": {"a": "b"}})
    assert (answer.status_code, "exclude" in answer.json()["error"]) == (400, True)


def test_elements_may_be_kept_by_libretranslate_too(client: TestClient) -> None:
    body = {"q": "I am <x>hungry</x>.", "source": "en", "target": "es", "api_key": "secret-1"}
    answer = client.post("/translate", json=body | {"ignore_tags": ["x"], "format": "html"})
    assert "<x>hungry</x>" in answer.json()["translatedText"]
    answer = client.post("/translate", json=body | {"ignore_tags": ["x"]})
    assert answer.status_code == 400
    assert "ignore_tags" in answer.json()["error"]


def test_pairs_have_no_countries_and_no_scripts() -> None:
    names = ["en-zt", "es-en", "pt-en", "en-sr"]
    catalog = Catalog(dict.fromkeys(names, "nowhere"), lambda _: service.translator())
    found = list(glossaries.pairs_of(catalog))
    assert set(found) >= {("en", "zh"), ("es", "zh"), ("en", "sr"), ("pt", "en")}
    assert ("en", "en") not in found
    for one in ("en", "es", "pt", "zh", "sr"):
        for other in ("en", "es", "pt", "zh", "sr"):
            if (one, other) in found:
                assert glossaries.pair_of(catalog, one.upper(), other) == (one, other)
            else:
                with pytest.raises(Problem):
                    glossaries.pair_of(catalog, one, other)
    assert glossaries.pair_of(catalog, "PT-BR", "ZH-HANT") == ("pt", "zh")
