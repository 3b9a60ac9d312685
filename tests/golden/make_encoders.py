"""Make the golden files of encoders that stand alone. Needs torch, transformers and safetensors.

    python tests/golden/make_encoders.py

Each tiny model has seeded weights, and is saved in a form that published files have: with a head
and the prefix of its family, bare, or with the names of norms and the buffers of BERT's first
years. `states.npz` holds what transformers computes: for the n-th sentence its `ids_n`, `types_n`
(of families that tell a pair's texts apart) and `states_n`, [time, dim].
"""

from __future__ import annotations

import pathlib
import shutil
from typing import Any, Literal

import numpy as np
import safetensors.torch
import torch
import transformers

_HERE = pathlib.Path(__file__).parent
_LENGTHS = (1, 2, 3, 7, 15, 16, 17, 30)
_SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 40, "vocab_size": 61}
_BERT = {**_SIZES, "num_attention_heads": 2, "max_position_embeddings": 32}
# Positions begin behind that of the padding, 1.
_ROBERTA = {**_BERT, "max_position_embeddings": 34, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
_T5 = {
    **{"vocab_size": 61, "d_model": 24, "d_kv": 10, "d_ff": 40, "num_layers": 3, "num_heads": 2},
    **{"relative_attention_num_buckets": 8, "relative_attention_max_distance": 14},
}
# Windows of 3 to each side in all layers but the first and the last.
_MODERN = {
    **_SIZES,
    **{"num_hidden_layers": 4, "num_attention_heads": 2, "max_position_embeddings": 32},
    **{"local_attention": 6, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1},
    "rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": 5000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    },
}

Form = Literal["head", "bare", "old"]

ENCODERS: dict[str, tuple[str, Form, dict[str, Any]]] = {
    "bert-head": ("BertForMaskedLM", "head", _BERT),
    "bert-old": ("BertForPreTraining", "old", {**_BERT, "hidden_act": "gelu_new"}),
    "roberta-head": ("RobertaForSequenceClassification", "head", _ROBERTA),
    "xlm-roberta-bare": ("XLMRobertaModel", "bare", {**_ROBERTA, "num_attention_heads": 3}),
    "electra-head": (
        "ElectraForPreTraining",
        "head",
        {**_BERT, "embedding_size": 24, "hidden_act": "relu"},
    ),
    "distilbert-bare": (
        "DistilBertModel",
        "bare",
        {
            **{"vocab_size": 61, "dim": 24, "n_layers": 2, "n_heads": 4, "hidden_dim": 50},
            "max_position_embeddings": 32,
        },
    ),
    "mpnet-head": (
        "MPNetForMaskedLM",
        "head",
        {**_BERT, "max_position_embeddings": 34},
    ),
    "t5-bare": ("T5EncoderModel", "bare", {**_T5, "feed_forward_proj": "gated-gelu"}),
    "umt5-bare": ("UMT5EncoderModel", "bare", {**_T5, "feed_forward_proj": "relu"}),
    "modernbert-head": ("ModernBertForSequenceClassification", "head", _MODERN),
    "modernbert-bare": (
        "ModernBertModel",
        "bare",
        {**_MODERN, "norm_bias": True, "attention_bias": True, "mlp_bias": True},
    ),
}


def main() -> None:
    """Make all of them."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for seed, (name, (kind, form, sizes)) in enumerate(ENCODERS.items(), 31):
        _make(_HERE / "encoders" / name, seed, getattr(transformers, kind), form, sizes)


def _make(folder: pathlib.Path, seed: int, kind: Any, form: Form, sizes: dict[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(seed)
    model = kind(kind.config_class(**sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and the weights of norms, which begin at 0 and 1, count too.
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.15))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if form == "old":
        _age(folder / "model.safetensors")
    base = model.base_model
    typed = sizes.get("type_vocab_size", 2) > 1 and "token_type_embeddings" in str(base)
    arrays: dict[str, Any] = {}
    random = np.random.default_rng(seed)
    for n, length in enumerate(_LENGTHS):
        # Not 0 and 1, as RoBERTa counts positions without its padding.
        ids = random.integers(2, sizes["vocab_size"], size=(1, length))
        given = {"input_ids": torch.tensor(ids)}
        arrays[f"ids_{n}"] = ids[0].astype(np.int32)
        if typed:
            types = (np.arange(length) >= random.integers(1, length + 1)).astype(np.int32)
            given["token_type_ids"] = torch.tensor(types[None]).long()
            arrays[f"types_{n}"] = types
        with torch.inference_mode():
            arrays[f"states_{n}"] = base(**given).last_hidden_state[0].numpy()
    np.savez_compressed(folder / "states.npz", **arrays)


def _age(file: pathlib.Path) -> None:
    """Names and buffers of BERT's first years."""
    tensors = {}
    for name, tensor in safetensors.torch.load_file(file).items():
        for now, then in (("weight", "gamma"), ("bias", "beta")):
            name = name.replace(f"LayerNorm.{now}", f"LayerNorm.{then}")
        tensors[name] = tensor
    tensors["bert.embeddings.position_ids"] = torch.arange(32)[None]
    safetensors.torch.save_file(tensors, file)


if __name__ == "__main__":
    main()
