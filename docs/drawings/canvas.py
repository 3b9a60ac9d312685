"""A few shapes of SVG, in the colours of the page.

Texts and lines have the colour of the page's text. Areas have one of six colours, which
`docs/static/site.css` sets for light and dark pages.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

SIZE = 13  # of letters, in the drawing's units, which are pixels where there is room


class Canvas:
    """A drawing of a given size, to which shapes are added."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, colour: str = "plain") -> None:
        """A rectangle; `colour` is "plain" or "c1" to "c6"."""
        self._parts.append(
            f'<rect class="{colour}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" '
            f'height="{_n(height)}" rx="3"/>'
        )

    def text(
        self, x: float, y: float, text: str, *, anchor: str = "middle", kind: str = ""
    ) -> None:
        """A line of text around a point; `kind` may be "small", "bold" or "inside"."""
        self._parts.append(
            f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" '
            f'dominant-baseline="central">{html.escape(text)}</text>'
        )

    def label(
        self, x: float, y: float, width: float, height: float, text: str, colour: str = "plain"
    ) -> None:
        """A rectangle with lines of text in its middle."""
        self.box(x, y, width, height, colour)
        lines = text.split("\n")
        for n, line in enumerate(lines):
            middle = y + height / 2 + (n - (len(lines) - 1) / 2) * (SIZE + 3)
            self.text(x + width / 2, middle, line, kind="inside" if colour != "plain" else "")

    def line(self, points: Sequence[tuple[float, float]], kind: str = "") -> None:
        """A line through points; `kind` may be "arrow", "faint", "dashed" or a colour."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        head = ' marker-end="url(#arrow)"' if "arrow" in kind else ""
        self._parts.append(f'<polyline class="line {kind}" points="{path}"{head}/>')

    def dot(self, x: float, y: float, colour: str = "c1", radius: float = 4) -> None:
        """A filled circle."""
        self._parts.append(f'<circle class="{colour}" cx="{_n(x)}" cy="{_n(y)}" r="{radius}"/>')

    def svg(self) -> str:
        """The drawing."""
        kind = "wide" if self.width > 480 else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" font-size="{SIZE}" '
            f'style="max-width: {_n(self.width * 1.25)}px" '
            f'viewBox="0 0 {_n(self.width)} {_n(self.height)}">'
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path class="head" d="M0,0 L8,4 L0,8 z"/></marker>'
            f"</defs>{''.join(self._parts)}</svg>"
        )


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
