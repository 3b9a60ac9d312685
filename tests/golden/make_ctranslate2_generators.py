"""Makes tests/golden/ctranslate2-generators: tiny decoders as CTranslate2's converter saves them.

    python tests/golden/make_ctranslate2_generators.py

`golden.json` of each has the answers of CTranslate2's Generator, computing in float32, to some
calls, of each prompt alone. Wants ctranslate2, transformers and PyTorch.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
import tempfile
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.converters import TransformersConverter

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))
from support.decoder_folders import decoder_folder  # noqa: E402 (it is beside the tests)

# Tokenizer, vocabulary, class in transformers, number type.
MODELS = {
    "gpt2": ("gpt2-json", 400, "GPT2LMHeadModel", None),
    "llama": ("llama2-json", 420, "LlamaForCausalLM", None),
    "llama-int8": ("llama2-json", 420, "LlamaForCausalLM", "int8"),
    "qwen2": ("qwen2", 401, "Qwen2ForCausalLM", None),
}
PROMPTS = [["H", "e", "l"], ["a"], ["t", "h", "e", "r", "s"]]
APART: dict[str, Any] = {"include_prompt_in_result": False}
CASES: list[dict[str, Any]] = [
    {"max_length": 6},
    {"max_length": 2},
    {"max_length": 7, "beam_size": 3, "num_hypotheses": 2, "length_penalty": 0.5},
    {"max_length": 7, "min_length": 5, "beam_size": 2, "patience": 2, "num_hypotheses": 3},
    {"max_length": 6, "num_hypotheses": 2, "return_alternatives": True},
    {"max_length": 5, "static_prompt": ["i", "s"]},
    {**APART, "max_length": 6},
    {**APART, "max_length": 6, "beam_size": 3, "num_hypotheses": 2, "length_penalty": 0.5},
    {**APART, "max_length": 5, "suppress_sequences": [["e"], ["a", "t"]]},
    {**APART, "max_length": 5, "static_prompt": ["i", "s"]},
    {"max_length": 8, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    {**APART, "max_length": 6, "repetition_penalty": 0.5},
    {**APART, "max_length": 6, "beam_size": 2, "no_repeat_ngram_size": 1},
    {"max_length": 6, "no_repeat_ngram_size": 1, "static_prompt": ["i", "s"]},
]


def main() -> None:
    """Make them."""
    shutil.rmtree(FOLDER / "ctranslate2-generators", ignore_errors=True)
    for name, (kind, vocab, architecture, quantization) in MODELS.items():
        with tempfile.TemporaryDirectory() as place:
            source = decoder_folder(pathlib.Path(place) / "model", kind, vocab=vocab)
            _complete(source, architecture)
            folder = FOLDER / "ctranslate2-generators" / name
            TransformersConverter(str(source)).convert(str(folder), quantization=quantization)
        generator = ctranslate2.Generator(str(folder), compute_type="float32")
        golden = {
            "cases": [{"options": case, "results": _results(generator, case)} for case in CASES],
            "steps": [
                [step.step, step.token_id, round(step.log_prob, 6), step.is_last]
                for step in generator.generate_tokens(
                    PROMPTS[0], max_length=4, return_log_prob=True
                )
            ],
            "scores": [
                {"tokens": one.tokens, "log_probs": np.round(one.log_probs, 6).tolist()}
                for one in generator.score_batch(PROMPTS)
            ],
            "logits": np.round(np.array(generator.forward_batch([PROMPTS[0]])), 5)[0].tolist(),
        }
        text = json.dumps(golden, ensure_ascii=True)
        (folder / "golden.json").write_text(text + "\n", encoding="utf-8")


def _results(generator: Any, case: dict[str, Any]) -> list[dict[str, Any]]:
    found = [
        generator.generate_batch([prompt], return_scores=True, **case)[0] for prompt in PROMPTS
    ]
    return [
        {
            "sequences": one.sequences,
            "sequences_ids": one.sequences_ids,
            "scores": np.round(one.scores, 6).tolist(),
        }
        for one in found
    ]


def _complete(folder: pathlib.Path, architecture: str) -> None:
    """What the converter looks for beside what pyattn reads."""
    path = folder / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    if architecture.startswith("GPT2"):  # whose class takes the other names for its own
        own = ("model_type", "vocab_size", "eos_token_id", "tie_word_embeddings")
        values = {key: values[key] for key in values if key in own or key.startswith("n_")}
    values["architectures"] = [architecture]
    path.write_text(json.dumps(values), encoding="utf-8")
    path = folder / "tokenizer_config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values.setdefault("unk_token", values["eos_token"])
    path.write_text(json.dumps(values), encoding="utf-8")


if __name__ == "__main__":
    main()
