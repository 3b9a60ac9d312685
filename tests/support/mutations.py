"""Files with something wrong in them, of whatever format.

Bytes are flipped, cut off, doubled and overwritten with numbers that headers should not hold. Of
the containers the structure is known: the fields of JSON and of lines of text, the header of
safetensors, the items of Marian's files, the messages of SentencePiece's, the entries of zip and
gzip files, which are mutated as well and put back with right sizes and checksums.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import pathlib
import random
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from support import marian_models

_NUMBERS = (
    *(0, 1, -1, 127, 128, 255, 1 << 15, 1 << 16, 1 << 31, (1 << 31) - 1, -(1 << 31)),
    *(1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, -(1 << 63), (1 << 64) - 1),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, *_NUMBERS, 1.5, -0.0, 1e308, float("inf"), float("nan")),
    *("", "x", "../x", "/dev/zero", "\0", "a" * 10000),
    *([], {}, [[]], [None], [0], [1 << 40], {"a": 1}, [[1, 2], [3]]),
)
# Of YAML, beside these.
_WORDS = (
    *(b"&a [*a, *a]", b"*a", b"!!python/name:os.system", b"[" * 10000, b"{" * 10000, b"9" * 5000),
    *(b"~", b"0x10", b"1_000", b"1:30", b".inf", b"2001-01-01", b"!!binary x", b"| \n x", b"<<: 1"),
)
# Zip files in zip files are opened no deeper.
_DEEPEST = 2
# Entries that say what the others are.
_HEADS = (".pkl", ".json", f"{marian_models.MODEL_YML}.npy")


def mutate_model(path: pathlib.Path, pick: random.Random) -> None:
    """Changes one file of a model, or what files there are."""
    file = pick.choice(files_of(path))
    if path.is_dir() and pick.random() < 0.03:
        file.unlink()
        if pick.random() < 0.5:
            file.symlink_to(pick.choice(("/dev/zero", "/etc/passwd", "..", str(file))))
        return
    file.write_bytes(Mutator(pick).file(file.read_bytes(), file.name))


def files_of(path: pathlib.Path) -> list[pathlib.Path]:
    """The files of a model, in order."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path] if path.is_file() else []


class Mutator:
    """Changes contents at random.

    Args:
        pick: Where the chances come from.
    """

    def __init__(self, pick: random.Random) -> None:
        self._pick = pick

    def file(self, content: bytes, name: str, depth: int = 0) -> bytes:
        """The content of a file, changed as its format has it, or without regard to that."""
        pick = self._pick
        if pick.random() < 0.3:
            return self.flat(content)
        if content[:4] == b"PK\x03\x04":
            return self.zip(content, depth)
        if content[:2] == b"\x1f\x8b":
            plain = gzip.decompress(content)
            return gzip.compress(self.file(plain, name.removesuffix(".gz"), depth), 1)
        if name.endswith(".safetensors"):
            return self.safetensors(content)
        if name.endswith(".json"):
            return json.dumps(self.edited(json.loads(content))).encode()
        if name.endswith((".txt", ".yml", ".s2t")):
            return self.lines(content)
        if name == f"{marian_models.MODEL_YML}.npy":
            head = 10 + int.from_bytes(content[8:10], "little")
            return marian_models.array(np.frombuffer(self.lines(content[head:-1]) + b"\0", np.int8))
        if name.startswith("lex") and len(content) > 16:
            body = self.flat(content[16:])
            body += b"\0" * (-len(body) % 4 if pick.random() < 0.9 else 0)
            return content[:8] + struct.pack("<Q", marian_models.checksum(body)) + body
        if name.endswith(".bin") and content[:8] == struct.pack("<Q", 1):
            return self.marian(content)
        if name.endswith((".spm", ".model")):
            return self.messages(content)
        return self.flat(content)

    def flat(self, content: bytes) -> bytes:
        """One to a few changes of bytes."""
        pick, changed = self._pick, bytearray(content)
        for _ in range(pick.choice((1, 1, 1, 2, 4, 8))):
            size = len(changed)
            if not size:
                return b"\0"
            # Headers are at the front, a zip file's directory at the end.
            at = pick.randrange(min(pick.choice((16, 64, 512, size, size)), size))
            at = size - 1 - at if pick.random() < 0.25 else at
            match pick.randrange(6):
                case 0:
                    changed[at] ^= 1 << pick.randrange(8)
                case 1:
                    changed[at] = pick.randrange(256)
                case 2:
                    del changed[at:]
                case 3:
                    width = pick.choice("BHIQ")
                    number = pick.choice(_NUMBERS) % (1 << 8 * struct.calcsize(width))
                    patch = struct.pack(f"<{width}", number)
                    changed[at : at + len(patch)] = patch
                case 4:
                    changed[at:at] = changed[at : at + pick.choice((1, 8, 64, 4096))]
                case _:
                    del changed[at : at + pick.choice((1, 4, 8, 64))]
        return bytes(changed)

    def edited(self, value: Any) -> Any:
        """A JSON value with one of its parts replaced, dropped, renamed or doubled."""
        pick, places = self._pick, list(_places(value))
        if not places:
            return pick.choice(_VALUES)
        container, key = pick.choice(places)
        choice = pick.randrange(6)
        if choice == 0:
            del container[key]
        elif choice == 1 and isinstance(container, dict):
            container[f"{key}_"] = container.pop(key)
        elif choice == 2:
            other, its_key = pick.choice(places)
            container[key] = json.loads(json.dumps(other[its_key]))
        elif choice == 3 and type(container[key]) is int:
            container[key] += pick.choice((-1, 1, 1 << 20, -container[key]))
        else:
            container[key] = pick.choice(_VALUES)
        return value

    def safetensors(self, content: bytes) -> bytes:
        """With its header changed, and perhaps what says how long that is."""
        size = int.from_bytes(content[:8], "little")
        header = json.dumps(self.edited(json.loads(content[8 : 8 + size]))).encode()
        if self._pick.random() < 0.9:
            header += b" " * (-len(header) % 8)
        length = len(header)
        if self._pick.random() < 0.05:
            length = self._pick.choice(_NUMBERS) % (1 << 64)
        return length.to_bytes(8, "little") + header + content[8 + size :]

    def zip(self, content: bytes, depth: int) -> bytes:
        """With an entry gone, renamed or changed."""
        pick = self._pick
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {info.filename: archive.read(info) for info in archive.infolist()}
        heads = [name for name in entries if name.endswith(_HEADS)]
        chosen = pick.choice(heads if heads and pick.random() < 0.3 else list(entries))
        choice = pick.randrange(8)
        if choice == 0:
            del entries[chosen]
        elif choice == 1:
            entries[pick.choice(("../x", "/x", f"{chosen}_"))] = entries.pop(chosen)
        elif depth < _DEEPEST:
            entries[chosen] = self.file(entries[chosen], chosen, depth + 1)
        out = io.BytesIO()
        method = pick.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with zipfile.ZipFile(out, "w", method) as archive:
            for entry, data in entries.items():
                archive.writestr(entry, data)
        return out.getvalue()

    def marian(self, content: bytes) -> bytes:
        """A `.bin` with an item gone, doubled, renamed or changed, or with other options."""
        pick, items = self._pick, marian_models.items(content)
        at = pick.randrange(len(items))
        if pick.random() < 0.4:
            at = len(items) - 1
            text = self.lines(items[at].data[:-1]) + b"\0"
            items[at] = dataclasses.replace(items[at], shape=(len(text),), data=text)
            return marian_models.binary(items)
        item = items[at]
        match pick.randrange(6):
            case 0:
                del items[at]
            case 1:
                items.insert(pick.randrange(len(items)), item)
            case 2:
                items[at] = dataclasses.replace(item, name=self.flat(item.name))
            case 3:
                items[at] = dataclasses.replace(item, kind=pick.choice(items).kind)
            case 4:
                shape = [pick.choice((0, 1, -1, (1 << 31) - 1, size + 1)) for size in item.shape]
                items[at] = dataclasses.replace(item, shape=tuple(shape))
            case _:
                items[at] = dataclasses.replace(item, data=self.flat(item.data))
        return marian_models.binary(items)

    def messages(self, content: bytes) -> bytes:
        """A protocol buffer with a field of it gone, doubled, moved or changed."""
        pick, fields = self._pick, list(_fields(content))
        at = pick.randrange(len(fields))
        tag, value = fields[at]
        match pick.randrange(5):
            case 0:
                del fields[at]
            case 1:
                fields.insert(pick.randrange(len(fields)), (tag, value))
            case 2:
                fields[at] = (tag, b"")
            case 3:
                # What a trainer or a normalizer is told stands behind the pieces.
                at = pick.randrange(max(len(fields) - 4, 0), len(fields))
                fields[at] = (fields[at][0], self.flat(fields[at][1]))
            case _:
                fields[at] = (tag, self.flat(value))
        return b"".join(_varint(tag) + _varint(len(value)) + value for tag, value in fields)

    def lines(self, content: bytes) -> bytes:
        """With a line gone, doubled or changed."""
        pick, lines = self._pick, content.split(b"\n")
        at = pick.randrange(len(lines))
        match pick.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines[at:at] = [lines[at]] * pick.choice((1, 1, 100))
            case 2:
                lines[at] = b"\xff\xfe"
            case 3:
                word = pick.choice((*_WORDS, json.dumps(pick.choice(_VALUES)).encode()))
                lines[at] = lines[at].partition(b":")[0] + b": " + word
            case _:
                lines[at] *= pick.choice((2, 1000))
        return b"\n".join(lines)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a JSON value with every key of it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and values of a message that consists of messages."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        size, at = _number(message, at)
        yield tag, message[at : at + size]
        at += size


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number of varying length, and where it ends."""
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift += 7
        at += 1
        if message[at - 1] < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))
