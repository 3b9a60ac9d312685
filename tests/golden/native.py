"""The weights of the package's own model, under the names of transformers' Marian."""

from __future__ import annotations

import pathlib
import re

import torch
import transformers

from pyattn.files import read_checkpoint

_PARTS = {
    "self_attention": "self_attn",
    "cross_attention": "encoder_attn",
    "self_attention_norm": "self_attn_layer_norm",
    "cross_attention_norm": "encoder_attn_layer_norm",
    "feed_forward_norm": "final_layer_norm",
    "feed_forward.up": "fc1",
    "feed_forward.down": "fc2",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "output": "out_proj",
}
_WHOLE = {
    "encoder.embedding": "model.encoder.embed_tokens.weight",
    "decoder.embedding": "model.decoder.embed_tokens.weight",
    "output.weight": "lm_head.weight",
    "output.bias": "final_logits_bias",
}
_LAYER = re.compile(
    r"(encoder|decoder)\.layers\.(\d+)\.(self_attention|cross_attention)"
    r"\.(query|key|value|output)\.(weight|bias)"
)
_BLOCK = re.compile(r"(encoder|decoder)\.layers\.(\d+)\.([a-z_.]+)\.(weight|bias)")


def replace_weights(model: transformers.MarianMTModel, folder: pathlib.Path) -> None:
    """Give `model` the weights of the native model in `folder`, every one of them."""
    names = dict(model.state_dict())
    new = {_WHOLE["output.bias"]: torch.zeros_like(model.final_logits_bias)}  # may be left out
    for name, values in read_checkpoint(folder).tensors.items():
        theirs = _their_name(name)
        new[theirs] = torch.from_numpy(values.copy()).reshape(names[theirs].shape)
    # Only what is tied or computed may be left out.
    left = {name for name in names if name not in new and "embed_positions" not in name}
    if left - {"model.shared.weight"}:
        raise ValueError(f"{folder} has nothing for {sorted(left)}")
    before = model.model.shared.weight.detach().clone()
    model.load_state_dict(new, strict=False)
    if torch.equal(before, model.model.shared.weight):
        raise ValueError(f"{folder}: the embeddings are those of the float32 checkpoint")


def _their_name(name: str) -> str:
    if name in _WHOLE:
        return _WHOLE[name]
    if match := _LAYER.fullmatch(name):
        stack, layer, attention, part, kind = match.groups()
        return f"model.{stack}.layers.{layer}.{_PARTS[attention]}.{_PARTS[part]}.{kind}"
    if match := _BLOCK.fullmatch(name):
        stack, layer, block, kind = match.groups()
        return f"model.{stack}.layers.{layer}.{_PARTS[block]}.{kind}"
    raise ValueError(f"no tensor of transformers' Marian corresponds to {name}")
