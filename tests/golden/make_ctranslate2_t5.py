"""Makes tests/golden/ctranslate2-t5-*: tiny T5 models as CTranslate2's own converter saves them.

    python tests/golden/make_ctranslate2_t5.py

`golden.json` of each has what CTranslate2 says of some sources: its best four, and the
log-probabilities of given targets. Wants ctranslate2, transformers and PyTorch.
"""

from __future__ import annotations

import json
import pathlib
import random
import shutil
from typing import Any

import ctranslate2
import torch
import transformers
from ctranslate2.converters.transformers import T5Loader

FOLDER = pathlib.Path(__file__).parent
VOCAB = 31
TOKENS = ["<pad>", "</s>", "<unk>", *(f"t{n}" for n in range(VOCAB - 3))]
MODELS: dict[str, dict[str, Any]] = {
    "relu": {"feed_forward_proj": "relu", "d_kv": 5},
    "gated": {"feed_forward_proj": "gated-gelu", "d_kv": 4},
}


def model(**settings: Any) -> transformers.T5ForConditionalGeneration:
    """A T5 with wide seeded weights, so that it says different things."""
    torch.manual_seed(7)
    made = transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=VOCAB,
            d_model=16,
            d_ff=24,
            num_layers=2,
            num_heads=4,
            relative_attention_num_buckets=8,
            relative_attention_max_distance=12,
            decoder_start_token_id=0,
            **settings,
        )
    ).eval()
    with torch.no_grad():
        for name, values in made.named_parameters():
            norm = name.endswith("layer_norm.weight")
            scale = 0.3 if norm else 1.0 if "shared" in name else 0.5
            values.copy_(torch.randn_like(values) * scale + norm)
    return made


def convert(made: transformers.T5ForConditionalGeneration, folder: pathlib.Path) -> None:
    """What the converter does, but for the tokenizer, of which there is none."""
    loader = T5Loader()
    spec = loader.get_model_spec(made)
    loader.set_vocabulary(spec, TOKENS)
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = TOKENS[:3]
    spec.config.decoder_start_token = "<pad>"
    spec.config.add_source_eos = False
    spec.validate()
    spec.optimize()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    spec.save(str(folder))


def answers(folder: pathlib.Path) -> list[dict[str, Any]]:
    """What CTranslate2 says."""
    translator = ctranslate2.Translator(str(folder), compute_type="float32")
    pick = random.Random(3)
    cases = []
    for length in (1, 2, 5, 9, 20):
        source = [pick.choice(TOKENS[3:]) for _ in range(length)]
        target = [pick.choice(TOKENS[3:]) for _ in range(length + 2)]
        [found] = translator.translate_batch(
            [source], beam_size=4, num_hypotheses=4, max_decoding_length=12, return_scores=True
        )
        [scored] = translator.score_batch([source], [target])
        cases.append(
            {
                "source": source,
                "target": target,
                "hypotheses": found.hypotheses,
                "scores": found.scores,
                "log_probs": scored.log_probs,
            }
        )
    return cases


def main() -> None:
    """Writes every model and what is said of it."""
    for name, settings in MODELS.items():
        folder = FOLDER / f"ctranslate2-t5-{name}"
        convert(model(**settings), folder)
        text = json.dumps(answers(folder)).replace("}, {", "},\n{")
        (folder / "golden.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
