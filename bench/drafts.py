"""Guesses at the tokens that a model will choose, and how many of them are right.

A *draft* names further tokens of a target. The model checks them in one step, whose rows are the
newest token and the draft's: it gains the right ones and, in any case, the token behind them. A
draft is a chain, or a tree of alternatives. What a check gains of a target is exact here, since the
target is what the model says and all of a draft that counts begins it. No model runs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

Ids: TypeAlias = Sequence[int]
# The probable tokens after some others, best first, with their shares.
Next: TypeAlias = Callable[[Ids], list[tuple[float, int]]]

# How many tokens at the end of a target are looked up, longest first.
ORDERS = (3, 2, 1)
BRANCHES = 4


class Gain(NamedTuple):
    """Of a number of checks: the tokens that they gained, and the rows that they had."""

    tokens: int
    checks: int
    rows: int

    @property
    def per_check(self) -> float:
        """Tokens that a check gains; 1 is none beyond what a step without a draft gains."""
        return self.tokens / self.checks


def gain(targets: Sequence[Ids], right: Callable[[int, int], tuple[int, int]]) -> Gain:
    """What checks gain of targets, each with its end.

    `right(n, i)` is of the draft behind `targets[n][:i]`: how many tokens it got right, and how
    many it named.
    """
    checks = rows = 0
    for n, target in enumerate(targets):
        i = 0
        while i < len(target):
            found, named = right(n, i)
            i += found + 1
            checks += 1
            rows += named + 1
    return Gain(sum(map(len, targets)), checks, rows)


def chained(agreed: Sequence[Sequence[bool]], rows: int) -> Callable[[int, int], tuple[int, int]]:
    """`right` of another model that drafts `rows` - 1 tokens, one after the other.

    `agreed[n][i]` is whether its choice after `targets[n][:i]` is the target's. Up to its first
    error its own tokens are the target's, so that is all that counts.
    """

    def right(n: int, i: int) -> tuple[int, int]:
        ahead = agreed[n][i : i + rows - 1]
        found = next((at for at, same in enumerate(ahead) if not same), len(ahead))
        return found, len(ahead)

    return right


def copied(text: Ids, begun: Ids, count: int) -> list[int]:
    """At most `count` tokens that followed in `text` where it had the end of `begun` last."""
    for order in ORDERS:
        end = list(begun[-order:])
        if len(end) < order:
            continue
        for at in range(len(text) - order - 1, -1, -1):
            if list(text[at : at + order]) == end:
                return list(text[at + order : at + order + count])
    return []


def prefix_length(draft: Ids, target: Ids) -> int:
    """How many tokens both begin with."""
    pairs = zip(draft, target, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(draft), len(target)))


class Table:
    """What followed the last one, two and three tokens of targets.

    Orders are mixed as Witten and Bell (1991) do: an order's share is the number of times that it
    was seen, by that plus the number of tokens that followed it.
    """

    def __init__(self) -> None:
        self._counts: list[dict[tuple[int, ...], dict[int, int]]] = [{} for _ in ORDERS]

    def learn(self, target: Ids) -> None:
        """Counts a target, its end included."""
        padded = [-1] * max(ORDERS) + list(target)
        for i in range(max(ORDERS), len(padded)):
            for order, counts in zip(ORDERS, self._counts, strict=True):
                followers = counts.setdefault(tuple(padded[i - order : i]), {})
                followers[padded[i]] = followers.get(padded[i], 0) + 1

    def next(self, begun: Ids) -> list[tuple[float, int]]:
        """The `BRANCHES` tokens that are most probable after a beginning."""
        padded = [-1] * max(ORDERS) + list(begun)
        shares: dict[int, float] = {}
        left = 1.0
        for order, counts in zip(ORDERS, self._counts, strict=True):
            followers = counts.get(tuple(padded[len(padded) - order :]))
            if followers is None:
                continue
            seen = sum(followers.values())
            weight = left * seen / (seen + len(followers))
            for token in heapq.nlargest(BRANCHES, followers, key=lambda t: followers[t]):
                shares[token] = shares.get(token, 0.0) + weight * followers[token] / seen
            left -= weight
        best = sorted(((share, token) for token, share in shares.items()), reverse=True)
        return best[:BRANCHES]


def chain(following: Next, begun: Ids, count: int, end: int) -> list[int]:
    """The most probable token, and so on, at most `count` of them and none behind an end."""
    draft: list[int] = []
    while len(draft) < count and end not in draft[-1:]:
        best = following([*begun, *draft])
        if not best:
            break
        draft.append(best[0][1])
    return draft


def tree(following: Next, begun: Ids, count: int, end: int) -> list[list[int]]:
    """The `count` most probable continuations of any length: each begins with another's tokens."""
    heap = [(-share, [token]) for share, token in following(begun)]
    heapq.heapify(heap)
    found: list[list[int]] = []
    while heap and len(found) < count:
        share, path = heapq.heappop(heap)
        found.append(path)
        if path[-1] != end:
            for own, token in following([*begun, *path]):
                heapq.heappush(heap, (share * own, [*path, token]))
    return found


def longest_right(paths: Sequence[Ids], target: Ids) -> int:
    """Tokens of the longest of the paths that the target begins with; 0 if there is none."""
    right = [len(path) for path in paths if list(target[: len(path)]) == list(path)]
    return max(right, default=0)
