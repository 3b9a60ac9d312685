"""Documents under way: translated in threads, kept in a private folder for a short time."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import pathlib
import re
import secrets
import shutil
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from pyattn.documents import DocumentSettings, format_names
from pyattn.documents import translate as translate_document
from pyattn.documents.formats import check_format, format_of, read_document
from pyattn.errors import DocumentError
from pyattn.serving.problems import Problem
from pyattn.serving.work import Stop, Work, stoppable
from pyattn.text.detection import UNKNOWN

# Segments that the language of a document is found by; single words would mislead.
_LONGEST = 20
# Documents that are read and written at a time, which takes memory.
_AT_ONCE = 2
# Results that are kept at a time, and their bytes together; the oldest go first.
_MOST_RESULTS = 100
_MOST_RESULT_BYTES = 1 << 30
# Who knows a name learns how far its document is, without a key.
_UNGUESSABLE = re.compile(r"[0-9a-f]{32}", re.ASCII)


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


@dataclasses.dataclass
class Progress:
    """How far a document is.

    Attributes:
        begun: When its translation began, in seconds; None while it waits.
        share: The share of it that is translated, from 0 to 1.
        characters: Characters that were translated.
    """

    begun: float | None = None
    share: float = 0.0
    characters: int = 0

    @property
    def seconds_left(self) -> int | None:
        """About how long it will still take; None if that is not known."""
        if self.begun is None or not self.share:
            return None
        return round((time.monotonic() - self.begun) * (1 - self.share) / self.share)


@dataclasses.dataclass
class _Result:
    """A result: the name that it is downloaded under, its size, and when it is deleted.

    `fetched` says whether somebody had it.
    """

    name: str
    nbytes: int
    until: float
    fetched: bool = False


class Files:
    """Translates documents and keeps the results.

    Args:
        work: Finds the way from a language to another.
        most: How many documents may wait or be under way.
        minutes: How long results are kept.

    Attributes:
        count: Documents that wait or are under way.
        tasks: Those of them for which nobody waits.
    """

    def __init__(self, work: Work, most: int, minutes: float) -> None:
        self._work = work
        self._most = most
        self._seconds = minutes * 60
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._folder: pathlib.Path | None = None
        self._results: dict[str, _Result] = {}
        self._shown: dict[str, Progress] = {}
        self.count = 0
        self.tasks: set[asyncio.Task[bytes]] = set()

    @staticmethod
    def formats() -> list[str]:
        """The extensions of all formats, without the dot."""
        return list(format_names())

    async def translated(self, paper: Paper, progress: Progress | None = None) -> bytes:
        """A translated document; cancelling the task ends the search.

        Args:
            paper: The document.
            progress: Learns how far it is.

        Raises:
            Problem: if it is broken, its format or a language is not there, or the service is busy.
        """
        with self._place():
            return await self._in_turn(paper, progress or Progress(), None)

    def start(self, paper: Paper, progress: Progress, seconds: float) -> asyncio.Task[bytes]:
        """Translates a document while nobody waits.

        Args:
            paper: The document.
            progress: Learns how far it is.
            seconds: How long it may take once it has begun.

        Raises:
            Problem: if its format or a language is not there, or the service is busy. What is wrong
                with the document itself is raised by the task.
        """
        try:
            check_format(paper.format or format_of(pathlib.PurePath(paper.name)))
        except DocumentError as error:
            raise Problem(400, str(error)) from error
        self._work.check_languages(paper.source, paper.target)
        place = contextlib.ExitStack()
        place.enter_context(self._place())
        task = asyncio.ensure_future(self._in_turn(paper, progress, seconds))
        self.tasks.add(task)
        task.add_done_callback(lambda _: place.close())
        task.add_done_callback(self.tasks.discard)
        return task

    async def _in_turn(self, paper: Paper, progress: Progress, seconds: float | None) -> bytes:
        async with self._limit:
            progress.begun = time.monotonic()
            try:
                return await asyncio.wait_for(self._translated(paper, progress), seconds)
            except asyncio.TimeoutError:
                raise Problem(504, f"not done in {seconds:g} seconds: send less at once") from None

    async def _translated(self, paper: Paper, progress: Progress) -> bytes:
        work = self._work

        def learn(share: float) -> None:
            progress.share = share

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
                made = await stoppable(
                    lambda: translate_document(paper.data, format, stop, progress=learn, **options),
                    stop,
                )
                progress.characters = stop.characters
                return made
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
    def shown(self, name: str | None, progress: Progress) -> Iterator[None]:
        """Shows how far a document is under a name that its client has made up, for a time.

        Raises:
            Problem: if the name could be guessed, or another document has it.
        """
        if name is None:
            yield
            return
        if not _UNGUESSABLE.fullmatch(name):
            raise Problem(400, "Invalid request: progress_id has other than 32 hexadecimal digits")
        if name in self._shown:
            raise Problem(400, "Invalid request: progress_id is that of another document")
        self._shown[name] = progress
        try:
            yield
        finally:
            del self._shown[name]

    def progress(self, name: str) -> Progress | None:
        """How far a document is; None if none is under way under this name."""
        return self._shown.get(name)

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
        if self._folder is None:
            # Only this user may read it.
            self._folder = pathlib.Path(tempfile.mkdtemp(prefix="pyattn-results-"))
        token = secrets.token_hex(16)
        file = self._folder / token
        file.write_bytes(data)
        file.chmod(0o600)
        self._results[token] = _Result(name, len(data), time.monotonic() + self._seconds)
        while len(self._results) > _MOST_RESULTS or self._nbytes() > _MOST_RESULT_BYTES:
            self.forget(next(iter(self._results)))
        return token

    def _nbytes(self) -> int:
        return sum(one.nbytes for one in self._results.values())

    def kept(self, token: str) -> tuple[bytes, str] | None:
        """A result and its name; None if it is not there, or not any more."""
        self.clean()
        found = self._results.get(token)
        if found is None or self._folder is None:
            return None
        found.fetched = True
        return (self._folder / token).read_bytes(), found.name

    def unfetched_since(self, moment: float) -> bool:
        """Whether a result is kept that was made after a moment and that nobody has fetched."""
        found = self._results.values()
        return any(not one.fetched and one.until - self._seconds > moment for one in found)

    def forget(self, token: str) -> None:
        """Deletes a result."""
        if self._results.pop(token, None) is not None and self._folder is not None:
            (self._folder / token).unlink(missing_ok=True)

    def clean(self) -> None:
        """Deletes the results whose time is over."""
        now = time.monotonic()
        for token in [token for token, one in self._results.items() if one.until < now]:
            self.forget(token)

    def close(self) -> None:
        """Deletes all results."""
        self._results.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def file_name(name: str | None) -> str:
    """The last part of a file's name, as clients of all systems send it.

    Raises:
        Problem: if it has no extension.
    """
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(sign for sign in last if sign.isprintable())[-200:]
    if "." not in shown:
        raise Problem(400, "Invalid request: the file's name has no extension, such as .html")
    return shown


def attachment(data: bytes, name: str) -> Response:
    """A file that browsers store and do not open."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    quoted = urllib.parse.quote(name, safe="")
    return Response(
        data,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quoted}",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
