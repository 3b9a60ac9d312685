"""A batch of columns in, the same with a column of translations out."""

from __future__ import annotations

import dataclasses
import inspect
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from pyattn._foreign import unknown_setting
from pyattn.bulk.tables import extended, texts_of
from pyattn.loading import load, load_translator
from pyattn.options import GenerationOptions
from pyattn.text.settings import TextOverrides

_OF_LOADING = {
    name for name in inspect.signature(load).parameters if name not in ("path", "limits")
}
_OF_LOADING |= {"isa", "batch_tokens", "batch_rows", "cache_bytes", "vocabulary_search"}
_OF_TEXTS = {"source", "target", "options", *TextOverrides.__annotations__}
_OF_TEXTS |= {field.name for field in dataclasses.fields(GenerationOptions)}


class Translate:
    """A picklable function of a batch, which adds a column with the translations of another.

    A batch is a mapping of column names to lists or NumPy arrays, a pandas DataFrame, or a pyarrow
    Table or RecordBatch. The result is of the same kind; the batch itself stays as it is. A missing
    text (None, NaN, NA) has no translation: None, or what the column's type has in its place.
    Translations do not depend on how rows are distributed over batches.

    The state is a path or a name and options. Each process loads the model at its first call and
    keeps it; objects with the same model and the same options of `pyattn.load` share it.

    Args:
        model: As for `pyattn.load`: a path or a name; None for the included model. Each worker has
            to find it.
        column: The column with the texts.
        output: The column to add.
        **options: Keyword arguments of `pyattn.load`, such as `threads`, and of
            `Translator.translate`, such as `beam_size` and `target`.

    Raises:
        TypeError: if `model` is no path, or there is no such option.
        ValueError: if `column` and `output` are the same.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        column: str = "text",
        output: str = "translation",
        **options: Any,
    ) -> None:
        if model is not None and not isinstance(model, str | os.PathLike):
            kind = type(model).__name__
            raise TypeError(f"Translate: model is {kind}, expected a path or a name, or None")
        for name, value in (("column", column), ("output", output)):
            if not isinstance(value, str):
                raise TypeError(f"Translate: {name} is {type(value).__name__}, expected a str")
        if column == output:
            raise ValueError(f"Translate: output is {output!r}, expected another name than column")
        unknown = sorted(options.keys() - _OF_LOADING - _OF_TEXTS)
        if unknown:
            raise TypeError(f"Translate: {unknown_setting(unknown[0], _OF_LOADING | _OF_TEXTS)}")
        self.model = None if model is None else _absolute(os.fspath(model))
        self.column = column
        self.output = output
        self.options = options

    def __call__(self, batch: Any) -> Any:
        """The batch with one more column.

        Args:
            batch: Columns, with any number of rows.

        Raises:
            TypeError: if the batch is of another kind, or a value of the column is no text.
            ValueError: if the batch has no such column, has one of the output's name already, or
                its columns have different lengths; or as `Translator.translate`.
        """
        texts = texts_of(batch, self.column, self.output)
        there = [text for text in texts if text is not None]
        translations = iter(self._translated(there) if there else ())
        found = [None if text is None else next(translations) for text in texts]
        return extended(batch, self.column, self.output, found)

    def frames(self, batches: Iterable[Any]) -> Iterator[Any]:
        """One batch after the other, as Spark's `mapInPandas` and `mapInArrow` call a function."""
        return map(self, batches)

    def _translated(self, texts: list[str]) -> list[str]:
        settings = {n: value for n, value in self.options.items() if n in _OF_LOADING}
        options = {n: value for n, value in self.options.items() if n in _OF_TEXTS}
        found: list[str] = _loaded.translator(self.model, settings).translate(texts, **options)
        return found

    def __repr__(self) -> str:
        given = [self.model, self.column, self.output]
        options = [f"{name}={value!r}" for name, value in self.options.items()]
        return f"pyattn.bulk.Translate({', '.join([*map(repr, given), *options])})"


def _absolute(model: str) -> str:
    """A path that means the same in a worker's folder; names stay as they are."""
    return os.path.abspath(model) if os.path.exists(model) else model  # noqa: PTH100, PTH110


class _Loaded:
    """The models of this process, each loaded once."""

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):
            # A forked process has the memory of the models, but none of their threads.
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._translators: dict[str, Any] = {}

    def translator(self, model: str | None, settings: dict[str, Any]) -> Any:
        key = repr((model, sorted(settings.items())))
        with self._lock:
            if key not in self._translators:
                self._translators[key] = load_translator(model, **settings)
            return self._translators[key]


_loaded = _Loaded()
