"""The commands `download`, `models` and `remove`, and names where other commands take a model."""

from __future__ import annotations

import json
import pathlib
import sys

import pytest

import pyattn
from pyattn.commands import main as command
from pyattn.hub.settings import Settings
from pyattn.running.origin import SHIPPED_MODEL
from support import hub_models
from support.hub_stub import Fault, Stub, as_json

Output = pytest.CaptureFixture[str]
NAME = "Helsinki-NLP/opus-mt-en-es"
TEXT = hub_models.SENTENCES[0]
pytestmark = pytest.mark.usefixtures("registries")


@pytest.fixture(autouse=True)
def _served(stub: Stub, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", stub.url)
    # The library reads its variables once.
    for module in [name for name in sys.modules if name.split(".")[0] == "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def run(*arguments: str) -> int:
    return command.main(list(arguments))


# --- download ------------------------------------------------------------------------------------


def test_download_prints_the_folder(stub: Stub, models: pathlib.Path, capsys: Output) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    assert run("download", "firefox:en-pt") == 0
    folder = pathlib.Path(capsys.readouterr().out.strip())
    assert folder == Settings().cache / "firefox" / "en-pt" / "1.0"
    pyattn.load(folder, threads=1).close()
    stub.forget()
    assert run("download", "firefox:en-pt") == 0
    assert stub.requests == []


def test_download_updates_on_demand(stub: Stub, models: pathlib.Path, capsys: Output) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    assert run("download", "firefox:en-pt") == 0
    stub.add_firefox("en", "pt", models / "firefox", "1.1")
    assert run("download", "firefox:en-pt") == 0
    assert run("download", "firefox:en-pt", "--update") == 0
    versions = [pathlib.Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert versions == ["1.0", "1.0", "1.1"]
    assert [path.name for path in (Settings().cache / "firefox" / "en-pt").glob("1*")] == ["1.1"]
    stub.forget()
    assert run("download", "firefox:en-pt", "--update") == 0
    assert len(stub.requests) == 2  # the lists


def test_download_copies_to_a_new_folder(
    stub: Stub, models: pathlib.Path, tmp_path: pathlib.Path, capsys: Output
) -> None:
    stub.add_argos("en", "es", (models / "en_es.argosmodel").read_bytes())
    target = tmp_path / "new" / "folder"
    assert run("download", "argos:en-es", "--to", str(target)) == 0
    assert capsys.readouterr().out == f"{target}\n"
    pyattn.load(target, threads=1).close()
    assert [path.name for path in target.parent.iterdir()] == ["folder"]
    assert run("download", "argos:en-es", "--to", str(target)) == 1
    assert "exists, expected a new or an empty folder" in capsys.readouterr().err


def test_download_of_two_models_names_both(
    stub: Stub, models: pathlib.Path, tmp_path: pathlib.Path, capsys: Output
) -> None:
    for pair in (("es", "en"), ("en", "ru")):
        stub.add_firefox(*pair, models / "firefox")
    assert run("download", "firefox:es-ru") == 0
    parts = [pathlib.Path(line).parent.name for line in capsys.readouterr().out.splitlines()]
    assert parts == ["es-en", "en-ru"]
    assert run("download", "firefox:es-ru", "--to", str(tmp_path / "both")) == 0
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["en-ru", "es-en"]


def test_mirror_is_an_option(
    stub: Stub, models: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    monkeypatch.delenv("PYATTN_FIREFOX_ENDPOINT")
    assert run("download", "firefox:en-pt", "--mirror", f"{stub.url}/v1") == 0


def test_failure_is_one_line(stub: Stub, capsys: Output) -> None:
    assert stub.url
    for name in ("firefox:en-pt", "opus-mt-en-es", "argos:x", "./typo", ""):
        assert run("download", name) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("pyattn: ")


# --- models and remove ---------------------------------------------------------------------------


def test_models_lists_what_is_there(stub: Stub, models: pathlib.Path, capsys: Output) -> None:
    assert run("models") == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("(included)")
    assert line.endswith(str(SHIPPED_MODEL))
    stub.add_firefox("en", "pt", models / "firefox", "2.1")
    stub.add_argos("en", "es", (models / "en_es.argosmodel").read_bytes(), "1.9")
    for name in ("firefox:en-pt", "argos:en-es"):
        assert run("download", name) == 0
    capsys.readouterr()
    assert run("models") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [line[:2] for line in lines] == [["firefox:en-pt", "2.1"], ["argos:en-es", "1.9"]]
    for _, _, size, unit, folder in lines:
        assert float(size) >= 0
        assert unit == "MB"
        pyattn.load(folder, threads=1).close()


def test_remote_models_are_those_for_a_pair(
    stub: Stub, models: pathlib.Path, capsys: Output
) -> None:
    stub.add_firefox("es", "en", models / "firefox")
    stub.add_firefox("en", "ru", models / "firefox", "2.0")
    stub.add_argos("es", "ru", (models / "en_es.argosmodel").read_bytes())
    names = ["Helsinki-NLP/opus-mt-es-ru", "someone/opus-mt-es-rum"]
    stub.answers["/api/models"] = as_json([{"id": name} for name in names])
    assert run("models", "--remote", "es-ru") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "firefox:es-ru", "argos:es-ru", "Helsinki-NLP/opus-mt-es-ru",
    ]  # fmt: skip
    assert lines[0].endswith("es-en and en-ru")


def test_place_that_cannot_be_asked_is_a_warning(
    stub: Stub, models: pathlib.Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    stub.faults["/index.json"] = Fault(status=429)
    assert run("models", "--remote", "en-pt") == 0
    out, err = capsys.readouterr()
    assert out.startswith("firefox:en-pt")
    assert "pyattn: warning: " in err
    assert "too many requests" in err
    stub.faults["/v1/"] = Fault(status=404)
    assert run("models", "--remote", "en-pt") == 1
    assert "no place with models could be asked" in capsys.readouterr().err
    monkeypatch.setenv("PYATTN_OFFLINE", "1")
    stub.forget()
    assert run("models", "--remote", "en-pt") == 1
    assert "PYATTN_OFFLINE is set, so no other place" in capsys.readouterr().err
    assert stub.requests == []


def test_remove_deletes_one_model(stub: Stub, models: pathlib.Path, capsys: Output) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    stub.add_firefox("pt", "en", models / "firefox")
    for name in ("firefox:en-pt", "firefox:pt-en"):
        assert run("download", name) == 0
    capsys.readouterr()
    assert run("remove", "firefox:en-pt") == 0
    assert capsys.readouterr().out.startswith("firefox:en-pt: ")
    assert run("remove", "firefox:en-pt") == 1
    assert "not in the cache" in capsys.readouterr().err
    assert [path.name for path in Settings().cache.rglob("1.0")] == ["1.0"]
    stub.forget()
    assert run("download", "firefox:en-pt") == 0
    assert stub.requests


def test_remove_deletes_two_models_from_under_a_name_alone(
    stub: Stub, models: pathlib.Path, capsys: Output
) -> None:
    for pair in (("es", "en"), ("en", "ru")):
        stub.add_firefox(*pair, models / "firefox")
    assert run("download", "firefox:es-ru") == 0
    assert run("remove", "firefox:es-ru") == 0
    assert len(list(Settings().cache.rglob("1.0"))) == 2
    assert run("remove", "firefox:es-ru") == 1
    assert "not in the cache" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "..", "../x", "/", "en-es", "hf:../x", "a/b"])
def test_remove_takes_names_alone(name: str, capsys: Output) -> None:
    assert run("remove", name) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


# --- Hugging Face, and other commands ------------------------------------------------------------


def test_repository_is_downloaded_listed_and_removed(
    stub: Stub, tmp_path: pathlib.Path, capsys: Output
) -> None:
    pytest.importorskip("huggingface_hub")
    stub.add_repository(NAME, hub_models.opus(tmp_path / "opus") | hub_models.FOREIGN)
    address = ("--endpoint", stub.url)
    assert run("download", NAME, "--to", str(tmp_path / "copy"), *address) == 0
    assert not [path for path in (tmp_path / "copy").iterdir() if path.is_symlink()]
    pyattn.load(tmp_path / "copy", threads=1).close()
    capsys.readouterr()
    assert run("models") == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith(NAME)]
    assert pathlib.Path(line.split()[-1]).is_dir()
    assert run("remove", f"{NAME}@main") == 1
    assert "only all revisions can be removed" in capsys.readouterr().err
    assert run("remove", NAME) == 0
    assert run("models") == 0
    assert NAME not in capsys.readouterr().out.split("freed")[1]


def test_every_command_takes_names(
    stub: Stub, models: pathlib.Path, tmp_path: pathlib.Path, capsys: Output
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    with pyattn.load(models / "firefox", threads=1) as translator:
        wanted = translator.translate(TEXT, max_new_tokens=8)
    limits = ("--threads", "1")
    new = ("--max-new-tokens", "8")
    assert run("translate", "--model", "firefox:en-pt", *limits, *new, TEXT) == 0
    assert capsys.readouterr().out == f"{wanted}\n"
    assert run("inspect", "firefox:en-pt", *limits) == 0
    assert "family       marian" in capsys.readouterr().out
    assert run("convert", "firefox:en-pt", str(tmp_path / "out")) == 0
    pyattn.load(tmp_path / "out", threads=1).close()
    assert json.loads((tmp_path / "out" / "config.json").read_text())["format"] == "pyattn"
    capsys.readouterr()
    for arguments in (("inspect",), ("convert",), ("bench",)):
        rest = (str(tmp_path / "none"),) if arguments == ("convert",) else ()
        assert run(*arguments, "en-pt", *rest) == 1
        assert "did you mean 'firefox:en-pt'" in capsys.readouterr().err


def test_translate_goes_through_two_models(
    stub: Stub, models: pathlib.Path, capsys: Output
) -> None:
    for pair in (("es", "en"), ("en", "ru")):
        stub.add_firefox(*pair, models / "firefox")
    assert run("translate", "--model", "firefox:es-ru", "--threads", "1", "--beam", "2", TEXT) == 0
    with pyattn.load("firefox:es-ru", threads=1) as pivot:
        assert capsys.readouterr().out == pivot.translate(TEXT, beam_size=2) + "\n"
    assert run("inspect", "firefox:es-ru") == 1
    assert "two models, firefox:es-en and firefox:en-ru" in capsys.readouterr().err
