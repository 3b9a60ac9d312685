"""Other packages' compiled code, kept out of an interpreter that finalises.

Before Python 3.14 a thread that wants the GIL back from an interpreter that finalises is ended by
`pthread_exit`, which aborts the whole process where C++ or Rust is on the thread's stack. The core
handles this itself (csrc/bindings/gil.h). SentencePiece and tokenizers do not, so they are called
through a gate, which closes when the program ends: threads inside leave first, and threads that
arrive later wait for the end.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from types import TracebackType

# Seconds. An exit hook that runs after ours may wait for a thread that waits here, so such a thread
# is let through after this time. Without such a hook the interpreter finalises at once.
_GRACE = 0.5


class Gate:
    """A context in which the interpreter does not begin to finalise."""

    def __init__(self) -> None:
        self._reset()
        atexit.register(self._close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._closer: int | None = None  # the thread that ends the program

    def __enter__(self) -> None:
        with self._lock:
            if self._closer in (None, threading.get_ident()):
                self._inside += 1
                return
        time.sleep(_GRACE)
        with self._lock:
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1

    def _close(self) -> None:
        with self._lock:
            self._closer = threading.get_ident()
        deadline = time.monotonic() + _GRACE
        while self._inside and time.monotonic() < deadline:
            time.sleep(0.001)


gate = Gate()
