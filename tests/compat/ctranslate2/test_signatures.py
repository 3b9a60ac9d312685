"""The methods of pyattn.compat.ctranslate2's Translator take what the package's take."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from pyattn.compat import ctranslate2
from pyattn.compat.ctranslate2.decoding import Decoding

# Of CTranslate2 4.8; what is the same in several methods stands once.
SEARCH: dict[str, Any] = {
    "beam_size": 2, "patience": 1, "num_hypotheses": 1, "length_penalty": 1,
    "coverage_penalty": 0, "repetition_penalty": 1, "no_repeat_ngram_size": 0,
    "disable_unk": False, "suppress_sequences": None, "end_token": None, "prefix_bias_beta": 0,
    "max_input_length": 1024, "max_decoding_length": 256, "min_decoding_length": 1,
    "use_vmap": False, "sampling_topk": 1, "sampling_topp": 1, "sampling_temperature": 1,
    "replace_unknowns": False,
}  # fmt: skip
RETURNED: dict[str, Any] = {
    "return_end_token": False, "return_scores": False, "return_logits_vocab": False,
    "return_attention": False, "return_alternatives": False, "min_alternative_expansion_prob": 0,
}  # fmt: skip
FUNCTIONS: dict[str, Any] = dict.fromkeys(
    ("source_tokenize_fn", "target_tokenize_fn", "target_detokenize_fn")
)
EXAMPLES = {"batch_type": "examples"}
FILES = EXAMPLES | FUNCTIONS | {"max_batch_size": 32, "read_batch_size": 0}
NEEDED = inspect.Parameter.empty
SIGNATURES: dict[str, dict[str, Any]] = {
    "__init__": {
        "model_path": NEEDED, "device": "cpu", "device_index": 0, "compute_type": "default",
        "inter_threads": 1, "intra_threads": 0, "max_queued_batches": 0, "flash_attention": False,
        "tensor_parallel": False, "files": None,
    },
    "translate_batch": SEARCH | RETURNED | EXAMPLES | {
        "source": NEEDED, "target_prefix": None, "max_batch_size": 0, "asynchronous": False,
        "callback": None,
    },
    "translate_iterable": SEARCH | RETURNED | EXAMPLES | {
        "source": NEEDED, "target_prefix": None, "max_batch_size": 32,
    },
    "translate_file": SEARCH | FILES | {
        "source_path": NEEDED, "output_path": NEEDED, "target_path": None, "with_scores": False,
    },
    "generate_tokens": {
        "source": NEEDED, "target_prefix": None, "return_log_prob": False,
    } | {name: SEARCH[name] for name in (
        "max_decoding_length", "min_decoding_length", "sampling_topk", "sampling_topp",
        "sampling_temperature", "repetition_penalty", "no_repeat_ngram_size", "disable_unk",
        "suppress_sequences", "end_token", "max_input_length", "use_vmap",
    )},
    "score_batch": EXAMPLES | {
        "source": NEEDED, "target": NEEDED, "max_batch_size": 0, "max_input_length": 1024,
        "offset": 0, "asynchronous": False,
    },
    "score_iterable": EXAMPLES | {"source": NEEDED, "target": NEEDED, "max_batch_size": 64},
    "score_file": FILES | {
        "source_path": NEEDED, "target_path": NEEDED, "output_path": NEEDED,
        "max_input_length": 1024, "offset": 0, "with_tokens_score": False,
    },
    "unload_model": {"to_cpu": False},
    "load_model": {"keep_cache": False},
}  # fmt: skip


@pytest.mark.parametrize("method", SIGNATURES)
def test_arguments_and_defaults_are_those_of_the_package(method: str) -> None:
    function = getattr(ctranslate2.Translator, method)
    found = {name: one.default for name, one in inspect.signature(function).parameters.items()}
    if found.pop("options", None) is not None:
        found |= {field.name: field.default for field in dataclasses.fields(Decoding)}
    for name, default in SIGNATURES[method].items():
        assert name in found, name
        assert found[name] == default, name


def test_arguments_by_place_are_those_of_the_package() -> None:
    by_place = {
        method: [
            name
            for name, one in inspect.signature(function).parameters.items()
            if one.kind is one.POSITIONAL_OR_KEYWORD
        ][1:]
        for method in SIGNATURES
        for function in [getattr(ctranslate2.Translator, method)]
    }
    assert by_place == {
        "__init__": ["model_path", "device"],
        "translate_batch": ["source", "target_prefix"],
        "translate_iterable": ["source", "target_prefix", "max_batch_size", "batch_type"],
        "translate_file": ["source_path", "output_path", "target_path"],
        "generate_tokens": ["source", "target_prefix"],
        "score_batch": ["source", "target"],
        "score_iterable": ["source", "target", "max_batch_size", "batch_type"],
        "score_file": ["source_path", "target_path", "output_path"],
        "unload_model": ["to_cpu"],
        "load_model": ["keep_cache"],
    }
