"""CTranslate2's Encoder: what the package answers, for its folders and for transformers'."""

import inspect
import json
import pathlib
import re
import shutil
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn import reference
from pyattn.compat import ctranslate2
from pyattn.compat.ctranslate2 import DataType, Device, Encoder, StorageView, Translator
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from support.paths import GOLDEN

FOLDERS = GOLDEN / "ctranslate2-encoders"
NAMES = sorted(path.name for path in FOLDERS.iterdir())
# The folders of transformers with the same models.
SOURCES = {
    "bert": "bert",
    "camembert": "camembert-many",
    "distilbert": "distilbert",
    "xlm-roberta": "xlm-roberta-reranker",
}
IDS = [[2, 5, 6, 3], [2, 3], [2, 7, 8, 9, 10, 11, 12, 3]]
TYPES = [[0, 0, 1, 1], [0, 1], [0, 0, 0, 0, 1, 1, 1, 1]]
# Of float32 sums in another order; and of int8, which the programs round differently.
CLOSE, INT8_CLOSE = 1e-4, 0.2

Floats = npt.NDArray[np.float32]


def golden(name: str) -> dict[str, Floats]:
    found = json.loads((FOLDERS / name / "golden.json").read_text())
    return {key: np.array(values, np.float32) for key, values in found.items()}


def outputs(encoder: Encoder, *inputs: Any, **options: Any) -> dict[str, Floats]:
    output = encoder.forward_batch(*inputs, **options)
    found = {"states": np.array(output.last_hidden_state)}
    if output.pooler_output is not None:
        found["pooled"] = np.array(output.pooler_output)
    return found


def types_of(name: str) -> list[list[int]] | None:
    return TYPES if name.startswith("bert") else None


def assert_close(found: dict[str, Floats], wanted: dict[str, Floats], close: float) -> None:
    assert found.keys() == wanted.keys()
    for key, values in wanted.items():
        assert found[key].dtype == np.float32
        np.testing.assert_allclose(found[key], values, rtol=0, atol=close)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_the_package(name: str) -> None:
    encoder = Encoder(str(FOLDERS / name))
    int8 = name.endswith("int8")
    assert encoder.compute_type == ("int8_float32" if int8 else "float32")
    found = outputs(encoder, IDS, token_type_ids=types_of(name))
    assert_close(found, golden(name), INT8_CLOSE if int8 else CLOSE)


@pytest.mark.parametrize("name", SOURCES)
def test_folders_of_transformers_serve_as_well(name: str) -> None:
    encoder = Encoder(GOLDEN / "classifiers" / SOURCES[name])
    found, wanted = outputs(encoder, IDS, token_type_ids=types_of(name)), golden(name)
    if name == "camembert":
        wanted.pop("pooled")  # which its classifier does not have
    assert_close(found, wanted, CLOSE)


@pytest.mark.parametrize("folder", [FOLDERS / "bert", GOLDEN / "classifiers" / "bert"])
def test_tokens_ids_and_arrays_mean_the_same(folder: pathlib.Path) -> None:
    encoder = Encoder(folder)
    wanted = outputs(encoder, [[2, 4, 1, 3], [2, 3]], token_type_ids=[[0, 0, 1, 1], [0, 1]])
    types = [[0, 0, 1, 1], [0, 1, 0, 0]]
    tokens = [["[CLS]", "the", "zzz", "[SEP]"], ["[CLS]", "[SEP]"]]
    ids = StorageView.from_array(np.array([[2, 4, 1, 3], [2, 3, 7, 7]], np.int32))
    lengths = StorageView.from_array(np.array([4, 2], np.int32))
    for found in (
        outputs(encoder, tokens, token_type_ids=types),
        outputs(encoder, ids, lengths, types),
        outputs(encoder, [np.array(row) for row in ([2, 4, 1, 3], [2, 3])], token_type_ids=types),
    ):
        assert found["states"].tobytes() == wanted["states"].tobytes()
        assert found["pooled"].tobytes() == wanted["pooled"].tobytes()
    untyped = outputs(encoder, tokens, token_type_ids=[])
    assert not np.allclose(untyped["states"], wanted["states"])


def test_shorter_sequences_repeat_their_last_state() -> None:
    states = outputs(Encoder(FOLDERS / "bert"), IDS)["states"]
    assert (states[1, 1:] == states[1, 1]).all()


def test_empty_batches_and_sequences_have_results() -> None:
    encoder = Encoder(FOLDERS / "bert")
    empty = outputs(encoder, [])
    assert (empty["states"].shape, empty["pooled"].shape) == ((0, 0, 16), (0, 16))
    assert outputs(encoder, [[]])["states"].shape == (1, 0, 16)
    mixed = outputs(encoder, [[2, 3], []])
    assert (mixed["states"].shape, mixed["pooled"].shape) == ((2, 2, 16), (2, 16))
    assert not mixed["states"][1].any()
    assert mixed["states"][0].tobytes() == outputs(encoder, [[2, 3]])["states"][0].tobytes()


def test_output_shows_itself() -> None:
    output = Encoder(FOLDERS / "bert").forward_batch([[2, 3]])
    lines = str(output).splitlines()
    assert re.fullmatch(
        r"EncoderForwardOutput\(last_hidden_state= \S+ \S+ \S+ \.\.\. \S+ \S+ \S+", lines[0]
    )
    assert lines[1].startswith("[cpu:0 float32 storage viewed as 1x2x16], pooler_output= ")
    assert lines[2] == "[cpu:0 float32 storage viewed as 1x16])"


def test_views_are_of_arrays() -> None:
    array = np.array([[1.5, 2], [3, 4]], np.float32)
    view = StorageView.from_array(array)
    assert (view.shape, view.dtype, view.device, view.device_index) == (
        [2, 2],
        DataType.float32,
        "cpu",
        0,
    )
    assert np.shares_memory(np.asarray(view), array)
    assert str(view) == " 1.5 2 3 4\n[cpu:0 float32 storage viewed as 2x2]"
    assert view.to(DataType.float16).dtype is DataType.float16
    assert not np.shares_memory(np.asarray(view.to_device(Device.cpu)), array)
    for wrong, message in (
        ([1, 2], "Object does not implement the array interface"),
        (np.zeros(2), "Unsupported type: <f8"),
        (np.zeros(4, np.int8)[::2], "does not support arrays with non contiguous memory"),
    ):
        with pytest.raises(ValueError, match=message):
            StorageView.from_array(wrong)
    with pytest.raises(ValueError, match="unsupported device cuda"):
        view.to_device(Device.cuda)


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        ([2, 3], {}, TypeError, "incompatible function arguments: inputs"),
        ("abc", {}, TypeError, "incompatible function arguments: inputs"),
        ([[2, "a"]], {}, TypeError, "incompatible function arguments: inputs"),
        ([[2.0]], {}, TypeError, "incompatible function arguments: inputs"),
        ([[2, -1]], {}, TypeError, "incompatible function arguments: inputs"),
        ([[2, 3]], {"token_type_ids": [["a", "b"]]}, TypeError, "token_type_ids"),
        ([[2, 3]], {"token_type_ids": 3}, TypeError, "token_type_ids is 3"),
        ([[2, 3]], {"token_type_ids": [[0]]}, ValueError, "token_type_ids are fewer than inputs"),
        ([[2, 3]], {"token_type_ids": [[0, 5]]}, ValueError, "types 0 has 5, expected 0 to 1"),
        ([[2, 999]], {}, ValueError, "999"),
        ([[2] * 21], {}, RuntimeError, "No position encodings are defined for positions >= 20"),
        (np.array([[2, 3]], np.int32), {}, ValueError, "lengths vector is required"),
        (np.array([2, 3], np.int32), {"lengths": [2]}, ValueError, "to have 2 dimensions"),
        (np.array([[2, 3]], np.int8), {"lengths": [2]}, ValueError, "have to be int32"),
        (np.array([[2, 3]], np.int32), {"lengths": [2, 2]}, ValueError, "to have size 1, but got"),
        (np.array([[2, 3]], np.int32), {"lengths": [3]}, ValueError, "lengths are 3 to 3"),
    ],
)
def test_bad_arguments_are_refused(
    inputs: Any, options: Any, error: type[Exception], message: str
) -> None:
    if isinstance(inputs, np.ndarray):
        inputs = StorageView.from_array(inputs)
    if "lengths" in options:
        options = {"lengths": StorageView.from_array(np.array(options["lengths"], np.int32))}
    with pytest.raises(error, match=re.escape(message)):
        Encoder(FOLDERS / "bert").forward_batch(inputs, **options)


def test_models_of_other_kinds_are_refused() -> None:
    with pytest.raises(RuntimeError, match="cannot be used as a sequence-to-sequence model"):
        Translator(str(FOLDERS / "bert"))
    with pytest.raises(RuntimeError, match="cannot be used as a sequence encoder"):
        Encoder(GOLDEN / "ctranslate2-t5-relu")
    with pytest.raises(RuntimeError, match="Unable to open file"):
        Encoder("/no/such/folder")


def test_model_is_unloaded_and_loaded_again() -> None:
    encoder = Encoder(str(FOLDERS / "bert"), inter_threads=2, intra_threads=1)
    assert (encoder.num_encoders, encoder.model_is_loaded, encoder.device) == (2, True, "cpu")
    wanted = outputs(encoder, IDS)["states"]
    encoder.unload_model()
    with pytest.raises(RuntimeError, match="was unloaded"):
        encoder.forward_batch(IDS)
    encoder.load_model()
    assert outputs(encoder, IDS)["states"].tobytes() == wanted.tobytes()
    files = {path.name: path.read_bytes() for path in (FOLDERS / "bert").iterdir()}
    again = outputs(Encoder("memory", files=files), IDS)
    assert again["states"].tobytes() == wanted.tobytes()


def test_ids_serve_if_there_is_no_tokenizer(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(GOLDEN / "classifiers" / "bert", folder)
    (folder / "tokenizer.json").unlink()
    encoder = Encoder(folder)
    assert_close(outputs(encoder, IDS, token_type_ids=TYPES), golden("bert"), CLOSE)
    with pytest.raises(ValueError, match="the model's folder has no tokens, expected ids"):
        encoder.forward_batch([["[CLS]"]])


def test_signature_is_the_package_s() -> None:
    names = list(inspect.signature(Encoder.forward_batch).parameters)[1:]
    assert names == ["inputs", "lengths", "token_type_ids"]
    assert {"Encoder", "EncoderForwardOutput", "StorageView"} <= set(ctranslate2.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_folder_is_read_by_pyattn_s_own_classes(name: str, tmp_path: pathlib.Path) -> None:
    checkpoint = read_checkpoint(FOLDERS / name)
    states = reference.Model(checkpoint).encode(IDS, types_of(name))
    with pyattn.load(FOLDERS / name, dtype="float32") as found:
        assert isinstance(found, pyattn.Embedder)
        for ours, theirs in zip(found.model.encode(IDS, types_of(name)), states, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=CLOSE)
    write_native(tmp_path / "native", checkpoint)
    assert read_checkpoint(tmp_path / "native").config == checkpoint.config


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("vocabulary.json", lambda tokens: tokens[:-1], "tokens with [UNK], the model has"),
        ("config.json", lambda values: values | {"unk_token": 3}, "unk_token is 3"),
    ],
)
def test_damaged_folders_are_refused(
    file: str, change: Any, message: str, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(FOLDERS / "bert", folder)
    (folder / file).write_text(json.dumps(change(json.loads((folder / file).read_text()))))
    with pytest.raises(RuntimeError, match=re.escape(message)):
        Encoder(folder)


def test_folder_without_a_vocabulary_is_refused(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(FOLDERS / "bert", folder)
    (folder / "vocabulary.json").unlink()
    with pytest.raises(RuntimeError, match="no vocabulary, expected vocabulary"):
        Encoder(folder)
