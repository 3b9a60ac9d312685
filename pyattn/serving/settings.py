"""Settings of the service, from arguments and from the environment."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import typing
from collections.abc import Mapping
from typing import Any

_PREFIX = "PYATTN_SERVE_"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What the service accepts, and how long it takes.

    Each may also be an environment variable: `body_bytes` is PYATTN_SERVE_BODY_BYTES; lists are
    separated by commas. Arguments win over variables.

    Attributes:
        body_bytes: Largest body of a request without files.
        file_bytes: Largest file.
        text_characters: Longest text.
        request_texts: Most texts of a request.
        alternatives: Most alternatives of a translation.
        queue_tokens: Source tokens that may wait or be under way, at three bytes of UTF-8 a token.
            More are refused with 503; a request on its own is always accepted.
        queue_seconds: How long a request may have to wait, by the speed of late; it is refused
            likewise if that would be longer.
        queue_files: Files that may wait or be under way.
        seconds: Deadline of a request; later ones end with 504.
        file_seconds: Deadline of a request with a file.
        body_seconds: How long a client may take to send its request, and ten times of it to send a
            file.
        keys: API keys; without any, every key and none is accepted.
        requests_per_minute: Requests per key, or per address without a key; 0 for no limit.
        trust_proxy: Whether the address is that in the header X-Forwarded-For.
        cors: Origins whose pages may call the service; "*" for all.
        metrics: Whether /metrics is there.
        page: Whether the page for people is there.
        files: Whether documents are translated.
        patterns: Whether `protect` in a request has regular expressions, which can be made to take
            for ever; otherwise it has exact texts.
        data: A private folder for glossaries and suggestions, which last; None for memory only, and
            no suggestions.
        result_minutes: How long translated documents can be fetched.
        memory_bytes: Weights that may be loaded at a time; 0 for no limit. Models that are longest
            unused go first.
        threads: Threads of each model; None for as many as the process may use.
        dtype: The number type of weights, as for `pyattn.load`.
        root_path: The path under which a proxy offers the service.
    """

    body_bytes: int = 2_000_000
    file_bytes: int = 20_000_000
    text_characters: int = 100_000
    request_texts: int = 1_000
    alternatives: int = 8
    queue_tokens: int = 50_000
    queue_seconds: float = 15.0
    queue_files: int = 16
    seconds: float = 120.0
    file_seconds: float = 900.0
    body_seconds: float = 20.0
    keys: tuple[str, ...] = ()
    requests_per_minute: int = 0
    trust_proxy: bool = False
    cors: tuple[str, ...] = ()
    metrics: bool = True
    page: bool = True
    files: bool = True
    patterns: bool = False
    data: pathlib.Path | None = None
    result_minutes: float = 30.0
    memory_bytes: int = 0
    threads: int | None = None
    dtype: str = "auto"
    root_path: str = ""

    def __post_init__(self) -> None:
        for name, kind in _kinds().items():
            value = getattr(self, name)
            if kind in (int, float):
                number = (int, float) if kind is float else int
                if isinstance(value, bool) or not isinstance(value, number):
                    raise TypeError(f"{name} is {value!r}, expected a number")
                least = 0 if name in _MAY_BE_0 else _SHORTEST if kind is float else 1
                if not least <= value < 1 << 50:
                    raise ValueError(f"{name} is {value!r}, expected at least {least}")
            elif kind is bool and not isinstance(value, bool):
                raise TypeError(f"{name} is {value!r}, expected True or False")
            elif kind == tuple[str, ...] and (
                isinstance(value, str) or not all(isinstance(one, str) and one for one in value)
            ):
                raise TypeError(f"{name} is {value!r}, expected a list of str, none of them empty")
        if self.data is not None and not isinstance(self.data, pathlib.Path):
            object.__setattr__(self, "data", pathlib.Path(self.data))
        path = self.root_path.strip("/")
        object.__setattr__(self, "root_path", f"/{path}" if path else "")

    @classmethod
    def chosen(
        cls, given: Mapping[str, Any], environment: Mapping[str, str] | None = None
    ) -> ServiceSettings:
        """The settings that are given, else those of the environment.

        Args:
            given: Settings by name; None is not given.
            environment: Variables; None for those of the process.

        Raises:
            TypeError: if there is no such setting, or one has a wrong type.
            ValueError: if one has a wrong value; the message names it.
        """
        unknown = sorted(given.keys() - _kinds().keys())
        if unknown:
            known = ", ".join(_kinds())
            raise TypeError(f"serve: there is no setting {unknown[0]!r}, expected one of {known}")
        variables = os.environ if environment is None else environment
        texts = {
            name: text
            for name in _kinds()
            if (text := variables.get(_PREFIX + name.upper())) not in (None, "")
        }
        chosen = {}
        for name, text in texts.items():
            try:
                chosen[name] = read_setting(name, text)
            except ValueError as error:
                raise ValueError(f"{_PREFIX}{name.upper()}: {error}") from None
        return cls(**chosen | {name: one for name, one in given.items() if one is not None})


_MAY_BE_0 = {"alternatives", "requests_per_minute", "memory_bytes"}
_SHORTEST = 0.01  # of what is a time


def _kinds() -> dict[str, Any]:
    """The type of each setting."""
    return typing.get_type_hints(ServiceSettings)


def read_setting(name: str, text: str) -> Any:
    """The value of a setting that is written as text.

    Raises:
        TypeError: if there is no such setting.
        ValueError: if it has another type.
    """
    if name not in _kinds():
        known = ", ".join(_kinds())
        raise TypeError(f"there is no setting {name!r}, expected one of {known}")
    kind = _kinds()[name]
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is bool:
        value = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        if text.lower() not in value:
            raise ValueError(f"{name} is {text!r}, expected true or false")
        return value[text.lower()]
    if kind in (int, float, int | None):
        try:
            return float(text) if kind is float else int(text)
        except ValueError:
            raise ValueError(f"{name} is {text!r}, expected a number") from None
    return pathlib.Path(text) if kind == pathlib.Path | None else text
