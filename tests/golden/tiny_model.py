"""What a tiny model is, and how it is written as its users find it on disk.

Default weights (deviation 0.02) repeat the last token without end, whatever the source. Here the
weights are wider, and the last norm has a random sign per channel, so that a tied output matrix
does not point back at the token just read.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
import torch
import transformers

SPECIAL = ("pad_token_id", "eos_token_id", "decoder_start_token_id")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tiny:
    """One model: what is in its config.json and how its file is written.

    Attributes:
        end_bias: Of the end's logit, for families that have such biases.
        end_gain: Of the end's row of the output matrix, for those that have none.
        untied: Whether the output matrix is made one of its own where the config cannot say so.
        saved: Changes to config.json after the model is written; None takes a field out.
        few: Whether only greedy search and one beam are asked for.
    """

    seed: int
    family: str = "marian"
    config: Mapping[str, Any]
    end_bias: float = 0.0
    end_gain: float = 1.0
    generation: Mapping[str, Any]
    dtype: torch.dtype = torch.float32
    pickled: bool = False
    untied: bool = False
    saved: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    few: bool = False
    source_lengths: tuple[int, ...] = tuple(range(1, 21))
    target_lengths: tuple[int, ...] = (0, 1, 2, 7, 13, 20)


def sizes(
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


def write(tiny: Tiny, folder: pathlib.Path) -> None:
    """Write config.json, generation_config.json and the weights into `folder`."""
    config = transformers.AutoConfig.for_model(tiny.family, **tiny.config)
    model = transformers.AutoModelForSeq2SeqLM.from_config(config)
    if tiny.untied:
        # transformers 5 ties those of the T5 family, whatever the config says.
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    _fill(model, tiny, np.random.default_rng(tiny.seed))
    model.generation_config = transformers.GenerationConfig(
        **{name: tiny.config[name] for name in SPECIAL} | dict(tiny.generation)
    )
    model.to(tiny.dtype).save_pretrained(folder)
    if tiny.pickled:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    if tiny.saved:
        path = folder / "config.json"
        values = json.loads(path.read_text(encoding="utf-8")) | tiny.saved
        values = {name: value for name, value in values.items() if value is not None}
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def ordinary_ids(tiny: Tiny, vocab: Literal["source", "target"]) -> np.ndarray:
    """The ids that stand for words."""
    config, others = tiny.config, [tiny.config[name] for name in SPECIAL]
    if tiny.family == "fsmt":
        size = config["src_vocab_size" if vocab == "source" else "tgt_vocab_size"]
    elif tiny.family == "t5gemma":
        size = config["encoder" if vocab == "source" else "decoder"]["vocab_size"]
    else:
        size = config["vocab_size"]
        if vocab == "target":
            size = config.get("decoder_vocab_size", size)
    return np.setdiff1d(np.arange(size), others)


# Deviations of weight matrices, over that of one which keeps the deviation of its input: attention
# to the source that moves with every step, and feed-forwards that matter.
_GAINS = {
    "encoder_attn.q_proj": 2.0,
    "encoder_attn.k_proj": 2.0,
    "encoder_attn.v_proj": 1.5,
    "cross_attn.q_proj": 2.0,
    "cross_attn.k_proj": 2.0,
    "cross_attn.v_proj": 1.5,
    "q_proj": 1.5,
    "k_proj": 1.5,
    "v_proj": 1.0,
    "out_proj": 1.0,
    "o_proj": 1.0,
    "fc1": 1.5,
    "fc2": 1.5,
    "gate_proj": 1.0,
    "up_proj": 1.0,
    "down_proj": 1.5,
    "EncDecAttention.q": 2.0,
    "EncDecAttention.k": 2.0,
    "EncDecAttention.v": 1.5,
    "Attention.q": 1.5,
    "Attention.k": 1.5,
    "Attention.v": 1.0,
    "Attention.o": 1.0,
    "wi.": 1.5,
    "wi_": 1.0,
    "wo": 1.5,
}
# Of the embeddings after their scale. Positions have 0.7; below that, the words would drown.
_EMBEDDING = 1.5
_POSITION = 0.7
# Of the logits, about; the best of 100 tokens then gets about 0.4.
_SHARPNESS = 3.0
# Where the output matrix is found, and of the decoder the norm before it.
_OUTPUTS = ("lm_head", "lm_head.out_proj", "model.decoder.output_projection")
_LAST_NORMS = (
    "model.decoder.layer_norm",
    "decoder.final_layer_norm",
    "model.decoder.norm",
    "model.decoder.layers.-1.final_layer_norm",
)
# Families whose positions are computed, but listed among the parameters.
_COMPUTED_POSITIONS = ("marian", "pegasus", "fsmt")


def _fill(model: torch.nn.Module, tiny: Tiny, random: np.random.Generator) -> None:
    """Seeded weights; no bias is zero and no norm one."""

    def normal(tensor: torch.Tensor, deviation: float, mean: float = 0.0) -> None:
        values = mean + deviation * random.standard_normal(tuple(tensor.shape))
        tensor.copy_(torch.from_numpy(values.astype(np.float32)))

    # T5Gemma's norms are stored less one.
    norm = 0.0 if tiny.family == "t5gemma" else 1.0
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            _fill_one(name, weight, tiny, norm, normal)
        if hasattr(model, "final_logits_bias"):
            normal(model.final_logits_bias, 0.3)
            model.final_logits_bias[0, tiny.config["eos_token_id"]] = tiny.end_bias
        output, last = _found(model, _OUTPUTS).weight, _found(model, _LAST_NORMS).weight
        if tiny.end_gain != 1:
            output[tiny.config["eos_token_id"]] *= tiny.end_gain
        width = output.std() * last.shape[0] ** 0.5
        if getattr(model.config, "scale_decoder_outputs", False):
            width *= last.shape[0] ** -0.5
        signs = torch.from_numpy(random.choice([-1.0, 1.0], size=last.shape[0]))
        if tiny.family == "t5gemma":
            last.copy_((1 + last) * signs * (_SHARPNESS / width) - 1)
        else:
            last *= signs * (_SHARPNESS / width)


def _fill_one(
    name: str,
    weight: torch.Tensor,
    tiny: Tiny,
    norm: float,
    normal: Callable[..., None],
) -> None:
    kind = name.rsplit(".", 2)[-2]
    if "embed_positions" in name:
        if tiny.family not in _COMPUTED_POSITIONS:
            normal(weight, _POSITION)
    elif name.endswith("weight") and ("norm" in kind or kind == "layernorm_embedding"):
        normal(weight, 0.2, norm)
    elif "relative_attention_bias" in name:
        normal(weight, 1.0)
    elif name.endswith("bias"):
        normal(weight, 0.2)
    elif "shared" in name or "embed_tokens" in name:
        scaled = tiny.family in ("t5gemma",) or tiny.config.get("scale_embedding", False)
        normal(weight, _EMBEDDING / (weight.shape[1] ** 0.5 if scaled else 1.0))
    elif "lm_head" in name or "output_projection" in name:
        normal(weight, weight.shape[1] ** -0.5)
    else:
        gain = next(gain for part, gain in _GAINS.items() if part in name)
        if name.endswith("Attention.q.weight"):
            gain *= tiny.config["d_kv"] ** -0.5  # T5's scores are not scaled
        normal(weight, gain * weight.shape[1] ** -0.5)


def _found(model: torch.nn.Module, names: Iterable[str]) -> torch.nn.Module:
    """The first module of these that there is and that has weights; -1 is the last of a list."""
    for name in names:
        module: Any = model
        for part in name.split("."):
            module = module[-1] if part == "-1" else getattr(module, part, None)
            if module is None:
                break
        if hasattr(module, "weight"):
            return module
    raise ValueError(f"{type(model).__name__} has none of {', '.join(names)}")
