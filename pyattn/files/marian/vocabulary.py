"""The vocabularies of a Marian model: SentencePiece's models, or lists of tokens in YAML.

The ids of a SentencePiece model are the model's ids. A `.yml` has tokens and their ids; OPUS-MT's
releases have the SentencePiece models that cut texts into them beside it (source.spm, target.spm).
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

from pyattn.errors import ModelError
from pyattn.files.archives import plain_name, read_plain
from pyattn.files.marian.folder import Files
from pyattn.files.marian.yaml import parse_yaml
from pyattn.files.reading import bare, shown
from pyattn.files.sentencepieces import Pieces, read_pieces
from pyattn.model_config import ModelConfig

END_TOKEN, UNKNOWN_TOKEN = "</s>", "<unk>"
# A token of a few hundred bytes for each of far more ids than there are.
_MOST_BYTES = 1 << 28
_MOST_IDS = 1 << 24


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Tokens:
    """The tokens of one side.

    Attributes:
        ids: Token to id.
        pieces: Cuts texts into them; None if there is no such file.
    """

    ids: Mapping[str, int]
    pieces: Pieces | None


def read_tokens(files: Files, config: ModelConfig) -> tuple[Tokens, Tokens] | None:
    """The tokens of sources and of targets; None if the folder has no vocabularies.

    Raises:
        ModelError: if a file is malformed, or its ids are not those of the model.
    """
    if files.vocabularies is None:
        return None
    cutters = files.pieces or (None, None)
    read: dict[pathlib.Path, Tokens] = {}
    found = []
    sizes = (config.source_vocab, config.target_vocab)
    for path, cutter, rows in zip(files.vocabularies, cutters, sizes, strict=True):
        if path not in read:
            read[path] = _tokens(path)
            _check(path.name, read[path].ids, config)
        tokens = read[path]
        token = max(tokens.ids, key=tokens.ids.__getitem__)
        if tokens.ids[token] >= rows:
            raise ModelError(
                f"{path.name}: {bare(token)} has id {tokens.ids[token]}, the model's embedding has "
                f"{rows} rows"
            )
        if tokens.pieces is None and cutter is not None:
            tokens = Tokens(ids=tokens.ids, pieces=read_pieces(cutter))
        found.append(tokens)
    return found[0], found[1]


def _tokens(path: pathlib.Path) -> Tokens:
    if plain_name(path).endswith(".spm"):
        pieces = read_pieces(path)
        return Tokens(ids=pieces.numbered(), pieces=pieces)
    content = read_plain(path)
    if len(content) > _MOST_BYTES:
        raise ModelError(f"{path.name}: {len(content)} bytes, expected at most {_MOST_BYTES}")
    ids: dict[str, int] = {}
    taken: dict[int, str] = {}
    for token, text in parse_yaml(bytes(content), path.name).items():
        if not isinstance(text, str) or not text.isascii() or not text.isdigit():
            raise ModelError(f"{path.name}: {shown(token)} is {shown(text)}, expected an id")
        if len(text) > 8 or int(text) >= _MOST_IDS:
            raise ModelError(f"{path.name}: {shown(token)} is {shown(text)}, too large for an id")
        ids[token] = int(text)
        if taken.setdefault(ids[token], token) != token:
            raise ModelError(
                f"{path.name}: {shown(taken[ids[token]])} and {shown(token)} both have id {text}"
            )
    return Tokens(ids=ids, pieces=None)


def _check(file: str, ids: Mapping[str, int], config: ModelConfig) -> None:
    """That the two tokens that Marian itself knows have the ids that the model gives them."""
    for token, id in ((END_TOKEN, config.end), (UNKNOWN_TOKEN, config.unk)):
        if token not in ids:
            raise ModelError(f"{file}: {token} is missing")
        if ids[token] != id:
            raise ModelError(f"{file}: {token} has id {ids[token]}, expected {id}")
