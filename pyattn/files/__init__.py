"""Models' files: `open_model` finds out their layout, and each layout has its readers.

`read_reformer` reads a Reformer, which only `pyattn.reference` runs.

opened                                   which layout a path has
model_files                              what every layout yields: `ModelFiles`
native, huggingface, ctranslate2,        the layouts
marian, argos, gguf, textbook,
torch_transformer
tokenizer_parts, shortlist, vocabulary   what a model has beside its checkpoint
"""

from pyattn.files.huggingface.reformer import read_reformer
from pyattn.files.model_files import ModelFiles
from pyattn.files.opened import model_path, open_model, opened, read_checkpoint, read_shortlist

__all__ = [
    "ModelFiles",
    "model_path",
    "open_model",
    "opened",
    "read_checkpoint",
    "read_reformer",
    "read_shortlist",
]
