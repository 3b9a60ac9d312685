"""Similarities of vectors, and the search by them.

Arguments are [vectors, dim], or [dim] for one vector: NumPy arrays, lists of numbers or vectors, or
tensors. Results are NumPy arrays of float32; tensors if an argument is one.
"""

from __future__ import annotations

import enum
import heapq
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]


class SimilarityFunction(enum.Enum):
    """Names of similarities."""

    COSINE = "cosine"
    DOT_PRODUCT = "dot"
    DOT = "dot"
    EUCLIDEAN = "euclidean"
    MANHATTAN = "manhattan"

    @staticmethod
    def possible_values() -> list[str]:
        """All names."""
        return [function.value for function in SimilarityFunction]

    @staticmethod
    def to_similarity_fn(similarity_function: str | SimilarityFunction) -> Callable[..., Any]:
        """The function of all pairs of vectors.

        Raises:
            ValueError: if there is none of that name.
        """
        return _FUNCTIONS[SimilarityFunction(similarity_function)][0]

    @staticmethod
    def to_similarity_pairwise_fn(
        similarity_function: str | SimilarityFunction,
    ) -> Callable[..., Any]:
        """The function of pairs at the same place.

        Raises:
            ValueError: as `to_similarity_fn`.
        """
        return _FUNCTIONS[SimilarityFunction(similarity_function)][1]


def as_array(vectors: Any) -> Floats:
    """An array of floats, at least float32."""
    if isinstance(vectors, list | tuple):
        array = np.array([as_array(vector) for vector in vectors])
    elif _is_tensor(vectors):
        array = vectors.detach().float().cpu().numpy()
    else:
        array = np.asarray(vectors)
    return array if array.dtype.kind == "f" and array.itemsize >= 4 else array.astype(np.float32)


def _is_tensor(value: object) -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _like(result: Floats, *arguments: Any) -> Any:
    """The result in the form of the arguments."""
    firsts = (one[0] if isinstance(one, list | tuple) and one else one for one in arguments)
    if any(map(_is_tensor, firsts)):
        torch: Any = sys.modules["torch"]
        return torch.from_numpy(np.ascontiguousarray(result))
    return result


def _rows(vectors: Any) -> Floats:
    return np.atleast_2d(as_array(vectors))


def normalize_embeddings(embeddings: Any) -> Any:
    """Vectors of length 1; a vector of zeros stays one."""
    rows = as_array(embeddings)
    lengths = np.sqrt(np.square(rows).sum(axis=-1, keepdims=True))
    scaled = rows / np.maximum(lengths, rows.dtype.type(1e-12))
    return _like(scaled, embeddings)


def truncate_embeddings(embeddings: Any, truncate_dim: int | None) -> Any:
    """The first values of each vector."""
    return embeddings[..., :truncate_dim]


def cos_sim(a: Any, b: Any) -> Any:
    """The cosine of each vector of `a` with each of `b`, [a, b]."""
    return _like(_cosines(_rows(a), _rows(b)), a, b)


def _cosines(a: Floats, b: Floats) -> Floats:
    cosines: Floats = normalize_embeddings(a) @ normalize_embeddings(b).T
    return cosines


pytorch_cos_sim = cos_sim


def dot_score(a: Any, b: Any) -> Any:
    """The product of each vector of `a` with each of `b`, [a, b]."""
    return _like(_rows(a) @ _rows(b).T, a, b)


def euclidean_sim(a: Any, b: Any) -> Any:
    """The distance of each vector of `a` from each of `b`, with a minus, [a, b]."""
    return _like(_each(a, b, lambda x: np.sqrt(np.square(x).sum(axis=-1))), a, b)


def manhattan_sim(a: Any, b: Any) -> Any:
    """The same with the sum of absolute differences."""
    return _like(_each(a, b, lambda x: np.abs(x).sum(axis=-1)), a, b)


def _each(a: Any, b: Any, distance: Callable[[Floats], Floats]) -> Floats:
    others = _rows(b)
    # A row at a time, as all differences would be [a, b, dim].
    rows = [-distance(row - others) for row in _rows(a)]
    return np.stack(rows) if rows else np.zeros((0, len(others)), np.float32)


def pairwise_cos_sim(a: Any, b: Any) -> Any:
    """The cosine of each vector of `a` with the one of `b` at its place, [a]."""
    products = as_array(normalize_embeddings(a)) * as_array(normalize_embeddings(b))
    return _like(products.sum(axis=-1), a, b)


def pairwise_dot_score(a: Any, b: Any) -> Any:
    """The same with the product."""
    return _like((as_array(a) * as_array(b)).sum(axis=-1), a, b)


def pairwise_euclidean_sim(a: Any, b: Any) -> Any:
    """The same with the distance, with a minus."""
    return _like(-np.sqrt(np.square(as_array(a) - as_array(b)).sum(axis=-1)), a, b)


def pairwise_manhattan_sim(a: Any, b: Any) -> Any:
    """The same with the sum of absolute differences, with a minus."""
    return _like(-np.abs(as_array(a) - as_array(b)).sum(axis=-1), a, b)


_FUNCTIONS: dict[SimilarityFunction, tuple[Callable[..., Any], Callable[..., Any]]] = {
    SimilarityFunction.COSINE: (cos_sim, pairwise_cos_sim),
    SimilarityFunction.DOT_PRODUCT: (dot_score, pairwise_dot_score),
    SimilarityFunction.EUCLIDEAN: (euclidean_sim, pairwise_euclidean_sim),
    SimilarityFunction.MANHATTAN: (manhattan_sim, pairwise_manhattan_sim),
}


def semantic_search(
    query_embeddings: Any,
    corpus_embeddings: Any,
    query_chunk_size: int = 100,
    corpus_chunk_size: int = 500000,
    top_k: int = 10,
    score_function: Callable[[Any, Any], Any] = cos_sim,
) -> list[list[dict[str, int | float]]]:
    """The nearest vectors of a corpus for each query, best first.

    Args:
        query_embeddings: [queries, dim], or [dim].
        corpus_embeddings: [corpus, dim].
        query_chunk_size: Queries whose scores exist at a time.
        corpus_chunk_size: Vectors of the corpus, likewise.
        top_k: How many to find.
        score_function: The similarity of all pairs.

    Returns:
        For each query its `corpus_id` and `score`.
    """
    queries, corpus = _rows(query_embeddings), _rows(corpus_embeddings)
    found: list[list[tuple[float, int]]] = [[] for _ in queries]
    for place in range(0, len(corpus), corpus_chunk_size):
        chunk = corpus[place : place + corpus_chunk_size]
        for first in range(0, len(queries), query_chunk_size):
            scores = as_array(score_function(queries[first : first + query_chunk_size], chunk))
            for n, row in enumerate(scores, first):
                best = _largest(row, top_k)
                more = [(float(row[id]), -(place + int(id))) for id in best]
                found[n] = heapq.nlargest(top_k, found[n] + more)
    return [[{"corpus_id": -id, "score": score} for score, id in row] for row in found]


def _largest(row: Floats, count: int) -> Sequence[int]:
    """Places of the largest values, in any order."""
    if count >= len(row):
        return range(len(row))
    places: Sequence[int] = np.argpartition(-row, count)[:count].tolist()
    return places
