"""`pyattn translate --glossary` reads the terms, and names what is wrong with them."""

from __future__ import annotations

import pathlib

import pytest

from pyattn.commands import main as cli


def test_terms_are_used(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "terms.tsv").write_text("station\tterminal\n", encoding="utf-8")
    arguments = ["translate", "--glossary", str(tmp_path / "terms.tsv"), "--threads", "1"]
    assert cli.main([*arguments, "Where is the station?"]) == 0
    assert capsys.readouterr().out == "¿Dónde está la terminal?\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("terms.tsv", "a,b", "terms.tsv: line 1 has 1 column, expected 2"),
        ("terms.txt", "a\tb", "terms.txt: format is 'txt', expected one of tsv, csv, tbx"),
        ("none.tsv", None, "none.tsv: No such file or directory"),
    ],
)
def test_wrong_files_are_named(
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str | None,
    message: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert cli.main(["translate", "--glossary", str(tmp_path / name), "Hello."]) == 1
    assert message in capsys.readouterr().err
