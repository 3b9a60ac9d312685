"""Zip archives whose members are replaced one by one; all others are copied without unpacking.

The readers of zip files in the world disagree about odd archives, so this one takes plain ones
only: every header has to fit the archive's own directory, and no two members may share a byte.
"""

from __future__ import annotations

import dataclasses
import re
import struct
import zlib
from collections.abc import Mapping

from pyattn.errors import DocumentError
from pyattn.results import Span

# Bytes of one unpacked member, and of all that are unpacked for one document. A novel has 1 to 3 MB
# of XML and a sheet of a million cells 60 MB. Text in runs takes 25 times its bytes while it is
# translated, and 1.6 s per MB with a translator that does nothing.
_MOST_UNPACKED = 64 << 20
_MOST_TOGETHER = 128 << 20
# How much smaller than its content a large member may be. Equal rows of a sheet reach 40; Deflate's
# limit, which bombs come near, is 1032.
_MOST_RATIO = 200
_SMALL = 1 << 20
# Members with names and headers, whose reading takes time; the largest real archives have hundreds.
_MOST_MEMBERS = 20_000

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_SIZES_BEHIND = 1 << 3
_UTF8 = 1 << 11
_LARGE = 0xFFFFFFFF

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")


@dataclasses.dataclass(frozen=True)
class _Member:
    """A member of an archive.

    Attributes:
        name: Its name.
        record: Its record in the archive's directory.
        place: Its local header, its content and all that follows up to the next member.
        content: Its packed content.
        method: How it is packed: stored or deflated.
        checksum: CRC-32 of what it unpacks to.
        size: Number of bytes that it unpacks to.
    """

    name: str
    record: bytes
    place: Span
    content: Span
    method: int
    checksum: int
    size: int


class Archive:
    """A zip archive.

    Args:
        data: The archive.
        format: The document's format, for errors.

    Raises:
        DocumentError: if it is no zip archive, or broken, encrypted or not a plain one.
    """

    def __init__(self, data: bytes, format: str) -> None:
        self._data = data
        self._format = format
        self._unpacked = 0
        self._end = self._found_end()
        self._members = self._read_members()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def names(self) -> list[str]:
        """The names of all members, in the order of the archive's directory."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """The unpacked content of a member.

        Raises:
            DocumentError: if there is no such member, or it is too large or broken.
        """
        member = self._members.get(name)
        if member is None:
            raise self.fail(f"there is no member {name:.200}")
        packed = max(1, member.content[1] - member.content[0])
        if member.size > _MOST_UNPACKED:
            raise self.fail(f"{name:.200} unpacks to {member.size} bytes, more than any document")
        if member.size > _SMALL and member.size > _MOST_RATIO * packed:
            raise self.fail(f"{name:.200} unpacks to {member.size // packed} times its size")
        self._unpacked += member.size
        if self._unpacked > _MOST_TOGETHER:
            raise self.fail(f"the members unpack to more than {_MOST_TOGETHER} bytes")
        content = self._data[slice(*member.content)]
        if member.method == _DEFLATED:
            unpack = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                content = unpack.decompress(content, member.size + 1)
            except zlib.error as error:
                raise self.fail(f"{name:.200} is broken: {error}") from None
        if len(content) != member.size or zlib.crc32(content) != member.checksum:
            raise self.fail(f"{name:.200} is broken: its size or checksum is wrong")
        return content

    def replaced(self, contents: Mapping[str, bytes]) -> bytes:
        """The archive with other contents of some members; all others are copied as they are."""
        if not contents:
            return self._data
        members = sorted(self._members.values(), key=lambda member: member.place)
        head = members[0].place[0]
        parts = [self._data[:head]]
        records: dict[str, bytes] = {}
        length = head
        for member in members:
            record = bytearray(member.record)
            if member.name in contents:
                part = self._packed(member, contents[member.name], record)
            else:
                part = self._data[slice(*member.place)]
            struct.pack_into("<I", record, 42, length)
            records[member.name] = bytes(record)
            parts.append(part)
            length += len(part)
        directory = b"".join(records[name] for name in self._members)
        count = len(self._members)
        comment = self._data[self._end + _END.size :]
        end = _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), length, len(comment))
        return b"".join([*parts, directory, end, comment])

    def fail(self, reason: str) -> DocumentError:
        """An error of the archive."""
        return DocumentError(f"{self._format}: {reason}")

    def _packed(self, member: _Member, content: bytes, record: bytearray) -> bytes:
        """A member with other content; its record in the directory gets the sizes."""
        begin = member.place[0]
        fields = list(_LOCAL.unpack_from(self._data, begin))
        packed = content
        if member.method == _DEFLATED:
            pack = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
            packed = pack.compress(content) + pack.flush()
        sizes = zlib.crc32(content), len(packed), len(content)
        name = self._data[begin + _LOCAL.size : begin + _LOCAL.size + fields[9]]
        extra = self._data[begin + _LOCAL.size + fields[9] : member.content[0]]
        extra = _without_sizes(extra)
        fields[2] &= ~_SIZES_BEHIND
        fields[6:9] = sizes
        fields[10] = len(extra)
        [flags] = struct.unpack_from("<H", record, 8)
        struct.pack_into("<H", record, 8, flags & ~_SIZES_BEHIND)
        struct.pack_into("<3I", record, 16, *sizes)
        return _LOCAL.pack(*fields) + name + extra + packed

    def _found_end(self) -> int:
        """The place of the record at the end of the archive."""
        data = self._data
        if not data.startswith(b"PK"):
            raise self.fail("is no zip archive, as its first bytes show")
        place = len(data)
        while (place := data.rfind(b"PK\5\6", max(0, len(data) - (1 << 16) - 22), place)) >= 0:
            if place + _END.size <= len(data):
                comment = _END.unpack_from(data, place)[7]
                if place + _END.size + comment == len(data):
                    return place
        raise self.fail("the archive is cut off: its directory is missing")

    def _read_members(self) -> dict[str, _Member]:
        data = self._data
        _, disk, first_disk, here, count, size, begin, _ = _END.unpack_from(data, self._end)
        if disk or first_disk or here != count:
            raise self.fail("is one part of an archive in several parts")
        if count == 0xFFFF or begin == _LARGE or count > _MOST_MEMBERS:
            raise self.fail(f"the archive has more than {_MOST_MEMBERS} members or 4 GB")
        if begin + size > self._end:
            raise self.fail("the archive's directory is broken")
        found: list[tuple[str, bytes]] = []
        place = begin
        for _ in range(count):
            if place + _CENTRAL.size > self._end or data[place : place + 4] != b"PK\1\2":
                raise self.fail("the archive's directory is broken")
            fields = _CENTRAL.unpack_from(data, place)
            stop = place + _CENTRAL.size + fields[10] + fields[11] + fields[12]
            if stop > self._end:
                raise self.fail("the archive's directory is broken")
            name = data[place + _CENTRAL.size : place + _CENTRAL.size + fields[10]]
            found.append((self._named(name, fields[3]), data[place:stop]))
            place = stop
        if not found:
            raise self.fail("the archive has no members")
        return self._located(found, begin)

    def _located(self, found: list[tuple[str, bytes]], end: int) -> dict[str, _Member]:
        """Members by name, with their places, none of which overlap."""
        members: dict[str, _Member] = {}
        folded: set[str] = set()
        starts = sorted(_CENTRAL.unpack_from(record)[16] for _, record in found)
        following = dict(zip(starts, [*starts[1:], end], strict=True))
        for name, record in found:
            if name.casefold() in folded:
                raise self.fail(f"the archive has two members {name:.200}")
            folded.add(name.casefold())
            fields = _CENTRAL.unpack_from(record)
            flags, method, begin = fields[3], fields[4], fields[16]
            checksum, packed, size = fields[7:10]
            if flags & _ENCRYPTED:
                raise self.fail(f"{name:.200} is encrypted; save the document without a password")
            if method not in (_STORED, _DEFLATED):
                raise self.fail(f"{name:.200} is packed by method {method}, expected 0 or 8")
            first = self._content_begin(name, record, begin)
            if first + packed > following[begin] or (method == _STORED and packed != size):
                raise self.fail(f"{name:.200} overlaps another member, or its size is wrong")
            place = begin, following[begin]
            content = first, first + packed
            members[name] = _Member(name, record, place, content, method, checksum, size)
        return members

    def _content_begin(self, name: str, record: bytes, begin: int) -> int:
        """The place of a member's content, behind a local header that fits the record."""
        data = self._data
        if begin + _LOCAL.size > len(data) or data[begin : begin + 4] != b"PK\3\4":
            raise self.fail(f"{name:.200} has no header where the directory says")
        fields = _LOCAL.unpack_from(data, begin)
        central = _CENTRAL.unpack_from(record)
        own = data[begin + _LOCAL.size : begin + _LOCAL.size + fields[9]]
        if own != record[_CENTRAL.size : _CENTRAL.size + central[10]] or fields[3] != central[4]:
            raise self.fail(f"{name:.200} has a header that differs from the directory")
        if fields[2] & _ENCRYPTED:
            raise self.fail(f"{name:.200} is encrypted; save the document without a password")
        return begin + _LOCAL.size + int(fields[9]) + int(fields[10])

    def _named(self, raw: bytes, flags: int) -> str:
        """A member's name, which stays inside of the folder that it is unpacked to."""
        try:
            name = raw.decode("utf-8" if flags & _UTF8 else "cp437")
        except UnicodeDecodeError:
            raise self.fail("a member's name is not valid utf-8") from None
        if not name or "\0" in name or "\\" in name:
            raise self.fail(f"a member's name is {name[:200]!r}")
        if _ABSOLUTE.match(name) or ".." in name.split("/"):
            raise self.fail(f"a member's name, {name[:200]!r}, leads out of the archive")
        return name


def _without_sizes(extra: bytes) -> bytes:
    """The extra fields of a header without that for sizes of 64 bits."""
    kept = b""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        if kind != 1:
            kept += extra[place : place + 4 + length]
        place += 4 + length
    return kept + extra[place:]
