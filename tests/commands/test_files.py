"""`pyattn translate --out`: files in, files out."""

import importlib.util
import io
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from pyattn import documents
from support.command_runs import Loaded, Run, assert_fails, runner, use_echo

PAGE = b'<p class="a">One <b>two</b> three.</p>\n'
FILM = b"1\n00:00:01,000 --> 00:00:02,000\nWhere is it?\n"
LINES = "  One.\r\n\nTwo, señor\nThree".encode()


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return use_echo(monkeypatch)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The working directory, with a file of several formats."""
    monkeypatch.chdir(tmp_path)
    for name, data in {"page.html": PAGE, "film.srt": FILM, "letters.en": LINES}.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def written(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_files_are_translated_by_their_extensions(run: Run, folder: pathlib.Path) -> None:
    names = ["page.html", "film.srt", "letters.en"]
    assert run("translate", *names, "--out", "deep/es") == (0, b"", "")
    same = {"page.html": PAGE, "film.srt": FILM, "letters.en": LINES}
    assert written(folder / "deep" / "es") == dict(sorted(same.items()))


def test_options_may_stand_between_files(run: Run, folder: pathlib.Path) -> None:
    arguments = ("page.html", "--out", "es", "film.srt", "--beam", "2", "letters.en")
    assert run("translate", *arguments)[0] == 0
    assert len(written(folder / "es")) == 3


def test_segments_of_all_files_are_one_call(run: Run, loaded: Loaded, folder: pathlib.Path) -> None:
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"Number {number} of many.\n")
    assert run("translate", "--out", "es", *(f"{n}.txt" for n in range(20)))[0] == 0
    assert len(loaded.model.calls) == 1
    assert len(loaded.model.calls[0]) == 20


def test_unknown_extension_is_lines_and_a_format_is_for_all(
    run: Run, loaded: Loaded, folder: pathlib.Path
) -> None:
    wrapped = "This is a line of a paragraph that some mail program\nhas cut at its width, yes.\n"
    (folder / "mail.log").write_text(wrapped)
    (folder / "mail.txt").write_text(wrapped)
    for arguments, together in (
        (["a", "mail.log"], False),
        (["b", "mail.txt"], True),
        (["c", "mail.txt", "--format", "lines"], False),
        (["d", "mail.log", "--format", "txt"], True),
    ):
        assert run("translate", "--out", *arguments)[0] == 0
        assert ("mail program has cut" in str(loaded.model.calls)) is together


def test_file_that_is_no_text_is_refused_and_the_others_are_written(
    run: Run, folder: pathlib.Path
) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF-1.7")
    (folder / "b").write_bytes(b"%PDF-1.7 without an extension")
    (folder / "c.dat").write_bytes(b"\0\1\2")
    code, output, error = run("translate", "a.pdf", "b", "c.dat", "page.html", "--out", "es")
    assert (code, output) == (1, b"")
    lines = error.splitlines()
    assert [line.split(": ")[:2] for line in lines[:3]] == [
        ["pyattn", name] for name in ("a.pdf", "b", "c.dat")
    ]
    assert lines[3] == "pyattn: 3 of 4 files could not be translated"
    assert [*written(folder / "es")] == ["page.html"]


def test_target_that_exists_is_an_error_before_a_model_is_loaded(
    run: Run, loaded: Loaded, folder: pathlib.Path
) -> None:
    (folder / "es").mkdir()
    (folder / "es" / "page.html").write_text("mine")
    result = run("translate", "--out", "es", "film.srt", "page.html")
    assert_fails(result, 1, "es/page.html: exists; --force replaces it, --resume keeps what is")
    assert not hasattr(loaded, "arguments")
    assert written(folder / "es") == {"page.html": b"mine"}
    assert run("translate", "--out", "es", "film.srt", "page.html", "--force")[0] == 0
    assert written(folder / "es") == {"film.srt": FILM, "page.html": PAGE}


def test_resume_leaves_out_what_is_newer_than_its_source(
    run: Run, loaded: Loaded, folder: pathlib.Path
) -> None:
    run("translate", "--out", "es", "film.srt", "page.html")
    for name in ("film.srt", "page.html"):
        (folder / "es" / name).write_bytes(b"kept")
    (folder / "es" / "letters.en.partial").write_bytes(b"begun")
    later = time.time() + 10
    os.utime("page.html", (later, later))
    loaded.model.calls.clear()
    assert (
        run("translate", "--out", "es", "--resume", "film.srt", "page.html", "letters.en")[0] == 0
    )
    assert written(folder / "es") == {
        "film.srt": b"kept",
        "letters.en": LINES,
        "page.html": PAGE,
    }


def test_nothing_to_resume_loads_no_model(run: Run, loaded: Loaded) -> None:
    run("translate", "--out", "es", "film.srt")
    del loaded.arguments
    assert run("translate", "--out", "es", "--resume", "film.srt") == (0, b"", "")
    assert not hasattr(loaded, "arguments")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "es"], "--out needs files to translate"),
        (["--out", "es", "."], ".: is a folder, expected files, such as *.html"),
        (["--out", "es", "page.html", "./page.html"], "would both be written to es/page.html"),
        (["--out", "es", "-"], "standard input needs --out - and a --format"),
        (["--out", "-", "-"], "standard input has no extension: name its --format"),
        (["--out", "-", "page.html", "film.srt"], "--out -: expected one file, got several"),
        (["--out", "es", "page.html", "--format", "xliff2"], "got 'xliff2'; did you mean xliff?"),
        (["--out", "es", "page.html", "--jsonl"], "--jsonl is for lines: not allowed with --out"),
        (["--out", "es", "page.html", "--input", "x"], "--input is for lines"),
        (["--out", "es", "page.html", "--force", "--resume"], "not allowed with --force"),
        (["Hello", "--format", "html"], "--format is for files: it needs --out"),
        (["Hello", "--resume"], "--resume is for files: it needs --out"),
        (["Hello", "page.html"], "page.html: is a file; --out DIR translates files, --input FILE"),
        (["Hello", "--set", "encoding=latin-1"], "encoding is for documents: it needs --out"),
    ],
)
def test_arguments_that_do_not_go_together_are_a_usage_error(
    run: Run, loaded: Loaded, arguments: list[str], message: str
) -> None:
    assert_fails(run("translate", *arguments), 2, message)
    assert not hasattr(loaded, "arguments")


def test_missing_files_and_impossible_targets_are_errors_before_a_model_is_loaded(
    run: Run, loaded: Loaded, folder: pathlib.Path
) -> None:
    (folder / "es" / "page.html").mkdir(parents=True)
    (folder / "file").write_text("")
    assert_fails(run("translate", "--out", "x", "absent.md"), 1, "absent.md: No such file")
    assert_fails(run("translate", "--out", "es", "page.html", "--force"), 1, "Is a directory")
    assert_fails(run("translate", "--out", "file/es", "page.html"), 1, "file: Not a directory")
    assert_fails(run("translate", "--out", ".", "page.html"), 1, "page.html: is its own target")
    assert not hasattr(loaded, "arguments")
    assert not (folder / "x").exists()


def test_standard_input_goes_to_standard_output(run: Run) -> None:
    assert run("translate", "-", "--out", "-", "--format", "html", stdin=PAGE) == (0, PAGE, "")
    assert run("translate", "film.srt", "--out", "-") == (0, FILM, "")
    broken = run("translate", "-", "--out", "-", "--format", "json", stdin=b"{")
    assert_fails(broken, 1, "json: line 1")


def test_choices_for_texts_are_those_of_documents_unless_given(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[object, object]] = []

    def translate(data: bytes, *_: object, **options: object) -> bytes:
        seen.append((options.get("protect"), options.get("guard")))
        return data

    monkeypatch.setattr("pyattn.commands.file_translation.translate", translate)
    for arguments in ([], ["--no-protect", "--no-guard"], ["--protect-pattern", "a+"]):
        run("translate", "--out", "-", "page.html", *arguments)
    assert seen == [(None, None), (False, False), (["a+"], None)]


def test_settings_of_documents_can_be_set(run: Run) -> None:
    pathlib.Path("a.txt").write_bytes("señor\n".encode("utf-16-le"))
    arguments = ("a.txt", "--out", "-", "--set", "encoding=utf-16-le")
    assert run("translate", *arguments) == (0, "señor\n".encode("utf-16-le"), "")


def test_killed_run_leaves_complete_files_under_their_names(folder: pathlib.Path) -> None:
    text = "".join(f"Where did you put key number {n} of the car?\n" for n in range(1500))
    names = [f"{number}.lines" for number in range(8)]
    for name in names:
        (folder / name).write_text(text.replace("key", f"key {name}"))
    arguments = ("translate", "--threads", "1", "--beam", "1", "--out", "es", *names)
    process = subprocess.Popen([sys.executable, "-m", "pyattn", *arguments])
    first = folder / "es" / names[0]
    end = time.monotonic() + 120
    while not first.exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    process.wait(timeout=60)
    done = [path for path in (folder / "es").iterdir() if path.suffix != ".partial"]
    assert 1 <= len(done) < len(names)
    assert all(path.read_text().count("\n") == 1500 for path in done)


@pytest.mark.skipif(importlib.util.find_spec("tqdm") is None, reason="needs tqdm")
def test_bar_is_on_terminals_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run("translate", "--out", "es", "page.html", "film.srt")[0] == 0
    assert "0.00/84.0" in terminal.getvalue()


def test_progress_counts_the_bytes_of_sources(folder: pathlib.Path) -> None:
    (folder / "absent-format.bin").write_bytes(b"no text")
    names = ["page.html", "absent.txt", "absent-format.bin", "film.srt", "letters.en"]
    seen: list[float] = []
    jobs = [(name, f"{name}.out") for name in names]
    results = list(documents.translate_files(jobs, lambda texts: texts, progress=seen.append))
    assert [result.error is None for result in results] == [True, False, False, True, False]
    assert seen == sorted(seen)
    assert seen[-1] == len(PAGE) + len(FILM) + len(b"no text") + len(LINES)
