import gc
import mmap
import pathlib
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pyattn._mapped import let_go, mapped
from pyattn.files import read_checkpoint
from pyattn.stored import Stored, Tensors
from support import model_folders

VALUES = np.float32([[1.5, -2.0, 0.0], [3.0, 0.25, -65504.0]])


def bfloat16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    return (values.view(np.uint32) >> 16).astype(np.uint16)


INT8 = Stored("int8", np.int8([[1, -127, 0], [2, 3, -128]]), np.float32([0.5, 3.0]))


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (Stored("float32", VALUES), VALUES),
        (Stored("float32", np.asfortranarray(VALUES)), VALUES),
        (Stored("float16", VALUES.astype(np.float16)), VALUES),
        (Stored("bfloat16", bfloat16(VALUES[:1])), VALUES[:1]),
        (INT8, [[0.5, -63.5, 0], [6, 9, -384]]),
    ],
    ids=["float32", "strided", "float16", "bfloat16", "int8"],
)
def test_float32_is_what_is_stored_multiplied_out(stored: Stored, wanted: Any) -> None:
    found = stored.float32()
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, wanted)
    assert found is stored.values or not found.flags.writeable


def test_rows_have_their_own_scales() -> None:
    part = INT8.rows(1, 2)
    assert part.shape == (1, 3)
    assert part.float32().tolist() == [[6, 9, -384]]
    assert np.shares_memory(part.values, INT8.values)


@pytest.mark.parametrize(
    ("dtype", "values", "scale", "problem"),
    [
        ("float32", np.zeros(3), None, "values have dtype float64, expected float32"),
        ("bfloat16", np.zeros(3, np.float32), None, "dtype float32, expected uint16 for bfloat16"),
        ("int8", np.zeros((2, 3), np.int8), None, "int8 without a scale"),
        ("float16", np.zeros((2, 3), np.float16), np.ones(2, np.float32), "float16 with a scale"),
        ("int8", np.zeros((2, 3), np.int8), np.ones(3, np.float32), r"scale of float32 \[3\]"),
        ("int8", np.zeros((2, 3), np.int8), np.ones(2), r"scale of float64 \[2\], expected"),
        ("int8", np.zeros(2, np.int8), np.ones(2, np.float32), r"values of shape \[2\]"),
    ],
)
def test_what_does_not_belong_together_is_an_error(
    dtype: Any, values: Any, scale: Any, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Stored(dtype, values, scale)


def test_tensors_are_float32_arrays_by_name() -> None:
    tensors = Tensors({"a": INT8, "b": Stored("float32", VALUES), "c": INT8})
    assert list(tensors) == ["a", "b", "c"]
    assert len(tensors) == 3
    assert tensors["a"].tolist() == INT8.float32().tolist()
    assert tensors["b"] is VALUES
    assert tensors.stored("c") is INT8
    assert tensors.get("d") is None
    with pytest.raises(KeyError):
        tensors["d"]


def test_tied_tensors_are_one_array_while_somebody_holds_it() -> None:
    tensors = Tensors({"a": INT8, "c": INT8})
    held = tensors["a"]
    assert tensors["c"] is held


def test_arrays_are_made_on_demand_and_not_kept() -> None:
    tensors = Tensors({"a": INT8})
    made = weakref.ref(tensors["a"])
    gc.collect()
    assert made() is None


def test_arrays_that_are_one_object_are_tied() -> None:
    tensors = Tensors.of({"a": VALUES, "b": VALUES.copy(), "c": VALUES})
    assert tensors.stored("a") is tensors.stored("c")
    assert tensors.stored("a") is not tensors.stored("b")
    assert Tensors.of(tensors) is tensors
    with pytest.raises(ValueError, match="x has dtype float64, expected float32"):
        Tensors.of({"x": np.zeros(2)})  # type: ignore[dict-item]


def resident(values: npt.NDArray[Any]) -> int:
    """KiB of the map that an array is a view of, as far as this process has them in memory."""
    address = values.__array_interface__["data"][0]
    found = 0
    inside = False
    for line in pathlib.Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if "-" in first and not first.endswith(":"):
            low, high = (int(part, 16) for part in first.split("-"))
            inside = low <= address < high
        elif inside and first == "Rss:":
            found += int(line.split()[1])
    return found


on_linux = pytest.mark.skipif(
    not (hasattr(mmap, "MADV_DONTNEED") and pathlib.Path("/proc/self/smaps").exists()),
    reason="needs Linux",
)


@on_linux
def test_pages_of_a_file_are_let_go_and_come_back(tmp_path: pathlib.Path) -> None:
    numbers = np.arange(1 << 20, dtype=np.float32).reshape(1024, 1024)
    (tmp_path / "numbers").write_bytes(b"header" + numbers.tobytes())
    with (tmp_path / "numbers").open("rb") as file:
        values = np.frombuffer(mapped(file)[6:], "<f4").reshape(1024, 1024)
    stored = Stored("float32", values)
    np.testing.assert_array_equal(stored.float32(), numbers)
    assert resident(values) >= 4096
    stored.let_go(0, 512)
    assert resident(values) <= 2052
    stored.rows(512, 1024).let_go(0, 512)
    assert resident(values) <= 4
    np.testing.assert_array_equal(stored.float32(), numbers)


@on_linux
def test_reading_a_tied_matrix_does_not_look_at_it(tmp_path: pathlib.Path) -> None:
    values = model_folders.config(vocab_size=1_000_000)
    folder = model_folders.folder(tmp_path, values, model_folders.tensors(values))
    tensors = read_checkpoint(folder).tensors
    assert isinstance(tensors, Tensors)
    output = tensors.stored("output.weight")
    assert output is tensors.stored("encoder.embedding")
    # The bias of a million numbers is looked at, and what the system brings in around it.
    assert resident(output.values) < 12 << 10 < output.values.nbytes >> 10


@pytest.mark.parametrize("kind", ["array", "copied on write", "written to"])
def test_memory_that_is_no_read_only_file_is_left_alone(tmp_path: pathlib.Path, kind: str) -> None:
    (tmp_path / "zeros").write_bytes(bytes(1 << 16))
    with (tmp_path / "zeros").open("r+b") as file:
        access = mmap.ACCESS_COPY if kind == "copied on write" else mmap.ACCESS_WRITE
        pages = mmap.mmap(file.fileno(), 0, access=access)
    values = np.zeros(1 << 14, np.float32) if kind == "array" else np.frombuffer(pages, np.float32)
    values[:] = 7
    let_go(values)
    assert (values == 7).all()
