"""What a model is given for texts: the ids of their pieces, and how to search for each."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from pyattn.checkpoint import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.pieces import pieces

if TYPE_CHECKING:
    from pyattn.tokenizers import Languages, Tokenizer

Names: TypeAlias = str | Sequence[str] | None
# The languages of a source and of its target; None where the model is not told.
Pair: TypeAlias = tuple[str | None, str | None]

# Families whose models translate, and so were trained on single sentences, not on whole texts.
_SENTENCE_FAMILIES = frozenset({"marian", "m2m_100", "fsmt"})

# What str.splitlines() cuts at.
_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]+")


@dataclasses.dataclass(frozen=True)
class Sources:
    """The sources of some texts.

    Attributes:
        counts: How many pieces each text has: none if there is nothing in it to translate.
        ids: Of all pieces, one text's behind the other's.
        options: How to search for all of them, or for each.
    """

    counts: list[int]
    ids: list[list[int]]
    options: GenerationOptions | list[GenerationOptions]


def make_sources(
    texts: Sequence[str],
    pairs: Sequence[Pair],
    search: GenerationOptions,
    *,
    tokenizer: Tokenizer,
    config: ModelConfig,
) -> Sources:
    """The sources of some texts.

    Args:
        texts: The texts; line breaks count as spaces.
        pairs: The languages that the caller names for each.
        search: How to search, but for the language.
        tokenizer: The model's.
        config: What the model is.

    Raises:
        ValueError: if the model does not have a language, or has to be told one and is not.
    """
    lines, chosen = _told(texts, pairs, search, tokenizer.languages)
    cut: list[list[list[int]]] = [[] for _ in lines]
    options: dict[Pair, GenerationOptions] = {}
    for pair in dict.fromkeys(chosen):
        encode = functools.partial(_encoded, tokenizer, pair)
        by_sentence = _wants_sentences(config, tokenizer.languages, pair)
        members = [n for n, other in enumerate(chosen) if other == pair and lines[n].strip()]
        (nothing, *whole) = encode(["", *(lines[n] for n in members)])
        for n, ids in zip(members, whole, strict=True):
            parts = pieces(
                lines[n], ids, encode, positions=config.max_positions, by_sentence=by_sentence
            )
            cut[n] = [part for part in parts if part != nothing]
        first = tokenizer.languages.first_token(pair[1])
        options[pair] = search if first is None else search.replace(forced_bos_token=first)
    each = [options[pair] for pair, parts in zip(chosen, cut, strict=True) for _ in parts]
    return Sources(
        counts=[len(parts) for parts in cut],
        ids=[ids for parts in cut for ids in parts],
        options=search if all(one is search for one in each) else each,
    )


def _encoded(tokenizer: Tokenizer, pair: Pair, texts: Sequence[str]) -> list[list[int]]:
    # A space at either end is a token to some tokenizers, and of no use to any model.
    return tokenizer.encode([text.strip() for text in texts], source=pair[0], target=pair[1])


def paired(source: Names, target: Names, count: int) -> list[Pair]:
    """The languages of each of some texts: one for all, or a list with one for each.

    Raises:
        TypeError: if a language is neither a str nor a list.
        ValueError: if a list has another length.
    """
    return list(zip(_each("source", source, count), _each("target", target, count), strict=True))


def _each(side: str, names: Names, count: int) -> list[str | None]:
    if names is None or isinstance(names, str):
        return [names] * count
    if isinstance(names, bytes) or not isinstance(names, Sequence):
        raise TypeError(f"{side} is {type(names).__name__}, expected a language or a list of them")
    if len(names) != count:
        raise ValueError(f"{side} has {len(names)} languages, expected {count}, one per text")
    return list(names)


def _told(
    texts: Sequence[str], pairs: Sequence[Pair], search: GenerationOptions, languages: Languages
) -> tuple[list[str], list[Pair]]:
    """The texts without what their heads ask for, on one line each; and the languages of each."""
    lines: list[str] = []
    chosen: list[Pair] = []
    for index, (text, (source, target)) in enumerate(zip(texts, pairs, strict=True)):
        asked, line = languages.split(_LINE_BREAKS.sub(" ", text), f"texts[{index}]")
        if asked is not None and target not in (None, asked):
            raise ValueError(f"texts[{index}] asks for {asked}, but target is {target}")
        lines.append(line)
        chosen.append(languages.chosen(source, asked or target, search.forced_bos_token))
    return lines, chosen


def _wants_sentences(config: ModelConfig, languages: Languages, pair: Pair) -> bool:
    """Whether what a model is asked for is what it was trained to do with single sentences.

    A family that may be anything (mBART, T5) translates where a target has a language, and this is
    not the source's: an mBART that summarises says that both are one.
    """
    if config.family in _SENTENCE_FAMILIES:
        return True
    source, target = pair
    return bool(languages.targets) and target is not None and source != target
