"""The code blocks of the README and of docs/ do what they say.

A Python block prints what its comments say: those behind a `print(...)`, and those on lines of
their own at the margin. A command that is followed by lines prints them. The blocks of a page run
in order, in one namespace and in one folder.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import sentencepiece

from pyattn.files.native import write_native
from pyattn.hub.resolving import resolve
from pyattn.running.origin import SHIPPED_MODEL
from pyattn.text.tokenizers import tokenizer_files
from support import compat_models, hub_models, model_folders
from support.hub_stub import Stub
from support.paths import GOLDEN, ROOT
from support.tokenizer_folders import golden_folder, random_checkpoint

README = ROOT / "README.md"
if not README.exists():
    pytest.skip("the documents are not in the wheel", allow_module_level=True)
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

LETTERS = "I am hungry.\nWhere is the station?\n"

Place = Callable[[pathlib.Path], pathlib.Path]


def blocks(page: pathlib.Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)


def commands(page: pathlib.Path) -> list[tuple[str, list[str]]]:
    """Each command of the console blocks that runs pyattn, with the lines that follow it."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, *output = part.splitlines()
            if re.search(r"\bpyattn \w", command):
                found.append((command, output))
    return found


def announced(block: str) -> list[str]:
    """What a Python block says that it prints."""
    return [
        match[1] or match[2] or ""
        for match in re.finditer(r"^ *print\(.*\)  # (.*)$|^#(?: (.*))?$", block, re.M)
    ]


@pytest.fixture(scope="module", autouse=True)
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The models that the pages name, from a server on the loopback."""
    place = tmp_path_factory.mktemp("served")
    student = hub_models.firefox(place / "student")
    (place / "argos").mkdir()
    with Stub() as stub, pytest.MonkeyPatch.context() as patch:
        shipped = {path.name: path.read_bytes() for path in SHIPPED_MODEL.iterdir()}
        stub.add_repository("Helsinki-NLP/opus-mt-en-es", shipped)
        for pair in (("en", "pt"), ("es", "en"), ("en", "ru")):
            stub.add_firefox(*pair, student)
        stub.add_argos("en", "es", hub_models.argos(place / "argos"))
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        patch.setenv("PYATTN_CACHE", str(place / "cache"))
        patch.setenv("PYATTN_FIREFOX_ENDPOINT", f"{stub.url}/v1")
        patch.setenv("ARGOS_PACKAGE_INDEX", f"{stub.url}/index.json")
        patch.setenv("HF_ENDPOINT", stub.url)
        patch.setenv("HF_HOME", str(place / "hf"))
        patch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        resolve("firefox:en-pt")  # which a page removes
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A working directory with what the pages take for granted."""
    place = tmp_path_factory.mktemp("documents") / "template"
    place.mkdir()
    (place / "letters.en").write_text(LETTERS, "utf-8")
    (place / "letters.jsonl").write_text('{"id": 7, "body": "I am hungry."}\n')
    (place / "page.html").write_text('<p lang="en">I went to <b>Paris</b> last summer.</p>\n')
    (place / "film.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nWhere is the station?\n")
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
    shutil.copytree(GOLDEN / "embedder", place / "my-embedder")
    shutil.copytree(GOLDEN / "classifiers" / "bert", place / "my-classifier")
    shutil.copytree(GOLDEN / "classifiers" / "bert-reranker", place / "my-reranker")
    nllb = golden_folder(place / "tokenizer", "nllb-json")
    write_native(
        place / "my-nllb",
        random_checkpoint("m2m_100", end=2),
        tokenizer_files=tokenizer_files(nllb),
    )
    return place


@pytest.fixture(scope="module")
def place(template: pathlib.Path) -> Place:
    """The folder of a page."""

    @functools.cache
    def place(page: pathlib.Path) -> pathlib.Path:
        folder = template.parent / page.name
        shutil.copytree(template, folder)
        return folder

    return place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_print_what_they_say(
    page: pathlib.Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place(page))
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, str(page), "exec"), names)
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


@pytest.mark.parametrize(
    ("page", "command", "output"),
    [(page, *command) for page in PAGES for command in commands(page)],
    ids=lambda value: value.name if isinstance(value, pathlib.Path) else None,
)
def test_command_prints_what_follows_it(
    page: pathlib.Path, command: str, output: list[str], place: Place
) -> None:
    if "Helsinki-NLP" in command:
        pytest.importorskip("huggingface_hub")
    printed = run(command, place(page))
    if output:
        assert printed == output


def test_file_is_translated_line_by_line(place: Place) -> None:
    (command,) = (command for command, _ in commands(README) if "--output" in command)
    assert run(command, place(README)) == []
    lines = (place(README) / "letters.es").read_text("utf-8").splitlines()
    assert lines == ["Tengo hambre.", "¿Dónde está la estación?"]


def test_readme_has_blocks_of_both_kinds_and_is_short() -> None:
    assert len(blocks(README, "python")) >= 3
    assert len(commands(README)) >= 8
    assert sum(len(announced(block)) for block in blocks(README, "python")) >= 8
    assert len(README.read_text("utf-8").splitlines()) <= 200
