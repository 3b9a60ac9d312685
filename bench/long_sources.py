r"""Compare long encoder-decoders with transformers: pyattn and torch, encoder and decoder apart.

    python bench/long_sources.py --folder /tmp/long --shape led-base --lengths 1024,4096,16384 \
        --threads 1,2 --write bench/results/long-sources

A shape is a published model's, filled with random weights under a seed by transformers, which
writes the folder that both programs read. Sources are random ids, one at a time; LED's first token
is global. Each contender lives in a process of its own, pinned to as many cores as it has threads,
and they take turns; a time is the least of the rounds. The encoder's time is that of the states;
the decoder's is of a token in a greedy search behind the states, from the difference of two
searches of different lengths. Peak memory is what the process held at most during the encoder,
above what it held before it, weights included there; the largest of the rounds.

Linux only. Needs torch and transformers beside pyattn.
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
from typing import Any, NamedTuple

import machine
from end_to_end import command_line
from report import earlier, heading, write

SHORT, LONG = 2, 34  # target tokens of the two searches
CONTENDERS = (
    ("pyattn", "auto"),
    ("pyattn", "float32"),
    ("transformers", "float32"),
    ("transformers", "bfloat16"),
)


class Figures(NamedTuple):
    """Of one source: seconds of the encoder, of a token, and bytes above the weights."""

    encoder: float
    token: float
    memory: int


def shape_of(name: str) -> Any:
    """The transformers model of a published shape, without its weights."""
    import transformers

    shapes: dict[str, Callable[[], Any]] = {
        "bart-large": lambda: transformers.BartForConditionalGeneration(
            transformers.BartConfig(forced_eos_token_id=2)
        ),
        "led-base": lambda: transformers.LEDForConditionalGeneration(
            transformers.LEDConfig(
                vocab_size=50265,
                d_model=768,
                encoder_layers=6,
                decoder_layers=6,
                encoder_attention_heads=12,
                decoder_attention_heads=12,
                encoder_ffn_dim=3072,
                decoder_ffn_dim=3072,
                attention_window=1024,
                max_encoder_position_embeddings=16384,
            )
        ),
        "longt5-base": lambda: transformers.LongT5ForConditionalGeneration(
            transformers.LongT5Config(
                vocab_size=32128,
                d_model=768,
                d_kv=64,
                d_ff=2048,
                num_layers=12,
                num_heads=12,
                feed_forward_proj="gated-gelu",
                encoder_attention_type="transient-global",
                decoder_start_token_id=0,
            )
        ),
        "t5-base": lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                vocab_size=32128,
                d_model=768,
                d_kv=64,
                d_ff=3072,
                num_layers=12,
                num_heads=12,
                decoder_start_token_id=0,
            )
        ),
        "nllb-600m": lambda: transformers.M2M100ForConditionalGeneration(
            transformers.M2M100Config(
                vocab_size=256206,
                encoder_ffn_dim=4096,
                decoder_ffn_dim=4096,
                encoder_layers=12,
                decoder_layers=12,
                encoder_layerdrop=0.0,
                decoder_layerdrop=0.0,
            )
        ),
        "bigbird-pegasus-large": lambda: transformers.BigBirdPegasusForConditionalGeneration(
            transformers.BigBirdPegasusConfig()
        ),
    }
    return shapes[name]()


def make(folder: Path, name: str) -> Path:
    """A folder with the shape's weights, made once."""
    made = folder / name
    if not (made / "config.json").is_file():
        import torch

        torch.manual_seed(0)
        shape_of(name).eval().save_pretrained(made)
    return made


def _high_water() -> int:
    """Bytes that this process held at most since the last reset."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _measured(encode: Callable[[], Any], search: Callable[[Any, int], Any]) -> Figures:
    Path("/proc/self/clear_refs").write_text("5")
    before = _high_water()
    started = time.perf_counter()
    states = encode()
    encoder = time.perf_counter() - started
    memory = _high_water() - before
    times = []
    for tokens in (SHORT, LONG):
        started = time.perf_counter()
        search(states, tokens)
        times.append(time.perf_counter() - started)
    return Figures(encoder, (times[1] - times[0]) / (LONG - SHORT), memory)


def _pyattn(folder: Path, dtype: str, threads: int) -> Callable[[list[int]], Figures]:
    import pyattn

    model = pyattn.Model(
        pyattn.files.read_checkpoint(folder), dtype=dtype, threads=threads, batch_tokens=1 << 20
    )

    def run(ids: list[int]) -> Figures:
        return _measured(
            lambda: model.encode([ids]),
            lambda _, tokens: model.generate(
                [ids],
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                beam_size=1,
                num_hypotheses=1,
                no_repeat_ngram_size=0,
            ),
        )

    return run


def _transformers(folder: Path, dtype: str, threads: int) -> Callable[[list[int]], Figures]:
    import torch
    import transformers

    torch.set_num_threads(threads)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=getattr(torch, dtype)
    ).eval()

    def encode(ids: list[int]) -> Any:
        given = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids))}
        if model.config.model_type == "led":
            marks = torch.zeros(1, len(ids), dtype=torch.long)
            marks[0, 0] = 1
            given["global_attention_mask"] = marks
        return model.get_encoder()(**given, return_dict=True)

    def search(states: Any, tokens: int) -> None:
        model.generate(
            encoder_outputs=states,
            attention_mask=torch.ones(1, states[0].shape[1], dtype=torch.long),
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            num_beams=1,
            do_sample=False,
            use_cache=True,
        )

    def run(ids: list[int]) -> Figures:
        with torch.inference_mode():
            return _measured(lambda: encode(ids), search)

    return run


def _serve(link: Connection, folder: Path, program: str, dtype: str, threads: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    run = {"pyattn": _pyattn, "transformers": _transformers}[program](folder, dtype, threads)
    run(list(range(5, 69)))
    link.send(None)
    with contextlib.suppress(EOFError):
        while True:
            link.send(run(link.recv()))


def measure(
    folder: Path,
    contenders: Sequence[tuple[str, str]],
    lengths: Sequence[int],
    threads: int,
    rounds: int,
) -> dict[str, dict[int, Figures]]:
    """The least figures of each contender at each length, taken in turns."""
    context = multiprocessing.get_context("spawn")
    links, workers = [], []
    for program, dtype in contenders:
        here, there = context.Pipe()
        worker = context.Process(target=_serve, args=(there, folder, program, dtype, threads))
        worker.start()
        there.close()
        here.recv()
        links.append(here)
        workers.append(worker)
    found: dict[str, dict[int, Figures]] = {f"{p}/{d}": {} for p, d in contenders}
    for length in lengths:
        ids = [random.Random(length).randrange(5, 30000) for _ in range(length - 1)] + [2]
        for _ in range(rounds if length < 8192 else max(1, rounds // 2)):
            for (program, dtype), link in zip(contenders, links, strict=True):
                link.send(ids)
                new = link.recv()
                label = f"{program}/{dtype}"
                old = found[label].get(length, new)
                found[label][length] = Figures(
                    min(old.encoder, new.encoder),
                    min(old.token, new.token),
                    # A second round finds memory that the first one left.
                    max(old.memory, new.memory),
                )
                print(f"{threads} threads, {length} tokens, {label}: {new}", file=sys.stderr)
    for link in links:
        link.close()
    for worker in workers:
        worker.join()
    return found


def markdown(record: dict[str, Any]) -> str:
    """The record as a page."""
    lines = [*heading("Long sources", record)]
    for run in record["runs"]:
        lines += [
            f"## {run['shape']}, {run['threads']} thread{'s' * (run['threads'] > 1)}",
            "",
            "One source at a time. Seconds of the encoder and milliseconds of a target token, the "
            "least of the rounds; MiB above the weights, the most.",
            "",
            "| tokens | contender | encoder | token | memory |",
            "|---|---|---|---|---|",
        ]
        for length in run["lengths"]:
            for label, figures in run["figures"].items():
                encoder, token, memory = figures[str(length)]
                # The difference of two searches may drown in the noise.
                decoder = f"{1000 * token:.1f}" if token > 0 else "-"
                lines.append(
                    f"| {length:,} | {label} | {encoder:.2f} | {decoder} | {memory / 2**20:,.0f} |"
                )
        lines += ["", f"    {run['command']}", ""]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with --write also keep, beside what is there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where shapes are kept")
    parser.add_argument("--shape", required=True)
    parser.add_argument("--lengths", default="1024,4096", help="source tokens")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", default="", help="contenders to leave out")
    parser.add_argument("--write", type=Path, help="path of results, without an extension")
    options = parser.parse_args(arguments)
    folder = make(options.folder, options.shape)
    lengths = [int(length) for length in options.lengths.split(",")]
    left_out = options.without.split(",")
    contenders = [pair for pair in CONTENDERS if "/".join(pair) not in left_out]
    record = {
        "machine": machine.describe(),
        "versions": machine.versions(("pyattn", "numpy", "torch", "transformers")),
        "runs": [],
    }
    if options.write:
        record["runs"] += earlier(options.write.with_suffix(".json"), record, "--write")
    command = command_line("long_sources.py", sys.argv[1:] if arguments is None else arguments)
    for threads in map(int, options.threads.split(",")):
        found = measure(folder, contenders, lengths, threads, options.rounds)
        record["runs"].append(
            {
                "shape": options.shape,
                "threads": threads,
                "lengths": lengths,
                "figures": {
                    label: {str(length): list(one) for length, one in figures.items()}
                    for label, figures in found.items()
                },
                "command": command,
            }
        )
        if options.write:
            write(options.write, record, markdown(record))
    print(markdown(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
