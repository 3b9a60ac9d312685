"""Models of Firefox's and Argos' registries: which, when, and from where."""

from __future__ import annotations

import json
import pathlib
import shutil

import pytest

import pyattn
from pyattn import ModelError
from pyattn.commands.main import main
from pyattn.hub.firefox import is_released
from pyattn.hub.registry import PIVOT, version_key
from pyattn.hub.resolving import one_folder, resolve
from pyattn.hub.settings import Settings
from support import hub_models
from support.hub_models import SENTENCES, cache, translation
from support.hub_stub import RECORDS, Stub

TEXT = SENTENCES[0]
pytestmark = pytest.mark.usefixtures("registries")


# --- cold and warm -------------------------------------------------------------------------------


def test_model_of_firefox_is_downloaded_once(stub: Stub, models: pathlib.Path) -> None:
    paths = stub.add_firefox("en", "pt", models / "firefox")
    wanted = translation(str(models / "firefox"))
    assert translation("firefox:en-pt") == wanted
    assert sorted(stub.paths()) == sorted(["/v1/", RECORDS, *paths])
    stub.forget()
    assert translation("firefox:en-pt") == wanted
    assert translation("Firefox:EN_PT") == wanted
    assert stub.requests == []


def test_package_of_argos_is_downloaded_once(stub: Stub, models: pathlib.Path) -> None:
    path = stub.add_argos("en", "es", (models / "en_es.argosmodel").read_bytes())
    wanted = translation(str(models / "en_es.argosmodel"))
    assert translation("argos:en-es") == wanted
    assert stub.paths() == ["/index.json", path]
    stub.forget()
    assert translation("argos:en-es") == wanted
    assert stub.requests == []


def test_files_lie_in_the_given_folder(
    stub: Stub, models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    with pyattn.load("firefox:en-pt", threads=1, cache_dir=tmp_path / "mine"):
        pass
    assert (tmp_path / "mine" / "firefox" / "en-pt" / "1.0").is_dir()
    assert not cache().exists()


def test_endpoint_wins_over_the_variable(
    stub: Stub, models: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    monkeypatch.setenv("PYATTN_FIREFOX_ENDPOINT", "http://127.0.0.1:9/v1")
    for address in ("/v1", "/v1/", "", "/", RECORDS):
        pyattn.load("firefox:en-pt", threads=1, endpoint=f"{stub.url}{address}").close()
        shutil.rmtree(cache())
    stub.add_argos("en", "es", (models / "en_es.argosmodel").read_bytes())
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", "http://127.0.0.1:9/index.json")
    for address in ("", "/", "/index.json"):
        pyattn.load("argos:en-es", threads=1, endpoint=f"{stub.url}{address}").close()
        shutil.rmtree(cache())


# --- which model ---------------------------------------------------------------------------------


def test_newest_release_is_taken(stub: Stub, models: pathlib.Path) -> None:
    for version in ("1.9", "1.10", "2.0a1"):
        stub.add_firefox("en", "pt", models / "firefox", version)
    nightly = "env.channel == 'default' || env.channel == 'nightly'"
    stub.add_firefox("en", "pt", models / "firefox", "3.0", filter_expression=nightly)
    android = "env.appinfo.OS == 'Android'"
    stub.add_firefox("en", "pt", models / "firefox", "4.0", filter_expression=android)
    assert one_folder("firefox:en-pt").name == "1.10"
    assert one_folder("firefox:en-pt@1.9").name == "1.9"
    assert one_folder("firefox:en-pt", Settings(revision="1.9")).name == "1.9"
    with pytest.raises(ModelError, match=r"no such version, expected one of 1\.10, 1\.9, 2\.0a1"):
        resolve("firefox:en-pt@7")


def test_releases_are_above_all_others() -> None:
    wrong = ["2.0", "1.10", "1.9", "1.0", "2.0a2", "2.0a1"]
    assert sorted(wrong, key=version_key) == ["2.0a1", "2.0a2", "1.0", "1.9", "1.10", "2.0"]


@pytest.mark.parametrize(
    ("expression", "released"),
    [
        ("", True),
        ("env.version|versionCompare('121.a0') >= 0", True),
        ("env.channel == 'nightly'", False),
        ("env.channel in ['beta', 'release']", True),
        ("env.appinfo.OS == 'Android'", False),
        ("env.appinfo.OS != 'Android'", True),
    ],
)
def test_filter_of_a_released_firefox(expression: str, released: bool) -> None:
    assert is_released(expression) == released


def test_incomplete_record_is_no_model(stub: Stub, models: pathlib.Path) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    records = json.loads(stub.answers[RECORDS].content)["data"]
    newer = [
        record | {"version": "9.0"} for record in records if record["fileType"] not in ("vocab",)
    ]
    stub.answers[RECORDS].content = json.dumps({"data": [*records, *newer, {}, {"x": 1}]}).encode()
    assert one_folder("firefox:en-pt").name == "1.0"


def test_split_vocabularies_are_a_model(stub: Stub, tmp_path: pathlib.Path) -> None:
    folder = hub_models.firefox(tmp_path / "split", split=True)
    stub.add_firefox("en", "ja", folder)
    assert translation("firefox:en-ja") == translation(str(folder))


def test_pair_without_a_model_names_near_ones(stub: Stub, models: pathlib.Path) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    stub.add_argos("en", "es", (models / "en_es.argosmodel").read_bytes())
    with pytest.raises(ModelError, match=r"Firefox has no model .*'firefox:en-pt'\?"):
        resolve("firefox:en-pl")
    with pytest.raises(ModelError, match=r"Argos Translate has no model .*'argos:en-es'\?"):
        resolve("argos:en-zz")
    with pytest.raises(ModelError, match="no model for these languages"):
        resolve("firefox:en-en")


# --- two models as one ---------------------------------------------------------------------------


def test_pair_without_a_model_goes_through_english(stub: Stub, models: pathlib.Path) -> None:
    stub.add_firefox("es", PIVOT, models / "firefox")
    stub.add_firefox(PIVOT, "ru", models / "firefox")
    with pyattn.load("firefox:es-ru", threads=1) as pivot:
        assert isinstance(pivot, pyattn.Pivot)
        between = pivot.first.translate(TEXT, max_new_tokens=8)
        wanted = pivot.second.translate(between, max_new_tokens=8)
        assert pivot.translate(TEXT, max_new_tokens=8) == wanted
    stub.forget()
    pyattn.load("firefox:es-ru", threads=1).close()
    assert stub.requests == []
    with pytest.raises(ModelError, match="two models, firefox:es-en and firefox:en-ru, expected"):
        one_folder("firefox:es-ru")


def test_model_of_its_own_wins_over_two(stub: Stub, models: pathlib.Path) -> None:
    for pair in (("es", PIVOT), (PIVOT, "ru"), ("es", "ru")):
        stub.add_firefox(*pair, models / "firefox")
    [folder] = resolve("firefox:es-ru")
    assert folder.parent.name == "es-ru"


# --- offline -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["variable", "argument"])
def test_offline_uses_the_cache_alone(
    how: str, stub: Stub, models: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    pyattn.load("firefox:en-pt", threads=1).close()
    stub.forget()
    if how == "variable":
        monkeypatch.setenv("PYATTN_OFFLINE", "1")
    only = True if how == "argument" else None
    pyattn.load("firefox:en-pt", threads=1, local_files_only=only).close()
    assert resolve("firefox:en-pt", Settings(local_files_only=only, update=True))
    reason = "PYATTN_OFFLINE is set" if how == "variable" else "local_files_only is True"
    with pytest.raises(ModelError, match=f"not in the cache .*{reason}.*`pyattn download firefox"):
        pyattn.load("firefox:en-de", threads=1, local_files_only=only)
    assert stub.requests == []


def test_server_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", "http://127.0.0.1:9/index.json")
    with pytest.raises(ModelError, match=r"cannot reach 127\.0\.0\.1:9 .*ARGOS_PACKAGE_INDEX"):
        resolve("argos:en-es")


def test_damaged_copy_is_named_with_the_command_that_deletes_it(
    stub: Stub, models: pathlib.Path
) -> None:
    stub.add_argos("en", "es", (models / "en_es.argosmodel").read_bytes())
    wanted = translation("argos:en-es")
    [weights] = cache().rglob("model.bin")
    weights.write_bytes(b"")
    with pytest.raises(ModelError, match=r"truncated.*; if .* damaged, `pyattn remove argos:en-es"):
        pyattn.load("argos:en-es", threads=1)
    with pytest.raises(ModelError) as error:
        pyattn.load(weights.parent, threads=1)
    assert "pyattn remove" not in str(error.value)
    assert main(["remove", "argos:en-es"]) == 0
    assert translation("argos:en-es") == wanted
