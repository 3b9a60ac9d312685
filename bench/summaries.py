r"""Compare a summariser's shape with CTranslate2: BART-large in int8, sources of 512 tokens.

    python bench/summaries.py --folder /tmp/long --searches 1x1,8x1,1x4,8x4 \
        --write bench/results/summaries

The shape has random weights under a seed, which transformers writes and CTranslate2's converter
reads. A search is of so many sources at a time with a beam of so many: 8x1 is eight, greedily.
Sources are random ids of --source tokens; every target has --target tokens. Each program lives in a
process of its own, pinned to as many cores as it has threads, and they take turns; a time is the
least of the rounds. "first" is the time of a search for one token: of the encoder, of the keys and
values that the decoder reads of the sources, and of one step.

Linux only. Needs torch, transformers and ctranslate2 beside pyattn.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import machine
from end_to_end import command_line
from long_sources import make
from report import heading, write

SHAPE = "bart-large"
PROGRAMS = ("pyattn", "ctranslate2")
# Of [sources][ids], a beam and a number of target tokens.
Search = Callable[[list[list[int]], int, int], None]


def convert(folder: Path) -> Path:
    """CTranslate2's folder of a transformers folder without a tokenizer, made once."""
    made = folder.with_name(f"{folder.name}-ctranslate2")
    if (made / "model.bin").is_file():
        return made
    import transformers
    from ctranslate2.converters.transformers import BartLoader

    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    # The converter reads fields that later configs lack; these are BART's.
    model.config.normalize_before = False
    model.config.normalize_embedding = True
    spec = BartLoader().get_model_spec(model)
    vocabulary = [str(i) for i in range(model.config.vocab_size)]
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = "0", "2", "3"
    spec.config.decoder_start_token = "2"
    spec.config.add_source_eos = False
    spec.validate()
    spec.optimize(quantization="int8")
    made.mkdir(exist_ok=True)
    spec.save(str(made))
    return made


def _pyattn(folder: Path, threads: int) -> Search:
    import pyattn

    model = pyattn.Model(pyattn.files.read_checkpoint(folder), dtype="int8", threads=threads)

    def search(sources: list[list[int]], beam: int, tokens: int) -> None:
        model.generate(
            sources,
            beam_size=beam,
            num_hypotheses=1,
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            no_repeat_ngram_size=0,
        )

    return search


def _ctranslate2(folder: Path, threads: int) -> Search:
    import ctranslate2

    translator = ctranslate2.Translator(
        str(convert(folder)), compute_type="int8", inter_threads=1, intra_threads=threads
    )

    def search(sources: list[list[int]], beam: int, tokens: int) -> None:
        translator.translate_batch(
            [[str(i) for i in source] for source in sources],
            beam_size=beam,
            max_batch_size=len(sources),
            max_decoding_length=tokens,
            min_decoding_length=tokens,
        )

    return search


def _serve(link: Connection, folder: Path, program: str, threads: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    search = {"pyattn": _pyattn, "ctranslate2": _ctranslate2}[program](folder, threads)
    search([[5, 2]], 1, 2)
    link.send(None)
    with contextlib.suppress(EOFError):
        while True:
            arguments = link.recv()
            started = time.perf_counter()
            search(*arguments)
            link.send(time.perf_counter() - started)


def measure(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """For each search the least seconds of each program, for one token and for all."""
    context = multiprocessing.get_context("spawn")
    links: dict[str, Connection] = {}
    workers = []
    for program in PROGRAMS:
        here, there = context.Pipe()
        worker = context.Process(target=_serve, args=(there, folder, program, options.threads))
        worker.start()
        there.close()
        here.recv()
        links[program] = here
        workers.append(worker)
    found = []
    for count, beam in options.searches:
        draw = random.Random(1)
        sources = [
            [draw.randrange(5, 40_000) for _ in range(options.source - 1)] + [2]
            for _ in range(count)
        ]
        seconds: dict[str, list[float]] = {program: [] for program in PROGRAMS}
        for tokens in (1, options.target):
            times: dict[str, list[float]] = {program: [] for program in PROGRAMS}
            for _ in range(options.rounds):
                for program, link in links.items():
                    link.send((sources, beam, tokens))
                    times[program].append(link.recv())
                    print(count, beam, tokens, program, times[program][-1], file=sys.stderr)
            for program in PROGRAMS:
                seconds[program].append(min(times[program]))
        found.append({"sources": count, "beam": beam, "seconds": seconds})
    for link in links.values():
        link.close()
    for worker in workers:
        worker.join()
    return found


def markdown(record: dict[str, Any]) -> str:
    """The record as a page."""
    of = record["lengths"]
    lines = [
        *heading("Summaries", record),
        f"{SHAPE}, int8, {record['threads']} thread(s), {of['source']} source tokens, "
        f"{of['target']} target tokens. Seconds, the least of the rounds: of a search for one "
        "token and of the whole, and milliseconds of each further step.",
        "",
        "| sources | beam | program | first | step | all | times as fast |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in record["searches"]:
        slowest = row["seconds"][PROGRAMS[-1]][1]
        for program, (first, whole) in row["seconds"].items():
            step = 1000 * (whole - first) / (of["target"] - 1)
            lines.append(
                f"| {row['sources']} | {row['beam']} | {program} | {first:.2f} | {step:.1f} | "
                f"{whole:.2f} | {slowest / whole:.2f} |"
            )
    return "\n".join([*lines, "", f"    {record['command']}", ""])


def _searches(text: str) -> list[tuple[int, int]]:
    pairs = [one.split("x") for one in text.split(",")]
    return [(int(count), int(beam)) for count, beam in pairs]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with --write also keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where shapes are kept")
    parser.add_argument("--searches", type=_searches, default=_searches("1x1,8x1,1x4"))
    parser.add_argument("--source", type=int, default=512, help="tokens")
    parser.add_argument("--target", type=int, default=64, help="tokens")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="path of results, without an extension")
    options = parser.parse_args(arguments)
    folder = make(options.folder, SHAPE)
    convert(folder)
    record = {
        "machine": machine.describe(),
        "versions": machine.versions(
            ("pyattn", "numpy", "ctranslate2", "torch", "transformers"),
        ),
        "command": command_line("summaries.py", sys.argv[1:] if arguments is None else arguments),
        "threads": options.threads,
        "lengths": {"source": options.source, "target": options.target},
        "searches": measure(folder, options),
    }
    if options.write:
        write(options.write, record, markdown(record))
    print(markdown(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
