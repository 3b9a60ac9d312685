"""Marian's tokenizers: SentencePiece, one model for each side, and vocabularies of their own.

Two things differ from transformers' MarianTokenizer on purpose: "</s>" in a text is text, not the
end token; and so is ">>fra<<" for a model without languages, while a language that a model with
several does not have is an error, not unknown.
"""

from __future__ import annotations

import json
import pathlib
import re

from pyattn.files.tokenizer_parts import END, UNKNOWN, NumberedPieces
from pyattn.model_config import ModelConfig
from pyattn.text.tokenizers.contract import NoTokenizer
from pyattn.text.tokenizers.framed import FramedTokenizer
from pyattn.text.tokenizers.languages import Languages
from pyattn.text.tokenizers.sentencepieces import PieceCutter
from pyattn.text.tokenizers.vocabulary import PAD, check_ids_fit

# The role of the pieces to that of their vocabulary.
_VOCABULARY = {"source": "vocab", "target": "target_vocab"}
# A target language at the head of a source, for models with several. With a space or a bracket
# inside, the signs have another meaning.
_HEAD = re.compile(r"\s*(>>([^\s<>]{1,40})<<)")
_SPECIAL = frozenset({END, UNKNOWN, PAD})


def marian_tokenizer(parts: NumberedPieces, config: ModelConfig) -> FramedTokenizer:
    """The tokenizer of a Marian model of any layout.

    Args:
        parts: The model's pieces and their ids.
        config: The model's config.

    Raises:
        ModelError: if ids of files of their own are not those of the model.
    """
    if parts.files:
        _check_fit(parts, config)
    heads = {id: piece for piece, id in parts.source_ids.items() if piece.endswith("<<")}
    matches = {id: _HEAD.fullmatch(piece) for id, piece in heads.items()}
    targets = {match[2]: (id,) for id, match in matches.items() if match is not None}
    return FramedTokenizer(
        PieceCutter(
            parts.source,
            parts.target,
            parts.source_ids,
            parts.target_ids,
            unknown=parts.source_ids[UNKNOWN],
            special=_SPECIAL,
        ),
        end=parts.source_ids[END],
        before=("target",),
        # A model with tokens of languages may still have been trained for only one.
        languages=Languages(targets=targets, head=_HEAD if targets else None, required=False),
    )


def _check_fit(parts: NumberedPieces, config: ModelConfig) -> None:
    files = parts.files
    for role, ids, rows in (
        ("source", parts.source_ids, config.source_vocab),
        ("target", parts.target_ids, config.target_vocab),
    ):
        file = files.get(_VOCABULARY[role], files.get("vocab", files[role])).name
        check_ids_fit(ids, file, role, rows, config.end)


def marian_files(
    parts: NumberedPieces, name: str, config: ModelConfig
) -> dict[str, pathlib.Path | bytes]:
    """The files of our own for the same tokenizer, by role: paths or contents.

    Vocabularies with the numbers of SentencePiece itself, except for padding, are left out.

    Args:
        parts: The model's pieces and their ids.
        name: The model's name, for errors.
        config: The model's config.

    Raises:
        NoTokenizer: if the two vocabularies of another layout have different ends, or a token that
            our files need is missing.
    """
    if not parts.files:
        _check_ends(parts, name, config)
    contents = {
        "source": parts.source.processor.serialized_model_proto(),
        "target": parts.target.processor.serialized_model_proto(),
    }
    sides = ((parts.source, parts.source_ids), (parts.target, parts.target_ids))
    if any({**ids, PAD: 0} != {**pieces.numbered(), PAD: 0} for pieces, ids in sides):
        contents["vocab"] = json.dumps(dict(parts.source_ids), ensure_ascii=False).encode()
        if parts.target_ids != parts.source_ids:
            target_ids = json.dumps(dict(parts.target_ids), ensure_ascii=False).encode()
            contents["target_vocab"] = target_ids
    return {role: parts.files.get(role, content) for role, content in contents.items()}


def _check_ends(parts: NumberedPieces, name: str, config: ModelConfig) -> None:
    for role, ids in (("source", parts.source_ids), ("target", parts.target_ids)):
        if ids.get(END) != config.end or UNKNOWN not in ids:
            raise NoTokenizer(
                f"{name}: its {role} vocabulary has {END} as {ids.get(END)} and {UNKNOWN} as "
                f"{ids.get(UNKNOWN)}, expected both, and {END} to be the end of targets, "
                f"{config.end}"
            )
