"""The tiny models: of Marian and Pegasus those below, of the other families one or two each.

transformers' Marian knows only the norm after the residual. The norm before it comes from Pegasus,
which is the same block under the same names, with a norm more at the end of each stack.

`seed`, `end_bias` and `end_gain` were picked so that the models say many things of many lengths.
"""

from __future__ import annotations

import torch
from tiny_families import FAMILIES
from tiny_model import Tiny, ordinary_ids, sizes, write

__all__ = ["TINY", "Tiny", "ordinary_ids", "write"]

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
        config=_MARIAN | sizes(6, 2, (2, 1), (16, 12)) | {"activation_function": "relu"},
        generation={"num_beams": 4, "max_length": 20, "bad_words_ids": [[100]]},
    ),
    # A dim that is odd has one sine more than cosines.
    "marian-untied-gelu-3": Tiny(
        seed=2,
        end_bias=4.6,
        config=_MARIAN
        | sizes(15, 5, (1, 3), (33, 17))
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
        | sizes(40, 2, (1, 3), (32, 24))
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
        | sizes(60, (3, 20), (2, 1), (30, 34))
        | {"activation_function": "relu", "max_position_embeddings": 256}
        | {"tie_word_embeddings": False, "scale_embedding": False},
        generation={"num_beams": 4, "max_length": 24, "early_stopping": True},
        source_lengths=(1, 2, 5, 9, 14, 20, 33, 64, 65, 127, 128, 199, 200),
        target_lengths=(3, 40, 199),
    ),
    "marian-bfloat16-gelu-64": Tiny(
        seed=7,
        end_bias=4.0,
        config=_MARIAN | sizes(64, 1, (1, 2), (40, 24)) | {"activation_function": "gelu"},
        generation={"num_beams": 4, "max_length": 20, "early_stopping": "never"},
        dtype=torch.bfloat16,
    ),
    # Two vocabularies, the decoder's tied to the output.
    "marian-float16-swish-64": Tiny(
        seed=10,
        end_bias=5.4,
        config=_MARIAN
        | sizes(64, 1, (2, 1), (32, 80))
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
        config=_PEGASUS | sizes(12, 4, (1, 3), (20, 31)) | {"activation_function": "relu"},
        generation={"num_beams": 8, "max_length": 20, "length_penalty": 0.6},
    ),
    "pegasus-untied-gelu-20": Tiny(
        seed=1,
        end_bias=5.3,
        family="pegasus",
        config=_PEGASUS
        | sizes(40, 2, (2, 1), (48, 40))
        | {"activation_function": "gelu", "tie_word_embeddings": False},
        generation={"num_beams": 4, "max_length": 20, "min_length": 5},
    ),
    "pegasus-tied-swish-64": Tiny(
        seed=8,
        end_bias=6.6,
        family="pegasus",
        config=_PEGASUS
        | sizes(64, 1, (2, 1), (33, 30))
        | {"activation_function": "silu", "scale_embedding": False},
        generation={"num_beams": 4, "max_length": 20},
    ),
}

TINY |= FAMILIES
