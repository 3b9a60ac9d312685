"""Documents under way: translated in threads, kept in a private folder for a short time."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import pathlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from pyattn.documents import DocumentSettings, format_names
from pyattn.documents import translate as translate_document
from pyattn.documents.formats import format_of, read_document
from pyattn.errors import DocumentError
from pyattn.serving.problems import Problem
from pyattn.serving.work import Stop, Work, stoppable
from pyattn.text.detection import UNKNOWN

# Segments that the language of a document is found by; single words would mislead.
_LONGEST = 20
# Documents that are read and written at a time, which takes memory.
_AT_ONCE = 2
# Results that are kept at a time; the oldest go first.
_MOST_RESULTS = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paper:
    """A document to translate.

    Attributes:
        data: Its bytes.
        name: Its file name, of which the extension gives the format.
        target: The code of the language to translate into.
        source: The code of its language; None to find out.
        format: Its format; None for that of the name.
        options: As for `pyattn.documents.translate`.
    """

    data: bytes
    name: str
    target: str
    source: str | None = None
    format: str | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Files:
    """Translates documents and keeps the results.

    Args:
        work: Finds the way from a language to another.
        most: How many documents may wait or be under way.
        minutes: How long results are kept.

    Attributes:
        count: Documents that wait or are under way.
    """

    def __init__(self, work: Work, most: int, minutes: float) -> None:
        self._work = work
        self._most = most
        self._seconds = minutes * 60
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._folder: pathlib.Path | None = None
        self._results: dict[str, tuple[str, float]] = {}
        self.count = 0

    @staticmethod
    def formats() -> list[str]:
        """The extensions of all formats, without the dot."""
        return list(format_names())

    async def translated(self, paper: Paper) -> bytes:
        """A translated document; cancelling the task ends the search.

        Raises:
            Problem: if it is broken, its format or a language is not there, or the service is busy.
        """
        with self._place():
            async with self._limit:
                return await self._translated(paper)

    async def _translated(self, paper: Paper) -> bytes:
        work = self._work
        try:
            format = paper.format or format_of(pathlib.PurePath(paper.name), None)
            target = work.language("target", paper.target)
            if paper.source is None:
                source = await asyncio.to_thread(self._language, paper, format, target)
            else:
                source = work.language("source", paper.source)
            route = work.route(source, target)
            if not route.slots:
                return paper.data
            async with work.catalog.lease(route) as translator:
                stop = Stop(translator)  # type: ignore[arg-type]
                options = {**paper.options, "source_language": source, "target_language": target}
                return await stoppable(
                    lambda: translate_document(paper.data, format, stop, **options), stop
                )
        except (DocumentError, TypeError, ValueError) as error:
            raise Problem(400, str(error)) from error
        except ImportError as error:
            raise Problem(501, str(error)) from error

    def _language(self, paper: Paper, format: str, target: str) -> str:
        """The language of a document, which is that of its longest segments."""
        opened = read_document(paper.data, format, DocumentSettings(target_language=target))
        longest = sorted((segment.text for segment in opened.segments), key=len, reverse=True)
        [found] = self._work.detected(["\n".join(longest[:_LONGEST])], target)
        if found.language == UNKNOWN:
            return self._work.catalog.sources_of(target)[0]
        return found.language

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if self.count >= self._most:
            raise Problem(503, "the service is busy with files: try again later", retry_after=30)
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

    def keep(self, data: bytes, name: str) -> str:
        """Keeps a result for a time.

        Args:
            data: The document.
            name: The name that it is downloaded under.

        Returns:
            A name that nobody can guess.
        """
        self.clean()
        while len(self._results) >= _MOST_RESULTS:
            self.forget(next(iter(self._results)))
        if self._folder is None:
            # Only this user may read it.
            self._folder = pathlib.Path(tempfile.mkdtemp(prefix="pyattn-results-"))
        token = secrets.token_hex(16)
        file = self._folder / token
        file.write_bytes(data)
        file.chmod(0o600)
        self._results[token] = (name, time.monotonic() + self._seconds)
        return token

    def kept(self, token: str) -> tuple[bytes, str] | None:
        """A result and its name; None if it is not there, or not any more."""
        self.clean()
        found = self._results.get(token)
        if found is None or self._folder is None:
            return None
        return (self._folder / token).read_bytes(), found[0]

    def forget(self, token: str) -> None:
        """Deletes a result."""
        if self._results.pop(token, None) is not None and self._folder is not None:
            (self._folder / token).unlink(missing_ok=True)

    def clean(self) -> None:
        """Deletes the results whose time is over."""
        now = time.monotonic()
        for token in [one for one, (_, until) in self._results.items() if until < now]:
            self.forget(token)

    def close(self) -> None:
        """Deletes all results."""
        self._results.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
