"""Vectors of floats as integers or bits, as sentence-transformers makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.compat.sentence_transformers.util import as_array

PRECISIONS = ("float32", "int8", "uint8", "binary", "ubinary")


def quantize_embeddings(
    embeddings: Any,
    precision: str,
    ranges: npt.NDArray[np.floating] | None = None,
    calibration_embeddings: npt.NDArray[np.floating] | None = None,
) -> npt.NDArray[Any]:
    """Vectors in fewer bits.

    Args:
        embeddings: [texts, dim], or [dim].
        precision: "int8" or "uint8": each dimension in 256 steps between its smallest and its
            largest value; "binary" or "ubinary": which values are positive, eight to a byte;
            "float32".
        ranges: [2, dim], the smallest and largest values.
        calibration_embeddings: [any, dim], from which they are taken in place of `embeddings`.

    Raises:
        ValueError: if there is no such precision, or a single vector has no ranges.
    """
    if precision not in PRECISIONS:
        known = ", ".join(map(repr, PRECISIONS))
        raise ValueError(f"quantize_embeddings: precision is {precision!r}, expected {known}")
    rows = as_array(embeddings)
    if precision == "float32":
        return rows.astype(np.float32)
    if precision in ("binary", "ubinary"):
        bits = np.packbits(rows > 0, axis=-1)
        return (bits - 128).astype(np.int8) if precision == "binary" else bits
    if ranges is None:
        known_rows = rows if calibration_embeddings is None else np.asarray(calibration_embeddings)
        if calibration_embeddings is None and (rows.ndim == 1 or len(rows) == 1):
            raise ValueError(
                f"quantize_embeddings: a single vector has no ranges for {precision}, expected "
                "several vectors, ranges or calibration_embeddings"
            )
        if not len(known_rows):
            return np.zeros(rows.shape, np.int8 if precision == "int8" else np.uint8)
        ranges = np.stack([known_rows.min(axis=0), known_rows.max(axis=0)])
    low, high = np.asarray(ranges, np.float32)
    steps = (high - low) / 255
    steps = np.where(steps == 0, 1, steps)
    places: npt.NDArray[Any] = np.clip(np.floor((rows - low) / steps), 0, 255)
    return places.astype(np.uint8) if precision == "uint8" else (places - 128).astype(np.int8)
