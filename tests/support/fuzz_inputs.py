"""Mutated glossaries and files of records, and what reading them comes to.

Glossaries (TSV, CSV, TBX) are read, and used on a text. Records (JSON objects in lines, also
compressed, plain lines and Parquet) are translated from file to file with texts of no model.
Anything but a result or the documented error, which names the file, is a finding.
"""

from __future__ import annotations

import gzip
import io
import json
import pathlib
import random

from pyattn import Glossary
from pyattn.bulk.columns import Columns
from pyattn.bulk.records import Records
from pyattn.bulk.running import Source
from pyattn.errors import DocumentError
from support.document_makers import Maker
from support.fuzz_driver import SECONDS
from support.mutations import Mutator

_SOURCES = (
    *("glossary.tsv", "glossary.csv", "glossary.tbx"),
    *("records.jsonl", "records.jsonl.gz", "lines.txt", "table.parquet"),
)
_PIECES = (
    *(b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\t", b",", b'"', b'""', b"\r", b"\n" * 9),
    *(b"<", b"&", b"&#0;", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"]]>", b"{", b"[" * 5000, b"}"),
    *(b"\\ud800", b"NaN", b"1e999", b"9" * 5000, b'"text": 1,', b'"text": "x", "text": null,'),
)
_MOST_REPEATED = 2000


class InputCase:
    """A mutated file."""

    seconds = SECONDS

    def __init__(self, seed: int, number: int) -> None:
        self._pick = random.Random(f"{seed}/{number}")
        self._seed = self._pick.randrange(1 << 30)
        self.source = _SOURCES[number % len(_SOURCES)]
        self.about = "read"

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes it into an empty folder."""
        path = folder / self.source
        path.write_bytes(self._mutated(sound(self.source, self._seed)))
        return path

    def use(self, path: pathlib.Path) -> bool:
        """Reads it; False if it is refused by an error that names the file."""
        kinds = (DocumentError,) if "glossary" in self.source else (ValueError,)
        try:
            (_glossary if "glossary" in self.source else _records)(path)
        except kinds as error:
            if str(path) not in str(error):
                raise AssertionError(f"names no file: {error}") from error
            return False
        return True

    def _mutated(self, content: bytes) -> bytes:
        pick = self._pick
        if self.source.endswith(".gz") and pick.random() < 0.5:
            return gzip.compress(self._changed(gzip.decompress(content)), 1)
        return self._changed(content)

    def _changed(self, content: bytes) -> bytes:
        pick = self._pick
        chance = pick.random()
        if chance < 0.5:
            return Mutator(pick).flat(content)
        at = pick.randrange(len(content) + 1)
        if chance < 0.8:
            return content[:at] + pick.choice(_PIECES) + content[at:]
        part = content[at : at + pick.choice((1, 8, 60))]
        return content[:at] + part * pick.randint(2, _MOST_REPEATED) + content[at:]


def sound(source: str, seed: int) -> bytes:
    """A file that has nothing wrong."""
    maker = Maker(seed)
    texts = [maker.sentence() for _ in range(random.Random(seed).randint(1, 9))]
    if source == "glossary.tbx":
        return _tbx(texts).encode()
    if source.startswith("glossary"):
        separator = "\t" if source.endswith(".tsv") else ","
        rows = [
            f'{n} {text}"{separator}{text.upper()}' if separator == "\t" else f'"{n} {text}",x{n}'
            for n, text in enumerate(texts)
        ]
        return "".join(f"{row}\n" for row in rows).encode()
    if source == "table.parquet":
        return _parquet(texts)
    if source == "lines.txt":
        return "".join(f"{text}\n" for text in texts).encode()
    content = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts))
    return gzip.compress(content.encode(), 1) if source.endswith(".gz") else content.encode()


def _tbx(texts: list[str]) -> str:
    terms = "".join(
        f"<termEntry><langSet xml:lang='en'><tig><term>{n}</term></tig></langSet>"
        f"<langSet xml:lang='es'><tig><term>{text.replace('&', '&amp;')}</term></tig></langSet>"
        "</termEntry>"
        for n, text in enumerate(texts)
    )
    return f"<?xml version='1.0'?><martif type='TBX'><text><body>{terms}</body></text></martif>"


def _parquet(texts: list[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"id": list(range(len(texts))), "text": texts}), file)
    return file.getvalue()


def _glossary(path: pathlib.Path) -> None:
    languages = {"source": "en", "target": "es"} if path.suffix == ".tbx" else {}
    Glossary.read(path, **languages).terms("The house and my brother, 1 and 2.")


def _records(path: pathlib.Path) -> None:
    """What a run does between the input and the output, but with texts in capitals."""
    source: Source
    if path.suffix == ".parquet":
        source = Columns(path, "text", "translation")
    else:
        column = None if path.suffix == ".txt" else "text"
        source = Records(path, column, "translation", compressed=False)
    parts: list[pathlib.Path] = []
    for group in source.groups():
        found = [text and text.upper() for text in source.texts(group)]
        parts.append(path.parent / f"{len(parts)}.part")
        parts[-1].write_bytes(source.written(group, found))
    out = io.BytesIO()
    source.joined(parts, out)


class Inputs:
    """Glossaries and files of records.

    Args:
        folder: An empty folder for sound ones.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Reads a sound file of every kind."""
        for source in _SOURCES:
            path = self._folder / source
            path.write_bytes(sound(source, 1))
            (_glossary if "glossary" in source else _records)(path)

    def close(self) -> None:
        """Nothing stays open."""

    def case(self, seed: int, number: int) -> InputCase:
        """The `number`-th case of a seed."""
        return InputCase(seed, number)
