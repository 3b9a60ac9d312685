"""Compressed files and zip files: what is in them, and no more than they should hold."""

import gzip
import pathlib
import tracemalloc
import zipfile

import pytest

from pyattn.errors import ModelError
from pyattn.files.archives import MOST_EXPANSION, plain_name, read_plain, zip_entries
from support.marian_models import zipped

TEXT = b"what is in a file " * 9


def entries(content: bytes, *, compressed: bool = True) -> dict[str, bytes]:
    found = zip_entries("a.npz", memoryview(content), compressed=compressed)
    return {name: bytes(data) for name, data in found.items()}


@pytest.mark.parametrize("name", ["a.bin", "a.bin.gz"])
def test_file_is_read_whatever_its_suffix(tmp_path: pathlib.Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT) if name.endswith(".gz") else TEXT)
    assert bytes(read_plain(path)) == TEXT
    assert plain_name(path) == "a.bin"


def test_what_becomes_too_large_is_not_made(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(1 << 26)))  # to a thousandth
    most = MOST_EXPANSION * path.stat().st_size
    tracemalloc.start()
    with pytest.raises(ModelError, match=r"^a\.gz: becomes larger than the \d+ bytes"):
        read_plain(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * most + (1 << 20)


def test_entries_are_read_compressed_or_not() -> None:
    for compressed in (False, True):
        assert entries(zipped({"a": TEXT, "b": b""}, compressed=compressed)) == {
            "a": TEXT,
            "b": b"",
        }
    with pytest.raises(ModelError, match=r"^a\.npz: a is compressed, which such files are not"):
        entries(zipped({"a": TEXT}, compressed=True), compressed=False)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(tmp_path: pathlib.Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("a", TEXT)
    with pytest.raises(ModelError, match=r"^a\.npz: a is encrypted, or compressed in an unusual"):
        entries((tmp_path / "a.npz").read_bytes())


def test_entries_that_share_their_bytes_are_refused() -> None:
    content = zipped({"a": TEXT * 9, "b": b"x"})
    directory = content.index(b"PK\x01\x02")
    first = content[directory : content.index(b"PK\x01\x02", directory + 1)]
    both = first + first.replace(b"a", b"b")
    end = content[content.index(b"PK\x05\x06") :]
    end = end[:12] + len(both).to_bytes(4, "little") + end[16:]
    with pytest.raises(ModelError, match=r"^a\.npz: its entries have \d+ bytes, expected at most"):
        entries(content[:directory] + both + end)


def test_wrong_sizes_and_checksums_are_refused() -> None:
    content = zipped({"a": TEXT}, compressed=True)
    directory = content.index(b"PK\x01\x02")
    for place, value, message in [
        (16, 7, "a: its checksum is wrong"),
        (20, 10**6, "a has 1000000 bytes, more than there are: truncated"),
        (20, 9, "a: its compressed data is truncated"),
        (24, len(TEXT) + 1, f"a has {len(TEXT)} bytes, expected {len(TEXT) + 1}"),
        (24, len(TEXT) - 1, "a: becomes larger than the "),
        (24, 2**31, f"becomes more than {MOST_EXPANSION} times as large"),
        (42, 5, "a: no entry where the directory of the zip file says"),
    ]:
        begin = directory + place
        changed = content[:begin] + value.to_bytes(4, "little") + content[begin + 4 :]
        with pytest.raises(ModelError) as error:
            entries(changed)
        assert str(error.value).startswith(f"a.npz: {message}")
