"""Documents that are zip archives: nothing but their texts changes, and every element stays."""

from __future__ import annotations

import collections
import io
import zipfile

import lxml.etree
import pytest

from pyattn import documents
from pyattn.errors import DocumentError
from support.package_makers import PACKAGES, PackageMaker, package_mutant
from support.toy_translators import (
    Capitals,
    capitals,
    identity,
    reversed_order,
    same_order,
    shuffled_order,
)

# Elements that a translation may have in another number: runs and what programs find out again.
_FREE = {"r", "rPr", "t", "proofErr", "lastRenderedPageBreak", "soft-page-break", "span"}
_FREE |= {"b", "i", "lang", "sz"}


def made(format: str, seed: int) -> bytes:
    return PACKAGES[format](PackageMaker(seed))


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def parsed(data: bytes) -> lxml.etree._Element:
    return lxml.etree.fromstring(data, lxml.etree.XMLParser(resolve_entities=False))


def names(root: lxml.etree._Element) -> collections.Counter[str]:
    found = (lxml.etree.QName(one).localname for one in root.iter(lxml.etree.Element))
    return collections.Counter(name for name in found if name not in _FREE)


def letters(root: lxml.etree._Element) -> collections.Counter[str]:
    """Letters of all texts; digits are in fields, which toys may translate twice."""
    return collections.Counter(filter(str.isalpha, "".join(root.itertext()).upper()))


@pytest.mark.parametrize("format", PACKAGES)
def test_documents_whose_texts_stay_the_same_keep_every_byte(format: str) -> None:
    for seed in range(60):
        data = made(format, seed)
        assert documents.translate(data, format, identity) == data


@pytest.mark.parametrize("order", [same_order, shuffled_order, reversed_order])
@pytest.mark.parametrize("format", PACKAGES)
def test_every_letter_and_element_is_there_once(format: str, order: object) -> None:
    changed = 0
    for seed in range(40):
        before = members(made(format, seed))
        found = documents.translate(made(format, seed), format, Capitals(order))
        after = members(found)
        assert list(after) == list(before)
        for name in before:
            if before[name] == after[name]:
                continue
            changed += 1
            old, new = parsed(before[name]), parsed(after[name])
            assert names(new) == names(old)
            assert letters(new) == letters(old)
    assert changed > 20


@pytest.mark.parametrize("format", PACKAGES)
def test_members_without_translations_keep_their_compressed_bytes(format: str) -> None:
    for seed in range(20):
        data = made(format, seed)
        found = documents.translate(data, format, Capitals(same_order))
        olds, news = (zipfile.ZipFile(io.BytesIO(one)).infolist() for one in (data, found))
        for old, new in zip(olds, news, strict=True):
            assert (old.filename, old.compress_type, old.date_time, old.external_attr) == (
                *(new.filename, new.compress_type, new.date_time, new.external_attr),
            )
            if old.CRC == new.CRC:
                assert packed(data, old) == packed(found, new)
        assert news[0].header_offset == 0
        assert (
            zipfile.ZipFile(io.BytesIO(data)).comment == zipfile.ZipFile(io.BytesIO(found)).comment
        )


def packed(data: bytes, info: zipfile.ZipInfo) -> bytes:
    """The header and the packed content of a member."""
    end = info.header_offset + 30 + len(info.filename.encode()) + len(info.extra)
    return data[info.header_offset : end + info.compress_size]


@pytest.mark.parametrize("format", PACKAGES)
def test_mutants_are_translated_or_refused(format: str) -> None:
    reasons = []
    for seed in range(80):
        data = package_mutant(format, seed)
        try:
            documents.translate(data, format, capitals)
            documents.translate(data, format, Capitals(shuffled_order))
        except DocumentError as error:
            reasons.append(str(error))
        else:
            assert documents.translate(data, format, identity) == data
    assert 0 < len(reasons) < 80
    assert all(reason.startswith(f"{format}: ") for reason in reasons)


def test_books_keep_their_mimetype_first_and_stored() -> None:
    found = documents.translate(made("epub", 1), "epub", Capitals(same_order))
    assert found[30:58] == b"mimetypeapplication/epub+zip"


def test_several_documents_are_translated_in_one_stream() -> None:
    translate = Capitals(same_order)
    jobs = [(made(format, 1), format) for format in PACKAGES] + [(b"PK", "docx"), (b"a", "txt")]
    found = list(documents.translate_all(jobs, translate))
    assert len(translate.calls) <= 2
    assert isinstance(found[-2], DocumentError)
    assert found[-1] == b"A"
