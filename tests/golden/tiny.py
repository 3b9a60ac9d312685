"""Tiny Marian and Pegasus models with seeded weights, written as their users find them on disk.

transformers' Marian knows only the norm after the residual. The norm before it comes from Pegasus,
which is the same block under the same names, with a norm more at the end of each stack.

Default weights (deviation 0.02) repeat the last token without end, whatever the source. Here the
weights are wider, the last norm has a random sign per channel, so that a tied output matrix does
not point back at the token just read, and `seed` and `end_bias` were picked so that the models say
many things of many lengths.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
import transformers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tiny:
    """One model: what is in its config.json and how its file is written."""

    seed: int
    family: Literal["marian", "pegasus"] = "marian"
    config: Mapping[str, Any]
    end_bias: float
    generation: Mapping[str, Any]
    dtype: torch.dtype = torch.float32
    pickled: bool = False
    source_lengths: tuple[int, ...] = tuple(range(1, 21))
    target_lengths: tuple[int, ...] = (0, 1, 2, 7, 13, 20)


def _sizes(
    dim: int, heads: int | tuple[int, int], layers: tuple[int, int], ffn: tuple[int, int]
) -> dict[str, Any]:
    encoder_heads, decoder_heads = (heads, heads) if isinstance(heads, int) else heads
    return {
        "d_model": dim,
        "encoder_attention_heads": encoder_heads,
        "decoder_attention_heads": decoder_heads,
        "encoder_layers": layers[0],
        "decoder_layers": layers[1],
        "encoder_ffn_dim": ffn[0],
        "decoder_ffn_dim": ffn[1],
        "max_position_embeddings": 32,
        "scale_embedding": True,
    }


SPECIAL = ("pad_token_id", "eos_token_id", "decoder_start_token_id")

# As in OPUS-MT: the end is 0, and decoding starts with the padding, which is the last id.
_MARIAN = {
    "vocab_size": 101,
    "pad_token_id": 100,
    "decoder_start_token_id": 100,
    "eos_token_id": 0,
    "forced_eos_token_id": None,
    "tie_word_embeddings": True,
    "share_encoder_decoder_embeddings": True,
}
_PEGASUS = {
    "vocab_size": 101,
    "pad_token_id": 0,
    "decoder_start_token_id": 0,
    "eos_token_id": 1,
    "forced_eos_token_id": None,
    "tie_word_embeddings": True,
}
# What old releases have in config.json and nothing reads.
_LEGACY = {
    "add_bias_logits": False,
    "add_final_layer_norm": False,
    "normalize_before": False,
    "normalize_embedding": False,
    "num_hidden_layers": 1,
    "static_position_embeddings": True,
}

TINY = {
    "marian-tied-relu-3": Tiny(
        seed=5,
        end_bias=2.6,
        config=_MARIAN | _sizes(6, 2, (2, 1), (16, 12)) | {"activation_function": "relu"},
        generation={"num_beams": 4, "max_length": 20, "bad_words_ids": [[100]]},
    ),
    # A dim that is odd has one sine more than cosines.
    "marian-untied-gelu-3": Tiny(
        seed=2,
        end_bias=4.6,
        config=_MARIAN
        | _sizes(15, 5, (1, 3), (33, 17))
        | {
            "activation_function": "gelu",
            "vocab_size": 120,
            "decoder_vocab_size": 87,
            "pad_token_id": 86,
            "decoder_start_token_id": 5,
            "tie_word_embeddings": False,
            "share_encoder_decoder_embeddings": False,
        },
        generation={"num_beams": 1, "max_new_tokens": 16},
    ),
    "marian-pickled-swish-20": Tiny(
        seed=3,
        end_bias=3.4,
        config=_MARIAN
        | _LEGACY
        | _sizes(40, 2, (1, 3), (32, 24))
        | {"activation_function": "swish"},
        generation={"num_beams": 6, "max_length": 20, "bad_words_ids": [[100]]}
        | {"forced_eos_token_id": 0, "length_penalty": 0.8},
        pickled=True,
    ),
    # The heads of the two stacks differ: head_dim 20 in the encoder, 3 in the decoder.
    "marian-long-relu-20": Tiny(
        seed=5,
        end_bias=5.2,
        config=_MARIAN
        | _sizes(60, (3, 20), (2, 1), (30, 34))
        | {"activation_function": "relu", "max_position_embeddings": 256}
        | {"tie_word_embeddings": False, "scale_embedding": False},
        generation={"num_beams": 4, "max_length": 24, "early_stopping": True},
        source_lengths=(1, 2, 5, 9, 14, 20, 33, 64, 65, 127, 128, 199, 200),
        target_lengths=(3, 40, 199),
    ),
    "marian-bfloat16-gelu-64": Tiny(
        seed=7,
        end_bias=4.0,
        config=_MARIAN | _sizes(64, 1, (1, 2), (40, 24)) | {"activation_function": "gelu"},
        generation={"num_beams": 4, "max_length": 20, "early_stopping": "never"},
        dtype=torch.bfloat16,
    ),
    # Two vocabularies, the decoder's tied to the output.
    "marian-float16-swish-64": Tiny(
        seed=10,
        end_bias=5.4,
        config=_MARIAN
        | _sizes(64, 1, (2, 1), (32, 80))
        | {
            "activation_function": "swish",
            "vocab_size": 90,
            "decoder_vocab_size": 130,
            "pad_token_id": 89,
            "decoder_start_token_id": 89,
            "share_encoder_decoder_embeddings": False,
        },
        generation={"num_beams": 2, "max_length": 20, "length_penalty": 1.2},
        dtype=torch.float16,
    ),
    "pegasus-tied-relu-3": Tiny(
        seed=12,
        end_bias=0.2,
        family="pegasus",
        config=_PEGASUS | _sizes(12, 4, (1, 3), (20, 31)) | {"activation_function": "relu"},
        generation={"num_beams": 8, "max_length": 20, "length_penalty": 0.6},
    ),
    "pegasus-untied-gelu-20": Tiny(
        seed=1,
        end_bias=5.3,
        family="pegasus",
        config=_PEGASUS
        | _sizes(40, 2, (2, 1), (48, 40))
        | {"activation_function": "gelu", "tie_word_embeddings": False},
        generation={"num_beams": 4, "max_length": 20, "min_length": 5},
    ),
    "pegasus-tied-swish-64": Tiny(
        seed=8,
        end_bias=6.6,
        family="pegasus",
        config=_PEGASUS
        | _sizes(64, 1, (2, 1), (33, 30))
        | {"activation_function": "silu", "scale_embedding": False},
        generation={"num_beams": 4, "max_length": 20},
    ),
}


def write(tiny: Tiny, folder: pathlib.Path) -> None:
    """Write config.json, generation_config.json and the weights into `folder`."""
    if tiny.family == "marian":
        model = transformers.MarianMTModel(transformers.MarianConfig(**tiny.config))
    else:
        config = transformers.PegasusConfig(**tiny.config)
        model = transformers.PegasusForConditionalGeneration(config)
    random = np.random.default_rng(tiny.seed)
    _fill(model, tiny, random)
    model.generation_config = transformers.GenerationConfig(
        **{name: tiny.config[name] for name in SPECIAL} | dict(tiny.generation)
    )
    model.to(tiny.dtype).save_pretrained(folder)
    if tiny.pickled:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")


def ordinary_ids(tiny: Tiny, vocab: str) -> np.ndarray:
    """The ids of "vocab_size" or "decoder_vocab_size" that stand for words."""
    size = tiny.config.get(vocab, tiny.config["vocab_size"])
    return np.setdiff1d(np.arange(size), [tiny.config[name] for name in SPECIAL])


# Deviations of weight matrices, over that of one which keeps the deviation of its input: attention
# to the source that moves with every step, and feed-forwards that matter.
_GAINS = {
    "encoder_attn.q_proj": 2.0,
    "encoder_attn.k_proj": 2.0,
    "encoder_attn.v_proj": 1.5,
    "q_proj": 1.5,
    "k_proj": 1.5,
    "v_proj": 1.0,
    "out_proj": 1.0,
    "fc1": 1.5,
    "fc2": 1.5,
}
# Of the embeddings after their scale. Positions have 0.7; below that, the words would drown.
_EMBEDDING = 1.5
# Of the logits, about; the best of 100 tokens then gets about 0.4.
_SHARPNESS = 3.0


def _fill(model: torch.nn.Module, tiny: Tiny, random: np.random.Generator) -> None:
    """Seeded weights; no bias is zero and no norm one."""

    def normal(tensor: torch.Tensor, deviation: float, mean: float = 0.0) -> None:
        values = mean + deviation * random.standard_normal(tuple(tensor.shape))
        tensor.copy_(torch.from_numpy(values.astype(np.float32)))

    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if "embed_positions" in name:
                continue
            if name.endswith("norm.weight"):
                normal(weight, 0.2, 1.0)
            elif name.endswith("bias"):
                normal(weight, 0.2)
            elif "shared" in name or "embed_tokens" in name:
                scale = weight.shape[1] ** 0.5 if tiny.config["scale_embedding"] else 1.0
                normal(weight, _EMBEDDING / scale)
            elif "lm_head" in name:
                normal(weight, weight.shape[1] ** -0.5)
            else:
                gain = next(gain for part, gain in _GAINS.items() if part in name)
                normal(weight, gain * weight.shape[1] ** -0.5)
        normal(model.final_logits_bias, 0.3)
        model.final_logits_bias[0, tiny.config["eos_token_id"]] = tiny.end_bias
        stack = model.model.decoder
        last = stack.layer_norm if tiny.family == "pegasus" else stack.layers[-1].final_layer_norm
        width = model.lm_head.weight.std() * last.weight.shape[0] ** 0.5
        signs = random.choice([-1.0, 1.0], size=last.weight.shape[0])
        last.weight *= torch.from_numpy(signs) * (_SHARPNESS / width)
