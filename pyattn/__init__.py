"""Fast inference of encoder-decoder Transformers on CPUs."""

from typing import TYPE_CHECKING

from pyattn import ops
from pyattn.checkpoint import Checkpoint, ModelConfig
from pyattn.cpu import CpuInfo, cpu_info
from pyattn.errors import DocumentError, ModelError
from pyattn.loading import load
from pyattn.model import Model
from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis, Translation
from pyattn.translator import Translator

__all__ = [
    "Checkpoint",
    "CpuInfo",
    "DocumentError",
    "GenerationOptions",
    "Hypothesis",
    "Model",
    "ModelConfig",
    "ModelError",
    "Translation",
    "Translator",
    "cpu_info",
    "documents",
    "load",
    "ops",
    "reference",
]

if TYPE_CHECKING:
    from pyattn import documents, reference

    __version__: str
else:

    def __getattr__(name: str) -> object:
        # Looked up on access: importing each takes as long as everything else.
        if name == "__version__":
            from importlib import metadata

            return metadata.version("pyattn")
        if name in ("documents", "reference"):
            from importlib import import_module

            return import_module(f"pyattn.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
