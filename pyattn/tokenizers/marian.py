"""Marian's tokenizers: SentencePiece, one model for each side, and vocabularies of their own.

Two things differ from transformers' MarianTokenizer on purpose: "</s>" in a text is text, not the
end token; and so is ">>fra<<" for a model without languages, while a language that a model with
several does not have is an error, not unknown.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping

from pyattn.checkpoint import ModelConfig
from pyattn.errors import ModelError
from pyattn.formats.ctranslate2 import read_vocabularies
from pyattn.formats.marian import read_vocabularies as read_marian_vocabularies
from pyattn.formats.native_config import TOKENIZER_FILES
from pyattn.formats.sentencepieces import Pieces, read_pieces
from pyattn.tokenizers.framed import FramedTokenizer
from pyattn.tokenizers.languages import Languages
from pyattn.tokenizers.sentencepieces import PieceCutter
from pyattn.tokenizers.vocabulary import END, PAD, UNKNOWN, check_ids_fit, read_ids

# The role of the pieces to that of their vocabulary.
VOCABULARY = {"source": "vocab", "target": "target_vocab"}
# A target language at the head of a source, for models with several. What has a space or a bracket
# inside is some other use of the same signs.
_HEAD = re.compile(r"\s*(>>([^\s<>]{1,40})<<)")
_SPECIAL = frozenset({END, UNKNOWN, PAD})


def marian_tokenizer(files: Mapping[str, pathlib.Path], config: ModelConfig) -> FramedTokenizer:
    """The tokenizer of a Marian model in a folder of Hugging Face's layout or of our own.

    Args:
        files: By their roles, as in `TOKENIZER_FILES`.
        config: What the model is.

    Raises:
        ModelError: if a file cannot be used, or its ids are not those of the model.
    """
    source, target, source_ids, target_ids = read_marian(files)
    for role, ids, rows in (
        ("source", source_ids, config.source_vocab),
        ("target", target_ids, config.target_vocab),
    ):
        file = files.get(VOCABULARY[role], files.get("vocab", files[role])).name
        check_ids_fit(ids, file, role, rows, config.end)
    return _tokenizer(source, target, source_ids, target_ids)


def read_marian(
    files: Mapping[str, pathlib.Path],
) -> tuple[Pieces, Pieces, dict[str, int], dict[str, int]]:
    """Source and target pieces, and the ids of source and target pieces."""
    source = read_pieces(files["source"])
    target = source if files["target"] == files["source"] else read_pieces(files["target"])
    if "vocab" not in files:
        return source, target, source.numbered(), target.numbered()
    source_ids = read_ids(files["vocab"])
    target_ids = read_ids(files["target_vocab"]) if "target_vocab" in files else source_ids
    return source, target, source_ids, target_ids


def ctranslate2_tokenizer(folder: pathlib.Path) -> FramedTokenizer | None:
    """The tokenizer of a converted Marian model, if its SentencePiece models are in the folder.

    Raises:
        ModelError: if one of them is missing, or a file cannot be used.
    """
    source, target = (folder / TOKENIZER_FILES[role] for role in VOCABULARY)
    vocabularies = read_vocabularies(folder)
    if not vocabularies.sources_end or not (source.exists() or target.exists()):
        return None
    for token in (END, UNKNOWN):
        if token not in vocabularies.source:
            raise ModelError(f"{folder}: {token} is missing in its source vocabulary")
    return _tokenizer(
        read_pieces(source),
        read_pieces(target),
        vocabularies.source.numbered(),
        vocabularies.target.numbered(),
    )


def native_marian_tokenizer(
    path: pathlib.Path, config: ModelConfig | None
) -> FramedTokenizer | None:
    """The tokenizer of one of Marian's own models, if something in its folder cuts texts.

    Args:
        path: The folder, or the model's file.
        config: What the model is; None is what the file says.

    Raises:
        ModelError: if a file cannot be used, or its ids are not those of the model.
    """
    found = read_marian_vocabularies(path, config)
    if found is None:
        return None
    source, target = found
    if source.pieces is None or target.pieces is None:
        return None
    return _tokenizer(source.pieces, target.pieces, source.ids, target.ids)


def _tokenizer(
    source: Pieces, target: Pieces, source_ids: Mapping[str, int], target_ids: Mapping[str, int]
) -> FramedTokenizer:
    matches = {id: _HEAD.fullmatch(piece) for piece, id in source_ids.items()}
    targets = {match[2]: (id,) for id, match in matches.items() if match is not None}
    return FramedTokenizer(
        PieceCutter(
            source, target, source_ids, target_ids, unknown=source_ids[UNKNOWN], special=_SPECIAL
        ),
        end=source_ids[END],
        before=("target",),
        # What has tokens of languages may have been trained for one of them all the same.
        languages=Languages(targets=targets, head=_HEAD if targets else None, required=False),
    )
