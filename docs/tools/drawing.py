"""The directive `drawing`: a picture that a function of docs/drawings makes when the site is built.

    ```{drawing} attention.tiles
    What the picture shows, for those who do not see it, and as its caption.
    ```

The picture is a part of the page, so it has the page's colours, light or dark.
"""

from __future__ import annotations

import html
import importlib
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive


class Drawing(Directive):
    """A figure: the drawing, in a box that scrolls where it is too wide, and its caption."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """The nodes of the figure."""
        module, name = self.arguments[0].split(".")
        picture = getattr(importlib.import_module(f"drawings.{module}"), name)()
        label = html.escape(" ".join(self.content).replace("`", ""), quote=True)
        figure = picture.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
        caption = nodes.container(classes=["drawing-caption"])
        self.state.nested_parse(self.content, self.content_offset, caption)
        return [nodes.raw("", f'<div class="drawing">{figure}</div>', format="html"), caption]


def setup(app: Any) -> dict[str, bool]:
    """Sphinx's entry."""
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
