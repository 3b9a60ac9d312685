"""Make sentence_transformers.json. Needs sentence-transformers and torch.

    python tests/golden/make_sentence_transformers.py

Signatures of the methods that `pyattn.compat.sentence_transformers` has, and what these answer for
the models in `embedder` and `classifiers`: type, shape, number type and values.
"""

from __future__ import annotations

import inspect
import json
import logging
import pathlib
from typing import Any

import numpy as np
import sentence_transformers
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer, util

_HERE = pathlib.Path(__file__).parent
_METHODS = {
    SentenceTransformer: (
        *("__init__", "encode", "encode_query", "encode_document", "similarity"),
        *("similarity_pairwise", "get_embedding_dimension", "get_sentence_embedding_dimension"),
        *("truncate_embeddings", "get_max_seq_length", "tokenize", "preprocess"),
    ),
    CrossEncoder: ("__init__", "predict", "rank", "get_default_activation_fn"),
}
_FUNCTIONS = (
    *("cos_sim", "dot_score", "euclidean_sim", "manhattan_sim", "pairwise_cos_sim"),
    *("pairwise_dot_score", "pairwise_euclidean_sim", "pairwise_manhattan_sim"),
    *("normalize_embeddings", "semantic_search"),
)
TEXTS = ["The cat sat on the mat.", "", "Dogs ran.", "Was the dog seen by two cats on the road?"]
PAIRS = [["Where is the cat?", "On the mat."], ["Where?", ""], ["", "two dogs"]]
PROMPT = "ask: "
# Of `SentenceTransformer`: the method, its inputs and its options.
ENCODED: list[tuple[str, Any, dict[str, Any]]] = [
    ("encode", TEXTS, {}),
    ("encode", TEXTS[0], {}),
    ("encode", [], {}),
    ("encode", PAIRS, {}),
    ("encode", PAIRS, {"prompt": PROMPT}),
    ("encode", TEXTS, {"prompt_name": "query", "batch_size": 1}),
    ("encode", TEXTS, {"normalize_embeddings": True, "truncate_dim": 3}),
    ("encode", TEXTS, {"precision": "int8"}),
    ("encode", TEXTS, {"precision": "uint8"}),
    ("encode", TEXTS, {"precision": "binary"}),
    ("encode", TEXTS, {"precision": "ubinary"}),
    ("encode", TEXTS[0], {"precision": "ubinary"}),
    ("encode", [], {"precision": "int8"}),
    ("encode", TEXTS, {"output_value": "token_embeddings"}),
    ("encode", TEXTS[2], {"output_value": "token_embeddings"}),
    ("encode", [], {"output_value": "token_embeddings"}),
    ("encode_query", TEXTS, {}),
    ("encode_document", TEXTS, {}),
    ("encode_query", TEXTS[0], {"prompt": ""}),
]
# Of `CrossEncoder`: the model, the method, its arguments and its options.
SCORED: list[tuple[str, str, list[Any], dict[str, Any]]] = [
    ("bert-reranker", "predict", [PAIRS], {}),
    ("bert-reranker", "predict", [PAIRS[0]], {}),
    ("bert-reranker", "predict", [[]], {}),
    ("bert-reranker", "predict", [PAIRS], {"prompt": "two "}),
    ("bert-reranker", "rank", ["where?", TEXTS], {}),
    ("bert-reranker", "rank", ["where?", TEXTS], {"top_k": 2, "return_documents": True}),
    ("bert-reranker", "rank", ["where?", []], {}),
    ("xlm-roberta-reranker", "predict", [PAIRS], {}),
    ("bert", "predict", [PAIRS], {}),
    ("bert", "predict", [PAIRS[0]], {"apply_softmax": True}),
    ("camembert-many", "predict", [PAIRS], {"apply_softmax": True}),
]


def main() -> None:
    """Write the file."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    signatures = {
        kind.__name__: {
            name: _parameters(inspect.getattr_static(kind, name)) for name in sorted(names)
        }
        for kind, names in _METHODS.items()
    }
    signatures["util"] = {name: _parameters(getattr(util, name)) for name in _FUNCTIONS}
    model = SentenceTransformer(str(_HERE / "embedder"), device="cpu")
    encoded = [
        {"method": method, "inputs": inputs, "options": options}
        | {"answer": _described(getattr(model, method)(inputs, **options))}
        for method, inputs, options in ENCODED
    ]
    vectors = model.encode(TEXTS)
    similar = {
        name: _described(getattr(util, name)(vectors, vectors[1:3]))
        for name in ("cos_sim", "dot_score", "euclidean_sim", "manhattan_sim")
    }
    for name in ("cos", "dot", "euclidean", "manhattan"):
        name = f"pairwise_{name}_{'score' if name == 'dot' else 'sim'}"
        similar[name] = _described(getattr(util, name)(vectors[:2], vectors[2:]))
    similar["semantic_search"] = _described(util.semantic_search(vectors[:2], vectors, top_k=3))
    scored = []
    for name, method, arguments, options in SCORED:
        scorer = CrossEncoder(str(_HERE / "classifiers" / name), device="cpu")
        answer = _described(getattr(scorer, method)(*arguments, **options))
        scored.append(
            {"model": name, "method": method, "arguments": arguments}
            | {"options": options, "answer": answer}
        )
    features = {key: value for key, value in model.tokenize(TEXTS).items() if key != "modality"}
    golden = {
        "version": sentence_transformers.__version__,
        "signatures": signatures,
        "encoded": encoded,
        "similar": similar,
        "scored": scored,
        "features": {key: value.tolist() for key, value in features.items()},
    }
    (_HERE / "sentence_transformers.json").write_text(json.dumps(golden) + "\n")


def _parameters(function: Any) -> list[list[Any]]:
    """Name, kind and default of each parameter."""
    return [
        [one.name, one.kind.name, None if one.default is one.empty else repr(one.default)]
        for one in inspect.signature(function).parameters.values()
        if one.name != "self"
    ]


def _described(value: Any) -> Any:
    """A result as JSON; arrays with shape and number type, tensors as arrays."""
    if isinstance(value, torch.Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray | np.generic):
        kind = "array" if isinstance(value, np.ndarray) else "number"
        values = np.round(np.asarray(value, np.float64), 7).tolist()
        return {kind: values, "shape": list(value.shape), "dtype": str(value.dtype)}
    if isinstance(value, list):
        return [_described(one) for one in value]
    if isinstance(value, dict):
        return {key: _described(one) for key, one in value.items()}
    return value


if __name__ == "__main__":
    main()
