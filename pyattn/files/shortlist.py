"""Lexical shortlists: the target ids that go with each source id; and our own file of one.

shortlist.safetensors holds, with ids in 16 bits where the vocabulary has no more:

    counts      [source_vocab]     how many target ids go with each source id
    ids         [sum of counts]    these, one list behind the other
    always      [any]              target ids that may come with every source
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.errors import ModelError
from pyattn.files.named_tensors import Weights
from pyattn.files.safetensors import Entry, read_safetensors, write_safetensors
from pyattn.model_config import ModelConfig

SHORTLIST_FILE = "shortlist.safetensors"

Ids: TypeAlias = npt.NDArray[np.integer[Any]]
Begins: TypeAlias = npt.NDArray[np.int64]

_TYPES = {"U16": np.uint16, "U32": np.uint32}


class LexicalShortlist:
    """Target ids by source ids.

    Nothing changes it after it was made, so any number of threads may share it.

    Args:
        begins: Where in `ids` the list of each source id begins, and where the last one ends.
        ids: Target ids of all lists.
        always: Target ids that may always come.
        target_vocab: All target ids are below it.
        shared: Whether ids of sources are ids of targets, so that a source's own may come, too.
    """

    def __init__(
        self, begins: Begins, ids: Ids, always: Ids, target_vocab: int, *, shared: bool
    ) -> None:
        self._begins: list[int] = begins.tolist()  # of which single ones are looked up faster
        self._ids = ids
        self._always = always
        self._allowed = np.zeros(target_vocab, np.bool_)
        self._allowed[always] = True
        self.shared = shared

    def __len__(self) -> int:
        """Number of source ids."""
        return len(self._begins) - 1

    @property
    def target_vocab(self) -> int:
        """All target ids are below it."""
        return len(self._allowed)

    def candidates(self, source: Sequence[int]) -> npt.NDArray[np.int32]:
        """The target ids that a source's ids allow, ascending and each once."""
        begins, ids = self._begins, self._ids
        own = set(source)
        found = [ids[begins[id] : begins[id + 1]] for id in own]
        targets = [id for id in own if id < self.target_vocab] if self.shared else []
        found.append(np.array(targets, np.int32))
        # A flag for every id, and one pass over the flags, is faster than sorting ids.
        allowed = self._allowed.copy()
        allowed[np.concatenate(found)] = True
        return np.flatnonzero(allowed).astype(np.int32)

    def write(self, path: pathlib.Path) -> None:
        """Writes the lists to a new file; whether ids are shared is not in it."""
        narrow = "U16" if self.target_vocab <= 1 << 16 else "U32"
        arrays = {
            "counts": ("U32", np.diff(self._begins)),
            "ids": (narrow, self._ids),
            "always": (narrow, self._always),
        }
        entries = {
            name: Entry(
                dtype=dtype,
                shape=values.shape,
                values=functools.partial(values.astype, _TYPES[dtype]),
            )
            for name, (dtype, values) in arrays.items()
        }
        write_safetensors(path, entries)


def read_own_shortlist(
    path: pathlib.Path, config: ModelConfig, *, shared: bool
) -> LexicalShortlist:
    """Reads a file of `LexicalShortlist.write`; ids stay views of the file.

    Args:
        path: The file.
        config: Of the model that it is for.
        shared: Whether sources and targets have one vocabulary.

    Raises:
        ModelError: if the file is malformed, or its ids are not the model's.
    """
    tensors = Weights(path.name, read_safetensors(path))

    def integers(name: str, size: int | None, high: int) -> Ids:
        tensor = tensors.optional(name)
        if tensor is None:
            raise ModelError(f"{path.name}: {name} is missing")
        shape = (tensor.values.size if size is None else size,)
        if tensor.dtype not in _TYPES or tensor.shape != shape:
            raise ModelError(
                f"{path.name}: {name} is {tensor.dtype} {list(tensor.shape)}, expected U16 or U32 "
                f"{list(shape)}"
            )
        most = int(tensor.values.max(initial=0))
        if most > high:
            raise ModelError(f"{path.name}: {name} has {most}, expected at most {high}")
        return tensor.values

    counts = integers("counts", config.source_vocab, config.target_vocab)
    begins = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, dtype=np.int64, out=begins[1:])
    ids = integers("ids", int(begins[-1]), config.target_vocab - 1)
    always = integers("always", None, config.target_vocab - 1)
    tensors.check_all_taken(config.family)
    if config.end not in always:
        raise ModelError(f"{path.name}: always lacks {config.end}, the end")
    return LexicalShortlist(begins, ids, always, config.target_vocab, shared=shared)
