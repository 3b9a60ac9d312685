"""The code blocks of the README and of docs/ do what they say.

A Python block prints what its comments say: those behind a `print(...)`, and those on lines of
their own at the margin. A command that is followed by lines prints them. The blocks of a page run
in order, in one namespace and in one folder.
"""

from __future__ import annotations

import functools
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator

import pytest

from support.document_blocks import (
    announced,
    blocks,
    commands_in,
    make_folder,
    printed_by,
    run,
    served_models,
)
from support.paths import ROOT

README = ROOT / "README.md"
if not README.exists():
    pytest.skip("the documents are not in the wheel", allow_module_level=True)
_OF_THE_SITE = {"index.md", "start.md", "promises.md", "limits.md"}  # which test_site.py runs
PAGES = [
    README,
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in _OF_THE_SITE),
]

Place = Callable[[pathlib.Path], pathlib.Path]


def commands(page: pathlib.Path) -> list[tuple[str, list[str]]]:
    """Each command of the console blocks that runs pyattn, with the lines that follow it."""
    found = (command for block in blocks(page, "console") for command in commands_in(block))
    return [one for one in found if re.search(r"\bpyattn \w", one[0])]


@pytest.fixture(scope="module", autouse=True)
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The models that the pages name."""
    with served_models(tmp_path_factory.mktemp("served")):
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A working directory with what the pages take for granted."""
    return make_folder(tmp_path_factory.mktemp("documents") / "template")


@pytest.fixture(scope="module")
def place(template: pathlib.Path) -> Place:
    """The folder of a page."""

    @functools.cache
    def place(page: pathlib.Path) -> pathlib.Path:
        folder = template.parent / page.name
        shutil.copytree(template, folder)
        return folder

    return place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_print_what_they_say(
    page: pathlib.Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place(page))
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        assert printed_by(block, page, names) == announced(block), block


@pytest.mark.parametrize(
    ("page", "command", "output"),
    [(page, *command) for page in PAGES for command in commands(page)],
    ids=lambda value: value.name if isinstance(value, pathlib.Path) else None,
)
def test_command_prints_what_follows_it(
    page: pathlib.Path, command: str, output: list[str], place: Place
) -> None:
    if "Helsinki-NLP" in command:
        pytest.importorskip("huggingface_hub")
    printed = run(command, place(page))
    if output:
        assert printed == output


def test_file_is_translated_line_by_line(place: Place) -> None:
    (command,) = (command for command, _ in commands(README) if "--output" in command)
    assert run(command, place(README)) == []
    lines = (place(README) / "letters.es").read_text("utf-8").splitlines()
    assert lines == ["Tengo hambre.", "¿Dónde está la estación?"]


def test_readme_has_blocks_of_both_kinds_and_is_short() -> None:
    assert len(blocks(README, "python")) >= 3
    assert len(commands(README)) >= 8
    assert sum(len(announced(block)) for block in blocks(README, "python")) >= 8
    assert len(README.read_text("utf-8").splitlines()) <= 200
