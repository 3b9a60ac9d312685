"""Documents that are broken or hostile: DocumentError or a translation, and soon."""

from __future__ import annotations

import contextlib
import pathlib
import re
from typing import Any

import markdown_it
import pytest

from pyattn import documents
from pyattn.errors import DocumentError
from support.document_makers import FORMATS, mutant
from support.fuzz_documents import Documents
from support.lanes import slow
from support.toy_translators import Capitals, capitals, shuffled_order


@pytest.mark.parametrize("format", FORMATS)
def test_mutants_are_translated_or_refused(format: str) -> None:
    translate = Capitals(shuffled_order)
    reasons = []
    for seed in range(60):
        data = mutant(format, seed)
        try:
            documents.translate(data, format, translate)
        except DocumentError as error:
            reasons.append(str(error))
        else:
            assert documents.translate(data, format, lambda texts: texts) == data
    names = {"txt": "text", "md": "markdown"}
    assert all(reason.startswith(f"{names.get(format, format)}: ") for reason in reasons)


_MANY = 30_000
HOSTILE = {
    "html": [
        "<b>" * _MANY,
        "</b>" * _MANY,
        "<p>" + "<b>x " * _MANY,
        "<p>x" + "<b></i>" * _MANY,
        "<div>" * _MANY + "a",
        "<a " * _MANY,
        "<a x='" * _MANY,
        "<!--" * _MANY,
        "<![CDATA[" * _MANY,
        "&" * _MANY,
        "&#" * _MANY,
        "<ul>" + "<li>a" * _MANY,
        "<p>a <code>" * _MANY,
        "<p>" + "a <code>b</code> " * _MANY,
        "<p>" + "word " * _MANY + "<b>x</b>",
        "<p>a <span translate=no>" + "b <i>" * _MANY,
        "<script>" * _MANY,
        "<p>" + "a<br>" * _MANY,
        "<p>a " + "<img>" * _MANY + " b",
        "<p>a" + "<sup>1</sup>" * _MANY + " b",
    ],
    "xml": ["<resources><string>a</", "<resources><string>" + "<b>" * _MANY],
    "xhtml": [
        "<p>a</",
        "<",
        "<p",
        "<!DOCTYPE x [" + "<!ENTITY a '&b;'>" * _MANY + "]><p>&a;</p>",
        "<?" * _MANY,
    ],
    "md": [
        "a " + "**" * 5000,
        "[a](" * 3000,
        "![" * 3000,
        "| a " * 2000 + "\n" + "|-" * 2000,
        "a  \n" * 3000,
        "- " * 2000 + "a",
        "---\n" + "title: [" * 3000 + "\n---\n",
        "a `b` " * 3000,
        "{{ " * _MANY,
        "# a" + " " * _MANY + "b",
        "a " + ":b" * _MANY,
    ],
    "srt": [
        "1\n00:00:01,000 --> 00:00:02,000\n" + "word " * _MANY,
        "00:00:01,000 --> 00:00:01,100\na\n\n" * 20_000,
        "00:00:01,000 --> 00:00:02,000\n" + "<i>a " * _MANY,
        "1\n" * _MANY + "00:00:01,000 --> 00:00:02,000\n" + "{\\a" * _MANY,
    ],
    "vtt": ["WEBVTT\n\n" + "NOTE\n\n" * _MANY],
    "ass": [
        "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,,,,,,," + text * _MANY
        for text in ("{\\i1}a\\N", "{", "{\\")
    ],
    "json": ['{"a": "' + "a." * _MANY + ' x"}', '{"a": "' + "<a " * _MANY + '"}'],
    "po": [
        'msgid ""\n' + '"a"\n' * _MANY + 'msgstr ""\n',
        'msgid "' + "%d " * _MANY + 'a"\nmsgstr ""',
    ],
    "txt": ["a " * _MANY * 10, "a\n" * _MANY * 3, " " * _MANY * 10, "- " * _MANY],
}


@pytest.mark.parametrize(
    ("format", "number"),
    [
        pytest.param(format, number, marks=slow if number % 4 else ())
        for format, texts in HOSTILE.items()
        for number in range(len(texts))
    ],
)
def test_hostile_documents_end(format: str, number: int) -> None:
    # Quadratic time would take hours. A function is as bad as a translator without alignments.
    data = HOSTILE[format][number].encode()
    for translate in (lambda texts: texts, capitals):
        with contextlib.suppress(DocumentError):
            documents.translate(data, format, translate)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a\0b", "character 1 is NUL"),
        ("naïve café".encode() + b"\xff" + "ñandú".encode(), r"byte 12 is not valid utf-8"),
        (b"\xff\xfea\0b", "byte 4 is not valid utf-16-le"),
        (b"\xff\xfe\0\xd8a\0", "byte 2 is not valid utf-16-le"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_place(data: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=f"text: {reason}"):
        documents.translate(data, "txt", capitals)


def test_formats_that_are_none_are_refused_with_those_there_are() -> None:
    with pytest.raises(DocumentError, match=r"format is 'xyz', expected one of .*html.*txt"):
        documents.translate(b"", "xyz", capitals)
    with pytest.raises(DocumentError, match="convert PDF to text first"):
        documents.translate(b"%PDF", "pdf", capitals)


SMALL = {
    "html": "<p>Hello</p>",
    "xhtml": "<html><body><p>Hello</p></body></html>",
    "xml": '<resources><string name="x">Hello</string></resources>',
    "md": "Hello\n",
    "txt": "Hello\n",
    "srt": "1\n00:00:01,000 --> 00:00:02,000\nHello\n",
    "json": '["Hello"]',
    "po": 'msgid "Hello"\nmsgstr ""\n',
}
BREAKS = [
    "one\n\ntwo",
    "one\r\n\r\n- two",
    "one\n# two",
    "\n    one",
    "    one",
    "\tone",
    "one\u2028\u2028two",
]


@pytest.mark.parametrize("answer", BREAKS)
@pytest.mark.parametrize(
    "document",
    [
        "# Hello\n\nthere\n",
        "Hello\n=====\n\nthere\n",
        "- Hello\n- there\n  and more\n",
        "> Hello\n> there\n\nend\n",
        "| Hello | b |\n|---|---|\n| there | you |\n",
        "![a cat](x.png) there [link](y 'a title') end\n",
        "<div>\nHello\n</div>\n",
        "Hello  \nthere **my** friend\n",
    ],
)
def test_translations_with_line_breaks_keep_the_blocks_of_markdown(
    document: str, answer: str
) -> None:
    def blocks(text: str) -> list[str]:
        tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(text)
        return [token.type for token in tokens]

    found = documents.translate(document.encode(), "md", lambda texts: [answer] * len(texts))
    assert blocks(found.decode()) == blocks(document)


@pytest.mark.parametrize("format", ["html", "xhtml", "xml", "md", "txt", "srt", "json", "po"])
def test_control_characters_of_a_translation_are_spaces(format: str) -> None:
    document = SMALL[format]
    found = documents.translate(
        document.encode(), format, lambda texts: ["a\0b\x0b\x1bc\uffff"] * len(texts)
    ).decode()
    assert not re.search("[\0\x0b\x1b\uffff]|\\\\u00|\\\\v", found)
    assert "a b  c" in found or "a b c" in found


@pytest.mark.parametrize("format", ["html", "xhtml", "xml", "md", "txt", "srt", "json", "po"])
def test_translations_that_are_no_unicode_are_refused(format: str) -> None:
    with pytest.raises(ValueError, match="translate returned a text with a lone surrogate at char"):
        documents.translate(SMALL[format].encode(), format, lambda texts: ["a\ud800"] * len(texts))


def test_texts_of_json_that_are_no_unicode_are_copied() -> None:
    document = b'["a\\ud800b", "it \\ud83d\\ude00"]'
    found = documents.translate(document, "json", lambda texts: [t.upper() for t in texts])
    assert found.startswith(b'["a\\ud800b", "IT ')


@pytest.mark.parametrize("data", ["text", None, 5])
def test_documents_that_are_no_bytes_are_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=r"documents: data is .*, expected bytes"):
        documents.translate(data, "txt", capitals)
    with pytest.raises(TypeError, match=r"documents: format is .*, expected str"):
        documents.translate(b"text", data and 5, capitals)


def test_no_translation_is_a_line_of_times() -> None:
    times = "00:00:05,000 --> 00:00:06,000"
    found = documents.translate(SMALL["srt"].encode(), "srt", lambda texts: [times] * len(texts))
    assert found.decode().count("-->") == 1


@pytest.mark.parametrize("number", range(20))
def test_a_slice_of_the_fuzzer_finds_nothing(number: int, tmp_path: pathlib.Path) -> None:
    case = Documents(tmp_path).case(3, number)
    case.use(case.write(tmp_path))
