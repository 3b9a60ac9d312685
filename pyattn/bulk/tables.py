"""Columns of the kinds of tables, recognised without importing pandas or pyarrow."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def texts_of(batch: Any, column: str, output: str) -> list[str | None]:
    """The texts of a batch's column, None where there is none.

    Args:
        batch: A mapping of columns, a DataFrame, a Table or a RecordBatch.
        column: The column's name.
        output: A column that must not be there.

    Raises:
        TypeError: if the batch is of another kind, or a value is no text.
        ValueError: if the batch's columns are not as expected.
    """
    names = _names(batch)
    if column not in names:
        known = ", ".join(repr(name) for name in names) or "none"
        raise ValueError(f"Translate: batch has no column {column!r}, its columns are {known}")
    if output in names:
        raise ValueError(
            f"Translate: batch has a column {output!r} already; choose another name for output"
        )
    if names.count(column) > 1:
        raise ValueError(f"Translate: batch has {names.count(column)} columns {column!r}")
    values = _values(batch, column)
    return [_text(value, column, row) for row, value in enumerate(values)]


def extended(batch: Any, column: str, output: str, found: list[str | None]) -> Any:
    """A batch of the same kind with one more column.

    Args:
        batch: What `texts_of` was given.
        column: The column of the texts, whose type the new one has.
        output: The new column's name.
        found: A value per row.
    """
    if _is(batch, "pandas", "DataFrame"):
        pandas = sys.modules["pandas"]
        kind = batch[column].dtype
        kind = kind if isinstance(kind, pandas.StringDtype) else object
        return batch.assign(**{output: pandas.Series(found, index=batch.index, dtype=kind)})
    if _is(batch, "pyarrow", "Table", "RecordBatch"):
        return batch.append_column(output, arrow_column(found, batch.schema.field(column).type))
    if isinstance(batch[column], np.ndarray):
        return {**batch, output: np.array(found, dtype=object)}
    return {**batch, output: found}


def arrow_column(found: list[str | None], kind: Any) -> Any:
    """Texts as an Arrow array of strings; large ones beside a column of large ones."""
    arrow = sys.modules["pyarrow"]
    large = arrow.types.is_large_string(kind)
    return arrow.array(found, type=arrow.large_string() if large else arrow.string())


def _is(batch: Any, package: str, *names: str) -> bool:
    """Whether a batch is of one of these classes, of a package that is imported if it is."""
    module = sys.modules.get(package)
    return module is not None and isinstance(batch, tuple(getattr(module, name) for name in names))


def _names(batch: Any) -> list[Any]:
    if _is(batch, "pandas", "DataFrame"):
        return list(batch.columns)
    if _is(batch, "pyarrow", "Table", "RecordBatch"):
        return list(batch.schema.names)
    if not isinstance(batch, Mapping):
        raise TypeError(
            f"Translate: batch is {type(batch).__name__}, expected a mapping of columns, a pandas "
            "DataFrame or a pyarrow Table or RecordBatch"
        )
    return list(batch)


def _values(batch: Any, column: str) -> Sequence[Any]:
    if _is(batch, "pandas", "DataFrame"):
        return batch[column].tolist()  # type: ignore[no-any-return]
    if _is(batch, "pyarrow", "Table", "RecordBatch"):
        return batch.column(column).to_pylist()  # type: ignore[no-any-return]
    lengths = {name: _length(name, batch[name]) for name in batch}
    for name, length in lengths.items():
        if length != lengths[column]:
            raise ValueError(
                f"Translate: column {name!r} has {length} rows, expected {lengths[column]}, as "
                f"{column!r} has"
            )
    values = batch[column]
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _length(name: str, values: Any) -> int:
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise TypeError(
            f"Translate: column {name!r} is {type(values).__name__}, expected a list or an array"
        )
    return len(values)


def _text(value: Any, column: str, row: int) -> str | None:
    if isinstance(value, str):
        return str(value)
    # NaN differs from itself; the comparison of pandas.NA has no truth.
    if value is None or type(value).__name__ == "NAType":
        return None
    if isinstance(value, float) and value != value:
        return None
    raise TypeError(
        f"Translate: column {column!r} has {type(value).__name__} in row {row}, expected a str"
    )
