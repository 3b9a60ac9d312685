import pathlib
import struct
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pyattn.errors import ModelError
from pyattn.files.ctranslate2.binary import Binary, read_binary
from support import ctranslate2_folders as made

VECTOR = np.arange(3, dtype=np.float32)
SPEC = made.string("TransformerSpec")
HEAD = struct.pack("<I", 6) + SPEC + struct.pack("<I", 7)


def read(tmp_path: pathlib.Path, content: bytes) -> Binary:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    return read_binary(path)


def entries(*variables: bytes, aliases: bytes = struct.pack("<I", 0)) -> bytes:
    """A file of version 6 with these variables."""
    return HEAD + struct.pack("<I", len(variables)) + b"".join(variables) + aliases


def entry(
    name: bytes = made.string("a"),
    axes: int = 1,
    shape: tuple[int, ...] = (3,),
    kind: int = 0,
    size: int = 12,
    data: bytes = VECTOR.tobytes(),
) -> bytes:
    """A variable of version 6, for spoiling."""
    head = name + struct.pack(f"<B{len(shape)}I", axes, *shape)
    return head + struct.pack("<BI", kind, size) + data


@pytest.mark.parametrize("version", made.REVISIONS)
def test_every_version_is_read(tmp_path: pathlib.Path, version: int) -> None:
    values: dict[str, npt.NDArray[Any]] = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.arange(4, dtype=np.int16),
        "c": np.asarray(np.int8(-3)),
    }
    found = read(tmp_path, made.model_bin(values, version=version, spec="Some", revision=3))
    assert found.version == version
    assert (found.spec, found.revision) == (("Some", 3) if version >= 2 else ("", 1))
    assert found.variables.keys() == values.keys()
    for name, array in values.items():
        assert found.variables[name].values.dtype == array.dtype
        np.testing.assert_array_equal(found.variables[name].values, array)


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16", "int32", "float16", "uint16"])
def test_every_type_is_read(tmp_path: pathlib.Path, dtype: str) -> None:
    array = np.arange(5).astype(dtype)
    tensor = read(tmp_path, made.model_bin({"a": array})).variables["a"]
    np.testing.assert_array_equal(tensor.values, array)
    assert (tensor.dtype == "BF16") == (dtype == "uint16")
    assert not tensor.values.flags.writeable


def test_an_alias_is_the_variable_and_brings_its_scale(tmp_path: pathlib.Path) -> None:
    found = read(
        tmp_path,
        made.model_bin(
            {"a": VECTOR, "a_scale": VECTOR[:1]}, aliases=[("b", "a"), ("c", "b"), ("b", "a")]
        ),
    ).variables
    assert found["b"] is found["c"] is found["a"]
    assert found["b_scale"] is found["c_scale"] is found["a_scale"]


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ([("b", "c")], "model.bin: b is an alias of c, which is not there"),
        ([("b", "b")], "model.bin: b is an alias of b, which is not there"),
        ([("b", "c"), ("c", "b")], "model.bin: b is an alias of c, which is not there"),
        ([("a", "z")], "model.bin: a is there twice"),
        ([("b", "a"), ("b", "z")], "model.bin: b is there twice"),
    ],
)
def test_an_alias_is_of_what_stands_before_it(
    tmp_path: pathlib.Path, aliases: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        read(tmp_path, made.model_bin({"a": VECTOR, "z": VECTOR[:1]}, aliases=aliases))


@pytest.mark.parametrize("version", made.REVISIONS)
def test_every_truncation_is_refused(tmp_path: pathlib.Path, version: int) -> None:
    content = made.model_bin({"a": VECTOR, "b": VECTOR[:1]}, version=version)
    for length in range(len(content)):
        with pytest.raises(ModelError, match=r"^model\.bin: .*truncated"):
            read(tmp_path, content[:length])
    with pytest.raises(ModelError, match=r"^model\.bin: 1 bytes behind its last entry"):
        read(tmp_path, content + b"\0")


def test_a_changed_bit_is_refused_or_does_no_harm(tmp_path: pathlib.Path) -> None:
    content = made.model_bin({"a": VECTOR, "b": VECTOR[:1]}, aliases=[("c", "a")])
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            try:
                found = read(tmp_path, bytes(changed))
            except ModelError:
                continue
            stored = {id(tensor): tensor.values.nbytes for tensor in found.variables.values()}
            assert sum(stored.values()) == VECTOR.nbytes + 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "version has 4 bytes, 0 are left at 0: truncated, or not a file of CTranslate2's"),
        (struct.pack("<I", 0), "version is 0, expected 1 to 6"),
        (struct.pack("<I", 7), "version is 7, expected 1 to 6"),
        (b"PK\x03\x04", "expected 1 to 6: not a file of CTranslate2's"),
        (struct.pack("<IH", 6, 0), "name of the model's class is b'', expected a 0 at its end"),
        (struct.pack("<IH", 6, 60_000), "class has 60000 bytes, 0 are left at 6: truncated"),
        (HEAD + b"\xff" * 4, "4294967295 variables, expected at most 16384"),
        (entries() + b"", None),
        (entries(aliases=b"\xff" * 4), "4294967295 aliases, expected at most 16384"),
        (entries(entry(name=struct.pack("<H", 2) + b"ab")), "is b'ab', expected a 0 at its end"),
        (entries(entry(name=made.string(b"a\0b"))), r"is b'a\\x00b\\x00', expected a 0 at its end"),
        (entries(entry(name=made.string(b"\xff"))), r"is b'\\xff\\x00', expected ASCII"),
        (entries(entry(name=made.string("ä"))), r"is b'\\xc3\\xa4\\x00', expected ASCII"),
        (entries(entry(), entry()), "a is there twice"),
        (entries(entry(axes=9, shape=(1,) * 9)), "a has 9 axes, expected at most 8"),
        (entries(entry(axes=255, shape=())), "a has 255 axes, expected at most 8"),
        (entries(entry(kind=6)), "a has type 6, expected one of 0, 1, 2, 3, 4, 5"),
        (entries(entry(shape=(2,))), r"a has 12 bytes, expected 8 for shape \[2\] of F32"),
        (entries(entry(shape=(0,), size=0)), r"a has 0 bytes, expected some for shape \[0\]"),
        (entries(entry(axes=8, shape=(2**32 - 1,) * 8)), "a has 12 bytes, expected 463"),
        (entries(entry(shape=(2**30 - 1,), size=2**32 - 4)), "a has 4294967292 bytes, 16 are left"),
        (entries(entry(axes=2, shape=(2**31, 2**31), size=0)), "a has 0 bytes, expected 18446744"),
    ],
)
def test_what_is_malformed_is_refused(
    tmp_path: pathlib.Path, content: bytes, message: str | None
) -> None:
    if message is None:
        assert not read(tmp_path, content).variables
        return
    tracemalloc.start()
    with pytest.raises(ModelError, match=rf"^model\.bin: .*{message}"):
        read(tmp_path, content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_before_version_4_types_are_told_by_their_size(tmp_path: pathlib.Path) -> None:
    content = made.model_bin({"a": VECTOR}, version=3)
    place = content.index(made.string("a")) + len(made.string("a")) + 5
    for size in (0, 3, 8):
        spoiled = content[:place] + bytes([size]) + content[place + 1 :]
        with pytest.raises(ModelError, match=f"a has type {size}, expected one of 4, 2, 1"):
            read(tmp_path, spoiled)


def test_names_are_shown_safely(tmp_path: pathlib.Path) -> None:
    name = made.string(b"\x1b[2J" + b"x" * 300)
    with pytest.raises(ModelError) as error:
        read(tmp_path, entries(entry(name=name, kind=9)))
    assert "\x1b" not in str(error.value)
    assert len(str(error.value)) < 250


def test_a_pipe_or_a_folder_is_no_model(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=r"model\.bin: no such file"):
        read_binary(tmp_path / "model.bin")
    (tmp_path / "model.bin").mkdir()
    with pytest.raises(ModelError, match=r"model\.bin: "):
        read_binary(tmp_path / "model.bin")


def test_float32_that_happens_to_be_aligned_stays_in_the_file(tmp_path: pathlib.Path) -> None:
    large = np.zeros((512, 512), np.float32)
    for padding in range(4):  # bytes of the name
        content = made.model_bin({"a" * (padding + 1): large})
        tracemalloc.start()
        [tensor] = read(tmp_path, content).variables.values()
        aligned = tensor.values.flags.aligned
        floats: Any = tensor.float32()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert floats.flags.aligned
        assert not floats.flags.writeable
        if aligned:
            assert peak < large.nbytes / 2 + len(content)  # of the test's own file
