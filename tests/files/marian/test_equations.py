"""Marian's models compute what Marian's equations say, and what is not computed is refused."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import reference
from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files import open_model, read_checkpoint
from pyattn.files.marian import MarianFiles
from support import marian_models as made
from support.marian_forward import Forward

SOURCE, TARGET = [5, 3, 10, 2, 2, 7, 0], [4, 4, 9, 2, 6]
NO_EMBEDDING: dict[str, Any] = {"tied_embeddings_all": False}

VARIANTS: dict[str, dict[str, Any]] = {
    "transformer": {},
    "swish": {"transformer_ffn_activation": "swish", "input_types": ["sequence", "sequence"]},
    "decoder-ffn": {"transformer_decoder_dim_ffn": 10},
    "embeddings-apart": {**NO_EMBEDDING, "tied_embeddings": True},
    "output-apart": NO_EMBEDDING,
    "source-and-target-tied": {**NO_EMBEDDING, "tied_embeddings_src": True},
    "tied-layers": {"transformer_tied_layers": [1, 1, 2, 1], "dec_depth": 4},
    "normed-embedding": {"transformer_postprocess_emb": "dn", "transformer_postprocess_top": "n"},
    "pre": {
        "transformer_preprocess": "n",
        "transformer_postprocess": "da",
        "transformer_postprocess_top": "n",
    },
    "both": {"transformer_preprocess": "n", "transformer_postprocess": "nda"},
    "student": {"transformer_decoder_autoreg": "rnn"},
    "student-pre": {
        "transformer_decoder_autoreg": "rnn",
        "transformer_preprocess": "n",
        "transformer_postprocess": "da",
    },
    "student-tied": {"transformer_decoder_autoreg": "rnn", "transformer_tied_layers": [1, 1]},
    "average": {"transformer_decoder_autoreg": "average-attention"},
    "average-nogate": {
        "transformer_decoder_autoreg": "average-attention",
        "transformer_aan_nogate": True,
        "transformer_aan_activation": "relu",
    },
    "average-alone": {
        "transformer_decoder_autoreg": "average-attention",
        "transformer_aan_depth": 1,
    },
}
# Of float64 here and float32 there, over two layers, as a share of the largest logit.
CLOSE = 1e-5


def folder(path: pathlib.Path, chosen: made.Options, **changes: Any) -> pathlib.Path:
    """A folder with nothing but a model."""
    made.write(path / "model.npz", made.npz(made.parameters(chosen), chosen, **changes))
    return path


def assert_computes(path: pathlib.Path, wanted: Any) -> Checkpoint:
    """Both implementations have these logits."""
    checkpoint = read_checkpoint(path)
    with pyattn.Model(checkpoint, dtype="float32", threads=1) as model:
        for one in (model, reference.Model(checkpoint)):
            [found] = one.logits([SOURCE], [TARGET])
            np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE * np.abs(wanted).max())
    return checkpoint


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_are_those_of_the_equations(tmp_path: pathlib.Path, name: str) -> None:
    chosen = made.options(**VARIANTS[name])
    wanted = Forward(chosen, made.parameters(chosen)).logits(SOURCE, TARGET)
    assert_computes(folder(tmp_path, chosen), wanted)


@pytest.mark.parametrize("form", ["npz", "npz.gz", "compressed", "bin", "bin.gz"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_every_form_holds_the_same_model(tmp_path: pathlib.Path, form: str, dtype: str) -> None:
    chosen = made.options(**made.STUDENT)
    parameters = made.parameters(chosen)
    rounded = {name: values.astype(dtype) for name, values in parameters.items()}
    if form.startswith("bin"):
        content = made.binary(made.entries(parameters, chosen, dtype=dtype))
    else:
        content = made.npz(parameters, chosen, dtype=dtype, compressed=form == "compressed")
    path = made.write(tmp_path / f"model.{'npz' if form == 'compressed' else form}", content)
    wanted = Forward(chosen, rounded).logits(SOURCE, TARGET)
    assert all(isinstance(open_model(place), MarianFiles) for place in (tmp_path, path))
    assert_computes(tmp_path, wanted)
    assert_computes(path, wanted)


@pytest.mark.parametrize("fork", made.INTGEMM8)
@pytest.mark.parametrize("alphas", [False, True])
@pytest.mark.parametrize("variant", ["student", "embeddings-apart", "average", "tied-layers"])
def test_integers_are_multiplied_out_as_they_are(
    tmp_path: pathlib.Path, fork: str, alphas: bool, variant: str
) -> None:
    chosen = made.options(**VARIANTS[variant])
    stored = made.quantized(made.parameters(chosen), alphas=alphas)
    if variant == "embeddings-apart" and alphas:
        # As models of two vocabularies have it.
        stored["decoder_Wemb_QuantMultA"] = made.Integers(np.int8([[127]]), 19.2, (1, 1))
    made.write(tmp_path / "model.bin", made.binary(made.entries(stored, chosen, fork=fork)))
    floats = {
        name: values.floats(name) if isinstance(values, made.Integers) else values
        for name, values in stored.items()
    }
    checkpoint = assert_computes(tmp_path, Forward(chosen, floats).logits(SOURCE, TARGET))
    weights = {name for name in checkpoint.tensors if name.endswith(("weight", "embedding"))}
    assert checkpoint.int8 == {name for name in weights if "norm" not in name}
    query = stored["decoder_l1_context_Wq"]
    assert isinstance(query, made.Integers)
    steps = checkpoint.tensors["decoder.layers.0.cross_attention.query.weight"] * query.multiplier
    np.testing.assert_allclose(steps, query.values, rtol=1e-6)


def test_output_matrix_of_old_models_lies_the_other_way_round(tmp_path: pathlib.Path) -> None:
    chosen = made.options(**NO_EMBEDDING)
    parameters = made.parameters(chosen)
    table = parameters.pop("decoder_ff_logit_out_Wt")
    parameters["decoder_ff_logit_out_W"] = np.ascontiguousarray(table.T)
    made.write(tmp_path / "model.npz", made.npz(parameters, chosen))
    assert_computes(tmp_path, Forward(chosen, parameters).logits(SOURCE, TARGET))


def test_positions_may_be_learned_and_embeddings_are_not_multiplied_then(
    tmp_path: pathlib.Path,
) -> None:
    chosen = made.options()
    parameters = made.parameters(chosen)
    parameters["Wpos"] = np.random.default_rng(2).standard_normal((9, 12), np.float32)
    made.write(tmp_path / "model.npz", made.npz(parameters, chosen))
    checkpoint = assert_computes(tmp_path, Forward(chosen, parameters).logits(SOURCE, TARGET))
    assert (checkpoint.config.positions, checkpoint.config.max_positions) == ("learned", 9)


def test_output_may_have_no_bias(tmp_path: pathlib.Path) -> None:
    chosen = made.options(output_omit_bias=True)
    parameters = made.parameters(chosen)
    bias = parameters.pop("decoder_ff_logit_out_b")
    made.write(tmp_path / "model.npz", made.npz(parameters, chosen))
    with_zeros = parameters | {"decoder_ff_logit_out_b": np.zeros_like(bias)}
    checkpoint = assert_computes(tmp_path, Forward(chosen, with_zeros).logits(SOURCE, TARGET))
    assert "output.bias" not in checkpoint.tensors


def test_what_is_tied_is_one_array(tmp_path: pathlib.Path) -> None:
    tensors = read_checkpoint(
        folder(tmp_path, made.options(transformer_tied_layers=[1, 1]))
    ).tensors
    assert tensors["encoder.embedding"] is tensors["decoder.embedding"]
    assert tensors["encoder.embedding"] is tensors["output.weight"]
    up = "feed_forward.up.weight"
    assert tensors[f"decoder.layers.0.{up}"] is tensors[f"decoder.layers.1.{up}"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "s2s"}, "type is 's2s', supported is 'transformer'"),
        ({"type": None}, "type is 'missing', supported is 'transformer'"),
        ({"type": "char-s2s"}, "type is 'char-s2s'"),
        ({"transformer_preprocess": "h"}, "transformer-preprocess is 'h', 'h' (a highway) is not"),
        ({"transformer_postprocess": "dhn"}, "transformer-postprocess is 'dhn', 'h' (a highway)"),
        ({"transformer_postprocess": "dar"}, "transformer-postprocess is 'dar', 'r' (an RMS norm)"),
        (
            {"transformer_preprocess": "n"},
            "transformer-postprocess is 'dan', and transformer-preprocess is 'n', supported are",
        ),
        ({"transformer_postprocess": "da"}, "transformer-postprocess is 'da', and"),
        ({"transformer_postprocess_top": "an"}, "transformer-postprocess-top is 'an', supported"),
        (
            {
                "transformer_preprocess": "n",
                "transformer_postprocess": "da",
                "transformer_postprocess_top": None,
            },
            "transformer-preprocess is 'n', supported is '' in a model without",
        ),
        (
            {**VARIANTS["average"], "transformer_preprocess": "n", "transformer_postprocess": "a"},
            "transformer-preprocess is 'n', supported is ''",
        ),
        ({"transformer_ffn_activation": "gelu"}, "transformer-ffn-activation is 'gelu', supported"),
        ({"transformer_ffn_depth": 3}, "transformer-ffn-depth is '3', supported is '2'"),
        ({"transformer_decoder_ffn_depth": 1}, "transformer-decoder-ffn-depth is '1'"),
        ({"transformer_no_projection": True}, "transformer-no-projection is 'true'"),
        ({"transformer_pool": True}, "transformer-pool is 'true', supported is 'false'"),
        ({"transformer_decoder_autoreg": "lstm"}, "transformer-decoder-autoreg is 'lstm'"),
        ({"transformer_rnn_projection": True}, "transformer-rnn-projection is 'true'"),
        ({**made.STUDENT, "dec-cell": "gru"}, "dec-cell is 'gru', supported is 'ssru'"),
        ({**made.STUDENT, "layer-normalization": True}, "layer-normalization is 'true'"),
        ({**made.AVERAGE, "transformer-aan-depth": 3}, "transformer-aan-depth is '3'"),
        ({**made.AVERAGE, "transformer-dim-aan": 12}, "transformer-dim-aan is '12', as many as"),
        ({"lemma_dim_emb": 8}, "lemma-dim-emb is '8', supported is '0'"),
        ({"factors_dim_emb": 8}, "factors-dim-emb is '8', supported is '0'"),
        ({"output_approx_knn": [100, 1024]}, "output-approx-knn is a list of 2, supported is ''"),
        (
            {"input_types": ["class", "sequence"]},
            "input-types is a list of 2, supported is 'sequence'",
        ),
        ({"ulr": True}, "ulr is 'true', supported is 'false'"),
        ({"right_left": True}, "right-left is 'true', supported is 'false'"),
        ({"right_left": "maybe"}, "right-left is 'maybe', supported is 'false'"),
        ({"tied_embeddings": "maybe"}, "tied-embeddings is 'maybe', expected true or false"),
        ({"transformer_heads": 5}, "transformer-heads is '5', expected a divisor of 12"),
        ({"transformer_heads": 0}, "transformer-heads is '0', expected a divisor of 12"),
        ({"transformer_heads": "-1"}, "transformer-heads is '-1', expected 0 to"),
        ({"transformer_heads": "9" * 30}, "transformer-heads is '999"),
        ({"transformer_tied_layers": [1, 3]}, "transformer-tied-layers is a list of 2, expected"),
        ({"transformer_tied_layers": [0]}, "transformer-tied-layers is a list of 1, expected at"),
        ({"transformer_tied_layers": [1] * 1025}, "transformer-tied-layers is a list of 1025"),
        ({"transformer_guided_alignment_layer": 3}, "transformer-guided-alignment-layer is '3'"),
    ],
)
def test_what_is_not_computed_is_refused_by_the_name_of_its_option(
    tmp_path: pathlib.Path, changes: dict[str, Any], message: str
) -> None:
    parameters = made.parameters(
        made.options(**(made.AVERAGE if "transformer-aan-depth" in changes else {}))
    )
    if "transformer-dim-aan" in changes:
        parameters = made.parameters(made.options(**changes))
    chosen = made.options(**changes)
    made.write(tmp_path / "model.npz", made.npz(parameters, chosen))
    with pytest.raises(ModelError) as error:
        read_checkpoint(tmp_path)
    assert str(error.value).startswith(f"model.npz: special:model.yml: {message}")


def test_parameters_are_held_to_each_other(tmp_path: pathlib.Path) -> None:
    chosen = made.options(**made.STUDENT)
    parameters = made.parameters(chosen)
    wrong: list[tuple[str, Any, str | None]] = [
        ("encoder_l1_ffn_W2", np.zeros((12, 18)), r"has shape \[12, 18\], expected \[18, 12\]"),
        ("encoder_l2_ffn_W1", np.zeros((12, 17)), r"has shape \[12, 17\], expected \[12, 18\]"),
        ("encoder_l1_self_bq", np.zeros((1, 11)), r"has shape \[1, 11\], expected floats of"),
        ("decoder_l2_rnn_Wf", np.zeros((1, 12, 12)), r"has shape \[1, 12, 12\], expected a matrix"),
        ("decoder_l2_rnn_Wf", None, "is missing"),
        ("encoder_l2_ffn_ffn_ln_scale", None, "is missing"),
        ("Wemb", None, "is missing"),
        ("Wemb", np.zeros((2, 12)), "has 2 rows"),
        ("decoder_l9_rnn_W", np.zeros((12, 12)), None),
        ("decoder_l2_rnn_Wo", np.zeros((12, 12)), "no such parameters in a model with"),
        ("none_QuantMultA", np.zeros((1, 1)), r"is \[0\.0\], expected one positive number"),
        ("none_QuantMultA", np.ones((1, 2)), r"is \[1\.0, 1\.0\], expected one positive number"),
        ("x_QuantMultA", np.ones((1, 1)), "belongs to x, which is missing"),
    ]  # fmt: skip
    for name, values, message in wrong:
        changed = dict(parameters)
        changed.pop(name, None)
        if values is not None:
            changed[name] = values.astype(np.float32)
        made.write(tmp_path / "model.npz", made.npz(changed, chosen))
        with pytest.raises(ModelError, match=message or "is missing") as error:
            read_checkpoint(tmp_path)
        assert str(error.value).startswith("model.npz: ")
        assert message is None or name in str(error.value)


def test_a_model_without_layers_or_options_is_refused(tmp_path: pathlib.Path) -> None:
    chosen = made.options()
    parameters = made.parameters(chosen)
    less = {name: values for name, values in parameters.items() if "decoder_l" not in name}
    made.write(tmp_path / "model.npz", made.npz(less, chosen))
    with pytest.raises(ModelError, match=r"^model\.npz: 0 layers of the decoder, expected 1 to"):
        read_checkpoint(tmp_path)
    (tmp_path / "model.npz").unlink()
    made.write(tmp_path / "model.bin", made.binary(made.entries(parameters)))
    with pytest.raises(ModelError, match=r"^model\.bin: special:model\.yml is missing"):
        read_checkpoint(tmp_path)
