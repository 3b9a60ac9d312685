"""The roof over a kernel (Williams et al. 2009): what the machine lets it reach at most."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

DRAM = "DRAM"

# Which instructions of peaks.cc a level of pyattn may use, by the names before the number type.
_INSTRUCTIONS = {
    "portable": ("sse2", "neon"),
    "avx2": ("avx2",),
    "avx_vnni": ("avx2", "avx_vnni"),
    "avx512": ("avx2", "avx512"),
    "avx512_vnni": ("avx2", "avx512", "avx512_vnni"),
    "avx512_bf16": ("avx2", "avx512", "avx512_vnni", "avx512_bf16"),
    "amx": ("avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx"),
    "neon": ("neon",),
    "neon_dotprod": ("neon", "neon_dotprod"),
    "neon_i8mm": ("neon", "neon_dotprod", "neon_i8mm"),
}


@dataclasses.dataclass(frozen=True)
class Caches:
    """Bytes of one core's caches, from the nearest on; the last of three is shared."""

    sizes: Mapping[str, int]  # such as {"L1": 32768, "L2": 1048576, "L3": 33554432}

    def level(self, size: int) -> str:
        """The nearest memory that holds so many bytes; of a shared cache, three quarters count.

        A matrix that just fits its cache is measured against that cache, though its neighbours push
        some of it out: a roof is rather too high than too low.
        """
        for name, capacity in self.sizes.items():
            if size <= (capacity * 3 // 4 if name == "L3" else capacity):
                return name
        return DRAM

    def copies(self, size: int) -> int:
        """How many matrices of so many bytes to go round, that none is in L2 when its turn comes.

        Four times L2 if L3 bears it. Where it does not, so many that L3 has none either.
        """
        private = self.sizes.get("L2", 1 << 20)
        shared = self.sizes.get("L3", 0)
        total = 4 * private if 4 * private <= shared // 2 else 2 * max(shared, private)
        return math.ceil(total / size) if size < total else 1

    def probes(self) -> dict[str, int]:
        """Bytes to read for the bandwidth of each memory: half a cache, and of L3 as `copies`."""
        last = max(self.sizes.values(), default=1 << 25)
        sizes = {
            name: min(4 * self.sizes.get("L2", size), size // 2) if name == "L3" else size // 2
            for name, size in self.sizes.items()
        }
        return {**sizes, DRAM: max(4 * last, 1 << 28)}


def parse_caches(described: Mapping[str, str]) -> Caches:
    """The caches for data, of what `machine.describe` says: {"L1d": "32K", "L1i": ...}."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    sizes = {}
    for name, text in described.items():
        if not name.endswith("i"):
            sizes[name.rstrip("d")] = int(text.rstrip("KMG")) * units.get(text[-1], 1)
    return Caches(dict(sorted(sizes.items())))


def peak(peaks: Mapping[str, float], dtype: str, isa: str | None = None) -> float:
    """The best rate in `dtype` by the instructions of a level; of the machine if None or unknown.

    bfloat16 can be multiplied in float32 everywhere, by widening it.
    """
    allowed = _INSTRUCTIONS.get(isa or "")
    dtypes = (dtype, "float32") if dtype == "bfloat16" else (dtype,)
    found = [
        rate
        for name, rate in peaks.items()
        for instructions, _, of in [name.rpartition("_")]
        if of in dtypes and (allowed is None or instructions in allowed)
    ]
    return max(found, default=math.nan)


def roof(
    work: float, traffic: Mapping[str, float], *, peak: float, bandwidth: Mapping[str, float]
) -> float:
    """min(peak, intensity * bandwidth), in 10^9 operations/s.

    Args:
        work: Operations; a multiply-add is two.
        traffic: Bytes that come from, or go to, each memory; one after the other.
        peak: 10^9 operations/s.
        bandwidth: 10^9 bytes/s of each memory.
    """
    seconds = sum(size / bandwidth[memory] for memory, size in traffic.items())
    return min(peak, work / seconds) if seconds else peak
