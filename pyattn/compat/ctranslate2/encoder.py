"""CTranslate2's Encoder."""

from __future__ import annotations

import dataclasses
import numbers
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.compat.ctranslate2.arguments import incompatible, is_sequence
from pyattn.compat.ctranslate2.handle import LoadedModel, ModelHandle
from pyattn.compat.ctranslate2.storage import StorageView
from pyattn.embedding.heads import Pooler
from pyattn.files import ModelFiles, open_model
from pyattn.files.ctranslate2 import CTranslate2Files
from pyattn.files.vocabulary import Vocabulary
from pyattn.text.tokenizers import NoTokenizer
from pyattn.text.tokenizers.pairs import load_pair_tokenizer

Floats = npt.NDArray[np.float32]

_INPUTS = "lists of tokens or of ids, or a StorageView"


@dataclasses.dataclass
class EncoderForwardOutput:
    """What an encoder makes of a batch.

    Attributes:
        last_hidden_state: [batch, longest, dim]; shorter sequences repeat their last state.
        pooler_output: [batch, dim]; None for models without a pooler.
    """

    last_hidden_state: StorageView
    pooler_output: StorageView | None = None

    def __str__(self) -> str:
        return (
            f"EncoderForwardOutput(last_hidden_state={self.last_hidden_state}, "
            f"pooler_output={self.pooler_output})"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class _LoadedEncoder(LoadedModel):
    """An encoder, its tokens if they are known, and what is behind the first state."""

    words: Vocabulary | None
    pooler: Pooler | None


class Encoder(ModelHandle[_LoadedEncoder]):
    """Makes states of sequences of tokens.

    Args:
        model_path: The model's folder, of CTranslate2's layout; or of transformers', whose weights
            are stored in float32.
        device: "cpu", or "auto", which is that.
        device_index: 0.
        compute_type: What weights are computed with, also by device; "default" is what the model
            was saved with.
        inter_threads: Times `intra_threads` is the number of threads, which one batch shares.
        intra_threads: 0 for as many as the process may use.
        max_queued_batches: Requests never block, so it is not needed.
        flash_attention: Not for CPUs; has to be False.
        tensor_parallel: Not for CPUs; has to be False.
        files: The model's files by their names, as bytes or files, in place of those in the folder.

    Raises:
        RuntimeError: if the model cannot be loaded; the message names the file.
        ValueError: if an argument has no such value.
    """

    def forward_batch(
        self,
        inputs: Sequence[Sequence[str]] | Sequence[Sequence[int]] | StorageView,
        lengths: StorageView | None = None,
        token_type_ids: Sequence[Sequence[int]] | None = None,
    ) -> EncoderForwardOutput:
        """The states of sequences.

        Args:
            inputs: Tokens or ids of each sequence, special ones included; or ids as an int32 array,
                [batch, longest].
            lengths: Number of ids of each row of an array, [batch], int32.
            token_type_ids: The type of each token; None is 0 for all.

        Raises:
            TypeError: if an argument is of another type.
            ValueError: if an id is unknown or a length is out of its range; likewise for types.
            RuntimeError: if the model was unloaded, or a sequence is too long for it.
        """
        rows: Any = inputs
        if isinstance(inputs, StorageView):
            rows = dense_rows(inputs, lengths)
        elif isinstance(inputs, np.ndarray):
            rows = inputs.tolist()
        with self.in_use() as loaded:
            ids = row_ids(rows, loaded.words)
            types = _types(token_type_ids, ids)
            config = loaded.model.config
            longest, most = max(map(len, ids), default=0), config.stack("encoder").max_positions
            if longest > most:
                raise RuntimeError(
                    f"No position encodings are defined for positions >= {most}, "
                    f"but got position {longest - 1}"
                )
            return _output(_states(loaded, ids, types), loaded.pooler, config.dim)

    @property
    def num_encoders(self) -> int:
        """`inter_threads` for each device index, though one engine serves all threads."""
        return self._translators

    def _read_folder(self, folder: pathlib.Path) -> _LoadedEncoder:
        with open_model(folder) as files:
            checkpoint, pooler = files.checkpoint, files.pooler
            if "decoder" in checkpoint.config.stacks:
                raise RuntimeError("This model cannot be used as a sequence encoder")
            words = _words(files)
        return _LoadedEncoder(self._model(checkpoint), words, pooler and Pooler(pooler))


def _words(files: ModelFiles) -> Vocabulary | None:
    """The tokens of a model by their ids; None if nothing can be found out about them."""
    if isinstance(files, CTranslate2Files):
        return files.vocabularies.source
    try:
        return Vocabulary(*load_pair_tokenizer(files).vocabulary())
    except NoTokenizer:
        return None


def dense_rows(inputs: StorageView, lengths: StorageView | None) -> list[list[int]]:
    """The ids of an array, without those behind each row's length.

    Raises:
        ValueError: if the lengths are missing or out of range, or an array has another shape.
    """
    if lengths is None:
        raise ValueError("lengths vector is required when passing a dense input")
    array, counts = np.asarray(inputs), np.asarray(lengths)
    if array.ndim != 2:
        raise ValueError(
            f"Expected input ids to have 2 dimensions, but got {array.ndim} dimension(s) instead"
        )
    if array.dtype != np.int32 or counts.dtype != np.int32:
        raise ValueError("forward_batch: ids and lengths of an array have to be int32")
    if counts.shape != array.shape[:1]:
        raise ValueError(
            f"Expected lengths vector to have size {len(array)}, but got size {counts.size} instead"
        )
    if counts.size and not 0 <= counts.min() <= counts.max() <= array.shape[1]:
        raise ValueError(
            f"forward_batch: lengths are {counts.min()} to {counts.max()}, expected 0 to "
            f"{array.shape[1]}"
        )
    return [row[:count].tolist() for row, count in zip(array, counts, strict=True)]


def row_ids(rows: Any, words: Vocabulary | None) -> list[list[int]]:
    """The ids of sequences of tokens or of ids.

    Args:
        rows: The sequences.
        words: The tokens by their ids; None if they are not known.

    Raises:
        TypeError: if a sequence is something else.
        ValueError: if tokens are given, and not known.
    """
    if not is_sequence(rows) or not all(is_sequence(row) for row in rows):
        raise incompatible("inputs", rows, _INPUTS)
    listed = [list(row) for row in rows]
    every = [item for row in listed for item in row]
    if all(isinstance(item, str) for item in every):
        if every and words is None:
            raise ValueError("forward_batch: the model's folder has no tokens, expected ids")
        return [[] if words is None else words.ids(row) for row in listed]
    return [_integers("inputs", row) for row in listed]


def _types(given: Any, ids: list[list[int]]) -> list[list[int]] | None:
    """The type of each id, without those behind a row's end; None if none are given."""
    if given is None or (is_sequence(given) and len(given) == 0):
        return None
    if not is_sequence(given) or not all(is_sequence(row) for row in given):
        raise incompatible("token_type_ids", given, "lists of integers")
    types = [_integers("token_type_ids", row) for row in given]
    if len(types) != len(ids) or any(
        len(row) < len(one) for row, one in zip(types, ids, strict=True)
    ):
        raise ValueError("forward_batch: token_type_ids are fewer than inputs")
    return [row[: len(one)] for row, one in zip(types, ids, strict=True)]


def _integers(what: str, row: Any) -> list[int]:
    if not all(isinstance(item, numbers.Integral) and int(item) >= 0 for item in row):
        raise incompatible(what, row, _INPUTS)
    return [int(item) for item in row]


def _states(
    loaded: _LoadedEncoder, ids: list[list[int]], types: list[list[int]] | None
) -> list[Floats]:
    """[time, dim] of each sequence; an empty one has none."""
    filled = [n for n, row in enumerate(ids) if row]
    typed = types is not None and loaded.model.config.token_types > 1
    found = loaded.model.encode(
        [ids[n] for n in filled],
        [types[n] for n in filled] if types is not None and typed else None,
    )
    states = [np.zeros((0, loaded.model.config.dim), np.float32) for _ in ids]
    for n, rows in zip(filled, found, strict=True):
        states[n] = rows
    return states


def _output(states: list[Floats], pooler: Pooler | None, dim: int) -> EncoderForwardOutput:
    shape = len(states), max(map(len, states), default=0), dim
    padded = np.zeros(shape, np.float32)
    for row, own in zip(padded, states, strict=True):
        row[: len(own)] = own
        row[len(own) :] = own[-1:] if len(own) else 0
    pooled = None
    if pooler is not None:
        first = padded[:, 0] if shape[1] else np.zeros((len(states), dim), np.float32)
        pooled = StorageView(pooler(first))
    return EncoderForwardOutput(StorageView(padded), pooled)
