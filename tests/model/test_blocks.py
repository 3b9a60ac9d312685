"""What a model is made of stands in one table, and nobody who reads it forgets a matrix."""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn import _core, ops, reference
from pyattn.blocks import BLOCKS, NORMS
from pyattn.checkpoint import Checkpoint, blocks, tensor_shapes
from pyattn.model_config import STACKS, Mixer, ModelConfig, NormKind, StackSizes
from pyattn.products import products
from pyattn.running.packing import core_tensors
from support.inputs import FAMILIES, RECIPES, checkpoint, sentences, targets

every_model = pytest.mark.parametrize("name", RECIPES | FAMILIES)

Array = npt.NDArray[np.float32]


def core(made: Checkpoint, floats: Mapping[str, Any], matrices: Mapping[str, Any]) -> _core.Model:
    types = dict.fromkeys(products(made.config), "float32")
    return _core.Model(made.config, floats, matrices, types, None, 1, 64, 8, 1 << 20)


class Recorded(dict[str, Array]):
    """Remembers what it was asked for."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        super().__init__(tensors)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def test_table_holds_the_blocks_of_every_variant() -> None:
    config = checkpoint("post").config
    variants = [dataclasses.replace(config, mixer=mixer) for mixer in get_args(Mixer)]
    found = {block for one in variants for stack in STACKS for block in blocks(one, stack)}
    assert found == BLOCKS.keys()
    assert NORMS.keys() == set(get_args(NormKind))


def test_table_names_attributes_that_exist() -> None:
    lengths = {field.name for kind in (ModelConfig, StackSizes) for field in fields(kind)}
    conditions = set(dir(ModelConfig(family="", dim=1, max_positions=1)))
    for block in BLOCKS.values():
        for matrices in block.values():
            for matrix in matrices:
                assert {matrix.rows, matrix.columns} <= lengths
                assert isinstance(matrix.bias, bool) or matrix.bias in conditions
                assert matrix.needs is None or matrix.needs in conditions


def fields(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


@every_model
def test_reference_reads_every_tensor(name: str) -> None:
    made = checkpoint(name)
    tensors = Recorded(made.tensors)
    model = reference.Model(dataclasses.replace(made, tensors=tensors))
    model.logits(sentences(1, made.config, 2, 5), targets(2, made.config, 2, 5))
    assert tensors.asked == {*dict(tensor_shapes(made.config)), "output.bias"}


@every_model
def test_core_asks_for_everything_that_it_is_given(name: str) -> None:
    made = checkpoint(name)
    floats, matrices = core_tensors(made)
    core(made, floats, matrices)
    for left_out in (*floats, *matrices):
        with pytest.raises(ValueError, match=f"^model: no tensor {left_out}"):
            core(
                made,
                {name: tensor for name, tensor in floats.items() if name != left_out},
                {name: parts for name, parts in matrices.items() if name != left_out},
            )


@every_model
def test_core_refuses_what_it_does_not_compute_with(name: str) -> None:
    made = checkpoint(name)
    floats, matrices = core_tensors(made)
    for spare in ("decoder.layers.0.spare_norm.weight", "decoder.layers.0.spare.up"):
        norm = floats["decoder.layers.0.feed_forward_norm.weight"]
        more: dict[str, Any] = {**floats, spare: norm}
        with pytest.raises(ValueError, match=f"^model: {spare} belongs to no block of the model"):
            core(made, more, matrices)
        more = {**matrices, spare: matrices["output"]}
        with pytest.raises(ValueError, match=f"^model: {spare} belongs to no block of the model"):
            core(made, floats, more)


@pytest.mark.parametrize("change", ["fewer", "more", "narrower", "shorter"])
def test_core_refuses_products_of_other_matrices_than_its_own(change: str) -> None:
    made = checkpoint("odd")
    floats, matrices = core_tensors(made)
    product = "encoder.layers.1.self_attention.query_key_value"
    *parts, (last, bias) = matrices[product]
    changed: dict[str, Any] = {
        "fewer": parts,
        "more": [*matrices[product], (last, bias)],
        "narrower": [*parts, (dataclasses.replace(last, values=last.values[:, 1:]), bias)],
        "shorter": [*parts, (last.rows(0, 20), bias)],
    }
    message = {
        "fewer": "has 2 matrices, expected 3",
        "more": "has 4 matrices, expected 3",
        "narrower": r"has shape \[21, 20\], expected \[21, 21\]",
        "shorter": r"has shape \[20, 21\], expected \[21, 21\]",
    }
    with pytest.raises(ValueError, match=f"^model: {product} {message[change]}"):
        core(made, floats, matrices | {product: changed[change]})


@every_model
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_nbytes_are_those_of_every_product_packed_by_itself(name: str, dtype: Any) -> None:
    made = checkpoint(name)
    expected = 0
    for product, names in products(made.config).items():
        parts = [made.tensors[matrix] for matrix in names]
        if made.config.gated and product.endswith("feed_forward.up"):
            packed = ops.pack(parts[1], gate=parts[0], dtype=dtype)
        else:
            packed = ops.pack(np.concatenate(parts), dtype=dtype)
        expected += packed.nbytes
    with pyattn.Model(made, dtype=dtype, threads=1) as model:
        assert model.nbytes == expected
