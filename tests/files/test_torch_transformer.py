"""State dictionaries of torch.nn.Transformer, against its own logits."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn import ModelError, TorchTransformer
from pyattn.files.pickled import read_pickled
from support.golden_logits import assert_golden_logits
from support.paths import GOLDEN

FOLDER = GOLDEN / "torch_transformer"
CASES: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "golden.json").read_text())
FACTS = {
    "tutorial.pt": TorchTransformer(heads=3, start=2, end=3, pad=1),
    "learned.safetensors": TorchTransformer(
        heads=3, start=2, end=3, activation="gelu", norm_first=True, embedding_scale=1.0
    ),
    "bare.pt": TorchTransformer(heads=3, start=2, end=3, max_positions=16),
}
TUTORIAL = FACTS["tutorial.pt"]


def tutorial() -> dict[str, npt.NDArray[np.float32]]:
    return {name: one.float32() for name, one in read_pickled(FOLDER / "tutorial.pt").items()}


@pytest.mark.parametrize("file", FACTS)
def test_logits_are_those_of_the_module(file: str) -> None:
    assert_golden_logits(FACTS[file].checkpoint(FOLDER / file), CASES[file])


def test_dictionary_and_its_file_are_the_same_model() -> None:
    from_file = TUTORIAL.checkpoint(FOLDER / "tutorial.pt")
    from_dictionary = TUTORIAL.checkpoint(tutorial())
    assert from_file.config == from_dictionary.config
    for name, tensor in from_file.tensors.items():
        np.testing.assert_array_equal(tensor, from_dictionary.tensors[name])


def test_matrix_under_several_names_is_one_object() -> None:
    tensors = FACTS["bare.pt"].checkpoint(FOLDER / "bare.pt").tensors
    assert tensors["encoder.embedding"] is tensors["decoder.embedding"]
    assert tensors["encoder.embedding"] is tensors["output.weight"]


def test_sizes_are_those_of_the_tensors() -> None:
    config = FACTS["learned.safetensors"].checkpoint(FOLDER / "learned.safetensors").config
    assert (config.source_vocab, config.target_vocab) == (19, 23)
    assert (config.encoder_layers, config.decoder_layers) == (2, 1)
    assert (config.encoder_max_positions, config.max_positions) == (16, 14)
    assert (config.norm, config.final_norm, config.embedding_scale) == ("pre", True, 1.0)


def test_saved_model_is_the_same_again(tmp_path: pathlib.Path) -> None:
    made = TUTORIAL.checkpoint(FOLDER / "tutorial.pt")
    with pyattn.Model(made, dtype="float32", threads=1) as model:
        model.save(tmp_path / "own")
        [[wanted]] = model.generate([[2, 7, 4, 3]], max_new_tokens=6)
    with pyattn.load(tmp_path / "own", dtype="float32", threads=1) as translator:
        [[found]] = translator.model.generate([[2, 7, 4, 3]], max_new_tokens=6)
    assert (found.tokens, found.score) == (wanted.tokens, wanted.score)


def test_names_say_what_no_word_tells() -> None:
    state = tutorial()
    state["alpha"] = state.pop("src_tok_emb.embedding.weight")
    state["beta"] = state.pop("tgt_tok_emb.embedding.weight")
    with pytest.raises(ModelError, match="source cannot be told from its name among alpha, beta"):
        TUTORIAL.checkpoint(state)
    facts = TorchTransformer(heads=3, start=2, end=3, names={"source": "alpha", "target": "beta"})
    assert facts.checkpoint(state).config.source_vocab == 19


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transformer.encoder.layers.0.self_attn.in_proj_weight": None}, "0 tensors are named"),
        ({"transformer.decoder.layers.0.linear2.weight": None}, "linear2.weight is missing"),
        ({"transformer.decoder.norm.weight": None}, "one stack ends with a norm"),
        ({"more": np.zeros((2, 2), np.float32)}, "more: no such tensors"),
        (
            {"transformer.encoder.layers.1.norm2.weight": np.zeros(5, np.float32)},
            r"norm2.weight has shape \[5\]",
        ),
        (
            {"positional_encoding.pos_embedding": np.zeros((16, 1, 6), np.float32)},
            r"the positions, is of shape \[16, 1, 6\], expected \[any, 12\]",
        ),
        ({"generator.bias": np.array(["a"])}, "generator.bias has dtype <U1, expected numbers"),
        (
            {"transformer.encoder.layers.0.self_attn.in_proj_weight": np.zeros(3, np.float32)},
            r"in_proj_weight is of shape \[3\], expected 2 axes",
        ),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    state: dict[str, Any] = tutorial()
    for name, value in change.items():
        state.pop(name, None)
        if value is not None:
            state[name] = value
    with pytest.raises(ModelError, match=message):
        TUTORIAL.checkpoint(state)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (TorchTransformer(heads=5, start=2, end=3), "heads is 5, expected a divisor of 12"),
        (TorchTransformer(heads=3, start=2, end=23), "end is 23, expected one of the 23"),
        (
            TorchTransformer(heads=3, start=2, end=3, names={"src": "a"}),  # type: ignore[dict-item]
            "names has 'src', expected some of source",
        ),
    ],
)
def test_facts_that_do_not_fit_are_named(facts: TorchTransformer, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        facts.checkpoint(tutorial())


def test_other_files_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match="no such file, expected a state dictionary"):
        TUTORIAL.checkpoint(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("no tensors")
    with pytest.raises(ModelError, match=r"text\.pt"):
        TUTORIAL.checkpoint(tmp_path / "text.pt")
