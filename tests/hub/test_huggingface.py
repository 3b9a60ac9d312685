"""Models of Hugging Face, from a server on the loopback: which files, when, and offline."""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
from typing import Any

import pytest

import pyattn
from pyattn import ModelError
from pyattn.hub.huggingface import HubNotInstalledError
from pyattn.hub.settings import Settings
from support import hub_models, model_folders, processes
from support.hub_models import SENTENCES, folder, names
from support.hub_stub import Stub

hub = pytest.importorskip("huggingface_hub")

# Older versions look a commit up, keep no listings and do not continue.
needs_listings = pytest.mark.skipif(
    not hasattr(hub, "get_cached_repo_tree"), reason="needs a newer huggingface_hub"
)

NAME = "Helsinki-NLP/opus-mt-en-es"
TEXT = SENTENCES[0]
NEEDED = {
    *("config.json", "generation_config.json", "vocab.json", "source.spm", "target.spm"),
    "model.safetensors",
}


# --- cold and warm -------------------------------------------------------------------------------


def test_endpoint_is_that_of_the_environment_now(
    stub: Stub,
    files: dict[str, bytes],
    access: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The library has read the variable already, when it was imported.
    stub.add_repository(NAME, files)
    monkeypatch.setenv("HF_ENDPOINT", stub.url)
    own = {name: value for name, value in access.items() if name != "endpoint"}
    with pyattn.load(NAME, threads=1, **own) as translator:
        assert translator.translate(TEXT, max_new_tokens=8)


@needs_listings
def test_one_set_of_weights_is_downloaded(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    commit = stub.add_repository(NAME, files)
    for name in NEEDED:
        (tmp_path / name).write_bytes(files[name])
    with pyattn.load(tmp_path, threads=1) as local:
        wanted = local.translate(TEXT, max_new_tokens=8)
    with pyattn.load(NAME, threads=1, **access) as translator:
        assert translator.translate(TEXT, max_new_tokens=8) == wanted
    api = [path for path in stub.paths() if path.startswith("/api/")]
    assert api == [f"/api/models/{NAME}/revision/main", f"/api/models/{NAME}/tree/{commit}"]
    # Each file is looked up, and each content is sent once: source.spm and target.spm are one.
    assert [method for method, _ in stub.requests].count("HEAD") == len(NEEDED)
    contents = {files[name] for name in NEEDED}
    assert len(stub.requests) == len(api) + len(NEEDED) + len(contents)
    sent = sum(size for path, size in stub.sent.items() if path not in api)
    assert sent == sum(map(len, contents))
    assert names(folder(NAME, access)) == NEEDED


def test_what_is_cached_is_used_without_a_request(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    commit = stub.add_repository(NAME, files)
    place = folder(NAME, access)
    stub.forget()
    for name in (NAME, f"hf:{NAME}", f"{NAME}@main", f"{NAME}@{commit}", f"{stub.url}/{NAME}"):
        assert folder(name, access) == place
    pyattn.load(NAME, threads=1, **access).close()
    assert stub.requests == []


def test_commit_that_is_cached_needs_no_branch(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    commit = stub.add_repository(NAME, files)
    place = folder(f"{NAME}@{commit}", access)
    assert f"/api/models/{NAME}/revision/main" not in stub.paths()
    stub.forget()
    assert folder(NAME, access, revision=commit) == place
    assert stub.requests == []


@needs_listings
def test_cache_of_the_library_itself_is_used(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    stub.add_repository(NAME, files)
    whole = hub.snapshot_download(NAME, **access)
    stub.forget()
    assert folder(NAME, access) == pathlib.Path(whole)
    assert stub.requests == []


def test_newer_commit_is_taken_on_demand(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    stub.add_repository(NAME, files)
    old = folder(NAME, access)
    stub.add_repository(NAME, files | {"vocab.json": files["vocab.json"] + b" "})
    assert folder(NAME, access) == old
    new = folder(NAME, access, update=True)
    assert new != old
    assert folder(NAME, access) == new
    # The weights are the same, and already there.
    assert sum(path.endswith("model.safetensors") for _, path in stub.requests) <= 3
    assert stub.sent[f"/{NAME}/resolve/{new.name}/model.safetensors"] == 0


def test_interrupted_download_is_completed(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    stub.add_repository(NAME, files)
    place = folder(NAME, access)
    for gone in ("vocab.json", "model.safetensors"):
        (place / gone).resolve().unlink()
        (place / gone).unlink()
        assert names(folder(NAME, access)) == NEEDED
    blob = (place / "source.spm").resolve()
    blob.unlink()  # a link that leads nowhere
    (place / "target.spm").unlink()
    (place / "source.spm").unlink()
    assert names(folder(NAME, access)) == NEEDED


def test_cache_without_a_listing_is_looked_up_once(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As versions of the library leave it that keep no listings.
    stub.add_repository(NAME, files)
    place = folder(NAME, access)
    trees = place.parents[1] / "trees"
    shutil.rmtree(trees, ignore_errors=True)
    shutil.rmtree(place.parents[1] / "pyattn", ignore_errors=True)
    snapshot = hub.snapshot_download

    def without_listings(*arguments: Any, **settings: Any) -> Any:
        found = snapshot(*arguments, **settings)
        shutil.rmtree(trees, ignore_errors=True)
        return found

    monkeypatch.setattr(hub, "snapshot_download", without_listings)
    stub.forget()
    assert folder(NAME, access) == place
    assert stub.requests
    assert all(path.startswith("/api/") for path in stub.paths())
    stub.forget()
    assert folder(NAME, access) == place
    assert stub.requests == []


# --- which files ---------------------------------------------------------------------------------


def test_pickled_weights_do_where_there_are_no_others(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    listed = {name: content for name, content in files.items() if name != "model.safetensors"}
    stub.add_repository(NAME, listed)
    assert "pytorch_model.bin" in names(folder(NAME, access))
    pyattn.load(NAME, threads=1, **access).close()


def test_shards_come_with_their_index(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    values = json.loads(files["config.json"])
    model_folders.write_shards(tmp_path, model_folders.tensors(values))
    shards = {path.name: path.read_bytes() for path in tmp_path.glob("model*")}
    listed = {name: content for name, content in files.items() if name != "model.safetensors"}
    stub.add_repository(NAME, listed | shards)
    assert names(folder(NAME, access)) == (NEEDED - {"model.safetensors"}) | shards.keys()
    pyattn.load(NAME, threads=1, **access).close()


def test_marian_s_own_files_are_a_model(
    stub: Stub, access: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    made = hub_models.firefox(tmp_path / "firefox")
    listed = {path.name: path.read_bytes() for path in made.iterdir()}
    stub.add_repository("a/b", listed | hub_models.FOREIGN)
    with pyattn.load("a/b", threads=1, **access) as one, pyattn.load(made, threads=1) as other:
        assert one.translate(TEXT, max_new_tokens=8) == other.translate(TEXT, max_new_tokens=8)
        assert one.shortlist is not None


def test_folder_of_pyattn_s_own_is_a_model(stub: Stub, access: dict[str, Any]) -> None:
    shipped = {
        path.name: path.read_bytes()
        for path in (pathlib.Path(pyattn.__file__).parent / "models" / "en-es").iterdir()
    }
    stub.add_repository("a/b", shipped)
    with pyattn.load("a/b", threads=1, **access) as translator:
        assert translator.translate("I am hungry.") == "Tengo hambre."


def test_model_that_pyattn_does_not_run_costs_no_weights(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    stub.add_repository("a/mamba", files | {"config.json": b'{"model_type": "mamba"}'})
    with pytest.raises(ModelError, match=r"a/mamba: .*mamba.* \(its weights are not downloaded\)"):
        folder("a/mamba", access)
    assert not [path for path in stub.paths() if path.endswith((".safetensors", ".bin"))]


def test_repository_without_readable_weights_says_what_it_has(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    listed = {name: files[name] for name in ("config.json", "tf_model.h5", "onnx/config.json")}
    stub.add_repository("a/b", listed)
    with pytest.raises(
        ModelError, match=r"a/b: no weights that pyattn reads .*it has tf_model\.h5"
    ):
        folder("a/b", access)
    stub.add_repository("a/empty", {"README.md": b"x"})
    with pytest.raises(ModelError, match="a/empty: no weights that pyattn reads"):
        folder("a/empty", access)


# --- offline, and without the library ------------------------------------------------------------


def test_offline_uses_the_cache_alone(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_repository(NAME, files)
    place = folder(NAME, access)
    stub.forget()
    for variable in ("PYATTN_OFFLINE", "HF_HUB_OFFLINE"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "1")
            assert folder(NAME, access) == place
            with pytest.raises(ModelError, match=f"a/b: not in the cache .*{variable} is set"):
                folder("a/b", access)
            with pytest.raises(ModelError, match=f"{NAME}@dev: not in the cache"):
                folder(f"{NAME}@dev", access)
    (place / "vocab.json").unlink()
    with pytest.raises(ModelError, match=r"lacks vocab\.json, and local_files_only is True"):
        folder(NAME, access, local_files_only=True)
    for listings in ("trees", "pyattn"):
        shutil.rmtree(place.parents[1] / listings, ignore_errors=True)
    with pytest.raises(ModelError, match=r"no vocab\.json"):
        pyattn.load(NAME, local_files_only=True, **access)
    assert stub.requests == []


def test_cached_model_needs_no_library(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_repository(NAME, files)
    place = folder(NAME, access)
    for module in [name for name in sys.modules if name.split(".")[0] == "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert folder(NAME, access) == place
    for kind in (ModelError, ImportError, HubNotInstalledError):
        with pytest.raises(kind, match=r"a/b: no such folder .*pip install 'pyattn\[hub\]'"):
            folder("a/b", access)


def test_variables_name_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    from pyattn.hub.hub_cache import hub_cache

    for module in [name for name in sys.modules if name.split(".")[0] == "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, module)
    for variable, value, wanted in (
        ("XDG_CACHE_HOME", tmp_path, tmp_path / "huggingface" / "hub"),
        ("HF_HOME", tmp_path / "home", tmp_path / "home" / "hub"),
        ("HUGGINGFACE_HUB_CACHE", tmp_path / "old", tmp_path / "old"),
        ("HF_HUB_CACHE", tmp_path / "new", tmp_path / "new"),
    ):
        monkeypatch.setenv(variable, str(value))
        assert hub_cache(Settings()) == wanted
        told = processes.output(
            "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)",
            **{variable: str(value)},
        )
        monkeypatch.delenv(variable)
        assert told.decode().strip() == str(wanted)
    assert hub_cache(Settings(cache_dir="mine")) == pathlib.Path("mine")
