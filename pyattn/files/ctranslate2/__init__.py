"""Folders of CTranslate2 models.

`binary` and `config` read the files, `variables` gives access to the variables of the first,
`structure` derives the network from them, and `reader` makes a checkpoint of it all;
`encoder_reader` does for encoders that stand alone. `vmap` reads a list of words that go together,
and `opened` has all that a folder holds.
"""

from pyattn.files.ctranslate2.opened import CTranslate2Files, is_ctranslate2

__all__ = ["CTranslate2Files", "is_ctranslate2"]
