"""Archives that are broken, hostile or encrypted are refused with the reason, and soon."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib

import pytest

from pyattn import documents
from pyattn.documents import archive as archives
from pyattn.errors import DocumentError
from support.package_makers import PACKAGES, PackageMaker, zipped
from support.toy_translators import Capitals, capitals, identity, same_order

_TYPES = (
    '<Types><Override PartName="/word/document.xml" ContentType="wordprocessingml.document.'
    'main+xml"/></Types>'
)
_WORD = "<w:document><w:body><w:p><w:r><w:t>some text</w:t></w:r></w:p></w:body></w:document>"


def docx(document: str | bytes = _WORD, **others: str | bytes) -> bytes:
    return zipped(
        {"[Content_Types].xml": _TYPES, "word/document.xml": document, **others}, random.Random(1)
    )


def refused(data: bytes, reason: str, format: str = "docx") -> None:
    with pytest.raises(DocumentError, match=f"^{format}: .*{reason}"):
        documents.translate(data, format, capitals)


def test_the_small_document_of_these_tests_is_translated() -> None:
    assert (
        b"SOME TEXT" in documents.translate(docx(), "docx", capitals)
        or documents.translate(docx(), "docx", capitals) != docx()
    )


@pytest.mark.parametrize("format", PACKAGES)
def test_other_files_are_refused_with_advice(format: str) -> None:
    refused(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "without a password", format)
    refused(b"%PDF-1.7\n", "is a PDF.* convert it", format)
    refused(b"", "is no zip archive", format)
    refused(b"<html>", "is no zip archive", format)


@pytest.mark.parametrize("format", PACKAGES)
def test_an_archive_that_is_cut_off_is_refused(format: str) -> None:
    data = PACKAGES[format](PackageMaker(1))
    for length in range(2, len(data), 97):
        refused(data[:length], "the archive is cut off", format)


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "C:/x", "a\\x", "\\x", "word/../x"]
)
def test_names_that_lead_out_of_the_archive_are_refused(name: str) -> None:
    refused(docx(**{name: "x"}), "a member's name")


def test_two_members_of_one_name_are_refused() -> None:
    for name in ("word/document.xml", "WORD/Document.xml"):
        file = io.BytesIO(docx())
        with zipfile.ZipFile(file, "a") as archive:
            info = zipfile.ZipInfo("x" * len(name))
            archive.writestr(info, _WORD)
        data = file.getvalue().replace(b"x" * len(name), name.encode())
        refused(data, "two members (?i:word/document.xml)")


def test_encrypted_members_are_refused() -> None:
    data = bytearray(docx())
    for flag in (1, 1 << 6, 1 << 13):
        changed = bytearray(data)
        place = changed.index(b"PK\1\2")
        struct.pack_into("<H", changed, place + 8, flag)
        refused(bytes(changed), "is encrypted")
        changed = bytearray(data)
        struct.pack_into("<H", changed, 6, flag)
        refused(bytes(changed), "is encrypted")


def test_bombs_are_refused_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(docx(b" " * (8 << 20)), r"unpacks to \d+ times its size")
    noise = random.Random(1).randbytes(1 << 16)
    monkeypatch.setattr(archives, "_MOST_UNPACKED", 1 << 15)
    refused(docx(noise), "unpacks to 65536 bytes")
    monkeypatch.setattr(archives, "_MOST_UNPACKED", 1 << 20)
    monkeypatch.setattr(archives, "_MOST_TOGETHER", 1 << 15)
    refused(docx(noise), "unpack to more than 32768 bytes")


def test_a_member_that_is_larger_than_it_says_is_refused() -> None:
    data = bytearray(docx(_WORD + " " * 100_000))
    place = data.rindex(b"PK\1\2")
    struct.pack_into("<I", data, place + 24, len(_WORD))
    refused(bytes(data), "its size or checksum is wrong")


def test_members_that_share_bytes_are_refused() -> None:
    data = bytearray(docx())
    first = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    refused(bytes(data), "header that differs|overlaps|two members")
    data = bytearray(docx())
    [size] = struct.unpack_from("<I", data, first + 20)
    struct.pack_into("<I", data, first + 20, size + 40)
    refused(bytes(data), "overlaps")


def test_other_packings_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
    refused(file.getvalue(), "packed by method 14")


def test_archives_in_front_of_bytes_and_with_sizes_behind_members_are_read() -> None:
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    file = Unseekable()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("[Content_Types].xml", _TYPES), ("word/document.xml", _WORD)):
            archive.writestr(name, content)
    data = file.getvalue()
    assert documents.translate(data, "docx", identity) == data
    found = zipfile.ZipFile(io.BytesIO(documents.translate(data, "docx", capitals)))
    assert found.testzip() is None
    assert found.read("word/document.xml") == _WORD.replace("some text", "SOME TEXT").encode()


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + _WORD,
        '<!DOCTYPE a SYSTEM "http://example.org/a.dtd">' + _WORD,
        "<!DOCTYPE a>" + _WORD,
    ],
)
def test_document_types_and_entities_are_refused(document: str) -> None:
    refused(docx(document), "word/document.xml: defines entities or a document type")


def test_broken_xml_is_refused_with_its_place() -> None:
    refused(docx("<w:p>\n</w:r></w:p>"), "word/document.xml: line 2, column 1: </w:r> closes")
    refused(docx("<w:p>"), "word/document.xml: line 1, column 6: <w:p> is not closed")
    refused(docx(b"<w:p>\xff</w:p>"), "word/document.xml: byte 5 is not valid utf-8")
    refused(docx("<a>" * 1000 + "</a>" * 1000), "nested too deep")
    deep = "<w:p><w:r><w:t>a</w:t></w:r><w:r><w:drawing>" * 30
    refused(docx(deep + "</w:drawing></w:r></w:p>" * 30), "paragraphs are nested too deep")
    links = "<w:hyperlink>" * 100 + "<w:r><w:t>a</w:t></w:r>" + "</w:hyperlink>" * 100
    refused(docx(f"<w:p>{links}</w:p>"), "text is nested too deep")


_MANY = 5000


@pytest.mark.parametrize(
    "inside",
    [
        "<w:r><w:fldChar w:fldCharType='begin'/></w:r>" * _MANY,
        "<w:r><w:fldChar w:fldCharType='begin'/><w:instrText>HYPERLINK</w:instrText></w:r>" * _MANY,
        "<w:r><w:t>a </w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>b </w:t></w:r>" * _MANY,
        "<w:r><w:rPr><w:b/></w:rPr><w:t>b </w:t></w:r><w:bookmarkStart/>" * _MANY + "<w:r><w:t>c"
        "</w:t></w:r>",
        "<w:r><w:t> </w:t></w:r>" * _MANY,
        "<w:r><w:t>a</w:t><w:br/></w:r>" * _MANY,
        "<w:hyperlink><w:r><w:t>a </w:t></w:r></w:hyperlink>" * _MANY,
        "<w:r><w:drawing><w:p><w:r><w:t>a</w:t></w:r></w:p></w:drawing></w:r>" * _MANY,
    ],
)
def test_many_pieces_take_time_that_grows_with_their_number(inside: str) -> None:
    # Quadratic time would take minutes for each.
    data = docx(f"<w:document><w:p>{inside}</w:p></w:document>" + f"<!--{noise()}-->")
    documents.translate(data, "docx", capitals)


def noise() -> str:
    """What does not pack, so that repetition is no bomb."""
    return random.Random(1).randbytes(1 << 16).hex()


def test_files_of_another_kind_are_refused() -> None:
    refused(PACKAGES["xlsx"](PackageMaker(1)), "names no part of the type wordprocessingml")
    refused(PACKAGES["epub"](PackageMaker(1)), "there is no member .Content_Types", "docx")
    refused(PACKAGES["ods"](PackageMaker(1)), "its mimetype is", "odt")
    refused(PACKAGES["docx"](PackageMaker(1)), "there is no member META-INF/container", "epub")
    with pytest.raises(DocumentError, match=r"format is 'doc', expected one of .*save it as docx"):
        documents.translate(b"", "doc", capitals)


def test_protected_books_are_refused_and_disguised_fonts_are_not() -> None:
    with zipfile.ZipFile(io.BytesIO(PACKAGES["epub"](PackageMaker(1)))) as archive:
        book = {name: archive.read(name).decode() for name in archive.namelist()}
    method = '<e:EncryptionMethod Algorithm="{}"/>'
    cases = [
        ("META-INF/rights.xml", "<a/>", "protected against copying"),
        (
            "META-INF/encryption.xml",
            method.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc"),
            "is encrypted",
        ),
    ]
    for name, content, reason in cases:
        refused(zipped({**book, name: content}, random.Random(1)), reason, "epub")
    fonts = method.format("http://www.idpf.org/2008/embedding")
    data = zipped({**book, "META-INF/encryption.xml": fonts}, random.Random(1))
    assert documents.translate(data, "epub", Capitals(same_order)) != data
    for target in ("../../x.xhtml", "http://example.org/a", "/etc/passwd"):
        other = book["OEBPS/book.opf"].replace("text/page%200.xhtml", target)
        refused(zipped({**book, "OEBPS/book.opf": other}, random.Random(1)), "the book", "epub")


def test_open_documents_with_encrypted_members_are_refused() -> None:
    manifest = "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
    with zipfile.ZipFile(io.BytesIO(PACKAGES["odt"](PackageMaker(1)))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    data = zipped({**members, "META-INF/manifest.xml": manifest}, random.Random(1))
    refused(data, "is encrypted", "odt")


def test_a_bomb_among_members_that_are_only_copied_is_never_unpacked() -> None:
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    assert len(pack.compress(bytes(1 << 20)) + pack.flush()) < 2000
    data = docx(**{"word/media/a.bin": bytes(50 << 20)})
    found = documents.translate(data, "docx", capitals)
    assert len(found) < 200_000
