"""Folders in the layout of Hugging Face transformers.

`families` says which they are, `bart`, `t5` and `gemma` how the blocks that they are made of look
in config.json and among the names of tensors. Where a file holds what is computed all the same,
such as the sinusoids of positions, it is not read.
"""

from pyattn.files.huggingface.config import HuggingFaceConfig, read_config
from pyattn.files.huggingface.reader import read_huggingface
from pyattn.files.huggingface.weight_files import WEIGHT_FILES

__all__ = ["WEIGHT_FILES", "HuggingFaceConfig", "read_config", "read_huggingface"]
