"""Files with something wrong in them, of whatever format.

Bytes are flipped, cut off, doubled and overwritten with numbers that headers should not hold. Of
the containers the structure is known: the fields of JSON and of lines of text, the header of
safetensors, the entries of zip and gzip files, which are mutated as well and put back with right
checksums.
"""

from __future__ import annotations

import gzip
import io
import json
import pathlib
import random
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

_NUMBERS = (
    *(0, 1, -1, 127, 128, 255, 1 << 15, 1 << 16, 1 << 31, (1 << 31) - 1, -(1 << 31)),
    *(1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, -(1 << 63), (1 << 64) - 1),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, *_NUMBERS, 1.5, -0.0, 1e308, float("inf"), float("nan")),
    *("", "x", "../x", "/dev/zero", "\0", "a" * 10000),
    *([], {}, [[]], [None], [0], [1 << 40], {"a": 1}, [[1, 2], [3]]),
)
# Zip files in zip files are opened no deeper.
_DEEPEST = 2


def mutate_model(path: pathlib.Path, pick: random.Random) -> None:
    """Changes one file of a model, or what files there are."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    file = pick.choice(files)
    if path.is_dir() and pick.random() < 0.03:
        file.unlink()
        if pick.random() < 0.5:
            file.symlink_to(pick.choice(("/dev/zero", "/etc/passwd", "..", str(file))))
        return
    file.write_bytes(Mutator(pick).file(file.read_bytes(), file.name))


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
        if name.endswith((".txt", ".yml")):
            return self.lines(content)
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
        chosen = pick.choice(list(entries))
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
                word = json.dumps(pick.choice(_VALUES)).encode()
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
