"""Write what tiny models of transformers compute. Needs torch and transformers; the tests do not.

    python tests/golden/make_modules.py

A file of `modules/` has a model's weights, in int8 steps of 1 / 64, so that they are exact and
small; their names and shapes in the order in which they lie; and for a few pairs of a source and a
target what the encoder yields and the logits of the decoder, computed in double precision.
`tests/reference/test_modules.py` gives the weights the names of `pyattn.checkpoint`.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import torch
import transformers

_FOLDER = pathlib.Path(__file__).parent / "modules"
_PAIRS = ((31, 27), (9, 12), (1, 0))  # lengths of sources and targets

_T5 = {
    "vocab_size": 24,
    "d_model": 12,
    "d_kv": 5,
    "d_ff": 21,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 14,
    "decoder_start_token_id": 0,
}
_GATED = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}


def _gemma_stack(**sizes: Any) -> dict[str, Any]:
    layers = sizes["num_hidden_layers"]
    return sizes | {
        "vocab_size": 24,
        "hidden_size": 16,
        "head_dim": 6,
        "max_position_embeddings": 64,
        "sliding_window": 4,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"][:layers],
        "query_pre_attn_scalar": 10,
        "attn_logit_softcapping": 1.5,
        "final_logit_softcapping": 2.0,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100.0},
    }


def _models() -> dict[str, transformers.PreTrainedModel]:
    t5, umt5 = transformers.T5ForConditionalGeneration, transformers.UMT5ForConditionalGeneration
    gemma = transformers.T5GemmaConfig(
        encoder=_gemma_stack(
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=19,
        ),
        decoder=_gemma_stack(
            num_hidden_layers=2,
            num_attention_heads=8,
            num_key_value_heads=2,
            intermediate_size=25,
        ),
    )
    gated, per_layer = (
        transformers.T5Config(**_T5, **_GATED),
        transformers.UMT5Config(**_T5, **_GATED),
    )
    # They make true of whatever they are told, and T5 only remembers not to scale.
    gated.tie_word_embeddings = per_layer.tie_word_embeddings = False
    return {
        "t5": t5(transformers.T5Config(**_T5, tie_word_embeddings=True)),
        "t5-gated": t5(gated),
        "umt5": umt5(per_layer),
        "t5gemma": transformers.T5GemmaForConditionalGeneration(gemma),
    }


def main() -> None:
    """Write all files."""
    _FOLDER.mkdir(exist_ok=True)
    for seed, (name, model) in enumerate(_models().items()):
        random = np.random.default_rng(seed)
        weights = {key: _fill(key, tensor, random) for key, tensor in model.named_parameters()}
        model.set_attn_implementation("eager")
        model.double().eval()
        answers = {}
        for n, lengths in enumerate(_PAIRS):
            source, target = (random.integers(3, 24, length) for length in lengths)
            memory, logits = _answer(model, source, target)
            answers |= {f"source_{n}": source.astype(np.int16)}
            answers |= {f"target_{n}": target.astype(np.int16)}
            answers |= {f"memory_{n}": memory, f"logits_{n}": logits}
        np.savez_compressed(
            _FOLDER / f"{name}.npz",
            shapes=json.dumps({key: array.shape for key, array in weights.items()}),
            weights=np.concatenate([array.ravel() for array in weights.values()]),
            **answers,
        )


def _fill(name: str, tensor: torch.nn.Parameter, random: np.random.Generator) -> np.ndarray:
    """Seeded numbers, and T5Gemma's norms around what they add to 1."""
    numbers = random.standard_normal(tuple(tensor.shape))
    if tensor.ndim == 1:
        numbers = 0.3 * numbers + (0 if tensor.detach().eq(0).all() else 1)
    elif "shared" not in name and "embed" not in name and "relative" not in name:
        numbers *= 1.3 * tensor.shape[1] ** -0.5
    quantized = np.clip(np.rint(64 * numbers), -127, 127).astype(np.int8)
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(quantized / 64))
    return quantized


def _answer(
    model: transformers.PreTrainedModel, source: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    start = model.generation_config.decoder_start_token_id
    start = model.config.decoder.bos_token_id if start is None else start
    ids = torch.from_numpy(source)[None]
    with torch.inference_mode():
        out = model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            decoder_input_ids=torch.from_numpy(np.insert(target, 0, start))[None],
            use_cache=False,
        )
    memory, logits = out.encoder_last_hidden_state, out.logits
    return memory[0].numpy().astype(np.float32), logits[0].numpy().astype(np.float32)


if __name__ == "__main__":
    main()
