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
# Seconds of work after which what was measured counts half.
_HALF_LIFE = 30.0
# A speed is known from so much on.
_ENOUGH_TOKENS = 1000
_ENOUGH_SECONDS = 1.0
# Tokens per second where it is not known, and the longest wait that a client is advised.
_USUAL_RATE = 1000
_LONGEST_RETRY = 60
# Clients whose rates are remembered.
_MOST_CLIENTS = 10_000


def tokens_of(texts: Sequence[str]) -> int:
    """About how many tokens some texts have; counting them exactly is half of the work."""
    return sum(len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN + 1 for text in texts)


class Admission:
    """A bound on tokens that wait or are under way, and on how long the last of them would wait.

    Args:
        most: Most tokens.
        seconds: The longest wait, by the speed of late.
        clock: Seconds that never go back.

    Attributes:
        tokens: Tokens that wait or are under way.
        draining: Whether the service ends: it accepts nothing more.
    """

    def __init__(
        self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._then = 0.0
        # Tokens that were finished, and seconds in which there was something to do; both fade.
        self._finished = 0.0
        self._busy = 0.0
        self.tokens = 0
        self.draining = False

    @property
    def rate(self) -> float | None:
        """Tokens per second; None before enough of them were finished."""
        if self._finished < _ENOUGH_TOKENS or self._busy < _ENOUGH_SECONDS:
            return None
        return self._finished / self._busy

    @contextlib.contextmanager
    def admitted(self, tokens: int) -> Iterator[None]:
        """Holds a place for a request.

        Raises:
            Problem: if the service is busy. A request that would wait for nobody is accepted,
                however large.
        """
        rate = self.rate
        most = self._most if rate is None else min(self._most, rate * self._seconds)
        if self.tokens and self.tokens + tokens > most:
            wait = math.ceil(self.tokens / (rate or _USUAL_RATE))
            message = "the service is busy: try again later"
            raise Problem(503, message, retry_after=max(1, min(wait, _LONGEST_RETRY)))
        self._pass_time()
        self.tokens += tokens
        try:
            yield
            self._finished += tokens
        finally:
            self._pass_time()
            self.tokens -= tokens

    def _pass_time(self) -> None:
        now = self._clock()
        if self.tokens:
            passed = now - self._then
            fading = 0.5 ** (passed / _HALF_LIFE)
            self._busy = self._busy * fading + passed
            self._finished *= fading
        self._then = now


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

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._most > 0

    def take(self, client: str, cost: int = 1) -> None:
        """Takes from a client's bucket.

        Raises:
            Problem: if it holds too little.
        """
        if not self.limited:
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
