"""Why a request is refused."""

from __future__ import annotations


class Problem(Exception):
    """A request that is refused, with the reason for its client.

    Args:
        status: The status of HTTP.
        message: One sentence that says what to change.
        retry_after: Seconds after which the client may ask again; None if that would not help.
    """

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        # What a client sent may be no Unicode, and comes back in some messages.
        message = message.encode("utf-8", "backslashreplace").decode()
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
