"""A tiny model of every format, all of them sound, for fuzzing.py to spoil."""

from __future__ import annotations

import pathlib
import shutil
import zipfile

import ctranslate2_folders
import model_folders
from inputs import checkpoint

from pyattn.formats.native import write_native

_GOLDEN = pathlib.Path(__file__).parent / "golden"
# What a folder of Hugging Face's layout consists of; the rest is what it is to compute.
_HUGGING_FACE = ("config.json", "generation_config.json", "model.safetensors", "pytorch_model.bin")


def write_seeds(folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the models, each as a folder or a file that can be loaded, and says where."""
    return [
        *_native(folder),
        *_hugging_face(folder),
        *_ctranslate2(folder),
        _argos(folder),
        *_textbook(folder),
    ]


def _native(folder: pathlib.Path) -> list[pathlib.Path]:
    paths = []
    for name, dtype in (("odd", "float32"), ("odd", "int8"), ("ssru", "int8"), ("umt5", "float32")):
        paths.append(folder / f"native-{name}-{dtype}")
        write_native(paths[-1], checkpoint(name), dtype=dtype)  # type: ignore[arg-type]
    return paths


def _hugging_face(folder: pathlib.Path) -> list[pathlib.Path]:
    """The smaller golden models, and one that is saved in pieces."""
    paths = []
    for golden in sorted(_GOLDEN.glob("*-*-*")):
        files = [golden / name for name in _HUGGING_FACE if (golden / name).exists()]
        weights = [file for file in files if file.suffix != ".json"]
        if weights and sum(file.stat().st_size for file in files) < 100_000:
            paths.append(folder / f"huggingface-{golden.name}")
            paths[-1].mkdir()
            for file in files:
                shutil.copy(file, paths[-1])
    config = model_folders.config()
    tensors = model_folders.tensors(config)
    for form in ("pickled", "legacy", "sharded"):
        path = model_folders.folder(folder / f"huggingface-{form}", config, {})
        (path / "model.safetensors").unlink()
        if form == "sharded":
            model_folders.write_shards(path, tensors)
        elif form == "legacy":
            content = model_folders.legacy_pickled(tensors)
            (path / "pytorch_model.bin").write_bytes(content)
        else:
            model_folders.write_pickled(path / "pytorch_model.bin", tensors)
        paths.append(path)
    return paths


def _ctranslate2(folder: pathlib.Path) -> list[pathlib.Path]:
    paths = []
    for version, dtype in ((1, "int16"), (3, "float32"), (4, "int8"), (6, "bfloat16"), (6, "int8")):
        path = folder / f"ctranslate2-{version}-{dtype}"
        paths.append(
            ctranslate2_folders.folder(
                path, ctranslate2_folders.checkpoint(), version=version, dtype=dtype
            )
        )
    return paths


def _argos(folder: pathlib.Path) -> pathlib.Path:
    made = ctranslate2_folders.folder(folder / "argos", ctranslate2_folders.checkpoint())
    path = folder / "package.argosmodel"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("en_es/metadata.json", '{"from_code": "en", "to_code": "es"}')
        for file in sorted(made.iterdir()):
            archive.write(file, f"en_es/model/{file.name}")
    shutil.rmtree(made)
    return path


def _textbook(folder: pathlib.Path) -> list[pathlib.Path]:
    return [
        pathlib.Path(shutil.copy(_GOLDEN / "textbook" / name, folder / name))
        for name in ("model.chkpt", "legacy.chkpt")
    ]
