"""Texts to prompts and tokens to texts, for decoders that stand alone.

    tokenizer.json               BPE of bytes, or of characters with bytes for the others
    vocab.json with merges.txt   GPT-2's
    tokenizer.model              SentencePiece's, of the first Llamas
    spiece.model                 that of Reformer

Special tokens in a text, such as "<|im_end|>", are just text unless the caller says otherwise:
those that count stand around it, or come from a chat template.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from pyattn._exits import gate
from pyattn.errors import ModelError
from pyattn.files import ModelFiles
from pyattn.files.fields import Fields
from pyattn.files.reading import bare
from pyattn.files.sentencepieces import Pieces, read_pieces
from pyattn.files.tokenizer_parts import (
    SETTINGS_FILE,
    FilesByRole,
    TokenizerParts,
    added_tokens,
    special_names,
)
from pyattn.model_config import ModelConfig
from pyattn.text.tokenizers.continuations import Continuation, continued
from pyattn.text.tokenizers.contract import NoTokenizer, TextError, check_ids, check_texts
from pyattn.text.tokenizers.json_file import (
    JsonCutter,
    copied,
    read_byte_level,
    read_tokenizer_json,
)

# The roles of the files that prompts are read from: the first choice that is there.
PROMPT_FILES: dict[str, tuple[tuple[str, ...], ...]] = {
    "gpt2": (("json",), ("vocab", "merges")),
    "llama": (("json",), ("pieces",)),
    "qwen2": (("json",),),
    "qwen3": (("json",),),
    "reformer": (("json",), ("pieces",)),
}
_OTHERS = {
    "gpt2": ", nor vocab.json and merges.txt",
    "llama": ", nor tokenizer.model",
    "reformer": ", nor spiece.model",
}
# A prompt: a text, or its ids.
Prompt: TypeAlias = "str | Sequence[int]"

_END_OF_TEXT = "<|endoftext|>"
_BEGIN = "<s>"


class PromptCutter(Protocol):
    """Cuts texts into tokens and joins them."""

    @property
    def special(self) -> Mapping[str, int]:
        """The tokens without text, and their ids."""
        ...

    @property
    def tokens(self) -> Mapping[str, int]:
        """All tokens and their ids."""
        ...

    def cut(self, text: str) -> list[int]:
        """Ids of a text, in which special tokens are just text."""
        ...

    def cut_marked(self, text: str) -> list[int]:
        """Ids of a text whose special tokens count."""
        ...

    def join(self, ids: list[int]) -> str:
        """Text of ids; special tokens and unknown ids are left out."""
        ...


class PromptTokenizer:
    """Texts to prompts, and tokens to texts.

    Any number of threads may share it.

    Args:
        cutter: Cuts and joins texts.
        end: Id that ends what a model says.
        before: Ids in front of a prompt.
        after: Ids behind one.

    Attributes:
        end: Likewise.
        special: The special tokens and their ids.
    """

    def __init__(
        self,
        cutter: PromptCutter,
        *,
        end: int,
        before: Sequence[int] = (),
        after: Sequence[int] = (),
    ) -> None:
        self.end = end
        self.special = dict(cutter.special)
        self._cutter = cutter
        self._before, self._after = list(before), list(after)
        names = sorted(self.special, key=len, reverse=True)
        self._marks = re.compile("|".join(map(re.escape, names))) if names else None

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Ids of each text, with those that the model needs around them.

        Args:
            texts: The texts.
            special: Whether special tokens in a text count; if not, they are just text.

        Raises:
            TypeError: if a text is not a str; the message names its index.
            ValueError: if a text is not valid Unicode.
        """
        check_texts(texts, "encode")
        cut = self._cutter.cut_marked if special else self._cutter.cut
        found = []
        for index, text in enumerate(texts):
            try:
                found.append([*self._before, *cut(text), *self._after])
            except TextError as error:
                raise TextError("encode", index, error.problem) from None
        return found

    def encode_behind(self, prompt: object, ids: Sequence[int], text: str) -> list[int]:
        """Ids of a text behind a prompt.

        Args:
            prompt: The prompt; if it is a text, both are cut together, as long as this does not
                change the prompt's ids.
            ids: The prompt's ids.
            text: What follows it.
        """
        if isinstance(prompt, str):
            body = [*self._before, *self._cutter.cut(prompt + text)]
            kept = ids[: len(ids) - len(self._after)]
            if list(kept) == body[: len(kept)] and not self._after:
                return body[len(kept) :]
        return self._cutter.cut(text)

    def encode_rendered(self, pieces: Sequence[str]) -> list[int]:
        """Ids of a text that a chat template has written; nothing is put around it.

        Args:
            pieces: The text. Special tokens inside of a piece count; what only neighbouring pieces
                make up is just text.
        """
        if len(pieces) == 1:
            return self._cutter.cut_marked(pieces[0])
        # Rare, so this may cost more: cut at the tokens that count.
        ids: list[int] = []
        plain = ""
        for piece in pieces:
            begin = 0
            for mark in self._marks.finditer(piece) if self._marks else ():
                plain += piece[begin : mark.start()]
                ids += [*(self._cutter.cut(plain) if plain else []), self.special[mark[0]]]
                plain, begin = "", mark.end()
            plain += piece[begin:]
        return ids + (self._cutter.cut(plain) if plain else [])

    def vocabulary(self, rows: int) -> list[str]:
        """Tokens by their ids; those that the tokenizer lacks have names of their own.

        Args:
            rows: Number of ids.
        """
        tokens = [f"<extra_id_{n}>" for n in range(rows)]
        for token, id in self._cutter.tokens.items():
            if id < rows:
                tokens[id] = token
        return tokens

    def broken(self, text: str, breaker: str) -> str:
        """A text whose special tokens have something behind their first character."""
        if self._marks is None:
            return text
        return self._marks.sub(lambda mark: mark[0][:1] + breaker + mark[0][1:], text)

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; special tokens are left out.

        Raises:
            TypeError: if an item is not a list of integers; the message names its index.
            ValueError: if an id is negative; likewise.
        """
        return [self._cutter.join(row) for row in check_ids(ids, "decode")]

    def continued(self, prompt: Sequence[int], ids: Sequence[int]) -> str:
        """The text of ids behind a prompt, so that the prompt's text and this are the whole."""
        return continued(self._cutter.join, prompt, ids)

    def continuation(self, prompt: Sequence[int]) -> Continuation:
        """The same as ids come; its pieces are `continued`'s text."""
        return Continuation(self._cutter.join, prompt)


class _JsonPrompts:
    """The cutter of a tokenizer.json, or of what one would be made of."""

    def __init__(self, tokenizer: Any, name: str, vocab: int) -> None:
        self._name, self._vocab = name, vocab
        marked = copied(tokenizer, name)
        tokenizer.encode_special_tokens = True
        self.plain = JsonCutter(tokenizer, name, (vocab, vocab))
        self._marked = JsonCutter(marked, name, (vocab, vocab))
        self.tokens = self.plain.ids
        self.special = {
            token: id
            for token, id in self.plain.ids.items()
            if token in self.plain.special and id < vocab
        }

    def cut(self, text: str) -> list[int]:
        return self.plain.cut([text])[0]

    def cut_marked(self, text: str) -> list[int]:
        return self._marked.cut([text])[0]

    def join(self, ids: list[int]) -> str:
        return self.plain.join([ids])[0]


class _PiecePrompts:
    """The cutter of a tokenizer.model, with tokens that its settings add."""

    def __init__(self, pieces: Pieces, added: Mapping[str, int], special: frozenset[str]) -> None:
        self._processor = pieces.processor
        self._count = len(pieces.names)
        self.tokens = {**pieces.numbered(), **added}
        self._texts = {
            id: token for token, id in added.items() if token not in special and id >= self._count
        }
        control = {
            name: id for id, name in enumerate(pieces.names) if self._processor.is_control(id)
        }
        self.special = control | {token: added[token] for token in special}
        known = sorted({**self.special, **added}, key=len, reverse=True)
        self._ids = {**added, **self.special}
        self._any = re.compile(f"({'|'.join(map(re.escape, known))})") if known else None
        self._added = {token: added[token] for token in self._texts.values()}

    def cut(self, text: str) -> list[int]:
        return self._cut(text, self._added)

    def cut_marked(self, text: str) -> list[int]:
        return self._cut(text, self._ids)

    def join(self, ids: list[int]) -> str:
        silent = set(self.special.values())
        parts: list[str] = []
        run: list[int] = []
        for id in [*ids, -1]:
            if 0 <= id < self._count and id not in silent:
                run.append(id)
                continue
            if id in self._texts or id < 0:
                with gate:
                    parts.append(self._processor.decode(run) if run else "")
                parts.append(self._texts.get(id, ""))
                run = []
        return "".join(parts)

    def _cut(self, text: str, marks: Mapping[str, int]) -> list[int]:
        ids: list[int] = []
        for part in self._any.split(text) if marks and self._any else [text]:
            if part in marks:
                ids.append(marks[part])
            elif part:
                with gate:
                    ids += self._processor.encode(part, out_type=int)
        return ids


class ReadsPrompts:
    """What has a tokenizer of prompts, or the reason why it has none."""

    _tokenizer: PromptTokenizer | NoTokenizer

    @property
    def tokenizer(self) -> PromptTokenizer:
        """Texts to prompts, and tokens to texts.

        Raises:
            ModelError: if the model has no tokenizer.
        """
        if isinstance(self._tokenizer, ModelError):
            raise self._tokenizer
        return self._tokenizer


def load_prompt_tokenizer(files: ModelFiles) -> PromptTokenizer:
    """The tokenizer of a decoder's files.

    Raises:
        NoTokenizer: if the files have none, or the package that reads them is not installed.
        ModelError: if a file cannot be used, or has tokens that the model lacks.
    """
    return prompt_tokenizer(files.path, files.tokenizer, files.config)


def prompt_tokenizer(
    folder: pathlib.Path, parts: TokenizerParts | None, config: ModelConfig
) -> PromptTokenizer:
    """The tokenizer of a decoder, of what it is made of.

    Args:
        folder: Where that was looked for.
        parts: What was found.
        config: The decoder.

    Raises:
        NoTokenizer: as `load_prompt_tokenizer`.
        ModelError: likewise.
    """
    present = parts.files if isinstance(parts, FilesByRole) else {}
    choices = PROMPT_FILES.get(config.family, (("json",),))
    roles = next((one for one in choices if present.keys() >= {*one}), None)
    if roles is None or not isinstance(parts, FilesByRole):
        raise NoTokenizer(
            f"{folder}: no tokenizer.json{_OTHERS.get(config.family, '')}, by which texts of "
            f"{config.family} are cut: save the tokenizer with transformers' save_pretrained, or "
            "pass ids"
        )
    settings = Fields({SETTINGS_FILE: parts.settings})
    if "pieces" in roles:
        return _of_pieces(parts, config, settings)
    if "json" in roles:
        name = present["json"].name
        cutter = _JsonPrompts(read_tokenizer_json(present["json"]), name, config.target_vocab)
        before, after = cutter.plain.around()
        return PromptTokenizer(cutter, end=config.end, before=before, after=after)
    vocab, merges = present["vocab"], present["merges"]
    spaced = settings.boolean("add_prefix_space", False)
    added = added_tokens(parts.settings)
    made = read_byte_level(vocab, merges, spaced=spaced, added=added, special=(_END_OF_TEXT,))
    cutter = _JsonPrompts(made, vocab.name, config.target_vocab)
    before = []
    if settings.boolean("add_bos_token", False):
        before = [_named(parts.settings, "bos_token", _END_OF_TEXT, cutter.plain.ids)]
    return PromptTokenizer(cutter, end=config.end, before=before)


def _of_pieces(parts: FilesByRole, config: ModelConfig, settings: Fields) -> PromptTokenizer:
    path = parts.files["pieces"]
    pieces = read_pieces(path)
    added = added_tokens(parts.settings)
    ids = {**pieces.numbered(), **added}
    token = max(ids, key=ids.__getitem__)
    if ids[token] >= config.target_vocab:
        raise ModelError(
            f"{path.name}: {bare(token)} has id {ids[token]}, config.json has "
            f"{config.target_vocab} ids"
        )
    cutter = _PiecePrompts(pieces, added, special_names(parts.settings))
    before, after = [], []
    # Llama's class puts a token in front unless its settings say otherwise.
    if settings.boolean("add_bos_token", config.family == "llama"):
        before = [_named(parts.settings, "bos_token", _BEGIN, ids)]
    if settings.boolean("add_eos_token", False):
        after = [_named(parts.settings, "eos_token", "</s>", ids)]
    return PromptTokenizer(cutter, end=config.end, before=before, after=after)


def _named(settings: Mapping[str, Any], key: str, usual: str, ids: Mapping[str, int]) -> int:
    """The id of a token that settings name, as a str or as an object."""
    token = settings.get(key) or usual
    token = token.get("content") if isinstance(token, dict) else token
    if not isinstance(token, str) or token not in ids:
        raise ModelError(f"{SETTINGS_FILE}: {key} is {token!r:.60}, which is no token")
    return ids[token]
