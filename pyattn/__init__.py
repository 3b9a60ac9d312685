"""Fast inference of encoder-decoder Transformers on CPUs.

    translator = pyattn.load()  # or the folder of a model
    translator.translate("Where is the station?")

`load` reads a model, `Translator` takes texts, its `model` token ids; `GenerationOptions` are the
options of both. `Embedder` makes vectors of texts, `Classifier` scores, both by an encoder that
stands alone; `Generator` continues texts, by a decoder that does, and `reformer` by Reformers in
plain NumPy. `TorchTransformer` reads state dictionaries of PyTorch's module. `ops` has the kernels
as functions of NumPy arrays, `reference` the same in plain NumPy, and `pyattn.compat` the
interfaces of CTranslate2 and sentence-transformers.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

if find_spec("pyattn._core") is None:
    raise ImportError(
        f"pyattn is not compiled in {__path__[0]}, which is a source folder: start Python in "
        "another folder, or install the checkout with pip install -e ."
    )

from pyattn import ops
from pyattn.checkpoint import Checkpoint
from pyattn.classifier import Classifier
from pyattn.cpu import CpuInfo, cpu_info
from pyattn.embedder import Embedder
from pyattn.errors import DocumentError, ModelError
from pyattn.files.torch_transformer import TorchTransformer
from pyattn.generator import Generator
from pyattn.loading import load
from pyattn.model import Model
from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.pivot import Pivot
from pyattn.results import Hypothesis, Translation
from pyattn.text.detection import Detection, detect
from pyattn.text.glossary.terms import Glossary
from pyattn.translator import Translator

__all__ = [
    "Checkpoint",
    "Classifier",
    "CpuInfo",
    "Detection",
    "DocumentError",
    "Embedder",
    "GenerationOptions",
    "Generator",
    "Glossary",
    "Hypothesis",
    "Model",
    "ModelConfig",
    "ModelError",
    "Pivot",
    "TorchTransformer",
    "Translation",
    "Translator",
    "bulk",
    "cpu_info",
    "detect",
    "documents",
    "evaluation",
    "load",
    "ops",
    "plots",
    "reference",
    "reformer",
    "serving",
]

_MODULES = ("bulk", "documents", "evaluation", "plots", "reference", "reformer", "serving")

if TYPE_CHECKING:
    from pyattn import bulk, documents, evaluation, plots, reference, reformer, serving

    __version__: str
else:

    def __getattr__(name: str) -> object:
        # Looked up on access: importing each takes as long as everything else.
        if name == "__version__":
            from importlib import metadata

            return metadata.version("pyattn")
        if name in _MODULES:
            from importlib import import_module

            return import_module(f"pyattn.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
