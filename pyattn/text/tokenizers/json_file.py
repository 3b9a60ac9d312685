"""Texts cut by the package tokenizers, which reads transformers' tokenizer.json.

Ids and texts are those of transformers, also where a text holds special tokens, such as "<mask>".
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyattn._exits import gate
from pyattn.errors import ModelError
from pyattn.files.reading import bare, read_bytes, read_json
from pyattn.text.tokenizers.contract import Decoded, Encoded, NoTokenizer, TextError
from pyattn.text.tokenizers.spans import aligned, partition, spread, without

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# Several times the largest there are, Gemma's of 34 MB.
_MOST_BYTES = 128 << 20
# No vocabulary comes near.
_MOST_IDS = 1 << 24
# Spaces that transformers removes from English texts if a file's settings ask for it.
_CLEANED = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")
_QUOTE = " ' "
# Unknown tokens, and the spaces of SentencePiece and of ByteLevel.
_BLANK = ("<unk>", "[UNK]", "\u2581", "\u0120")


class JsonCutter:
    """The cutter of a tokenizer.json.

    Args:
        tokenizer: The tokenizer in the file.
        name: The file's name, for errors.
        rows: Numbers of embeddings that the model has for sources and for targets.
        cleans: Whether spaces before punctuation are removed from texts.

    Attributes:
        ids: Token to id.
        special: The tokens without text.
        rows: The number of ids with embeddings on both sides.
    """

    def __init__(
        self, tokenizer: Tokenizer, name: str, rows: tuple[int, int], *, cleans: bool = False
    ) -> None:
        # Either setting of a file would change the ids of a text.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.ids: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
        added = tokenizer.get_added_tokens_decoder()
        self.special = {token.content for token in added.values() if token.special}
        self._silent = {id for token, id in self.ids.items() if token in self.special}
        self.source_vocab = self.target_vocab = max(self.ids.values(), default=-1) + 1
        self.blank_ids = frozenset(self.ids[token] for token in _BLANK if token in self.ids)
        self._tokenizer = tokenizer
        self._name = name
        self.rows = min(rows)
        self._beyond = _beyond(self.ids, self.special, name, self.rows)
        self._cleans = cleans

    def cut(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text.

        Raises:
            TextError: if a text has a special token that the model does not have.
        """
        return [self._cut(text, index).ids for index, text in enumerate(texts)]

    def cut_with_spans(self, texts: Sequence[str]) -> list[Encoded]:
        """The same ids, and their spans, which are a partition of any text that has ids."""
        cut = (self._cut(text, index) for index, text in enumerate(texts))
        return [
            Encoded(found.ids, partition(found.offsets, len(text)))
            for text, found in zip(texts, cut, strict=True)
        ]

    def join(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; special tokens and unknown ids are left out."""
        size = self.target_vocab
        rows = [[id for id in row if id < size] for row in ids]
        with refused(self._name):
            texts = [self._tokenizer.decode(row, skip_special_tokens=True) for row in rows]
        return [_cleaned(text) for text in texts] if self._cleans else texts

    def join_with_spans(self, ids: Sequence[Sequence[int]]) -> list[Decoded]:
        """The same texts, and the spans of all ids, which are a partition of any text."""
        return [self._joined(row) for row in ids]

    def around(self) -> tuple[list[int], list[int]]:
        """The ids that the file puts in front of a source and behind it.

        Raises:
            ModelError: if it changes the source's own ids.
        """
        with refused(self._name):
            # One letter, as some files treat an empty text differently.
            body = self._tokenizer.encode("a", add_special_tokens=False).ids
            ids = self._tokenizer.encode("a", add_special_tokens=True).ids
        places = range(len(ids) - len(body) + 1)
        begin = next((n for n in places if ids[n : n + len(body)] == body), None)
        if begin is None:
            raise ModelError(f"{self._name}: its post_processor changes a text's own tokens")
        around = ids[:begin], ids[begin + len(body) :]
        for id in (*around[0], *around[1]):
            if id >= self.rows:
                raise ModelError(
                    f"{self._name}: its post_processor adds id {id}, the model has {self.rows}"
                )
        return around

    def _cut(self, text: str, index: int) -> Encoding:
        # One text at a time: for many the package would start threads of its own.
        with refused(self._name):
            found: Encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if self._beyond:
            for id in self._beyond.keys() & found.ids:
                problem = f"has {bare(self._beyond[id])}, which the model has no embedding for"
                raise TextError("cut", index, problem)
        return found

    def _joined(self, row: Sequence[int]) -> Decoded:
        # Without the special ones, a long run of which would be decoded again and again.
        known = [(place, id) for place, id in enumerate(row) if id < self.target_vocab]
        places = [place for place, id in known if id not in self._silent]
        text = self._decoded([id for _, id in known])
        spans = aligned(self._decoded, [row[place] for place in places], text)
        if self._cleans:
            text, spans = _cleaned(text), without(spans, text, _cleaned(text))
        return Decoded(text, spread(spans, places, len(row)))

    def _decoded(self, row: list[int]) -> str:
        with refused(self._name):
            text: str = self._tokenizer.decode(row, skip_special_tokens=True)
        return text


def _beyond(ids: dict[str, int], special: set[str], name: str, rows: int) -> dict[int, str]:
    """Special tokens that the model has no embedding for, of which BART's models have one."""
    beyond = {id: token for token, id in ids.items() if id >= rows}
    for id, token in sorted(beyond.items()):
        if token not in special:
            raise ModelError(f"{name}: {bare(token)} has id {id}, config.json has {rows} ids")
    return beyond


def read_tokenizer_json(path: pathlib.Path) -> Tokenizer:
    """A tokenizer.json.

    Raises:
        NoTokenizer: if the package tokenizers is not installed.
        ModelError: if the file cannot be read, is no such one, or is malformed.
    """
    content = read_bytes(path, _MOST_BYTES)
    tokenizers = package(path.name)
    with refused(path.name):
        tokenizer: Tokenizer = tokenizers.Tokenizer.from_buffer(content)
    _check_size(tokenizer, path.name)
    return tokenizer


def copied(tokenizer: Tokenizer, name: str) -> Tokenizer:
    """A tokenizer of its own with the same vocabulary.

    Raises:
        ModelError: if it cannot be copied; the message names its file.
    """
    with refused(name):
        copy: Tokenizer = type(tokenizer).from_str(tokenizer.to_str())
    return copy


def read_byte_level(
    vocabulary: pathlib.Path,
    merges: pathlib.Path,
    *,
    spaced: bool = False,
    added: Mapping[str, int] | None = None,
    special: Sequence[str] = (),
) -> Tokenizer:
    """A vocab.json and merges.txt, which are what a tokenizer.json would be made of.

    Args:
        vocabulary: Token to id.
        merges: Pairs of tokens that become one, the first ones first.
        spaced: Whether a text is cut as if a space stood before it.
        added: Special token to id, by rising ids; those of the vocabulary count as read.
        special: Special tokens of the vocabulary beside BART's.

    Raises:
        NoTokenizer: if the package tokenizers is not installed.
        ModelError: if a file cannot be read, or is malformed; if added tokens leave a gap of ids.
    """
    ids, pairs = read_json(vocabulary), _read_merges(merges)
    for token, id in ids.items():
        if type(id) is not int or not 0 <= id < _MOST_IDS:
            raise ModelError(f"{vocabulary.name}: {bare(token)} is {id!r:.60}, expected an id")
    tokenizers = package(vocabulary.name)
    with refused(merges.name):
        tokenizer: Tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(ids, pairs))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=spaced)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        tokens = ("<s>", "<pad>", "</s>", "<unk>", *special)
        tokenizer.add_special_tokens([token for token in tokens if token in ids])
        if "<mask>" in ids:
            # A mask stands for a word with the space before it.
            tokenizer.add_special_tokens([tokenizers.AddedToken("<mask>", lstrip=True)])
        more = {token: id for token, id in (added or {}).items() if token not in ids}
        tokenizer.add_special_tokens([*more])
        found = {token: tokenizer.token_to_id(token) for token in more}
    for token, id in more.items():
        if found[token] != id:
            raise ModelError(
                f"{vocabulary.name}: {bare(token)} is added as id {id}, expected {found[token]}"
            )
    return tokenizer


def _read_merges(path: pathlib.Path) -> list[tuple[str, str]]:
    try:
        lines = read_bytes(path, _MOST_BYTES).decode().split("\n")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path.name}: not valid UTF-8 at byte {error.start}") from None
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        left, space, right = line.rstrip("\r").partition(" ")
        if not space or not left or not right or " " in right:
            raise ModelError(f"{path.name}: line {number} is {line!r:.60}, expected two tokens")
        pairs.append((left, right))
    return pairs


def _check_size(tokenizer: Tokenizer, name: str) -> None:
    ids = tokenizer.get_vocab(with_added_tokens=True)
    if not ids:
        raise ModelError(f"{name}: no tokens")
    token = max(ids, key=ids.__getitem__)
    if ids[token] >= _MOST_IDS:
        raise ModelError(f"{name}: {bare(token)} has id {ids[token]}, too large for an id")


def package(name: str) -> Any:
    """The package tokenizers, which reads a file.

    Raises:
        NoTokenizer: if it is not installed.
    """
    try:
        import tokenizers
    except ImportError:
        raise NoTokenizer(
            f"{name}: reading it needs the package tokenizers (pip install 'pyattn[tokenizers]')"
        ) from None
    return tokenizers


@contextlib.contextmanager
def refused(name: str) -> Iterator[None]:
    """Turns the package's errors about a file, also panics of its Rust code, into ModelErrors."""
    try:
        with gate:
            yield
    except Exception as error:
        raise ModelError(f"{name}: not usable: {_first_line(error)}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # which no module exports
            raise
        raise ModelError(f"{name}: not usable: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]


def _cleaned(text: str) -> str:
    for spaced in _CLEANED[:4]:
        text = text.replace(spaced, spaced[1:])
    text = text.replace(_QUOTE, "'")
    for spaced in _CLEANED[4:]:
        text = text.replace(spaced, spaced[1:])
    return text
