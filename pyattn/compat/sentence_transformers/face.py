"""What the two classes have in common beside texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyattn.compat.sentence_transformers import arguments
from pyattn.encoder_model import EncoderModel

if TYPE_CHECKING:
    from typing_extensions import Self


class Face:
    """A model on a CPU, which is never trained."""

    _engine: EncoderModel

    @property
    def device(self) -> str:
        """Where the model runs."""
        return "cpu"

    def to(self, device: Any = None) -> Self:
        """Itself.

        Raises:
            ValueError: if the device is no CPU.
        """
        arguments.check_device("to", device)
        return self

    def eval(self) -> Self:
        """Itself, which is never trained."""
        return self

    def __getattr__(self, name: str) -> Any:
        arguments.missing(type(self).__name__, name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._engine!r})"
