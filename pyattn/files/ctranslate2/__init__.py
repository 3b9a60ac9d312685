"""Folders of CTranslate2 models.

`binary` and `config` read the files, `variables` gives access to the variables of the first,
`structure` derives the network from them, and `reader` makes a checkpoint of it all. `vmap` reads a
list of words that go together.
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
