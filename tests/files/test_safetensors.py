import functools
import json
import pathlib
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from pyattn.errors import ModelError
from pyattn.files.safetensors import Entry, read_safetensors, write_safetensors
from pyattn.files.tensors import DTYPES
from support import model_folders

# One tensor of two float32, as the header has it, for spoiling.
ENTRY: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def read(tmp_path: pathlib.Path, content: bytes) -> dict[str, Any]:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    return read_safetensors(path)


def entry(**changes: Any) -> dict[str, Any]:
    return ENTRY | changes


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u1"])
def test_reads_what_the_package_writes(tmp_path: pathlib.Path, dtype: str) -> None:
    values = {
        "matrix": np.arange(6).reshape(2, 3).astype(dtype),
        "scalar": np.array(7, dtype),
        "empty": np.zeros((0, 3), dtype),
    }
    read_back = read(tmp_path, safetensors.numpy.save(values))
    assert read_back.keys() == values.keys()
    for name, array in values.items():
        assert read_back[name].values.dtype == array.dtype
        np.testing.assert_array_equal(read_back[name].values, array)


def test_a_file_without_tensors_is_empty(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, model_folders.safetensors_of({}, b"")) == {}


def test_metadata_is_no_tensor(tmp_path: pathlib.Path) -> None:
    header = {"__metadata__": {"format": "pt"}, "a": ENTRY}
    assert list(read(tmp_path, model_folders.safetensors_of(header, b"01234567"))) == ["a"]


def test_the_order_of_the_header_does_not_matter(tmp_path: pathlib.Path) -> None:
    header = {"b": entry(data_offsets=[8, 16]), "a": ENTRY}
    data = np.arange(4, dtype="<f4").tobytes()
    found = read(tmp_path, model_folders.safetensors_of(header, data))
    assert found["a"].values.tolist() == [0, 1]
    assert found["b"].values.tolist() == [2, 3]


def test_every_bfloat16_is_the_upper_half_of_its_float32(tmp_path: pathlib.Path) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    floats = read(tmp_path, model_folders.safetensors({"a": bits}))["a"].float32()
    np.testing.assert_array_equal(floats.view(np.uint32), bits.astype(np.uint32) << 16)
    assert not floats.flags.writeable


def test_every_float16_is_exact(tmp_path: pathlib.Path) -> None:
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    floats = read(tmp_path, model_folders.safetensors({"a": values}))["a"].float32()
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, values)
    assert not floats.flags.writeable


def test_float32_is_a_read_only_view_of_the_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_folders.safetensors({"a": np.zeros((1024, 1024), np.float32)}))
    tracemalloc.start()
    floats = read_safetensors(path)["a"].float32()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 18
    assert floats.shape == (1024, 1024)
    with pytest.raises(ValueError, match="read-only"):
        floats[0, 0] = 1


@pytest.mark.parametrize("padding", range(4))
def test_float32_is_aligned_wherever_the_data_begins(tmp_path: pathlib.Path, padding: int) -> None:
    values = np.arange(5, dtype=np.float32)
    floats = read(tmp_path, model_folders.safetensors({"a": values}, padding=padding))["a"]
    assert floats.float32().flags.aligned
    assert not floats.float32().flags.writeable
    np.testing.assert_array_equal(floats.float32(), values)


def test_integers_are_not_weights(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, model_folders.safetensors({"a.b": np.arange(3)}))
    with pytest.raises(ModelError, match=r"^model\.safetensors: a\.b has dtype I64, expected F32"):
        found["a.b"].float32()


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (b"[]", "does not start with '{'"),
        (b' {"a": 1}', "does not start with '{'"),
        (b"{", "not valid JSON"),
        (b"{}}", "not valid JSON"),
        (b'{"a\xff": 1}', "not valid JSON"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ({"a": 1}, "a is 1, expected dtype, shape and data_offsets"),
        ({"a": [ENTRY]}, "a is a list of 1, expected dtype"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "a is an object, expected dtype, shape"),
        ({"a": entry(more=1)}, "a is an object, expected dtype, shape"),
        ({"a": entry(dtype="F8_E4M3")}, "a has dtype 'F8_E4M3', expected one of F64, F32"),
        ({"a": entry(dtype=["F32"])}, "a has dtype a list of 1"),
        ({"a": entry(shape="2")}, "a has shape 2, expected lengths"),
        ({"a": entry(shape=[2.0])}, r"a has shape \[2.0\], expected lengths"),
        ({"a": entry(shape=[True, 2])}, "expected lengths"),
        ({"a": entry(shape=[-1, -2])}, r"a has shape \[-1, -2\], expected lengths"),
        ({"a": entry(shape=[1] * 9)}, "expected lengths"),
        ({"a": entry(shape=[2**64 + 2])}, "expected lengths"),
        ({"a": entry(shape=[2**62, 4, 2])}, "a has 8 bytes, expected"),
        ({"a": entry(shape=[2**31, 2**31, 4])}, "a has 8 bytes, expected"),
        ({"a": entry(shape=[3])}, r"a has 8 bytes, expected 12 for shape \[3\] of F32"),
        ({"a": entry(shape=[])}, "a has 8 bytes, expected 4"),
        ({"a": entry(dtype="F16")}, "a has 8 bytes, expected 4"),
        ({"a": entry(shape=[0, 2**62], data_offsets=[0, 0])}, "too long even for an empty"),
        ({"a": entry(data_offsets=[0])}, r"a has data_offsets \[0\], expected \[begin, end\]"),
        ({"a": entry(data_offsets=[0, 8, 8])}, "expected .begin, end."),
        ({"a": entry(data_offsets=[-8, 0])}, "expected .begin, end."),
        ({"a": entry(data_offsets=[0, 2**70])}, "expected .begin, end."),
        ({"a": entry(data_offsets=[0, 2**62])}, "the data has 8 bytes: truncated"),
        ({"a": entry(data_offsets=[8, 0])}, "a begins at 8, expected 0: a hole"),
        ({"a": entry(shape=[1], data_offsets=[4, 8])}, "a begins at 4, expected 0: a hole"),
        ({"a": entry(shape=[1], data_offsets=[0, 4])}, "data has 8 bytes, its tensors end at 4"),
        ({"a": ENTRY, "b": ENTRY}, "b begins at 0, expected 8: an overlap"),
        ({"a": ENTRY, "__metadata__": {"a": 1}}, "__metadata__ has other values than strings"),
        ({"a": ENTRY, "__metadata__": []}, "__metadata__ has other values than strings"),
    ],
)
def test_malformed_header_is_an_error(tmp_path: pathlib.Path, header: Any, problem: str) -> None:
    content = model_folders.safetensors_of(header, b"01234567")
    with pytest.raises(ModelError, match=rf"^model\.safetensors: .*{problem}"):
        read(tmp_path, content)


@pytest.mark.parametrize("length", [1, 8, 2**20, 2**63, 2**64 - 1])
def test_header_longer_than_the_file_is_an_error(tmp_path: pathlib.Path, length: int) -> None:
    with pytest.raises(ModelError, match=rf"header has {length} bytes, the file 8"):
        read(tmp_path, struct.pack("<Q", length))


def test_names_in_errors_are_short_and_printable(tmp_path: pathlib.Path) -> None:
    header = {"\ud800\x1b[31m\n" + "x" * 10_000: entry(dtype="F64")}
    with pytest.raises(ModelError) as caught:
        read(tmp_path, model_folders.safetensors_of(header, b"01234567"))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


SMALL = model_folders.safetensors(
    {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b.bias": np.arange(3, dtype=np.float16),
        "c": np.arange(4, dtype=np.int8),
    }
)


def test_truncated_anywhere_is_an_error(tmp_path: pathlib.Path) -> None:
    for size in range(len(SMALL)):
        with pytest.raises(ModelError):
            read(tmp_path, SMALL[:size])


def test_anything_appended_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match="something was appended"):
        read(tmp_path, SMALL + b"\0")


def test_flipped_bytes_never_crash_nor_allocate(tmp_path: pathlib.Path) -> None:
    random = np.random.default_rng(2)
    refused = 0
    tracemalloc.start()
    for _ in range(400):
        spoiled = bytearray(SMALL)
        for place in random.integers(0, len(SMALL), random.integers(1, 4)):
            spoiled[place] ^= random.integers(1, 256)
        try:
            for tensor in read(tmp_path, bytes(spoiled)).values():
                assert tensor.values.nbytes <= len(SMALL)
        except ModelError:
            refused += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused > 200
    assert peak < 1 << 20


def test_every_dtype_has_a_size() -> None:
    sizes = {name: int(name.strip("BFIU")) // 8 for name in DTYPES if name != "BOOL"}
    assert {name: DTYPES[name].itemsize for name in sizes} == sizes


def test_a_header_may_name_its_keys_in_any_script(tmp_path: pathlib.Path) -> None:
    header = json.dumps({"größe": ENTRY}, ensure_ascii=False).encode()
    assert list(read(tmp_path, model_folders.safetensors_of(header, b"01234567"))) == ["größe"]


# --- what we write ------------------------------------------------------------------------------


def test_what_is_written_is_read_by_the_package_of_that_name(tmp_path: pathlib.Path) -> None:
    random = np.random.default_rng(3)
    values: dict[str, np.ndarray[Any, Any]] = {
        "odd": random.integers(-9, 9, (3, 7), np.int8),
        "whole": random.standard_normal((4, 16), np.float32),
        "halves": random.standard_normal(5).astype(np.float16),
        "empty": np.zeros((0, 4), np.float32),
        "fortran": np.asfortranarray(random.standard_normal((3, 5), np.float32)),
    }
    dtypes = {"odd": "I8", "whole": "F32", "halves": "F16", "empty": "F32", "fortran": "F32"}
    path = tmp_path / "model.safetensors"
    write_safetensors(
        path,
        {
            name: Entry(
                dtype=dtypes[name], shape=array.shape, values=functools.partial(np.asarray, array)
            )
            for name, array in values.items()
        },
    )
    theirs, ours = safetensors.numpy.load_file(path), read_safetensors(path)
    assert theirs.keys() == ours.keys() == values.keys()
    for name, array in values.items():
        np.testing.assert_array_equal(theirs[name], array)
        np.testing.assert_array_equal(ours[name].values, array)
        assert ours[name].dtype == dtypes[name]
    with pytest.raises(FileExistsError):
        write_safetensors(path, {})
