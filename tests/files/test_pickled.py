import os
import pathlib
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyattn.errors import ModelError
from pyattn.files.pickled import read_pickled
from pyattn.files.tensors import Tensor
from support import model_folders as made

RANDOM = np.random.default_rng(3)
VALUES: dict[str, made.Values] = {
    "a.weight": RANDOM.standard_normal((2, 3), np.float32),
    "a.bias": RANDOM.standard_normal(3, np.float32).astype(np.float16),
    "b.weight": made.bfloat16(RANDOM.standard_normal((3, 2), np.float32)),
    "positions": np.arange(5),
    "scalar": np.array(3.5),
}


def read_zip(tmp_path: pathlib.Path, entries: dict[str, bytes], **zipped: Any) -> dict[str, Tensor]:
    path = tmp_path / "pytorch_model.bin"
    made.write_zip(path, entries, **zipped)
    return read_pickled(path)


def read_bytes(tmp_path: pathlib.Path, content: bytes) -> dict[str, Tensor]:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(content)
    return read_pickled(path)


def read_one(tmp_path: pathlib.Path, tensor: bytes, data: bytes) -> Tensor:
    return read_zip(tmp_path, {"data.pkl": made.state_dict({"a": tensor}), "data/0": data})["a"]


def zipped(tmp_path: pathlib.Path) -> bytes:
    made.write_pickled(tmp_path / "made.bin", VALUES)
    return (tmp_path / "made.bin").read_bytes()


@pytest.mark.parametrize("legacy", [False, True])
def test_values_are_those_that_were_saved(tmp_path: pathlib.Path, legacy: bool) -> None:
    content = made.legacy_pickled(VALUES) if legacy else zipped(tmp_path)
    found = read_bytes(tmp_path, content)
    assert found.keys() == VALUES.keys()
    for name, values in VALUES.items():
        np.testing.assert_array_equal(found[name].values, values)
        assert not found[name].values.flags.writeable
    np.testing.assert_array_equal(found["a.weight"].float32(), VALUES["a.weight"])
    bits = VALUES["b.weight"].astype(np.uint32) << 16
    np.testing.assert_array_equal(found["b.weight"].float32(), bits.view(np.float32))


def test_float32_is_a_view_of_the_file(tmp_path: pathlib.Path) -> None:
    made.write_pickled(tmp_path / "a.bin", {"a": np.ones((1024, 1024), np.float32)})
    tracemalloc.start()
    tensor = read_pickled(tmp_path / "a.bin")["a"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 18
    assert tensor.float32().sum() == 1 << 20


def test_strides_and_offset_are_followed(tmp_path: pathlib.Path) -> None:
    storage = np.arange(12, dtype=np.float32)
    transposed = made.tensor("0", "float32", 12, [3, 2], [1, 3], offset=2)
    floats = read_one(tmp_path, transposed, storage.tobytes()).float32()
    assert floats.tolist() == [[2, 5], [3, 6], [4, 7]]
    assert floats.flags.c_contiguous
    assert not floats.flags.writeable


def test_tensors_may_share_a_storage(tmp_path: pathlib.Path) -> None:
    tied = made.tensor("0", "float32", 2, [2], [1])
    names = [made.SHARED, made.SOURCE, made.TARGET, made.OUTPUT]
    entries = {"data.pkl": made.state_dict(dict.fromkeys(names, tied)), "data/0": bytes(8)}
    assert list(read_zip(tmp_path, entries)) == names


def test_one_storage_cannot_pose_as_a_large_model(tmp_path: pathlib.Path) -> None:
    tied = made.tensor("0", "float32", 2, [2], [1])
    items = {f"layers.{n}": tied for n in range(9)}
    with pytest.raises(ModelError, match=r"layers\.8: too many tensors of the same numbers"):
        read_zip(tmp_path, {"data.pkl": made.state_dict(items), "data/0": bytes(8)})


def test_parameters_and_plain_dicts_are_read(tmp_path: pathlib.Path) -> None:
    tensor = made.tensor("0", "float32", 2, [2], [1])
    parameter = made.named("torch._utils", "_rebuild_parameter")
    parameter += b"(" + tensor + b"\x88" + made.EMPTY_ORDERED_DICT + b"tR"
    content = b"\x80\x02}" + made.text("a") + parameter + b"s."
    data = np.array([1, 2], np.float32).tobytes()
    assert read_zip(tmp_path, {"data.pkl": content, "data/0": data})["a"].values.tolist() == [1, 2]


class Exploit:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.mkdir, f"{os.mkdir.__module__}.mkdir"),
        (eval, "__builtin__.eval"),
        (getattr, "__builtin__.getattr"),
        (bytearray, "__builtin__.bytearray"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_an_exploit_is_named_and_not_run(
    tmp_path: pathlib.Path, function: Callable[..., Any], name: str, legacy: bool
) -> None:
    trace = tmp_path / "trace"
    arguments = [f"__import__('os').mkdir({str(trace)!r})"] if function is eval else [str(trace)]
    payload = pickle.dumps({"a": Exploit(function, *arguments)}, protocol=2)
    content = made.legacy_pickled({}).replace(made.pickle_of({}), payload)
    if not legacy:
        made.write_zip(tmp_path / "a.bin", {"data.pkl": payload})
        content = (tmp_path / "a.bin").read_bytes()
    with pytest.raises(ModelError, match=rf"^pytorch_model\.bin: refused to unpickle {name}: "):
        read_bytes(tmp_path, content)
    assert not trace.exists()


@pytest.mark.parametrize(
    "name",
    [
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch._utils", "_rebuild_tensor"),
        ("torch", "FloatStorage.__init__"),
        ("collections", "defaultdict"),
        ("collections OrderedDict", "x"),
        ("numpy.core.multiarray", "_reconstruct"),
    ],
)
def test_every_other_global_is_refused(tmp_path: pathlib.Path, name: tuple[str, str]) -> None:
    content = b"\x80\x02" + made.named(*name) + b"."
    with pytest.raises(ModelError, match="refused to unpickle"):
        read_zip(tmp_path, {"data.pkl": content})


@pytest.mark.parametrize("protocol", [0, 3, 4, 5])
def test_other_protocols_are_refused(tmp_path: pathlib.Path, protocol: int) -> None:
    with pytest.raises(ModelError, match=r"pickle (protocol|instruction)"):
        read_zip(tmp_path, {"data.pkl": pickle.dumps({"a": 1.5}, protocol=protocol)})


@pytest.mark.parametrize(
    "instructions",
    [
        b"",
        b".",
        b"}",
        b"0.",
        b"t.",
        b"\x85.",
        b"\x86.",
        b"K\x01\x86.",
        b"K\x01K\x02\x87.",
        b"q\x00.",
        b"h\x05.",
        b"j\xff\xff\xff\xff.",
        b"}K\x01K\x02K\x03s.",
        b"](K\x01u.",
        b"}(K\x01u.",
        b"}K\x01a.",
        b"K\x01b.",
        b"NNR.",
        b"NQ.",
        b"(NtQ.",
        b"}]K\x01s.",
        b"X\xff\xff\xff\xffabc.",
        b"X\x01\x00\x00\x00\xff.",
        b"\x8a\xffabc.",
        b"\x8b\xff\xff\xff\x7fabc.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"I" + b"9" * 10_000 + b"\n.",
        b"S'\\xzz'\n.",
        b"\x82\x01.",
        b"\xff.",
        b"(" * 100_000 + b".",
    ],
)
def test_malformed_pickle_is_an_error(tmp_path: pathlib.Path, instructions: bytes) -> None:
    with pytest.raises(ModelError, match=r"^pytorch_model\.bin: "):
        read_zip(tmp_path, {"data.pkl": b"\x80\x02" + instructions})


def test_memo_and_length_claims_allocate_nothing(tmp_path: pathlib.Path) -> None:
    claims = b"\x80\x02Nr\xff\xff\xff\x7f0X\xff\xff\xff\xff"
    for content in (claims, b"\x80\x02]" + b"(" * 1000 + b"B\xff\xff\xff\x7f"):
        path = tmp_path / "a.bin"
        made.write_zip(path, {"data.pkl": content})
        tracemalloc.start()
        with pytest.raises(ModelError):
            read_pickled(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1 << 20


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"K\x01", "'a' is int, expected a tensor"),
        (b"}", "'a' is dict, expected a tensor"),
        (made.text("x"), "'a' is str, expected a tensor"),
        (made.tensor("1", "float32", 8, [8], [1]), "its storage, '1', is missing"),
        (made.tensor("../0", "float32", 8, [8], [1]), "its storage, '../0', is missing"),
        (made.tensor("0", "float32", 7, [7], [1]), "its storage has 32 bytes, expected 7 x 4"),
        (made.tensor("0", "float16", 8, [8], [1]), "its storage has 32 bytes, expected 8 x 2"),
        (made.tensor("0", "float32", -8, [8], [1]), "its storage has 32 bytes, expected -8"),
        (made.tensor("0", "float32", 2**62, [8], [1]), "its storage has 32 bytes, expected"),
        (made.tensor("0", "float32", 8, [9], [1]), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [8], [1], offset=1), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [1], [1], offset=-1), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [1], [1], offset=2**70), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [2], [8]), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [2, 2], [2**62, 1]), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [9], [0]), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [2**40, 2**40], [0, 0]), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [0], [1]), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [-1], [1]), "its storage has 8 elements"),
        (made.tensor("0", "float32", 8, [2], [-1], offset=1), r"with strides \(-1,\)"),
        (made.tensor("0", "float32", 8, [2, 2], [1]), r"shape \(2, 2\) with strides \(1,\)"),
        (made.tensor("0", "float32", 8, [1] * 9, [1] * 9), "with strides"),
        (made.tensor("0", "float32", 8, [8], [1]).replace(b"K\x01t", b"Nt"), "a tensor has other"),
        (made.tensor("0", "float32", 8, [8], [1]).replace(b"storage", b"module!"), "a storage has"),
    ],
)
def test_misshapen_tensor_is_an_error(tmp_path: pathlib.Path, value: bytes, problem: str) -> None:
    with pytest.raises(ModelError, match=rf"^pytorch_model\.bin: .*{problem}"):
        read_one(tmp_path, value, bytes(32))


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"version": b"3"}, "0 data.pkl, expected one"),
        ({"data.pkl": b"\x80\x02].", "byteorder": b"big"}, "byteorder is b'big'"),
        ({"data.pkl": b"\x80\x02]."}, "list, expected a dict of tensors"),
        ({"data.pkl": b"\x80\x02K\x01."}, "int, expected a dict of tensors"),
    ],
)
def test_unexpected_archive_is_an_error(
    tmp_path: pathlib.Path, entries: dict[str, bytes], problem: str
) -> None:
    with pytest.raises(ModelError, match=problem):
        read_zip(tmp_path, entries)


def test_compressed_entry_is_an_error(tmp_path: pathlib.Path) -> None:
    entries = {"data.pkl": made.pickle_of({}), "data/0": bytes(10_000)}
    with pytest.raises(ModelError, match="compressed"):
        read_zip(tmp_path, entries, compression=zipfile.ZIP_DEFLATED)


def test_entry_that_is_there_twice_is_an_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", made.pickle_of({}))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("archive/data.pkl", made.pickle_of({}))
    with pytest.raises(ModelError, match=r"data\.pkl is there twice"):
        read_pickled(path)


def test_entry_larger_than_the_file_is_an_error(tmp_path: pathlib.Path) -> None:
    content = zipped(tmp_path)
    sizes = struct.pack("<II", 24, 24)  # compressed and not, of "a.weight"
    assert content.count(sizes) == 2
    spoiled = content.replace(sizes, struct.pack("<II", 1 << 30, 1 << 30))
    with pytest.raises(ModelError, match="more than there are: truncated"):
        read_bytes(tmp_path, spoiled)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04K\x01.", b"hello, world", bytes(1000)])
def test_other_files_are_refused(tmp_path: pathlib.Path, content: bytes) -> None:
    with pytest.raises(ModelError, match="not a file of tensors saved by PyTorch"):
        read_bytes(tmp_path, content)


def test_legacy_file_of_a_big_endian_machine_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match="big-endian"):
        read_bytes(tmp_path, made.legacy_pickled(VALUES, little_endian=False))


@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_anywhere_is_an_error(tmp_path: pathlib.Path, legacy: bool) -> None:
    content = made.legacy_pickled(VALUES) if legacy else zipped(tmp_path)
    for size in range(0, len(content), 7):
        with pytest.raises(ModelError):
            read_bytes(tmp_path, content[:size])


@pytest.mark.parametrize("legacy", [False, True])
def test_flipped_bytes_never_crash_nor_allocate(tmp_path: pathlib.Path, legacy: bool) -> None:
    content = made.legacy_pickled(VALUES) if legacy else zipped(tmp_path)
    random = np.random.default_rng(4)
    refused = 0
    tracemalloc.start()
    for _ in range(400):
        spoiled = bytearray(content)
        for place in random.integers(0, len(content), random.integers(1, 4)):
            spoiled[place] ^= random.integers(1, 256)
        try:
            for tensor in read_bytes(tmp_path, bytes(spoiled)).values():
                assert tensor.values.nbytes <= len(content)
        except ModelError:
            refused += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused > 100
    assert peak < 1 << 20
