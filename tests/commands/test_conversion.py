import json
import pathlib
import shutil

import numpy as np
import pytest

import pyattn
from pyattn.commands import main as cli
from pyattn.commands.conversion import convert
from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.files.safetensors import read_safetensors
from pyattn.stored import Tensors
from pyattn.text.tokenizers import NoTokenizer
from support import ctranslate2_folders, marian_folders, model_folders
from support.decoder_folders import decoder_folder
from support.paths import GOLDEN
from support.tokenizer_folders import golden_folder, random_checkpoint

SHIPPED = pathlib.Path(pyattn.__file__).parent / "models" / "en-es"


@pytest.fixture
def marian(tmp_path: pathlib.Path) -> pathlib.Path:
    values = model_folders.config()
    return model_folders.folder(tmp_path / "marian", values, model_folders.tensors(values))


@pytest.mark.parametrize(("dtype", "stored"), [("float32", "F32"), ("bfloat16", "BF16")])
def test_convert_writes_matrices_in_the_type_asked_for(
    marian: pathlib.Path, tmp_path: pathlib.Path, dtype: str, stored: str
) -> None:
    assert cli.main(["convert", str(marian), str(tmp_path / "out"), "--dtype", dtype]) == 0
    found = read_safetensors(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in found.values() if len(tensor.shape) == 2} == {stored}
    assert {tensor.dtype for tensor in found.values() if len(tensor.shape) == 1} == {"F32"}


def test_converted_float32_stays_float32(marian: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert cli.main(["convert", str(marian), str(tmp_path / "out")]) == 0
    wanted, found = read_checkpoint(marian), read_checkpoint(tmp_path / "out")
    assert (found.config, found.generation) == (wanted.config, wanted.generation)
    assert found.tensors.keys() == wanted.tensors.keys()
    for name, array in wanted.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], array)


def test_converted_int8_of_ctranslate2_keeps_its_integers(tmp_path: pathlib.Path) -> None:
    ctranslate2_folders.folder(tmp_path / "one", ctranslate2_folders.checkpoint(), dtype="int8")
    assert cli.main(["convert", str(tmp_path / "one"), str(tmp_path / "two"), "--dtype=int8"]) == 0
    wanted, found = (read_checkpoint(tmp_path / name).tensors for name in ("one", "two"))
    assert isinstance(wanted, Tensors)
    assert isinstance(found, Tensors)
    for name in wanted:
        one, other = wanted.stored(name), found.stored(name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one.values, other.values)
        if one.scale is not None:
            np.testing.assert_array_equal(one.scale, other.scale)


def test_converted_model_translates_as_before(tmp_path: pathlib.Path) -> None:
    convert(SHIPPED, tmp_path / "out", dtype="int8")
    texts = ["You are welcome.", "Where is the station?"]
    with pyattn.load(threads=1) as one, pyattn.load(tmp_path / "out", threads=1) as other:
        assert one.translate(texts) == other.translate(texts)


@pytest.mark.parametrize(
    ("name", "role", "file"),
    [("t5-json", "json", "tokenizer.json"), ("t5-pieces", "pieces", "spiece.model")],
)
def test_tokenizer_that_cannot_be_used_is_not_converted(
    tmp_path: pathlib.Path, name: str, role: str, file: str
) -> None:
    content = (golden_folder(tmp_path / "tokenizer", name) / file).read_bytes()
    folder, made = tmp_path / "one", random_checkpoint("t5", end=1)
    write_native(folder, made, tokenizer_files={role: content[: len(content) // 2]})
    with pytest.raises(ModelError, match=r"tokenizer\.json: not usable|not a SentencePiece model"):
        convert(folder, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_vocabularies_with_an_end_each_are_not_converted(tmp_path: pathlib.Path) -> None:
    config = ctranslate2_folders.CONFIG | {"add_source_eos": True}
    made = ctranslate2_folders.checkpoint(end=1, start=0)
    folder = ctranslate2_folders.folder(tmp_path / "one", made, config=config)
    tokens = ["<s>", "</s>", "<unk>", *ctranslate2_folders.tokens(made.config.target_vocab)[3:]]
    ctranslate2_folders.write_vocabulary(folder / "target_vocabulary", tokens)
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(marian_folders.trained())
    with pyattn.load(folder, threads=1) as translator:
        assert translator.tokenizer.encode([""]) == [[2]]
        assert translator.model.config.end == 1
    with pytest.raises(NoTokenizer, match="its source vocabulary has </s> as 2 and <unk> as 0, e"):
        convert(folder, tmp_path / "two")


def test_folder_that_holds_things_is_an_error_of_one_line(
    marian: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["convert", str(marian), str(marian)]) == 1
    errors = capsys.readouterr().err
    assert "exists and is not an empty folder" in errors
    assert errors.count("\n") == 1


def test_unknown_type_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["convert", "one", "two", "--dtype", "int2"])
    assert stop.value.code == 2
    assert "'int2'" in capsys.readouterr().err


def test_tokenizer_of_an_encoder_that_cannot_be_used_is_not_converted(
    tmp_path: pathlib.Path,
) -> None:
    folder = tmp_path / "bert"
    shutil.copytree(GOLDEN / "classifiers" / "bert", folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"^tokenizer\.json: not usable"):
        convert(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tokenizer_of_a_decoder_that_cannot_be_used_is_not_converted(
    tmp_path: pathlib.Path,
) -> None:
    pytest.importorskip("tokenizers")
    folder = decoder_folder(tmp_path / "gpt2", "gpt2")
    with (folder / "merges.txt").open("a", encoding="utf-8") as file:
        file.write("three are many\n")
    with pytest.raises(ModelError, match=r"^merges\.txt: line \d+ is 'three are many'"):
        convert(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_positions_that_no_model_computes_are_not_converted(
    marian: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    values = model_folders.config(max_position_embeddings=1 << 24)
    (marian / "config.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match=r"max_positions is 16777216, expected at most \d+ for"):
        convert(marian, tmp_path / "out")
    assert not (tmp_path / "out").exists()
