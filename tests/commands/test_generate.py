"""`pyattn generate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyattn
from support.command_runs import Run, runner
from support.decoder_folders import decoder_folder
from support.paths import GOLDEN

pytest.importorskip("tokenizers")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoder_folder(tmp_path_factory.mktemp("decoder") / "qwen2", "qwen2")


def test_texts_are_continued(run: Run, folder: Path) -> None:
    code, output, error = run(
        "generate", "--model", str(folder), "--max-new-tokens", "9", "Hello", "It's"
    )
    assert (code, error) == (0, "")
    with pyattn.Generator(folder) as own:
        expected = own.complete(["Hello", "It's"], max_new_tokens=9)
    assert output.decode() == "".join(f"{text}\n" for text in expected)


def test_streams_are_the_same_text(run: Run, folder: Path) -> None:
    options = ("--model", str(folder), "--max-new-tokens", "12", "Hello")
    assert run("generate", "--stream", *options) == run("generate", *options)


def test_lines_and_files_are_prompts(run: Run, folder: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("Hello\nIt's\n", encoding="utf-8")
    options = ("--model", str(folder), "--max-new-tokens", "9")
    code, output, error = run("generate", *options, "--input", str(lines))
    assert (code, error) == (0, "")
    with pyattn.Generator(folder) as own:
        of_lines = own.complete(["Hello", "It's"], max_new_tokens=9)
        of_file = own.complete("Hello\nIt's", max_new_tokens=9)
    assert output.decode().splitlines() == [" ".join(text.splitlines()) for text in of_lines]
    code, output, error = run("generate", *options, "--file", str(lines))
    assert (code, error) == (0, "")
    assert output.decode() == f"{of_file}\n"


def test_objects_have_all_that_is_known(run: Run, folder: Path) -> None:
    code, output, error = run(
        "generate", "--model", str(folder), "--max-new-tokens", "5", "--jsonl", "--beam", "3",
        "--set", "num_hypotheses=2", "--set", "repetition_penalty=1.2", "Hello",
    )  # fmt: skip
    assert (code, error) == (0, "")
    found = json.loads(output)
    with pyattn.Generator(folder) as own:
        [ranked] = own.generate(
            ["Hello"], max_new_tokens=5, beam_size=3, num_hypotheses=2, repetition_penalty=1.2
        )
    assert found["prompt"] == "Hello"
    assert [found["tokens"], found["alternatives"][0]["tokens"]] == [one.tokens for one in ranked]
    assert found["score"] == ranked[0].score
    assert found["finish_reason"] == ranked[0].finish_reason


def test_samples_hang_on_the_seed(run: Run, folder: Path) -> None:
    options = (
        "generate", "--model", str(folder), "--max-new-tokens", "9", "--sample",
        "--temperature", "1.5", "--top-k", "40", "--top-p", "0.95", "Hello", "--seed",
    )  # fmt: skip
    assert run(*options, "1") == run(*options, "1")
    assert run(*options, "1") != run(*options, "2")
    assert run(*options, "1", "--no-sample") == run(*options, "2", "--no-sample")


def test_chats_are_answered(run: Run, folder: Path) -> None:
    pytest.importorskip("jinja2")
    options = ("--model", str(folder), "--max-new-tokens", "9", "--chat", "--system", "Be brief.")
    code, output, error = run("generate", *options, "Hello")
    assert (code, error) == (0, "")
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    with pyattn.Generator(folder) as own:
        assert output.decode() == own.chat(messages, max_new_tokens=9) + "\n"
    assert run("generate", "--stream", *options, "Hello")[1] == output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--system", "a", "b"), 2, "--system is a message of a chat: it needs --chat"),
        (("--stream", "--jsonl", "a"), 2, "argument --jsonl: not allowed with --stream"),
        (("--file", "a", "b"), 2, "argument --file: not allowed with a TEXT or --input"),
        (("--set", "normalize=never", "a"), 2, "--set: normalize is no decoding option"),
        (("--set", "seed=3", "--seed", "4", "a"), 2, "--set: seed is also given as --seed"),
        (("--temperature", "0", "a"), 2, "--temperature"),
        (("--file", "/nowhere/at-all"), 1, "/nowhere/at-all: No such file"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: tuple[str, ...], code: int, message: str, run: Run, folder: Path
) -> None:
    found, output, error = run("generate", "--model", str(folder), *arguments)
    assert (found, output) == (code, b"")
    assert message in error


def test_other_models_are_refused(run: Run, folder: Path) -> None:
    for model in ("bart-tied-gelu-5", "encoders/bert-head"):
        code, output, error = run("generate", "--model", str(GOLDEN / model), "a")
        assert (code, output) == (1, b"")
        assert "has an encoder, expected a decoder alone" in error
    code, output, error = run("translate", "--model", str(folder), "a")
    assert (code, output) == (1, b"")
    assert "a decoder alone, which continues prompts; see pyattn.Generator" in error
    code, output, error = run("embed", "--model", str(folder), "a")
    assert (code, output) == (1, b"")
