"""Packages of Argos Translate, made by hand around a CTranslate2 folder."""

import io
import json
import pathlib
import struct
import zipfile
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import ModelError
from pyattn.checkpoint import Checkpoint
from pyattn.files import read_checkpoint
from support import ctranslate2_folders as made

METADATA = {
    "package_version": "1.0",
    "argos_version": "1.5",
    "from_code": "en",
    "from_name": "English",
    "to_code": "es",
    "to_name": "Spanish",
}


def files(tmp_path: pathlib.Path, **metadata: Any) -> dict[str, bytes]:
    """A package's files, by their names in its folder."""
    made.folder(tmp_path / "made", made.checkpoint())
    model = {f"model/{path.name}": path.read_bytes() for path in (tmp_path / "made").iterdir()}
    text = json.dumps(METADATA | metadata).encode()
    return {"metadata.json": text, "README.md": b"Read me.", **model, "stanza/en/x.pt": b"\x80"}


def zipped(
    path: pathlib.Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED
) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def rooted(contents: dict[str, bytes], root: str = "translate-en_es-1_0/") -> dict[str, bytes]:
    return {root + name: content for name, content in contents.items()}


def assert_read(tmp_path: pathlib.Path, found: Checkpoint) -> None:
    wanted = read_checkpoint(tmp_path / "made")
    assert found.config == wanted.config
    assert found.tensors.keys() == wanted.tensors.keys()
    for name, tensor in wanted.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], tensor)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("root", ["", "translate-en_es-1_0/"])
def test_zip_file_is_read(tmp_path: pathlib.Path, compression: int, root: str) -> None:
    path = zipped(tmp_path / "en_es.argosmodel", rooted(files(tmp_path), root), compression)
    found = read_checkpoint(path)
    assert_read(tmp_path, found)
    assert (found.generation.beam_size, found.generation.length_penalty) == (4, 0.2)


def test_unpacked_folder_is_read(tmp_path: pathlib.Path) -> None:
    for name, content in files(tmp_path).items():
        path = tmp_path / "en_es" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert_read(tmp_path, read_checkpoint(tmp_path / "en_es"))


def test_target_prefix_is_fed_and_not_returned(tmp_path: pathlib.Path) -> None:
    contents = files(tmp_path)
    token = (tmp_path / "made" / "target_vocabulary.json").read_text()
    last = json.loads(token)[-1]
    contents["metadata.json"] = json.dumps(METADATA | {"target_prefix": f"{last} "}).encode()
    options = read_checkpoint(zipped(tmp_path / "a.argosmodel", contents)).generation
    assert options.target_prefix == (len(json.loads(token)) - 1,)
    assert not options.return_prefix


def test_target_prefix_that_is_no_token_is_an_error(tmp_path: pathlib.Path) -> None:
    path = zipped(tmp_path / "a.argosmodel", files(tmp_path, target_prefix="__xx__"))
    with pytest.raises(ModelError, match=r"^metadata\.json: target_prefix is '__xx__', expected"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"metadata.json": None}, "0 metadata.json, expected one"),
        ({"other/metadata.json": b"{}"}, "2 metadata.json, expected one"),
        ({"metadata.json": b"[]"}, "list at the top, expected a JSON object"),
        ({"metadata.json": b'{"to_code": 3}'}, "to_code is 3, expected a string"),
        ({"model/model.bin": None}, "model.bin"),
        ({"model/model.bin": b"\x06"}, "model.bin"),
        ({"model/../../escaped": b"x"}, "expected files in model/ alone"),
        ({"model/a/b": b"x"}, "expected files in model/ alone"),
        ({f"model/{n}": b"x" for n in range(64)}, "more than 64 files of a model"),
        ({"bomb": bytes(1 << 24)}, "becomes more than 32 times as large"),
    ],
)
def test_package_that_cannot_be_used_is_an_error(
    tmp_path: pathlib.Path, changes: dict[str, bytes | None], problem: str
) -> None:
    contents = files(tmp_path) | changes
    path = zipped(
        tmp_path / "a.argosmodel",
        {name: content for name, content in contents.items() if content is not None},
    )
    with pytest.raises(ModelError, match=problem.replace(".", r"\.")):
        read_checkpoint(path)
    assert not (tmp_path.parent / "escaped").exists()


def test_file_that_is_no_zip_file_is_an_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.argosmodel"
    for content in (b"", b"PK", zip_with_wrong_size(files(tmp_path))):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"^a\.argosmodel: "):
            read_checkpoint(path)


def zip_with_wrong_size(contents: dict[str, bytes]) -> bytes:
    """A zip file that says that its first entry is larger than it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    size = len(next(iter(contents.values())))
    pair = struct.pack("<II", size, size)
    return buffer.getvalue().replace(pair, struct.pack("<II", size, size + 1))


def test_texts_are_cut_by_its_sentencepiece_model(tmp_path: pathlib.Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["ab ba", "a b", "bab"] * 20),
        model_writer=model,
        vocab_size=7,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    contents = files(tmp_path) | {"sentencepiece.model": model.getvalue()}
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    words = ["<unk>", "<s>", "</s>", *sorted({*pieces.encode("ab b", out_type=str), "x"})]
    source = words + [f"spare{n}" for n in range(9 - len(words))]
    contents["model/source_vocabulary.json"] = json.dumps(source).encode()
    path = zipped(tmp_path / "a.argosmodel", contents)
    with pyattn.load(path, threads=1) as translator:
        [ids] = translator.tokenizer.encode(["ab b"])
        assert ids == [source.index(piece) for piece in pieces.encode("ab b", out_type=str)]
        assert isinstance(translator.translate("ab b", max_new_tokens=4), str)


def test_package_without_sentencepiece_takes_ids(tmp_path: pathlib.Path) -> None:
    path = zipped(tmp_path / "a.argosmodel", files(tmp_path) | {"bpe.model": b"#version: 0.2"})
    with pyattn.load(path, threads=1) as translator:
        assert translator.model.generate([[3, 4]], max_new_tokens=2)
        with pytest.raises(ModelError, match=r"no sentencepiece\.model"):
            translator.translate("text")
