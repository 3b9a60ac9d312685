"""Small models for the tests of names: what a hub or a registry would have."""

from __future__ import annotations

import io
import json
import pathlib
import zipfile
from typing import Any

import pyattn
from pyattn.hub.resolving import one_folder
from pyattn.hub.settings import Settings
from support import ctranslate2_folders, marian_folders, model_folders
from support.hub_stub import Stub

SENTENCES = marian_folders.SENTENCES

# Of other programs, which pyattn does not read, and what lies beside them.
FOREIGN = {
    "README.md": b"A model.",
    ".gitattributes": b"*.bin filter=lfs",
    "tf_model.h5": b"T" * 40_000,
    "flax_model.msgpack": b"F" * 40_000,
    "model.fp16.safetensors": b"R" * 40_000,
    "onnx/encoder_model.onnx": b"O" * 40_000,
    "onnx/config.json": b"{}",
    "special_tokens_map.json": b"{}",
}


def cache() -> pathlib.Path:
    """The folder of downloaded models."""
    return Settings().cache


def translation(name: str) -> str:
    """What a model makes of a sentence."""
    with pyattn.load(name, threads=1) as translator:
        return translator.translate(SENTENCES[0], max_new_tokens=8)


def large(paths: list[str], stub: Stub) -> str:
    """The path of the largest file."""
    return max(paths, key=lambda path: len(stub.answers[path].content))


def folder(name: str, access: dict[str, Any], **settings: Any) -> pathlib.Path:
    """The folder of a model."""
    return one_folder(name, Settings(**access, **settings))


def names(place: pathlib.Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in place.iterdir()}


def opus(folder: pathlib.Path) -> dict[str, bytes]:
    """The files of a Marian model of Hugging Face's layout, which translates texts."""
    spm = marian_folders.trained()
    names = [*marian_folders.pieces(spm), "<pad>"]
    config = model_folders.config(
        vocab_size=len(names),
        pad_token_id=len(names) - 1,
        decoder_start_token_id=len(names) - 1,
    )
    weights = model_folders.tensors(config)
    model = model_folders.folder(folder, config, weights, generation={"max_length": 12})
    (model / "vocab.json").write_text(json.dumps({name: n for n, name in enumerate(names)}))
    for role in ("source", "target"):
        (model / f"{role}.spm").write_bytes(spm)
    return {path.name: path.read_bytes() for path in model.iterdir()}


def pickled(folder: pathlib.Path) -> bytes:
    """The weights of `opus` as PyTorch saves them."""
    spm = marian_folders.trained()
    size = len(marian_folders.pieces(spm)) + 1
    config = model_folders.config(
        vocab_size=size, pad_token_id=size - 1, decoder_start_token_id=size - 1
    )
    folder.mkdir(parents=True, exist_ok=True)
    model_folders.write_pickled(folder / "weights", model_folders.tensors(config))
    return (folder / "weights").read_bytes()


def firefox(folder: pathlib.Path, *, split: bool = False) -> pathlib.Path:
    """A folder with the files of a model of Firefox's."""
    return marian_folders.firefox(folder, marian_folders.trained(), split=split)


def argos(folder: pathlib.Path, source: str = "en", target: str = "es") -> bytes:
    """A package of Argos Translate, which translates texts."""
    spm = marian_folders.trained()
    words = [*marian_folders.pieces(spm), "<s>"]
    made = ctranslate2_folders.checkpoint(source_vocab=len(words), target_vocab=len(words))
    model = ctranslate2_folders.folder(folder / "model", made)
    for side in ("source", "target"):
        ctranslate2_folders.write_vocabulary(model / f"{side}_vocabulary", words)
    metadata = {"package_version": "1.0", "from_code": source, "to_code": target}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        root = f"translate-{source}_{target}-1_0"
        archive.writestr(f"{root}/metadata.json", json.dumps(metadata))
        archive.writestr(f"{root}/sentencepiece.model", spm)
        archive.writestr(f"{root}/README.md", "Read me.")
        for path in model.iterdir():
            archive.write(path, f"{root}/model/{path.name}")
    return content.getvalue()
