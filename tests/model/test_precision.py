"""Which product of a model is computed in which number type, and that it is."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.files.quantized import quantize
from pyattn.products import products
from pyattn.running import precision
from pyattn.stored import Tensors
from support.inputs import FAMILIES, RECIPES, checkpoint, sentences, targets

# What is chosen for a level that this machine does not run can be asked as well.
FAST, PLAIN = ["avx2", "avx512_vnni", "amx"], ["portable", "reference"]
INT8 = "avx512_vnni"
EVERY = list(products(checkpoint("odd").config))


def stored_in_int8(name: str, *, but: str = "") -> Checkpoint:
    made = checkpoint(name)
    matrices = {one for product in products(made.config).values() for one in product}
    arrays = Tensors.of(made.tensors)
    stored = {
        name: quantize(array) if name in matrices - {but} else arrays.stored(name)
        for name, array in arrays.items()
    }
    return dataclasses.replace(made, tensors=Tensors(stored))


@pytest.mark.parametrize("name", RECIPES | FAMILIES)
def test_products_are_all_matrices_that_are_multiplied(name: str) -> None:
    config = checkpoint(name).config
    matrices = [matrix for product in products(config).values() for matrix in product]
    wanted = {
        tensor
        for tensor, shape in tensor_shapes(config)
        if len(shape) == 2 and not tensor.endswith((".embedding", ".positions", "relative_bias"))
    }
    assert len(matrices) == len(wanted)
    assert set(matrices) == wanted


def rounded_to_bfloat16(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """To the nearest number whose lower 16 bits are zeros, ties to even."""
    bits = matrix.view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + (bits >> 16 & 1)
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)


def answers(made: Checkpoint, dtype: Any) -> list[npt.NDArray[np.float32]]:
    # A level that multiplies bfloat16 weights in float32.
    with pyattn.Model(made, dtype=dtype, isa="portable", threads=1) as model:
        sources, given = sentences(1, made.config, 3, 7), targets(2, made.config, 3, 7)
        return model.logits(sources, given)


@pytest.mark.parametrize("product", EVERY)
def test_bfloat16_of_one_product_is_float32_of_its_rounded_weights(product: str) -> None:
    made = checkpoint("odd")
    changed = {
        matrix: rounded_to_bfloat16(made.tensors[matrix])
        for matrix in products(made.config)[product]
    }
    rounded = dataclasses.replace(made, tensors={**made.tensors, **changed})
    plain = answers(made, "float32")
    mixed = answers(made, {"*": "float32", product: "bfloat16"})
    for one, other in zip(mixed, answers(rounded, "float32"), strict=True):
        assert one.tobytes() == other.tobytes()
    # Not of each sentence: one of a single token has nothing to choose from by its queries.
    assert any(map(np.any, map(np.subtract, mixed, plain)))


def test_each_product_takes_the_memory_of_its_type() -> None:
    made = checkpoint("post")

    def size(dtype: Any) -> int:
        with pyattn.Model(made, dtype=dtype, threads=1) as model:
            return model.nbytes

    saved = [
        size("float32") - size({"*": "float32", name: "int8"}) for name in products(made.config)
    ]
    assert min(saved) > 0
    assert sum(saved) == size("float32") - size("int8")


@pytest.mark.parametrize("isa", FAST)
def test_auto_is_int8(isa: str) -> None:
    for made in (checkpoint("post"), stored_in_int8("post")):
        assert set(precision.chosen("auto", made, isa).values()) == {"int8"}


@pytest.mark.parametrize("isa", FAST)
def test_auto_keeps_feed_forwards_of_pre_norm_models_from_outliers(isa: str) -> None:
    # However the weights are stored: it is their inputs that have outliers.
    for made in (checkpoint("pre"), stored_in_int8("pre")):
        types = precision.chosen("auto", made, isa)
        grouped = {name for name, dtype in types.items() if dtype == "int8_grouped"}
        assert grouped == {name for name in types if name.endswith(".feed_forward.down")}
        assert set(types.values()) == {"int8", "int8_grouped"}


def test_vocabulary_has_no_groups() -> None:
    types = precision.chosen("int8_grouped", checkpoint("pre"), INT8)
    assert types.pop("output") == "int8"
    assert set(types.values()) == {"int8_grouped"}


@pytest.mark.parametrize("isa", PLAIN)
def test_auto_is_float32_where_fewer_bytes_gain_no_time(isa: str) -> None:
    assert set(precision.chosen("auto", stored_in_int8("post"), isa).values()) == {"float32"}
    assert set(precision.chosen("auto", checkpoint("post"), isa).values()) == {"float32"}


def test_native_folder_says_what_it_stores_in_int8(tmp_path: pathlib.Path) -> None:
    made = checkpoint("odd")
    write_native(tmp_path / "int8", made, dtype="int8")
    write_native(tmp_path / "float32", made, dtype="float32")
    assert read_checkpoint(tmp_path / "int8").int8 >= stored_in_int8("odd").int8
    assert read_checkpoint(tmp_path / "float32").int8 == frozenset()


def test_last_pattern_that_matches_counts() -> None:
    made = checkpoint("odd")
    types = precision.chosen(
        {"*": "int8", "decoder.*": "bfloat16", "*.down": "float32", "*.layers.1.*.down": "int8"},
        made,
        INT8,
    )
    assert types["encoder.layers.0.self_attention.output"] == "int8"
    assert types["decoder.layers.0.cross_attention.key_value"] == "bfloat16"
    assert types["decoder.layers.0.feed_forward.down"] == "float32"
    assert types["decoder.layers.1.feed_forward.down"] == "int8"
    assert types["output"] == "int8"


def test_product_without_a_pattern_is_auto() -> None:
    types = precision.chosen({"output": "bfloat16"}, stored_in_int8("odd"), INT8)
    assert types.pop("output") == "bfloat16"
    assert set(types.values()) == {"int8"}
    types = precision.chosen({"*": "bfloat16", "output": "auto"}, stored_in_int8("odd"), INT8)
    assert types.pop("output") == "int8"


def test_config_says_what_was_chosen() -> None:
    made = checkpoint("odd")
    with pyattn.Model(made, dtype={"*": "int8", "*.down": "bfloat16"}, threads=1) as model:
        config = model.config
    downs = [name for name in EVERY if name.endswith(".down")]
    assert config.dtype == "int8"
    assert config.other_dtypes == dict.fromkeys(downs, "bfloat16")
    assert len(downs) == 4
    assert hash(config) == hash(dataclasses.replace(config))
    with pyattn.Model(made, dtype="int8", threads=1) as model:
        assert (model.config.dtype, model.config.other_dtypes) == ("int8", {})


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ("int8", "int8"),
        ({"*": "int8", "*.down": "bfloat16"}, "int8, but *.feed_forward.down in bfloat16"),
        ({"*": "int8", "output": "float32"}, "int8, but output in float32"),
        (
            {"*": "int8", "encoder.layers.1.*.u*": "bfloat16", "*.query": "float32"},
            "int8, but encoder.layers.1.feed_forward.up in bfloat16; "
            "*.cross_attention.query in float32",
        ),
    ],
)
def test_choice_in_words_is_short_and_complete(dtype: Any, words: str) -> None:
    with pyattn.Model(checkpoint("odd"), dtype=dtype, threads=1) as model:
        config = model.config
    assert precision.described(config, config.dtype, config.other_dtypes) == words


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("int2", "expected auto, float32, bfloat16, int8, int4, int8_grouped, got 'int2'"),
        (8, "expected auto, float32, bfloat16, int8, int4, int8_grouped, got 8"),
        (
            {"*": "int2"},
            "expected auto, float32, bfloat16, int8, int4, int8_grouped for '*', got 'int2'",
        ),
        (
            {"*": ["int8"]},
            "expected auto, float32, bfloat16, int8, int4, int8_grouped for '*', got ['int8']",
        ),
        ({0: "int8"}, "expected names of products as keys, got 0"),
        ({None: "int8"}, "expected names of products as keys, got None"),
        ({"*.fed_forward.down": "int8"}, "near: *.feed_forward.down, *.feed_forward.up"),
        ({"outputs": "int8"}, "'outputs' is no product of this model; near: output"),
        (
            {"encoder.layers.2.feed_forward.up": "int8"},
            "near: encoder.layers.1.feed_forward.up, encoder.layers.0.feed_forward.up",
        ),
        ({"zzzzzz": "int8"}, "near: *.self_attention.query_key_value, *.self_attention.output"),
        ({"": "int8"}, "'' is no product of this model"),
    ],
)
def test_type_or_name_that_does_not_exist_is_an_error(dtype: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^dtype: ") as raised:
        pyattn.Model(checkpoint("odd"), dtype=dtype)
    assert message in str(raised.value)
