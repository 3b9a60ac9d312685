"""Mutated documents of every format, and what translating them comes to.

A mutated document is translated by words in capitals whose alignments are known, and by a function
that answers with its own texts, which must give the document's own bytes back. Anything but that
or a `DocumentError` that names the format is a finding.
"""

from __future__ import annotations

import io
import pathlib
import random
import re
import zipfile
from typing import Any

from pyattn import documents
from pyattn.errors import DocumentError
from support.document_makers import FORMATS, Maker, mutant
from support.fuzz_driver import SECONDS
from support.mutations import Mutator
from support.package_makers import PACKAGES, PackageMaker, package_mutant, zipped
from support.toy_translators import Capitals, capitals, identity, shuffled_order

# Bytes that a second of the processor is enough for, when they are one pattern again and again.
_BYTES_PER_SECOND = 100_000
_LONGEST = 60_000
_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp1251", "shift-jis")
# Aliases are other names of the same readers, but lines are not paragraphs.
_NAMES = (*FORMATS, *PACKAGES, "lines")
_SHOWN = {"txt": "text", "md": "markdown", "xhtml": "xhtml", "xml": "(?:xml|xliff)"}
_TAG = re.compile(rb"<[^<>]*>")
_NUMBER = re.compile(rb"\d+")
_NUMBERS = (b"0", b"-1", b"65536", b"4294967296", b"9" * 30, b"1e308", b"nan", b"0x10", b"")
_OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"source_language": "en", "target_language": "ar"},
    {"retranslate": True, "mark_fuzzy": False},
    {"wrap": True, "front_matter": ("title", "tags")},
    {"keep": ["b"], "blocks": ["span"], "inline": ["li", "div"]},
    {"encoding": "latin-1"},
)


def sound(format: str, seed: int) -> bytes:
    """A document of a format that has nothing wrong."""
    if format in PACKAGES:
        return PACKAGES[format](PackageMaker(seed))
    return FORMATS["txt" if format == "lines" else format](Maker(seed)).encode()


class DocumentCase:
    """A mutated document."""

    def __init__(self, seed: int, number: int) -> None:
        self._pick = random.Random(f"{seed}/{number}")
        self._seed = self._pick.randrange(1 << 30)
        self.source = _NAMES[number % len(_NAMES)]
        self.options = self._pick.choice(_OPTIONS)
        self._way = self._pick.choice((self._bytes, self._bytes, self._tags, self._spliced))
        self._way = self._pick.choice((self._way, self._long, self._encoded, self._numbers))
        self.about = f"{self._way.__name__[1:]}, {self.options}"
        self.seconds = SECONDS

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes it into an empty folder."""
        path = folder / f"document.{self.source}"
        data = self._way()
        path.write_bytes(data)
        # Both of the translators read it, and each may take as long.
        self.seconds = SECONDS + 2 * len(data) / _BYTES_PER_SECOND
        return path

    def use(self, path: pathlib.Path) -> bool:
        """Translates it; False if it is refused, always for the same reason."""
        data = path.read_bytes()
        refused = 0
        for translate in (Capitals(shuffled_order), capitals, identity):
            try:
                found = documents.translate(data, self.source, translate, **self.options)
            except DocumentError as error:
                refused += 1
                name = _SHOWN.get(self.source, self.source)
                if not re.match(f"{name}: .", str(error), re.DOTALL):
                    raise AssertionError(f"names no format: {error}") from error
                continue
            if translate is identity and self.options == {} and found != data:
                raise AssertionError("the same texts give another document")
        return not refused

    def _bytes(self) -> bytes:
        """A few bytes lost, doubled, or others."""
        if self._pick.random() < 0.5:
            return Mutator(self._pick).flat(sound(self.source, self._seed))
        if self.source in PACKAGES:
            return package_mutant(self.source, self._seed)
        return mutant("txt" if self.source == "lines" else self.source, self._seed)

    def _tags(self) -> bytes:
        """Tags lost, doubled, moved or exchanged."""
        return self._inside(self._retagged)

    def _numbers(self) -> bytes:
        """Numbers that are too large, or none."""
        return self._inside(
            lambda data: _NUMBER.sub(
                lambda found: (
                    self._pick.choice(_NUMBERS) if self._pick.random() < 0.2 else found[0]
                ),
                data,
            )
        )

    def _spliced(self) -> bytes:
        """The head of a document and the tail of another, of this format or any."""
        other = self.source if self._pick.random() < 0.6 else self._pick.choice(_NAMES)
        first, second = sound(self.source, self._seed), sound(other, self._seed + 1)
        return first[: self._place(first)] + second[self._place(second) :]

    def _long(self) -> bytes:
        """A part of it again and again: time and depth must not grow with that."""
        return self._inside(self._repeated)

    def _encoded(self) -> bytes:
        """In an encoding that the document may not name, with something wrong."""
        data = sound(self.source, self._seed)
        if self.source not in PACKAGES:
            data = data.decode().encode(self._pick.choice(_ENCODINGS), "replace")
        return Mutator(self._pick).flat(data) if self._pick.random() < 0.5 else data

    def _inside(self, change: Any) -> bytes:
        """A document with its text changed, or a package with that of one of its members."""
        data = sound(self.source, self._seed)
        if self.source not in PACKAGES:
            return bytes(change(data))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = self._pick.choice(list(members))
        return zipped({**members, name: bytes(change(members[name]))}, self._pick)

    def _retagged(self, data: bytes) -> bytes:
        parts = _TAG.split(data)
        tags = [found[0] for found in _TAG.finditer(data)]
        if not tags:
            return Mutator(self._pick).flat(data)
        for _ in range(self._pick.choice((1, 1, 2, 5))):
            at, other = self._pick.randrange(len(tags)), self._pick.randrange(len(tags))
            kind = self._pick.randrange(4)
            if kind == 0:
                tags[at] = b""
            elif kind == 1:
                tags[at] *= 2
            elif kind == 2:
                tags[at], tags[other] = tags[other], tags[at]
            else:
                tags[at] = tags[other]
        return b"".join(part + tag for part, tag in zip(parts, [*tags, b""], strict=True))

    def _repeated(self, data: bytes) -> bytes:
        begin = self._place(data)
        part = data[begin : begin + self._pick.choice((1, 2, 5, 12, 40, 200))] or b"x"
        times = self._pick.randint(1, max(1, _LONGEST // len(part)))
        return data[:begin] + part * times + data[begin:]

    def _place(self, data: bytes) -> int:
        return self._pick.randrange(len(data) + 1)


class Documents:
    """Documents of every format.

    Args:
        folder: Not used; the sound ones are made anew for each case.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        del folder

    def prepare(self) -> None:
        """Translates a sound document of every format."""
        for format in _NAMES:
            documents.translate(sound(format, 1), format, Capitals(shuffled_order))

    def close(self) -> None:
        """Nothing stays open."""

    def case(self, seed: int, number: int) -> DocumentCase:
        """The `number`-th case of a seed."""
        return DocumentCase(seed, number)
