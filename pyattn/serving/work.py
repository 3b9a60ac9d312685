"""The one call behind all interfaces: texts in any languages, translated together.

Every request's sentences go into the engine's one batch at once (`Model.submit`), so there is no
queue here but the bound on what has been admitted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from pyattn.documents import translate_all
from pyattn.errors import DocumentError
from pyattn.results import Translation
from pyattn.serving.admission import Admission, tokens_of
from pyattn.serving.catalog import Catalog, Hop, Route
from pyattn.serving.problems import Problem
from pyattn.text.detection import UNKNOWN, Detection, detect

Format: TypeAlias = Literal["text", "html", "xml"]
_T = TypeVar("_T")

# Characters of a request up to which its tokens are found on the event loop: some 10 ms.
_QUICK = 4000
_USUAL_BEAM = 4
_DOCUMENT_FORMATS = {"html": "html", "xml": "xhtml"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """Texts to translate.

    Attributes:
        texts: The texts.
        target: The code of the language to translate into.
        source: The code of their language; None for the language of each text.
        format: What they are: plain text, or fragments of HTML or XML.
        alternatives: How many translations each text gets beside the best one; plain text only.
        details: Whether scores and alignments are wanted; plain text only.
        options: How texts are treated, as for `Translator.submit`, and settings of documents for
            the other formats.
    """

    texts: Sequence[str]
    target: str
    source: str | None = None
    format: Format = "text"
    alternatives: int = 0
    details: bool = False
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """The translation of a text.

    Attributes:
        text: The translation.
        source: The code of the text's language.
        detected: How that was found; None if the client named it.
        model: The names of the models, joined by "+"; "" for a text that is copied.
        others: Other translations with their scores and spans, best first.
        details: The best translation, likewise; None for markup and copies.
    """

    text: str
    source: str
    detected: Detection | None = None
    model: str = ""
    others: tuple[Translation, ...] = ()
    details: Translation | None = None

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The texts of the other translations."""
        return tuple(one.text for one in self.others)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of possible faults."""
        return () if self.details is None else self.details.warnings


class Work:
    """Translates for all interfaces.

    Args:
        catalog: The models.
        admission: The bound on what waits.
    """

    def __init__(self, catalog: Catalog, admission: Admission) -> None:
        self.catalog = catalog
        self.admission = admission

    async def translate(self, job: Job) -> list[Answer]:
        """The translation of each text.

        Cancelling the task cancels the search.

        Raises:
            Problem: if a language is not there, the service is busy, or an option is wrong.
        """
        routes, found = self._routed(job)
        groups: dict[Route, list[int]] = {}
        for index, route in enumerate(routes):
            groups.setdefault(route, []).append(index)
        with self.admission.admitted(tokens_of(job.texts) * _beams(job)):
            if len(groups) == 1:
                made = [await self._group(job, routes[0], list(job.texts))]
            else:
                made = await _all(
                    [self._group(job, one, [job.texts[i] for i in g]) for one, g in groups.items()]
                )
        answers: list[Answer | None] = [None] * len(job.texts)
        for indices, group in zip(groups.values(), made, strict=True):
            for index, answer in zip(indices, group, strict=True):
                answers[index] = dataclasses.replace(answer, detected=found[index])
        return answers  # type: ignore[return-value]

    def detected(self, texts: Sequence[str], target: str | None = None) -> list[Detection]:
        """The language of each text, among those of the service.

        Args:
            texts: The texts.
            target: The code of a language: only those that can be translated into it are possible.

        Raises:
            Problem: if the package that knows languages is not installed.
        """
        catalog = self.catalog
        among = catalog.sources_of(target) if target else [*catalog.sources, *catalog.targets]
        try:
            return detect(texts, dict.fromkeys(among))
        except ImportError as error:
            raise Problem(501, "this service cannot detect languages: name the source") from error

    def language(self, side: Literal["source", "target"], code: str) -> str:
        """The service's own code for a client's.

        Raises:
            Problem: if there is no such language.
        """
        found = self.catalog.language(code, as_target=side == "target")
        if found is None:
            raise Problem(400, f"{code:.60} is not supported")
        return found

    def check_languages(self, source: str | None, target: str) -> None:
        """Checks that texts can be translated from a client's language into another.

        Raises:
            Problem: if one of them is not there, or no model leads from one to the other.
        """
        into = self.language("target", target)
        if source is not None:
            self.route(self.language("source", source), into)

    def route(self, source: str, target: str) -> Route:
        """The way from a language to another, both by the service's codes.

        Raises:
            Problem: if there is none.
        """
        route = self.catalog.route(source, target)
        if route is None:
            raise Problem(400, f"{target} is not available as a target language from {source}")
        return route

    def _routed(self, job: Job) -> tuple[list[Route], list[Detection | None]]:
        """The way of each text, and how its language was found."""
        target = self.language("target", job.target)
        if job.source is not None:
            route = self.route(self.language("source", job.source), target)
            return [route] * len(job.texts), [None] * len(job.texts)
        found = self.detected([_plain(text, job.format) for text in job.texts], target)
        routes = []
        for one in found:
            # A text without letters is copied by any model.
            source = self.catalog.sources_of(target)[0] if one.language == UNKNOWN else one.language
            routes.append(self.route(source, target))
        return routes, list(found)

    async def _group(self, job: Job, route: Route, texts: list[str]) -> list[Answer]:
        """The translations of texts that go the same way."""
        if not route.slots:
            return [Answer(text=text, source=route.source) for text in texts]
        async with self.catalog.lease(route) as translator:
            try:
                if job.format != "text":
                    made = await self._marked(job, route, translator, texts)
                    return [Answer(text=one, source=route.source, model=route.name) for one in made]
                ranked = await self._plain(job, translator, texts)
            except (TypeError, ValueError) as error:
                raise Problem(400, str(error)) from error
        return [
            Answer(
                text=best.text,
                source=route.source,
                model=route.name,
                others=_different(best, others),
                details=best,
            )
            for best, *others in ranked
        ]

    async def _plain(self, job: Job, translator: Any, texts: list[str]) -> list[list[Translation]]:
        if "keep" in job.options:
            raise Problem(400, "ignore_tags is for HTML and XML, expected another format than text")
        options = {"scores": job.details or job.alternatives > 0, **job.options}
        if job.details:
            options["alignment"] = True
        if job.alternatives:
            count = job.alternatives + 1
            options |= {"num_hypotheses": count, "beam_size": max(count, _USUAL_BEAM)}

        def start() -> Any:
            return translator.submit(texts, **options)

        quick = sum(map(len, texts)) <= _QUICK
        pending = start() if quick else await asyncio.to_thread(start)
        found: list[list[Translation]] = await pending
        return found

    async def _marked(self, job: Job, route: Route, translator: Any, texts: list[str]) -> list[str]:
        stop = Stop(translator)
        options = {
            **job.options,
            "encoding": "utf-8",
            "source_language": route.source,
            "target_language": route.target,
        }
        format = _DOCUMENT_FORMATS[job.format]

        def run() -> list[str]:
            made = []
            documents = [(text.encode(), format) for text in texts]
            for one in translate_all(documents, stop, **options):
                if isinstance(one, DocumentError):
                    raise ValueError(str(one)) from None
                made.append(one.decode())
            return made

        return await stoppable(run, stop)


class Stop:
    """A translator that can be stopped while another thread uses it.

    Args:
        translator: The translator.

    Attributes:
        characters: Characters that it was given.
    """

    def __init__(self, translator: Hop) -> None:
        self.characters = 0
        self._translator = translator
        self._stopped = False
        self._lock = threading.Lock()
        self._pending: list[Any] = []

    def submit(self, texts: list[str], options: Any = None, **overrides: Any) -> Any:
        """As the translator's.

        Raises:
            ValueError: if it was stopped.
        """
        pending = self._translator.submit(texts, options, **overrides)
        with self._lock:
            self.characters += sum(map(len, texts))
            if self._stopped:
                raise ValueError("stopped")
            self._pending = [one for one in self._pending if not one.done()] + [pending]
        return pending

    def stop(self) -> None:
        """Cancels what is under way; `submit` fails from now on."""
        with self._lock:
            self._stopped = True
            for one in self._pending:
                one.cancel()


async def stoppable(run: Callable[[], _T], stop: Stop) -> _T:
    """What a function returns that runs in a thread; cancelling the task stops it."""
    try:
        return await asyncio.to_thread(run)
    except asyncio.CancelledError:
        stop.stop()
        raise


async def _all(group: Sequence[Any]) -> list[Any]:
    """What coroutines return; an error of one cancels the others."""
    tasks = [asyncio.ensure_future(one) for one in group]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _beams(job: Job) -> int:
    """By how much a job takes longer than with the usual beam."""
    beams = max(job.alternatives + 1, int(job.options.get("beam_size", 1)))
    return -(-beams // _USUAL_BEAM)


def _plain(text: str, format: Format) -> str:
    """What a language is recognised by: text without tags."""
    if format == "text":
        return text
    return re.sub(r"<[^<>]*>", " ", text)


def _different(best: Translation, others: Sequence[Translation]) -> tuple[Translation, ...]:
    """Of translations with the same text the first."""
    first = {one.text: one for one in reversed(others)}
    kept = dict.fromkeys(one.text for one in others if one.text != best.text)
    return tuple(first[text] for text in kept)
