"""How much a model does at once, and with how many threads."""

from __future__ import annotations

from typing import NamedTuple

from pyattn.options import checked_integer
from pyattn.running.free_memory import available_memory

# Source tokens that are encoded together, and hypotheses that are decoded together. From about a
# hundred rows on, arithmetic and no longer the reading of weights takes a product's time; more rows
# only make a step, and the wait for its end, longer.
BATCH_TOKENS = 512
BATCH_ROWS = 128

# Of the memory that the process may still take, keys and values get this share.
_CACHE_SHARE = 0.5

# No machine has more for one process; a larger number is a mistake.
_MAX_THREADS = 1024


class RunLimits(NamedTuple):
    """The arguments of `pyattn.Model` that change no result, validated.

    Attributes:
        threads: Threads to use; None is what this process may use.
        batch_tokens: Source tokens that are encoded together.
        batch_rows: Hypotheses that are decoded together.
        cache_bytes: Budget for keys and values.
    """

    threads: int | None
    batch_tokens: int
    batch_rows: int
    cache_bytes: int


def checked_limits(
    threads: int | None, batch_tokens: int, batch_rows: int, cache_bytes: int | None
) -> RunLimits:
    """The limits, with a share of the free memory for a `cache_bytes` of None.

    Raises:
        ValueError: if one is no integer, or out of its range; the message names it.
    """
    batch_tokens = checked_integer("batch_tokens", batch_tokens, 1, 2**31 - 1)
    batch_rows = checked_integer("batch_rows", batch_rows, 1, 2**31 - 1)
    if cache_bytes is not None:
        cache_bytes = checked_integer("cache_bytes", cache_bytes, 1, 2**62)
    if threads is not None:
        threads = checked_integer("threads", threads, 1, _MAX_THREADS)
    return RunLimits(
        threads=threads,
        batch_tokens=batch_tokens,
        batch_rows=batch_rows,
        cache_bytes=int(available_memory() * _CACHE_SHARE) if cache_bytes is None else cache_bytes,
    )
