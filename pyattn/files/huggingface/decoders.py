"""The families without an encoder, by the `model_type` of their config.json.

    gpt2    GPT-2, DistilGPT-2          qwen2    Qwen2, Qwen2.5
    llama   Llama, TinyLlama, SmolLM2   qwen3    Qwen3

Defaults are those of transformers' config classes.
"""

from __future__ import annotations

from typing import Any

from pyattn.files.huggingface.gpt2 import read_gpt2
from pyattn.files.huggingface.layout import Embeddings, Family
from pyattn.files.huggingface.llama import read_llama, read_qwen2, read_qwen3

_GPT2 = Embeddings(decoder="transformer.wte.weight", output="lm_head.weight")
_LLAMA = Embeddings(decoder="model.embed_tokens.weight", output="lm_head.weight")

_SWITCHES: dict[str, Any] = {
    "norm": "pre",
    "norm_kind": "rms",
    "final_norm": True,
    "positions": "rotary",
    "gated": True,
}
_SIZES: dict[str, Any] = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "hidden_act": "silu",
    "max_position_embeddings": 2048,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_QWEN: dict[str, Any] = {
    **_SIZES,
    "vocab_size": 151936,
    "intermediate_size": 22016,
    "num_key_value_heads": 32,
    "max_position_embeddings": 32768,
    "bos_token_id": None,
    "eos_token_id": None,
    "sliding_window": 4096,
}

DECODERS = {
    "gpt2": Family(
        style=read_gpt2,
        embeddings=_GPT2,
        switches={"norm": "pre", "final_norm": True, "positions": "learned"},
        defaults={
            "vocab_size": 50257,
            "n_positions": 1024,
            "n_embd": 768,
            "n_layer": 12,
            "n_head": 12,
            "activation_function": "gelu_new",
            "bos_token_id": 50256,
            "eos_token_id": 50256,
        },
    ),
    "llama": Family(style=read_llama, embeddings=_LLAMA, switches=_SWITCHES, defaults=_SIZES),
    "qwen2": Family(
        style=read_qwen2,
        embeddings=_LLAMA,
        switches={**_SWITCHES, "attention_bias": True, "feed_forward_bias": False},
        defaults=_QWEN,
    ),
    "qwen3": Family(
        style=read_qwen3,
        embeddings=_LLAMA,
        switches={**_SWITCHES, "query_key_norm": True, "feed_forward_bias": False},
        defaults={**_QWEN, "head_dim": 128},
    ),
}
