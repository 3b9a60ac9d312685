"""Android's strings.xml and XLIFF."""

from __future__ import annotations

import lxml.etree
import pytest

from pyattn import documents
from pyattn.errors import DocumentError
from support.document_makers import Maker
from support.toy_translators import Capitals, capitals, identity, reversed_order, same_order


def translated(text: str, format: str = "xml", **options: object) -> str:
    return documents.translate(text.encode(), format, Capitals(same_order), **options).decode()


def tree(text: str) -> lxml.etree._Element:
    return lxml.etree.fromstring(text.encode(), lxml.etree.XMLParser(resolve_entities=False))


def shape(text: str, *, without: str = "") -> list[object]:
    return [
        (one.tag, dict(one.attrib), [up.tag for up in one.iterancestors()])
        for one in tree(text).iter(lxml.etree.Element)
        if without not in (one.tag, *(up.tag for up in one.iterancestors()))
    ]


@pytest.mark.parametrize(("format", "maker"), [("xml", "android"), ("xliff", "xliff")])
def test_lxml_sees_the_same_elements(format: str, maker: str) -> None:
    for seed in range(150):
        text = getattr(Maker(seed), maker)()
        for order in (same_order, reversed_order):
            found = documents.translate(text.encode(), format, Capitals(order)).decode()
            without = "target" if format == "xliff" else ""
            assert sorted(map(repr, shape(found, without=without))) == sorted(
                map(repr, shape(text, without=without))
            )


def test_targets_have_the_elements_of_their_sources() -> None:
    for seed in range(150):
        found = documents.translate(
            Maker(seed).xliff().encode(), "xlf", Capitals(reversed_order)
        ).decode()
        for source in tree(found).iter("source"):
            target = source.getnext()
            fixed = source.getparent().get("translate") == "no"
            if target is None or target.text == "hecho" or fixed:
                continue
            assert sorted((one.tag, *one.attrib.items()) for one in target.iterdescendants()) == (
                sorted((one.tag, *one.attrib.items()) for one in source.iterdescendants())
            )
            words = "".join(source.itertext()).upper().split()
            assert sorted("".join(target.itertext()).upper().split()) == sorted(words)


def test_app_texts_have_escapes_and_references() -> None:
    text = (
        '<resources><string name="a">it\\\'s \\"b\\" &amp; c\\nd %1$s</string>'
        '<string name="b" translatable="false">x</string><string name="c">@string/a</string>'
        '<plurals name="d"><item quantity="one">e <b>f</b></item></plurals>'
        '<string name="g">"h"</string><string name="i"><xliff:g>j</xliff:g> k</string></resources>'
    )
    assert translated(text) == (
        '<resources><string name="a">IT\\\'S \\"B\\" &amp; C\\nD %1$s</string>'
        '<string name="b" translatable="false">x</string><string name="c">@string/a</string>'
        '<plurals name="d"><item quantity="one">E <b>F</b></item></plurals>'
        '<string name="g">"H"</string><string name="i"><xliff:g>j</xliff:g> K</string></resources>'
    )
    found = documents.translate(
        b"<resources><string>a</string></resources>", "xml", lambda _: ["d'<b>"]
    )
    assert found == b"<resources><string>d\\'&lt;b&gt;</string></resources>"


XLIFF = '<xliff version="1.2"><file source-language="en">{}</file></xliff>'


@pytest.mark.parametrize(
    ("unit", "after"),
    [
        ("<source>a</source>", "<source>a</source><target>A</target>"),
        ("<source>a</source><target/>", "<source>a</source><target>A</target>"),
        ("<source>a</source><target>x</target>", "<source>a</source><target>x</target>"),
        (
            '<source>a</source><target state="new">a</target>',
            '<source>a</source><target state="needs-review-translation">A</target>',
        ),
        (
            "<source>a <g id='1'>b</g> <x id='2'/></source>",
            "<source>a <g id='1'>b</g> <x id='2'/></source>"
            "<target>A <g id='1'>B</g> <x id='2'/></target>",
        ),
        ("\n  <source>a</source>\n", "\n  <source>a</source>\n  <target>A</target>\n"),
    ],
)
def test_sources_without_a_target_get_one(unit: str, after: str) -> None:
    text = XLIFF.format(f"<trans-unit>{unit}</trans-unit>")
    assert translated(text, "xliff") == XLIFF.format(f"<trans-unit>{after}</trans-unit>")


def test_languages_and_translate_no_of_xliff() -> None:
    text = XLIFF.format('<trans-unit translate="no"><source>a</source></trans-unit>')
    assert translated(text, "xliff", target_language="es") == text.replace(
        '"en"', '"en" target-language="es"'
    )
    text = '<xliff srcLang="en" trgLang="fr"><file/></xliff>'
    assert translated(text, "xliff", target_language="es") == text.replace("fr", "es")


def test_files_of_other_kinds_and_broken_ones_are_refused() -> None:
    with pytest.raises(DocumentError, match=r"xml: .* <svg>, expected <resources>"):
        documents.translate(b"<svg></svg>", "xml", identity)
    with pytest.raises(DocumentError, match=r"xml: line 2, column 1: </b> closes nothing"):
        documents.translate(b"<resources><a>\n</b></a></resources>", "xml", identity)
    with pytest.raises(DocumentError, match=r"xliff: line 1, column 8: <file> is not closed"):
        documents.translate(b"<xliff><file>", "xliff", identity)


def test_entities_are_never_resolved() -> None:
    text = (
        '<!DOCTYPE resources [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;">]>'
        "<resources><string>x &b; y</string></resources>"
    )
    found = documents.translate(text.encode(), "xml", capitals).decode()
    assert "root:" not in found
    assert found.startswith(text.split("x &b;")[0])


@pytest.mark.parametrize("name", ["app", "app_name", "a.b-c", "notit", "\u00e9t\u00e9"])
@pytest.mark.parametrize(
    ("format", "document"),
    [
        ("xml", '<resources><string name="x">see {} my dear <b>friend</b></string></resources>'),
        ("xhtml", '<html><body><p title="see {} there">see {} my dear friend</p></body></html>'),
        (
            "xliff",
            '<xliff version="1.2"><file source-language="en" target-language="es"><body>'
            '<trans-unit id="1"><source>see {} my dear friend</source></trans-unit></body></file>'
            "</xliff>",
        ),
    ],
)
def test_entities_of_the_document_stay_references(format: str, document: str, name: str) -> None:
    entity = f"&{name};"
    text = f'<!DOCTYPE x [<!ENTITY {name} "My App">]>' + document.replace("{}", entity)
    for translate in (Capitals(reversed_order), lambda texts: ["lost"] * len(texts)):
        found = documents.translate(text.encode(), format, translate).decode()
        copies = 2 if format == "xliff" else 1
        assert found.count(entity) == copies * text.count(entity)
        assert "&amp;" not in found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<target state="new"></target>', '<target state="needs-review-translation">{}</target>'),
        (
            "<target state='needs-translation'/>",
            "<target state='needs-review-translation'>{}</target>",
        ),
        ("<target></target>", "<target>{}</target>"),
    ],
)
def test_states_of_xliff_follow(before: str, after: str) -> None:
    unit = "<trans-unit><source>one</source>{}</trans-unit>"
    found = translated(XLIFF.format(unit.format(before)), "xliff")
    assert found == XLIFF.format(unit.format(after.format("ONE")))


def test_states_of_segments_follow() -> None:
    unit = '<unit><segment state="{}"><source>one</source>{}</segment></unit>'
    page = f'<xliff version="2.0">{unit}</xliff>'
    found = translated(page.format("initial", ""), "xliff")
    assert found == page.format("translated", "<target>ONE</target>")
    assert translated(page.format("final", "<target>x</target>"), "xliff") == page.format(
        "final", "<target>x</target>"
    )
