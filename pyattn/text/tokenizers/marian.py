"""Marian's tokenizers: SentencePiece, one model for each side, and vocabularies of their own.

Two things differ from transformers' MarianTokenizer on purpose: "</s>" in a text is text, not the
end token; and so is ">>fra<<" for a model without languages, while a language that a model with
several does not have is an error, not unknown.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping

from pyattn.checkpoint import ModelConfig
from pyattn.errors import ModelError
from pyattn.files.ctranslate2 import read_vocabularies
from pyattn.files.marian import read_vocabularies as read_marian_vocabularies
from pyattn.files.native_config import TOKENIZER_FILES
from pyattn.files.sentencepieces import Pieces, read_pieces
from pyattn.text.tokenizers.contract import NoTokenizer
from pyattn.text.tokenizers.framed import FramedTokenizer
from pyattn.text.tokenizers.languages import Languages
from pyattn.text.tokenizers.sentencepieces import PieceCutter
from pyattn.text.tokenizers.vocabulary import END, PAD, UNKNOWN, check_ids_fit, read_ids

# The role of the pieces to that of their vocabulary.
VOCABULARY = {"source": "vocab", "target": "target_vocab"}
# A target language at the head of a source, for models with several. What has a space or a bracket
# inside is some other use of the same signs.
_HEAD = re.compile(r"\s*(>>([^\s<>]{1,40})<<)")
_SPECIAL = frozenset({END, UNKNOWN, PAD})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MarianPieces:
    """What cuts and joins texts, and the ids that the model gives its pieces.

    Attributes:
        source: What cuts sources.
        target: What joins targets.
        source_ids: Piece to id, of sources.
        target_ids: Piece to id, of targets.
    """

    source: Pieces
    target: Pieces
    source_ids: Mapping[str, int]
    target_ids: Mapping[str, int]


def marian_tokenizer(files: Mapping[str, pathlib.Path], config: ModelConfig) -> FramedTokenizer:
    """The tokenizer of a Marian model in a folder of Hugging Face's layout or of our own.

    Args:
        files: By their roles, as in `TOKENIZER_FILES`.
        config: What the model is.

    Raises:
        ModelError: if a file cannot be used, or its ids are not those of the model.
    """
    found = read_marian(files)
    for role, ids, rows in (
        ("source", found.source_ids, config.source_vocab),
        ("target", found.target_ids, config.target_vocab),
    ):
        file = files.get(VOCABULARY[role], files.get("vocab", files[role])).name
        check_ids_fit(ids, file, role, rows, config.end)
    return _tokenizer(found)


def read_marian(files: Mapping[str, pathlib.Path]) -> MarianPieces:
    """What is in the files of a tokenizer, by their roles."""
    source = read_pieces(files["source"])
    target = source if files["target"] == files["source"] else read_pieces(files["target"])
    source_ids, target_ids = source.numbered(), target.numbered()
    if "vocab" in files:
        source_ids = target_ids = read_ids(files["vocab"])
    if "target_vocab" in files:
        target_ids = read_ids(files["target_vocab"])
    return MarianPieces(source=source, target=target, source_ids=source_ids, target_ids=target_ids)


def marian_files(found: MarianPieces) -> dict[str, bytes]:
    """The contents of files that hold as much, by their roles.

    Vocabularies that number all pieces as SentencePiece itself does, but for the padding, are left
    out.
    """
    files = {
        "source": found.source.processor.serialized_model_proto(),
        "target": found.target.processor.serialized_model_proto(),
    }
    sides = ((found.source, found.source_ids), (found.target, found.target_ids))
    if any({**ids, PAD: 0} != {**pieces.numbered(), PAD: 0} for pieces, ids in sides):
        files["vocab"] = json.dumps(dict(found.source_ids), ensure_ascii=False).encode()
        if found.target_ids != found.source_ids:
            files["target_vocab"] = json.dumps(dict(found.target_ids), ensure_ascii=False).encode()
    return files


def checked_marian_files(found: MarianPieces, name: str, config: ModelConfig) -> dict[str, bytes]:
    """The same of another layout, whose two vocabularies may have each an end of its own.

    Raises:
        NoTokenizer: if they have, or lack a token that files of ours need.
    """
    for role, ids in (("source", found.source_ids), ("target", found.target_ids)):
        if ids.get(END) != config.end or UNKNOWN not in ids:
            raise NoTokenizer(
                f"{name}: its {role} vocabulary has {END} as {ids.get(END)} and {UNKNOWN} as "
                f"{ids.get(UNKNOWN)}, a folder of pyattn's needs both, and {END} to be the end of "
                f"targets, {config.end}"
            )
    return marian_files(found)


def ctranslate2_tokenizer(folder: pathlib.Path) -> FramedTokenizer | None:
    """The tokenizer of a converted Marian model, if its SentencePiece models are in the folder.

    Raises:
        ModelError: if one of them is missing, or a file cannot be used.
    """
    found = read_ctranslate2(folder)
    return None if found is None else _tokenizer(found)


def read_ctranslate2(folder: pathlib.Path) -> MarianPieces | None:
    """The same, in parts."""
    source, target = (folder / TOKENIZER_FILES[role] for role in VOCABULARY)
    vocabularies = read_vocabularies(folder)
    if not vocabularies.sources_end or not (source.exists() or target.exists()):
        return None
    for token in (END, UNKNOWN):
        if token not in vocabularies.source:
            raise ModelError(f"{folder}: {token} is missing in its source vocabulary")
    return MarianPieces(
        source=read_pieces(source),
        target=read_pieces(target),
        source_ids=vocabularies.source.numbered(),
        target_ids=vocabularies.target.numbered(),
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
    found = read_native_marian(path, config)
    return None if found is None else _tokenizer(found)


def read_native_marian(
    path: pathlib.Path, config: ModelConfig | None = None
) -> MarianPieces | None:
    """The same, in parts."""
    sides = read_marian_vocabularies(path, config)
    if sides is None:
        return None
    source, target = sides
    if source.pieces is None or target.pieces is None:
        return None
    return MarianPieces(
        source=source.pieces,
        target=target.pieces,
        source_ids=source.ids,
        target_ids=target.ids,
    )


def _tokenizer(found: MarianPieces) -> FramedTokenizer:
    source_ids = found.source_ids
    matches = {id: _HEAD.fullmatch(piece) for piece, id in source_ids.items()}
    targets = {match[2]: (id,) for id, match in matches.items() if match is not None}
    return FramedTokenizer(
        PieceCutter(
            found.source,
            found.target,
            source_ids,
            found.target_ids,
            unknown=source_ids[UNKNOWN],
            special=_SPECIAL,
        ),
        end=source_ids[END],
        before=("target",),
        # What has tokens of languages may have been trained for one of them all the same.
        languages=Languages(targets=targets, head=_HEAD if targets else None, required=False),
    )
