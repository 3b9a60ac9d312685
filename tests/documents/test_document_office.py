"""Office documents as other programs write and read them."""

from __future__ import annotations

import io
import random
import re
import zipfile

import pytest

from pyattn import documents
from support.package_makers import zipped
from support.toy_translators import Capitals, capitals, identity, reversed_order

_LANGUAGES = {"source_language": "en", "target_language": "es"}


def word(paragraph: str) -> bytes:
    types = (
        '<Types><Override PartName="/word/document.xml" ContentType="wordprocessingml.document.'
        'main+xml"/></Types>'
    )
    members = {"[Content_Types].xml": types, "word/document.xml": f"<w:p>{paragraph}</w:p>"}
    return zipped(members, random.Random(1))


def translated(paragraph: str, translate: object = None, **options: object) -> str:
    found = documents.translate(word(paragraph), "docx", translate or capitals, **options)
    with zipfile.ZipFile(io.BytesIO(found)) as archive:
        return archive.read("word/document.xml").decode()[len("<w:p>") : -len("</w:p>")]


def run(text: str, properties: str = "", *, space: bool = False) -> str:
    preserve = ' xml:space="preserve"' if space or text != text.strip() else ""
    properties = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f"<w:r>{properties}<w:t{preserve}>{text}</w:t></w:r>"


BOLD, ITALIC = "<w:b/>", "<w:i/>"
START, RESULT, END = (
    f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")
)


def field(code: str, result: str) -> str:
    return f"{START}<w:r><w:instrText>{code}</w:instrText></w:r>{RESULT}{result}{END}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (run("one ") + run("tw") + run("o"), run("ONE TWO")),
        (run("one ") + "<w:proofErr/>" + run("two", '<w:lang w:val="en"/>'), run("ONE TWO")),
        (
            run("one ") + '<w:bookmarkStart w:id="1"/>' + run("two"),
            run("ONE ") + '<w:bookmarkStart w:id="1"/>' + run("TWO"),
        ),
        (
            run("one two ") + run("th", BOLD) + run("ree", BOLD) + run(" four"),
            run("ONE TWO ") + run("THREE", BOLD) + run(" FOUR"),
        ),
        (
            "<w:r><w:tab/><w:t>one</w:t><w:br/><w:t>Two</w:t></w:r>",
            "<w:r><w:tab/><w:t>ONE</w:t><w:br/><w:t>TWO</w:t></w:r>",
        ),
        (
            run("see ") + f"<w:hyperlink>{run('this page', ITALIC)}</w:hyperlink>" + run(" today"),
            run("SEE ") + f"<w:hyperlink>{run('THIS PAGE', ITALIC)}</w:hyperlink>" + run(" TODAY"),
        ),
        (
            run("see ") + field(" HYPERLINK x", run("this page")) + run(" today"),
            run("SEE ") + field(" HYPERLINK x", run("THIS PAGE")) + run(" TODAY"),
        ),
        (
            run("page ") + field("PAGE", run("iv")) + run(" of many"),
            run("PAGE ") + field("PAGE", run("iv")) + run(" OF MANY"),
        ),
        (
            run("one ") + "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>" + run("two"),
            run("ONE ") + "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>" + run("TWO"),
        ),
    ],
)
def test_runs_of_a_paragraph_are_one_text(before: str, after: str) -> None:
    assert translated(before) == after


def test_runs_go_where_their_words_go() -> None:
    before = run("the ") + run("old", BOLD) + run(" house of ") + run("Tom Smith", ITALIC)
    assert translated(before, Capitals(reversed_order)) == (
        run("SMITH TOM", ITALIC) + run(" OF HOUSE ") + run("OLD", BOLD) + run(" THE")
    )


def test_every_word_keeps_its_properties_in_another_order() -> None:
    for seed in range(60):
        chance = random.Random(seed)
        kinds = [chance.choice(["", BOLD, ITALIC, "<w:u/>"]) for _ in range(12)]
        before = "".join(run(f"w{n}x ", kind) for n, kind in enumerate(kinds))
        after = translated(before, Capitals(reversed_order))
        seen: dict[str, str] = {}
        for properties, text in re.findall(r"<w:r>(?:<w:rPr>(.*?)</w:rPr>)?<w:t.*?>(.*?)</", after):
            seen |= dict.fromkeys(text.split(), properties)
        assert seen == {f"W{n}X": kind for n, kind in enumerate(kinds)}


def test_languages_follow_the_target() -> None:
    lang = '<w:lang w:val="{}"/>'
    found = translated(run("one", lang.format("en-US")) + run("zwei", BOLD), **_LANGUAGES)
    assert lang.format("es") in found
    found = translated(run("one", lang.format("fr-FR")), **_LANGUAGES)
    assert lang.format("fr-FR") in found


def test_python_docx_reads_what_it_wrote() -> None:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_heading("A short report", 1)
    paragraph = document.add_paragraph("We went to ")
    paragraph.add_run("Par").bold = True
    paragraph.add_run("is").bold = True
    paragraph.add_run(" & saw it.")
    document.add_table(1, 1).cell(0, 0).text = "a cell"
    document.sections[0].header.paragraphs[0].text = "the header"
    document.sections[0].footer.paragraphs[0].text = "the footer"
    file = io.BytesIO()
    document.save(file)
    assert documents.translate(file.getvalue(), "docx", identity) == file.getvalue()
    found = docx.Document(
        io.BytesIO(documents.translate(file.getvalue(), "docx", capitals, **_LANGUAGES))
    )
    assert [one.text for one in found.paragraphs] == [
        "A SHORT REPORT",
        "WE WENT TO PARIS & SAW IT.",
    ]
    assert [(one.text, one.bold) for one in found.paragraphs[1].runs][1] == ("PARIS", True)
    assert found.tables[0].cell(0, 0).text == "A CELL"
    assert found.sections[0].header.paragraphs[0].text == "THE HEADER"
    assert found.sections[0].footer.paragraphs[0].text == "THE FOOTER"


def test_openpyxl_reads_what_it_wrote() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "my sheet"
    for row in (["name here", "other name"], ["some words", 3], ["=B2*2", "more words"]):
        sheet.append(row)
    sheet["D1"], sheet["D2"] = "a head", "a value"
    sheet.add_table(openpyxl.worksheet.table.Table(displayName="T", ref="D1:D2"))
    sheet["A2"].comment = openpyxl.comments.Comment("a comment", "me")
    file = io.BytesIO()
    book.save(file)
    assert documents.translate(file.getvalue(), "xlsx", identity) == file.getvalue()
    found = openpyxl.load_workbook(
        io.BytesIO(documents.translate(file.getvalue(), "xlsx", capitals, **_LANGUAGES))
    )
    assert found.sheetnames == ["my sheet"]
    rows = [list(row)[:2] for row in found.active.iter_rows(values_only=True)]
    assert rows == [["NAME HERE", "OTHER NAME"], ["SOME WORDS", 3], ["=B2*2", "MORE WORDS"]]
    assert [found.active["D1"].value, found.active["D2"].value] == ["a head", "A VALUE"]
    assert found.active["A2"].comment.text == "A COMMENT"


def test_python_pptx_reads_what_it_wrote() -> None:
    pptx = pytest.importorskip("pptx")
    slides = pptx.Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text = "our plan"
    frame = slide.placeholders[1].text_frame
    frame.text = "it begins in "
    frame.paragraphs[0].add_run().text = "May"
    frame.paragraphs[0].runs[1].font.bold = True
    table = slide.shapes.add_table(1, 1, 0, 0, 9999, 9999).table
    table.cell(0, 0).text = "a cell"
    slide.notes_slide.notes_text_frame.text = "say thanks"
    file = io.BytesIO()
    slides.save(file)
    assert documents.translate(file.getvalue(), "pptx", identity) == file.getvalue()
    found = pptx.Presentation(
        io.BytesIO(documents.translate(file.getvalue(), "pptx", capitals, **_LANGUAGES))
    ).slides[0]
    assert found.shapes.title.text == "OUR PLAN"
    runs = found.placeholders[1].text_frame.paragraphs[0].runs
    assert [(one.text, one.font.bold) for one in runs] == [("IT BEGINS IN ", None), ("MAY", True)]
    assert found.shapes[2].table.cell(0, 0).text == "A CELL"
    assert found.notes_slide.notes_text_frame.text == "SAY THANKS"
