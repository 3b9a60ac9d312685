"""Who may ask how much: the bound on what waits, keys and rates."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import hmac
import math
import time
from collections.abc import Callable, Iterator, Sequence

from pyattn.serving.problems import Problem

# A token of European text is 3 to 4 bytes, a Chinese character has 3.
_BYTES_PER_TOKEN = 3
# Clients whose rates are remembered.
_MOST_CLIENTS = 10_000


def tokens_of(texts: Sequence[str]) -> int:
    """About how many tokens some texts have; counting them exactly is half of the work."""
    return sum(len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN + 1 for text in texts)


class Admission:
    """A bound on tokens that wait or are under way.

    Args:
        most: The bound.

    Attributes:
        tokens: Tokens that are waiting or under way.
        draining: Whether the service ends: it accepts nothing more.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.tokens = 0
        self.draining = False

    @contextlib.contextmanager
    def admitted(self, tokens: int) -> Iterator[None]:
        """Holds a place for a request.

        Raises:
            Problem: if the service is busy. A request that would wait for nobody is accepted,
                however large.
        """
        if self.tokens and self.tokens + tokens > self._most:
            raise Problem(503, "the service is busy: try again later", retry_after=self._wait())
        self.tokens += tokens
        try:
            yield
        finally:
            self.tokens -= tokens

    def _wait(self) -> int:
        """Seconds until there is likely room: the queue at a thousand tokens a second."""
        return min(30, 1 + self.tokens // 1000)


class Keys:
    """API keys, of which only hashes are kept.

    Args:
        keys: The keys; without any, everybody is let in.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._hashes = [_hash(key) for key in keys]

    @property
    def required(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._hashes)

    def holder(self, key: str | None) -> str | None:
        """Who a key belongs to, as a name without meaning; None if it opens nothing.

        All hashes are compared, each in constant time.
        """
        if key is None:
            return None
        given = _hash(key)
        found = [hmac.compare_digest(given, known) for known in self._hashes]
        return given.hex()[:16] if any(found) or not self._hashes else None


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class Rates:
    """Requests per minute and client: a bucket that fills evenly (a token bucket).

    Args:
        per_minute: How many; 0 for no limit.
        clock: Seconds that never go back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = per_minute
        self._clock = clock
        # Of each client: what its bucket held, and when; those that asked last are at the end.
        self._buckets: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()

    def take(self, client: str, cost: int = 1) -> None:
        """Takes from a client's bucket.

        Raises:
            Problem: if it holds too little.
        """
        if not self._most:
            return
        now = self._clock()
        held, then = self._buckets.pop(client, (float(self._most), now))
        held = min(self._most, held + (now - then) * self._most / 60)
        cost = min(cost, self._most)
        accepted = held >= cost
        self._buckets[client] = (held - cost if accepted else held, now)
        while len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if not accepted:
            wait = max(1, math.ceil((cost - held) * 60 / self._most))
            message = f"Slowdown: {self._most} per 1 minute"
            raise Problem(429, message, retry_after=wait)
