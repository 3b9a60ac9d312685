"""The README's Python blocks and `pyattn` commands do what it says.

A Python block prints what its comments say: those behind a `print(...)`, and those on lines of
their own at the margin. A command that is followed by lines prints them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import compat_models
import model_folders
import pytest
import sentencepiece
from tokenizer_folders import golden_folder, random_checkpoint

from pyattn.files.native import write_native
from pyattn.running.origin import SHIPPED_MODEL
from pyattn.text.tokenizers import tokenizer_files

README = pathlib.Path(__file__).parent.parent / "README.md"
if not README.exists():
    pytest.skip("the README is not in the wheel", allow_module_level=True)

LETTERS = "I am hungry.\nWhere is the station?\n"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)


def commands() -> list[tuple[str, list[str]]]:
    """Each command of the console blocks that runs pyattn, with the lines that follow it."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, *output = part.splitlines()
            if re.search(r"\bpyattn \w", command):
                found.append((command, output))
    return found


def announced(block: str) -> list[str]:
    """What a Python block says that it prints."""
    return [
        match[1] or match[2]
        for match in re.finditer(r"^ *print\(.*\)  # (.*)$|^# (.*)$", block, re.M)
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A working directory with what the README takes for granted."""
    place = tmp_path_factory.mktemp("readme")
    (place / "letters.en").write_text(LETTERS, "utf-8")
    command = place / "bin" / "pyattn"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pyattn "$@"\n')
    command.chmod(0o755)

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(SHIPPED_MODEL / "source.spm"))
    size = pieces.get_piece_size()
    names = [pieces.id_to_piece(n) for n in range(size)] + ["<pad>"]
    config = model_folders.config(
        vocab_size=size + 1,
        pad_token_id=size,
        decoder_start_token_id=size,
        max_position_embeddings=64,
    )
    model = model_folders.folder(place / "my-model", config, model_folders.tensors(config))
    (model / "vocab.json").write_text(json.dumps({name: n for n, name in enumerate(names)}))
    for role in ("source", "target"):
        shutil.copy(SHIPPED_MODEL / "source.spm", model / f"{role}.spm")
    compat_models.folder(place / "my-ctranslate2-model", "bare")
    nllb = golden_folder(place / "tokenizer", "nllb-json")
    write_native(
        place / "my-nllb",
        random_checkpoint("m2m_100", end=2),
        tokenizer_files=tokenizer_files(nllb),
    )
    return place


def test_python_blocks_print_what_they_say(
    place: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    names: dict[str, object] = {}
    for block in blocks("python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, str(README), "exec"), names)
        assert printed.getvalue().splitlines() == announced(block), block


def run(command: str, place: pathlib.Path) -> list[str]:
    """The lines that a command prints; it must succeed, and complain of nothing."""
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=place,
        env=os.environ | {"PATH": path},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize(("command", "output"), commands())
def test_command_prints_what_follows_it(
    command: str, output: list[str], place: pathlib.Path
) -> None:
    printed = run(command, place)
    if output:
        assert printed == output


def test_file_is_translated_line_by_line(place: pathlib.Path) -> None:
    (command,) = (command for command, _ in commands() if "--output" in command)
    assert run(command, place) == []
    lines = (place / "letters.es").read_text("utf-8").splitlines()
    assert lines == ["Tengo hambre.", "¿Dónde está la estación?"]


def test_readme_has_blocks_of_both_kinds() -> None:
    assert len(blocks("python")) >= 4
    assert len(commands()) >= 6
    assert sum(len(announced(block)) for block in blocks("python")) >= 8
