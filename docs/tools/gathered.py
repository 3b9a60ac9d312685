"""Pages that lie elsewhere in the repository, and the links between them and these.

A page of the repository links to files as they lie there. Those that are pages of the site lead to
them, wherever the site has them; of a link to any other file the text is left.
"""

from __future__ import annotations

import os
import pathlib
import re
from typing import Any

DOCS = pathlib.Path(__file__).parent.parent
ROOT = DOCS.parent
FOLDER = "gathered"

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"(^```.*?^```$)", re.M | re.S)
_NAMES = {
    "csrc/README.md": "core",
    "CONTRIBUTING.md": "project/contributing",
    "CHANGELOG.md": "project/changelog",
    "SECURITY.md": "project/security",
    "pyattn/models/en-es/ATTRIBUTION.md": "project/model",
}


def pages() -> dict[str, str]:
    """The gathered pages: where each lies in the repository, and its name in the site."""
    found = {path: f"{FOLDER}/{name}" for path, name in _NAMES.items() if (ROOT / path).is_file()}
    for path in sorted((ROOT / "bench/results").glob("*.md")):
        found[path.relative_to(ROOT).as_posix()] = f"{FOLDER}/results/{path.stem}"
    return found


def rewritten(text: str, origin: str, page: str, known: dict[str, str]) -> str:
    """The Markdown of a page with its links as the site has them.

    Args:
        text: Markdown.
        origin: Where the page lies in the repository.
        page: Its name in the site.
        known: The gathered pages.
    """
    here = os.path.dirname(page)  # noqa: PTH120  (a name, no path)

    def link(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        path, _, heading = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            return match[0]
        there = os.path.normpath(os.path.join(os.path.dirname(origin), path))  # noqa: PTH118, PTH120
        if there in known:
            name = known[there] + ".md"
        elif there == "README.md":
            name = "index.md"
        elif there.startswith("docs/") and there.endswith(".md"):
            name = there.removeprefix("docs/")
        elif mark and there.startswith("bench/results/"):
            name = f"{FOLDER}/results/{pathlib.Path(there).name}"
        else:
            return label
        return (
            f"{mark}[{label}]({os.path.relpath(name, here or '.')}{'#' * bool(heading)}{heading})"
        )

    blocks = _BLOCK.split(text)
    return "".join(part if n % 2 else _LINK.sub(link, part) for n, part in enumerate(blocks))


def gather(_app: Any) -> None:
    """Copies the pages into the folder that Sphinx reads."""
    for path, page in pages().items():
        _write(DOCS / f"{page}.md", (ROOT / path).read_bytes())
    for picture in (ROOT / "bench/results").glob("*.svg"):
        _write(DOCS / FOLDER / "results" / picture.name, picture.read_bytes())
    kept = {f"{page}.md" for page in pages().values()}
    for old in (DOCS / FOLDER).rglob("*.md"):
        if old.relative_to(DOCS).as_posix() not in kept:
            old.unlink()


def _write(path: pathlib.Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return  # Sphinx reads again what is new
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _read(_app: Any, page: str, source: list[str]) -> None:
    known = pages()
    origin = {name: path for path, name in known.items()}.get(page, f"docs/{page}.md")
    source[0] = rewritten(source[0], origin, page, known)


def setup(app: Any) -> dict[str, bool]:
    """Sphinx's entry."""
    app.connect("builder-inited", gather)
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
