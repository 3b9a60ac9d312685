"""Folders of CTranslate2 models.

`binary` and `config` are the files, `variables` what the first of them holds, `structure` what that
says of the network, and `reader` makes a checkpoint of it all; `vmap` is a list of words that go
together.
"""

from pyattn.files.ctranslate2.binary import WEIGHTS_FILE, read_binary
from pyattn.files.ctranslate2.reader import (
    is_ctranslate2,
    read_ctranslate2,
    read_vocabularies,
    read_vocabulary_map,
)

__all__ = [
    "WEIGHTS_FILE",
    "is_ctranslate2",
    "read_binary",
    "read_ctranslate2",
    "read_vocabularies",
    "read_vocabulary_map",
]
