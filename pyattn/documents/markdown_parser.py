"""The parser of Markdown, with the place of everything inside of lines.

markdown-it tells which lines a block has, but not where in a line markup is. Its own rules run
here, so what they say is Markdown's grammar, and the places are noted between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyattn.errors import DocumentError
from pyattn.results import Span

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token


def parser() -> MarkdownIt:
    """A parser of CommonMark with tables, strikethrough and footnotes, whose tokens have places.

    Raises:
        ImportError: if a package is missing.
    """
    try:
        from markdown_it import MarkdownIt
        from markdown_it.parser_inline import ParserInline
        from mdit_py_plugins.footnote import footnote_plugin
    except ImportError as error:
        raise ImportError(
            f"Markdown needs the package {error.name}: pip install 'pyattn[documents]'"
        ) from None

    class PlacedInline(ParserInline):
        """Notes the span of each token in `meta`."""

        def tokenize(self, state: StateInline) -> None:
            _tokenize(self, state)

    made = MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(footnote_plugin)
    inline = PlacedInline()
    inline.ruler, inline.ruler2 = made.inline.ruler, made.inline.ruler2
    made.inline = inline
    made.core.ruler.enableOnly(["normalize", "block", "inline"])
    made.inline.ruler2.enableOnly(["balance_pairs", "strikethrough", "emphasis"])
    return made


def parsed(md: MarkdownIt, text: str, env: dict[str, Any]) -> list[Token]:
    """The tokens of a document.

    Raises:
        DocumentError: if it is nested too deeply.
    """
    try:
        return md.parse(text, env)
    except (RecursionError, IndexError, ValueError, RuntimeError) as error:
        raise DocumentError(f"markdown: the document cannot be parsed: {error}") from None


def inline_tokens(md: MarkdownIt, text: str, env: dict[str, Any]) -> list[Token]:
    """The tokens of a text inside of a block."""
    try:
        return md.inline.parse(text, md, env, [])
    except (RecursionError, IndexError, ValueError, RuntimeError) as error:
        raise DocumentError(f"markdown: {text!r:.60} cannot be parsed: {error}") from None


def span_of(token: Token) -> Span:
    """The span of a token in the text of its block."""
    begin, end = token.meta["span"]
    return begin, end


def is_markup(token: Token) -> bool:
    """Whether a token counts as markup: not text, and not the end of an address, which is one."""
    address = token.type == "link_close" and token.markup == "autolink"
    return token.type not in ("text", "text_special", "softbreak") and not address


def _tokenize(inline: Any, state: StateInline) -> None:
    """As markdown-it's own, but that tokens get their spans."""
    begin, end = state.pos, state.posMax
    rules = inline.ruler.getRules("")
    deep = state.level >= state.md.options["maxNesting"]
    done = begin
    while state.pos < end:
        start, count, pending = state.pos, len(state.tokens), state.pending
        for rule in () if deep else rules:
            if rule(state, False):
                break
        else:
            state.append_pending(state.src[state.pos])
            state.pos += 1
        if len(state.tokens) > count:
            made = state.tokens[count:]
            if pending:
                # Spaces at the end of a line belong to the break behind them.
                flushed = made[0].type == "text" and "span" not in made[0].meta
                start = min(start, done + (len(made[0].content) if flushed else 0))
                if flushed:
                    made.pop(0).meta["span"] = (done, start)
            _place(made, start, state.pos)
            done = state.pos
    if state.pending:
        state.pushPending().meta["span"] = (done, end)


def _place(made: Sequence[Token], start: int, end: int) -> None:
    """Gives the tokens of one rule their spans."""
    if not made:
        return
    if made[0].type == "link_open" and made[-1].type == "link_close" and len(made) > 1:
        inner = [token.meta["span"] for token in made[1:-1] if "span" in token.meta]
        if made[0].markup == "autolink" or not inner:
            made[0].meta["span"] = (start, end)
            for token in made[1:]:
                token.meta["span"] = (end, end)
            return
        made[0].meta["span"] = (start, inner[0][0])
        made[-1].meta["span"] = (inner[-1][1], end)
        return
    place = start
    for number, token in enumerate(made):
        last = number == len(made) - 1
        width = len(token.content) if token.type == "text" else 0
        token.meta["span"] = (place, end if last else place + width)
        place += width
