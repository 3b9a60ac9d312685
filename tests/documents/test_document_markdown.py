"""Markdown: what is translated, and that a renderer sees the same structure."""

from __future__ import annotations

import lxml.html
import pytest
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from pyattn import documents
from support.document_makers import Maker
from support.toy_translators import Capitals, capitals, same_order


def translated(text: str, **options: object) -> str:
    return documents.translate(text.encode(), "md", Capitals(same_order), **options).decode()


def answered(text: str, answer: str) -> str:
    return documents.translate(text.encode(), "md", lambda _: [answer]).decode()


def shape(text: str) -> list[object]:
    """What a page of the rendered text consists of, its words in capitals, without code."""
    md = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    page = md.use(footnote_plugin).use(front_matter_plugin).render(text)
    if not page.strip():
        return []
    seen: list[object] = []
    for element in lxml.html.document_fromstring(page).iter():
        if not isinstance(element.tag, str):
            continue
        kept = {k: v for k, v in element.attrib.items() if k not in ("title", "alt")}
        above = [one.tag for one in element.iterancestors()]
        seen.append(("del" if element.tag == "s" else element.tag, kept, len(above)))
        code = {"code", "kbd", "pre"} & {element.tag, *above}
        words = (element.text or "").upper().split() if not code else (element.text or "").split()
        seen.append(words)
    return seen


def test_a_renderer_sees_the_same_structure_and_the_same_words() -> None:
    for seed in range(200):
        text = Maker(seed).markdown()
        assert shape(translated(text)) == shape(text), seed


def test_text_is_translated_and_code_and_addresses_are_not() -> None:
    text = (
        '# A title {#id}\n\nSome *words* and `code` at <https://a.b> in [a link](x_y "a title")\n\n'
        "- [x] done ![a cat](cat.png)\n\n| a | b |\n|---|---|\n| c \\| d | `e` |\n\n    code\n\n"
        "```\ncode\n```\n\n[^1]: a note\n\n[ref]: https://a.b\n"
    )
    assert translated(text) == (
        '# A TITLE {#id}\n\nSOME *WORDS* AND `code` AT <https://a.b> IN [A LINK](x_y "A TITLE")\n\n'
        "- [x] DONE ![A CAT](cat.png)\n\n| A | B |\n|---|---|\n| C \\| D | `e` |\n\n    code\n\n"
        "```\ncode\n```\n\n[^1]: A NOTE\n\n[ref]: https://a.b\n"
    )


def test_front_matter_has_texts_by_their_keys() -> None:
    text = "---\ntitle: a b\ndescription: 'c: d'\nlayout: post\nslug: \"x\"\n---\n\nthe end\n"
    assert translated(text) == (
        "---\ntitle: A B\ndescription: 'C: D'\nlayout: post\nslug: \"x\"\n---\n\nTHE END\n"
    )
    assert translated(text, front_matter=("slug",)).startswith("---\ntitle: a b\n")
    assert answered("---\ntitle: a\n---\n", "b: it's #1") == '---\ntitle: "b: it\'s #1"\n---\n'
    assert translated('+++\ntitle = "a"\nn = 1\n+++\n') == '+++\ntitle = "A"\nn = 1\n+++\n'


@pytest.mark.parametrize(
    ("source", "answer", "written"),
    [
        ("one two\n", "# one\n", None),
        ("one\n", "1. one", "1\\. one\n"),
        ("one\n", "- one", "\\- one\n"),
        ("one\n", "> one", "\\> one\n"),
        ("one\n", "a *b* c", "a \\*b\\* c\n"),
        ("one\n", "a <b>c</b>", "a \\<b\\>c\\</b\\>\n"),
        ("one\n", "a `b`", "a \\`b\\`\n"),
        ("one\n", "2 * 3 = snake_case", "2 * 3 = snake_case\n"),
        ("| a |\n|---|\n| b |\n", "c | d", "| c \\| d |\n|---|\n| b |\n"),
        ("# one #\n", "C #", "# C \\# #\n"),
    ],
)
def test_a_translation_is_text_whatever_it_looks_like(
    source: str, answer: str, written: str | None
) -> None:
    found = documents.translate(source.encode(), "md", lambda texts: [answer, *texts[1:]]).decode()
    if written is not None:
        assert found == written
    md = MarkdownIt("commonmark").enable("table")
    assert [t.type for t in md.parse(found)] == [t.type for t in md.parse(source)]


def test_emphasis_that_the_letters_around_forbid_becomes_tags() -> None:
    assert answered("a **word!** here", "これは言葉!です").count("<strong>") in (0, 1)
    page = MarkdownIt().render(answered("see **(this)** word", "xx(this)yy"))
    assert "**" not in page


def test_wrapped_lines_are_wrapped_again_with_their_prefix() -> None:
    text = "> one two three four\n> five six seven\n"
    found = answered(text, "uno dos tres - 4. cuatro cinco seis # siete ocho")
    assert found == "> uno dos tres - 4.\n> cuatro cinco seis #\n> siete ocho\n"
    assert shape(found)[0] == shape(text)[0]


def test_line_ends_stay() -> None:
    assert translated("a\r\n\r\nb  \r\nc\r\n") == "A\r\n\r\nB  \r\nC\r\n"


def test_html_inside_is_translated_as_html() -> None:
    text = '<div title="a">\n<p>b &lt; <b>c</b></p>\n</div>\n\na <kbd>Ctrl</kbd> <b>d</b><br>E\n'
    assert translated(text) == (
        '<div title="A">\n<p>B &lt; <b>C</b></p>\n</div>\n\nA <kbd>Ctrl</kbd> <b>D</b><br>E\n'
    )


def test_hostile_nesting_ends_soon() -> None:
    for text in ("[" * 5000, "*a **b " * 2000, "> " * 3000 + "a", "`" * 9999 + "a", "<a " * 5000):
        documents.translate(text.encode(), "md", capitals)
