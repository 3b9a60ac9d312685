import pathlib

import pytest

pytest.importorskip("sacrebleu")

import guard

from support.lanes import slow


def test_length_of_a_few_letters_is_taken_as_five() -> None:
    assert not guard.too_long("of", "Fuera de")
    assert guard.too_long("of", "x" * 16)
    assert not guard.too_long("x" * 10, "y" * 30)
    assert guard.too_long("x" * 10, "y" * 31)
    assert not guard.too_long("", "")


@slow
def test_report_has_a_row_for_each_way(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("en", "I am hungry.\n"), ("es", "Tengo hambre.\n")):
        (tmp_path / name).write_text(content, "utf-8")
    files = ["--sources", str(tmp_path / "en"), "--references", str(tmp_path / "es")]
    arguments = [*files, "--threads", "1", "--rounds", "1", "--write", str(tmp_path / "report")]
    assert guard.main(arguments) == 0
    out = capsys.readouterr().out
    assert all(f"| {name} | " in out for name in ("neither", "guard", "protection", "both"))
    assert (tmp_path / "report.md").exists()
    (tmp_path / "es").write_text("\n\n", "utf-8")
    assert guard.main(files) == 1
