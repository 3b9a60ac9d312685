"""A Parquet file: the texts of one column, and the file with one more."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pyattn.bulk.tables import arrow_column

_GROUP_ROWS = 2048


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows that become one part, of one row group.

    Attributes:
        row_group: Its number in the file.
        texts: Their texts.
    """

    row_group: int
    texts: list[str | None]

    @property
    def content(self) -> bytes:
        """The texts and the row group, as bytes."""
        return json.dumps([self.row_group, self.texts]).encode()


class Columns:
    """A Parquet file. A part has the translations of some rows of one row group.

    Args:
        path: The file.
        column: The column with the texts.
        output: The column to add.

    Raises:
        ImportError: without pyarrow.
        ValueError: if the file is none, or its columns are not as expected.
    """

    def __init__(self, path: Path, column: str, output: str) -> None:
        try:
            self._parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise ImportError(
                "parquet: needs the package pyarrow (pip install pyattn[bulk])"
            ) from None
        arrow: Any = sys.modules["pyarrow"]
        self.path = path
        self._column = column
        self._output = output
        with path.open("rb"):  # an error of the system has the file's name
            pass
        with self._reading("is no Parquet file"):
            self._file = self._parquet.ParquetFile(path)
            schema = self._file.schema_arrow
        if schema.names.count(column) != 1:
            known = ", ".join(map(repr, schema.names))
            raise ValueError(f"{path}: has no column {column!r}, its columns are {known}")
        if output in schema.names:
            raise ValueError(
                f"{path}: has a column {output!r} already; --output-column chooses another"
            )
        kind = schema.field(column).type
        held = kind.value_type if arrow.types.is_dictionary(kind) else kind
        if not any(
            is_text(held)
            for is_text in (arrow.types.is_string, arrow.types.is_large_string, _is_view)
        ):
            raise ValueError(f"{path}: column {column!r} has type {kind}, expected string")
        self._kind = kind

    def groups(self) -> Iterator[Rows]:
        """All rows, in order.

        Raises:
            ValueError: if the file is damaged.
        """
        for n in range(self._file.num_row_groups):
            with self._reading():
                for batch in self._file.iter_batches(
                    _GROUP_ROWS, row_groups=[n], columns=[self._column]
                ):
                    yield Rows(n, batch.column(0).to_pylist())

    def texts(self, group: Rows) -> list[str | None]:
        """The text of each row."""
        return group.texts

    def written(self, group: Rows, found: Sequence[str | None]) -> bytes:
        """A part: the row group's number, and a translation per row."""
        return json.dumps([group.row_group, list(found)]).encode()

    def joined(self, parts: Sequence[Path], file: BinaryIO) -> None:
        """Write the Parquet file with all parts as a column; its row groups stay as they are.

        Raises:
            ValueError: if the file is damaged in another column.
        """
        arrow: Any = sys.modules["pyarrow"]
        new = arrow.field(self._output, arrow_column([], self._kind).type)
        schema = self._file.schema_arrow.append(new)
        waiting = iter(parts)
        part = next(waiting, None)
        with self._parquet.ParquetWriter(file, schema, compression=self._compression()) as writer:
            for n in range(self._file.num_row_groups):
                found: list[str | None] = []
                while part is not None:
                    number, made = json.loads(part.read_bytes())
                    if number != n:
                        break
                    found += made
                    part = next(waiting, None)
                with self._reading():
                    table = self._file.read_row_group(n)
                table = table.append_column(new, arrow_column(found, self._kind))
                writer.write_table(table.cast(schema), row_group_size=max(1, len(table)))

    @contextlib.contextmanager
    def _reading(self, problem: str = "is a damaged Parquet file") -> Iterator[None]:
        """Names the file in what pyarrow raises, which is OSError for much that is damaged."""
        arrow: Any = sys.modules["pyarrow"]
        try:
            yield
        except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{self.path}: {problem}: {error}") from None

    def _compression(self) -> str:
        """That of the text's column."""
        about = self._file.metadata
        if not about.num_row_groups:
            return "snappy"
        first = about.row_group(0)
        for n in range(first.num_columns):
            if first.column(n).path_in_schema == self._column:
                return str(first.column(n).compression)
        return "snappy"


def _is_view(kind: Any) -> bool:
    return str(kind) == "string_view"
