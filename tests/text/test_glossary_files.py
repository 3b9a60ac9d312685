"""Glossaries are read from TSV, CSV and TBX; what is wrong is named with its file and line."""

from __future__ import annotations

import codecs
import pathlib
import tracemalloc

import pytest

import pyattn
from pyattn.errors import DocumentError

TERMS = {"bank": "banco", "café bar": "cafetería", "Acme": ""}
TSV = "bank\tbanco\ncafé bar\tcafetería\r\n\nAcme\t\n"


def written(folder: pathlib.Path, name: str, content: str | bytes) -> pathlib.Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: pathlib.Path, name: str, content: str | bytes, **options: str) -> dict[str, str]:
    return dict(pyattn.Glossary.read(written(folder, name, content), **options).entries)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_encodings_follow_the_mark(tmp_path: pathlib.Path, mark: bytes, encoding: str) -> None:
    assert read(tmp_path, "a.tsv", mark + TSV.encode(encoding)) == TERMS


def test_encoding_can_be_named(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, "a.tsv", TSV.encode("cp1252"), encoding="cp1252") == TERMS


@pytest.mark.parametrize(
    ("name", "content", "entries"),
    [
        ("a.TSV", 'say "hi"\tdi "hola"\n', {'say "hi"': 'di "hola"'}),
        ("a.csv", 'bank,banco\n"a, b","c ""d"""\n"two\nlines",x', None),
        ("a.csv", "Source,Target\r\nbank,banco\r\n", {"bank": "banco"}),
        ("a.csv", "bank,banco,en,es\ncat,gato,en-GB,es-MX\n", {"bank": "banco", "cat": "gato"}),
        ("a.tsv", "bank\tbanco\nbank\tbanco\nBank\tBanca", {"bank": "banco", "Bank": "Banca"}),
        ("a.tsv", "", {}),
    ],
)
def test_tables(
    tmp_path: pathlib.Path, name: str, content: str, entries: dict[str, str] | None
) -> None:
    expected = (
        entries if entries is not None else {"bank": "banco", "a, b": 'c "d"', "two lines": "x"}
    )
    assert read(tmp_path, name, content) == expected


def test_columns_can_name_the_languages(tmp_path: pathlib.Path) -> None:
    glossary = pyattn.Glossary.read(written(tmp_path, "a.csv", "bank,banco,en,es\n"))
    assert (glossary.source, glossary.target) == ("en", "es")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "a\tb\n\tc", r"a\.tsv: line 2 has no term, expected one"),
        ("a.tsv", "a\tb\n\t", r"a\.tsv: line 2 has no term, expected one"),
        (
            "a.tsv",
            "a\tb\na\tc",
            "line 2 has 'a' as 'c', expected one .*, but line 1 has 'b'",
        ),
        ("a.tsv", "a,b", "line 1 has 1 column, expected 2: .* separated by commas"),
        ("a.csv", "a\tb", "line 1 has 1 column, expected 2: .* separated by tabs"),
        ("a.csv", "a,b\n\nc,d,e", "line 3 has 3 columns, expected 2"),
        ("a.csv", 'a,b\n"c"d,e', r"line 2 is not valid CSV"),
        ("a.csv", 'a,b\n"c', r"line 2 is not valid CSV"),
        ("a.csv", "a,b,en,es\nc,d,en,fr", "line 2 is for en-fr, expected one pair .* here en-es"),
        ("a.tsv", b"a\tb\nc\xff\td", "line 2 is not valid UTF-8; save it as UTF-8, or pass"),
        ("a.tsv", b"a\tb\nc\0\td", "line 2 has a null character"),
        ("a.tsv", "a\tb\n" + "x" * 1_000_000 + "\ty", "line 2 has a term of 1000000 characters"),
        ("a.csv", "a,b\n" + "x" * 1_000_000 + ",y", "line 2 is not valid CSV .field larger"),
        ("a.tsv", "a\t" + "y " * 500_000, "line 1 has a translation of 999999 characters"),
        ("a.tbx", "<tbx>", r"a\.tbx: line 1 is not valid XML"),
        ("a.tbx", "\n<html/>", "line 2 has the element 'html', expected tbx or martif"),
        ("a.tbx", "", "line 1 is not valid XML"),
        (
            "a.tbx",
            '<!DOCTYPE martif SYSTEM "x.dtd">\n<martif/>',
            "line 1 has a document type, which may define entities",
        ),
        (
            "a.tbx",
            '<?xml version="1.0"?>\n<!DOCTYPE t [<!ENTITY a "b">]>\n<tbx>&a;</tbx>',
            "line 2 has a document type",
        ),
        ("a.tbx", "<tbx><langSec><term>a</term></langSec></tbx>", "line 1 has no xml:lang"),
    ],
)
def test_wrong_files_are_refused_with_the_line(
    tmp_path: pathlib.Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(DocumentError, match=message):
        read(tmp_path, name, content)


def concept(element: str, group: str, **terms: str) -> str:
    sections = "".join(
        f'<{group} xml:lang="{language.replace("_", "-")}"><tig><term>{term}</term></tig></{group}>'
        for language, term in terms.items()
    )
    return f"<{element}>{sections}</{element}>\n"


OLD = (
    '<martif type="TBX"><text><body>\n'
    + concept("termEntry", "langSet", en="bank", es="<hi>ban</hi>co")
    + concept("termEntry", "langSet", en="cat", es="gato &amp; co")
    + concept("termEntry", "langSet", en="dog")
    + "</body></text></martif>"
)
NEW = (
    '<?xml version="1.0" encoding="UTF-8"?><tbx xmlns="urn:iso:std:iso:30042:ed-2"><text><body>\n'
    + concept("conceptEntry", "langSec", en_GB="bank", es="banco", fr="banque")
    + concept("conceptEntry", "langSec", en_GB="cat", es="gato", fr="chat")
    + "</body></text></tbx>"
)


def test_tbx_of_two_languages_needs_no_names(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, "a.tbx", OLD)
    glossary = pyattn.Glossary.read(path)
    assert (glossary.source, glossary.target) == ("en", "es")
    assert dict(glossary.entries) == {"bank": "banco", "cat": "gato & co"}
    assert dict(pyattn.Glossary.read(path, source="es", target="en").entries) == {
        "banco": "bank",
        "gato & co": "cat",
    }


def test_tbx_of_more_languages_does(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, "a.tbx", NEW.encode())
    with pytest.raises(DocumentError, match="has the languages en-GB, es, fr, expected two, or"):
        pyattn.Glossary.read(path)
    assert dict(pyattn.Glossary.read(path, source="en", target="fr").entries) == {
        "bank": "banque",
        "cat": "chat",
    }
    with pytest.raises(DocumentError, match="has no terms in 'de', expected some; it has en-GB"):
        pyattn.Glossary.read(path, source="en", target="de")


def test_tbx_in_utf_16(tmp_path: pathlib.Path) -> None:
    data = OLD.encode("utf-16")
    assert read(tmp_path, "a.xml", data, format="tbx")["bank"] == "banco"


def test_formats_are_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="format is 'txt', expected one of tsv, csv, tbx"):
        read(tmp_path, "a.txt", TSV)
    assert read(tmp_path, "a.txt", TSV, format="tsv") == TERMS
    with pytest.raises(FileNotFoundError):
        pyattn.Glossary.read(tmp_path / "none.tsv")


def test_many_terms_are_read(tmp_path: pathlib.Path) -> None:
    text = "".join(f"term {n}\tx{n}\n" for n in range(100_000))
    assert len(read(tmp_path, "a.tsv", text)) == 100_000


def test_a_small_file_takes_little_memory(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("house\tcasa\n")
    tracemalloc.start()
    try:
        pyattn.Glossary.read(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
