"""Lexical shortlists: which target tokens go with which source tokens.

A binary one (`lex.*.s2t.bin`) is little-endian:

    u64     0xF11A48D5013417F5
    u64     checksum of all that follows
    u64     how many of the first target ids may always come
    u64     how many are kept for each source id at the most
    u64     number of offsets, one more than there are source ids
    u64     number of target ids in all lists
    u64     per source id where its list begins, and where the last one ends
    u32     the target ids, ascending in each list

One as text has a target token, a source token and a probability on each line; for a source token
the likeliest are kept.
"""

from __future__ import annotations

import io
import itertools
import math
import pathlib
import struct
from collections.abc import Callable, Mapping

import numpy as np

from pyattn import _core
from pyattn.errors import ModelError
from pyattn.files.archives import read_plain
from pyattn.files.marian.options import Options
from pyattn.files.reading import shown
from pyattn.files.shortlist import Begins, Ids, LexicalShortlist
from pyattn.model_config import ModelConfig

_MAGIC = (0xF11A48D5013417F5).to_bytes(8, "little")
_HEADER = struct.Struct("<8s5Q")
_CHECKED_FROM = 16
# Marian's default numbers of first ids and of likeliest ids, for shortlists in text form.
_FIRST, _BEST = 100, 100
_MOST = 1 << 24
_LONGEST_LINE = 1 << 16
_NOTHING = "NULL"


def read_shortlist(
    path: pathlib.Path,
    config: ModelConfig,
    settings: Options,
    ids: Callable[[], tuple[Mapping[str, int], Mapping[str, int]] | None],
    *,
    shared: bool,
) -> LexicalShortlist:
    """Reads a shortlist of either kind, also if it ends in .gz.

    Args:
        path: The file.
        config: Of the model that it is for.
        settings: The folder's settings, whose `shortlist` may limit a shortlist in text form.
        ids: Returns token to id, of sources and of targets, if known; called for the text form.
        shared: Whether sources and targets have one vocabulary.

    Raises:
        ModelError: if the file is malformed, its checksum is wrong or its ids are not the model's.
    """
    content = read_plain(path)
    if content[: len(_MAGIC)] == _MAGIC:
        begins, lists, first = _read_binary(path.name, content, config)
    else:
        known = ids()
        if known is None:
            raise ModelError(f"{path.name}: a text, for which the folder has no vocabularies")
        first, best = _limits(settings)
        begins, lists = _read_text(path.name, content, config, best, *known)
    always = np.union1d(np.arange(min(first, config.target_vocab)), [config.end]).astype(np.int32)
    return LexicalShortlist(begins, lists, always, config.target_vocab, shared=shared)


def _read_binary(file: str, content: memoryview, config: ModelConfig) -> tuple[Begins, Ids, int]:
    """Where lists begin, the lists, and how many ids may always come."""
    if len(content) < _HEADER.size:
        raise ModelError(f"{file}: {len(content)} bytes, too short for a shortlist: truncated")
    _, checksum, first, best, offsets, total = _HEADER.unpack(content[: _HEADER.size])
    if offsets != config.source_vocab + 1:
        raise ModelError(
            f"{file}: {offsets} offsets, expected {config.source_vocab + 1}, one more than the "
            f"model has source ids"
        )
    if first > config.target_vocab:
        raise ModelError(
            f"{file}: the first {first} target ids may come, the model has {config.target_vocab}"
        )
    expected = _HEADER.size + 8 * offsets + 4 * total
    if len(content) != expected:
        raise ModelError(
            f"{file}: {len(content)} bytes, expected {expected} for {total} ids: truncated, or "
            f"something was appended"
        )
    # Of the whole words behind the checksum itself; each goes into that of those before it.
    found = _core.combined_hash(content[_CHECKED_FROM : len(content) // 8 * 8])
    if found != checksum:
        raise ModelError(f"{file}: checksum is {checksum:#x}, expected {found:#x}: damaged")
    middle = _HEADER.size + 8 * offsets
    begins = np.frombuffer(content[_HEADER.size : middle], "<u8")
    ids = np.frombuffer(content[middle:], "<u4")
    if begins[0] != 0 or begins[-1] != total or (begins[1:] < begins[:-1]).any():
        raise ModelError(f"{file}: offsets do not ascend from 0 to {total}")
    lengths = np.diff(begins.astype(np.int64))
    if lengths.max() > best:
        raise ModelError(f"{file}: a list of {lengths.max()} ids, expected at most {best}")
    if ids.size and ids.max() >= config.target_vocab:
        raise ModelError(
            f"{file}: has the target id {ids.max()}, the model has {config.target_vocab}"
        )
    return begins.astype(np.int64), ids.astype(np.int32), first


def _limits(settings: Options) -> tuple[int, int]:
    """How many of the first ids may always come, and how many are kept for each source token."""
    numbers = [
        text for text in settings.texts("shortlist")[1:] if text.isascii() and text.isdigit()
    ]
    first, best = [*map(int, numbers[:2]), *(_FIRST, _BEST)[len(numbers[:2]) :]]
    if max(first, best) > _MOST:
        settings.fail("shortlist", f"expected at most {_MOST} ids")
    return first, best


def _read_text(
    file: str,
    content: memoryview,
    config: ModelConfig,
    best: int,
    source_ids: Mapping[str, int],
    target_ids: Mapping[str, int],
) -> tuple[Begins, Ids]:
    """Where lists begin, and the lists."""
    assert config.unk is not None
    found: list[list[tuple[float, int]]] = [[] for _ in range(config.source_vocab)]
    stream = io.BytesIO(content)
    number = 0
    while line := stream.readline(_LONGEST_LINE):
        number += 1
        target, source, probability = _line(line, f"{file}: line {number}")
        if _NOTHING in (target, source):
            continue
        likely = found[source_ids.get(source, config.unk)]
        likely.append((-probability, target_ids.get(target, config.unk)))
    kept = [[id for _, id in sorted(pairs)[:best]] for pairs in found]
    begins = np.array(list(itertools.accumulate(map(len, kept), initial=0)))
    return begins, np.array(list(itertools.chain(*kept)), np.int32)


def _line(line: bytes, place: str) -> tuple[str, str, float]:
    """Target token, source token and probability."""
    try:
        parts = line.decode("utf-8").split()
    except UnicodeDecodeError:
        raise ModelError(f"{place} is not valid UTF-8, or too long") from None
    if len(parts) != 3:
        raise ModelError(
            f"{place} has {len(parts)} fields, expected target, source and probability"
        )
    try:
        probability = float(parts[2])
    except ValueError:
        probability = math.nan
    if not 0 <= probability < math.inf:
        raise ModelError(f"{place} has {shown(parts[2])}, expected a probability")
    return parts[0], parts[1], probability
