"""Models of matrices that are stored in fewer bits than float32."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn import Model, ModelError
from pyattn.checkpoint import Checkpoint
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.files.native_entries import MatrixType
from pyattn.files.quantized import bfloat16_bits, quantize
from pyattn.stored import Stored, StoredType, Tensors
from support.inputs import ISAS, Floats, checkpoint, sentences, targets
from support.number_types import inputs_to_int8
from support.tolerances import FLOAT32, assert_close

STORED: list[StoredType] = ["float32", "float16", "bfloat16", "int8"]
# "int4" alone takes other types for some products, by how they are stored.
COMPUTED: list[Any] = ["float32", "bfloat16", "int8", {"*": "int4"}]

every_level = pytest.mark.parametrize("isa", ISAS)


def stored(array: Floats, dtype: StoredType) -> Stored:
    if dtype == "float16":
        return Stored("float16", array.astype(np.float16))
    if dtype == "bfloat16":
        return Stored("bfloat16", bfloat16_bits(Stored("float32", array)))
    if dtype == "int8":
        # Scales of powers of two: then rows that reach 127 become the same integers and scales
        # again when they are multiplied out and rounded.
        matrix = quantize(array)
        assert matrix.scale is not None
        return Stored("int8", matrix.values, np.exp2(np.rint(np.log2(matrix.scale))))
    return Stored("float32", array)


def matrices(made: Checkpoint, dtype: StoredType) -> Checkpoint:
    """The checkpoint with all of its matrices stored so."""
    arrays = Tensors.of(made.tensors)
    by_object = {
        id(one): stored(one.float32(), dtype) if len(one.shape) == 2 else one
        for one in map(arrays.stored, arrays)
    }
    tensors = {name: by_object[id(arrays.stored(name))] for name in arrays}
    return dataclasses.replace(made, tensors=Tensors(tensors))


def unaligned(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    room = np.zeros(values.nbytes + 1, np.uint8)
    found = room[1:].view(values.dtype).reshape(values.shape)
    found[:] = values
    return found


def bits(made: Checkpoint, dtype: Any, isa: str) -> bytes:
    sources, given = sentences(1, made.config, 5, 20), targets(2, made.config, 5, 20)
    with Model(made, dtype=dtype, threads=1, isa=isa) as model:
        rows = [*model.encode(sources), *model.logits(sources, given)]
        return b"".join(row.tobytes() for row in rows)


@every_level
@pytest.mark.parametrize("dtype", COMPUTED)
@pytest.mark.parametrize("kind", STORED)
@pytest.mark.parametrize("name", ["post", "pre", "odd"])
def test_what_is_stored_gives_the_bits_of_its_float32(
    name: str, kind: StoredType, dtype: Any, isa: str
) -> None:
    small = matrices(checkpoint(name), kind)
    plain = dataclasses.replace(small, tensors=dict(small.tensors))
    assert bits(small, dtype, isa) == bits(plain, dtype, isa)


@every_level
@pytest.mark.parametrize("kind", STORED)
def test_numbers_may_lie_at_any_address_in_any_order(kind: StoredType, isa: str) -> None:
    made = matrices(checkpoint("odd"), kind)
    assert isinstance(made.tensors, Tensors)
    wanted = bits(made, "float32", isa)
    for move in (unaligned, np.asfortranarray):
        moved = {
            name: dataclasses.replace(one, values=move(one.values))
            for name, one in ((name, made.tensors.stored(name)) for name in made.tensors)
        }
        assert bits(dataclasses.replace(made, tensors=Tensors(moved)), "float32", isa) == wanted


@every_level
def test_int8_keeps_its_integers_and_scales(isa: str) -> None:
    # Rows whose largest integer is 50: to round them anew would make it 127.
    plain = checkpoint("pre")
    random = np.random.default_rng(4)
    vocab, dim = plain.tensors["output.weight"].shape
    values = random.integers(-50, 51, (vocab, dim), np.int8)
    scale = random.uniform(0.01, 0.1, (vocab,)).astype(np.float32)
    tensors = Tensors.of(plain.tensors)
    every = {name: tensors.stored(name) for name in tensors}

    def logits(output: Stored, dtype: str) -> Floats:
        made = dataclasses.replace(plain, tensors=Tensors(every | {"output.weight": output}))
        types: Any = {"*": "float32", "output": dtype}
        with Model(made, dtype=types, threads=1, isa=isa) as model:
            return model.logits([[1, 2, 3]], [[4, 5, 6, 7]])[0]

    x = logits(Stored("float32", np.eye(vocab, dim, dtype=np.float32)), "float32")[:, :dim]
    whole, x_scale = inputs_to_int8(x)
    wanted = (whole @ values.T.astype(np.float32)) * (x_scale * scale)
    found = logits(Stored("int8", values, scale), "int8")
    assert_close(found, wanted, FLOAT32)
    anew = logits(Stored("float32", values * scale[:, None]), "int8")
    assert np.abs(anew - wanted).max() > 1e-3 * np.abs(wanted).max()


@every_level
def test_the_int8_that_no_product_takes_is_rounded_anew(isa: str) -> None:
    made = matrices(checkpoint("odd"), "int8")
    assert isinstance(made.tensors, Tensors)
    every = {name: made.tensors.stored(name) for name in made.tensors}
    for one in every.values():
        if one.dtype == "int8":
            one.values[2, 1] = -128
    made = dataclasses.replace(made, tensors=Tensors(every))
    plain = dataclasses.replace(made, tensors=dict(made.tensors))
    assert bits(made, "int8", isa) == bits(plain, "int8", isa)
    assert bits(made, "float32", isa) == bits(plain, "float32", isa)


@pytest.mark.parametrize("kind", STORED)
def test_embedding_has_every_number_of_its_type(kind: StoredType) -> None:
    # An embedding of all the numbers of a type, read by the encoder with nothing behind it.
    count = 1 << 8 if kind == "int8" else 1 << 16
    patterns = np.arange(count, dtype=np.uint32)
    numbers: dict[str, npt.NDArray[Any]] = {
        "float32": (patterns << 16).view(np.float32),
        "float16": patterns.astype(np.uint16).view(np.float16),
        "bfloat16": patterns.astype(np.uint16),
        "int8": patterns.astype(np.uint8).view(np.int8),
    }
    values = numbers[kind].reshape(-1, 64)
    scale = np.linspace(0.1, 2, len(values), dtype=np.float32) if kind == "int8" else None
    plain = checkpoint("pre")
    config = dataclasses.replace(
        plain.config, encoder_layers=0, source_vocab=len(values), final_norm=False
    )
    table = Stored(kind, values, scale)
    table_of_zeros = np.zeros_like(plain.tensors["encoder.positions"])
    tensors = Tensors.of({**plain.tensors, "encoder.positions": table_of_zeros})
    every = {name: tensors.stored(name) for name in tensors} | {"encoder.embedding": table}
    made = Checkpoint(config, Tensors(every), plain.generation)
    ids = range(0, len(values), max(1, len(values) // 150))
    for isa in ISAS:
        with Model(made, dtype="float32", threads=1, isa=isa) as model:
            [found] = model.encode([ids])
        wanted = table.float32()[list(ids)]
        normal = ~((wanted != 0) & (np.abs(wanted) < np.finfo(np.float32).tiny))
        np.testing.assert_array_equal(found[normal], wanted[normal])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scale_that_is_not_finite_is_an_error(bad: float) -> None:
    made = matrices(checkpoint("odd"), "int8")
    assert isinstance(made.tensors, Tensors)
    output = made.tensors.stored("output.weight")
    assert output.scale is not None
    output.scale[3] = bad
    problem = "checkpoint: output: linear: int8 weights must be finite; use float32"
    with pytest.raises(ModelError, match=problem):
        Model(made, dtype="int8", threads=1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_saved_model_is_the_one_that_was_loaded(tmp_path: pathlib.Path, dtype: MatrixType) -> None:
    write_native(tmp_path / "first", checkpoint("post"), dtype=dtype)
    made = read_checkpoint(tmp_path / "first")
    with Model(made, dtype="float32", threads=1) as model:
        model.save(tmp_path / "second", dtype=dtype)
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_model_without_files_says_how_to_save_it(tmp_path: pathlib.Path) -> None:
    model = Model(checkpoint("post"), threads=1)
    with pytest.raises(ValueError, match="write its checkpoint with"):
        model.save(tmp_path / "new")
    write_native(tmp_path / "first", checkpoint("post"))
    model = Model(read_checkpoint(tmp_path / "first"), threads=1)
    model.close()
    with pytest.raises(ValueError, match="save: the model has no files"):
        model.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_translator_saves_its_tokenizer_too(tmp_path: pathlib.Path) -> None:
    with pyattn.load(threads=1) as translator:
        translator.save(tmp_path / "saved", dtype="int8")
        wanted = translator.translate("You are welcome.")
    with pyattn.load(tmp_path / "saved", threads=1) as translator:
        assert translator.translate("You are welcome.") == wanted
