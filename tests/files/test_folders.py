import json
import os
import pathlib
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from support import model_folders as made


def test_missing_folder_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match="absent: no such folder"):
        read_checkpoint(tmp_path / "absent")


def test_file_instead_of_a_folder_is_an_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(ModelError, match=r"model\.bin: a file, expected the folder of a model"):
        read_checkpoint(str(tmp_path / "model.bin"))


def test_empty_folder_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json, .*; the folder is empty"):
        read_checkpoint(tmp_path)


def test_folder_of_other_things_says_what_it_holds(tmp_path: pathlib.Path) -> None:
    (tmp_path / "tf_model.h5").touch()
    with pytest.raises(ModelError, match=r"no config\.json, .*; the folder holds tf_model\.h5"):
        read_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(made.config()))
    with pytest.raises(ModelError, match=r"no weights, .*model\.safetensors.* holds .*tf_model"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_path_that_cannot_be_one_is_an_error(path: str) -> None:
    with pytest.raises(ModelError):
        read_checkpoint(path)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "model.safetensors"])
def test_pipe_is_refused_without_waiting(tmp_path: pathlib.Path, name: str) -> None:
    folder = made.folder(tmp_path, made.config(), made.tensors(made.config()), generation={})
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ModelError, match=f"{name}: not a regular file"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "model.safetensors"])
def test_folder_or_device_in_place_of_a_file_is_refused(tmp_path: pathlib.Path, name: str) -> None:
    folder = made.folder(tmp_path, made.config(), made.tensors(made.config()), generation={})
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(ModelError, match=f"{name}: not a regular file"):
        read_checkpoint(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(ModelError, match=f"{name}: (not a regular file|is a directory)"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"a": 1, "a": 2}', b"1"])
def test_malformed_json_is_an_error(tmp_path: pathlib.Path, name: str, content: bytes) -> None:
    folder = made.folder(tmp_path, made.config(), made.tensors(made.config()))
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"^{name}: "):
        read_checkpoint(folder)


def sharded(tmp_path: pathlib.Path, weight_map: Any) -> pathlib.Path:
    folder = made.folder(tmp_path / "model", made.config(), {})
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    index = json.dumps({"weight_map": weight_map})
    (folder / "model.safetensors.index.json").write_text(index)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "../part.safetensors",
        "/etc/passwd",
        "a/b",
        "..",
        ".",
        "",
        "a\0b",
        "a\\b",
        "C:x",
        7,
        None,
        [],
    ],
)
def test_index_cannot_name_files_elsewhere(tmp_path: pathlib.Path, name: Any) -> None:
    folder = sharded(tmp_path, {"a": "part.safetensors", "b": name})
    with pytest.raises(ModelError, match=r"index\.json: weight_map: b is .*, expected the name of"):
        read_checkpoint(folder)


@pytest.mark.parametrize("weight_map", [None, {}, [], "part.safetensors"])
def test_index_without_a_map_is_an_error(tmp_path: pathlib.Path, weight_map: Any) -> None:
    with pytest.raises(ModelError, match=r"index\.json: weight_map is "):
        read_checkpoint(sharded(tmp_path, weight_map))


def test_tensor_that_is_not_in_its_shard_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=r"^part\.safetensors: a is missing, which model\.safe"):
        read_checkpoint(sharded(tmp_path, {"a": "part.safetensors"}))


def test_missing_shard_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=r"other\.safetensors: no such file"):
        read_checkpoint(sharded(tmp_path, {"a": "other.safetensors"}))


def test_named_link_cannot_lead_out_of_the_folder(tmp_path: pathlib.Path) -> None:
    folder = sharded(tmp_path, {"a": "link.safetensors"})
    (folder / "part.safetensors").rename(tmp_path / "part.safetensors")
    (folder / "link.safetensors").symlink_to("../part.safetensors")
    with pytest.raises(ModelError, match=r"link\.safetensors', a link that leads out of"):
        read_checkpoint(folder)


def test_the_hubs_cache_of_links_is_read(tmp_path: pathlib.Path) -> None:
    values = made.config()
    snapshot = made.folder(tmp_path / "models--a--b" / "snapshots" / "0f1e", values, {})
    (snapshot / "model.safetensors").unlink()
    made.write_shards(snapshot, made.tensors(values))
    blobs = tmp_path / "models--a--b" / "blobs"
    blobs.mkdir()
    for number, path in enumerate(sorted(snapshot.iterdir())):
        path.rename(blobs / str(number))
        path.symlink_to(f"../../blobs/{number}")
    expected = read_checkpoint(made.folder(tmp_path, values, made.tensors(values)))
    # Newer caches keep large contents once for all repositories, behind another link.
    shared = tmp_path / "blobs" / "ab"
    shared.mkdir(parents=True)
    for _ in range(2):
        found = read_checkpoint(snapshot)
        for name, array in expected.tensors.items():
            np.testing.assert_array_equal(found.tensors[name], array)
        for path in blobs.iterdir():
            if not path.is_symlink():
                path.rename(shared / path.name)
                path.symlink_to(f"../../blobs/ab/{path.name}")


def test_truncated_anywhere_is_an_error(tmp_path: pathlib.Path) -> None:
    folder = made.folder(tmp_path, made.config(), made.tensors(made.config()))
    content = (folder / "model.safetensors").read_bytes()
    for size in range(0, len(content), 97):
        (folder / "model.safetensors").write_bytes(content[:size])
        with pytest.raises(ModelError, match=r"^model\.safetensors: "):
            read_checkpoint(folder)


def test_flipped_bytes_of_a_config_never_crash_nor_allocate(tmp_path: pathlib.Path) -> None:
    generation = {"num_beams": 4, "max_length": 12, "bad_words_ids": [[10]], "length_penalty": 0.6}
    folder = made.folder(
        tmp_path, made.config(), made.tensors(made.config()), generation=generation
    )
    random = np.random.default_rng(5)
    refused = 0
    tracemalloc.start()
    for name in ("config.json", "generation_config.json"):
        content = (folder / name).read_bytes()
        for _ in range(200):
            spoiled = bytearray(content)
            for place in random.integers(0, len(content), random.integers(1, 4)):
                # Low bits, so that much of it stays JSON.
                spoiled[place] ^= random.integers(1, 16)
            (folder / name).write_bytes(spoiled)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    read_checkpoint(folder)
            except ModelError:
                refused += 1
        (folder / name).write_bytes(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused > 100
    assert peak < 1 << 20
