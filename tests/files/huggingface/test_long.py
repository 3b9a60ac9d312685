"""Models for long sources: transformers' files, states and logits, in the reference."""

import dataclasses
import pathlib
import re
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import reference
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.running.packing import core_tensors
from support.lanes import slow
from support.long_models import (
    BLOCKS,
    LONG,
    Floats,
    Sentence,
    changed,
    folder,
    global_tokens,
    sentences,
)

# Of float32 sums in another order, on states of size 1 and logits of size 10.
CLOSE = 1e-5
FAR = ["bigbird-pegasus-64", "longt5-local", "longt5-tglobal", "pegasus-x"]


def states(model: reference.Model, chosen: list[Sentence]) -> list[Floats]:
    return model.encode([one.ids for one in chosen], global_tokens=global_tokens(chosen))


def distance(found: list[Floats], chosen: list[Sentence]) -> float:
    """The largest one from what transformers computes."""
    return max(
        float(abs(ours[one.rows] - one.states).max())
        for ours, one in zip(found, chosen, strict=True)
    )


@pytest.mark.parametrize("name", LONG)
def test_reference_computes_the_states_of_transformers(name: str) -> None:
    chosen = sentences(name, longest=129)
    model = reference.Model(read_checkpoint(folder(name)))
    assert distance(states(model, chosen), chosen) < CLOSE


@slow
@pytest.mark.parametrize("name", FAR)
def test_reference_computes_states_of_hundreds_and_thousands_of_tokens(name: str) -> None:
    model = reference.Model(read_checkpoint(folder(name)))
    for one in sentences(name, longest=5000):
        if len(one.ids) > 129:
            assert distance(states(model, [one]), [one]) < CLOSE


@pytest.mark.parametrize("name", [name for name in LONG if sentences(name)[0].target is not None])
def test_reference_computes_the_logits_of_transformers(name: str) -> None:
    chosen = sentences(name, longest=129)
    found = reference.Model(read_checkpoint(folder(name))).logits(
        [one.ids for one in chosen],
        [one.target or [] for one in chosen],
        global_tokens=global_tokens(chosen),
    )
    for ours, one in zip(found, chosen, strict=True):
        np.testing.assert_allclose(ours, one.logits, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("led", {"encoder_windows": (5, 4)}),
        ("longt5-local", {"encoder_windows": (6, 5)}),
        ("longt5-tglobal", {"encoder_block": 15}),
        ("longt5-tglobal", {"encoder_windows": (7, 6)}),
        ("big-bird", {"encoder_random_blocks": 2}),
        ("big-bird", {"encoder_block": 5}),
        ("bigbird-pegasus-64", {"encoder_random_blocks": 2}),
        ("pegasus-x", {"encoder_block": 10}),
        ("pegasus-x", {"encoder_staggered": False}),
    ],
)
def test_states_depend_on_each_part_of_a_pattern(name: str, change: dict[str, Any]) -> None:
    checkpoint = read_checkpoint(folder(name))
    other = dataclasses.replace(checkpoint, config=dataclasses.replace(checkpoint.config, **change))
    chosen = [one for one in sentences(name) if len(one.ids) in (129, 706)]
    assert distance(states(reference.Model(other), chosen), chosen) > 100 * CLOSE


def test_short_sentences_of_blocks_see_all() -> None:
    # As many tokens as (5 + 2 * 3) blocks of 64 have, and one more.
    full, blocks = (
        [one for one in sentences("bigbird-pegasus-64") if len(one.ids) == length]
        for length in (704, 705)
    )
    checkpoint = read_checkpoint(folder("bigbird-pegasus-64"))
    everything = dataclasses.replace(checkpoint.config, encoder_pattern="windows")
    model = reference.Model(dataclasses.replace(checkpoint, config=everything))
    assert distance(states(model, full), full) < CLOSE
    assert distance(states(model, blocks), blocks) > 100 * CLOSE


@pytest.mark.parametrize("name", LONG)
def test_native_folder_holds_the_same_model(name: str, tmp_path: pathlib.Path) -> None:
    checkpoint = read_checkpoint(folder(name))
    write_native(tmp_path / "native", checkpoint)
    again = read_checkpoint(tmp_path / "native")
    assert again.config == checkpoint.config
    assert again.tensors.keys() == checkpoint.tensors.keys()
    for tensor, values in checkpoint.tensors.items():
        assert again.tensors[tensor].tobytes() == values.tobytes()


def test_first_token_of_led_is_global_by_default() -> None:
    config = read_checkpoint(folder("led")).config
    assert (config.global_first, config.global_ids) == (True, ())


@pytest.mark.parametrize(
    "files",
    [
        {"added_tokens.json": {"<doc-sep>": 60, "<other>": 59}},
        {
            "tokenizer_config.json": {
                "added_tokens_decoder": {
                    "60": {"content": "<doc-sep>"},
                    "1": {"content": "<pad>"},
                }
            }
        },
        {
            "tokenizer_config.json": {"tokenizer_class": "TokenizersBackend"},
            "tokenizer.json": {"added_tokens": [7, {"id": -1}, {"id": 60, "content": "<doc-sep>"}]},
        },
    ],
)
def test_separators_of_primera_are_global_by_default(
    files: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    made = changed(tmp_path, "led", {"attention_dilation": [1, 1], "attention_mode": "x"}, files)
    checkpoint = read_checkpoint(made)
    assert checkpoint.config.global_ids == (60,)
    model = reference.Model(checkpoint)
    source = [5, 60, 7, 8, 60, 10]
    [default] = model.encode([source])
    [given] = model.encode([source], global_tokens=[[4, 1, 0]])
    [none] = model.encode([source], global_tokens=[[]])
    assert default.tobytes() == given.tobytes()
    assert not np.allclose(default, none)


def test_separator_that_the_model_has_no_row_for_is_not_global(tmp_path: pathlib.Path) -> None:
    made = changed(tmp_path, "led", {}, {"added_tokens.json": {"<doc-sep>": 61}})
    assert read_checkpoint(made).config.global_ids == ()


@pytest.mark.parametrize(
    ("architecture", "first"),
    [("LongformerModel", False), ("LongformerForSequenceClassification", True)],
)
def test_first_token_of_longformer_is_global_where_it_classifies(
    architecture: str, first: bool, tmp_path: pathlib.Path
) -> None:
    made = changed(tmp_path, "longformer", {"architectures": [architecture]})
    assert read_checkpoint(made).config.global_first is first


@pytest.mark.parametrize("name", BLOCKS)
def test_original_full_attention_sees_all(name: str, tmp_path: pathlib.Path) -> None:
    made = changed(tmp_path, name, {"attention_type": "original_full"})
    assert read_checkpoint(made).config.encoder_pattern == "windows"


def test_stacks_have_positions_of_their_own() -> None:
    config = read_checkpoint(folder("led")).config
    assert config.stack("encoder").max_positions == 140
    assert config.stack("decoder").max_positions == 20
    model = reference.Model(read_checkpoint(folder("led")))
    model.logits([[5] * 140], [[6] * 19])
    with pytest.raises(ValueError, match="source 0 has 141 tokens, expected at most 140"):
        model.encode([[5] * 141])
    with pytest.raises(ValueError, match="target 0 has 20 tokens, expected at most 19"):
        model.logits([[5]], [[6] * 20])


def test_long_t5_takes_as_long_sources_as_it_was_trained_on(tmp_path: pathlib.Path) -> None:
    for positions, expected in ((None, (16384, 4096)), (20000, (20000, 20000))):
        made = changed(tmp_path / str(positions), "longt5-local", {"n_positions": positions})
        config = read_checkpoint(made).config
        found = tuple(config.stack(stack).max_positions for stack in config.stacks)
        assert found == expected


def test_cache_that_training_turned_off_is_none_of_ours(tmp_path: pathlib.Path) -> None:
    with_generation = {"num_beams": 3, "max_length": 15, "use_cache": False}
    checkpoint = read_checkpoint(changed(tmp_path, "led", with_generation))
    generation = checkpoint.generation
    assert (generation.beam_size, generation.max_new_tokens) == (3, 14)
    # Not BART's.
    assert not generation.force_end


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        (
            "led",
            {"attention_dilation": [1, 2]},
            "config.json: attention_dilation is a list of 2, expected 1 in every layer: windows "
            "with gaps are not supported",
        ),
        ("led", {"attention_window": 7}, "config.json: attention_window is 7, expected an even "),
        ("led", {"attention_window": [8]}, "attention_window is a list of 1, expected an even "),
        (
            "led",
            {"max_encoder_position_embeddings": 139},
            "config.json's max_encoder_position_embeddings says 139",
        ),
        (
            "led",
            {"max_decoder_position_embeddings": 19},
            "config.json's max_decoder_position_embeddings says 19",
        ),
        ("longt5-local", {"encoder_attention_type": "global"}, "supported are local, transient-"),
        ("longt5-local", {"encoder_attention_type": "transient-global"}, "is missing"),
        ("pegasus-x", {"block_size": 7}, "block_size is 7, expected an even number for stagger_"),
        ("pegasus-x", {"num_global_tokens": 4}, "config.json's num_global_tokens says 4"),
        ("big-bird", {"use_bias": False}, "use_bias is false, expected true"),
        ("big-bird", {"attention_type": "random"}, "supported are block_sparse, original_full"),
    ],
)
def test_what_is_not_computed_is_refused(
    name: str, fields: dict[str, Any], message: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(pyattn.ModelError, match=re.escape(message)):
        read_checkpoint(changed(tmp_path, name, fields))


def test_core_gets_tables_as_long_as_the_sequences_of_each_stack() -> None:
    longest = {"led": (140, 20), "pegasus-x": (5000, 5000)}
    for name, (source, target) in longest.items():
        floats, _ = core_tensors(read_checkpoint(folder(name)))
        assert floats["encoder.positions"].shape == (source, 24)
        assert floats["decoder.positions"].shape == (target, 24)
    floats, products = core_tensors(read_checkpoint(folder("longt5-tglobal")))
    assert floats["encoder.relative_table"].shape == (3, 2 * 16384 - 1)
    assert floats["encoder.global_relative_table"].shape == (3, 2 * 1024 - 1)
    assert floats["decoder.relative_table"].shape == (3, 4096)
    assert "encoder.layers.0.self_attention.global_norm.weight" in floats
    assert not any("global" in name for name in products)
    _, products = core_tensors(read_checkpoint(folder("led")))
    begin = "encoder.layers.1.self_attention"
    assert [len(products[f"{begin}.{name}"]) for name in ("global_query", "global_key_value")] == [
        1,
        2,
    ]
    assert not any("global" in name for name in products if name.startswith("decoder"))


def test_computed_positions_are_not_more_than_useful(tmp_path: pathlib.Path) -> None:
    made = changed(tmp_path, "longt5-local", {"n_positions": 1 << 24})
    with pytest.raises(pyattn.ModelError, match="encoder_max_positions is 16777216, expected at"):
        core_tensors(read_checkpoint(made))
