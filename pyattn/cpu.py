"""What this machine offers, and what of it pyattn would use."""

from __future__ import annotations

import dataclasses

from pyattn import _core


@dataclasses.dataclass(frozen=True, kw_only=True)
class CpuInfo:
    """A machine as pyattn sees it.

    Attributes:
        name: The processor's name.
        isas: Levels of instructions that can run here, best first.
        isa: The one that runs: the best, or what PYATTN_ISA says.
        threads: How many threads the process may use (CPU affinity and cgroup quota), or what
            PYATTN_NUM_THREADS says.
    """

    name: str
    isas: tuple[str, ...]
    isa: str
    threads: int


def cpu_info() -> CpuInfo:
    """What this machine offers, and what of it pyattn would use.

    Raises:
        ValueError: if PYATTN_ISA or PYATTN_NUM_THREADS says what is not to be had here; of a level
            the message says why, since Linux may refuse AMX to a process on a CPU that has it.
    """
    return CpuInfo(
        name=_core.cpu_model(),
        isas=tuple(_core.isas()),
        isa=_core.default_isa(),
        threads=_core.default_threads(),
    )
