import pathlib
import re
from collections.abc import Callable

import pytest

pytest.importorskip("sacrebleu")

import untreated

LINES = ["I saw 12 cats.", "Then Tom left.", "It is cold here."]


def test_digits_and_copies_are_in_the_lines() -> None:
    lines, numbers = untreated.with_digits(LINES, 60)
    assert len(lines) == len(numbers) == 60
    assert all(numbers)
    assert len(set(lines)) > 50
    lines, things = untreated.with_copies(LINES, 60)
    assert len(lines) == 60
    assert all(thing in line for line, some in zip(lines, things, strict=True) for thing in some)
    assert untreated.with_copies(LINES, 60) == (lines, things)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda line: line, 60),
        (lambda line: re.sub(r"\d", "", line, count=1), 0),
        (lambda line: line + " 1", 60),
    ],
)
def test_a_line_counts_if_all_its_numbers_come_back(
    change: Callable[[str], str], kept: int
) -> None:
    lines, numbers = untreated.with_digits(LINES, 60)
    row = untreated.counted(lambda given: [change(line) for line in given], lines, numbers)
    assert (row["kept"], row["count"], len(row["lost"])) == (kept, 60, 60 - kept)


def test_a_number_within_another_is_not_kept() -> None:
    row = untreated.counted(lambda _: ["112 cats"], ["12 cats"], [["12"]])
    assert row["kept"] == 0


def test_both_tags_have_to_come_back() -> None:
    row = untreated.counted(lambda _: ["<b>hola"], ["<b>hi</b>"], [["<b>", "</b>"]])
    assert row["lost"] == [["<b>hi</b>", "<b>hola"]]


def test_report_has_both_tables(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in (("en", "I am hungry.\n"), ("es", "Tengo hambre.\n")):
        (tmp_path / name).write_text(content, "utf-8")
    files = ["--sources", str(tmp_path / "en"), "--references", str(tmp_path / "es")]
    assert untreated.main([*files, "--lines", "3", "--threads", "1", "--show", "1"]) == 0
    printed = capsys.readouterr().out
    assert "| in capitals |" in printed
    assert "| with copies |" in printed
    (tmp_path / "es").write_text("Tengo hambre.\nSí.\n", "utf-8")
    assert untreated.main(files) == 1
