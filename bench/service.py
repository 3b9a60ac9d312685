r"""Compare `pyattn serve` with the engine in a process, and with a service of CTranslate2.

    python bench/service.py --sources train.en --model marian-en-es --ctranslate2 marian-en-es-ct2 \
        --write bench/results/service

The server is on one core, on one thread, and its clients on another. Each client asks for a
sentence at a time over a connection that it keeps, and no sentence comes twice.

- in process: `Translator.translate` of the same sentences in one list, on the server's core
- pyattn: `pyattn serve`, over the interface of LibreTranslate
- CTranslate2: a loop of LibreTranslate's shape (`bench/one_by_one.py`): a thread per connection,
  texts translated one by one with int8 weights and a beam of 4

A model with random weights gets --longest, since its translations do not end. Its guard is off.
Rounds are interleaved; figures are medians over them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
from report import heading, table, write

_HERE = Path(__file__).parent
_CLIENTS = (1, 8, 64)
_IN_PROCESS = """
import sys, time, json, pyattn
folder, texts, guard, count = sys.argv[1], sys.argv[2], sys.argv[3] == "1", int(sys.argv[4])
translator = pyattn.load(folder, threads=1)
lines = open(texts, encoding="utf-8").read().split("\\n")[:count]
translator.translate(lines[:8], guard=guard, protect=False)
start = time.perf_counter()
translator.translate(lines[8:], guard=guard, protect=False)
print((len(lines) - 8) / (time.perf_counter() - start))
"""


def main() -> int:
    """Measure and print; 1 if that cannot be."""
    options = _parser().parse_args()
    lines = list(dict.fromkeys(options.sources.read_text("utf-8").splitlines()))
    lines = [line for line in lines if line.strip()]
    results = machine.provenance("service", sys.argv[1:], ("pyattn", "uvicorn", "ctranslate2"))
    with tempfile.TemporaryDirectory() as folder:
        model = _limited(options.model, Path(folder) / "model", options.longest)
        texts = iter(lines)
        cells: dict[str, list[dict[str, float]]] = {}
        for round_ in range(options.rounds):
            for name, cell in _round(model, options, texts, Path(folder)):
                print(round_, name, json.dumps(cell), flush=True)
                cells.setdefault(name, []).append(cell)
    medians = {
        name: {key: round(statistics.median(one[key] for one in found), 3) for key in found[0]}
        for name, found in cells.items()
    }
    results |= {"model": options.model.name, "longest": options.longest, "cells": medians}
    write_results(options.write, results)
    return 0


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Adds the results of a model to those that are there."""
    whole: dict[str, Any] = {"runs": []}
    with contextlib.suppress(OSError):
        whole = json.loads(path.with_suffix(".json").read_text("utf-8"))
    whole["runs"] = [run for run in whole["runs"] if run["model"] != results["model"]] + [results]
    text = [
        *heading("A service against the engine alone, and against one text at a time", results),
        "Sentences/s, milliseconds of the median request and of the 99th of 100, the share of the",
        "engine in process, and by how much pyattn serves more than CTranslate2 for as many",
        "clients. `bench/service.py` says what is compared.",
    ]
    for run in whole["runs"]:
        text += ["", f"## {run['model']}", "", f"    {run['command']}", ""]
        text += [run["remark"], ""] if "remark" in run else []
        text += table(["", "sentences/s", "p50", "p99", "of in process", "factor"], _rows(run))
    write(path, whole, "\n".join(text))


def _rows(run: dict[str, Any]) -> list[list[str]]:
    cells = run["cells"]
    alone = cells["in process"]["rate"]
    rows = []
    for name, cell in cells.items():
        rival = cells.get(name.replace("pyattn", "CTranslate2")) if "pyattn" in name else None
        times = [f"{cell[key]:.1f}" if key in cell else "" for key in ("p50", "p99")]
        factor = f"{cell['rate'] / rival['rate']:.2f}x" if rival else ""
        rows.append([name, f"{cell['rate']:.1f}", *times, f"{cell['rate'] / alone:.0%}", factor])
    return rows


def _round(
    model: Path, options: argparse.Namespace, texts: Iterator[str], folder: Path
) -> Iterator[tuple[str, dict[str, float]]]:
    """One turn of everything."""
    guard = options.longest is None
    some = folder / "texts"
    some.write_text("\n".join(itertools.islice(texts, options.sentences + 8)), encoding="utf-8")
    command = ["taskset", "-c", options.core, sys.executable, "-c", _IN_PROCESS]
    count = str(options.sentences + 8)
    arguments = [str(model), str(some), str(int(guard)), count]
    done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
    yield "in process", {"rate": float(done.stdout)}
    ours = [sys.executable, "-m", "pyattn", "serve", "--model", f"en-es={model}", "--threads", "1"]
    rival = [sys.executable, str(_HERE / "one_by_one.py"), str(options.ctranslate2)]
    if options.longest is not None:
        rival += ["--longest", str(options.longest)]
    for name, server in (("pyattn", [*ours, "--quiet"]), ("CTranslate2", rival)):
        with served(server, options.core) as (port, _):
            asyncio.run(_asked(port, list(itertools.islice(texts, 8)), 1, guard))
            for clients in _CLIENTS:
                share = 4 if clients == 1 else 1
                lines = list(itertools.islice(texts, options.sentences // share))
                cell = asyncio.run(_asked(port, lines, clients, guard))
                yield f"{name}, {clients} clients", cell


@contextlib.contextmanager
def served(command: Sequence[str], core: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server on a core, as long as the context lasts: its port and its process."""
    port = 5600 + int(time.time()) % 300
    process = subprocess.Popen(["taskset", "-c", core, *command, "--port", str(port)])
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5).read()
                break
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}")
            time.sleep(0.1)
        yield port, process
    finally:
        process.terminate()
        process.wait(60)


async def _asked(port: int, lines: list[str], clients: int, guard: bool) -> dict[str, float]:
    """Sends sentences from a number of clients; rate, median and 99th of a hundred."""
    waiting = iter(lines)
    times: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for line in waiting:
            fields = {"q": line, "source": "en", "target": "es"} | ({} if guard else {"guard": 0})
            body = json.dumps(fields).encode()
            start = time.perf_counter()
            writer.write(
                b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(field.split(b":")[1])
                for field in head.split(b"\r\n")
                if field.lower().startswith(b"content-length")
            )
            answer = json.loads(await reader.readexactly(length))
            times.append(time.perf_counter() - start)
            if "translatedText" not in answer:
                raise RuntimeError(f"service: {answer}")
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    rate = len(lines) / (time.perf_counter() - start)
    times.sort()
    last = times[min(len(times) - 1, len(times) * 99 // 100)]
    return {"rate": rate, "p50": statistics.median(times) * 1000, "p99": last * 1000}


def _limited(model: Path, copy: Path, longest: int | None) -> Path:
    """A copy of a model whose translations have at most so many tokens."""
    if longest is None:
        return model
    shutil.copytree(model, copy, copy_function=lambda a, b: Path(b).symlink_to(Path(a).resolve()))
    file = copy / "generation_config.json"
    settings = json.loads(file.read_text("utf-8")) if file.exists() else {}
    file.unlink(missing_ok=True)
    settings |= {"max_new_tokens": longest, "num_beams": 4}
    file.write_text(json.dumps(settings), encoding="utf-8")
    return copy


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the service; see this file's head.")
    parser.add_argument("--sources", type=Path, required=True, help="a file with a text a line")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--ctranslate2", type=Path, required=True, help="the same model, converted")
    parser.add_argument("--longest", type=int, help="most tokens of a translation")
    parser.add_argument("--sentences", type=int, default=2000, help="per figure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", default="0", help="the server's; the clients' is this process's")
    parser.add_argument("--write", type=Path, required=True, metavar="PATH")
    return parser


if __name__ == "__main__":
    sys.exit(main())
