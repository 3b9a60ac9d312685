"""Folders in the layout of Hugging Face transformers.

`families` lists the families, `encoders` those without a decoder; `bart`, `t5`, `gemma`, `bert` and
`modernbert` describe their blocks in config.json and in the names of tensors. Tensors that are
computed here, such as the sinusoids of positions, are not read. `reformer` reads folders that the
engine does not run.
"""

from pyattn.files.huggingface.config import HuggingFaceConfig, read_config
from pyattn.files.huggingface.opened import TOKENIZER_CODE, HuggingFaceFiles
from pyattn.files.huggingface.weight_files import WEIGHT_FILES, read_weights

__all__ = [
    "TOKENIZER_CODE",
    "WEIGHT_FILES",
    "HuggingFaceConfig",
    "HuggingFaceFiles",
    "read_config",
    "read_weights",
]
