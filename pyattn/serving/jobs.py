"""Documents that are translated while nobody waits, and fetched later."""

from __future__ import annotations

import asyncio
import dataclasses
import hmac
import logging
import secrets
import time
from collections.abc import Callable

from pyattn.serving.files import Files, Paper, Progress
from pyattn.serving.problems import Problem

_log = logging.getLogger("pyattn.serving")

# Jobs that are remembered; the oldest that are done go first.
_MOST_JOBS = 1_000


@dataclasses.dataclass(eq=False)
class DocumentJob:
    """A document under way, or done.

    Attributes:
        owner: Whose it is.
        name: The name of the translated file.
        progress: How far it is.
        id: What its owner calls it.
        key: What its owner has to know beside the id.
        error: Why it could not be translated; None if it can be, or is.
        token: The result, by its name at `Files`; None as long as there is none.
        until: When it is forgotten, in seconds; None while it is under way.
        over: Set when it is not under way any more.
    """

    owner: str
    name: str
    progress: Progress
    id: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16).upper())
    key: str = dataclasses.field(default_factory=lambda: secrets.token_hex(32).upper())
    error: str | None = None
    token: str | None = None
    until: float | None = None
    over: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    @property
    def status(self) -> str:
        """In DeepL's words: "queued", "translating", "done" or "error"."""
        if self.until is not None:
            return "done" if self.error is None else "error"
        return "queued" if self.progress.begun is None else "translating"


class Jobs:
    """Documents that are translated while nobody waits.

    Args:
        files: Translates them, and keeps the results.
        minutes: How long what is done is remembered.
        seconds: How long a document may take.
        translated: Learns an owner and a number of characters when a document is done.
    """

    def __init__(
        self,
        files: Files,
        minutes: float,
        seconds: float,
        translated: Callable[[str, int], None],
    ) -> None:
        self._files = files
        self._kept = minutes * 60
        self._seconds = seconds
        self._translated = translated
        self._jobs: dict[str, DocumentJob] = {}

    def ended_since(self, moment: float) -> bool:
        """Whether a document that is still here was done, or failed, after a moment."""
        ends = (one.until - self._kept for one in self._jobs.values() if one.until is not None)
        return any(end > moment for end in ends)

    def start(self, owner: str, paper: Paper, name: str) -> DocumentJob:
        """Begins to translate a document.

        Args:
            owner: Whose it is.
            paper: The document.
            name: The name of the translated file.

        Raises:
            Problem: as `Files.start`.
        """
        self.clean()
        job = DocumentJob(owner, name, Progress())
        task = self._files.start(paper, job.progress, self._seconds)
        task.add_done_callback(lambda _: self._finish(job, task))
        self._jobs[job.id] = job
        return job

    def get(self, owner: str, id: str, key: str) -> DocumentJob:
        """A job of an owner who knows its key.

        Raises:
            Problem: if there is none.
        """
        self.clean()
        found = self._jobs.get(id)
        right = hmac.compare_digest(
            key.encode("utf-8", "surrogatepass"), (found.key if found else "").encode()
        )
        if found is None or not right or found.owner != owner:
            raise Problem(404, "Document not found")
        return found

    def taken(self, job: DocumentJob) -> bytes | None:
        """The translated document, which is deleted with this; None if it is not kept any more."""
        kept = None if job.token is None else self._files.kept(job.token)
        if job.token is not None:
            self._files.forget(job.token)
        self._jobs.pop(job.id, None)
        return None if kept is None else kept[0]

    def clean(self) -> None:
        """Forgets what is done for long, or is too much."""
        now = time.monotonic()
        done = [one for one in self._jobs.values() if one.until is not None]
        most = max(0, len(self._jobs) - _MOST_JOBS)
        for number, job in enumerate(done):
            if number < most or (job.until is not None and job.until < now):
                self.taken(job)

    def _finish(self, job: DocumentJob, task: asyncio.Task[bytes]) -> None:
        job.until = time.monotonic() + self._kept
        job.over.set()
        if task.cancelled():
            job.error = "the service ended"
            return
        error = task.exception()
        if error is None:
            job.token = self._files.keep(task.result(), job.name)
            self._translated(job.owner, job.progress.characters)
        else:
            known = isinstance(error, Problem)
            job.error = error.message if known else "the service failed"  # type: ignore[attr-defined]
            if not known:
                _log.error("a document failed", exc_info=error)
