"""Tokenizers of encoders whose folder has no tokenizer.json, built from their older files.

    bert, distilbert, electra, mpnet    vocab.txt: WordPiece (Schuster and Nakajima 2012), a token
                                        for each line
    roberta, longformer                 vocab.json and merges.txt: BPE of bytes
    xlm-roberta, camembert              sentencepiece.bpe.model: pieces, in fairseq's order

They are what transformers would build of the files, with the settings in tokenizer_config.json.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pyattn.errors import ModelError
from pyattn.files.fields import Fields
from pyattn.files.reading import bare, read_bytes, shown
from pyattn.text.tokenizers.json_file import package, read_byte_level, refused
from pyattn.text.tokenizers.unigram import read_unigram

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Many times the largest there are, and tokens of 60 bytes.
_MOST_BYTES = 64 << 20
_MOST_IDS = 1 << 24


class _Special(NamedTuple):
    """The default names of special tokens."""

    begin: str
    end: str
    pad: str
    unknown: str
    mask: str


_BERT = _Special("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
_MPNET = _Special("<s>", "</s>", "<pad>", "[UNK]", "<mask>")
_ROBERTA = _Special("<s>", "</s>", "<pad>", "<unk>", "<mask>")
_DEFAULTS = {
    "mpnet": _MPNET,
    **dict.fromkeys(("roberta", "longformer", "xlm-roberta", "camembert"), _ROBERTA),
}
_FIELDS = ("cls_token", "sep_token", "pad_token", "unk_token", "mask_token")
# The roles of the files that a family's tokenizer is built from.
ROLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("bert", "distilbert", "electra", "mpnet"), ("words",)),
    **dict.fromkeys(("roberta", "longformer"), ("vocab", "merges")),
    **dict.fromkeys(("xlm-roberta", "camembert"), ("pieces",)),
}
# The names of these files.
OLDER_FILES = {
    "words": "vocab.txt",
    "vocab": "vocab.json",
    "merges": "merges.txt",
    "pieces": "sentencepiece.bpe.model",
}


def build_tokenizer(
    family: str, files: Mapping[str, pathlib.Path], settings: Fields
) -> tuple[Tokenizer, str]:
    """The tokenizer of a folder's files, and the name of the first of them.

    Args:
        family: One of `ROLES`.
        files: By role; those of the family are there.
        settings: The fields of tokenizer_config.json.

    Raises:
        NoTokenizer: if the package tokenizers is not installed.
        ModelError: if a file cannot be read or is malformed, or lacks a special token.
    """
    first = files[ROLES[family][0]]
    special = _special(settings, _DEFAULTS.get(family, _BERT))
    if ROLES[family] == ("pieces",):
        spaced = settings.boolean("add_prefix_space", True)
        made = read_unigram(first, family, spaced=spaced)
    elif ROLES[family] == ("vocab", "merges"):
        spaced = settings.boolean("add_prefix_space", False)
        made = read_byte_level(first, files["merges"], spaced=spaced)
    else:
        made = _word_pieces(first, settings, special)
    ids = made.get_vocab(with_added_tokens=True)
    for token in special[:2]:
        if token not in ids:
            raise ModelError(f"{first.name}: no {bare(token)}, which stands around every text")
    _add_special(made, first.name, settings, special)
    types = family not in _DEFAULTS
    begin, end = special.begin, special.end
    pair = f"{begin}:0 $A:0 {end}:0 $B:1 {end}:1" if types else f"{begin} $A {end} {end} $B {end}"
    with refused(first.name):
        made.post_processor = package(first.name).processors.TemplateProcessing(
            single=f"{begin} $A {end}",
            pair=pair,
            special_tokens=[(token, ids[token]) for token in {begin, end}],
        )
    return made, first.name


def _word_pieces(path: pathlib.Path, settings: Fields, special: _Special) -> Tokenizer:
    ids = _read_words(path)
    tokenizers = package(path.name)
    lower = settings.boolean("do_lower_case", True)
    strip = settings.get("strip_accents")
    with refused(path.name):
        made: Tokenizer = tokenizers.Tokenizer(
            tokenizers.models.WordPiece(ids, unk_token=special.unknown)
        )
        made.normalizer = tokenizers.normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=settings.boolean("tokenize_chinese_chars", True),
            strip_accents=None if strip is None else settings.boolean("strip_accents", False),
            lowercase=lower,
        )
        made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        made.decoder = tokenizers.decoders.WordPiece(prefix="##")
    return made


def _read_words(path: pathlib.Path) -> dict[str, int]:
    """Token to id; the last of equal lines counts, as in transformers."""
    try:
        lines = read_bytes(path, _MOST_BYTES).decode().split("\n")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path.name}: not valid UTF-8 at byte {error.start}") from None
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise ModelError(f"{path.name}: no tokens")
    if len(lines) > _MOST_IDS:
        raise ModelError(f"{path.name}: {len(lines)} lines, expected at most {_MOST_IDS}")
    return {line.removesuffix("\r"): number for number, line in enumerate(lines)}


def _special(settings: Fields, defaults: _Special) -> _Special:
    """The names of special tokens, which may be objects with the name as their content."""
    names = []
    for key, default in zip(_FIELDS, defaults, strict=True):
        value = settings.get(key)
        if isinstance(value, dict):
            value = value.get("content")
        if not isinstance(value, str | None):
            settings.fail(key, f"is {shown(value)}, expected a token")
        names.append(value or default)
    return _Special(*names)


def _add_special(made: Tokenizer, name: str, settings: Fields, special: _Special) -> None:
    """Makes tokens special, which texts may have in them; and refuses those that files lack."""
    ids = made.get_vocab(with_added_tokens=True)
    added = settings.object("added_tokens_decoder")
    for entry in added.values():
        content = entry.get("content") if isinstance(entry, dict) else None
        if content not in ids:
            settings.fail(
                "added_tokens_decoder",
                f"has {shown(content)}, which {name} lacks: save the tokenizer with transformers, "
                "which writes tokenizer.json",
            )
    tokenizers = package(name)
    with refused(name):
        for token in special:
            if token in ids:
                # A mask of these families stands for a word with the space before it.
                strips = token == special.mask and special.begin == "<s>"
                made.add_special_tokens([tokenizers.AddedToken(token, lstrip=strips)])
