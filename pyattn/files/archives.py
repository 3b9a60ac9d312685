"""Compressed files and the entries of zip files, none of which becomes larger than it should.

What is compressed may become `MOST_EXPANSION` times as large, and a little more. Weights and
vocabularies shrink to a half or a quarter; only what was made to be large shrinks further.
"""

from __future__ import annotations

import io
import mmap
import pathlib
import zipfile
import zlib
from typing import IO, cast

from pyattn.errors import ModelError
from pyattn.files.reading import bare, map_file

MOST_EXPANSION = 32
# For what is so small that its headers count.
_ALLOWANCE = 1 << 16
GZIP_SUFFIX = ".gz"

_ZIP_MAGIC = b"PK\x03\x04"
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 1
# zlib's numbers for gzip's header and checksum, and for neither.
_GZIP, _RAW = 31, -15


def plain_name(path: pathlib.Path) -> str:
    """The name of a file without the suffix that says that it is compressed."""
    return path.name.removesuffix(GZIP_SUFFIX)


def read_plain(path: pathlib.Path) -> memoryview:
    """The bytes of a file, decompressed if its name ends in .gz; read-only.

    Raises:
        ModelError: if the file cannot be read, is damaged or becomes too large.
    """
    content = map_file(path)
    if path.name.endswith(GZIP_SUFFIX):
        return memoryview(_inflated(content, path.name, _GZIP, _most(content)))
    return content


def zip_entries(
    file: str, content: memoryview, *, compressed: bool = False
) -> dict[str, memoryview]:
    """The contents of a zip file's entries, by their names.

    Args:
        file: Its name, for errors.
        content: Its bytes.
        compressed: Whether entries may be; else all are views of the file.

    Raises:
        ModelError: if the file or an entry is malformed, or they become too large.
    """
    infos = _directory(file, content)
    if compressed and sum(info.file_size for info in infos) > _most(content):
        raise ModelError(f"{file}: becomes more than {MOST_EXPANSION} times as large")
    entries: dict[str, memoryview] = {}
    for info in infos:
        place = f"{file}: {bare(info.filename)}"
        if info.filename in entries:
            raise ModelError(f"{place} is there twice")
        deflated = info.compress_type == zipfile.ZIP_DEFLATED and compressed
        if info.flag_bits & _ENCRYPTED or not (
            deflated or info.compress_type == zipfile.ZIP_STORED
        ):
            unusual = "encrypted, or compressed in an unusual way" if compressed else "compressed"
            raise ModelError(f"{place} is {unusual}, which such files are not")
        entries[info.filename] = _entry(place, info, content)
    stored = sum(info.compress_size for info in infos)
    if stored > len(content):  # then some are the same bytes
        raise ModelError(
            f"{file}: its entries have {stored} bytes, expected at most the file's {len(content)}"
        )
    return entries


def stream(content: memoryview) -> IO[bytes]:
    """The bytes of a file as a stream, whose `read` never allocates more than the file has."""
    if isinstance(content.obj, mmap.mmap):
        content.obj.seek(0)
        return cast(IO[bytes], content.obj)
    # Of bytes themselves there is no copy.
    return io.BytesIO(content.obj if isinstance(content.obj, bytes) else content)


def _directory(file: str, content: memoryview) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(stream(content)) as archive:
            return archive.infolist()
    # What zipfile raises on malformed archives is not all its own.
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, OverflowError) as error:
        raise ModelError(f"{file}: truncated, or not a zip file: {error}") from None


def _entry(place: str, info: zipfile.ZipInfo, content: memoryview) -> memoryview:
    """The content of a zip file's entry."""
    begin = info.header_offset
    header = content[begin : begin + _LOCAL_HEADER_BYTES] if begin >= 0 else b""
    if len(header) < _LOCAL_HEADER_BYTES or header[: len(_ZIP_MAGIC)] != _ZIP_MAGIC:
        raise ModelError(f"{place}: no entry where the directory of the zip file says")
    # The name and the extra field lie between the header and the data.
    begin += _LOCAL_HEADER_BYTES
    begin += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    end = begin + info.compress_size
    if end > len(content):
        raise ModelError(f"{place} has {info.compress_size} bytes, more than there are: truncated")
    data = content[begin:end]
    if info.compress_type == zipfile.ZIP_DEFLATED:
        data = memoryview(_inflated(data, place, _RAW, info.file_size))
        if zlib.crc32(data) != info.CRC:
            raise ModelError(f"{place}: its checksum is wrong")
    if len(data) != info.file_size:
        raise ModelError(f"{place} has {len(data)} bytes, expected {info.file_size}")
    return data


def _most(content: memoryview) -> int:
    return MOST_EXPANSION * len(content) + _ALLOWANCE


def _inflated(content: memoryview, place: str, kind: int, most: int) -> bytes:
    """One compressed stream, all of it, which has `most` bytes at the most."""
    inflater = zlib.decompressobj(kind)
    try:
        inflated = inflater.decompress(content, most + 1)
    except zlib.error as error:
        raise ModelError(f"{place}: not compressed data, or damaged: {error}") from None
    if len(inflated) > most:
        raise ModelError(f"{place}: becomes larger than the {most} bytes that are expected at most")
    if not inflater.eof:
        raise ModelError(f"{place}: its compressed data is truncated")
    if inflater.unused_data:
        raise ModelError(f"{place}: something stands behind its compressed data")
    return inflated
