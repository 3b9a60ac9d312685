"""Ten times what `pyattn serve` can do, and a long time of what it can.

    python bench/overload.py --sources train.en --write bench/results/overload

- overload: requests of ten sentences arrive, whether or not earlier ones are answered, at ten times
  the rate that 16 clients which wait for their answers get. All statuses are counted, and the
  server's memory is read every second.
- soak: 16 clients that wait, or requests at a rate; some leave in the middle, and there are files
  and wrong requests among them.

The server is on one core, on one thread; its clients are on another.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
import psutil
from report import heading, table, write
from service import served

_SENTENCES = 10
_LEAST_SECONDS = 10
# Some requests of the soak are wrong, and some leave.
_EXPECTED = ("200", "400", "503", "left")
# More than what the heap of a long run settles at.
_GROWTH_MB = 32.0


def main() -> int:
    """Measure and print; 1 if something is not as it must be."""
    options = _parser().parse_args()
    lines = [line for line in options.sources.read_text("utf-8").splitlines() if line.strip()]
    texts = itertools.cycle(lines)
    results = machine.provenance("overload", sys.argv[1:], ("pyattn", "uvicorn"))
    command = [sys.executable, "-m", "pyattn", "serve", "--threads", "1", "--quiet"]
    with served(command, options.core) as (port, process):
        results["cells"] = asyncio.run(_measured(port, psutil.Process(process.pid), texts, options))
    results["faults"] = faults(results["cells"])
    text = [
        *heading("Overload and soak of the service", results),
        f"    {results['command']}",
        "",
        "`bench/overload.py` says what is done. Times are those of answers with status 200.",
        "",
        *table(
            ["", "seconds", "requests/s", "statuses", "p50 s", "p99 s", "memory MB, first - last"],
            [[name, *_row(cell)] for name, cell in results["cells"].items()],
        ),
        "",
        "Memory during the soak, MB, a figure a minute: "
        + " ".join(f"{one:.1f}" for one in results["cells"]["soak"]["memory by minute"]),
        *("", *(f"FAILED: {fault}" for fault in results["faults"])),
    ]
    write(options.write, results, "\n".join(text))
    print("\n".join(text))
    return 1 if results["faults"] else 0


def faults(cells: dict[str, Any]) -> list[str]:
    """What must not be: other answers, none at all, or memory that grows as the soak goes on."""
    found = [
        f"{name}: {count} of {status}"
        for name, cell in cells.items()
        for status, count in cell["statuses"].items()
        if status not in _EXPECTED
    ]
    found += [
        f"{name}: no answer" for name, cell in cells.items() if not cell["statuses"].get("200")
    ]
    soak = cells["soak"]
    minutes = soak["memory by minute"]
    level = minutes[len(minutes) // 2] if len(minutes) > 3 else soak["memory"][0]
    if soak["memory"][1] > level + _GROWTH_MB:
        found.append(f"soak: memory grew from {level:.1f} to {soak['memory'][1]:.1f} MB")
    return found


def _row(cell: dict[str, Any]) -> list[str]:
    statuses = ", ".join(f"{status}: {count}" for status, count in cell["statuses"].items())
    memory = f"{cell['memory'][0]:.1f} - {cell['memory'][1]:.1f} (most {cell['memory'][2]:.1f})"
    return [
        f"{cell['seconds']:.0f}",
        f"{cell['rate']:.0f}",
        statuses,
        f"{cell['p50']:.2f}",
        f"{cell['p99']:.2f}",
        memory,
    ]


async def _measured(
    port: int, process: psutil.Process, texts: Iterator[str], options: argparse.Namespace
) -> dict[str, Any]:
    usual = await _during(_LEAST_SECONDS, port, process, texts)
    rate = usual["rate"] * 10
    cells = {"usual": usual}
    if options.overload:
        cells["ten times"] = await _during(options.overload, port, process, texts, rate=rate)
        cells["after it"] = await _during(_LEAST_SECONDS, port, process, texts)
    gentle = options.soak_rate
    cells["soak"] = await _during(options.soak, port, process, texts, rate=gentle, odd=True)
    return cells


async def _during(
    seconds: float,
    port: int,
    process: psutil.Process,
    texts: Iterator[str],
    *,
    rate: float | None = None,
    odd: bool = False,
) -> dict[str, Any]:
    """Requests for a time: of 16 clients that wait, or at a rate."""
    statuses: collections.Counter[str] = collections.Counter()
    times: list[float] = []
    memory: list[float] = []
    end = time.perf_counter() + seconds

    async def one(number: int) -> None:
        start = time.perf_counter()
        status = await _asked(port, list(itertools.islice(texts, _SENTENCES)), number if odd else 0)
        statuses[status] += 1
        if status == "200":
            times.append(time.perf_counter() - start)

    async def client(number: int) -> None:
        while time.perf_counter() < end:
            await one(number)
            number += 16

    async def watch() -> None:
        # What a server first allocates stays; the first seconds are not its memory.
        await asyncio.sleep(min(5, seconds / 2))
        while True:
            memory.append(process.memory_info().rss / 1e6)
            await asyncio.sleep(1)

    watching = asyncio.ensure_future(watch())
    began = time.perf_counter()
    if rate is None:
        await asyncio.gather(*(client(number) for number in range(1, 17)))
    else:
        tasks = set()
        for number in itertools.count():
            due = began + number / rate
            if due > end:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.ensure_future(one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
    watching.cancel()
    took = time.perf_counter() - began
    times.sort()
    return {
        "seconds": took,
        "rate": sum(statuses.values()) / took,
        "statuses": dict(sorted(statuses.items())),
        "p50": times[len(times) // 2] if times else float("nan"),
        "p99": times[len(times) * 99 // 100] if times else float("nan"),
        "memory": [memory[0], memory[-1], max(memory)],
        "memory by minute": [round(one, 1) for one in memory[::60]],
    }


async def _asked(port: int, lines: list[str], number: int) -> str:
    """The status of a request; of odd numbers some are wrong, leave or have a file."""
    fields: dict[str, Any] = {"q": lines, "source": "en", "target": "es"}
    path, kind = "/translate", "application/json"
    body = json.dumps(fields).encode()
    if number % 50 == 7:
        body = body[:-5]
    if number % 50 == 17:
        path, kind = "/translate_file", "multipart/form-data; boundary=b"
        parts = {"source": "en", "target": "es", 'file"; filename="a.html': "<p>".join(lines)}
        body = b"".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in parts.items()
        )
        body += b"--b--\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        if number % 50 == 27:
            await asyncio.sleep(0.01)
            writer.transport.abort()
            return "left"
        answer = await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    except OSError as error:
        return type(error).__name__
    head = answer.partition(b"\r\n\r\n")[0].lower()
    status = head.split()[1].decode() if head else "no answer"
    if status == "503" and b"\r\nretry-after: " not in head:
        return "503 without Retry-After"
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Try the service hard; see this file's head.")
    parser.add_argument("--sources", type=Path, required=True, help="a file with a text a line")
    parser.add_argument("--overload", type=float, default=120, metavar="SECONDS", help="0 for none")
    parser.add_argument("--soak", type=float, default=1800, metavar="SECONDS")
    parser.add_argument(
        "--soak-rate", type=float, metavar="REQUESTS", help="per second, in place of 16 clients"
    )
    parser.add_argument("--core", default="0", help="the server's")
    parser.add_argument("--write", type=Path, required=True, metavar="PATH")
    return parser


if __name__ == "__main__":
    sys.exit(main())
