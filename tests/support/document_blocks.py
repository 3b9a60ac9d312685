"""The code blocks of documents, what they say that they print, and where they run."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
import sentencepiece

from pyattn.files.native import write_native
from pyattn.hub.resolving import resolve
from pyattn.running.origin import SHIPPED_MODEL
from pyattn.text.tokenizers import tokenizer_files
from support import compat_models, hub_models, model_folders
from support.decoder_folders import decoder_folder
from support.hub_stub import Stub
from support.paths import GOLDEN
from support.tokenizer_folders import golden_folder, random_checkpoint

LETTERS = "I am hungry.\nWhere is the station?\n"


def blocks(page: pathlib.Path, language: str) -> list[str]:
    """The blocks of a page in one language."""
    return [block for kind, block in all_blocks(page) if kind == language]


def all_blocks(page: pathlib.Path) -> list[tuple[str, str]]:
    """The blocks of a page: language and content."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [(language, block) for language, block in found]


def commands_in(block: str) -> list[tuple[str, list[str]]]:
    """Each command of a console block, with the lines that follow it."""
    parts = (part.splitlines() for part in re.split(r"^\$ ", block, flags=re.M)[1:])
    return [(command, output) for command, *output in parts]


def announced(block: str) -> list[str]:
    """What a Python block says that it prints."""
    return [
        match[1] or match[2] or ""
        for match in re.finditer(r"^ *print\(.*\)  # (.*)$|^#(?: (.*))?$", block, re.M)
    ]


def printed_by(block: str, page: pathlib.Path, names: dict[str, object]) -> list[str]:
    """The lines that a Python block prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, str(page), "exec"), names)
    return printed.getvalue().splitlines()


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
    assert (done.returncode, done.stderr) == (0, ""), command
    return done.stdout.splitlines()


@contextlib.contextmanager
def served_models(place: pathlib.Path) -> Iterator[None]:
    """The models that pages name, from a server on the loopback."""
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
        if importlib.util.find_spec("huggingface_hub"):
            # Which it has read already where another test has imported it.
            constants = importlib.import_module("huggingface_hub.constants")
            patch.setattr(constants, "HF_HUB_CACHE", str(place / "hf" / "hub"))
        resolve("firefox:en-pt")  # which a page removes
        yield


def make_folder(place: pathlib.Path) -> pathlib.Path:
    """A working directory with what pages take for granted."""
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
    decoder_folder(place / "my-generator", "qwen2")
    shutil.copytree(GOLDEN / "reformer" / "drawn", place / "my-reformer")
    shutil.copytree(GOLDEN / "classifiers" / "bert", place / "my-classifier")
    shutil.copytree(GOLDEN / "classifiers" / "bert-reranker", place / "my-reranker")
    shutil.copy(GOLDEN / "torch_transformer" / "tutorial.pt", place / "my-course.pt")
    for name, tokenizer, family in (
        ("my-nllb", "nllb-json", "m2m_100"),
        ("my-summariser", "bart-json", "bart"),
    ):
        files = golden_folder(place / f"tokenizer-{name}", tokenizer)
        write_native(
            place / name,
            random_checkpoint(family, end=2),
            tokenizer_files=tokenizer_files(files),
        )
    return place
