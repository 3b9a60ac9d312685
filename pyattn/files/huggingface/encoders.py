"""The families without a decoder, by the `model_type` of their config.json.

    bert         BERT, MiniLM, BGE, E5, GTE      distilbert   DistilBERT
    roberta      RoBERTa                         electra      ELECTRA's discriminator
    xlm-roberta  XLM-R, multilingual E5, BGE-M3  mpnet        MPNet
    camembert    CamemBERT                       longformer   Longformer
    big_bird     BigBird                         modernbert   ModernBERT

Defaults are those of transformers' config classes, whose epsilon of RoBERTa is not the 1e-5 that
its published files have.
"""

from __future__ import annotations

from typing import Any

from pyattn.files.huggingface.bert import (
    read_bert,
    read_big_bird,
    read_distilbert,
    read_longformer,
    read_mpnet,
    read_roberta,
)
from pyattn.files.huggingface.layout import Embeddings, Family
from pyattn.files.huggingface.modernbert import read_modernbert

_SWITCHES: dict[str, Any] = {"norm": "post", "embedding_norm": True, "positions": "learned"}
_BERT: dict[str, Any] = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}


def _words_of(prefix: str) -> Embeddings:
    return Embeddings(encoder=f"{prefix}.embeddings.word_embeddings.weight")


def _roberta(vocab: int) -> Family:
    return Family(
        style=read_roberta,
        embeddings=_words_of("roberta"),
        switches=_SWITCHES,
        defaults={**_BERT, "vocab_size": vocab, "pad_token_id": 1},
    )


ENCODERS = {
    "bert": Family(
        style=read_bert, embeddings=_words_of("bert"), switches=_SWITCHES, defaults=_BERT
    ),
    "roberta": _roberta(50265),
    "xlm-roberta": _roberta(30522),
    "camembert": _roberta(30522),
    "electra": Family(
        style=read_bert,
        embeddings=_words_of("electra"),
        switches=_SWITCHES,
        defaults={
            **_BERT,
            "embedding_size": 128,
            "hidden_size": 256,
            "num_attention_heads": 4,
            "intermediate_size": 1024,
        },
    ),
    "distilbert": Family(
        style=read_distilbert,
        embeddings=_words_of("distilbert"),
        switches=_SWITCHES,
        defaults={
            "vocab_size": 30522,
            "dim": 768,
            "n_layers": 6,
            "n_heads": 12,
            "hidden_dim": 3072,
            "activation": "gelu",
            "max_position_embeddings": 512,
            "pad_token_id": 0,
        },
    ),
    "longformer": Family(
        style=read_longformer,
        embeddings=_words_of("longformer"),
        switches=_SWITCHES,
        defaults={**_BERT, "pad_token_id": 1, "attention_window": 512},
    ),
    "big_bird": Family(
        style=read_big_bird,
        embeddings=_words_of("bert"),
        switches=_SWITCHES,
        defaults={
            **_BERT,
            **{"vocab_size": 50358, "hidden_act": "gelu_new", "max_position_embeddings": 4096},
            **{"attention_type": "block_sparse", "block_size": 64, "num_random_blocks": 3},
        },
    ),
    "mpnet": Family(
        style=read_mpnet,
        embeddings=_words_of("mpnet"),
        switches={**_SWITCHES, "positions": "learned_relative"},
        defaults={
            **_BERT,
            "vocab_size": 30527,
            "pad_token_id": 1,
            "relative_attention_num_buckets": 32,
        },
    ),
    "modernbert": Family(
        style=read_modernbert,
        embeddings=Embeddings(encoder="model.embeddings.tok_embeddings.weight"),
        switches={
            "norm": "pre",
            "first_norm": False,
            "final_norm": True,
            "embedding_norm": True,
            "gated": True,
            "positions": "rotary",
        },
        defaults={
            "vocab_size": 50368,
            "hidden_size": 768,
            "num_hidden_layers": 22,
            "num_attention_heads": 12,
            "intermediate_size": 1152,
            "hidden_activation": "gelu",
            "max_position_embeddings": 8192,
            "local_attention": 128,
            "pad_token_id": 50283,
        },
    ),
}
