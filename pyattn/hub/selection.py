"""Which files of a repository a model needs: one set of weights, and all that is small."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable

from pyattn.errors import ModelError
from pyattn.files.huggingface import TOKENIZER_CODE

# Configs, tokenizers, vocabularies and shortlists, in the layouts that pyattn reads.
SMALL = (
    "*config*.json",
    "*.yml",
    "*.yaml",
    "tokenizer.json",
    "added_tokens.json",
    "chat_template.jinja",
    "*vocab*.json",
    "modules.json",
    "*vocab*.txt",
    "merges.txt",
    "vmap.txt",
    "*.spm",
    "*.model",
    "shortlist.safetensors",
    "classifier.json",
    "classifier.safetensors",
    "lex*.bin",
    "lex*.gz",
    *TOKENIZER_CODE,  # whose names say how sources are framed
)
# Weights in other folders are other models, or this one for another program.
NOT_AT_THE_TOP = "*/*"
# In this order: what is safe first, and of the safe forms the one that loads fastest.
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.bin")
_MARIAN = ("*.npz", "*.intgemm*.bin", "model*.bin", "*.intgemm*.bin.gz", "model*.bin.gz")
# In the folders of sentence-transformers' modules, which stand behind an encoder.
_MODULES = ("[0-9]_[A-Z]*/config.json", "[0-9]_[A-Z]*/model.safetensors")
_OLD_MODULES = "[0-9]_[A-Z]*/pytorch_model.bin"
_NO_MODELS = ("*.optimizer.npz", "*.orig.npz", "*.progress.npz")


@dataclasses.dataclass(frozen=True)
class Choice:
    """Files of a repository.

    Attributes:
        small: Those that are no weights of the model.
        weights: Those of one set of weights, and their index.
    """

    small: tuple[str, ...]
    weights: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """All of them."""
        return self.small + self.weights


def choose(files: Iterable[str]) -> Choice:
    """The files to download.

    Args:
        files: Paths of all files of the repository.

    Raises:
        ModelError: if none holds weights that pyattn reads.
    """
    every = sorted(files)
    top = [file for file in every if "/" not in file]
    weights = _weights(top)
    small = [file for file in top if _any(file, SMALL) and file not in weights]
    return Choice((*small, *(_modules(every) if "modules.json" in top else ())), weights)


def _modules(files: list[str]) -> list[str]:
    found = [file for file in files if file.count("/") == 1 and _any(file, _MODULES)]
    safe = {file.partition("/")[0] for file in found if file.endswith(".safetensors")}
    old = (file for file in files if file.count("/") == 1 and _any(file, [_OLD_MODULES]))
    return [*found, *(file for file in old if file.partition("/")[0] not in safe)]


def _weights(top: list[str]) -> tuple[str, ...]:
    for name in _WEIGHTS:
        if name in top:
            return (name,)
        stem, _, suffix = name.rpartition(".")
        shards = fnmatch.filter(top, f"{stem}-*-of-*.{suffix}")
        index = f"{name}.index.json"
        if shards and index in top:
            return (index, *shards)
    marian = [file for file in top if _any(file, _MARIAN) and not _any(file, _NO_MODELS)]
    if marian:
        return tuple(marian)
    others = [file for file in top if not _any(file, SMALL) and not file.startswith(".")]
    have = f"it has {', '.join(others[:4])}" if others else "it has no files of a model"
    raise ModelError(f"no weights that pyattn reads ({', '.join(_WEIGHTS)} or *.npz); {have}")


def _any(file: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(file, pattern) for pattern in patterns)
