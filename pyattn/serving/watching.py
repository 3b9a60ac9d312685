"""What operators see: metrics and logs, in which there are no texts, keys and addresses."""

from __future__ import annotations

import collections
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pyattn.serving.problems import Problem

if TYPE_CHECKING:
    from pyattn.serving.endpoints import Call, Endpoint
    from pyattn.serving.service import Service

_log = logging.getLogger("pyattn.serving.requests")

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Watch:
    """Counts and logs requests.

    Args:
        service: What is watched.

    Attributes:
        used: Characters that each holder of a key has had translated; "" without keys.
    """

    def __init__(self, service: Service) -> None:
        self.used: collections.Counter[str] = collections.Counter()
        # The counters of an interface, a route and a status, which take long to be found.
        self._of: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self._registry}
        labels = ("interface", "route", "status")
        self._requests = Counter("pyattn_requests", "Requests that were answered", labels, **own)
        self._seconds = Histogram(
            "pyattn_request_seconds",
            "Time from the head of a request to its answer",
            ("interface", "route"),
            buckets=_SECONDS,
            **own,
        )
        self._texts = Counter("pyattn_texts", "Texts that were translated", **own)
        self._characters = Counter("pyattn_characters", "Characters of these texts", **own)
        tokens = Gauge("pyattn_queue_tokens", "Tokens that wait or are under way", **own)
        tokens.set_function(lambda: service.admission.tokens)
        files = Gauge("pyattn_queue_files", "Files that wait or are under way", **own)
        files.set_function(lambda: service.files.count)
        loaded = Gauge("pyattn_models_loaded", "Models that are loaded", **own)
        loaded.set_function(lambda: sum(s.translator is not None for s in service.catalog.slots))
        weights = Gauge("pyattn_weights_bytes", "Bytes of the weights that are loaded", **own)
        weights.set_function(lambda: sum(slot.nbytes for slot in service.catalog.slots))

    def finished(
        self, endpoint: Endpoint, status: int, seconds: float, call: Call, problem: Problem | None
    ) -> None:
        """Counts and logs a request."""
        key = endpoint.api.name, endpoint.path, status
        found = self._of.get(key)
        if found is None:
            interface, path, _ = key
            requests = self._requests.labels(interface, path, str(status))
            self._of[key] = found = requests, self._seconds.labels(interface, path)
        found[0].inc()
        found[1].observe(seconds)
        if problem is None:
            self._texts.inc(call.texts)
            self.translated(call.owner, call.characters)
        if not _log.isEnabledFor(logging.INFO):
            return
        entry = {
            "interface": endpoint.api.name,
            "method": endpoint.method,
            "route": endpoint.path,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "texts": call.texts,
            "characters": call.characters,
        }
        _log.info("request", extra={"entry": entry})
        cause = None if problem is None else problem.__cause__
        if cause is not None and status >= 500:
            _log.error("%s: %s: %s", problem, type(cause).__name__, cause)

    def translated(self, owner: str, characters: int) -> None:
        """Counts characters."""
        self._characters.inc(characters)
        self.used[owner] += characters

    def metrics(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self._registry)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{created}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "entry", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
