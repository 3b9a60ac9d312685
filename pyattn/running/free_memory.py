"""Free memory of this process."""

from __future__ import annotations

import os
import pathlib

# Of the control group that the process sees as its own: (limit, used), version 2 and version 1.
_CGROUP_FILES = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def available_memory() -> int:
    """Free bytes: of the system, and within the limit of the control group.

    Of the system, its own estimate if there is one (Linux), else all of its memory.
    """
    return max(min([_system_memory(), *_cgroup_memory()]), 0)


def _system_memory() -> int:
    try:
        for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cgroup_memory() -> list[int]:
    found = []
    for limit, used in _CGROUP_FILES:
        try:
            most = pathlib.Path(limit).read_text().strip()
            if most != "max":
                found.append(int(most) - int(pathlib.Path(used).read_text()))
        except (OSError, ValueError):
            continue
    return found
