"""Matrices in four bits, in memory and in native folders."""

import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import ModelError
from pyattn.checkpoint import Checkpoint
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.files.quantized import packed_int4, quantize_int4
from pyattn.files.safetensors import Entry, read_safetensors, write_safetensors
from pyattn.products import four_bits, products
from pyattn.stored import Stored, Tensors
from support.inputs import Floats, checkpoint, sentences, targets

UP = "encoder.layers.0.feed_forward.up.weight"


def small(shape: tuple[int, int] = (2, 3)) -> Stored:
    numbers = np.int8([[1, -8, 7], [0, 3, -1]])[:, : shape[1]]
    return Stored(
        "int4", packed_int4(numbers), np.float32([0.5, 2]), np.int8([[15], [-2]]), shape[1]
    )


def test_numbers_are_times_the_scales_of_group_and_row() -> None:
    assert small().values.tolist() == [[0x81, 0x07], [0x30, 0x0F]]
    assert small().whole().tolist() == [[15, -120, 105], [0, -6, 2]]
    assert small().float32().tolist() == [[7.5, -60, 52.5], [0, -12, 4]]
    assert (small().shape, small().size) == ((2, 3), 6)
    assert small().rows(1, 2).float32().tolist() == [[0, -12, 4]]


def test_groups_are_of_32_columns() -> None:
    numbers = np.ones((1, 70), np.int8)
    groups = np.int8([[1, 2, 3]])
    stored = Stored("int4", packed_int4(numbers), np.float32([1]), groups, 70)
    assert stored.float32().tolist() == [[1] * 32 + [2] * 32 + [3] * 6]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"columns": None}, "int4 without columns or a group_scale"),
        ({"group_scale": None}, "int4 without columns or a group_scale"),
        ({"scale": None}, "int4 without a scale"),
        ({"columns": 5}, r"values have shape \[2, 2\], expected \[2, 3\]"),
        ({"group_scale": np.int8([[1]])}, r"group_scale is int8 \[1, 1\], expected int8 \[2, 1\]"),
        ({"group_scale": np.ones((2, 1))}, r"group_scale is float64 \[2, 1\], expected int8"),
    ],
)
def test_what_does_not_belong_together_is_an_error(change: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        dataclasses.replace(small(), **change)


@pytest.mark.parametrize("size", [1e-45, 1e-38, 1e-36, 1.0, 3e38])
def test_rows_of_any_size_are_in_range(size: float) -> None:
    row = np.linspace(-1, 1, 33, dtype=np.float32)[None] * np.float32(size)
    stored = quantize_int4(row)
    assert np.isfinite(stored.scale).all()
    assert np.abs(stored.group_scale).max() <= 15
    assert np.abs(stored.float32() - row).max() <= max(size / 7.5, 1.5e-36)


def converted(folder: pathlib.Path, made: Checkpoint) -> Checkpoint:
    write_native(folder, made, dtype="int4")
    return read_checkpoint(folder)


@pytest.mark.parametrize("name", ["post", "pre", "odd"])
def test_folder_has_four_bits_where_they_do(tmp_path: pathlib.Path, name: str) -> None:
    made = checkpoint(name)
    found = converted(tmp_path / "native", made).tensors
    assert isinstance(found, Tensors)
    types = {
        matrix: kind
        for product, kind in four_bits(made.config).items()
        for matrix in products(made.config)[product]
    }
    # Tied to an embedding or not, the matrix of the output is in int8.
    assert types["output.weight"] == "int8"
    for matrix, kind in types.items():
        # Groups are the inputs'.
        assert found.stored(matrix).dtype == kind.removesuffix("_grouped"), matrix
        wanted = quantize_int4(made.tensors[matrix]) if kind == "int4" else None
        if wanted is not None:
            np.testing.assert_array_equal(found[matrix], wanted.float32())
    assert found.stored("encoder.embedding").dtype == "int8"
    down = types["encoder.layers.0.feed_forward.down.weight"]
    assert down == ("int4" if made.config.norm == "post" else "int8_grouped")


def test_written_again_it_keeps_its_bits(tmp_path: pathlib.Path) -> None:
    made = converted(tmp_path / "first", checkpoint("odd"))
    write_native(tmp_path / "second", made)
    write_native(tmp_path / "third", made, dtype="int4")
    first = (tmp_path / "first" / "model.safetensors").read_bytes()
    assert (tmp_path / "second" / "model.safetensors").read_bytes() == first
    assert (tmp_path / "third" / "model.safetensors").read_bytes() == first


def answers(made: Checkpoint, dtype: Any) -> list[Floats]:
    with pyattn.Model(made, dtype=dtype, threads=1) as model:
        sources, given = sentences(1, made.config, 4, 9), targets(2, made.config, 4, 9)
        return [*model.encode(sources), *model.logits(sources, given)]


@pytest.mark.parametrize("name", ["post", "pre"])
def test_int8_loses_nothing_of_it(tmp_path: pathlib.Path, name: str) -> None:
    made = converted(tmp_path / "native", checkpoint(name))
    write_native(tmp_path / "int8", made, dtype="int8")
    types = four_bits(made.config).items()
    mixed = {"*": "int8"} | {product: kind for product, kind in types if kind == "int8_grouped"}
    plain = answers(made, "int4")
    same = [answers(made, mixed), answers(made, "auto")]
    if name == "post":
        same.append(answers(read_checkpoint(tmp_path / "int8"), "int8"))
    for other in same:
        for one, two in zip(plain, other, strict=True):
            assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("name", ["post", "pre", "odd"])
def test_loading_rounds_as_writing_does(tmp_path: pathlib.Path, name: str) -> None:
    original = checkpoint(name)
    tensors, rounded = Tensors.of(original.tensors), converted(tmp_path / "n", original).tensors
    assert isinstance(rounded, Tensors)
    matrices = {one for group in products(original.config).values() for one in group}
    mixed = Tensors(
        {one: (rounded if one in matrices else tensors).stored(one) for one in original.tensors}
    )
    stored = answers(dataclasses.replace(original, tensors=mixed), "int4")
    for one, two in zip(stored, answers(original, "int4"), strict=True):
        assert one.tobytes() == two.tobytes()


def spoiled(folder: pathlib.Path, name: str, values: Any, dtype: str) -> pathlib.Path:
    file = folder / "model.safetensors"
    tensors = {
        key: Entry(dtype=one.dtype, shape=one.shape, values=one.values.copy)
        for key, one in read_safetensors(file).items()
    }
    if values is None:
        del tensors[name]
    else:
        tensors[name] = Entry(dtype=dtype, shape=values.shape, values=values.copy)
    file.unlink()
    write_safetensors(file, tensors)
    return folder


@pytest.mark.parametrize(
    ("suffix", "values", "dtype", "problem"),
    [
        ("", np.zeros((8, 3), np.int8), "I8", r"up\.weight has dtype I8, expected U8"),
        ("", np.zeros((8, 4), np.uint8), "U8", r"up\.weight has shape \[8, 4\]"),
        ("", None, "", r"up\.weight is missing"),
        (".scale", None, "", r"up\.weight\.scale is missing"),
        (".scale", np.full(8, np.nan, np.float32), "F32", "negative or not finite"),
        (".scale", np.full(8, -1, np.float32), "F32", "negative or not finite"),
        (".group_scale", None, "", r"up\.weight has shape \[8, 3\]"),
        (".group_scale", np.full((8, 1), 16, np.int8), "I8", "values beyond 15"),
        (".group_scale", np.full((8, 1), -128, np.int8), "I8", "values beyond 15"),
        (".group_scale", np.ones((8, 1), np.float32), "F32", "has dtype F32, expected I8"),
        (".group_scale", np.ones((8, 2), np.int8), "I8", r"group_scale has shape \[8, 2\]"),
    ],
)
def test_folder_that_is_none_names_the_tensor(
    tmp_path: pathlib.Path, suffix: str, values: Any, dtype: str, problem: str
) -> None:
    made = checkpoint("post")
    write_native(tmp_path / "native", made, dtype="int4")
    if values is not None:
        rows, columns = made.config.encoder_ffn, made.config.dim
        first = {8: rows}.get(len(values), len(values))
        second = {(8, 3): -(-columns // 2), (8, 4): -(-columns // 2) + 1, (8, 1): -(-columns // 32)}
        wide = second.get(values.shape, values.shape[-1] + 1)
        flat = values.ravel()[0]
        shape = (first,) if values.ndim == 1 else (first, wide)
        values = np.full(shape, flat, values.dtype)
        problem = problem.replace("8, ", r"\d+, ").replace("3\\]", r"\d+\]")
        problem = problem.replace("4\\]", r"\d+\]").replace("2\\]", r"\d+\]")
    else:
        problem = problem.replace("8, 3", r"\d+, \d+")
    spoiled(tmp_path / "native", f"{UP}{suffix}", values, dtype)
    with pytest.raises(ModelError, match=problem):
        pyattn.load(tmp_path / "native")


def test_inspection_counts_numbers_and_scales(tmp_path: pathlib.Path) -> None:
    from pyattn.commands.inspection import facts

    made = checkpoint("post")
    write_native(tmp_path / "native", made, dtype="int4")
    found = facts(tmp_path / "native", dtype="int4")
    four = {
        name: made.tensors[name].size
        for product, kind in four_bits(made.config).items()
        if kind == "int4"
        for name in products(made.config)[product]
    }
    assert found["stored_as"]["int4"] == sum(four.values())
    assert found["computed_in"] == "int4, but output in int8"
    assert sum(found["stored_as"].values()) == found["parameters"] + found["scales"]
    json.dumps(found)
