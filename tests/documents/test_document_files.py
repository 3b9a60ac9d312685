"""Files and encodings, options, and many documents in one stream."""

from __future__ import annotations

import pathlib
import sys

import pytest

import pyattn
from pyattn import documents
from pyattn.errors import DocumentError
from support.toy_translators import Capitals, capitals, identity, same_order


def upper(data: bytes, format: str = "txt", **options: object) -> bytes:
    return documents.translate(data, format, Capitals(same_order), **options)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\0\0"),
        ("windows-1252", b""),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encoding_mark_and_line_ends_stay(encoding: str, mark: bytes, end: str) -> None:
    text = f"Der Gruß – schön{end}{end}  naïve{end}"
    after = f"DER GRUSS – SCHÖN{end}{end}  NAÏVE{end}"
    assert upper(mark + text.encode(encoding)) == mark + after.encode(encoding)


def test_utf_16_without_a_mark_is_recognised() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert upper("some text\n".encode(encoding)) == "SOME TEXT\n".encode(encoding)


def test_a_named_encoding_is_used() -> None:
    data = "привет мир".encode("koi8-r")
    assert upper(data, encoding="koi8-r") == "ПРИВЕТ МИР".encode("koi8-r")
    page = '<meta charset="koi8-r"><p>привет'.encode("koi8-r")
    assert upper(page, "html") == '<meta charset="koi8-r"><p>ПРИВЕТ'.encode("koi8-r")
    page = '<?xml version="1.0" encoding="koi8-r"?><p>мир</p>'.encode("koi8-r")
    assert upper(page, "xhtml").endswith("<p>МИР</p>".encode("koi8-r"))
    with pytest.raises(DocumentError, match="encoding is 'nonsense', which is not known"):
        upper(b"a", encoding="nonsense")


def test_a_text_that_its_encoding_cannot_hold_becomes_utf_8() -> None:
    data = "naïve café\n".encode("windows-1252")
    assert documents.translate(data, "txt", lambda _: ["素朴"]) == "素朴\n".encode()


def test_wrapped_paragraphs_are_one_text() -> None:
    text = (
        b"  This line was wrapped by an editor at some width, and the\n"
        b"  sentence goes on in the next line until it ends.\n\n"
        b"Roses are red,\nviolets are blue.\n"
    )
    translate = Capitals(same_order)
    documents.translate(text, "txt", translate)
    assert [len(text) > 60 for text in translate.calls[0]] == [True, False, False]
    assert upper(text) == text.upper()
    assert len(upper(text, wrap=False).split(b"\n")) == len(text.split(b"\n"))


def test_files_are_translated_in_one_stream(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.txt").write_text("one two\n")
    (tmp_path / "b.html").write_text("<p>three</p>")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "broken.srt").write_text("no cue")
    (tmp_path / "c.md").write_text("*four*\n")
    names = ["a.txt", "broken.srt", "missing.txt", "empty.txt", "b.html", "odd.xyz", "c.md"]
    (tmp_path / "odd.xyz").write_text("x")
    translate = Capitals(same_order)
    jobs = [(tmp_path / name, tmp_path / f"out-{name}") for name in names]
    results = list(documents.translate_files(jobs, translate))
    assert [result.target.name for result in results] == [f"out-{name}" for name in names]
    assert [type(result.error) for result in results] == [
        *(type(None), DocumentError, FileNotFoundError, type(None), type(None)),
        *(DocumentError, type(None)),
    ]
    assert str(results[1].error).startswith(f"{tmp_path / 'broken.srt'}: srt: line 1")
    assert len(translate.calls) == 1
    assert (tmp_path / "out-a.txt").read_text() == "ONE TWO\n"
    assert (tmp_path / "out-b.html").read_text() == "<p>THREE</p>"
    assert (tmp_path / "out-c.md").read_text() == "*FOUR*\n"
    assert (tmp_path / "out-empty.txt").read_text() == ""
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_file_is_never_its_own_target(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("text\n")
    with pytest.raises(DocumentError, match="is its own target"):
        documents.translate_file(file, file, capitals)
    (tmp_path / "b.txt").symlink_to(file)
    with pytest.raises(DocumentError, match="is its own target"):
        documents.translate_file(file, tmp_path / "b.txt", capitals)
    assert file.read_text() == "text\n"
    with pytest.raises(FileNotFoundError):
        documents.translate_file(file, tmp_path / "no-folder" / "a.txt", capitals)


def test_the_format_can_be_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "page").write_text("<p>a &amp; b</p>")
    documents.translate_file(tmp_path / "page", tmp_path / "out", capitals, format="html")
    assert (tmp_path / "out").read_text() == "<p>A &amp; B</p>"


def test_many_documents_come_back_in_order_and_memory_is_bounded() -> None:
    opened = []

    def pages() -> object:
        for number in range(3000):
            opened.append(number)
            yield f"<p>some words {number}</p>".encode(), "html"

    made = documents.translate_all(pages(), Capitals(same_order))
    assert next(made) == b"<p>SOME WORDS 0</p>"
    assert len(opened) < 2500
    assert list(made)[-1] == b"<p>SOME WORDS 2999</p>"


def test_options_go_to_the_documents_or_to_the_translator() -> None:
    with pytest.raises(TypeError, match="beam_size is an option of translators only"):
        documents.translate(b"a", "txt", identity, beam_size=2)
    with pytest.raises(TypeError, match="translate is int, expected a Translator or a function"):
        documents.translate(b"a", "txt", 3)
    with pytest.raises(ValueError, match="translate returned 0 texts, expected 1"):
        documents.translate(b"a", "txt", lambda _: [])
    with pytest.raises(TypeError, match="translate returned str, expected a list of str"):
        documents.translate(b"a", "txt", lambda _: "a")  # type: ignore[return-value]


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    with pytest.raises(ImportError, match=r"markdown_it: pip install 'pyattn\[documents\]'"):
        documents.translate(b"a", "md", identity)
    assert documents.translate(b"<p>a", "html", capitals) == b"<p>A"


def test_a_translator_knows_its_languages_and_keeps_code(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<html lang="en"><p>I like <b>red</b> cars. Use <code>npm install</code> now.</p></html>'
    )
    with pyattn.load(threads=1) as translator:
        translator.translate_file(page, tmp_path / "out.html", beam_size=1)
        with pytest.raises(TypeError, match="beam_sizes"):
            translator.translate_file(page, tmp_path / "out2.html", beam_sizes=1)
        [[kept]] = translator.submit(["Use a cat now."], kept=[[(4, 9)]]).results()
        assert kept.text.count("a cat") == 1
        with pytest.raises(ValueError, match="kept has 1 lists of spans, expected 2"):
            translator.submit(["a", "b"], kept=[[]])
    found = (tmp_path / "out.html").read_text()
    assert found.startswith('<html lang="es"><p>')
    assert "<b>rojo" in found
    assert found.count("<code>npm install</code>") == 1
