"""Make the golden files of `pyattn.Embedder`. Needs torch, transformers, sentence-transformers.

    python tests/golden/make_embedder.py

A tiny BERT with a tokenizer of words and letters, in a folder of sentence-transformers whose Dense
is in 2_Dense. `vectors.npz` has what sentence-transformers computes for `texts.json`, by the mode
of pooling; "dense" is the mean with Dense and Normalize behind it, "prompt" a mean with a prompt in
front, and "no_prompt" one that leaves out the prompt's tokens.

`embedder-t5` has a whole T5, of which sentence-transformers runs the encoder, and modules as GTR
and Sentence-T5 have them; its `vectors.npz` is of the same texts.
"""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import tokenizers
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from tokenizers import models, normalizers, pre_tokenizers, processors

_HERE = pathlib.Path(__file__).parent / "embedder"
_WORDS = "the a cat dog sat ran on mat road and was then seen by two ask : ##s ##ing . , ?"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXTS = (
    "The cat sat on the mat.",
    "",
    "Dogs ran, and then the cats ran.",
    "a",
    "Was the dog seen by two cats on the road?",
    "Unheard words: zyx.",
    "the cat and the dog and the cat and the dog and the cat and the dog ran on the road",
)
PROMPT = "ask: "
LONGEST = 16
_MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")


def main() -> None:
    """Make them."""
    torch.set_num_threads(1)
    _make_bert()
    _make_t5()


def _make_bert() -> None:
    shutil.rmtree(_HERE, ignore_errors=True)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(),
        **{"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"},
        model_max_length=LONGEST,
    )
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=20,
    )
    model = transformers.BertModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    plain = _HERE.with_name("embedder-plain")
    model.save_pretrained(plain)
    tokenizer.save_pretrained(plain)
    encoder = modules.Transformer(str(plain), max_seq_length=LONGEST)
    vectors = {}
    for modes in (*((mode,) for mode in _MODES), ("cls", "mean")):
        pooling = modules.Pooling(16, pooling_mode=modes)
        vectors["+".join(modes)] = _embedded(encoder, pooling)
    mean = modules.Pooling(16, pooling_mode="mean")
    vectors["prompt"] = _embedded(encoder, mean, prompt=PROMPT)
    without = modules.Pooling(16, pooling_mode="mean", include_prompt=False)
    vectors["no_prompt"] = _embedded(encoder, without, prompt=PROMPT)
    dense = modules.Dense(16, 5)
    whole = SentenceTransformer(
        modules=[encoder, mean, dense, modules.Normalize()],
        prompts={"query": PROMPT},
        device="cpu",
    )
    vectors["dense"] = whole.encode(list(TEXTS))
    whole.save(str(_HERE), create_model_card=False)
    shutil.rmtree(plain)
    (_HERE / "texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n")
    np.savez_compressed(_HERE / "vectors.npz", **vectors)


def _make_t5() -> None:
    folder = _HERE.with_name("embedder-t5")
    shutil.rmtree(folder, ignore_errors=True)
    words = [f"▁{word}" for word in _WORDS.split() if word.isalpha()]
    pieces = ["<pad>", "</s>", "<unk>", "▁", *words, *_LETTERS, *".,?:"]
    made = tokenizers.Tokenizer(models.Unigram([(one, -9.0 + len(one)) for one in pieces], 2))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        **{"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
        model_max_length=LONGEST,
    )
    torch.manual_seed(8)
    config = transformers.T5Config(
        **{"vocab_size": len(tokenizer), "d_model": 16, "d_kv": 6, "d_ff": 24, "num_heads": 2},
        **{"num_layers": 2, "decoder_start_token_id": 0},
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = (folder / "model.safetensors").read_bytes()
    settings = (folder / "config.json").read_bytes()
    dense = modules.Dense(16, 5, bias=False, activation_function=torch.nn.Identity())
    pooling = modules.Pooling(16, pooling_mode="mean")
    whole = SentenceTransformer(
        modules=[modules.Transformer(str(folder)), pooling, dense, modules.Normalize()],
        device="cpu",
    )
    vectors = whole.encode(list(TEXTS))
    whole.save(str(folder), create_model_card=False)
    # It has saved the encoder alone.
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_bytes(settings)
    (folder / "generation_config.json").unlink()
    np.savez_compressed(folder / "vectors.npz", vectors=vectors)


def _embedded(encoder: modules.Transformer, pooling: modules.Pooling, **options: str) -> np.ndarray:
    whole = SentenceTransformer(modules=[encoder, pooling], device="cpu")
    return whole.encode(list(TEXTS), **options)


def _tokenizer() -> tokenizers.Tokenizer:
    """Words and letters, lower case; pairs have types 0 and 1."""
    tokens = [*_SPECIAL, *_WORDS.split(), *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    ids = {token: id for id, token in enumerate(dict.fromkeys(tokens))}
    made = tokenizers.Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    return made


if __name__ == "__main__":
    main()
