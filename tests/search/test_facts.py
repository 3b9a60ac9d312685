"""The searches of the core with scripted answers in the place of a model (main.cc)."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from support import cpp_programs
from support.lanes import slow
from support.paths import CSRC

# The compiler takes most of a minute.
pytestmark = slow

HERE = pathlib.Path(__file__).parent

FACTS = [
    name
    for file in sorted(HERE.glob("facts_*.cc"))
    for name in re.findall(r'^ +\{"(.+?)",', file.read_text(), re.MULTILINE)
]


@pytest.fixture(scope="module")
def verdicts() -> dict[str, str]:
    """What the program says of each fact: nothing, or why it does not hold."""
    if cpp_programs.why_not():
        pytest.skip(cpp_programs.why_not())
    sources = [
        *HERE.glob("*.cc"),
        *CSRC.glob("search/*.cc"),
        CSRC / "kernels/reference.cc",
        CSRC / "ops/search_bounds.cc",  # without a header of its own
    ]
    program = cpp_programs.build(sources, "search")
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    lines = [line.split(": ", 2) for line in done.stdout.splitlines()]
    return {name: "".join(reason) for _, name, *reason in lines}


def test_program_checks_all_facts(verdicts: dict[str, str]) -> None:
    assert sorted(verdicts) == sorted(FACTS)


@pytest.mark.parametrize("fact", FACTS)
def test_search(verdicts: dict[str, str], fact: str) -> None:
    assert verdicts.get(fact) == ""
