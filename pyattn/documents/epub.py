"""EPUB: the pages, tables of contents and the title of a book."""

from __future__ import annotations

import posixpath
import re
import urllib.parse

from pyattn.documents.elements import ElementsPart
from pyattn.documents.encodings import Encoded
from pyattn.documents.html import HtmlDocument
from pyattn.documents.markup import Token, tokens
from pyattn.documents.packages import Package
from pyattn.documents.settings import DocumentSettings
from pyattn.documents.xml_parts import XmlPart, attribute_of, local

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# What shops add to books that only their own programs open.
_RIGHTS = ("META-INF/rights.xml", "META-INF/license.lcpl", "META-INF/sinf.xml")
# Fonts are disguised by these so that nobody takes them out of a book; that is no encryption.
_DISGUISES = re.compile(r"http://(www\.idpf\.org/2008/embedding|ns\.adobe\.com/pdf/enc#RC)$")
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/html+xml"})
_CONTENTS = "application/x-dtbncx+xml"


def open_epub(data: bytes, settings: DocumentSettings) -> Package:
    """A book with its segments.

    Args:
        data: The file.
        settings: How to read it.

    Raises:
        DocumentError: if it is no such file, encrypted, broken or hostile.
    """
    package = Package(data, "epub")
    _check_rights(package)
    if _CONTAINER not in package:
        raise package.archive.fail(f"there is no member {_CONTAINER}")
    container = XmlPart(package.text(_CONTAINER, doctype=True), "epub", settings)
    read: set[str] = set()
    for token in tokens(container.text, xml=True):
        path = container.value(token, "full-path") if local(token.name) == "rootfile" else None
        if path is not None and path not in read:
            read.add(path)
            _add_book(package, path, settings, read)
    if not read:
        raise package.archive.fail(f"{_CONTAINER} names no book")
    return package


def _check_rights(package: Package) -> None:
    """Refuses books that only programs of their shop open."""
    for name in _RIGHTS:
        if name in package:
            raise package.archive.fail(f"is protected against copying, as {name} shows")
    if _ENCRYPTION not in package:
        return
    text = package.text(_ENCRYPTION, doctype=True).text
    for token in tokens(text, xml=True):
        if token.kind != "start" or local(token.name) != "EncryptionMethod":
            continue
        kind = attribute_of(token, "Algorithm")
        value = text[slice(*kind.value)] if kind and kind.value else ""
        if not _DISGUISES.match(value):
            raise package.archive.fail(f"is encrypted, as {_ENCRYPTION} shows")


def _add_book(package: Package, path: str, settings: DocumentSettings, read: set[str]) -> None:
    """Adds the parts that a book's list of contents names."""
    contents = package.text(path, doctype=True)
    package.add_text(
        path,
        contents,
        lambda text, label: ElementsPart(text, label, settings, texts={"title", "description"}),
    )
    book = XmlPart(contents, package.label(path), settings)
    for token in tokens(book.text, xml=True):
        if token.kind != "start" or local(token.name) != "item":
            continue
        kind, target = book.value(token, "media-type"), book.value(token, "href")
        if target is None or (kind not in _PAGES and kind != _CONTENTS):
            continue
        name = _resolved(package, path, target, book, token)
        if name is None or name in read:
            continue
        read.add(name)
        if kind == _CONTENTS:
            package.add(
                name,
                lambda text, label: ElementsPart(text, label, settings, texts={"text"}),
                doctype=True,
            )
        else:
            package.add(name, lambda text, _: _page(text, settings), doctype=True)


def _page(text: Encoded, settings: DocumentSettings) -> HtmlDocument:
    return HtmlDocument(text.text, settings, xml=True, holds=text.holds)


def _resolved(package: Package, path: str, target: str, book: XmlPart, token: Token) -> str | None:
    """The member that a list of contents refers to; None if it is not in the book."""
    link = urllib.parse.unquote(target.partition("#")[0])
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", link) or link.startswith("/"):
        raise book.fail(token.span[0], f"{target:.200} is not in the book")
    name = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if name.startswith(".."):
        raise book.fail(token.span[0], f"{target:.200} leads out of the book")
    return name if name in package else None
