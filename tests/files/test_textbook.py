import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from support import model_folders as made
from support.golden_logits import assert_golden_logits
from support.paths import GOLDEN

FOLDER = GOLDEN / "textbook"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "golden.json").read_text())


@pytest.mark.parametrize("name", ["model.chkpt", "legacy.chkpt"])
def test_logits_are_those_of_the_paper(name: str) -> None:
    assert_golden_logits(read_checkpoint(FOLDER / name), CASES)


def test_both_forms_of_file_hold_the_same() -> None:
    one, other = (read_checkpoint(FOLDER / name) for name in ("model.chkpt", "legacy.chkpt"))
    assert one.config == other.config
    for name, tensor in one.tensors.items():
        np.testing.assert_array_equal(tensor, other.tensors[name])


def test_config_says_what_the_settings_say() -> None:
    config = read_checkpoint(FOLDER / "model.chkpt").config
    assert (config.start, config.end, config.pad) == (2, 3, 1)
    assert config.head_dim == 6
    assert config.attention_scale == 4**-0.5
    assert config.logits_scale == 12**-0.5
    assert config.max_positions == 24


def test_matrix_that_is_shared_is_one_array() -> None:
    tensors = read_checkpoint(FOLDER / "model.chkpt").tensors
    assert tensors["encoder.embedding"] is tensors["decoder.embedding"]
    assert tensors["encoder.embedding"] is tensors["output.weight"]


def test_ids_go_in_and_out() -> None:
    with pyattn.load(FOLDER / "model.chkpt") as translator:
        assert translator.model.config == dataclasses.replace(translator.model.config)
        [[best]] = translator.model.generate([[5, 9, 3]], max_new_tokens=4)
        assert 0 < len(best.tokens) <= 4
        with pytest.raises(ModelError, match="no tokenizer"):
            translator.translate("ids only")


# A string in protocol 2, with its length.
def text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


NAMESPACE = b"cargparse\nNamespace\n)\x81"


@pytest.mark.parametrize(
    ("pickle", "problem"),
    [
        (b"\x80\x02}.", "no settings and model, expected both"),
        (b"\x80\x02].", "list, expected a dict"),
        (b"\x80\x02}" + text("settings") + NAMESPACE + b"}bs.", "no settings and model"),
        (b"\x80\x02" + NAMESPACE + b"Nb.", "a Namespace without attributes"),
        (b"\x80\x02" + NAMESPACE + b"}K\x01K\x02sb.", "a Namespace without attributes"),
        (b"\x80\x02cargparse\nNamespace\n(t)\x81.", "an object of a class that PyTorch does"),
        (b"\x80\x02cargparse\nArgumentParser\n)\x81.", "refused to unpickle argparse.Argument"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "an object of a class that PyTorch does"),
    ],
)
def test_pickle_of_anything_else_is_refused(
    tmp_path: pathlib.Path, pickle: bytes, problem: str
) -> None:
    path = tmp_path / "model.chkpt"
    made.write_zip(path, {"data.pkl": pickle})
    with pytest.raises(ModelError, match=rf"^model\.chkpt: .*{problem}"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (text("d_k") + b"K\x04", text("d_k") + b"K\x05", "w_qs.weight has shape .*expected"),
        (text("n_layers") + b"K\x02", text("n_layers") + b"K\x03", "layer_stack.2.* is missing"),
        (text("n_layers") + b"K\x02", text("n_layers") + b"K\x01", "no such tensors in a model"),
        (text("d_v") + b"K\x06", text("d_v") + b"N", "settings: d_v is missing"),
        (text("trg_pad_idx") + b"K\x01", text("trg_pad_idx") + b"K\x15", "trg_pad_idx is 21"),
        (text("prj"), text("prx"), "scale_emb_or_prj is 'prx', supported are emb, prj, none"),
    ],
)
def test_settings_that_contradict_the_tensors_are_an_error(
    tmp_path: pathlib.Path, before: bytes, after: bytes, problem: str
) -> None:
    content = (FOLDER / "legacy.chkpt").read_bytes()
    # PyTorch writes a memo index behind each string.
    changed = _replaced(content, before, after)
    path = tmp_path / "model.chkpt"
    path.write_bytes(changed)
    with pytest.raises(ModelError, match=rf"^model\.chkpt: .*{problem}"):
        read_checkpoint(path)


def _replaced(content: bytes, before: bytes, after: bytes) -> bytes:
    """With what follows a pickled string replaced, past the instruction that memorises it."""
    size = 5 + int.from_bytes(before[1:5], "little")
    start = content.index(before[:size])
    memo = content[start + size : start + size + 2]
    assert memo[:1] == b"q"
    value = before[size:]
    at = start + size + 2
    assert content[at : at + len(value)] == value
    return content[:start] + after[:size] + memo + after[size:] + content[at + len(value) :]
