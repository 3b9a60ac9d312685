"""Vocabularies, validated against their model."""

from __future__ import annotations

from collections.abc import Mapping

from pyattn.errors import ModelError
from pyattn.files.reading import bare
from pyattn.files.tokenizer_parts import END, UNKNOWN

PAD = "<pad>"


def check_ids_fit(ids: Mapping[str, int], file: str, role: str, rows: int, end: int) -> None:
    """Checks that ids fit a model.

    Args:
        ids: Piece to id.
        file: The file's name, for errors.
        role: "source" or "target".
        rows: Number of ids that the model has on that side.
        end: The model's end.

    Raises:
        ModelError: if the end is missing or differs, or an id is outside the model's.
    """
    for piece in (END, UNKNOWN):
        if piece not in ids:
            raise ModelError(f"{file}: {piece} is missing")
    if ids[END] != end:
        raise ModelError(f"{file}: {END} has id {ids[END]}, config.json's end is {end}")
    piece = max(ids, key=ids.__getitem__)
    if ids[piece] >= rows:
        raise ModelError(
            f"{file}: {bare(piece)} has id {ids[piece]}, "
            f"config.json's {role} vocabulary has {rows} rows"
        )
