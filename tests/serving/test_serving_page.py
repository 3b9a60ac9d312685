"""docs/serving.md: its commands and programs with a service, and its table of settings."""

import contextlib
import dataclasses
import io
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from pyattn.serving import ServiceSettings
from pyattn.serving.settings import _PREFIX
from support import service
from support.lanes import slow
from support.paths import ROOT

PAGE = ROOT / "docs/serving.md"
if not PAGE.exists():
    pytest.skip("the documents are not in the wheel", allow_module_level=True)

_PORT = "http://localhost:5000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


def commands() -> list[tuple[str, list[str]]]:
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, *output = part.splitlines()
            found.append((command, output))
    return found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with service.process() as (found, *_):
        yield found


@slow
def test_commands_print_what_follows_them(address: str, tmp_path: pathlib.Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    for command, output in commands():
        made = subprocess.run(
            command.replace(_PORT, address),
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"]},
            timeout=60,
            check=False,
        )
        assert made.returncode == 0, command
        assert made.stdout.splitlines() == output, command


@slow
@pytest.mark.parametrize("program", blocks("py"))
def test_programs_print_what_their_comments_say(address: str, program: str) -> None:
    package = re.search(r"^(?:from|import) (\w+)", program, re.M)
    assert package is not None
    pytest.importorskip(package[1])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program.replace(_PORT, address), {})
    assert printed.getvalue().splitlines() == re.findall(r"^# (.*)$", program, re.M)


def test_every_setting_is_described_with_its_default() -> None:
    table = PAGE.read_text("utf-8").split("## Settings")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.M)
    fields = dataclasses.fields(ServiceSettings)
    assert rows == [(field.name, repr(field.default)) for field in fields]


def test_variables_are_those_of_settings() -> None:
    known = {f"{_PREFIX}{field.name.upper()}" for field in dataclasses.fields(ServiceSettings)}
    assert set(re.findall(rf"\b{_PREFIX}\w+", PAGE.read_text("utf-8"))) <= known
