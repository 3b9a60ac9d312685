"""Vocabularies in JSON, checked against the model that they belong to."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from pyattn.errors import ModelError
from pyattn.files.reading import bare, read_json, shown

END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"
# No vocabulary comes near; ids index a list.
MOST_IDS = 1 << 24


def read_ids(path: pathlib.Path) -> dict[str, int]:
    """Piece to id, from a JSON object.

    Raises:
        ModelError: if the file cannot be read, or an id is none or stands twice.
    """
    ids = read_json(path)
    taken: dict[int, str] = {}
    for piece, id in ids.items():
        if type(id) is not int or not 0 <= id < MOST_IDS:
            raise ModelError(f"{path.name}: {bare(piece)} is {shown(id)}, expected an id")
        if taken.setdefault(id, piece) != piece:
            raise ModelError(f"{path.name}: {bare(taken[id])} and {bare(piece)} both have id {id}")
    return ids


def check_ids_fit(ids: Mapping[str, int], file: str, role: str, rows: int, end: int) -> None:
    """That ids are those of a model.

    Args:
        ids: Piece to id.
        file: What says so, for the error.
        role: "source" or "target".
        rows: How many ids the model has there.
        end: Its end.

    Raises:
        ModelError: if the end is another, or there is none, or an id is not the model's.
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
