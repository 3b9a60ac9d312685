"""Encoders that stand alone: transformers' states, on every level and in the reference."""

import dataclasses
import json
import pathlib
import re
import shutil

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn import _core, reference
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from support.lanes import each_on_each
from support.paths import GOLDEN

ENCODERS = sorted(path.name for path in (GOLDEN / "encoders").iterdir())
# Of float32 sums in another order, on states of size 1.
CLOSE = 1e-4

Floats = npt.NDArray[np.float32]


def folder(name: str) -> pathlib.Path:
    return GOLDEN / "encoders" / name


def sentences(name: str) -> tuple[list[list[int]], list[list[int]] | None, list[Floats]]:
    """Ids, types if the family has some, and the states that transformers computes."""
    with np.load(folder(name) / "states.npz") as arrays:
        count = sum(key.startswith("ids_") for key in arrays)
        ids, types, states = (
            [arrays[f"{kind}_{n}"] for n in range(count) if f"{kind}_{n}" in arrays]
            for kind in ("ids", "types", "states")
        )
    return [row.tolist() for row in ids], [row.tolist() for row in types] or None, states


def assert_close(found: list[Floats], states: list[Floats]) -> None:
    for ours, theirs in zip(found, states, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(("name", "isa"), each_on_each(ENCODERS, _core.isas()))
def test_states_are_those_of_transformers(name: str, isa: str) -> None:
    ids, types, states = sentences(name)
    with pyattn.Model(read_checkpoint(folder(name)), dtype="float32", isa=isa, threads=2) as model:
        assert_close(model.encode(ids, types), states)


@pytest.mark.parametrize("name", ENCODERS)
def test_reference_computes_the_same_states(name: str) -> None:
    ids, types, states = sentences(name)
    assert_close(reference.Model(read_checkpoint(folder(name))).encode(ids, types), states)


@pytest.mark.parametrize("name", ["bert-head", "mpnet-head", "modernbert-head", "t5-bare"])
def test_bits_are_the_same_alone_in_a_batch_and_on_any_threads(name: str) -> None:
    ids, types, _ = sentences(name)
    checkpoint = read_checkpoint(folder(name))
    found = []
    for threads in (1, 2):
        with pyattn.Model(checkpoint, threads=threads) as model:
            found.append(model.encode(ids, types))
            found.append(
                [
                    model.encode([row], None if types is None else [types[n]])[0]
                    for n, row in enumerate(ids)
                ]
            )
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            assert one.tobytes() == same.tobytes()


def test_types_are_0_unless_given() -> None:
    with pyattn.Model(read_checkpoint(folder("bert-head"))) as model:
        [plain], [zeros], [mixed] = (
            model.encode([[5, 6, 7]], types) for types in (None, [[0, 0, 0]], [[0, 1, 1]])
        )
    assert plain.tobytes() == zeros.tobytes()
    assert not np.allclose(plain, mixed)


def test_wrong_types_are_refused() -> None:
    with (
        pyattn.Model(read_checkpoint(folder("bert-head"))) as typed,
        pyattn.Model(read_checkpoint(folder("distilbert-bare"))) as untyped,
    ):
        for types, message in (
            ([[0, 2]], "encode: types 0 has 2, expected 0 to 1"),
            ([[0]], "encode: types 0 are 1, expected 2, one for each token"),
            ([[0, 0], [0]], "encode: there are types for 2 sources, expected 1"),
        ):
            with pytest.raises(ValueError, match=re.escape(message)):
                typed.encode([[5, 6]], types)
        with pytest.raises(ValueError, match="the model has no token types"):
            untyped.encode([[5, 6]], [[0, 0]])


@pytest.mark.parametrize("kind", [pyattn.Model, reference.Model])
def test_without_a_decoder_nothing_is_decoded(kind: type) -> None:
    model = kind(read_checkpoint(folder("bert-head")))
    for call in ("logits", "score", "align"):
        with pytest.raises(ValueError, match=f"{call}: the model has no decoder"):
            getattr(model, call)([[5, 6]], [[7]])
    with pytest.raises(ValueError, match="generate: the model has no decoder"):
        model.generate([[5, 6]])


def test_model_says_what_it_is() -> None:
    with pyattn.Model(read_checkpoint(folder("bert-head")), dtype="float32") as model:
        assert model.config.stacks == ("encoder",)
        assert model.summary().startswith("bert, 2 layers, dim 24, vocabulary 61, float32 on ")


@pytest.mark.parametrize("name", ENCODERS)
def test_native_folder_holds_the_same_model(name: str, tmp_path: pathlib.Path) -> None:
    checkpoint = read_checkpoint(folder(name))
    write_native(tmp_path / "native", checkpoint)
    again = read_checkpoint(tmp_path / "native")
    assert again.config == checkpoint.config
    assert again.tensors.keys() == checkpoint.tensors.keys()
    for tensor, values in checkpoint.tensors.items():
        assert again.tensors[tensor].tobytes() == values.tobytes()


def test_epsilon_is_that_of_the_file_or_of_the_class(tmp_path: pathlib.Path) -> None:
    assert read_checkpoint(folder("roberta-head")).config.norm_epsilon == 1e-5
    changed = changed_config(tmp_path, "roberta-head", layer_norm_eps=None)
    assert read_checkpoint(changed).config.norm_epsilon == 1e-12


def test_older_fields_of_modernbert_mean_the_same(tmp_path: pathlib.Path) -> None:
    same = changed_config(
        tmp_path,
        "modernbert-head",
        rope_parameters=None,
        global_rope_theta=5000.0,
        local_rope_theta=100.0,
        layer_types=None,
        global_attn_every_n_layers=3,
    )
    found = read_checkpoint(same).config
    assert found == read_checkpoint(folder("modernbert-head")).config
    assert (found.rotary_theta, found.rotary_local_theta) == (5000, 100)
    assert found.encoder_windows == (0, 4, 4, 0)


@pytest.mark.parametrize(
    "fields",
    [{"is_encoder_decoder": None}, {"architectures": ["T5Model"]}, {"architectures": None}],
)
def test_t5_encoder_is_known_by_its_class_or_its_flag(
    fields: dict[str, object], tmp_path: pathlib.Path
) -> None:
    found = read_checkpoint(changed_config(tmp_path, "t5-bare", **fields))
    assert found.config == read_checkpoint(folder("t5-bare")).config
    assert found.config.stacks == ("encoder",)


def test_t5_encoder_leaves_the_decoder_of_its_file(tmp_path: pathlib.Path) -> None:
    made = tmp_path / "whole"
    shutil.copytree(GOLDEN / "t5-untied-gated-8", made)
    whole = read_checkpoint(made)
    values = json.loads((made / "config.json").read_text()) | {"architectures": ["T5EncoderModel"]}
    (made / "config.json").write_text(json.dumps(values))
    found, alone = read_checkpoint(made), whole.encoder()
    assert dataclasses.replace(found.config, unk=None) == dataclasses.replace(
        alone.config, logits_scale=1.0
    )
    assert found.tensors.keys() == alone.tensors.keys()
    for name, values in alone.tensors.items():
        assert found.tensors[name].tobytes() == values.tobytes()


def changed_config(to: pathlib.Path, name: str, **fields: object) -> pathlib.Path:
    """A golden model's folder with other fields in its config.json; None removes one."""
    made = to / name
    shutil.copytree(folder(name), made)
    values = json.loads((made / "config.json").read_text()) | fields
    kept = {key: value for key, value in values.items() if value is not None}
    (made / "config.json").write_text(json.dumps(kept))
    return made


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("electra-head", {"embedding_size": 12}, "config.json: embedding_size is 12, expected "),
        ("bert-head", {"is_decoder": True}, "config.json: is_decoder is true, expected false"),
        (
            "bert-head",
            {"position_embedding_type": "relative_key"},
            "config.json: position_embedding_type is 'relative_key', supported is absolute",
        ),
        (
            "bert-head",
            {"intermediate_size": 39},
            "encoder.layer.0.intermediate.dense.weight has shape [40, 24], config.json's "
            "intermediate_size says 39",
        ),
        ("bert-head", {"type_vocab_size": 3}, "config.json's type_vocab_size says 3"),
        ("bert-head", {"num_hidden_layers": 1}, "no such tensors in a model of family bert"),
        (
            "modernbert-head",
            {"intermediate_size": 41},
            "model.layers.0.mlp.Wi.weight has shape [80, 24], expected [82, 24] by config.json",
        ),
        (
            "modernbert-head",
            {"layer_types": ["full_attention"]},
            "is a list of 1, expected sliding_attention or full_attention for each of 4",
        ),
        (
            "modernbert-head",
            {"rope_parameters": {"full_attention": {"rope_type": "yarn"}}},
            "rope_parameters: full_attention: rope_type is 'yarn', supported are default",
        ),
        ("modernbert-head", {"num_attention_heads": 8}, "is 8, expected heads of an even width"),
    ],
)
def test_what_is_not_computed_is_refused(
    name: str, fields: dict[str, object], message: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(pyattn.ModelError, match=re.escape(message)):
        read_checkpoint(changed_config(tmp_path, name, **fields))


def test_encoder_of_a_translation_model_stands_alone() -> None:
    whole = read_checkpoint(GOLDEN / "bart-tied-gelu-5")
    alone = whole.encoder()
    sources = [[4, 5, 6, 7], [8, 9]]
    for dtype in ("float32", "int8"):
        with pyattn.Model(whole, dtype=dtype) as both, pyattn.Model(alone, dtype=dtype) as encoder:
            for one, same in zip(both.encode(sources), encoder.encode(sources), strict=True):
                assert one.tobytes() == same.tobytes()
            assert encoder.nbytes < both.nbytes
