"""HTML: what is translated, what is kept, and that parsers see the same structure."""

from __future__ import annotations

import lxml.html
import pytest

from pyattn import documents
from support.document_makers import Maker
from support.random_markup import Outline
from support.toy_translators import Capitals, capitals, reversed_order, same_order

TEXTS = {"title", "alt", "content", "value", "placeholder", "aria-label", "label"}


def translated(page: str, **options: object) -> str:
    return documents.translate(page.encode(), "html", Capitals(same_order), **options).decode()


def shape(page: str) -> list[tuple[object, list[str], list[str]]]:
    """Elements in order with their attributes, but for texts, and their ancestors."""
    if not page.strip():
        return []
    tree = lxml.html.document_fromstring(page)
    return [
        (
            element.tag,
            sorted(f"{k}={v}" for k, v in element.attrib.items() if k not in TEXTS),
            [str(one.tag) for one in element.iterancestors()],
        )
        for element in tree.iter()
    ]


def test_parsers_see_the_same_structure() -> None:
    for seed in range(200):
        page = Maker(seed, glued=False).html()
        assert shape(translated(page)) == shape(page), seed


def test_text_and_texts_in_attributes_are_translated() -> None:
    page = (
        "<title>a title</title><meta name=description content='some words'>"
        '<img alt="a cat" src="a.png"><a title=hint href=b>link</a>'
        '<input type=submit value="go on"><input placeholder="your name" value="kept">'
        '<p aria-label="a &quot;b&quot;">text &amp; more'
    )
    assert translated(page) == (
        "<title>A TITLE</title><meta name=description content='SOME WORDS'>"
        '<img alt="A CAT" src="a.png"><a title="HINT" href=b>LINK</a>'
        '<input type=submit value="GO ON"><input placeholder="YOUR NAME" value="kept">'
        '<p aria-label="A &quot;B&quot;">TEXT &amp; MORE'
    )


@pytest.mark.parametrize(
    "kept",
    [
        "<script>let a = 'text' < b</script>",
        "<style>p::after { content: 'text' }</style>",
        "<pre>some text <b>bold</b></pre>",
        "<svg><title>text</title></svg>",
        "<textarea>text</textarea>",
        '<div translate="no">text <p title="hint">text</p> text</div>',
        '<p class="x notranslate">text',
        "<!-- text -->",
        "<div class=notranslate>text <div>text</div> text</div>",
    ],
)
def test_blocks_that_are_no_text_are_kept(kept: str) -> None:
    assert translated(f"<p>one</p>{kept}<p>two</p>") == f"<p>ONE</p>{kept}<p>TWO</p>"


@pytest.mark.parametrize("tag", ["code", "kbd", "samp", "var", 'span translate="no"', "svg"])
def test_inline_elements_that_are_no_text_are_kept_in_place(tag: str) -> None:
    name = tag.split()[0]
    kept = f"<{tag}>some <b>text</b></{name}>"
    assert translated(f"<p>use {kept} now") == f"<p>USE {kept} NOW"


def test_translate_yes_ends_a_translate_no() -> None:
    page = "<div translate=no>a <p translate=yes>b <i>c</i></p> d</div>"
    assert translated(page) == "<div translate=no>a <p translate=yes>B <i>C</i></p> d</div>"


def test_escaped_markup_stays_text() -> None:
    page = "<p>use &lt;b&gt; and &amp;amp; here</p>"
    assert translated(page) == "<p>USE &lt;B&gt; AND &amp;AMP; HERE</p>"
    hostile = documents.translate(b"<p>a</p>", "html", lambda _: ["<script>x</script>"])
    assert hostile == b"<p>&lt;script&gt;x&lt;/script&gt;</p>"
    hostile = documents.translate(b"<p title='a'>1</p>", "html", lambda _: ["' onclick='x"])
    assert hostile == b"<p title='&#39; onclick=&#39;x'>1</p>"
    assert documents.translate(b"<p title=a>1", "html", lambda _: ['a" b']) == (
        b'<p title="a&quot; b">1'
    )


def test_characters_are_written_as_their_segment_writes_them() -> None:
    page = b"<p>a&nbsp;b &copy; c</p>"
    assert documents.translate(page, "html", capitals) == b"<p>A&nbsp;B &copy; C</p>"


def test_language_and_direction_follow_the_target() -> None:
    page = '<html lang="en"><p lang="en-GB">a</p><p lang="fr">b <i>c</i></p></html>'
    found = translated(page, source_language="en", target_language="es")
    assert found == '<html lang="es"><p lang="es">A</p><p lang="fr">b <i>c</i></p></html>'
    found = translated(page, source_language="eng_Latn", target_language="arb_Arab")
    assert found.startswith('<html dir="rtl" lang="ar"><p lang="ar">')
    page = '<html dir="rtl" lang="he"><body dir="auto">a'
    found = translated(page, source_language="he", target_language="en")
    assert found == '<html dir="ltr" lang="en"><body dir="auto">A'
    assert translated(page) == page.replace("a", "A", 0)[:-1] + "A"


def test_menus_are_entries_and_not_sentences() -> None:
    translate = Capitals(same_order)
    page = b"<nav><a>Home</a> | <a>About us</a></nav><p><a>See</a> the <a>other</a></p>"
    documents.translate(page, "html", translate)
    assert sorted(text for call in translate.calls for text in call) == [
        "About us",
        "Home",
        "See the other",
    ]


def test_breaks_are_lines_unless_the_sentence_goes_on() -> None:
    translate = Capitals()
    page = b"<p>Tom Smith<br>New York<br><br>a sentence<br/>goes on</p>"
    found = documents.translate(page, "html", translate)
    assert translate.calls == [["Tom Smith\nNew York\n\na sentence goes on"]]
    assert found == b"<p>SMITH TOM<br>YORK NEW<br><br>ON GOES SENTENCE<br/> A</p>"


def test_elements_without_an_end_tag_end_where_browsers_end_them() -> None:
    page = "<ul><li class=notranslate>a<li>b</ul><p class=notranslate>c<div>d</div>"
    assert translated(page) == (
        "<ul><li class=notranslate>a<li>B</ul><p class=notranslate>c<div>D</div>"
    )


def test_xhtml_has_empty_elements_and_character_data() -> None:
    page = '<?xml version="1.0"?><p>a <b class="notranslate"/> b <![CDATA[x < y]]> c</p>'
    found = documents.translate(page.encode(), "xhtml", Capitals(same_order)).decode()
    assert found == page.replace(">a <", ">A <").replace("/> b", "/> B").replace(" c<", " C<")


def test_letters_that_the_encoding_lacks_become_references() -> None:
    page = '<meta charset="iso-8859-1"><p>café</p>'.encode("latin-1")
    found = documents.translate(page, "html", lambda _: ["kávé → “x”"])
    assert found == (
        '<meta charset="iso-8859-1"><p>k\xe1v\xe9 &#8594; &#8220;x&#8221;</p>'.encode("latin-1")
    )


def test_outline_of_a_page_is_the_same() -> None:
    for seed in range(200, 300):
        page = Maker(seed).html().replace(" id=x", "")
        found = documents.translate(page.encode(), "html", capitals).decode()
        assert [tag for tag, _ in Outline(found).tags] == [tag for tag, _ in Outline(page).tags]


@pytest.mark.parametrize("tag", ["em", "EM", "x-name"])
def test_elements_whose_names_are_listed_are_kept(tag: str) -> None:
    page = f"<p>one <{tag}>some <b>text</b></{tag}> two</p>"
    wanted = f"<p>ONE <{tag}>some <b>text</b></{tag}> TWO</p>"
    assert translated(page, keep=["em", "X-Name"]) == wanted
    assert translated(page, keep=["i"]) == page.upper().replace(tag.upper(), tag).replace(
        "P>", "p>"
    ).replace("B>", "b>")


def test_a_kept_element_wins_over_translate_yes_of_nobody_but_itself() -> None:
    page = '<p>one <em>a <b>b</b></em> <em translate="yes">c</em></p>'
    assert translated(page, keep=("em",)) == (
        '<p>ONE <em>a <b>b</b></em> <em translate="yes">C</em></p>'
    )


def test_a_kept_block_is_not_translated() -> None:
    page = '<blockquote>one <p title="hint">two</p></blockquote><p>three</p>'
    assert translated(page, keep=("blockquote",)) == page.replace("three", "THREE")


def test_listed_elements_begin_segments_or_stay_inside() -> None:
    engine = Capitals(same_order)
    page = b"<line>one two</line> <par>three <div>four</div></par>"
    made = documents.translate(page, "xhtml", engine, blocks=["par"], inline=["div"])
    assert made == b"<line>ONE TWO</line> <par>THREE <div>FOUR</div></par>"
    assert [text for call in engine.calls for text in call] == ["one two", "three four"]


@pytest.mark.parametrize("setting", ["keep", "blocks", "inline"])
def test_lists_of_elements_are_checked(setting: str) -> None:
    for wrong in ("em", [1], 3):
        with pytest.raises(TypeError, match=f"{setting} is .*expected a list of names"):
            translated("<p>one", **{setting: wrong})


def test_labels_of_a_form_are_texts_of_their_own() -> None:
    page = "<form><label>Your name</label> <input> <label>A room <select></select></label></form>"
    seen = Capitals(reversed_order)
    found = documents.translate(page.encode(), "html", seen).decode()
    assert found == page.replace("Your name", "NAME YOUR").replace("A room", "ROOM A")
    paragraph = "<p>one <label>two</label> three</p>"
    assert documents.translate(paragraph.encode(), "html", seen).decode() == paragraph.replace(
        "one", "ONE"
    ).replace("two", "TWO").replace("three", "THREE")
