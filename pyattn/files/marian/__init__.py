"""Marian's own files: models as `.npz` or `.bin`, vocabularies and lexical shortlists.

Releases of OPUS-MT and students of Bergamot and Firefox are read as they are.
`folder` finds the files of a model, each kind of file has a module, and `opened` has all that a
folder holds.
"""

from pyattn.files.marian.folder import find_models
from pyattn.files.marian.opened import MarianFiles

__all__ = ["MarianFiles", "find_models"]
