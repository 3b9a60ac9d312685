"""`pyattn translate --input` of records: every record once, whatever happens in between."""

import gzip
import json
import os
import pathlib
import shutil
import signal
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyattn.bulk import columns, parts, records
from pyattn.commands.main import main
from support.command_runs import Loaded, use_echo
from support.lanes import slow

LINES = [
    '{"id": 1, "text": "ab"}\n',
    '{ "n" : 1.50, "big": 123456789012345678901234567890, "text":"c\\u00e4",  "z":[1 ,2] }\r\n',
    "\n",
    '{"text": null}\n',
    '{"text": ""}\n',
    '{"text": "x y"} \n',
    '{"text": "last"}',
]
ENDS = ["ab", "cä", None, "null", "", "x y", "last"]


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.setattr(records, "_GROUP_LINES", 2)
    monkeypatch.setattr(columns, "_GROUP_ROWS", 2)
    return use_echo(monkeypatch)


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def echoed(text: str) -> str:
    """What the model that echoes makes of a text, by the command for single texts."""
    assert main(["translate", "--output", "echo.txt", text]) == 0
    return pathlib.Path("echo.txt").read_text("utf-8").removesuffix("\n")


def expected() -> str:
    made = []
    for line, text in zip(LINES, ENDS, strict=True):
        body, end = line.rstrip(), line[len(line.rstrip()) :]
        if text is None:
            made.append(line)
            continue
        value = "null" if text == "null" else json.dumps(echoed(text), ensure_ascii=False)
        made.append(f'{body[:-1].rstrip()}, "translation": {value}}}{end}')
    return "".join(made)


def run(source: str, output: str, *more: str) -> int:
    return main(["translate", "--input", source, "--output", output, *more])


def test_objects_keep_their_text_and_get_a_key(folder: pathlib.Path) -> None:
    pathlib.Path("a.jsonl").write_bytes("".join(LINES).encode())
    assert run("a.jsonl", "b.jsonl") == 0
    assert pathlib.Path("b.jsonl").read_bytes().decode() == expected()
    assert not (folder / "b.jsonl.parts").exists()


def test_compressed_files_hold_the_same() -> None:
    pathlib.Path("a.jsonl.gz").write_bytes(gzip.compress("".join(LINES).encode()))
    assert run("a.jsonl.gz", "b.jsonl.gz") == 0
    assert gzip.decompress(pathlib.Path("b.jsonl.gz").read_bytes()).decode() == expected()
    assert run("a.jsonl.gz", "b.jsonl") == 0
    assert pathlib.Path("b.jsonl").read_bytes().decode() == expected()


def test_compressed_lines_are_lines_as_plain_ones() -> None:
    pathlib.Path("a.txt").write_text("ab\r\n\nc d\ne")
    pathlib.Path("a.txt.gz").write_bytes(gzip.compress(b"ab\r\n\nc d\ne"))
    assert run("a.txt", "plain.txt") == 0
    assert run("a.txt.gz", "b.txt") == 0
    assert run("a.txt", "c.txt", "--resume") == 0
    plain = pathlib.Path("plain.txt").read_bytes()
    assert pathlib.Path("b.txt").read_bytes() == pathlib.Path("c.txt").read_bytes() == plain


def test_other_columns_are_for_those_who_name_them() -> None:
    pathlib.Path("a.jsonl").write_text('{"body": "ab"}\n')
    assert run("a.jsonl", "b.jsonl", "--column", "body", "--output-column", "é") == 0
    found = json.loads(pathlib.Path("b.jsonl").read_text("utf-8"))
    assert found == {"body": "ab", "é": echoed("ab")}


TEXTS = ["ab", None, "c", "d e", "", "f", "g"]


def test_parquet_keeps_row_groups_types_and_metadata() -> None:
    schema = pa.schema([("id", pa.int8()), ("text", pa.large_string())], metadata={"a": "b"})
    table = pa.table({"id": range(7), "text": TEXTS}, schema=schema)
    pq.write_table(table, "a.parquet", row_group_size=3, compression="zstd")
    assert run("a.parquet", "b.parquet") == 0
    found = pq.ParquetFile("b.parquet")
    sizes = [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sizes == [3, 3, 1]
    assert found.metadata.row_group(0).column(2).compression == "ZSTD"
    read = found.read()
    assert read.schema.metadata[b"a"] == b"b"
    assert read.drop_columns("translation").equals(table)
    truth = [None if text is None else echoed(text) for text in TEXTS]
    assert read.column("translation").to_pylist() == truth


@pytest.mark.parametrize("place", [4, -12, -200])
def test_a_damaged_parquet_file_is_named(
    folder: pathlib.Path, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"text": TEXTS}), "a.parquet")
    content = bytearray((folder / "a.parquet").read_bytes())
    content[place : place + 8] = b"\xff" * 8
    (folder / "a.parquet").write_bytes(content)
    assert run("a.parquet", "b.parquet") == 1
    assert "a.parquet: is " in capsys.readouterr().err


def test_empty_files_stay_empty() -> None:
    pathlib.Path("a.jsonl").touch()
    assert run("a.jsonl", "b.jsonl") == 0
    assert pathlib.Path("b.jsonl").read_bytes() == b""
    pq.write_table(pa.table({"text": pa.array([], "str")}), "a.parquet")
    assert run("a.parquet", "b.parquet") == 0
    assert pq.read_table("b.parquet").column_names == ["text", "translation"]


def make_inputs() -> None:
    pathlib.Path("a.jsonl").write_bytes("".join(LINES).encode())
    pathlib.Path("a.jsonl.gz").write_bytes(gzip.compress("".join(LINES).encode(), mtime=0))
    pq.write_table(pa.table({"text": TEXTS}), "a.parquet", row_group_size=3)


def killed_at(step: int, source: str, output: str) -> bool:
    """Whether a run in a process of its own was killed at a step of writing files."""
    steps = iter(range(1000))

    def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **named: Any) -> Any:
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return stepped

    child = os.fork()
    if child == 0:
        try:
            os.fsync = stepping(os.fsync)
            for name in ("replace", "mkdir", "open"):
                setattr(pathlib.Path, name, stepping(getattr(pathlib.Path, name)))
            shutil.rmtree = stepping(shutil.rmtree)  # type: ignore[assignment]
            os.unlink = stepping(os.unlink)
            os._exit(run(source, output, "--resume"))
        finally:
            os._exit(70)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "stride"),
    [
        ("a.jsonl", 9),
        *(pytest.param(f"a.{kind}", 1, marks=slow) for kind in ("jsonl", "jsonl.gz", "parquet")),
    ],
)
def test_killed_anywhere_and_resumed_gives_the_same_bytes(
    name: str, stride: int, folder: pathlib.Path
) -> None:
    make_inputs()
    truth = f"truth.{name}"
    assert run(name, truth) == 0
    whole = (folder / truth).read_bytes()
    step = 1
    while killed_at(step, name, f"b{step}.{name}"):
        output = folder / f"b{step}.{name}"
        # What has the output's name is complete.
        assert not output.exists() or output.read_bytes() == whole
        assert run(name, output.name, "--resume") == 0
        assert output.read_bytes() == whole
        assert [path.name for path in folder.glob(f"{output.name}*")] == [output.name]
        step += stride
    assert step > 12


def interrupted(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves an output's first part."""
    make_inputs()
    with monkeypatch.context() as patch:
        patch.setattr(parts.Parts, "check_end", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run("a.jsonl", output)
    assert not pathlib.Path(output).exists()


def test_finished_parts_are_not_translated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted("b.jsonl", monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr("pyattn.translator.Translator.submit", None)
        assert run("a.jsonl", "b.jsonl", "--resume") == 0
    assert pathlib.Path("b.jsonl").read_bytes().decode() == expected()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "--resume continues it"),
        (["--resume", "--beam", "2"], "the earlier run had options"),
        (["--resume", "--output-column", "es"], "the earlier run had output column 'translation'"),
        (["--resume", "--split", "never"], "repeat its arguments, or delete the folder"),
    ],
)
def test_other_runs_are_refused(
    more: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupted("b.jsonl", monkeypatch)
    assert run("a.jsonl", "b.jsonl", *more) == 1
    assert message in capsys.readouterr().err
    assert run("a.jsonl", "b.jsonl", "--resume", "--threads", "1") == 0


@pytest.mark.parametrize(
    ("lines", "message"),
    [(["", *LINES[1:]], "part 0 was made of another input"), (LINES[:2], "more parts than")],
)
def test_other_input_is_refused(
    lines: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupted("b.jsonl", monkeypatch)
    pathlib.Path("a.jsonl").write_bytes("".join(lines).encode())
    assert run("a.jsonl", "b.jsonl", "--resume") == 1
    assert message in capsys.readouterr().err


BROKEN = {
    b"{": "is no JSON",
    b"3": "is no JSON object",
    b'{"texts": ""}': "has no key 'text', its keys are 'texts'",
    b'{"text": 3}': "has no text as 'text'",
    b'{"text": "", "translation": ""}': "has a key 'translation' already",
    b'{"text": "\\ud800"}': "has half a surrogate pair",
    b'{"text": "\xff"}': "is not valid UTF-8 at byte 11",
    b'{"text": ' + b"[" * 100_000: "is no JSON",
}


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
def test_broken_line_is_named_and_the_mended_file_continues(
    line: bytes, capsys: pytest.CaptureFixture[str], folder: pathlib.Path
) -> None:
    good = "".join(LINES[:-1]).encode()
    pathlib.Path("a.jsonl").write_bytes(good + line)
    assert run("a.jsonl", "b.jsonl") == 1
    assert f"a.jsonl: line 7 {BROKEN[line]}" in capsys.readouterr().err
    assert len(list((folder / "b.jsonl.parts").glob("*.part"))) == 3
    pathlib.Path("a.jsonl").write_bytes("".join(LINES).encode())
    assert run("a.jsonl", "b.jsonl", "--resume") == 0
    assert pathlib.Path("b.jsonl").read_bytes().decode() == expected()


def test_damaged_files_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    packed = gzip.compress(b'{"text": "ab"}\n' * 99)
    for content in (packed[:-9], b"\x1f\x8b" + b"no", b"text", packed[:20] + b"\0" * 30):
        pathlib.Path("a.jsonl.gz").write_bytes(content)
        assert run("a.jsonl.gz", "b.jsonl", "--resume") == 1
        assert "a.jsonl.gz: is no complete gzip file" in capsys.readouterr().err
    pathlib.Path("a.parquet").write_bytes(b"PAR1")
    assert run("a.parquet", "b.parquet") == 1
    assert "a.parquet: is no Parquet file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["b"]}, "has no column 'text', its columns are 'a'"),
        ({"text": [1]}, "column 'text' has type int64, expected string"),
        ({"text": ["a"], "translation": ["b"]}, "has a column 'translation' already"),
    ],
)
def test_wrong_columns_are_named(
    columns: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table(columns), "a.parquet")
    assert run("a.parquet", "b.parquet") == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "a.jsonl"], "--output: needs a file"),
        (["--input", "a.jsonl", "--output", "-"], "--output: needs a file"),
        (["--input", "a.jsonl", "--output", "a.jsonl"], "another one than --input"),
        (["--input", "a.jsonl", "--output", "b.jsonl", "--jsonl"], "--jsonl: is for lines"),
        (["--input", "a.txt", "--output", "b", "--column", "c"], "are for .jsonl and .parquet"),
        (["--input", "a.jsonl", "--output", "b.parquet"], "a .parquet file is for a .parquet"),
        (["--resume", "text"], "--resume is for files"),
    ],
)
def test_arguments_that_do_not_go_together(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_inputs()
    with pytest.raises(SystemExit):
        main(["translate", *arguments])
    assert message in capsys.readouterr().err
