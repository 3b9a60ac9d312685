"""A model that can be unloaded and loaded again."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
import pathlib
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Generic, TypeVar

from pyattn.checkpoint import Checkpoint
from pyattn.compat.ctranslate2.arguments import incompatible
from pyattn.compat.ctranslate2.log import logger
from pyattn.compat.ctranslate2.pending import Pending
from pyattn.errors import ModelError
from pyattn.files import open_model
from pyattn.files.ctranslate2.vmap import VocabularyMap
from pyattn.files.vocabulary import Vocabularies
from pyattn.model import Model
from pyattn.running.precision import DType

# Number types of weights in computation; "default" is the model's stored type.
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


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in memory."""

    model: Model


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded(LoadedModel):
    """A model that translates, and its words."""

    vocabularies: Vocabularies
    vmap: VocabularyMap | None


L = TypeVar("L", bound=LoadedModel)


class ModelHandle(abc.ABC, Generic[L]):
    """A loaded model, shared by all classes that run one; the arguments are `Translator`'s."""

    def __init__(
        self,
        model_path: str | os.PathLike[str],
        device: str = "cpu",
        *,
        device_index: int | list[int] = 0,
        compute_type: str | dict[str, str] = "default",
        inter_threads: int = 1,
        intra_threads: int = 0,
        max_queued_batches: int = 0,  # noqa: ARG002 (requests never block)
        flash_attention: bool = False,
        tensor_parallel: bool = False,
        files: Mapping[str, bytes | BinaryIO] | None = None,
    ) -> None:
        self._device_index = _places(device, device_index)
        if flash_attention or tensor_parallel:
            raise ValueError("flash_attention and tensor_parallel are not for CPUs")
        self._dtype = _DTYPES[_compute_type(device, compute_type)]
        self._translators = max(inter_threads, 1) * len(self._device_index)
        self._threads = self._translators * intra_threads if intra_threads > 0 else None
        self._path = pathlib.Path(model_path)
        self._files = None if files is None else _contents(files)
        self._locks = (os.getpid(), threading.Lock())
        self._loaded: L | None = None
        self._calls = 0
        self._pending: weakref.WeakSet[Any] = weakref.WeakSet()
        self.load_model()

    @property
    def _lock(self) -> threading.Lock:
        """Guards the loaded model and the count of its users."""
        # In a forked child, the parent's lock may be held by a thread that the child lacks.
        if self._locks[0] != os.getpid():
            self._locks = (os.getpid(), threading.Lock())
        return self._locks[1]

    def load_model(self, keep_cache: bool = False) -> None:  # noqa: ARG002 (there is no other device)
        """Loads the model again after `unload_model`."""
        with self._lock:
            if self._loaded is not None:
                return
            try:
                self._loaded = self._read()
            except ModelError as error:
                raise RuntimeError(str(error)) from error
        logger.info("loaded %s", self._path)

    def _read(self) -> L:
        if self._files is None:
            if not self._path.exists():
                raise RuntimeError(f"Unable to open file 'model.bin' in model '{self._path}'")
            return self._read_folder(self._path)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in self._files.items():
                (pathlib.Path(folder) / pathlib.PurePath(name).name).write_bytes(content)
            return self._read_folder(pathlib.Path(folder))

    @abc.abstractmethod
    def _read_folder(self, folder: pathlib.Path) -> L:
        """The model of a folder."""

    def _model(self, checkpoint: Checkpoint) -> Model:
        dtype = self._dtype or ("int8" if checkpoint.int8 else "float32")
        return Model(checkpoint, dtype=dtype, threads=self._threads)

    def unload_model(self, to_cpu: bool = False) -> None:
        """Frees the model, unless it is in use, or `to_cpu`: it is there already."""
        with self._lock:
            if self._loaded is None or to_cpu or self._active() > 0:
                return
            self._loaded.model.close()
            self._loaded = None
        logger.info("unloaded %s", self._path)

    @property
    def model_is_loaded(self) -> bool:
        """Whether the model can be used."""
        return self._loaded is not None

    @contextlib.contextmanager
    def in_use(self) -> Iterator[L]:
        """The model, which is not unloaded meanwhile.

        Raises:
            RuntimeError: if it was unloaded.
        """
        with self._lock:
            loaded = self._present()
            self._calls += 1
        try:
            yield loaded
        finally:
            with self._lock:
                self._calls -= 1

    def keep_in_use(self, pending: Pending[Any]) -> None:
        """Keeps the model loaded until `pending` is done, or dropped by its caller."""
        with self._lock:
            self._pending.add(pending)

    def _present(self) -> L:
        if self._loaded is None:
            raise RuntimeError("The model for this translator was unloaded")
        return self._loaded

    def _active(self) -> int:
        return self._calls + sum(not pending.done() for pending in self._pending)

    @property
    def device(self) -> str:
        """Where the model runs."""
        return "cpu"

    @property
    def device_index(self) -> list[int]:
        """Where the model runs."""
        return list(self._device_index)

    @property
    def compute_type(self) -> str:
        """The number type of most weights in computation."""
        dtype = self._present().model.config.dtype
        return {"int8": "int8_float32"}.get(dtype, dtype)

    @property
    def num_queued_batches(self) -> int:
        """0: all requests are decoded at once."""
        return 0

    @property
    def num_active_batches(self) -> int:
        """Calls that are not done, asynchronous ones included."""
        with self._lock:
            return self._active()

    @property
    def tensor_parallel(self) -> bool:
        """Not on CPUs."""
        return False


class TranslatorHandle(ModelHandle[Loaded]):
    """The handle of a model that translates."""

    def _read_folder(self, folder: pathlib.Path) -> Loaded:
        with open_model(folder) as files:
            checkpoint, vmap = files.checkpoint, files.vocabulary_map
            self.vocabularies: Vocabularies = files.vocabularies
        if len(checkpoint.config.stacks) < 2:
            raise RuntimeError("This model cannot be used as a sequence-to-sequence model")
        return Loaded(self._model(checkpoint), self.vocabularies, vmap)

    @property
    def num_translators(self) -> int:
        """`inter_threads` for each device index, though one engine serves all threads."""
        return self._translators


def _places(device: str, index: int | list[int]) -> list[int]:
    """The CPU, once for each of the device's indices."""
    if device not in ("cpu", "auto"):
        raise ValueError(f"unsupported device {device}")
    places = [index] if isinstance(index, int) else list(index)
    if not places:
        raise ValueError("At least one device index should be set")
    for place in places:
        if place != 0:
            raise ValueError(f"Invalid CPU device index: {place}")
    return places


def _compute_type(device: str, chosen: str | dict[str, str]) -> str:
    if isinstance(chosen, dict):
        chosen = chosen.get(device, "default")
    if not isinstance(chosen, str):
        raise incompatible("compute_type", chosen, "a name, or names by device", of="constructor")
    if chosen not in _DTYPES:
        raise ValueError(f"Invalid compute type: {chosen}")
    return chosen


def _contents(files: Mapping[str, bytes | BinaryIO]) -> dict[str, bytes]:
    if not isinstance(files, Mapping):
        raise TypeError(
            "files argument must be a dictionary mapping file names to the file contents"
        )
    contents = {
        name: file.read() if hasattr(file, "read") else file for name, file in files.items()
    }
    if not all(isinstance(content, bytes) for content in contents.values()):
        raise TypeError("File content must be a file-like or bytes object")
    return contents
