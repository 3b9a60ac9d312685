"""Text to ids and back.

Marian's models cut text with SentencePiece, one model for each language, but number the pieces by a
vocabulary of their own. SentencePiece is called directly and its ids are mapped through a list,
which gives the ids of transformers' MarianTokenizer at eight times its speed. Two things differ on
purpose: "</s>" in a text is text, not the end token; and so is ">>fra<<" for a model without
languages, while a language that a model with several does not have is an error, not unknown.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from pyattn.checkpoint import ModelConfig
from pyattn.errors import ModelError
from pyattn.formats import layout
from pyattn.formats.ctranslate2 import read_vocabularies
from pyattn.formats.fields import Fields
from pyattn.formats.files import bare, listed, open_regular, read_json, shown
from pyattn.formats.huggingface.config import read_config
from pyattn.formats.native_config import TOKENIZER_FILES, is_native, read_native_config

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

_CONFIG_FILE = "config.json"
_SETTINGS_FILE = "tokenizer_config.json"
# The role of the pieces to that of their vocabulary.
_VOCABULARY = {"source": "vocab", "target": "target_vocab"}
# No vocabulary comes near; ids index a list.
_MOST_IDS = 1 << 24
_END, _UNKNOWN, _PAD = "</s>", "<unk>", "<pad>"
# What SentencePiece writes for a space.
_SPACE = "\u2581"
# A target language at the head of a source, for models with several. What has a space or a bracket
# inside is some other use of the same signs.
_LANGUAGE = re.compile(r"\s*(>>[^\s<>]{1,40}<<)")


class Tokenizer(Protocol):
    """What a translator needs of a tokenizer.

    Attributes:
        source_vocab: All ids of sources are below it.
        target_vocab: All ids of targets that have a text are below it.
        end: Id that ends every source.
    """

    source_vocab: int
    target_vocab: int
    end: int

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, the end included."""
        ...

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; ids that have no text are left out."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Pieces:
    """A SentencePiece model.

    Attributes:
        processor: What cuts and joins texts.
        names: The pieces, by SentencePiece's own ids.
    """

    processor: SentencePieceProcessor
    names: list[str]

    def numbered(self) -> dict[str, int]:
        """Piece to SentencePiece's own id."""
        return {piece: id for id, piece in enumerate(self.names)}


class MarianTokenizer:
    """SentencePiece, with pieces numbered by vocabularies of their own.

    Args:
        source: What cuts sources.
        target: What joins the pieces of targets.
        source_ids: Piece to id, for sources; holds "</s>" and "<unk>".
        target_ids: The same for targets.
    """

    def __init__(
        self,
        source: Pieces,
        target: Pieces,
        source_ids: Mapping[str, int],
        target_ids: Mapping[str, int],
    ) -> None:
        self.source_vocab = max(source_ids.values()) + 1
        self.target_vocab = max(target_ids.values()) + 1
        self.end = source_ids[_END]
        self._source = source.processor
        self._target = target.processor
        self._source_ids = source_ids
        self._unknown = source_ids[_UNKNOWN]
        self._unknown_piece: int = self._source.unk_id()
        self._id_of_piece = [source_ids.get(piece, self._unknown) for piece in source.names]
        self._languages = {
            piece: id
            for piece, id in source_ids.items()
            if piece.startswith(">>") and _LANGUAGE.fullmatch(piece)
        }
        self._texts = [""] * self.target_vocab
        for piece, id in target_ids.items():
            if piece not in (_END, _UNKNOWN, _PAD):
                self._texts[id] = piece

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, the end included.

        A model for several target languages takes that language from the head of the text, as in
        ">>fra<< You are welcome."

        Raises:
            TypeError: if a text is not a str; the message names its index.
            ValueError: if a text is not valid Unicode, or asks for a language that the model does
                not have.
        """
        _check_texts(texts)
        heads: list[list[int]] = [[] for _ in texts]
        bodies = list(texts)
        if self._languages:
            for index, text in enumerate(texts):
                heads[index], bodies[index] = self._without_language(text, index)
        cut: list[list[int]] = self._source.encode(bodies, out_type=int, num_threads=1)
        table, unknown = self._id_of_piece, self._unknown_piece
        ids = [[table[piece] for piece in pieces] for pieces in cut]
        for index, pieces in enumerate(cut):
            if unknown in pieces:
                ids[index] = self._with_unknown(bodies[index])
        return [[*head, *body, self.end] for head, body in zip(heads, ids, strict=True)]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; the end, padding and unknown tokens are left out.

        Raises:
            TypeError: if an item is not a list of integers; the message names its index.
            ValueError: if an id is negative; likewise.
        """
        pieces = [self._pieces_of(row, index) for index, row in enumerate(ids)]
        if not pieces:
            return []  # which SentencePiece takes for a single empty text
        decoded: list[str] = self._target.decode(pieces, num_threads=1)
        return [text.replace(_SPACE, " ").strip() for text in decoded]

    def _pieces_of(self, row: Sequence[int], index: int) -> list[str]:
        texts, size = self._texts, self.target_vocab
        try:
            if min(row, default=0) < 0:
                raise ValueError(f"decode: ids[{index}] has a negative id")
            return [texts[token] for token in row if token < size and texts[token]]
        except TypeError:
            raise TypeError(
                f"decode: ids[{index}] is {row!r:.60}, expected a list of ids"
            ) from None

    def _without_language(self, text: str, index: int) -> tuple[list[int], str]:
        """The id of the language that a text asks for, if it does, and the rest of it."""
        match = _LANGUAGE.match(text)
        if match is None:
            return [], text
        code = match[1]
        if code not in self._languages:
            near = difflib.get_close_matches(code, self._languages, n=3, cutoff=0)
            raise ValueError(
                f"encode: texts[{index}] asks for {bare(code)}, which the model does not have; "
                f"the nearest of its {len(self._languages)} languages are {', '.join(near)}"
            )
        return [self._languages[code]], text[match.end() :]

    def _with_unknown(self, text: str) -> list[int]:
        # What the source's SentencePiece model does not know may be a piece of the target's.
        pieces: list[str] = self._source.encode(text, out_type=str)
        return [self._source_ids.get(piece, self._unknown) for piece in pieces]


def load_tokenizer(folder: str | os.PathLike[str]) -> Tokenizer | None:
    """The tokenizer whose files are in a model's folder; None if there are none.

    Raises:
        ModelError: if some of the files are missing, one cannot be used, or their ids are not those
            of the model's config.
    """
    path = pathlib.Path(folder)
    if layout(path) == "ctranslate2":
        return _for_ctranslate2(path)
    files, config = _files(path)
    if not files:
        return None
    source, target, source_ids, target_ids = _read(files)
    for role, ids, rows in (
        ("source", source_ids, config.source_vocab),
        ("target", target_ids, config.target_vocab),
    ):
        file = files.get(_VOCABULARY[role], files.get("vocab", files[role])).name
        for piece in (_END, _UNKNOWN):
            if piece not in ids:
                raise ModelError(f"{file}: {piece} is missing")
        if ids[_END] != config.end:
            raise ModelError(
                f"{file}: {_END} has id {ids[_END]}, {_CONFIG_FILE}'s end is {config.end}"
            )
        piece = max(ids, key=ids.__getitem__)
        if ids[piece] >= rows:
            raise ModelError(
                f"{file}: {bare(piece)} has id {ids[piece]}, "
                f"{_CONFIG_FILE}'s {role} vocabulary has {rows} rows"
            )
    return MarianTokenizer(source, target, source_ids, target_ids)


def _for_ctranslate2(folder: pathlib.Path) -> MarianTokenizer | None:
    """The tokenizer of a converted Marian model, if its SentencePiece models are in the folder."""
    source, target = (folder / TOKENIZER_FILES[role] for role in _VOCABULARY)
    vocabularies = read_vocabularies(folder)
    if not vocabularies.sources_end or not (source.exists() or target.exists()):
        return None
    for token in (_END, _UNKNOWN):
        if token not in vocabularies.source:
            raise ModelError(f"{folder}: {token} is missing in its source vocabulary")
    return MarianTokenizer(
        _load_pieces(source),
        _load_pieces(target),
        vocabularies.source.numbered(),
        vocabularies.target.numbered(),
    )


def tokenizer_files(folder: str | os.PathLike[str]) -> dict[str, pathlib.Path | bytes]:
    """What a native folder needs for the same tokenizer, by its roles there: files, or contents.

    Vocabularies that number all pieces as SentencePiece itself does are left out.

    Raises:
        ModelError: if a file is missing or malformed.
    """
    path = pathlib.Path(folder)
    if layout(path) == "ctranslate2":
        return _ctranslate2_files(path)
    files, _ = _files(path)
    if not files:
        return {}
    source, target, source_ids, target_ids = _read(files)
    if _as_numbered(source, source_ids) and _as_numbered(target, target_ids):
        return {role: files[role] for role in _VOCABULARY}
    return {**files}


def _ctranslate2_files(folder: pathlib.Path) -> dict[str, pathlib.Path | bytes]:
    """The same for a converted Marian model, whose vocabularies become files of ours."""
    tokenizer = _for_ctranslate2(folder)
    if tokenizer is None:
        return {}
    files: dict[str, pathlib.Path | bytes] = {
        role: folder / TOKENIZER_FILES[role] for role in _VOCABULARY
    }
    found = read_vocabularies(folder)
    source_ids, target_ids = dict(found.source.numbered()), dict(found.target.numbered())
    source, target = (_load_pieces(folder / TOKENIZER_FILES[role]) for role in _VOCABULARY)
    if _as_numbered(source, source_ids) and _as_numbered(target, target_ids):
        return files
    files["vocab"] = json.dumps(source_ids, ensure_ascii=False).encode()
    if target_ids != source_ids:
        files["target_vocab"] = json.dumps(target_ids, ensure_ascii=False).encode()
    return files


def _as_numbered(pieces: Pieces, ids: Mapping[str, int]) -> bool:
    """Whether a vocabulary is SentencePiece's own, but for the padding."""
    return {**ids, _PAD: 0} == {**pieces.numbered(), _PAD: 0}


def _files(folder: pathlib.Path) -> tuple[dict[str, pathlib.Path], ModelConfig]:
    """The tokenizer's files by their roles, as in `TOKENIZER_FILES`; and the model's config."""
    if is_native(read_json(folder / _CONFIG_FILE)):
        native = read_native_config(folder)
        return dict(native.tokenizer), native.model
    files = {role: folder / name for role, name in TOKENIZER_FILES.items()}
    settings = folder / _SETTINGS_FILE
    fields = Fields({_SETTINGS_FILE: read_json(settings) if settings.exists() else {}})
    if not fields.boolean("separate_vocabs", False):
        del files["target_vocab"]
    config = read_config(folder).model
    missing = [path.name for path in files.values() if not path.exists()]
    if len(missing) == len(files):
        return {}, config
    if missing:
        raise ModelError(f"{folder}: no {listed(missing)}, which its tokenizer needs")
    return files, config


def _read(
    files: Mapping[str, pathlib.Path],
) -> tuple[Pieces, Pieces, dict[str, int], dict[str, int]]:
    """Source and target pieces, and the ids of source and target pieces."""
    source = _load_pieces(files["source"])
    target = source if files["target"] == files["source"] else _load_pieces(files["target"])
    if "vocab" not in files:
        return source, target, source.numbered(), target.numbered()
    source_ids = _read_ids(files["vocab"])
    target_ids = _read_ids(files["target_vocab"]) if "target_vocab" in files else source_ids
    return source, target, source_ids, target_ids


def _load_pieces(path: pathlib.Path) -> Pieces:
    from sentencepiece import SentencePieceProcessor

    with open_regular(path) as file:
        content = file.read()
    processor = SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(content)
        names = processor.id_to_piece(list(range(processor.get_piece_size())))
    except (RuntimeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path.name}: not a SentencePiece model: {error}") from None
    return Pieces(processor, names)


def _read_ids(path: pathlib.Path) -> dict[str, int]:
    """Piece to id, from a JSON object."""
    ids = read_json(path)
    taken: dict[int, str] = {}
    for piece, id in ids.items():
        if type(id) is not int or not 0 <= id < _MOST_IDS:
            raise ModelError(f"{path.name}: {bare(piece)} is {shown(id)}, expected an id")
        if taken.setdefault(id, piece) != piece:
            raise ModelError(f"{path.name}: {bare(taken[id])} and {bare(piece)} both have id {id}")
    return ids


def _check_texts(texts: Sequence[str]) -> None:
    """That texts are texts, which SentencePiece would not tell from bytes, nor by their index."""
    if isinstance(texts, str | bytes):
        raise TypeError(f"encode: texts is {type(texts).__name__}, expected a list of str")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"encode: texts[{index}] is {type(text).__name__}, expected str")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"encode: texts[{index}] has a lone surrogate at character {error.start}, "
                f"expected valid Unicode"
            ) from None
