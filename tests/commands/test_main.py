import argparse
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest

from pyattn.commands import main as cli
from pyattn.options import GenerationOptions
from pyattn.text.tokenizers import Languages
from pyattn.translator import Translator
from support import ctranslate2_folders, model_folders
from support.command_runs import Loaded, Run, assert_fails, runner, use_echo
from support.echo import Echo, Letters
from support.lanes import slow

POSIX = pytest.mark.skipif(os.name != "posix", reason="is about POSIX signals, pipes and devices")


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return use_echo(monkeypatch)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


def command(*arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    """The command in a process of its own, with the model of the package."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-m", "pyattn", *arguments], **{**pipes, **options})


def test_every_text_is_a_line(run: Run) -> None:
    assert run("translate", "One.", "", "Two\nlines.") == (0, b"One.\n\nTwo lines.\n", "")


def test_every_line_of_standard_input_is_a_line(run: Run) -> None:
    lines = b"One.\n\n  \nTwo.\r\nno end"
    assert run("translate", stdin=lines) == (0, b"One.\n\n  \nTwo.\nno end\n", "")


def test_no_input_is_no_output(run: Run) -> None:
    assert run("translate", stdin=b"") == (0, b"", "")


def test_only_a_newline_ends_a_line(run: Run) -> None:
    lines = "one\x85two\u2028three\rfour\x0cfive\n".encode()
    assert run("translate", stdin=lines) == (0, b"one two three four five\n", "")


def test_byte_order_mark_is_no_text(run: Run) -> None:
    # The first one is of the file's encoding, another one an invisible character.
    marked = b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n"
    assert run("translate", stdin=marked) == (0, b"one\ntwo\n", "")


def test_long_lines_arrive_whole(run: Run) -> None:
    lines = [b"x" * n for n in (1, 65_535, 65_536, 65_537, 131_073, 2)]
    code, output, _ = run("translate", stdin=b"\n".join(lines))
    assert code == 0
    assert [line.replace(b" ", b"") for line in output.splitlines()] == lines


def test_lines_come_from_a_file(run: Run, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes("señor\n".encode())
    assert run("translate", "--input", str(path)) == (0, "señor\n".encode(), "")
    assert run("translate", "--input", "-", stdin=b"a") == (0, b"a\n", "")


def test_invalid_utf8_is_named_and_what_precedes_it_is_translated(
    run: Run, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes(b"one\ntwo\nthr\xffee\nfour\n")
    code, output, error = run("translate", "--input", str(path))
    assert (code, output) == (1, b"one\ntwo\n")
    assert error == f"pyattn: {path}: line 3 is not valid UTF-8 at byte 4\n"


def test_invalid_utf8_is_found_in_a_later_chunk(run: Run) -> None:
    lines = [b"word"] * 20_000
    lines[15_000] = b"\xc3\x28"
    code, output, error = run("translate", stdin=b"\n".join(lines))
    assert (code, output.count(b"\n")) == (1, 15_000)
    assert error == "pyattn: standard input: line 15001 is not valid UTF-8 at byte 1\n"


def test_output_goes_to_a_file(run: Run, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "output.txt"
    path.write_text("old")
    path.chmod(0o600)
    assert run("translate", "--output", str(path), stdin=b"one\ntwo") == (0, b"", "")
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_output_of_a_failed_run_is_partial_and_the_old_file_stays(
    run: Run, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "output.txt"
    path.write_text("old")
    assert_fails(run("translate", "--output", str(path), stdin=b"one\n\xff\n"), 1, "line 2")
    assert path.read_text() == "old"
    assert (tmp_path / "output.txt.partial").read_bytes() == b"one\n"


def test_file_may_be_translated_in_place(run: Run, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"one\n\ntwo")
    assert run("translate", "--input", str(path), "--output", str(path))[0] == 0
    assert path.read_bytes() == b"one\n\ntwo\n"


@POSIX
def test_link_to_the_output_stays_a_link(run: Run, tmp_path: pathlib.Path) -> None:
    path, link = tmp_path / "output.txt", tmp_path / "link"
    link.symlink_to(path)
    assert run("translate", "--output", str(link), "one")[0] == 0
    assert link.is_symlink()
    assert path.read_bytes() == b"one\n"


@POSIX
def test_output_may_be_a_device(run: Run) -> None:
    assert run("translate", "--output", "/dev/null", "one") == (0, b"", "")


def test_output_that_cannot_be_written_is_an_error(run: Run, tmp_path: pathlib.Path) -> None:
    assert_fails(run("translate", "--output", str(tmp_path), "one"), 1, f"{tmp_path}: ")
    absent = tmp_path / "no" / "such" / "folder"
    assert_fails(run("translate", "--output", str(absent), "one"), 1, "No such file or directory")


def test_missing_input_is_an_error_before_a_model_is_loaded(
    run: Run, loaded: Loaded, tmp_path: pathlib.Path
) -> None:
    path = str(tmp_path / "absent.txt")
    assert_fails(run("translate", "--input", path), 1, f"pyattn: {path}: No such file")
    assert not hasattr(loaded, "arguments")


def test_languages_reach_the_tokenizer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Multilingual(Letters):
        """Whose texts begin with the names of their languages."""

        languages = Languages(sources={"en": (1,)}, targets={"es": (2,), "fr": (3,)})

        def encode(
            self, texts: Sequence[str], source: str | None = None, target: str | None = None
        ) -> list[list[int]]:
            return super().encode([f"{source}-{target}:{text}" for text in texts])

        encode_bodies = encode

    translator = Translator(Echo(), Multilingual())
    monkeypatch.setattr("pyattn.loading.load", lambda *_, **__: translator)
    languages = ("--source-language", "en", "--target-language", "fr")
    assert run("translate", "One.", *languages) == (0, b"en-fr:One.\n", "")
    problem = "target is de, which the model does not have; the nearest of its 2 languages are"
    assert_fails(run("translate", "a", *languages[:3], "de"), 1, problem)
    assert_fails(run("translate", "a", *languages[2:]), 1, "source is not given, expected one of")


def test_options_reach_the_model(run: Run, loaded: Loaded) -> None:
    run("translate", "one", "--model", "folder", "--threads", "3", "--dtype", "float32")
    assert loaded.arguments == ("folder", {"dtype": "float32", "threads": 3})
    run(
        *("translate", "one", "--beam", "4", "--max-new-tokens", "9"),
        *("--length-penalty", "0.5", "--batch-tokens", "77"),
    )
    assert loaded.arguments == (None, {"dtype": "auto", "threads": None, "batch_tokens": 77})
    assert loaded.model.settings == {
        "options": GenerationOptions(
            beam_size=4, max_new_tokens=9, length_penalty=0.5, scores=False
        )
    }
    assert loaded.model.closed


@pytest.mark.parametrize(
    ("split", "parts"), [("sentences", ["One.", "Two."]), ("never", ["One. Two."])]
)
def test_texts_are_cut_as_asked(run: Run, loaded: Loaded, split: str, parts: list[str]) -> None:
    assert run("translate", "One. Two.", "--split", split) == (0, b"One. Two.\n", "")
    assert loaded.model.calls == [parts]


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("int8", "int8"),
        ("*.down=bfloat16", {"*.down": "bfloat16"}),
        ("int8,*.down=bfloat16", {"*": "int8", "*.down": "bfloat16"}),
        ("*.down=bfloat16,int8", {"*": "int8", "*.down": "bfloat16"}),
    ],
)
def test_number_types_may_have_names(run: Run, loaded: Loaded, text: str, dtype: Any) -> None:
    run("translate", "one", "--dtype", text)
    assert loaded.arguments == (None, {"dtype": dtype, "threads": None})


def test_inspect_says_what_is_computed_in_what(run: Run) -> None:
    output = run("inspect", "--dtype", "int8,output=float32,*.0.*.down=bfloat16")[1].decode()
    assert "computed in  int8, but " in output
    assert "decoder.layers.0.feed_forward.down in bfloat16" in output
    assert "output in float32" in output
    message = "dtype: 'outputs' is no product of this model; near: output"
    assert_fails(run("inspect", "--dtype", "outputs=int8"), 1, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["transmogrify"], "invalid choice: 'transmogrify', expected translate, generate, "),
        (["translat"], "did you mean translate?"),
        (["translate", "--unknown", "one"], "unknown option --unknown (see pyattn translate -"),
        (["translate", "--beem", "4", "one"], "unknown option --beem; did you mean --beam?"),
        (["translate", "--beam-size=4", "one"], "--beam-size; did you mean --beam?"),
        (["translate", "--num-beams", "4"], "--num-beams; did you mean --beam?"),
        (["translate", "--temperature", "4"], "did you mean --set temperature=...?"),
        (["translate", "--tgt-lang", "fr"], "did you mean --to?"),
        (
            ["inspect", "--thread-count", "4"],
            "unknown option --thread-count; did you mean --threads",
        ),
        (["translate", "--beam", "0"], "--beam: expected a whole number from 1 to 256, got '0'"),
        (["translate", "--beam", "257"], "--beam: expected a whole number from 1 to 256, got '2"),
        (["translate", "--beam", "two"], "--beam: expected a whole number from 1 to 256, got 't"),
        (["translate", "--max-new-tokens", "-1"], "expected a whole number from 1 on, got '-1'"),
        (["translate", "--length-penalty", "nan"], "--length-penalty: expected a number, got 'nan"),
        (["translate", "--length-penalty", "x"], "--length-penalty: expected a number, got 'x'"),
        (["translate", "--batch-tokens", "0"], "--batch-tokens: expected a whole number from 1"),
        (["translate", "--threads", "1.5"], "--threads: expected a whole number from 1"),
        (["translate", "--threads", "9" * 5000], "--threads: "),
        (["translate", "--dtype", "int8,bfloat16"], "--dtype: expected a name once, got 'int8,b"),
        (["translate", "--dtype", "a=int8,a=int8"], "--dtype: expected a name once, got 'a=int8,"),
        (
            ["translate", "--dtype", "*="],
            "--dtype: expected auto, float32, bfloat16, int8, int4, int8_grouped for '*'",
        ),
        (
            ["translate", "--dtype", "float31"],
            "--dtype: expected auto, float32, bfloat16, int8, int4, int8_grouped, got",
        ),
        (["translate", "--input", "file", "one"], "--input: not allowed with a TEXT"),
        (["translate", "--split", "lines"], "--split: invalid choice: 'lines'"),
        (["translate", "--split", "sentence"], "did you mean sentences?"),
        (["inspect", "one", "two"], "unexpected argument 'two' (see pyattn inspect --help)"),
        (["bench", "--batch", "1,,2"], "--batch: expected a whole number from 1"),
        (["bench", "--rounds", "0"], "--rounds: expected a whole number from 1"),
    ],
)
def test_usage_error_is_one_line_and_exit_code_2(
    run: Run, arguments: list[str], message: str
) -> None:
    assert_fails(run(*arguments), 2, message)


@pytest.mark.parametrize("arguments", [["--help"], ["translate", "--help"], ["bench", "--help"]])
def test_help_is_no_error(run: Run, arguments: list[str]) -> None:
    code, output, error = run(*arguments)
    assert (code, error) == (0, "")
    assert output.startswith(b"usage: pyattn")


def test_version_is_that_of_the_package(run: Run) -> None:
    import pyattn

    assert run("--version") == (0, f"pyattn {pyattn.__version__}\n".encode(), "")


def test_text_argument_that_is_not_unicode_is_an_error(run: Run) -> None:
    assert_fails(
        run("translate", "one", os.fsdecode(b"tw\xff")), 1, "texts[1] has a lone surrogate"
    )


def test_package_translates_from_its_own_model() -> None:
    process = command("translate", "I am hungry.", "", "--threads", "1")
    output, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, b"")
    assert output.decode().splitlines() == ["Tengo hambre.", ""]


def test_line_is_answered_before_the_next_one_arrives() -> None:
    with command("translate", "--threads", "1", "--beam", "1") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(b"Thank you.\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"Gracias.\n"
        process.stdin.close()
        assert process.wait(timeout=120) == 0


@POSIX
def test_interrupt_while_waiting_for_a_line_is_quiet() -> None:
    with command("translate", "--threads", "1") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"Wait!\n")
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 130


@POSIX
def test_interrupt_in_the_midst_of_a_search_is_quiet(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "input.txt"
    # The blank lines fill what is read first and need no search; the others need a long one.
    lines = b"".join(b"Where did you put key %d of the car?\n" % n for n in range(10_000))
    path.write_bytes(b"\n" * 65_536 + lines)
    with command("translate", "--threads", "1", "--input", str(path)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(65_536).isspace()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b""
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 130


@POSIX
def test_reader_that_leaves_early_is_no_complaint(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes(b"\n" * 70_000)
    with command("translate", "--threads", "1", "--input", str(path)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 1


@POSIX
@pytest.mark.parametrize(
    ("closed", "name"), [("<&-", "standard input"), (">&-", "standard output")]
)
def test_closed_stream_is_an_error(closed: str, name: str) -> None:
    line = f'"{sys.executable}" -m pyattn translate {"one" if "out" in name else ""} {closed}'
    result = subprocess.run(["sh", "-c", line], capture_output=True, timeout=120)
    assert result.returncode == 1
    assert result.stderr.decode() == f"pyattn: {name}: is closed\n"


def test_inspect_says_what_a_model_is(run: Run) -> None:
    code, output, error = run("inspect", "--threads", "1")
    assert (code, error) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in output.decode().splitlines())
    assert lines["family"] == "marian"
    assert lines["encoder"] == "6 layers, 4 heads, ffn 1,024"
    assert lines["decoder"] == "3 layers, 4 heads, ffn 1,024"
    assert lines["vocabulary"] == "8,768 source, 8,768 target"
    assert lines["threads"] == "1"
    assert lines["stored"].startswith("as    int8 ")


@pytest.mark.filterwarnings("always")
def test_warning_is_one_line(run: Run, tmp_path: pathlib.Path) -> None:
    values = model_folders.config()
    tensors = model_folders.tensors(values)
    model_folders.folder(tmp_path / "model", values, tensors, generation={"penalty_alpha": 0.6})
    code, _, error = run("inspect", str(tmp_path / "model"), "--threads", "1")
    problem = "penalty_alpha is 0.6, which pyattn does not support and ignores"
    assert (code, error) == (0, f"pyattn: warning: generation_config.json: {problem}\n")


def test_inspect_says_what_a_model_of_ctranslate2_is(run: Run, tmp_path: pathlib.Path) -> None:
    folder = ctranslate2_folders.folder(
        tmp_path / "model", ctranslate2_folders.checkpoint(), dtype="int8"
    )
    code, output, error = run("inspect", str(folder), "--threads", "1")
    assert (code, error) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in output.decode().splitlines())
    assert lines["encoder"] == "2 layers, 8 heads, ffn 6"
    assert lines["positions"] == "1,024, sinusoidal_t2t"
    # The output matrix is the embedding under another name.
    matrices = (9 + 7) * 16 + 2 * (4 * 16 * 16 + 2 * 6 * 16) + 8 * 16 * 16 + 2 * 5 * 16
    assert lines["stored"].startswith(f"as    int8 {matrices:,}, float32 ")


@slow
def test_bench_compares_the_same_sentences(tmp_path: pathlib.Path) -> None:
    sentences, figures = tmp_path / "sentences.txt", tmp_path / "figures.json"
    sentences.write_text("I am hungry.\n\nWhere is the station?\nWait!\n")
    process = command(
        *("bench", "--sentences", str(sentences), "--json", str(figures), "--threads", "1"),
        *("--rounds", "2", "--batch", "1,2", "--beam", "2", "--max-new-tokens", "8"),
    )
    output, error = process.communicate(timeout=240)
    assert (process.returncode, error) == (0, b"")
    assert b"same tokens for 3 of 3 sentences" in output
    result = json.loads(figures.read_text())
    assert result["sentences"] == result["same_answers"] == 3
    assert result["options"] == {"beam_size": 2, "max_new_tokens": 8}
    assert [(row["contender"], row["batch"]) for row in result["measurements"]] == [
        ("numpy", 1),
        ("pyattn", 1),
        ("numpy", 2),
        ("pyattn", 2),
    ]
    for row in result["measurements"]:
        assert len(row["seconds"]) == 2
        assert 3 <= row["tokens"] <= 3 * 8
        assert row["tokens_per_second"] > 0
    assert {row["tokens"] for row in result["measurements"]} == {
        result["measurements"][0]["tokens"]
    }
    assert [row["speed_up"] for row in result["measurements"][::2]] == [1, 1]


def test_bench_writes_nothing_but_json_to_standard_output() -> None:
    process = command(
        *("bench", "--json", "-", "--rounds", "1", "--batch", "32"),
        *("--max-new-tokens", "1", "--threads", "1"),
    )
    output, error = process.communicate(timeout=240)
    assert (process.returncode, error) == (0, b"")
    assert json.loads(output)["sentences"] == 32


def test_bench_of_nothing_is_an_error(run: Run, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "blank.txt"
    path.write_text("\n \n")
    assert_fails(run("bench", "--sentences", str(path)), 1, "no sentences")


# --- the list of commands -------------------------------------------------------------------------


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_command_has_a_file_with_its_parser(name: str) -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    module = importlib.import_module(f"pyattn.commands.{name}")
    module.add(commands)
    assert list(commands.choices) == [name]
    assert callable(commands.choices[name].get_default("run"))


def test_every_file_that_adds_a_command_is_in_the_list() -> None:
    folder = pathlib.Path(cli.__file__).parent
    adding = {file.stem for file in folder.glob("*.py") if "\ndef add(" in file.read_text()}
    assert adding == set(cli.COMMANDS)


def test_help_lists_all_commands_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    words = capsys.readouterr().out.split()
    places = [words.index(name) for name in cli.COMMANDS]
    assert places == sorted(places)
