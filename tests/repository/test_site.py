"""The pages of the site: their programs and commands run, and the table of contents has them all.

A page's blocks run in order, in one folder and one namespace. Commands that install, and those that
enter a folder, are left out; a service that a page starts is one on a free port.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator

import pytest

import pyattn
from support import service
from support.document_blocks import (
    all_blocks,
    announced,
    commands_in,
    make_folder,
    printed_by,
    run,
    served_models,
)
from support.lanes import slow
from support.paths import ROOT, TESTS

DOCS = ROOT / "docs"
if not (DOCS / "index.md").exists():
    pytest.skip("the documents are not in the wheel", allow_module_level=True)

# Made when the site is built, of files that lie elsewhere in the repository.
GATHERED = "gathered/"
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if not {"gathered", "out"} & {*path.relative_to(DOCS).parts}
)
FOLDERS = ("coming-from", "how", "measured", "tasks", "textbook")
RUN = [
    page
    for page in PAGES
    if page.relative_to(DOCS).parts[0] in FOLDERS or page.name in ("index.md", "start.md")
    if any(language in ("python", "console") for language, _ in all_blocks(page))
]
_INSTALLS = re.compile(r"(?:\.|cd|mkdir|pip|python3 -m venv|kill) ")
_SERVICE = "http://127.0.0.1:5000"


def name_of(page: pathlib.Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    place = tmp_path_factory.mktemp("site")
    (place / "served").mkdir()
    with served_models(place / "served"):
        yield make_folder(place / "template")


@slow
@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_page_runs_in_order_and_prints_what_it_shows(
    page: pathlib.Path,
    template: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = tmp_path / "folder"
    shutil.copytree(template, place)
    monkeypatch.chdir(place)
    names: dict[str, object] = {}
    with contextlib.ExitStack() as services:
        address = ""
        for language, block in all_blocks(page):
            if language == "python":
                assert printed_by(block, page, names) == announced(block), block
            if language != "console":
                continue
            for command, output in commands_in(block):
                if _INSTALLS.match(command):
                    continue
                if command.startswith("pyattn serve"):
                    assert output == [f"pyattn: serving at {_SERVICE}"]
                    address, *_ = services.enter_context(service.process())
                    continue
                if "curl" in command and shutil.which("curl") is None:
                    continue
                if "Helsinki-NLP" in command:
                    pytest.importorskip("huggingface_hub")
                printed = run(command.replace(_SERVICE, address), place)
                assert printed == output, command


def contents(page: pathlib.Path) -> Iterator[str]:
    """The pages that a page's tables of contents name."""
    for table in re.findall(r"^```\{toctree\}\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
        for line in table.splitlines():
            if line and not line.startswith(":"):
                yield os.path.relpath(page.parent / line, DOCS)


def test_every_page_is_in_one_table_of_contents() -> None:
    named = [name for page in PAGES for name in contents(page) if not name.startswith(GATHERED)]
    pages = [name_of(page).removesuffix(".md") for page in PAGES]
    assert sorted(["index", *named]) == pages


def links(page: pathlib.Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def test_links_of_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in links(page):
            path, _, heading = link.partition("#")
            if "://" in link:
                continue
            place = (page.parent / path).resolve() if path else page
            assert place.is_file(), (name_of(page), link)
            titles = re.findall(r"^#+ (.*)$", place.read_text("utf-8"), re.M)
            slugs = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]
            assert not heading or heading in slugs, (name_of(page), link)


def test_every_public_name_has_a_place_in_the_reference() -> None:
    text = "".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md"))
    modules = {
        "pyattn": pyattn,
        "pyattn.ops": pyattn.ops,
        "pyattn.reference": pyattn.reference,
        "pyattn.documents": pyattn.documents,
    } | {
        name: importlib.import_module(name)
        for name in ("pyattn.compat.ctranslate2", "pyattn.compat.sentence_transformers")
    }
    without_a_page = {"pyattn.ops.Activation", "pyattn.ops.DType"}
    named = set(re.findall(r"pyattn(?:\.\w+)+", text)) | without_a_page
    for module, content in modules.items():
        for name in content.__all__:
            # In a place of its own, under its shorter name, or as a module whose names have places.
            places = (f"{module}.{name}.", f"pyattn.{name}.")
            assert any(f"{one}.".startswith(places) for one in named), (module, name)


def test_promises_name_tests_that_exist() -> None:
    found = re.findall(r"`tests/([\w/]+\.py)::(\w+)`", (DOCS / "promises.md").read_text("utf-8"))
    assert len(found) > 20
    for file, name in found:
        text = (TESTS / file).read_text("utf-8")
        assert re.search(rf"^(?:async )?def {name}\(", text, re.M), (file, name)


def test_drawings_are_well_formed_and_inside_of_their_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import xml.etree.ElementTree as tree

    monkeypatch.syspath_prepend(str(DOCS))
    named = {
        one
        for page in PAGES
        for one in re.findall(r"^```\{drawing\} (\w+\.\w+)$", page.read_text("utf-8"), re.M)
    }
    assert named
    for one in named:
        module, function = one.split(".")
        picture = getattr(importlib.import_module(f"drawings.{module}"), function)()
        root = tree.fromstring(picture)
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for part in root.iter():
            if {"x", "y"} <= part.attrib.keys():
                x, y = float(part.attrib["x"]), float(part.attrib["y"])
                right = x + float(part.attrib.get("width", 0))
                below = y + float(part.attrib.get("height", 0))
                assert 0 <= x <= right <= width, (one, part.attrib)
                assert 0 <= y <= below <= height, (one, part.attrib)
    for name in [name for name in sys.modules if name.split(".")[0] == "drawings"]:
        monkeypatch.delitem(sys.modules, name)
