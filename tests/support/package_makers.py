"""Random documents that are zip archives, with the oddities of real ones, and their mutants."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable, Mapping

from support.document_makers import Maker

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_W = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_A = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)
_S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_O = (
    " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "draw", "style")
    )
    + ' xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"'
)
# Fields are words of their own.
_GAP = '<w:r><w:t xml:space="preserve"> </w:t></w:r>'
_TYPE = "application/vnd.openxmlformats-officedocument."


def zipped(members: Mapping[str, str | bytes], chance: random.Random) -> bytes:
    """An archive; its first member is stored if it is named mimetype."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            stored = name == "mimetype" or chance.random() < 0.1
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
        archive.comment = chance.choice([b"", b"", b"a comment"])
    return file.getvalue()


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


class PackageMaker(Maker):
    """Makes documents that are zip archives.

    Args:
        seed: Of the random numbers.
    """

    # DOCX

    def docx(self) -> bytes:
        names = ["document", "header1", "footnotes", "comments"]
        kinds = ["document.main", "header", "footnotes", "comments"]
        types = "".join(
            f'<Override PartName="/word/{name}.xml" '
            f'ContentType="{_TYPE}wordprocessingml.{kind}+xml"/>'
            for name, kind in zip(names, kinds, strict=True)
        )
        members: dict[str, str | bytes] = {
            "[Content_Types].xml": f'{_HEAD}<Types xmlns="x">{types}</Types>',
            "word/media/image1.png": self._random.randbytes(200),
        }
        for name in names:
            body = self.many(self.word_block, 1, 5, self.pick("", "\n  "))
            members[f"word/{name}.xml"] = f"{_HEAD}<w:{name} {_W}>{body}</w:{name}>"
        return zipped(members, self._random)

    def word_block(self, depth: int = 0) -> str:
        if depth < 2 and self._random.random() < 0.2:
            cell = self.word_block(depth + 1)
            return f"<w:tbl><w:tr><w:tc>{cell}</w:tc></w:tr></w:tbl>"
        properties = self.pick("", '<w:pPr><w:pStyle w:val="a"/><w:rPr><w:b/></w:rPr></w:pPr>')
        return f"<w:p>{properties}{self.many(lambda: self._word_part(depth), 0, 7)}</w:p>"

    def _word_part(self, depth: int) -> str:
        kind = self._random.random()
        if kind < 0.55:
            return self.word_run(self.words(4) + self.pick("", " ", "  "))
        if kind < 0.65 and depth < 3:
            inside = self.many(lambda: self._word_part(depth + 1), 0, 3)
            return self.pick(
                f'<w:hyperlink r:id="r1">{inside}</w:hyperlink>',
                f'<w:ins w:id="1">{inside}</w:ins>',
                f"<w:sdt><w:sdtPr><w:id/></w:sdtPr><w:sdtContent>{inside}</w:sdtContent></w:sdt>",
                f'<w:smartTag w:element="x"><w:smartTagPr/>{inside}</w:smartTag>',
            )
        if kind < 0.72 and depth < 2:
            block = self.word_block(depth + 1)
            return (
                f'<w:r><w:drawing><wp:docPr xmlns:wp="wp" descr="{escaped(self.words())}"/>'
                f"<w:txbxContent>{block}</w:txbxContent></w:drawing></w:r>"
            )
        return self.pick(
            "<w:proofErr w:type='spellStart'/>",
            '<w:bookmarkStart w:id="0" w:name="b"/><w:bookmarkEnd w:id="0"/>',
            "<w:r><w:lastRenderedPageBreak/></w:r>",
            "<w:r><w:br/></w:r>",
            "<w:r><w:tab/></w:r>",
            '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr>'
            '<w:footnoteReference w:id="2"/></w:r>',
            f"<w:del w:id='3'><w:r><w:delText>{self.words(2)}</w:delText></w:r></w:del>",
            f'{_GAP}<w:fldSimple w:instr="PAGE"><w:r><w:t>7</w:t></w:r></w:fldSimple>{_GAP}',
            f"{_GAP}{self._field('PAGE', '8')}{_GAP}",
            self._field(' HYPERLINK "https://example.org" ', self.words(2)),
            '<w:r><w:fldChar w:fldCharType="begin"/></w:r>',
            '<w:r><w:fldChar w:fldCharType="end"/></w:r>',
        )

    def _field(self, code: str, result: str) -> str:
        return (
            '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
            f'<w:r><w:instrText xml:space="preserve">{code}</w:instrText></w:r>'
            '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
            f'{self.word_run(result)}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )

    def word_run(self, text: str) -> str:
        properties = self.pick(
            "",
            "",
            "<w:rPr/>",
            "<w:rPr><w:b/></w:rPr>",
            '<w:rPr><w:i/><w:lang w:val="en-US"/></w:rPr>',
            '<w:rPr><w:lang w:val="en-GB"/></w:rPr>',
        )
        extra = self.pick("", "", "", "<w:tab/>", "<w:br/>", "<w:lastRenderedPageBreak/>")
        text = f'<w:t xml:space="preserve">{escaped(text)}</w:t>'
        parts = self.pick(text + extra, extra + text, text + extra + text)
        start = self.pick("<w:r>", '<w:r w:rsidR="00A">')
        return f"{start}{properties}{parts}</w:r>"

    # PPTX

    def pptx(self) -> bytes:
        kinds = {"slides/slide1": "slide", "notesSlides/notesSlide1": "notesSlide"}
        types = "".join(
            f'<Override PartName="/ppt/{name}.xml" ContentType="{_TYPE}presentationml.{kind}+xml"/>'
            for name, kind in kinds.items()
        )
        members: dict[str, str | bytes] = {
            "[Content_Types].xml": f'{_HEAD}<Types xmlns="x">{types}</Types>'
        }
        for name in kinds:
            body = self.many(self._slide_paragraph, 1, 5)
            members[f"ppt/{name}.xml"] = f"{_HEAD}<p:sld {_A}><p:txBody>{body}</p:txBody></p:sld>"
        return zipped(members, self._random)

    def _slide_paragraph(self) -> str:
        return f'<a:p>{self.many(self._slide_part, 0, 6)}<a:endParaRPr lang="en-US"/></a:p>'

    def _slide_part(self) -> str:
        properties = self.pick(
            "", '<a:rPr lang="en-US" dirty="0"/>', '<a:rPr b="1"/>', '<a:rPr b="1" lang="de-DE"/>'
        )
        text = escaped(self.words(4) + self.pick("", " "))
        return self.pick(
            f"<a:r>{properties}<a:t>{text}</a:t></a:r>",
            f"<a:r>{properties}<a:t>{text}</a:t></a:r>",
            '<a:br><a:rPr lang="en-US"/></a:br>',
            "<a:r><a:t> </a:t></a:r>"
            '<a:fld id="{1}" type="slidenum"><a:rPr/><a:t>3</a:t></a:fld><a:r><a:t> </a:t></a:r>',
        )

    # XLSX

    def xlsx(self) -> bytes:
        types = (
            f'<Override PartName="/xl/worksheets/sheet1.xml" '
            f'ContentType="{_TYPE}spreadsheetml.worksheet+xml"/>'
            f'<Override PartName="/xl/workbook.xml" '
            f'ContentType="{_TYPE}spreadsheetml.sheet.main+xml"/>'
            f'<Override PartName="/xl/sharedStrings.xml" '
            f'ContentType="{_TYPE}spreadsheetml.sharedStrings+xml"/>'
        )
        cells = self.many(self._cell, 1, 6)
        return zipped(
            {
                "[Content_Types].xml": f'{_HEAD}<Types xmlns="x">{types}</Types>',
                "xl/workbook.xml": f'<workbook {_S}><sheet name="My sheet"/></workbook>',
                "xl/worksheets/sheet1.xml": (
                    f"{_HEAD}<worksheet {_S}><sheetData><row>{cells}</row></sheetData></worksheet>"
                ),
                "xl/sharedStrings.xml": f"{_HEAD}<sst {_S}>{self.many(self._shared, 1, 6)}</sst>",
            },
            self._random,
        )

    def _cell(self) -> str:
        return self.pick(
            f'<c r="A1" t="inlineStr"><is><t>{escaped(self.words())}</t></is></c>',
            '<c r="B1" t="s"><v>0</v></c>',
            f'<c r="C1" t="str"><f>A1&amp;"some text"</f><v>{escaped(self.words())}</v></c>',
            '<c r="D1"><v>1.5</v></c>',
        )

    def _shared(self) -> str:
        text = escaped(self.words() + self.pick("", " ", "\n", "_x000D_") + self.words())
        run = f'<r><rPr><b/><sz val="11"/></rPr><t xml:space="preserve">{text} </t></r>'
        return self.pick(
            f"<si><t>{text}</t></si>",
            f"<si><r><t>{text}</t></r>{run}<phoneticPr/></si>",
            f"<si>{run}{run}<rPh><t>xx</t></rPh></si>",
            "<si><t/></si>",
        )

    # OpenDocument

    def opendocument(self, kind: str) -> bytes:
        styles = (
            '<style:style style:name="T1" style:family="text"><style:text-properties '
            'fo:font-weight="bold"/></style:style><style:style style:name="T2" '
            'style:family="text"><style:text-properties fo:language="en"/></style:style>'
        )
        body = self.many(self._open_block, 1, 6)
        content = (
            f"{_HEAD}<office:document-content {_O}><office:automatic-styles>{styles}"
            f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}>"
            "</office:body></office:document-content>"
        )
        mimetype = f"application/vnd.oasis.opendocument.{kind}"
        return zipped(
            {"mimetype": mimetype, "content.xml": content, "Thumbnails/a.png": b"\x89PNG"},
            self._random,
        )

    def _open_block(self, depth: int = 0) -> str:
        content = self.many(lambda: self._open_part(depth), 0, 6)
        return self.pick(
            f"<text:p>{content}</text:p>",
            f'<text:h text:outline-level="1">{content}</text:h>',
            f'<table:table-cell office:value-type="string"><text:p>{content}</text:p>'
            "</table:table-cell>",
            f'<table:table-cell office:value-type="date"><text:p>{content}</text:p>'
            "</table:table-cell>",
        )

    def _open_part(self, depth: int) -> str:
        text = escaped(self.words(4) + self.pick("", " "))
        if depth > 2:
            return text
        kind = self._random.random()
        if kind < 0.3:
            return text
        if kind < 0.5:
            inside = self.many(lambda: self._open_part(depth + 1), 0, 3)
            return self.pick(
                f'<text:span text:style-name="T1">{inside}</text:span>',
                f'<text:span text:style-name="T2">{inside}</text:span>',
                f'<text:a href="x">{inside}</text:a>',
            )
        if kind < 0.6:
            block = self._open_block(depth + 1)
            return self.pick(
                f"<text:note><text:note-citation>1</text:note-citation><text:note-body>{block}"
                "</text:note-body></text:note>",
                f"<draw:frame>{block}</draw:frame>",
            )
        return self.pick(
            f'<text:span text:style-name="T1">{text}</text:span><text:span text:style-name="T1">'
            f"{text}</text:span>",
            self.pick('<text:s text:c="2"/>', "<text:tab/>", "<text:line-break/>"),
            " <text:page-number>3</text:page-number> ",
            "<text:soft-page-break/>",
        )

    # EPUB

    def epub(self) -> bytes:
        page = (
            '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n'
            '<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><title>{}</title></head>'
            "<body><p>{} <b>{}</b> {}.</p></body></html>"
        )
        pages = {
            f"OEBPS/text/page {n}.xhtml": page.format(
                self.words(), self.words(), self.words(2), self.words()
            )
            for n in range(self._random.randint(1, 3))
        }
        items = "".join(
            f'<item id="p{n}" href="text/page%20{n}.xhtml" media-type="application/xhtml+xml"/>'
            for n in range(len(pages))
        )
        return zipped(
            {
                "mimetype": "application/epub+zip",
                "META-INF/container.xml": (
                    '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles>'
                    "</container>"
                ),
                "OEBPS/book.opf": (
                    '<package xmlns:dc="d"><metadata>'
                    f"<dc:title>{escaped(self.words())}</dc:title><dc:language>en</dc:language>"
                    f"<dc:creator>Ann Author</dc:creator></metadata><manifest>{items}"
                    '<item href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
                    "</package>"
                ),
                **pages,
                "OEBPS/toc.ncx": (
                    f"<ncx><navMap><navPoint><navLabel><text>{escaped(self.words())}</text>"
                    '</navLabel><content src="a"/></navPoint></navMap></ncx>'
                ),
                "OEBPS/style.css": "p { color: red }",
            },
            self._random,
        )


PACKAGES: dict[str, Callable[[PackageMaker], bytes]] = {
    "docx": PackageMaker.docx,
    "pptx": PackageMaker.pptx,
    "xlsx": PackageMaker.xlsx,
    "odt": lambda maker: maker.opendocument("text"),
    "odp": lambda maker: maker.opendocument("presentation"),
    "ods": lambda maker: maker.opendocument("spreadsheet"),
    "epub": PackageMaker.epub,
}


def package_mutant(format: str, seed: int) -> bytes:
    """A document with a few bytes of the archive, or of one of its members, changed."""
    chance = random.Random(seed)
    data = PACKAGES[format](PackageMaker(seed))
    if chance.random() < 0.3:
        return mutated(data, chance)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice([name for name in members if not name.endswith("png")])
    return zipped({**members, name: mutated(members[name], chance)}, chance)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bytes of which some are lost, doubled, moved or others."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(out) + 1)
        end = min(len(out), place + chance.choice([1, 2, 4, 40]))
        kind = chance.randrange(4)
        if kind == 0:
            del out[place:end]
        elif kind == 1:
            out[place:place] = out[place:end] * chance.choice([1, 2, 30])
        elif kind == 2:
            out[place:end] = chance.randbytes(end - place)
        else:
            other = chance.randrange(len(out) + 1)
            out[other:other] = out[place:end]
    return bytes(out)
