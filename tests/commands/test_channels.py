"""Where the command writes to: pipes, devices, links and open files, through a real shell."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="is about POSIX pipes and devices"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash"),
]

PYATTN = f"'{sys.executable}' -m pyattn"
TRANSLATE = f"{PYATTN} translate --threads 1"
# What needs no model to translate.
BLANK = f"{TRANSLATE} ''"


def bash(line: str, folder: pathlib.Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=folder,
        # Without a buffer nothing is left to write at exit.
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def translation() -> str:
    """What the command says to standard output, as the others are to have it."""
    run = bash(f"{TRANSLATE} 'I am hungry.'", pathlib.Path.cwd())
    assert run.returncode == 0
    assert run.stdout.count("\n") == 1
    return run.stdout


@pytest.mark.parametrize(
    "line",
    [
        "{} --output /dev/stdout | cat",
        "{} --output /dev/stdout > file; cat file",
        "{} --output /dev/fd/1 | cat",
        "{} --output /proc/self/fd/1 | cat",
        "{} --output /dev/fd/7 7>&1 | cat",
        "{} --output /dev/stderr 2>&1 >/dev/null | cat",
        "ln -s /dev/stdout link; {} --output link | cat; [ -L link ]",
        "{} --output >(gzip > packed.gz); until gzip -t packed.gz; do sleep .1; done; zcat packed",
        "mkfifo fifo; {} --output fifo & cat fifo; wait $!; [ -p fifo ]",
        "mkfifo fifo; ln -s fifo link; {} --output link & cat link; wait $!; [ -L link ]",
    ],
)
def test_output_may_be_anything_that_can_be_written(
    line: str, translation: str, tmp_path: pathlib.Path
) -> None:
    run = bash(line.format(f"{TRANSLATE} 'I am hungry.'"), tmp_path)
    assert (run.returncode, run.stdout) == (0, translation), run.stderr
    assert not [*tmp_path.glob("*.partial")]


def test_open_file_is_neither_emptied_nor_replaced(
    translation: str, tmp_path: pathlib.Path
) -> None:
    line = f"{{ echo before; {TRANSLATE} 'I am hungry.' --output /dev/stdout; echo after; }} > log"
    assert bash(line, tmp_path).returncode == 0
    assert (tmp_path / "log").read_text("utf-8") == f"before\n{translation}after\n"


def test_link_to_a_file_that_is_not_there_yet_stays_a_link(tmp_path: pathlib.Path) -> None:
    run = bash(f"mkdir there; ln -s there/file link; {BLANK} --output link", tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"\n"


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("output", ["--output /dev/full", "> /dev/full", "--output link"])
def test_device_that_is_full_is_an_error(output: str, tmp_path: pathlib.Path) -> None:
    run = bash(f"ln -s /dev/full link; {BLANK} {output}", tmp_path)
    assert run.returncode == 1
    assert run.stderr == "pyattn: No space left on device\n"


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("/dev/fd/77", "Bad file descriptor"),
        ("loop", "loop"),
        ("none/such", "No such file or directory"),
        (".", ".: Is a directory"),
    ],
)
def test_what_cannot_be_written_is_an_error_of_one_line(
    output: str, problem: str, tmp_path: pathlib.Path
) -> None:
    run = bash(f"ln -s loop loop; {BLANK} --output {output}", tmp_path)
    assert run.returncode == 1
    assert problem in run.stderr
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("pyattn: ")


def test_reader_of_a_pipe_that_leaves_early_is_no_complaint(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lines").write_bytes(b"\n" * 70_000)
    run = bash(f"{TRANSLATE} --input lines --output /dev/stdout | true", tmp_path)
    assert (run.returncode, run.stderr) == (1, "")


def test_figures_go_to_a_pipe_behind_the_table(tmp_path: pathlib.Path) -> None:
    run = bash(
        f"{PYATTN} bench --json /dev/stdout --rounds 1 --batch 32 --max-new-tokens 1 --threads 1"
        " | cat",
        tmp_path,
    )
    assert (run.returncode, run.stderr) == (0, "")
    table, _, figures = run.stdout.partition("\n{")
    assert "pyattn" in table
    assert json.loads(f"{{{figures}")["sentences"] == 32
