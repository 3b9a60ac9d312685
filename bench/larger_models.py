r"""Measure int8 models larger than Marian's, with CTranslate2: summarisers, T5 and NLLB.

    python bench/larger_models.py --folder /tmp/long --searches 1x1,8x1,1x4,8x4 \
        --write bench/results/summaries
    python bench/larger_models.py --folder /tmp/long --shape led-base --source 16384 \
        --programs pyattn-bfloat16-keys,pyattn --searches 1x1 --write bench/results/summaries
    python bench/larger_models.py --folder /tmp/long --shape t5-base --source 25 --target 24 \
        --programs ctranslate2,pyattn-bfloat16-down,pyattn --searches 1x1,8x1,32x1 --rounds 5 \
        --title "T5 and NLLB" --write bench/results/pre-norm

Shapes are those of long_sources.py, with random weights under a seed, which transformers writes;
CTranslate2's converter reads BART, T5 and NLLB. A search is of so many sources at a time with a
beam of so many: 8x1 is eight, greedily. Sources are random ids of --source tokens; every target has
--target tokens. Each program lives in a process of its own, pinned to as many cores as it has
threads, and they take turns; a time is the least of the rounds. "first" is the time of a search for
one token: of the encoder, of the keys and values that the decoder reads of the sources, and of one
step. "pyattn-bfloat16-keys" computes and keeps those keys and values in bfloat16, all else in int8;
"pyattn-bfloat16-down" the second products of feed-forwards, which "pyattn" has in int8_grouped if
norms stand in front of blocks.

Linux only. Needs torch, transformers and ctranslate2 beside pyattn.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from end_to_end import command_line
from long_sources import make
from report import heading, write
from turns import Make, Search, measure, record, rows, sizes

KEYS = "decoder.*.cross_attention.key_value"


def convert(folder: Path) -> Path:
    """CTranslate2's folder of a transformers folder without a tokenizer, made once."""
    made = folder.with_name(f"{folder.name}-ctranslate2")
    if (made / "model.bin").is_file():
        return made
    import transformers
    from ctranslate2.converters import transformers as converters

    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    # The converter reads fields that later configs lack; these are BART's.
    model.config.normalize_before = False
    model.config.normalize_embedding = True
    loader = {
        "bart": converters.BartLoader,
        "m2m_100": converters.M2M100Loader,
        "t5": converters.T5Loader,
    }[model.config.model_type]
    spec = loader().get_model_spec(model)
    vocabulary = [str(i) for i in range(model.config.vocab_size)]
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    start, end = model.config.decoder_start_token_id, model.config.eos_token_id
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = "0", str(end), "3"
    spec.config.decoder_start_token = str(start)
    spec.config.add_source_eos = False
    spec.validate()
    spec.optimize(quantization="int8")
    made.mkdir(exist_ok=True)
    spec.save(str(made))
    return made


def _pyattn(folder: Path, threads: int, *, dtype: dict[str, str] | str) -> Search:
    import pyattn

    model = pyattn.Model(pyattn.files.read_checkpoint(folder), dtype=dtype, threads=threads)

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


PROGRAMS: dict[str, Make] = {
    "ctranslate2": _ctranslate2,
    "pyattn-bfloat16-keys": functools.partial(_pyattn, dtype={KEYS: "bfloat16"}),
    "pyattn-bfloat16-down": functools.partial(_pyattn, dtype={"*.feed_forward.down": "bfloat16"}),
    "pyattn": functools.partial(_pyattn, dtype="auto"),
}


def markdown(kept: dict[str, Any]) -> str:
    """The record as a page."""
    lines = [
        *heading(kept["title"], kept),
        "Seconds, the least of the rounds: of a search for one token and of the whole, and "
        "milliseconds of each further step.",
        "",
    ]
    for run in kept["runs"]:
        source, target = run["source"], run["target"]
        lines += [
            f"## {run['shape']}, {source:,} source tokens, {target} target tokens, "
            f"{run['threads']} thread{'s' * (run['threads'] > 1)}",
            "",
            "| sources | beam | program | first | step | all | times as fast |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in run["searches"]:
            first = next(iter(row["seconds"]))
            lines += [
                f"| {row['sources']} | {row['beam']} | {cells}"
                for cells in rows(row["seconds"], target, first)
            ]
        lines += ["", f"    {run['command']}", ""]
    return "\n".join(lines)


def _programs(text: str) -> list[str]:
    names = text.split(",")
    unknown = set(names) - set(PROGRAMS)
    if unknown:
        raise argparse.ArgumentTypeError(f"expected {', '.join(PROGRAMS)}, got {unknown}")
    return names


def _sources(count: int, length: int, end: int) -> list[list[int]]:
    draw = random.Random(1)
    return [[draw.randrange(5, 32_000) for _ in range(length - 1)] + [end] for _ in range(count)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with --write also keep, beside what is there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where shapes are kept")
    parser.add_argument("--shape", default="bart-large")
    parser.add_argument("--programs", type=_programs, default=list(PROGRAMS))
    parser.add_argument("--searches", type=sizes, default=sizes("1x1,8x1,1x4"))
    parser.add_argument("--source", type=int, default=512, help="tokens")
    parser.add_argument("--target", type=int, default=64, help="tokens")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--title", default="Summaries", help="of the page")
    parser.add_argument("--write", type=Path, help="path of results, without an extension")
    options = parser.parse_args(arguments)
    folder = make(options.folder, options.shape)
    options.end = json.loads((folder / "config.json").read_text("utf-8"))["eos_token_id"]
    if "ctranslate2" in options.programs:
        convert(folder)
    kept = record(options.write, title=options.title)
    makes = {program: functools.partial(PROGRAMS[program], folder) for program in options.programs}
    calls = [
        [
            (_sources(count, options.source, options.end), beam, tokens)
            for tokens in (1, options.target)
        ]
        for count, beam in options.searches
    ]
    found = measure(makes, calls, threads=options.threads, rounds=options.rounds)
    command = command_line("larger_models.py", sys.argv[1:] if arguments is None else arguments)
    kept["runs"].append(
        {
            **{name: getattr(options, name) for name in ("shape", "threads", "source", "target")},
            "searches": [
                {"sources": count, "beam": beam, "seconds": seconds}
                for (count, beam), seconds in zip(options.searches, found, strict=True)
            ],
            "command": command,
        }
    )
    if options.write:
        write(options.write, kept, markdown(kept))
    print(markdown(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
