"""The origin of a model: what is needed to load it again, here or on another machine."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

SHIPPED_MODEL = pathlib.Path(__file__).parents[1] / "models" / "en-es"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """The arguments of `pyattn.load` that concern the model.

    Attributes:
        path: The model's absolute path; None for the included model, whose path differs between
            machines.
        settings: Keywords of `pyattn.Model`.
        rebuild: Makes a pickled translator from its pickled parts.
    """

    path: str | None
    settings: Mapping[str, Any]
    rebuild: Callable[..., Any]

    @property
    def folder(self) -> pathlib.Path:
        """The model's path on this machine."""
        return SHIPPED_MODEL if self.path is None else pathlib.Path(self.path)
