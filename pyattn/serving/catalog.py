"""The models of a service: which languages they have, loaded on demand, dropped by memory."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pyattn.errors import ModelError
from pyattn.pivot import Pivot
from pyattn.serving.codes import code_of, same_language
from pyattn.serving.problems import Problem
from pyattn.text.repeats import Cache
from pyattn.translator import Translator

# What a model may be: loaded, or a path or a name for `pyattn.load`; None is the included one.
Source: TypeAlias = "Translator | Pivot | str | os.PathLike[str] | None"

# Codes of languages as clients write them that are remembered.
_MOST_SPELLINGS = 1000

_PAIR = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?", re.ASCII)


class Slot:
    """A model of the service, loaded or not.

    Attributes:
        name: Its name.
        pairs: Its pairs of languages by codes, each with the names that the model gives them.
        uses: Number of requests that use it now.
        last: When it was last used, in seconds.
        translator: The model; None while it is not loaded.
    """

    def __init__(
        self, name: str, source: Source, load: Callable[[Any], Translator | Pivot]
    ) -> None:
        self.name = name
        self._source = source
        self._load = load
        self._lock = asyncio.Lock()
        self._caches: dict[int, Cache] = {}
        self.uses = 0
        self.last = 0.0
        self.translator: Translator | Pivot | None = None
        self.pairs: dict[tuple[str, str], tuple[str | None, str | None]] = {}
        if isinstance(source, Translator | Pivot):
            self.translator = source
        named = _named_pair(name)
        if named is not None and self.translator is None:
            # Which names the model gives them is found out when it is loaded.
            self.pairs = {named: (None, None)}
        else:
            if self.translator is None:
                self.translator = load(source)
            self._learn(named)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights that are loaded."""
        return 0 if self.translator is None else sum(one.model.nbytes for one in self._models())

    @property
    def may_be_dropped(self) -> bool:
        """Whether it is loaded, unused, and can be loaded again."""
        own = not isinstance(self._source, Translator | Pivot)
        return own and self.translator is not None and not self.uses

    async def loaded(self) -> Translator | Pivot:
        """The model; loads it without blocking the event loop.

        Raises:
            Problem: if it cannot be loaded.
        """
        if self.translator is not None:
            return self.translator
        async with self._lock:
            if self.translator is None:
                try:
                    self.translator = await asyncio.to_thread(self._load, self._source)
                except (ModelError, OSError, ValueError, MemoryError) as error:
                    # The reason has paths of this machine: it goes into the log.
                    raise Problem(503, f"the model {self.name} cannot be loaded") from error
                if any(names == (None, None) for names in self.pairs.values()):
                    self._learn(next(iter(self.pairs)))
            return self.translator

    def cache_of(self, model: Translator) -> Cache:
        """The sentences that a model has translated last."""
        found = self._caches.get(id(model))
        if found is None:
            self._caches[id(model)] = found = Cache()
        return found

    def drop(self) -> None:
        """Frees the weights."""
        if self.translator is not None:
            self.translator.close()
            self.translator = None
            self._caches.clear()

    def _models(self) -> list[Translator]:
        one = self.translator
        assert one is not None
        return [one.first, one.second] if isinstance(one, Pivot) else [one]

    def _learn(self, named: tuple[str, str] | None) -> None:
        """Finds out which pairs of languages the loaded model has.

        Raises:
            ModelError: if they are not known, or the model has no tokenizer.
        """
        models = self._models()
        first, last = models[0], models[-1]
        sources = _codes(first.languages.sources, first.languages.source)
        targets = _codes(last.languages.targets, last.languages.target)
        if named is not None:
            self.pairs = {named: (_own(named[0], sources), _own(named[1], targets))}
            return
        own = first.settings.source, last.settings.target
        left = sources or ({code_of(own[0]): None} if own[0] else {})
        right = targets or ({code_of(own[1]): None} if own[1] else {})
        if not left or not right:
            raise ModelError(
                f"serve: the model {self.name} does not say which languages it has; name it by its "
                f"pair, such as en-es={self._source}"
            )
        self.pairs = {
            (one, other): (left[one], right[other])
            for one in left
            for other in right
            if one != other
        }


@dataclasses.dataclass(frozen=True)
class Route:
    """The way from a language to another: no model for the same language, or one, or two.

    Attributes:
        source: The code of the texts' language.
        target: The code of the translations' language.
        slots: The models.
    """

    source: str
    target: str
    slots: tuple[Slot, ...]

    @property
    def name(self) -> str:
        """The names of the models."""
        return "+".join(slot.name for slot in self.slots)


class Hop:
    """A model on a route, as a translator whose languages are chosen.

    Args:
        model: The model.
        source: The name of the texts' language in the model; None if it has one only.
        target: Likewise of the translations' language.
        cache: The sentences that it has translated last.
    """

    def __init__(
        self, model: Translator | Pivot, source: str | None, target: str | None, cache: Cache | None
    ) -> None:
        self._model = model
        self._source = source
        self._target = target
        self._cache = cache

    def submit(self, texts: Iterable[str], options: Any = None, **overrides: Any) -> Any:
        """As `Translator.submit`; the languages are those of the route."""
        named = {"source": self._source, "target": self._target}
        reuse = True if self._cache is None else self._cache
        return self._model.submit(texts, options, **{"reuse": reuse, **overrides, **named})


class Catalog:
    """The models of a service.

    Args:
        models: Models by name. A name such as "en-es" says which languages the model is for, and
            the model is loaded when it is needed; models with other names are loaded at once, and
            used for all languages that they have.
        load: Loads a model by path or name.
        memory_bytes: Weights that may be loaded at a time; 0 for no limit.

    Raises:
        ModelError: if a model cannot be loaded, or its languages are not known.
        ValueError: if there is no model.
    """

    def __init__(
        self,
        models: Mapping[str, Source],
        load: Callable[[Any], Translator | Pivot],
        *,
        memory_bytes: int = 0,
    ) -> None:
        if not models:
            raise ValueError("serve: there is no model, expected at least one")
        self._memory = memory_bytes
        # The pairs of languages never change: a model of 200 has 40,000, and takes half a second.
        self._targets_of: dict[str, list[str]] = {}
        self._sources_of: dict[str, list[str]] = {}
        self._routes: dict[tuple[str, str], Route] = {}
        self._languages: dict[tuple[bool, str], str] = {}
        self.slots: list[Slot] = []
        for name, source in models.items():
            self.slots.append(Slot(name, source, load))
            self._make_room()

    @property
    def sources(self) -> list[str]:
        """The codes of all languages that texts may have, in the order of the models."""
        return list(dict.fromkeys(one for slot in self.slots for one, _ in slot.pairs))

    @property
    def targets(self) -> list[str]:
        """The codes of all languages that can be translated into."""
        return list(dict.fromkeys(other for slot in self.slots for _, other in slot.pairs))

    def targets_of(self, source: str) -> list[str]:
        """The codes of the languages that a language can be translated into, itself included."""
        found = self._targets_of.get(source)
        if found is None:
            found = [one for one in self.targets if self._slots(source, one) is not None]
            self._targets_of[source] = found = found if source in found else [source, *found]
        return found

    def sources_of(self, target: str) -> list[str]:
        """The codes of the languages that can be translated into a language, itself included."""
        found = self._sources_of.get(target)
        if found is None:
            found = [one for one in self.sources if self._slots(one, target) is not None]
            self._sources_of[target] = found = found if target in found else [*found, target]
        return found

    def language(self, code: str, *, as_target: bool) -> str | None:
        """The code here that a client's code means; None if there is none.

        Args:
            code: The client's.
            as_target: Whether languages that can be translated into are preferred.
        """
        found = self._languages.get((as_target, code))
        if found is None:
            first = self.targets if as_target else self.sources
            found = self.known(code, list(dict.fromkeys([*first, *self.targets, *self.sources])))
            if found is not None and len(self._languages) < _MOST_SPELLINGS:
                self._languages[as_target, code] = found
        return found

    def known(self, code: str, among: Sequence[str]) -> str | None:
        """The code in a list that a client's code means; None if there is none."""
        return next((one for one in among if one.lower() == code.lower()), None) or next(
            (one for one in among if same_language(one, code)), None
        )

    def route(self, source: str, target: str) -> Route | None:
        """The way from a language to another, both by their codes here; None if there is none."""
        found = self._routes.get((source, target))
        if found is None and (slots := self._slots(source, target)) is not None:
            self._routes[source, target] = found = Route(source, target, slots)
        return found

    def _slots(self, source: str, target: str) -> tuple[Slot, ...] | None:
        if source == target:
            return ()
        for slot in self.slots:
            if (source, target) in slot.pairs:
                return (slot,)
        for first in self.slots:
            # English first: most models have it on one side.
            between = [end for start, end in first.pairs if start == source]
            for code in sorted(between, key=lambda one: one != "en"):
                for second in self.slots:
                    if (code, target) in second.pairs:
                        return (first, second)
        return None

    @contextlib.asynccontextmanager
    async def lease(self, route: Route) -> AsyncIterator[Hop | Pivot]:
        """The translator of a route, which is not dropped while it is leased.

        Raises:
            Problem: if a model cannot be loaded.
        """
        for slot in route.slots:
            slot.uses += 1
        try:
            hops = []
            codes = self._codes_on(route)
            for slot, pair in zip(route.slots, codes, strict=True):
                model = await slot.loaded()
                slot.last = time.monotonic()
                # A pivot has a cache in neither of its models: each would need its own.
                cache = None if isinstance(model, Pivot) else slot.cache_of(model)
                hops.append(Hop(model, *slot.pairs[pair], cache))
            self._make_room()
            yield hops[0] if len(hops) == 1 else Pivot(*hops)  # type: ignore[arg-type]
        finally:
            for slot in route.slots:
                slot.uses -= 1

    def _codes_on(self, route: Route) -> list[tuple[str, str]]:
        """The pair of each model on a route."""
        if len(route.slots) == 1:
            return [(route.source, route.target)]
        first, second = route.slots
        between = next(
            end
            for start, end in sorted(first.pairs, key=lambda pair: pair[1] != "en")
            if start == route.source and (end, route.target) in second.pairs
        )
        return [(route.source, between), (between, route.target)]

    def _make_room(self) -> None:
        """Drops models that are longest unused until the weights fit."""
        while self._memory and sum(slot.nbytes for slot in self.slots) > self._memory:
            unused = [slot for slot in self.slots if slot.may_be_dropped]
            if len(unused) + sum(slot.uses > 0 for slot in self.slots) <= 1 or not unused:
                return  # one model always stays
            min(unused, key=lambda slot: slot.last).drop()

    def close(self) -> None:
        """Frees the models that the service has loaded."""
        for slot in self.slots:
            if slot.may_be_dropped:
                slot.drop()


def _named_pair(name: str) -> tuple[str, str] | None:
    """The languages in a name such as "en-es" or "en-zh-Hant"."""
    parts = re.split(r"-(?=[a-z]{2,3}(?:-[A-Z]|$))", name)
    if len(parts) != 2 or not all(_PAIR.fullmatch(part) for part in parts):
        return None
    return code_of(parts[0]), code_of(parts[1])


def _codes(names: Iterable[str], default: str | None) -> dict[str, str | None]:
    """A model's names of languages by their codes; of several with one code the default counts."""
    found: dict[str, str | None] = {}
    for name in sorted(names, key=lambda one: (one != default, not _is_standard(one))):
        found.setdefault(code_of(name), name)
    return dict(sorted(found.items()))


def _is_standard(name: str) -> bool:
    return name.startswith(("arb", "pes", "nob", "cmn", "zho", "hrv"))


def _own(code: str, names: Mapping[str, str | None]) -> str | None:
    """A model's name for a language; None if the model has one only."""
    if not names:
        return None
    found = next((name for own, name in names.items() if own == code), None)
    if found is None:
        found = next((name for own, name in names.items() if same_language(own, code)), None)
    if found is None:
        raise ModelError(f"serve: the model does not have the language {code!r}")
    return found
