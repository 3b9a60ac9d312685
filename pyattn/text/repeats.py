"""Sentences that come again, which are searched for once.

This changes no result: the targets of a source depend on its ids and its options, and on nothing
else. That includes random draws, so equal sentences have equal samples.
"""

from __future__ import annotations

import collections
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias

from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis
from pyattn.text.searches import PendingSearch, Submit

# A source: its ids and the options of its search.
_Key: TypeAlias = tuple[tuple[int, ...], GenerationOptions]

# The targets of a source, or the search for them and their place in it.
_Place: TypeAlias = list[Hypothesis] | tuple[PendingSearch, int]

# Ids, scores and weights of alignments that a cache holds: some 10 MB.
_MOST_NUMBERS = 1 << 18


class Cache:
    """The targets of the sources that came last, in bounded memory. Any thread may use it.

    Args:
        most: How many ids, scores and weights of alignments it holds; the longest unused go first.
        ordered: Whether searches are waited for in the order in which they began, as in a stream.
            Then a source that is under way already is not searched for again.
    """

    def __init__(self, most: int = _MOST_NUMBERS, *, ordered: bool = False) -> None:
        self._most = most
        self._ordered = ordered
        self._size = 0
        self._found: collections.OrderedDict[_Key, list[Hypothesis]] = collections.OrderedDict()
        self._begun: dict[_Key, tuple[PendingSearch, int]] = {}
        self._lock = threading.Lock()
        self._owner: weakref.ref[object] | None = None

    def __len__(self) -> int:
        """Number of sources."""
        return len(self._found)

    def bind(self, model: object) -> None:
        """Makes the cache that of a model.

        Raises:
            ValueError: if it is another model's.
        """
        with self._lock:
            owner = None if self._owner is None else self._owner()
            if self._owner is not None and owner is not model:
                raise ValueError("reuse has the cache of another translator, expected one for each")
            self._owner = weakref.ref(model)

    def get(self, key: _Key) -> _Place | None:
        """The targets of a source, or the search for them; None if there is neither."""
        with self._lock:
            found = self._found.get(key)
            if found is None:
                return self._begun.get(key)
            self._found.move_to_end(key)
            return found

    def begin(self, keys: Sequence[_Key], search: PendingSearch) -> None:
        """Remembers that a search for the targets of sources is under way."""
        if self._ordered:
            with self._lock:
                self._begun.update((key, (search, place)) for place, key in enumerate(keys))

    def put(self, key: _Key, found: list[Hypothesis]) -> None:
        """Remembers the targets of a source."""
        with self._lock:
            self._begun.pop(key, None)
            # With more time there may be other targets.
            if key in self._found or key[1].max_time is not None:
                return
            self._found[key] = found
            self._size += _numbers(key, found)
            while self._size > self._most:
                self._size -= _numbers(*self._found.popitem(last=False))


def sharing(submit: Submit, cache: Cache | None = None) -> Submit:
    """A function like `submit` that searches once for the targets of equal sources.

    Args:
        submit: Begins a search.
        cache: Where targets are looked up and remembered, beyond those of one call.
    """

    def shared(ids: list[list[int]], options: list[GenerationOptions]) -> PendingSearch:
        # The same few objects, whose hash takes longer than that of the ids.
        kinds = {id(one): one for one in options}
        numbers = {one: number for number, one in enumerate(dict.fromkeys(kinds.values()))}
        number_of = {name: numbers[one] for name, one in kinds.items()}
        places: list[int | _Place] = []
        first: dict[tuple[int, tuple[int, ...]], int | _Place] = {}
        chosen: list[int] = []
        for index, (source, one) in enumerate(zip(ids, options, strict=True)):
            key = (number_of[id(one)], tuple(source))
            place = first.get(key)
            if place is None:
                known = None if cache is None else cache.get((key[1], one))
                if known is None:
                    place = len(chosen)
                    chosen.append(index)
                else:
                    place = known
                first[key] = place
            places.append(place)
        if len(chosen) == len(ids) and cache is None:
            return submit(ids, options)
        search = submit([ids[index] for index in chosen], [options[index] for index in chosen])
        keys = [(tuple(ids[index]), options[index]) for index in chosen]
        if cache is not None:
            cache.begin(keys, search)
        return _Shared(search, places, keys, cache)

    return shared


class _Shared:
    """A search for the targets of the sources that are different; see `PendingSearch`."""

    def __init__(
        self,
        search: PendingSearch,
        places: Sequence[int | _Place],
        keys: Sequence[_Key],
        cache: Cache | None,
    ) -> None:
        self._search = search
        self._places = places
        self._keys = keys
        self._cache = cache
        # Not every search is hashable.
        self._earlier = {id(place[0]): place[0] for place in places if isinstance(place, tuple)}

    def __len__(self) -> int:
        return len(self._search)

    def done(self) -> bool:
        return self._search.done() and all(search.done() for search in self._earlier.values())

    def cancel(self) -> None:
        self._search.cancel()

    def results(self, progress: Callable[[int], object] | None = None) -> list[list[Hypothesis]]:
        return self._all(self._search.results(progress))

    def __await__(self) -> Generator[object, None, list[list[Hypothesis]]]:
        return self._all((yield from self._search.__await__()))

    def _all(self, found: list[list[Hypothesis]]) -> list[list[Hypothesis]]:
        if self._cache is not None:
            for key, hypotheses in zip(self._keys, found, strict=True):
                self._cache.put(key, hypotheses)
        earlier = {name: search.results() for name, search in self._earlier.items()}
        targets: list[list[Hypothesis]] = []
        for place in self._places:
            if isinstance(place, int):
                targets.append(found[place])
            elif isinstance(place, tuple):
                targets.append(earlier[id(place[0])][place[1]])
            else:
                targets.append(place)
        return targets


def _numbers(key: _Key, found: Sequence[Hypothesis]) -> int:
    """Memory of some targets, in numbers."""
    weights = sum(0 if one.alignment is None else one.alignment.size for one in found)
    return len(key[0]) + sum(2 * len(one.tokens) + 1 for one in found) + weights
