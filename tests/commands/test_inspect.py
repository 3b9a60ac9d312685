"""`pyattn inspect --json`, and numbers that add up."""

import json
import pathlib
import re

import pytest

from pyattn import ModelError
from pyattn.loading import load_translator
from support import model_folders
from support.command_runs import Run, runner
from support.decoder_folders import decoder_folder
from support.paths import GOLDEN


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


def test_stored_numbers_are_the_parameters_and_the_scales(run: Run) -> None:
    code, output, error = run("inspect", "--json", "--threads", "1")
    assert (code, error) == (0, "")
    found = json.loads(output)
    assert sum(found["stored_as"].values()) == found["parameters"] + found["scales"]
    assert found["scales"] > 0
    assert found["encoder"] == {"layers": 6, "heads": 4, "ffn": 1024}
    assert found["languages"] == {"from": [], "into": []}
    shown = run("inspect", "--threads", "1")[1].decode()
    note = re.search(r"\(([\d,]+) of these are scales, which are no parameters\)", shown)
    assert note is not None
    assert int(note[1].replace(",", "")) == found["scales"]


def test_model_without_scales_needs_no_note(run: Run, tmp_path: pathlib.Path) -> None:
    values = model_folders.config()
    folder = model_folders.folder(tmp_path / "model", values, model_folders.tensors(values))
    shown = run("inspect", str(folder), "--threads", "1")[1].decode()
    assert re.search(r"^stored as    float32 [\d,]+$", shown, re.M)
    assert json.loads(run("inspect", str(folder), "--json")[1])["scales"] == 0


def test_encoder_alone_has_no_decoder_to_describe(run: Run) -> None:
    found = json.loads(run("inspect", str(GOLDEN / "embedder"), "--json", "--threads", "1")[1])
    assert found["encoder"] == {"layers": 2, "heads": 2, "ffn": 24}
    assert found["vocabulary"] == {"source": 76}
    assert not found.keys() & {"decoder", "decoding", "classifier"}
    assert found["vectors"] == {"pooling": ["mean"], "prompts": {"query": "ask: ", "document": ""}}
    shown = run("inspect", str(GOLDEN / "embedder"), "--threads", "1")[1].decode()
    assert re.search(r"^vectors      mean$", shown, re.M)
    assert re.search(r"^prompts      document '', query 'ask: '$", shown, re.M)


def test_decoder_alone_has_no_encoder_to_describe(run: Run, tmp_path: pathlib.Path) -> None:
    folder = decoder_folder(tmp_path / "qwen2", "qwen2")
    found = json.loads(run("inspect", str(folder), "--json", "--threads", "1")[1])
    assert found["decoder"] == {"layers": 2, "heads": 2, "ffn": 24}
    assert found["vocabulary"] == {"target": 420}
    assert found["token_ids"] == {"end": 2, "pad": None}
    assert found["max_positions"] == 64
    assert found["chats"] is True
    assert not found.keys() & {"encoder", "classifier", "vectors"}
    shown = run("inspect", str(folder), "--threads", "1")[1].decode()
    assert re.search(r"^chats        by the template in its files$", shown, re.M)


def test_labels_of_a_classifier_are_described(run: Run) -> None:
    folder = str(GOLDEN / "classifiers" / "bert")
    found = json.loads(run("inspect", folder, "--json", "--threads", "1")[1])
    assert found["classifier"] == {"labels": ["bad", "middling", "good"], "scores": "softmax"}
    shown = run("inspect", folder, "--threads", "1")[1].decode()
    assert re.search(r"^labels       3: bad, middling, good$", shown, re.M)
    assert re.search(r"^scores       softmax$", shown, re.M)


def test_encoder_alone_translates_nothing() -> None:
    with pytest.raises(ModelError, match="an encoder alone, which translates nothing"):
        load_translator(GOLDEN / "embedder")
