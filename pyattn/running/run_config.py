"""The config of a loaded model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pyattn.model_config import ModelConfig
from pyattn.running import precision


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig(ModelConfig):
    """The config of a loaded model: what it is, and how this machine runs it.

    Attributes:
        dtype: The number type of most weights in computation.
        other_dtypes: Names (`pyattn.running.precision`) and types of products with another type.
        isa: The level of instructions, one of `pyattn.cpu_info()`'s.
    """

    dtype: str
    other_dtypes: Mapping[str, str] = dataclasses.field(hash=False)
    isa: str

    @classmethod
    def of(cls, config: ModelConfig, types: Mapping[str, str], isa: str) -> RunConfig:
        """The config of a model whose products are computed in `types`, by their names."""
        most = precision.commonest(types, config)
        others = {name: other for name, other in types.items() if other != most}
        return cls(**_fields(config), dtype=most, other_dtypes=others, isa=isa)

    def summary(self) -> str:
        """The same in a few words."""
        sizes = dict.fromkeys(self.stack(stack).vocab for stack in self.stacks)
        vocab = f"vocabular{'y' if len(sizes) == 1 else 'ies'} " + " and ".join(
            f"{size:,}" for size in sizes
        )
        layers = "+".join(str(self.stack(stack).layers) for stack in self.stacks)
        mostly = "mostly " if self.other_dtypes else ""
        return (
            f"{self.family}, {layers} layers, dim {self.dim:,}, {vocab}, "
            f"{mostly}{self.dtype} on {self.isa}"
        )


def _fields(config: ModelConfig) -> dict[str, Any]:
    # Unlike `dataclasses.asdict` it leaves a field that is a dataclass as it is.
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
