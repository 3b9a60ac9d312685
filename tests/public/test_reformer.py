"""`pyattn.reformer`: texts in, what follows them out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece

import pyattn
from pyattn import reference
from pyattn.files import read_reformer
from pyattn.reformer import ReformerGenerator
from pyattn.reformer_config import ReformerConfig, reformer_shapes
from support.model_folders import safetensors
from support.paths import GOLDEN

PIECES = GOLDEN / "prompt_tokenizers" / "llama2-pieces" / "tokenizer.model"
TEXT = "Grüße, 你好! It's 12345 o'clock.\n"


def folder_of(folder: Path, vocab: int) -> Path:
    """A folder with a seeded model of so many ids, and no tokenizer."""
    config = ReformerConfig(
        **{"vocab": vocab, "dim": 8, "heads": 2, "head_dim": 4, "ffn": 12, "end": 2},
        **{"layers": ("local", "lsh"), "positions": 256},
    )
    values: dict[str, Any] = {
        **{"model_type": "reformer", "is_decoder": True, "vocab_size": vocab, "hidden_size": 8},
        **{"num_attention_heads": 2, "attention_head_size": 4, "feed_forward_size": 12},
        **{"attn_layers": ["local", "lsh"], "max_position_embeddings": 256},
        **{"axial_pos_embds": False, "local_attn_chunk_length": 8, "lsh_attn_chunk_length": 8},
    }
    random = np.random.default_rng(1)
    tensors = {
        name: random.normal(size=shape).astype(np.float32)
        for name, shape in reformer_shapes(config)
    }
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(safetensors(tensors))
    return folder


def test_texts_are_cut_and_joined_by_sentencepiece(tmp_path: Path) -> None:
    cutter = sentencepiece.SentencePieceProcessor(model_file=str(PIECES))
    shutil.copy(PIECES, folder_of(tmp_path, cutter.get_piece_size()) / "spiece.model")
    generator = ReformerGenerator(tmp_path, seed=1)
    ids = cutter.encode(TEXT)
    assert generator.tokenizer.encode([TEXT]) == [ids]
    assert generator.tokenizer.decode([ids]) == [cutter.decode(ids)]
    [[found]] = generator.generate([TEXT], max_new_tokens=7)
    [[same]] = generator.generate([ids], max_new_tokens=7)
    assert (found.tokens, found.score) == (same.tokens, same.score)
    text = generator.complete(TEXT, max_new_tokens=7)
    assert cutter.decode(ids + found.tokens) == cutter.decode(ids) + text
    assert generator.complete([TEXT, ids], max_new_tokens=7) == [text, text]


def test_a_model_of_258_ids_has_bytes(tmp_path: Path) -> None:
    generator = ReformerGenerator(folder_of(tmp_path, 258))
    ids = [byte + 2 for byte in TEXT.encode()]
    assert generator.tokenizer.encode([TEXT]) == [ids]
    assert generator.tokenizer.decode([[0, *ids, 1]]) == [TEXT]
    assert len(generator.logits([TEXT])[0]) == len(ids)
    [[found]] = generator.generate([TEXT], max_new_tokens=5)
    whole = bytes(one - 2 for one in (*ids, *found.tokens) if one > 1).decode(errors="replace")
    assert TEXT + generator.complete(TEXT, max_new_tokens=5) == whole


def test_a_model_without_tokenizer_takes_ids(tmp_path: Path) -> None:
    generator = ReformerGenerator(folder_of(tmp_path, 300))
    assert len(generator.generate([[5, 6]], max_new_tokens=3)[0][0].tokens) <= 3
    for call in (generator.generate, generator.logits, generator.complete):
        with pytest.raises(
            pyattn.ModelError, match=r"nor spiece.model, by which texts of reformer"
        ):
            call(["a"])


def test_seed_and_vectors_are_those_of_the_model(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 258)
    checkpoint = read_reformer(folder)
    for settings in (
        {"seed": 4},
        {"hash_vectors": lambda _, shape: np.random.default_rng(7).random(shape, np.float32)},
    ):
        found = ReformerGenerator(folder, **settings).logits([TEXT])
        wanted = reference.Reformer(checkpoint, **settings).logits(
            [[byte + 2 for byte in TEXT.encode()]]
        )
        np.testing.assert_array_equal(found, wanted)


def test_prompts_that_are_none_are_refused(tmp_path: Path) -> None:
    generator = ReformerGenerator(folder_of(tmp_path, 258))
    with pytest.raises(TypeError, match="generate: prompts is str"):
        generator.generate("text")
    with pytest.raises(TypeError, match="prompt 0 is not a list of ids"):
        generator.generate([5])
    with pytest.raises(ValueError, match="generate: prompt 1 has no tokens"):
        generator.generate(["a", ""])
    with pytest.raises(ValueError, match=r"complete: prompts\[0\]"):
        generator.complete("\ud800")
    with pytest.raises(TypeError, match="unknown option 'nothing'"):
        generator.generate(["a"], nothing=1)


def test_module_is_an_attribute_of_the_package() -> None:
    assert pyattn.reformer.ReformerGenerator is ReformerGenerator
