"""Where a model came from: what it takes to load it again, here or on another machine."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

SHIPPED_MODEL = pathlib.Path(__file__).parents[1] / "models" / "en-es"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """What `pyattn.load` was asked for, as far as the model goes.

    Attributes:
        path: The model's path, absolute; None for the model that comes with the package, which each
            machine has in a place of its own.
        settings: Keywords of `pyattn.Model`.
        rebuild: Makes a translator that was pickled of what it was pickled as.
    """

    path: str | None
    settings: Mapping[str, Any]
    rebuild: Callable[..., Any]

    @property
    def folder(self) -> pathlib.Path:
        """The path here."""
        return SHIPPED_MODEL if self.path is None else pathlib.Path(self.path)
