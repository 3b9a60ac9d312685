"""Files of llama.cpp, written and dequantised by the package gguf, run by transformers."""

from __future__ import annotations

import json
import pathlib
import struct
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import ModelError
from pyattn.commands.conversion import convert
from pyattn.files import ModelFiles, open_model, read_checkpoint
from pyattn.files.gguf.blocks import NUMBER_TYPES
from pyattn.files.gguf.container import read_container
from pyattn.text.tokenizers import load_tokenizer
from support.golden_logits import assert_golden_logits
from support.paths import GOLDEN

FOLDER = GOLDEN / "gguf"
CASES: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "golden.json").read_text())
SMALL = FOLDER / "relu-tied.gguf"


@pytest.mark.parametrize("number", [number for number, one in NUMBER_TYPES.items() if one.floats])
def test_blocks_have_the_bits_of_the_package_gguf(number: int) -> None:
    golden = np.load(FOLDER / "blocks.npz")
    kind = NUMBER_TYPES[number]
    assert kind.floats is not None
    blocks, floats = golden[f"{number}_blocks"], golden[f"{number}_floats"]
    assert blocks.shape[1:] == (kind.size,)
    assert floats.shape[1:] == (kind.count,)
    assert kind.floats(blocks).tobytes() == floats.tobytes()


@pytest.mark.parametrize("name", CASES)
def test_logits_are_those_of_the_dequantised_model(name: str) -> None:
    assert_golden_logits(read_checkpoint(FOLDER / f"{name}.gguf"), CASES[name])


def test_texts_are_cut_as_by_the_model_that_the_file_was_made_of(tmp_path: pathlib.Path) -> None:
    pieces = GOLDEN / "tokenizers" / "t5-pieces-spiece.model"
    with open_model(SMALL) as files:
        config = files.config
        ours = load_tokenizer(SMALL)
    golden = GOLDEN / "t5-tied-relu-5"
    values = json.loads((golden / "config.json").read_text()) | {"vocab_size": config.source_vocab}
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "spiece.model").write_bytes(pieces.read_bytes())
    theirs = load_tokenizer(tmp_path)
    assert ours is not None
    assert theirs is not None
    # Words that are pieces, too: which of several ways to cut is taken depends on the scores.
    lines = [
        "The dogs left who they were with in the house.",
        "  two  spaces ",
        "ﬁ Ⅳ Å",
        "",
        "año 12",
        "\t日本語 😀",
        "e\u0301",
    ]
    ids = theirs.encode(lines)
    assert ours.encode(lines) == ids
    behind = config.source_vocab - 4  # of fillers, which are no text
    for one in (ids, [[5, behind, behind + 3, 6]]):
        assert ours.decode(one) == theirs.decode(one)


def test_file_translates_and_leaves_nothing_behind(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pyattn.load(SMALL, threads=1) as translator:
        assert not list(tmp_path.iterdir())
        assert isinstance(translator.translate("Hello.", max_new_tokens=3), str)
        translator.model.save(tmp_path / "own")
        [[wanted]] = translator.model.generate([[5, 9, 1]], max_new_tokens=4)
    with pyattn.load(tmp_path / "own", threads=1) as again:
        [[found]] = again.model.generate([[5, 9, 1]], max_new_tokens=4)
    assert (found.tokens, found.score) == (wanted.tokens, wanted.score)


@pytest.mark.parametrize(("dtype", "least", "most"), [("int8", 0.002, 0.01), ("float32", 0, 0)])
def test_conversion_says_what_rounding_once_more_changed(
    tmp_path: pathlib.Path, dtype: Any, least: float, most: float
) -> None:
    loss = convert(FOLDER / "gated.gguf", tmp_path / "own", dtype=dtype)
    assert loss is not None
    assert least <= loss <= most
    before, after = read_checkpoint(FOLDER / "gated.gguf"), read_checkpoint(tmp_path / "own")
    changes = [
        np.square(after.tensors[name] - array).mean() / np.square(array).mean()
        for name, array in before.tensors.items()
        if array.ndim == 2
    ]
    assert min(changes) <= loss**2 <= max(changes)
    assert convert(tmp_path / "own", tmp_path / "again", dtype="int8") is None


def test_numbers_are_counted_by_their_type() -> None:
    with open_model(FOLDER / "gated.gguf") as files:
        assert set(files.stored_numbers) == {"Q4_K", "Q5_K", "Q6_K", "F16", "BF16", "F32"}


# What a file is made of.
def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int = 0) -> bytes:
    lengths = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + lengths + struct.pack("<IQ", kind, offset)


def file_of(
    pairs: tuple[bytes, ...] = (), tensors: tuple[bytes, ...] = (), numbers: bytes = b""
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs + tensors)
    return head + bytes(-len(head) % 32) + numbers


def u32(key: str, value: int) -> bytes:
    return pair(key, 4, struct.pack("<I", value))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated, or not a GGUF file"),
        (b"GGML" + bytes(40), "does not begin with GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1, expected 2 or 3"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian, expected little-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "the number of tensors is"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "the number of pairs is"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62), "a key has"),
        (file_of((u32("a", 1), u32("a", 2))), "a appears twice"),
        (file_of((u32("", 1),)), "a key is empty"),
        (file_of((pair("a", 8, struct.pack("<Q", 1 << 40)),)), "a has 1099511627776 bytes"),
        (file_of((pair("a", 9, struct.pack("<IQ", 4, 1 << 61)),)), "bytes are left|bytes, "),
        (file_of((pair("a", 9, struct.pack("<IQ", 8, 1 << 61)),)), "texts, "),
        (file_of((pair("a", 9, struct.pack("<IQ", 9, 1)),)), "values of type 9"),
        (file_of((pair("a", 13, b""),)), "values of type 13"),
        (file_of((pair("a", 8, struct.pack("<Q", 1) + b"\xff"),)), "expected UTF-8"),
        (file_of((u32("general.alignment", 0),)), "general.alignment is 0"),
        (file_of((pair("general.alignment", 8, text("32")),)), "general.alignment is"),
        (file_of((), (tensor("a" * 65, (1,), 0),)), "has 65 bytes, expected at most 64"),
        (file_of((), (tensor("a", (1,) * 5, 0),)), "a has 5 axes"),
        (file_of((), (tensor("a", (), 0),)), "a has 0 axes"),
        (file_of((), (tensor("a", (0, 4), 0),)), r"a has shape \[4, 0\]"),
        (file_of((), (tensor("a", (33,), 2),)), r"a has shape \[33\], expected rows of blocks"),
        (file_of((), (tensor("a", (1 << 62, 1 << 62), 0),)), "truncated"),
        (file_of((), (tensor("a", (4,), 0, 1 << 63),), bytes(16)), "truncated"),
        (file_of((), (tensor("a", (4,), 10),), bytes(16)), "numbers of type Q2_K, expected one"),
        (file_of((), (tensor("a", (4,), 99),), bytes(16)), "numbers of type number 99"),
        (file_of((), (tensor("a", (4,), 0),) * 2, bytes(16)), "a appears twice"),
        (file_of(), "general.architecture"),
        (
            file_of((pair("general.architecture", 8, text("llama")),)),
            "general.architecture is \"?'?llama",
        ),
    ],
)
def test_damage_is_named(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=message) as raised:
        read_checkpoint(tmp_path / "model.gguf")
    assert "model.gguf" in str(raised.value)


def read_all(files: ModelFiles) -> object:
    return files.checkpoint, files.tokenizer


def changes() -> Iterator[tuple[str, Any, str]]:
    keys = read_container(SMALL).pairs
    yield "t5.embedding_length", 255, "token_embd.weight has shape"
    yield "t5.attention.value_length", 8, "value_length is not 16"
    yield "t5.block_count", 2, "missing"
    yield "tokenizer.ggml.model", "llama", "model is 'llama', expected t5"
    yield "tokenizer.ggml.scores", keys["tokenizer.ggml.scores"][:-1], "scores is no array"
    yield "tokenizer.ggml.token_type", keys["tokenizer.ggml.token_type"] * 0, "out of range"
    yield "tokenizer.ggml.tokens", [], "is no list of"
    yield "tokenizer.ggml.precompiled_charsmap", 5, "is no array of bytes"


@pytest.mark.parametrize(("key", "value", "message"), [*changes()])
def test_what_contradicts_itself_is_named(
    monkeypatch: pytest.MonkeyPatch, key: str, value: Any, message: str
) -> None:
    container = read_container(SMALL)
    container.pairs[key] = value
    monkeypatch.setattr("pyattn.files.gguf.opened.read_container", lambda _path: container)
    with open_model(SMALL) as files, pytest.raises(ModelError, match=message):
        read_all(files)


def test_every_truncation_is_an_error(tmp_path: pathlib.Path) -> None:
    whole = SMALL.read_bytes()
    place = tmp_path / "model.gguf"
    for size in [*range(0, 4000, 37), len(whole) // 2, len(whole) - 1]:
        place.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"model\.gguf"):
            read_checkpoint(place)
