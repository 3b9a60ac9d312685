"""Models that heads and units were cut from are the whole ones with zeros in their places."""

import dataclasses
import pathlib
import random
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import Model, reference
from pyattn.checkpoint import Checkpoint
from pyattn.files import open_model, read_checkpoint
from pyattn.files.native import write_native
from pyattn.pruning import Kept, without_zeros
from pyattn.stored import Tensors
from support.inputs import ISAS, assert_same_hypotheses, checkpoint, sentences, targets
from support.paths import GOLDEN
from support.pruned_folders import BART, BERT, cut_folder, files, folder_of, pruned, whole_folder
from support.tolerances import EXACT, FLOAT32, assert_close


def whole_and_cut(tmp_path: pathlib.Path, golden: pathlib.Path) -> tuple[Checkpoint, Checkpoint]:
    """The model with zeros, none of them dropped, and the one without the parts."""
    whole = read_whole(whole_folder(tmp_path / "whole", golden))
    return whole, read_whole(cut_folder(tmp_path / "cut", golden))


def read_whole(folder: pathlib.Path) -> Checkpoint:
    """As the files have it, with all zeros."""
    return open_model(folder)._read()


def test_bart_without_heads_is_the_one_with_zeros(tmp_path: pathlib.Path) -> None:
    whole, cut = whole_and_cut(tmp_path, BART)
    assert cut.config.encoder_layer_heads != ()
    assert cut.config.decoder_layer_cross_heads != ()
    assert cut.config.decoder_layer_ffn != ()
    sources, given = sentences(1, whole.config, 7, 14), targets(2, whole.config, 7, 9)
    wanted = reference.Model(whole).logits(sources, given)
    for one, other in zip(reference.Model(cut).logits(sources, given), wanted, strict=True):
        assert_close(one, other, FLOAT32)
    hypotheses = reference.Model(whole).generate(sources, beam_size=3, max_new_tokens=12)
    for isa in ISAS:
        with Model(cut, dtype="float32", isa=isa, threads=2) as model:
            for one, other in zip(model.logits(sources, given), wanted, strict=True):
                assert_close(one, other, FLOAT32, isa)
            found = model.generate(sources, beam_size=3, max_new_tokens=12)
            assert_same_hypotheses(found, hypotheses, isa)


def test_bert_without_heads_is_the_one_with_zeros(tmp_path: pathlib.Path) -> None:
    whole, cut = whole_and_cut(tmp_path, BERT)
    assert cut.config.encoder_layer_heads == (1, 1)
    assert cut.config.encoder_layer_ffn == (20, 40)
    sources = sentences(1, whole.config, 7, 14)
    wanted = reference.Model(whole).encode(sources)
    for one, other in zip(reference.Model(cut).encode(sources), wanted, strict=True):
        assert_close(one, other, FLOAT32)
    for isa in ISAS:
        with Model(cut, dtype="float32", isa=isa, threads=2) as model:
            for one, other in zip(model.encode(sources), wanted, strict=True):
                assert_close(one, other, FLOAT32, isa)


@pytest.mark.parametrize("golden", [BART, BERT])
def test_zeros_are_dropped_and_results_keep_their_bits(
    tmp_path: pathlib.Path, golden: pathlib.Path
) -> None:
    whole, _ = whole_and_cut(tmp_path, golden)
    read = read_checkpoint(tmp_path / "whole")
    assert Kept.of(whole.config) is None
    kept = Kept.of(read.config)
    assert kept is not None
    assert kept.heads < kept.all_heads
    sources = sentences(1, whole.config, 7, 14)
    for dtype in ("float32", "int8"):
        with (
            Model(whole, dtype=dtype, threads=1) as one,
            Model(read, dtype=dtype, threads=1) as other,
        ):
            for before, after in zip(one.encode(sources), other.encode(sources), strict=True):
                assert_close(after, before, EXACT, dtype)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_same_bits_alone_and_in_any_batch(dtype: str) -> None:
    made = checkpoint("pruned")
    sources = sentences(3, made.config, 12, 40)
    with Model(made, dtype=dtype, threads=1) as model:
        alone = [model.generate([source], beam_size=2)[0] for source in sources]
    order = random.Random(1).sample(range(len(sources)), len(sources))
    with Model(made, dtype=dtype, threads=3, batch_rows=8) as model:
        found = model.generate([sources[n] for n in order], beam_size=2)
    for n, hypotheses in zip(order, found, strict=True):
        for one, other in zip(hypotheses, alone[n], strict=True):
            assert one.tokens == other.tokens
            assert one.token_scores.tobytes() == other.token_scores.tobytes()


def wide(activation: str = "relu", **changes: Any) -> Checkpoint:
    """A model of wide feed-forwards, units of which are zero in one or the other matrix."""
    made = checkpoint("umt5" if changes.get("gated") else "post")
    config = dataclasses.replace(made.config, **changes, activation=activation)
    return dataclasses.replace(made, config=config, tensors=dict(made.tensors))


def test_units_are_dropped_that_add_nothing_and_no_others() -> None:
    made = wide()
    name = "encoder.layers.0.feed_forward"
    tensors = {key: np.array(array) for key, array in made.tensors.items()}
    tensors["encoder.embedding"] = tensors["decoder.embedding"] = tensors["output.weight"]
    tensors[f"{name}.down.weight"][:, :8] = 0  # nothing comes of them
    tensors[f"{name}.up.weight"][8:30] = 0
    tensors[f"{name}.up.bias"][8:20] = 0  # nothing goes into them; 20 to 29 are constants
    given = dataclasses.replace(made, tensors=tensors)
    found = without_zeros(given)
    # 70 units less 20 are 50; zeros fill them up to 64.
    assert found.config.encoder_layer_ffn == (64, 70, 70)
    sources = sentences(1, made.config, 5, 20)
    for one, other in zip(
        reference.Model(found).encode(sources), reference.Model(given).encode(sources), strict=True
    ):
        assert_close(one, other, FLOAT32)


def test_model_without_zeros_is_itself() -> None:
    made = checkpoint("post")
    assert without_zeros(made) is made


def test_head_of_zeros_stays_if_it_is_the_only_one_or_is_counted() -> None:
    made = checkpoint("pruned")
    tensors = {key: np.array(array) for key, array in made.tensors.items()}
    for stack in made.config.stacks:
        tensors[f"{stack}.embedding"] = tensors["output.weight"]
    tensors["encoder.layers.0.self_attention.output.weight"][:] = 0
    tensors["encoder.layers.1.self_attention.output.weight"][:] = 0
    tensors["decoder.layers.1.cross_attention.output.weight"][:] = 0
    generation = made.generation.replace(alignment_heads=((1, 3),))
    found = without_zeros(dataclasses.replace(made, tensors=tensors, generation=generation))
    assert found.config.encoder_layer_heads == (1, 1, 3)
    assert found.config.decoder_layer_cross_heads in ((), (2, 4, 2))


def test_native_folder_keeps_the_sizes_of_layers(tmp_path: pathlib.Path) -> None:
    made = checkpoint("pruned")
    write_native(tmp_path / "native", made)
    found = read_checkpoint(tmp_path / "native")
    assert found.config == made.config
    for name, array in made.tensors.items():
        assert_close(found.tensors[name], array, EXACT, name)


def test_zeros_of_int8_are_dropped_with_their_scales(tmp_path: pathlib.Path) -> None:
    _, cut = whole_and_cut(tmp_path, BART)
    write_native(tmp_path / "native", read_whole(tmp_path / "whole"), dtype="int8")
    found = read_checkpoint(tmp_path / "native")
    assert found.config.encoder_layer_heads == cut.config.encoder_layer_heads
    stored = Tensors.of(found.tensors).stored("encoder.layers.0.self_attention.value.weight")
    assert stored.scale is not None
    assert len(stored.scale) == len(stored.values)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"9": [0]}, "pruned_heads has layer '9', expected 0 to"),
        ({"-1": [0]}, "pruned_heads has layer '-1', expected 0 to"),
        ({"0" * 5000: [0]}, "pruned_heads has layer '000"),
        ({"0": [1], "00": [1]}, "pruned_heads has layer '00', expected 0 to"),
        ({"0": [7]}, "for layer 0, expected heads from 0 to"),
        ({"0": [True]}, "for layer 0, expected heads from 0 to"),
        ({"0": 1}, "for layer 0, expected heads from 0 to"),
        ({"0": [1, 1]}, "for layer 0, expected each head once"),
        ([1], "pruned_heads is a list of 1, expected an object"),
        ({"0": [0, 1]}, "config.json's pruned_heads leaves layer 0 0 heads of"),
        ({"0": []}, "config.json's pruned_heads leaves layer 0 2 heads of"),
    ],
)
def test_heads_that_cannot_be_pruned_are_refused(
    tmp_path: pathlib.Path, field: Any, message: str
) -> None:
    folder = folder_of(tmp_path, BERT, pruned(BERT, cut=True), pruned_heads=field)
    with pytest.raises(pyattn.ModelError) as error:
        read_checkpoint(folder)
    assert message in str(error.value)


def test_sizes_of_a_matrix_alone_are_refused(tmp_path: pathlib.Path) -> None:
    tensors = pruned(BART, cut=True)
    name = "model.encoder.layers.0.self_attn.v_proj.weight"
    tensors[name] = tensors[name][:1]
    with pytest.raises(pyattn.ModelError, match=r"v_proj.weight has shape \[1, "):
        read_checkpoint(folder_of(tmp_path, BART, tensors))


@pytest.mark.parametrize("name", ["llama-tied", "qwen2", "qwen3"])
@pytest.mark.parametrize("groups", [0, 1])
def test_decoder_without_heads_that_share_keys_is_the_one_with_zeros(
    tmp_path: pathlib.Path, name: str, groups: int
) -> None:
    golden = GOLDEN / "decoders" / name
    config, tensors = files(golden)
    # Two heads share the keys and values of one.
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    prefix = "model.layers.1.self_attn"
    rows = {"q": 2 * groups * width, "k": groups * width, "v": groups * width}
    cut = dict(tensors)
    for letter, kept in rows.items():
        for key in (f"{prefix}.{letter}_proj.{kind}" for kind in ("weight", "bias")):
            if key in tensors:
                cut[key] = tensors[key][:kept]
                tensors[key] = np.concatenate([cut[key], np.zeros_like(tensors[key][kept:])])
    key = f"{prefix}.o_proj.weight"
    cut[key] = tensors[key][:, : rows["q"]]
    tensors[key] = np.pad(cut[key], ((0, 0), (0, tensors[key].shape[1] - rows["q"])))
    whole = read_whole(folder_of(tmp_path / "whole", golden, tensors))
    found = read_whole(folder_of(tmp_path / "cut", golden, cut))
    heads = config["num_attention_heads"]
    assert found.config.decoder_layer_heads == (heads, 2)
    prompts, given = [[5, 6, 7], [9]], [[4, 3], [8] * 5]
    wanted = reference.Model(whole).logits(prompts, given)
    with Model(found, dtype="float32") as core:
        for model in (reference.Model(found), core):
            for one, other in zip(model.logits(prompts, given), wanted, strict=True):
                assert_close(one, other, FLOAT32)
    with Model(found, dtype="int8") as core:
        assert np.isfinite(core.logits(prompts, given)[0]).all()
    write_native(tmp_path / "native", found)
    assert read_checkpoint(tmp_path / "native").config == found.config


@pytest.mark.parametrize("width", [0, 80])
def test_widths_that_are_no_cut_are_refused(tmp_path: pathlib.Path, width: int) -> None:
    golden = GOLDEN / "decoders" / "llama-tied"
    _, tensors = files(golden)
    for name in ("gate", "up"):
        key = f"model.layers.0.mlp.{name}_proj.weight"
        tensors[key] = np.resize(tensors[key], (width, tensors[key].shape[1]))
    key = "model.layers.0.mlp.down_proj.weight"
    tensors[key] = np.resize(tensors[key], (tensors[key].shape[0], width))
    message = rf"has shape \[{width}, 24\], config.json's intermediate_size says 40"
    with pytest.raises(pyattn.ModelError, match=message):
        read_checkpoint(folder_of(tmp_path, golden, tensors))
