"""Make the golden files of models for long sources. Needs torch and transformers.

    python tests/golden/make_long.py

Each tiny model has seeded weights, and windows and blocks so short that sentences of 17 tokens have
several. `golden.npz` holds what transformers computes, one sentence at a time, and in float64: in
float32 the positions of Pegasus-X lose digits. For the n-th sentence there are its `ids_n`, the
positions `rows_n` whose states are `states_n`, [rows, dim], and, where there is a decoder, the
`target_n` and its `logits_n`, [target + 1, vocab]. Models with global tokens have their positions
in `global_n`.
"""

from __future__ import annotations

import copy
import dataclasses
import pathlib
import shutil
from typing import Any

import numpy as np
import torch
import transformers

_HERE = pathlib.Path(__file__).parent
_LENGTHS = (1, 2, 15, 16, 17, 43, 44, 45, 127, 128, 129)
# Where a sentence of computed positions is long, too.
_FAR = (*_LENGTHS, 700, 710)
_VERY_FAR = (*_FAR, 5000)
_MOST_ROWS = 24
_VOCAB = 61

_BART: dict[str, Any] = {
    **{"vocab_size": _VOCAB, "d_model": 24, "encoder_layers": 2, "decoder_layers": 1},
    **{"encoder_attention_heads": 3, "decoder_attention_heads": 2},
    **{"encoder_ffn_dim": 32, "decoder_ffn_dim": 20, "max_position_embeddings": 132},
}
_T5: dict[str, Any] = {
    **{"vocab_size": _VOCAB, "d_model": 24, "d_kv": 6, "num_heads": 3, "d_ff": 32},
    **{"num_layers": 2, "num_decoder_layers": 1, "decoder_start_token_id": 0},
    # Distances of 12 tokens, or blocks, have the last bucket.
    **{"relative_attention_num_buckets": 8, "relative_attention_max_distance": 12},
}
_BERT: dict[str, Any] = {
    **{"vocab_size": _VOCAB, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3},
    **{"intermediate_size": 32, "max_position_embeddings": 134, "layer_norm_eps": 1e-5},
}


@dataclasses.dataclass(frozen=True)
class Tiny:
    """One tiny model.

    Attributes:
        seed: Of its weights.
        kind: Its class in transformers.
        config: Its config.
        lengths: Of its sentences.
        global_tokens: Whether some tokens are global.
        untied: Whether the output matrix is not the embedding, though transformers ties them.
    """

    seed: int
    kind: str
    config: dict[str, Any]
    lengths: tuple[int, ...] = _LENGTHS
    global_tokens: bool = False
    untied: bool = False


LONG = {
    "led": Tiny(
        61,
        "LEDForConditionalGeneration",
        {
            **_BART,
            "max_encoder_position_embeddings": 140,
            "max_decoder_position_embeddings": 20,
            "attention_window": [8, 4],
        },
        global_tokens=True,
    ),
    "longt5-local": Tiny(
        62,
        "LongT5ForConditionalGeneration",
        {**_T5, "local_radius": 5, "feed_forward_proj": "relu"},
        lengths=_VERY_FAR,
    ),
    "longt5-tglobal": Tiny(
        63,
        "LongT5ForConditionalGeneration",
        {
            **_T5,
            "local_radius": 5,
            "global_block_size": 16,
            "encoder_attention_type": "transient-global",
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
        },
        lengths=_VERY_FAR,
        untied=True,
    ),
    "bigbird-pegasus": Tiny(
        64,
        "BigBirdPegasusForConditionalGeneration",
        {**_BART, "block_size": 4, "num_random_blocks": 3, "activation_function": "gelu_fast"},
    ),
    # The blocks of published models, at and beyond the length up to which all tokens see all.
    "bigbird-pegasus-64": Tiny(
        65,
        "BigBirdPegasusForConditionalGeneration",
        {
            **_BART,
            **{"d_model": 8, "encoder_attention_heads": 2, "encoder_layers": 1, "use_bias": True},
            **{"block_size": 64, "num_random_blocks": 3, "max_position_embeddings": 768},
        },
        lengths=(17, 128, 700, 703, 704, 705, 706, 710, 767),
    ),
    "pegasus-x": Tiny(
        66,
        "PegasusXForConditionalGeneration",
        {
            **_BART,
            **{"encoder_layers": 3, "num_global_tokens": 5, "block_size": 8},
            **{"activation_function": "relu", "max_position_embeddings": 5000},
        },
        lengths=_VERY_FAR,
    ),
    "longformer": Tiny(
        67,
        "LongformerForMaskedLM",
        {**_BERT, "type_vocab_size": 1, "attention_window": [4, 8], "pad_token_id": 1},
        global_tokens=True,
    ),
    "big-bird": Tiny(
        68,
        "BigBirdForMaskedLM",
        {**_BERT, "block_size": 4, "num_random_blocks": 3, "rescale_embeddings": True},
    ),
}


def main() -> None:
    """Make all of them."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for name, tiny in LONG.items():
        _make(_HERE / "long" / name, tiny)


def _make(folder: pathlib.Path, tiny: Tiny) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(tiny.seed)
    kind = getattr(transformers, tiny.kind)
    model = kind(kind.config_class(**tiny.config)).eval()
    if tiny.untied:
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight) / 4)
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and the weights of norms, which begin at 0 and 1, count too.
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.15))
        if "final_logits_bias" in dict(model.named_buffers()):
            model.final_logits_bias.normal_()
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    random = np.random.default_rng(tiny.seed)
    arrays: dict[str, Any] = {}
    for n, length in enumerate(tiny.lengths):
        for name, values in _computed(model, tiny, length, random).items():
            arrays[f"{name}_{n}"] = values
    np.savez_compressed(folder / "golden.npz", **arrays)


def _computed(model: Any, tiny: Tiny, length: int, random: Any) -> dict[str, Any]:
    # A model with blocks that saw a short sentence never goes back to blocks.
    model = copy.deepcopy(model).double()
    # Not the special tokens, the last of which is 2.
    ids = random.integers(3, _VOCAB, size=length).astype(np.uint8)
    rows = np.unique([0, length - 1, *random.permutation(length)[:_MOST_ROWS]]).astype(np.int32)
    found: dict[str, Any] = {"ids": ids, "rows": rows}
    given = {
        "input_ids": torch.tensor(ids[None].astype(np.int64)),
        "attention_mask": torch.ones(1, length, dtype=torch.int64),
    }
    if tiny.global_tokens:
        count = int(random.integers(0, 4))
        positions = np.unique([0, *random.integers(0, length, size=count)]) if count else []
        found["global"] = np.array(positions, np.int32)
        mask = np.zeros((1, length), np.int64)
        mask[0, found["global"]] = 1
        given["global_attention_mask"] = torch.tensor(mask)
    with torch.inference_mode():
        if not model.config.is_encoder_decoder:
            states = model.base_model(**given).last_hidden_state
        else:
            target = random.integers(3, _VOCAB, size=int(random.integers(0, 6))).astype(np.uint8)
            fed = np.insert(target.astype(np.int64), 0, model.config.decoder_start_token_id)
            out = model(**given, decoder_input_ids=torch.tensor(fed[None]), use_cache=False)
            states = out.encoder_last_hidden_state
            found |= {"target": target, "logits": out.logits[0].float().numpy()}
    return found | {"states": states[0].float().numpy()[rows]}


if __name__ == "__main__":
    main()
