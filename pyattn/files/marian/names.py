"""The names of a checkpoint's tensors in Marian's files.

    encoder.layers.0.self_attention.query.weight    encoder_l1_self_Wq
    encoder.layers.0.self_attention_norm.bias       encoder_l1_self_Wo_ln_bias
    decoder.layers.1.feed_forward.down.bias         decoder_l2_ffn_b2
    decoder.layers.1.ssru.input.weight              decoder_l2_rnn_W

The names of norms in front of a block, or behind the embedding, end in `_pre`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyattn.model_config import Norm

POSITIONS = "Wpos"

_BLOCKS = {
    "self_attention": "self",
    "cross_attention": "context",
    "feed_forward": "ffn",
    "ssru": "rnn",
    "average": "aan",
}
_MATRICES = {
    "query": "q",
    "key": "k",
    "value": "v",
    "output": "o",
    "up": "1",
    "down": "2",
    "input": "",
    "input_gate": "i",
    "forget": "f",
    "forget_gate": "f",
}
_STACK_NORMS = {"embedding_norm": "emb", "final_norm": "top"}


def marian_name(name: str, norm: Norm, tied: Sequence[int]) -> str:
    """The file's name of a tensor that is neither an embedding nor of the output.

    Args:
        name: As `pyattn.checkpoint` has it.
        norm: Where the model normalises.
        tied: Of each layer of the decoder the number of that whose parameters it has, from 1 on.
    """
    stack, *parts, kind = name.split(".")
    if parts == [] and kind == "positions":
        return POSITIONS
    if len(parts) == 1:
        suffix = "_pre" if parts[0] == "embedding_norm" else ""
        return f"{stack}_{_STACK_NORMS[parts[0]]}_ln_{_ln(kind)}{suffix}"
    _, layer, block, *part = parts
    number = tied[int(layer)] if stack == "decoder" else int(layer) + 1
    prefix = f"{stack}_l{number}"
    if part:
        return f"{prefix}_{_BLOCKS[block]}_{'W' if kind == 'weight' else 'b'}{_MATRICES[part[0]]}"
    behind = block.endswith("_post_norm")
    block = block.removesuffix("_post_norm" if behind else "_norm")
    pre = norm != "post" and not behind
    # That before a recurrent unit has no name of a matrix in its own.
    inner = "_Wo" if block.endswith("attention") else "" if pre and block == "ssru" else "_ffn"
    return f"{prefix}_{_BLOCKS[block]}{inner}_ln_{_ln(kind)}{'_pre' if pre else ''}"


def _ln(kind: str) -> str:
    return "scale" if kind == "weight" else "bias"
