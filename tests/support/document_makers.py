"""Random documents of every format: ordinary ones, with the oddities that real ones have."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

_WORDS = re.findall(
    r"\S+",
    "the house is and my brother bought a red car last year because it rained all day "
    "long old "
    "Tom Mary Paris London don't well-known e-mail 12 1,600 3.5 café naïve Übung 日本 Жизнь 😀",
)
_ENDS = [".", ".", "!", "?", "...", ":", ";", "", ""]


class Maker:
    """Makes documents of one random seed.

    Args:
        seed: Of the random numbers.
        glued: Whether markup stands inside of words, too.
    """

    def __init__(self, seed: int, *, glued: bool = True) -> None:
        self._random = random.Random(seed)
        self._glue = "" if glued else " "

    def words(self, most: int = 9) -> str:
        return " ".join(self._random.choices(_WORDS, k=self._random.randint(1, most)))

    def sentence(self) -> str:
        return self.words().capitalize() + self._random.choice(_ENDS)

    def sentences(self) -> str:
        return " ".join(self.sentence() for _ in range(self._random.randint(1, 3)))

    def pick(self, *choices: str) -> str:
        return self._random.choice(choices)

    def many(self, part: Callable[[], str], least: int, most: int, between: str = "") -> str:
        return between.join(part() for _ in range(self._random.randint(least, most)))

    def lines(self, text: str) -> str:
        """A text with one of the line ends."""
        return text.replace("\n", self.pick("\n", "\n", "\r\n"))

    # Plain text

    def text(self) -> str:
        return self.lines(self.many(self._paragraph, 1, 6, "\n\n") + self.pick("", "\n", "\n\n \n"))

    def _paragraph(self) -> str:
        indent = self.pick("", "", "  ", "\t", "> ", "- ", "  * ", "1. ", "• ")
        return self.many(lambda: indent + self.sentences() + self.pick("", "", " "), 1, 4, "\n")

    # HTML

    def html(self) -> str:
        body = self.many(self._block, 1, 8, self.pick("\n", ""))
        if self._random.random() < 0.3:
            return self.lines(body)
        head = (
            f"{self.pick('<!DOCTYPE html>', '<!doctype html >', '')}\n"
            f"<html{self.pick('', ' lang=en', ' LANG=' + chr(34) + 'en-GB' + chr(34))}>\n<head>"
            f"<title>{self.html_text()}</title>"
            f'<meta name="description" content="{self.attribute()}"/>'
            f"<style>p > b {{ color: red }}</style><script>if (a < b && c) {{ '<p>' }}</script>"
            "</head>\n<body class=x>\n"
        )
        return self.lines(head + body + "\n</body>\n</html>\n")

    def html_text(self) -> str:
        parts = [self.sentence(), self.pick("", " &amp; ", " &lt;b&gt; ", " &eacute;&nbsp;", " < ")]
        return "".join(parts) + self.pick("", self.words(), " AT&T ", " &#8212; &unknown; ")

    def attribute(self) -> str:
        return self.words() + self.pick("", " &quot;x&quot;", " &amp; y", " > z")

    def _block(self) -> str:
        tag = self.pick("p", "div", "h1", "li", "td", "blockquote", "section", "label", "pre")
        end = self.pick(f"</{tag}>", f"</{tag} >", f"</{tag}>", "")
        attributes = self.pick("", f' title="{self.attribute()}"', " class='a b'", " id=x hidden")
        if self._random.random() < 0.15:
            attributes += self.pick(' translate="no"', ' class="notranslate"', ' lang="fr"')
        body = self.many(lambda: self.inline(2), 1, 4, self.pick(" ", self._glue, "\n   "))
        return f"<{tag}{attributes}>{body}{end}"

    def inline(self, depth: int) -> str:
        chance = self._random.random()
        if depth == 0 or chance < 0.4:
            return self.html_text()
        if chance < 0.75:
            tag = self.pick("b", "i", "a href='x?a=1&b=2'", "span", "em", "q", "my-tag", "sup")
            inner = self.many(lambda: self.inline(depth - 1), 0, 3, self.pick(" ", self._glue))
            name = tag.split()[0]
            return f"<{tag}>{inner}</{name}>"
        return self.pick(
            "<br>",
            "<br/>\n",
            f'<img src=a.png alt="{self.attribute()}">',
            f"<code>{self.words(3)}</code>",
            "<!-- a comment <b> -->",
            "<kbd>Ctrl</kbd>",
            "</b>",
            "<b>",
            f'<input type="submit" value="{self.attribute()}">',
            "<svg><path d='M0 0'/><text>abc</text></svg>",
            "<textarea>some text</textarea>",
            "<?php echo 1 ?>",
            "<wbr>",
        )

    # Markdown

    def markdown(self) -> str:
        head = self.pick(
            "",
            "",
            f"---\ntitle: {self.words()}\nlayout: post\ntags: [a, b]\n"
            f'description: "{self.words()}"\n---\n\n',
            f'+++\ntitle = "{self.words()}"\nweight = 3\n+++\n',
        )
        return self.lines(head + self.many(self._markdown_block, 1, 8, "\n\n") + "\n")

    def _markdown_block(self) -> str:
        chance = self._random.random()
        if chance < 0.35:
            return self._markdown_lines("")
        if chance < 0.5:
            return self.pick("#", "##", "### ") + " " + self._markdown(2) + self.pick("", " ##")
        if chance < 0.6:
            return self._markdown_lines("> ", "> ")
        if chance < 0.75:
            mark, rest = self._random.choice([("- ", "  "), ("* [ ] ", "  "), ("1. ", "   ")])
            return self.many(lambda: self._markdown_lines(mark, rest), 1, 3, "\n")
        if chance < 0.82:
            row = lambda: f"| {self._markdown(1)} | `a` | {self.words()} \\| x |"  # noqa: E731
            return f"| a | {self.words()} | b |\n|---|:-:|---|\n" + self.many(row, 1, 2, "\n")
        return self.pick(
            f"```python\n{self.sentence()}\n```",
            f"    {self.words()}",
            f"{self.words()}\n======",
            f"<div>\n<p>{self.html_text()}</p>\n</div>",
            "***",
            f"[ref]: https://example.com/a_b '{self.words()}'",
            f"[^1]: {self.words()}",
            f"{{% include {self.words(2)} %}}",
            f"> [!NOTE]\n> {self.words()}",
        )

    def _markdown_lines(self, first: str, rest: str = "") -> str:
        ends = self.pick("\n", "\n", "  \n", "\\\n")
        return first + self.many(lambda: self._markdown(2), 1, 3, ends + rest)

    def _markdown(self, depth: int) -> str:
        return self.many(lambda: self._markdown_part(depth), 1, 4, " ")

    def _markdown_part(self, depth: int) -> str:
        chance = self._random.random()
        if depth == 0 or chance < 0.5:
            return self.words(5)
        inner = self._markdown(depth - 1)
        return self.pick(
            f"*{inner}*",
            f"**{inner}**",
            f"_{inner}_",
            f"__{inner}__",
            f"~~{inner}~~",
            f"[{self.words(3)}](https://example.com/x_y)",
            f"[{self.words(3)}](<a b> '{self.words(2)}')",
            f"[{self.words(2)}][ref]",
            f"![{self.words(3)}](a.png)",
            "`some *code*`",
            "<https://example.com/a>",
            f"<span class='x'>{self.words(3)}</span>",
            "\\*not\\*",
            "&copy; &amp;",
            "snake_case_name",
            "5 * 3 < 7",
            "word[^1]",
            "<br>",
            ":smile:",
            "<kbd>Ctrl</kbd>",
        )

    # Subtitles

    def srt(self) -> str:
        return self.lines(self._cues(",", "<i>", "{\\an8}", "& <3"))

    def vtt(self) -> str:
        head = self.pick("WEBVTT\n\n", "WEBVTT - a title\nKind: captions\n\nNOTE\nsome text\n\n")
        style = self.pick("", "STYLE\n::cue { color: red }\n\n", "REGION\nid:a\n\n")
        return self.lines(head + style + self._cues(".", "<c.a>", "<00:00:01.000>", "&amp; &lt;"))

    def _cues(self, comma: str, tag: str, mark: str, sign: str) -> str:
        time = 0
        parts = []
        close = "</" + tag[1] + ">"
        for number in range(1, self._random.randint(2, 12)):
            time += self._random.choice([0, 40, 900, 3000])
            begin, time = time, time + self._random.randint(300, 5000)
            times = f"{self._time(begin, comma)} --> {self._time(time, comma)}"
            lines = self.many(self._cue_line, 1, 3, "\n")
            if self._random.random() < 0.3:
                words = self.words(4)
                lines = lines.replace(words[:1], f"{tag}{words}{close}", 1)
            lines = self.pick("", "", mark) + lines + self.pick("", "", f" {sign}")
            settings = self.pick("", "", " align:start" if comma == "." else "  X1:10 Y1:20")
            parts.append(f"{number}\n{times}{settings}\n{lines}\n")
        return self.pick("", "\n") + self.pick("\n", "\n", "\n\n").join(parts)

    def _cue_line(self) -> str:
        head = self.pick("", "", "", "- ", "-", "♪ ", "[music] ", "<b>x</b> ")
        return head + self.words(7) + self.pick("", "", ".", "?", "...", ",", " ♪")

    @staticmethod
    def _time(milliseconds: int, comma: str) -> str:
        seconds, rest = divmod(milliseconds, 1000)
        return f"00:{seconds // 60:02}:{seconds % 60:02}{comma}{rest:03}"

    def ass(self) -> str:
        head = (
            "[Script Info]\nTitle: a title\n; a note\n\n[V4+ Styles]\n"
            "Format: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n[Events]\n"
            "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        )
        return self.lines(head + self.many(self._dialogue, 1, 8, "\n") + "\n")

    def _dialogue(self) -> str:
        begin = self._random.randint(0, 50)
        kind = self.pick("Dialogue", "Dialogue", "Dialogue", "Comment")
        times = f"0:00:{begin:02}.00,0:00:{begin + 2:02}.50"
        marks = self.pick("", "{\\an8}", "{\\i1}", "{\\p1}m 0 0 l 1 1{\\p0}")
        lines = self.many(self.words, 1, 3, self.pick("\\N", "\\N- ", " {\\b1}x{\\b0} ", "\\h"))
        return f"{kind}: 0,{times},Default,,0,0,0,,{marks}{lines}{self.pick('', '.', ', and')}"

    # PO

    def po(self) -> str:
        head = (
            'msgid ""\nmsgstr ""\n"Project-Id-Version: x\\n"\n"Language: \\n"\n'
            '"Content-Type: text/plain; charset=UTF-8\\n"\n'
            '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        )
        messages = []
        for number in range(self._random.randint(1, 9)):
            comments = self.pick("", "# a note\n", "#. for you\n#: a.c:1\n")
            flags = self.pick("", "#, c-format\n", "#, fuzzy\n", "#, python-format, no-wrap\n")
            flags += self.pick("", "", '#| msgid "old"\n') if "fuzzy" in flags else ""
            context = self.pick("", f'msgctxt "c{number}"\n')
            done = self.pick("", "", '"hecho"')
            if self._random.random() < 0.3:
                texts = f'msgid "%d {self._id(number)}"\nmsgid_plural "%d {self.words()}s"\n'
                forms = f"msgstr[0] {done or chr(34) * 2}\nmsgstr[1] {done or chr(34) * 2}\n"
            else:
                texts = f'msgid "{self._id(number)}{self._ending()}"\n'
                if self._random.random() < 0.2:
                    texts = f'msgid ""\n"{self._id(number)}\\n"\n"{self._ending()}"\n'
                forms = f"msgstr {done or chr(34) * 2}\n"
            messages.append(comments + flags + context + texts + forms)
        gone = self.pick("", '\n#~ msgid "old"\n#~ msgstr "viejo"\n')
        return self.lines(self.pick("# title\n#\n", "") + head + "\n".join(messages) + gone)

    def _id(self, number: int) -> str:
        return f"{number} {self.words()}"

    def _ending(self) -> str:
        return self.pick("", ".", " %s", "\\n", ' \\"x\\" %(name)s ', " {name}", " 100%", "\\t")

    # Messages

    def json(self) -> str:
        indent = self._random.choice([None, 2, 4])
        ascii_only = self._random.random() < 0.4
        messages = {f"key_{n}": self._value(2) for n in range(self._random.randint(1, 7))}
        return self.lines(json.dumps(messages, indent=indent, ensure_ascii=ascii_only) + "\n")

    def _value(self, depth: int) -> object:
        chance = self._random.random()
        if depth and chance < 0.15:
            return {self.words(1): self._value(depth - 1), "id": "some_id", "n": 3}
        if depth and chance < 0.3:
            return [self._value(depth - 1), None, True, 1.5, "", "https://example.com/a"]
        return self.message()

    def message(self) -> str:
        return self.sentences() + self.pick(
            "", "", "\n", " {name}", ' "x"', " <b>bold</b> text", " \\ / %s", "\t", " {count}."
        )

    def arb(self) -> str:
        choice = (
            "{count, plural, =0{" + self.words() + "} one{# " + self.words() + "} "
            "other{{count} " + self.words() + "}}"
        )
        messages = {"@@locale": "en", "a": self.message(), "@a": {"description": self.words()}}
        return self.lines(json.dumps({**messages, "b": choice}, indent=2) + "\n")

    # XML

    def android(self) -> str:
        parts = self.many(self._resource, 1, 7, "\n    ")
        head = '<?xml version="1.0" encoding="utf-8"?>\n<resources xmlns:xliff="urn:x">\n    '
        return self.lines(f"{head}{parts}\n</resources>\n")

    def _resource(self) -> str:
        text = self.words() + self.pick(
            "", ".", " it\\'s", ' \\"x\\"', " %1$s", "\\nnext", " &amp; so", " <b>bold</b> text"
        )
        return self.pick(
            f'<string name="a">{text}</string>',
            f'<string name="b" translatable="false">{text}</string>',
            f'<string name="c">"{text}"</string>',
            f'<string name="d"> <xliff:g id="x">%s</xliff:g> {text}</string>',
            f'<plurals name="e"><item quantity="one">{text}</item></plurals>',
            f'<string-array name="f">\n<item>{text}</item>\n<item>@string/a</item></string-array>',
            f"<!-- {self.words()} -->",
            '<string name="g" />',
            "<string name='h'><![CDATA[<b>x</b>]]></string>",
        )

    def xliff(self) -> str:
        if self._random.random() < 0.5:
            units = self.many(self._unit_1, 1, 6, "\n      ")
            return self.lines(
                '<?xml version="1.0"?>\n<xliff version="1.2">\n  <file source-language="en" '
                f'original="a">\n    <body>\n      {units}\n    </body>\n  </file>\n</xliff>\n'
            )
        units = self.many(self._unit_2, 1, 6, "\n    ")
        return self.lines(
            '<xliff version="2.0" srcLang="en" trgLang="es">\n  <file id="f">\n    '
            f"{units}\n  </file>\n</xliff>\n"
        )

    def _source(self, pair: str, code: str) -> str:
        return (
            f"{self.words()} <{pair} id='1'>{self.words(3)}</{pair}> {code} {self.words()} &amp; x"
        )

    def _unit_1(self) -> str:
        source = self._source("g", self.pick("<x id='2'/>", "<ph id='3'>&lt;br/&gt;</ph>"))
        new = f'\n        <target state="new">{source}</target>'
        target = self.pick("", "<target/>", "<target></target>", new, "<target>hecho</target>")
        fixed = self.pick("", "", ' translate="no"')
        inner = f"<source>{source}</source>{target}"
        return f'<trans-unit id="1"{fixed}>\n        {inner}</trans-unit>'

    def _unit_2(self) -> str:
        source = self._source("pc", "<ph id='2'/>")
        target = self.pick("", "<target>hecho</target>", "\n<target/>")
        return f'<unit id="u"><segment><source>{source}</source>{target}</segment></unit>'


FORMATS: dict[str, Callable[[Maker], str]] = {
    "txt": Maker.text,
    "md": Maker.markdown,
    "srt": Maker.srt,
    "vtt": Maker.vtt,
    "ass": Maker.ass,
    "po": Maker.po,
    "json": Maker.json,
    "arb": Maker.arb,
    "xml": Maker.android,
    "xliff": Maker.xliff,
    "html": Maker.html,
    "xhtml": Maker.html,
}

_PIECES = [
    b"\0", b"\xff", b"\xc3", b"\xf0\x9f", b"<", b">", b"<!--", b"]]>", b'"', b"'", b"\\", b"&#x;",
    b"&#1114112;", b"&", b"{", b"}", b"\r", b"\n\n", b"[", b"](", b"`", b"|", b"*", b"msgid",
    b"-->", b"<b", b"</", b"<p translate=no", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x80\xa8",
    b"9" * 30,
]  # fmt: skip


def mutant(format: str, seed: int) -> bytes:
    """A document with a few bytes lost, doubled, moved or put in."""
    chance = random.Random(seed)
    data = bytearray(FORMATS[format](Maker(seed)).encode())
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(data) + 1)
        end = min(len(data), place + chance.choice([1, 2, 8, 40]))
        kind = chance.randrange(5)
        if kind == 0:
            del data[place:end]
        elif kind == 1:
            data[place:place] = data[place:end] * chance.choice([1, 2, 30])
        elif kind == 2:
            data[place:place] = chance.choice(_PIECES)
        elif kind == 3:
            data[place:end] = bytes(chance.randrange(256) for _ in range(end - place))
        else:
            other = chance.randrange(len(data) + 1)
            data[other:other] = data[place:end]
    return bytes(data)
