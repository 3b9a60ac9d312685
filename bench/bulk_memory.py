"""Peak memory of `pyattn translate` over files of records that are ten times larger each.

    python bench/bulk_memory.py --sources train.en --write bench/results/bulk_memory

Records are JSON objects with a number and a sentence of --sources, of which the first 2,000 come
again and again: such are translated once as long as the cache remembers them, so a large file takes
minutes. Parquet files have the same records in row groups of 10,000. Each run is a process of its
own, on one thread; its peak is what the kernel says of it (`ru_maxrss`).
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
from report import heading, table, write

_DISTINCT = 2000
_ROW_GROUP = 10_000
# By which a peak may grow until the groups under way are full.
_GROWTH = 1.3
_KINDS = (".jsonl", ".jsonl.gz", ".parquet")


def main() -> int:
    """Measure and print; 1 if memory grows with the file. One that is not whole is an error."""
    options = _parser().parse_args()
    lines = [line for line in options.sources.read_text("utf-8").splitlines() if line.strip()]
    results = machine.provenance("bulk_memory", sys.argv[1:], ("pyattn", "pyarrow"))
    results["cells"] = cells = []
    for kind, count in itertools.product(options.kinds, options.records):
        with tempfile.TemporaryDirectory() as folder:
            cell = _measured(Path(folder), kind, count, lines[:_DISTINCT])
        print(json.dumps(cell), flush=True)
        cells.append(cell)
    results["faults"] = faults(cells)
    text = [
        *heading("Memory of bulk translation", results),
        f"    {results['command']}",
        "",
        "`bench/bulk_memory.py` says what is translated.",
        "",
        *table(
            ["file", "records", "file MB", "seconds", "peak MB"],
            [[f"{one[key]:,}" if key != "file" else one[key] for key in one] for one in cells],
        ),
        *("", *(f"FAILED: {fault}" for fault in results["faults"])),
    ]
    write(options.write, results, "\n".join(text))
    return 1 if results["faults"] else 0


def faults(cells: list[dict[str, Any]]) -> list[str]:
    """Peaks that grow with the number of records, a kind of file at a time."""
    found = []
    for kind in dict.fromkeys(cell["file"] for cell in cells):
        peaks = [cell["peak"] for cell in cells if cell["file"] == kind]
        if peaks[-1] > peaks[0] * _GROWTH:
            found.append(f"{kind}: at most {peaks[0]} MB grew to {peaks[-1]} MB")
    return found


def _measured(folder: Path, kind: str, count: int, lines: list[str]) -> dict[str, Any]:
    source, target = folder / f"in{kind}", folder / f"out{kind}"
    records = ({"id": n, "text": lines[n % len(lines)]} for n in range(count))
    _write(source, records)
    start = time.perf_counter()
    command = ["translate", "--input", str(source), "--output", str(target), "--threads", "1"]
    process = subprocess.Popen([sys.executable, "-m", "pyattn", *command])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or _count(target) != count:
        raise RuntimeError(f"{target.name}: not all {count} records are there")
    return {
        "file": kind,
        "records": count,
        "megabytes": round(source.stat().st_size / 1e6, 1),
        "seconds": round(time.perf_counter() - start),
        "peak": round(usage.ru_maxrss * 1024 / 1e6, 1),
    }


def _write(path: Path, records: Iterator[dict[str, Any]]) -> None:
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
        with pq.ParquetWriter(path, schema) as file:
            while group := list(itertools.islice(records, _ROW_GROUP)):
                file.write_table(pa.Table.from_pylist(group, schema))
        return
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")


def _count(path: Path) -> int:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return sum(b'"translation": "' in line for line in file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure bulk; see this file's head.")
    parser.add_argument("--sources", type=Path, required=True, help="a file with a text a line")
    parser.add_argument("--kinds", nargs="+", choices=_KINDS, default=list(_KINDS))
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--write", type=Path, required=True, metavar="PATH")
    return parser


if __name__ == "__main__":
    sys.exit(main())
