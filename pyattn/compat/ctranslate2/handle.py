"""A model that can be unloaded and loaded again."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import BinaryIO

from pyattn.dtypes import DType
from pyattn.errors import ModelError
from pyattn.formats import read_checkpoint
from pyattn.formats.ctranslate2 import read_vocabularies, read_vocabulary_map
from pyattn.formats.ctranslate2.vmap import VocabularyMap
from pyattn.formats.vocabulary import Vocabularies
from pyattn.model import Model

# What weights are computed with; "default" is for the model to say.
_DTYPES: dict[str, DType | None] = {
    "default": None,
    "auto": "auto",
    "int8": "int8",
    "int8_float32": "int8",
    "int8_float16": "int8",
    "int8_bfloat16": "int8",
    "int16": "float32",
    "float16": "float32",
    "bfloat16": "bfloat16",
    "float32": "float32",
}


class ModelHandle:
    """What all that runs a model has in common; the arguments are `Translator`'s."""

    def __init__(
        self,
        model_path: str | os.PathLike[str],
        device: str = "cpu",
        *,
        device_index: int | list[int] = 0,
        compute_type: str | dict[str, str] = "default",
        inter_threads: int = 1,
        intra_threads: int = 0,
        max_queued_batches: int = 0,  # noqa: ARG002 (said above)
        flash_attention: bool = False,
        tensor_parallel: bool = False,
        files: Mapping[str, bytes | BinaryIO] | None = None,
    ) -> None:
        if device not in ("cpu", "auto"):
            raise ValueError(f"unsupported device {device}")
        if device_index not in (0, [0]):
            raise ValueError(f"invalid device index {device_index}, expected 0 for the CPU")
        if flash_attention or tensor_parallel:
            raise ValueError("flash_attention and tensor_parallel are not for CPUs")
        chosen = (
            compute_type.get("cpu", "default") if isinstance(compute_type, dict) else compute_type
        )
        if chosen not in _DTYPES:
            raise ValueError(f"Invalid compute type: {chosen}")
        self._threads = max(inter_threads, 1) * intra_threads if intra_threads > 0 else None
        self._dtype = _DTYPES[chosen]
        self._path = pathlib.Path(model_path)
        self._files = (
            None if files is None else {name: _bytes(file) for name, file in files.items()}
        )
        self._model: Model | None = None
        self.load_model()

    def load_model(self, keep_cache: bool = False) -> None:  # noqa: ARG002 (there is no other device)
        """Loads the model again after `unload_model`."""
        if self._model is not None:
            return
        try:
            if self._files is None:
                self._read(self._path)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    for name, content in self._files.items():
                        (pathlib.Path(folder) / pathlib.PurePath(name).name).write_bytes(content)
                    self._read(pathlib.Path(folder))
        except ModelError as error:
            raise RuntimeError(str(error)) from error

    def _read(self, folder: pathlib.Path) -> None:
        checkpoint = read_checkpoint(folder)
        self.vocabularies: Vocabularies = read_vocabularies(folder)
        self.vmap: VocabularyMap | None = read_vocabulary_map(folder)
        dtype = self._dtype or ("int8" if checkpoint.int8 else "float32")
        self._model = Model(checkpoint, dtype=dtype, threads=self._threads)

    def unload_model(self, to_cpu: bool = False) -> None:
        """Frees the model, unless `to_cpu`: it is there already. What is under way is finished."""
        if self._model is not None and not to_cpu:
            self._model.close()
            self._model = None

    @property
    def model_is_loaded(self) -> bool:
        """Whether the model can be used."""
        return self._model is not None

    def loaded(self) -> Model:
        """The model.

        Raises:
            RuntimeError: if it was unloaded.
        """
        if self._model is None:
            raise RuntimeError("The model for this translator was unloaded")
        return self._model

    @property
    def device(self) -> str:
        """Where the model runs."""
        return "cpu"

    @property
    def device_index(self) -> list[int]:
        """Where the model runs."""
        return [0]

    @property
    def compute_type(self) -> str:
        """What most of the weights are computed with."""
        return {"int8": "int8_float32"}.get(dtype := self.loaded().config.dtype, dtype)

    @property
    def num_translators(self) -> int:
        """One: it serves all threads at once."""
        return 1

    @property
    def num_queued_batches(self) -> int:
        """Nothing waits for a translator."""
        return 0

    @property
    def num_active_batches(self) -> int:
        """Nothing waits for a translator."""
        return 0

    @property
    def tensor_parallel(self) -> bool:
        """Not on CPUs."""
        return False


def _bytes(file: bytes | BinaryIO) -> bytes:
    return file if isinstance(file, bytes) else file.read()
