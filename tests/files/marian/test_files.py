"""Marian's `.bin` and `.npz`: what they hold is read, and nothing that they claim is believed."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import pathlib
import random
import struct
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from pyattn.files.marian.binary import read_binary_items
from pyattn.files.marian.npz import read_npz
from pyattn.files.tensors import Tensor
from pyattn.stored import Stored
from support import marian_models as made

VECTOR = np.array([[1.5, -2.0, 0.25]], np.float32)
MATRIX = made.Integers(np.array([[1, -127], [3, 4], [0, 9]], np.int8), 50.8, (2, 3))
HUGE = 2**64 - 1


def binary(content: bytes) -> dict[str, Any]:
    return dict(read_binary_items("model.bin", memoryview(content)))


def npz(content: bytes) -> dict[str, Tensor]:
    return read_npz("model.npz", memoryview(content))


def entry(**changes: Any) -> made.Entry:
    """An item, by default of three float32."""
    usual = made.Entry(b"a\0", 0x404, (1, 3), VECTOR.tobytes())
    return dataclasses.replace(usual, **changes)


def packed(**changes: Any) -> made.Entry:
    """An item in intgemm8."""
    [usual] = made.entries({"a_W": MATRIX})
    return dataclasses.replace(usual, **changes)


def multiplied(by: float, values: bytes = MATRIX.values.tobytes()) -> bytes:
    return values + struct.pack("<f", by)


def test_binary_items_are_read() -> None:
    content = made.binary(made.entries({"a": VECTOR, "b_W": MATRIX, "Wemb": MATRIX}, {"type": "x"}))
    items = binary(content)
    assert list(items) == ["a", "b_W", "Wemb", made.MODEL_YML]
    np.testing.assert_array_equal(items["a"].values, VECTOR)
    assert items[made.MODEL_YML].values.tobytes() == b"type: x\n\0"
    for name, values in (("b_W", MATRIX.values), ("Wemb", MATRIX.values.reshape(2, 3))):
        found = items[name]
        assert isinstance(found, Stored)
        np.testing.assert_array_equal(found.values, values)
        np.testing.assert_allclose(found.scale, np.full(len(values), 1 / 50.8), rtol=1e-6)


def test_numpy_writes_what_is_read(tmp_path: pathlib.Path) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {
        "a": VECTOR,
        "b": VECTOR.astype(np.float16),
        "c": np.asfortranarray(MATRIX.floats("a_W")),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "model.npz", **arrays)
        found = npz((tmp_path / "model.npz").read_bytes())
        assert list(found) == list(arrays)
        for name, values in arrays.items():
            np.testing.assert_array_equal(found[name].float32(), values.astype(np.float32))


def test_what_is_not_compressed_stays_in_the_file() -> None:
    large = np.ones((512, 512), np.float32)
    for content in (made.npz({"a": large}, {}), made.binary(made.entries({"a": large}))):
        tracemalloc.start()
        read = npz if content.startswith(b"PK") else binary
        values = read(content)["a"].values
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1 << 16
        assert not values.flags.owndata


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "version has 8 bytes, 0 are left at 0: truncated, or not a Marian model"),
        (struct.pack("<2Q", 2, 1), "version is 2, expected 1: not a Marian model"),
        (struct.pack("<2Q", 1, 0), "0 items, expected 1 to 16384"),
        (struct.pack("<2Q", 1, HUGE), f"{HUGE} items, expected 1 to 16384"),
        (struct.pack("<2Q", 1, 16384), "table of items has 524288 bytes, 0 are left at 16"),
        (struct.pack("<6Q", 1, 1, HUGE, 0x404, 1, 4), f"item 0 has a name of {HUGE} bytes"),
        (struct.pack("<6Q", 1, 1, 1, 0x404, 1, 4), "item 0 has a name of 1 bytes"),
        (struct.pack("<6Q", 1, 1, 2, 0x404, HUGE, 4), f"and {HUGE} axes, expected 2 to 1024"),
        (struct.pack("<6Q", 1, 1, 9, 0x404, 1, 4), "name of item 0 has 9 bytes, 0 are left at 48"),
        (made.binary([entry(name=b"ab")]), r"name of item 0 is b'ab', expected a 0 at its end"),
        (made.binary([entry(name=b"a\0\0")]), r"name of item 0 is b'a\\x00\\x00', expected a 0"),
        (made.binary([entry(name=b"\xff\0")]), r"name of item 0 is b'\\xff\\x00', expected ASCII"),
        (made.binary([entry(), entry()]), "a is there twice"),
        (made.binary([entry(shape=(3, 0))]), r"a has shape \[3, 0\], expected lengths above 0"),
        (made.binary([entry(shape=(-1, 3))]), r"a has shape \[-1, 3\], expected lengths above 0"),
        (made.binary([entry(shape=(2, 3))]), r"a has 12 bytes, expected 24 for shape \[2, 3\]"),
        (made.binary([entry(shape=(2**31 - 1,) * 4)]), "a has 12 bytes, expected 8507"),
        (made.binary([entry(data=b"\0" * 700)]), "a has 700 bytes, expected 12 for shape"),
        (made.binary([entry()], behind=b"\0"), "1 bytes behind its last item: something was"),
        (made.binary([entry()])[:-1], "a has 12 bytes, 11 are left at 256: truncated"),
        (made.binary([entry(kind=0x4102)]), "a has type intgemm16, supported are float32, float16"),
        (made.binary([entry(kind=0x10002)]), "a has type intgemm16, supported are"),
        (made.binary([entry(kind=0x802)]), "a has type packed16, supported are"),
        (made.binary([entry(kind=0x1801)]), "a has type packed8avx2, supported are"),
        (made.binary([entry(kind=0x2801)]), "a has type packed8avx512, supported are"),
        (made.binary([entry(kind=0x18001)]), "a has type intgemm8ssse3, supported are"),
        (made.binary([entry(kind=0x11001)]), "a has type intgemm8avx2, supported are"),
        (made.binary([entry(kind=0x12001)]), "a has type intgemm8avx512, supported are"),
        (made.binary([entry(kind=0x13001)]), "a has type intgemm8avx512vnni, supported are"),
        (made.binary([entry(kind=0x408)]), "a has type 0x408, expected one of 0x101, 0x104"),
        (made.binary([entry(kind=HUGE)]), "a has type 0xffffffffffffffff, expected one of"),
        (made.binary([packed(shape=(6,))]), r"a_W has shape \[6\], expected a matrix"),
        (made.binary([packed(data=b"\1" * 9)]), "a_W has 9 bytes, expected 10 for shape"),
        (made.binary([packed(data=multiplied(0))]), "a_W has the multiplier 0, expected 3"),
        (made.binary([packed(data=multiplied(-1))]), "a_W has the multiplier -1, expected"),
        (made.binary([packed(data=multiplied(np.inf))]), "a_W has the multiplier inf, expected"),
        (made.binary([packed(data=multiplied(np.nan))]), "a_W has the multiplier nan, expected"),
        (made.binary([packed(data=multiplied(1e-40))]), "a_W has the multiplier 9.99995e-41, exp"),
        (made.binary([packed(data=multiplied(2e-38))]), "a_W has the multiplier 2e-38, expected"),
        (made.binary([packed(data=multiplied(3e38))]), r"a_W has the multiplier 3e\+38, expected"),
        (made.binary([packed(data=multiplied(1, b"\x80" * 6))]), "a_W has the integer -128"),
        (
            made.binary([packed(name=b"decoder_ff_logit_out_Wt\0")]),
            "decoder_ff_logit_out_Wt is intgemm8, supported is an embedding as the output",
        ),
    ],
)  # fmt: skip
def test_malformed_binary_is_refused(content: bytes, message: str) -> None:
    tracemalloc.start()
    with pytest.raises(ModelError, match=rf"^model\.bin: .*{message}"):
        binary(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_padding_is_bounded() -> None:
    content = bytearray(made.binary([entry()]))
    place = content.index(struct.pack("<2i", 1, 3)) + 8
    content[place : place + 8] = struct.pack("<Q", 513)
    with pytest.raises(ModelError, match="513 bytes of padding, expected at most 512"):
        binary(bytes(content) + b"\0" * 1000)


def header(text: str) -> bytes:
    return made.zipped({"a.npy": made.array(VECTOR, text)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated, or not a zip file"),
        (b"PK\x03\x04", "truncated, or not a zip file"),
        (made.zipped({"a.txt": b""}), r"a\.txt: expected names that end in \.npy"),
        (made.zipped({"a.npy": b""}), "a: not an array of NumPy's"),
        (made.zipped({"a.npy": b"\x93NUMPY\x04\x00"}), "a: not an array of NumPy's, or of a newer"),
        (made.zipped({"a.npy": b"\x93NUMPY\x01\x00\xff\xff"}), "a: header has 65535 bytes"),
        (made.zipped({"a.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\xff"}), "a: header has 42949672"),
        (header("__import__('os')"), 'a: header is b"__import__'),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "a has type"),
        (
            header("{'descr': [('f', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
            "a: header is",
        ),
        (header("{'descr': '>f4', 'fortran_order': False, 'shape': (1, 3)}"), "a has type >f4"),
        (header("{'descr': '|O8', 'fortran_order': False, 'shape': (1, 3)}"), r"a has type \|O8"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3)}"), "a has type <f8"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4)}"), "a has 12 bytes"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}"), r"a has shape \[0\]"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}"), "a: header is"),
        (
            header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 3)}"),
            r"a has shape \[1, 1, 1, 1, 3\]",
        ),
        (
            header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 18}, 9)}}"),
            "a has 12 bytes, expected 35999",
        ),
        (
            header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 19},)}}"),
            "a: header is",
        ),
    ],
)
def test_malformed_npz_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=rf"^model\.npz: .*{message}"):
        npz(content)


def test_numpy_objects_are_never_unpickled(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "model.npz", a=np.array([{}, {}], object))
    with pytest.raises(ModelError, match=r"a has type \|O|a: header is"):
        npz((tmp_path / "model.npz").read_bytes())


@pytest.mark.parametrize("name", ["model.npz", "model.npz.gz"])
def test_what_expands_too_much_is_refused(tmp_path: pathlib.Path, name: str) -> None:
    made.write(
        tmp_path / name,
        made.npz({"a": np.zeros((1, 1 << 20), np.float32)}, {}, compressed=name == "model.npz"),
    )
    tracemalloc.start()
    with pytest.raises(ModelError, match=rf"^{name}: becomes"):
        read_checkpoint(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_damaged_compression_is_refused(tmp_path: pathlib.Path) -> None:
    chosen = made.options()
    content = gzip.compress(made.binary(made.entries(made.parameters(chosen), chosen)))
    path = tmp_path / "model.bin.gz"
    cases = [
        (content[:-1], "its compressed data is truncated"),
        (content[: len(content) // 2], "its compressed data is truncated"),
        (content + b"x", "something stands behind its compressed data"),
        (content + content, "something stands behind its compressed data"),
        (content[:-8] + bytes(4) + content[-4:], "not compressed data, or damaged"),
    ]
    for damaged, message in cases:
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=rf"^model\.bin\.gz: {message}"):
            read_checkpoint(path)


def spoiled(content: bytes, seed: int, times: int) -> Iterator[bytes]:
    """The content with some bytes changed, cut out, doubled or put in, or with its end cut off."""
    draw = random.Random(seed)
    for _ in range(times):
        changed = bytearray(content)
        # The headers are what counts; they are at one of the ends.
        place = draw.choice(
            [draw.randrange(900), draw.randrange(len(content)), -draw.randrange(900)]
        )
        kind = draw.randrange(4)
        if kind == 0:
            changed[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[place : place + draw.randrange(1, 9)] = draw.randbytes(draw.randrange(9))
        elif kind == 2:
            del changed[place:]
        else:
            value = draw.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1])
            begin = place % max(len(content) - 8, 1)
            changed[begin : begin + 8] = struct.pack("<Q", value)
        yield bytes(changed)


@pytest.mark.parametrize("form", ["npz", "bin", "int8", "bin.gz", "npz.gz"])
def test_spoiled_files_are_refused_or_do_no_harm(tmp_path: pathlib.Path, form: str) -> None:
    chosen = made.options(**made.STUDENT)
    parameters = made.parameters(chosen)
    content = (
        made.npz(parameters, chosen)
        if form.startswith("npz")
        else made.binary(made.entries(parameters, chosen))
    )
    if form == "int8":
        content = made.binary(made.entries(made.quantized(parameters), chosen))
    path = tmp_path / f"model.{'bin' if form == 'int8' else form}"
    if form.endswith(".gz"):
        content = gzip.compress(content)
    for changed in spoiled(content, 11, 150):
        path.write_bytes(changed)
        with contextlib.suppress(ModelError):
            assert read_checkpoint(path).tensors
