"""The config of a loaded model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pyattn.checkpoint import ModelConfig
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
        return cls(**dataclasses.asdict(config), dtype=most, other_dtypes=others, isa=isa)

    def summary(self) -> str:
        """The same in a few words."""
        vocab = f"vocabulary {self.source_vocab:,}"
        if self.target_vocab not in (0, self.source_vocab):
            vocab = f"vocabularies {self.source_vocab:,} and {self.target_vocab:,}"
        layers = "+".join(str(self.stack(stack).layers) for stack in self.stacks)
        mostly = "mostly " if self.other_dtypes else ""
        return (
            f"{self.family}, {layers} layers, dim {self.dim:,}, {vocab}, "
            f"{mostly}{self.dtype} on {self.isa}"
        )
