"""Processor, instruction levels and threads of this machine."""

from __future__ import annotations

import dataclasses

from pyattn import _core


@dataclasses.dataclass(frozen=True, kw_only=True)
class CpuInfo:
    """Processor, instruction levels and threads of a machine.

    Attributes:
        name: The processor's name.
        isas: Levels of instructions that can run here, best first.
        isa: The default level: the best, or PYATTN_ISA.
        threads: The default number of threads: as many as the process may use (CPU affinity and
            cgroup quota), or PYATTN_NUM_THREADS.
    """

    name: str
    isas: tuple[str, ...]
    isa: str
    threads: int


def cpu_info() -> CpuInfo:
    """Processor, instruction levels and threads of this machine.

    Raises:
        ValueError: if PYATTN_ISA or PYATTN_NUM_THREADS is not available here. For a level the
            message gives the reason, since Linux may refuse AMX to a process on a CPU that has it.
    """
    return CpuInfo(
        name=_core.cpu_model(),
        isas=tuple(_core.isas()),
        isa=_core.default_isa(),
        threads=_core.default_threads(),
    )
