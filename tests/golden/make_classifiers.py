"""Make the golden files of `pyattn.Classifier`. Needs torch, transformers and tokenizers.

    python tests/golden/make_classifiers.py

Each tiny model has seeded weights, a head that classifies texts, and a tokenizer of words and
letters that frames texts and pairs as its family does. `texts.json` has the texts and pairs of all
of them; `golden.json` in a model's folder the ids that transformers makes of each, cut at the
longest, and the logits.
"""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

import tokenizers
import torch
import transformers
from tokenizers import models, normalizers, pre_tokenizers, processors

_HERE = pathlib.Path(__file__).parent / "classifiers"
_WORDS = "the a cat dog sat ran on mat road and was then seen by two where is ##s ##ing . , ?"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LONG = "the cat and the dog and the cat and the dog and the cat and the dog ran on the road"
TEXTS: tuple[str | tuple[str, str], ...] = (
    "The cat sat on the mat.",
    "",
    "Unheard words: zyx.",
    _LONG,
    ("Where is the cat?", "On the mat."),
    ("Where is the dog?", "Two cats ran."),
    ("", "on the road"),
    ("a dog", ""),
    ("Where?", _LONG),
    (_LONG, "Where?"),
    (_LONG, _LONG),
)
LONGEST = 16
_SIZES = {
    **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 24, "max_position_embeddings": 20},
}
_ROBERTA = {**_SIZES, "max_position_embeddings": 22, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
_MODERN = {
    **{**_SIZES, "num_hidden_layers": 3, "local_attention": 6},
    **{"bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3},
}
_DISTILBERT = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24}
_NAMES = {"id2label": {0: "bad", 1: "middling", 2: "good"}, "label2id": {}}

# By folder: the model's class, how its tokenizer frames texts, and its config.
CLASSIFIERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("Bert", "bert", {**_SIZES, **_NAMES}),
    "bert-reranker": ("Bert", "bert", {**_SIZES, "num_labels": 1}),
    "roberta": ("Roberta", "roberta", {**_ROBERTA, **_NAMES}),
    "xlm-roberta-reranker": (
        "XLMRoberta",
        "roberta",
        {
            **{**_ROBERTA, "num_labels": 1},
            "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity",
        },
    ),
    "camembert-many": (
        "Camembert",
        "roberta",
        {**_ROBERTA, "num_labels": 4, "problem_type": "multi_label_classification"},
    ),
    "distilbert": (
        "DistilBert",
        "bert",
        {**_DISTILBERT, "max_position_embeddings": 20, "num_labels": 2},
    ),
    "electra": ("Electra", "bert", {**_SIZES, "embedding_size": 16, **_NAMES}),
    "mpnet": ("MPNet", "roberta", {**_ROBERTA, "num_labels": 2}),
    "modernbert": ("ModernBert", "modernbert", {**_MODERN, **_NAMES}),
    "modernbert-reranker": (
        "ModernBert",
        "modernbert",
        {
            **{**_MODERN, "num_labels": 1, "norm_bias": True, "classifier_bias": True},
            **{"classifier_pooling": "mean", "classifier_activation": "relu"},
        },
    ),
}


def main() -> None:
    """Make all of them."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    shutil.rmtree(_HERE, ignore_errors=True)
    for seed, (name, (kind, frame, sizes)) in enumerate(CLASSIFIERS.items(), 11):
        _make(_HERE / name, seed, kind, frame, sizes)
    (_HERE / "texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n")


def _make(folder: pathlib.Path, seed: int, kind: str, frame: str, sizes: dict[str, Any]) -> None:
    tokenizer = _tokenizer(frame)
    torch.manual_seed(seed)
    model_class = getattr(transformers, f"{kind}ForSequenceClassification")
    pad = tokenizer.pad_token_id
    config = model_class.config_class(vocab_size=len(tokenizer), pad_token_id=pad, **sizes)
    model = model_class(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.5))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    answers = []
    for text in TEXTS:
        # Lists, as a second text that is empty is otherwise none at all.
        pair = ([one] for one in ((text,) if isinstance(text, str) else text))
        given = tokenizer(*pair, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**given).logits[0]
        answers.append({"ids": given["input_ids"][0].tolist(), "logits": logits.tolist()})
    (folder / "golden.json").write_text(json.dumps(answers, indent=None) + "\n")


def _tokenizer(frame: str) -> transformers.PreTrainedTokenizerFast:
    """Words and letters, lower case."""
    bracketed = frame != "roberta"
    begin, end = ("[CLS]", "[SEP]") if bracketed else ("<s>", "</s>")
    pad, unknown = ("[PAD]", "[UNK]") if bracketed else ("<pad>", "<unk>")
    # RoBERTa counts positions from the padding's id.
    special = (pad, unknown, begin, end) if bracketed else (begin, pad, end, unknown)
    tokens = [*special, *_WORDS.split(), *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    ids = {token: id for id, token in enumerate(dict.fromkeys(tokens))}
    made = tokenizers.Tokenizer(models.WordPiece(ids, unk_token=unknown))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    between = {
        "bert": f"{end} $B:1 {end}:1",
        "roberta": f"{end} {end} $B:0 {end}",
        "modernbert": f"{end} $B:0 {end}",
    }[frame]
    made.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {between}",
        special_tokens=[(begin, ids[begin]), (end, ids[end])],
    )
    names = {"pad_token": pad, "unk_token": unknown, "cls_token": begin, "sep_token": end}
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if frame == "bert" else [])]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=LONGEST, model_input_names=inputs, **names
    )


if __name__ == "__main__":
    main()
