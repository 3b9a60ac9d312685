r"""Compare how long pyattn, CTranslate2 and transformers take to load a model, and how much memory.

    python bench/loading.py --model opus-mt-layout --write bench/results/loading

The model is written once in every layout and number type. Each load is in a process of its own, the
contenders take turns, and the files are in the system's cache. What is imported is imported before.

- load: from the files to a model that takes ids, on one thread, in a new process
- again: the same once more, when the first model is gone. In a virtual machine a load waits for its
  host wherever it is the first to touch a page of memory in a while, for up to five times as long
  as it takes otherwise; the second finds the pages of the first
- first: again, and a sentence of eight ids with a single token of its translation behind it, for
  who maps files may have left work for later
- tokenizer: what else is to be read before it takes texts (CTranslate2: two SentencePiece models)
- peak: the most memory that the process had while it loaded, pages of files among it, less what it
  had before
- own, pages: what it has more afterwards, in memory of its own and in pages of files, which the
  system may take back
- packed (pyattn): the weights as the products read them
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import machine
from end_to_end import command_line
from report import heading, table, write
from shapes import model_files

_IDS = list(range(5, 12))
_TIMES = ("load", "again", "first", "tokenizer")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Case(NamedTuple):
    """Who loads which files, to compute in what."""

    program: str
    files: str
    dtype: str


PYATTN = tuple(
    Case("pyattn", files, dtype)
    for files in ("native-float32", "native-bfloat16", "native-int8", "huggingface", "ct2-int8")
    for dtype in ("float32", "bfloat16", "int8")
)
OTHERS = (
    Case("ctranslate2", "ct2-float32", "float32"),
    Case("ctranslate2", "ct2-float32", "int8"),
    Case("ctranslate2", "ct2-int8", "float32"),
    Case("ctranslate2", "ct2-int8", "int8"),
    Case("transformers", "huggingface", "float32"),
)
# The files of CTranslate2 that hold the same numbers as each of pyattn's.
_RIVALS = {
    "native-float32": "ct2-float32",
    "huggingface": "ct2-float32",
    "native-int8": "ct2-int8",
    "ct2-int8": "ct2-int8",
}


def main() -> int:
    """Measure and print; 1 if that cannot be, 130 if interrupted."""
    options = _parser().parse_args()
    if options.child:
        print(json.dumps(_child(Case(*options.child[:3]), Path(options.child[3]))))
        return 0
    if options.write_files:
        _write_files(*map(Path, options.write_files))
        return 0
    results = {
        "machine": machine.describe(),
        "versions": machine.versions(
            ("pyattn", "numpy", "ctranslate2", "torch", "transformers", "safetensors")
        ),
        "command": command_line("loading.py", sys.argv[1:]),
        "date": datetime.date.today().isoformat(),
        "rounds": options.rounds,
        "models": [],
    }
    try:
        for folder in options.model:
            results["models"].append(_measure(folder, options.rounds))
    except (OSError, ValueError, RuntimeError) as error:
        print(f"loading: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    text = "\n".join(_report(results)) + "\n"
    print(text)
    if options.write:
        write(options.write, results, text)
    return 0


def _measure(folder: Path, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        files, trained = model_files(folder, Path(scratch))
        places = Path(scratch) / "files"
        _call("--write-files", str(files.checkpoint), str(places))
        runs: dict[Case, list[dict[str, float]]] = {case: [] for case in (*PYATTN, *OTHERS)}
        for number in range(rounds + 1):
            print(f"{folder.name}: round {number} of {rounds}", file=sys.stderr)
            for case, found in runs.items():
                once = json.loads(_call("--child", *case, str(places / case.files)))
                if number > 0:  # the first brings the files into the cache
                    found.append(once)
        sizes = {
            name: round(_weight_bytes(places / name) / 2**20, 1)
            for name in dict.fromkeys(case.files for case in runs)
        }
    return {
        "model": folder.name,
        "weights": "trained" if trained else "random",
        "files_mib": sizes,
        "rows": [{**case._asdict(), **_summary(found)} for case, found in runs.items()],
    }


def _weight_bytes(folder: Path) -> int:
    return sum(
        (folder / name).stat().st_size
        for name in ("model.safetensors", "pytorch_model.bin", "model.bin")
        if (folder / name).exists()
    )


def _call(*arguments: str) -> str:
    """This program in a process of its own, on one thread."""
    environment = os.environ | dict.fromkeys(_THREADS, "1") | {"TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout.splitlines()[-1] if done.stdout else ""


def _write_files(checkpoint: Path, places: Path) -> None:
    """The model in all layouts and number types."""
    from ctranslate2.converters import TransformersConverter
    from transformers.utils import logging

    from pyattn.commands.conversion import convert

    logging.disable_progress_bar()
    places.mkdir()
    (places / "huggingface").symlink_to(checkpoint.resolve())
    for dtype in ("float32", "bfloat16", "int8"):
        convert(checkpoint, places / f"native-{dtype}", dtype=dtype)
    for dtype in ("float32", "int8"):
        converter = TransformersConverter(str(checkpoint))
        converter.convert(str(places / f"ct2-{dtype}"), quantization=dtype)
        for name in ("source.spm", "target.spm"):
            (places / f"ct2-{dtype}" / name).write_bytes((checkpoint / name).read_bytes())


# --- in a process of its own --------------------------------------------------------------------


class Loader(NamedTuple):
    """The steps of a program, everything imported."""

    model: Callable[[], Any]
    first: Callable[[Any], object]
    tokenizer: Callable[[], object]


def _child(case: Case, folder: Path) -> dict[str, float]:
    loader = _LOADERS[case.program](folder, case.dtype)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory()
    begun = time.perf_counter()
    model = loader.model()
    load = time.perf_counter() - begun
    after = _memory()
    del model
    begun = time.perf_counter()
    model = loader.model()
    loaded = time.perf_counter()
    loader.first(model)
    done = time.perf_counter()
    loader.tokenizer()
    found = {
        "load": load,
        "again": loaded - begun,
        "first": done - begun,
        "tokenizer": time.perf_counter() - done,
        "peak": after["VmHWM"] - before["VmRSS"],
        "anonymous": after["RssAnon"] - before["RssAnon"],
        "pages": after["RssFile"] - before["RssFile"],
    }
    if case.program == "pyattn":
        found["packed"] = model.nbytes / 2**20
    return found


def _memory() -> dict[str, float]:
    """This process's memory in MiB."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {
        name: int(fields[name].split()[0]) / 1024
        for name in ("VmRSS", "VmHWM", "RssAnon", "RssFile")
    }


def _pyattn(folder: Path, dtype: str) -> Loader:
    import sentencepiece  # noqa: F401 (the tokenizer imports it when it is used)

    import pyattn.reference.positions
    from pyattn.files import read_checkpoint
    from pyattn.text.tokenizers import load_tokenizer

    return Loader(
        lambda: pyattn.Model(read_checkpoint(folder), dtype=dtype, threads=1),
        lambda model: model.generate([[*_IDS, model.config.end]], beam_size=1, max_new_tokens=1),
        lambda: load_tokenizer(folder),
    )


def _ctranslate2(folder: Path, dtype: str) -> Loader:
    import ctranslate2
    import sentencepiece

    pieces = json.loads((folder / "shared_vocabulary.json").read_text("utf-8"))
    source = [pieces[number] for number in _IDS] + ["</s>"]
    return Loader(
        lambda: ctranslate2.Translator(
            str(folder), device="cpu", compute_type=dtype, intra_threads=1, inter_threads=1
        ),
        lambda model: model.translate_batch([source], beam_size=1, max_decoding_length=1),
        lambda: [
            sentencepiece.SentencePieceProcessor(str(folder / name))
            for name in ("source.spm", "target.spm")
        ],
    )


def _transformers(folder: Path, dtype: str) -> Loader:
    import torch
    import transformers
    from transformers import MarianMTModel, MarianTokenizer

    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    return Loader(
        lambda: MarianMTModel.from_pretrained(folder, dtype=getattr(torch, dtype)).eval(),
        lambda model: model.generate(
            torch.tensor([[*_IDS, model.config.eos_token_id]]), num_beams=1, max_new_tokens=1
        ),
        lambda: MarianTokenizer.from_pretrained(folder),
    )


_LOADERS = {"pyattn": _pyattn, "ctranslate2": _ctranslate2, "transformers": _transformers}


# --- the report ---------------------------------------------------------------------------------


def _summary(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Times as median and best, in seconds; memory as the median, in MiB."""
    found: dict[str, Any] = {}
    for name in runs[0]:
        values = [run[name] for run in runs]
        if name in _TIMES:
            found[name] = {
                "median": round(statistics.median(values), 4),
                "best": round(min(values), 4),
            }
        else:
            found[name] = round(statistics.median(values), 1)
    return found


def _report(results: dict[str, Any]) -> Iterator[str]:
    yield from heading("Loading", results)
    yield f"    {results['command']}"
    yield ""
    yield "Seconds: the median of the rounds (the best); memory in MiB. The factor is by how much"
    yield "pyattn loads faster than CTranslate2 does from a file of the same numbers to the same"
    yield "number type, by the medians (by the best)."
    for model in results["models"]:
        yield ""
        sizes = ", ".join(f"{name} {size}" for name, size in model["files_mib"].items())
        yield f"## {model['model']} ({model['weights']} weights; MiB of files: {sizes})"
        yield ""
        by_case = {Case(row["program"], row["files"], row["dtype"]): row for row in model["rows"]}
        rows = [_cells(case, row, by_case) for case, row in by_case.items()]
        head = ["", "load", "factor", *_TIMES[1:], "peak", "packed", "own", "pages"]
        yield from table(head, rows)


def _cells(case: Case, row: dict[str, Any], others: dict[Case, dict[str, Any]]) -> list[str]:
    rival = others.get(Case("ctranslate2", _RIVALS.get(case.files, ""), case.dtype))
    factor = ""
    if case.program == "pyattn" and rival is not None:
        median, best = (rival["load"][kind] / row["load"][kind] for kind in ("median", "best"))
        factor = f"{median:.2f} ({best:.2f})"
    times = [f"{row[name]['median']:.3f} ({row[name]['best']:.3f})" for name in _TIMES]
    packed = f"{row['packed']:.1f}" if "packed" in row else ""
    name = f"{case.program}/{case.dtype}, {case.files}"
    memory = [f"{row['peak']:.1f}", packed, f"{row['anonymous']:.1f}", f"{row['pages']:.1f}"]
    return [name, times[0], factor, *times[1:], *memory]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", type=Path, action="append", default=[], help="as for end_to_end.py")
    add("--rounds", type=int, default=5)
    add("--write", type=Path, help="write the results as JSON and Markdown, under this name")
    add("--child", nargs=4, help=argparse.SUPPRESS)
    add("--write-files", nargs=2, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
