import pathlib

import pytest

pytest.importorskip("sacrebleu")

import texts

LINES = ["Good morning to all of you.", "Where is the station?", "Wait, please do wait!"]


def test_joined_texts_have_all_lines_in_order() -> None:
    assert texts.joined(LINES, 2) == [f"{LINES[0]} {LINES[1]}", LINES[2]]
    assert texts.joined(LINES, 4) == [" ".join(LINES)]
    assert texts.joined([], 2) == []


def test_rows_tell_texts_that_lose_sentences_and_capitals_from_those_that_do_not() -> None:
    def first_sentence_only(given: list[str]) -> list[str]:
        return [text.split(". ")[0].capitalize() for text in given]

    whole = texts.measured(lambda given: given, LINES, LINES)
    assert [row["texts"] for row in whole] == [
        "single lines",
        "joined by 2",
        "joined by 3",
        "joined by 4",
        "in capitals",
    ]
    assert all(row["bleu"] == pytest.approx(100) for row in whole)
    lossy = texts.measured(first_sentence_only, LINES, LINES)
    assert all(row["bleu"] < 90 for row in lossy[1:])
    assert all(row["as_lines"] > row["bleu"] for row in lossy[1:4])


def test_report_has_a_row_for_each(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (
        ("en", "I am hungry.\nThank you.\n"),
        ("es", "Tengo hambre.\nGracias.\n"),
    ):
        (tmp_path / name).write_text(content, "utf-8")
    files = ["--sources", str(tmp_path / "en"), "--references", str(tmp_path / "es")]
    assert texts.main([*files, "--threads", "1", "--write", str(tmp_path / "report")]) == 0
    assert "| in capitals |" in capsys.readouterr().out
    assert (tmp_path / "report.md").read_text("utf-8").count("| joined by ") == 3
    assert (tmp_path / "report.json").exists()
    (tmp_path / "es").write_text("Tengo hambre.\n", "utf-8")
    assert texts.main(files) == 1
