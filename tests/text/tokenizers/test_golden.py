"""Ids and texts are those of transformers' tokenizers; golden/make_tokenizers.py asks them."""

import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import pytest

from golden.tokenizer_lines import lines_for
from pyattn.text.tokenizers import Tokenizer, load_tokenizer
from support.tokenizer_folders import GOLDEN, NAMES, golden_folder


def digest(values: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def loaded(folder: pathlib.Path, name: str) -> Tokenizer:
    tokenizer = load_tokenizer(golden_folder(folder, name))
    assert tokenizer is not None
    return tokenizer


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_those_of_transformers(name: str, tmp_path: pathlib.Path) -> None:
    lines = lines_for(name)
    assert len(lines) > 250
    ids = loaded(tmp_path, name).encode(lines)
    first = GOLDEN[name]["first_ids"]
    assert ids[: len(first)] == first
    assert digest(ids) == GOLDEN[name]["ids"]


@pytest.mark.parametrize("name", NAMES)
def test_texts_of_ids_are_those_of_transformers(name: str, tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(tmp_path, name)
    texts = tokenizer.decode(tokenizer.encode(lines_for(name)))
    assert digest(texts) == GOLDEN[name]["texts"]
