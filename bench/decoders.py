r"""Measure decoders that stand alone, with transformers and CTranslate2.

    python bench/decoders.py --folder /tmp/decoders --write bench/results/decoders
    python bench/decoders.py --folder /tmp/decoders --shape smollm2-135m \
        --write bench/results/decoders

Shapes are those of published models, with random weights under a seed, which transformers writes
and CTranslate2's converter reads. Prompts are random ids, all of one length; --prompts 8x32 is
eight of 32 tokens. Every text goes on for --target tokens, greedily. Each program lives in a
process of its own, pinned to as many cores as it has threads, and they take turns; a time is the
least of the rounds. "first" is the time of a search for one token: of the prompts in one pass.

Linux only. Needs torch, transformers and ctranslate2 beside pyattn.
"""

from __future__ import annotations

import argparse
import functools
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from end_to_end import command_line
from report import heading, write
from turns import Make, Search, measure, record, rows, sizes

SHAPES = ("gpt2", "smollm2-135m")
END = 2


def make(parent: Path, shape: str) -> Path:
    """The folder of a shape with CTranslate2's beside it, made once."""
    folder = parent / shape
    if not (folder / "model.safetensors").is_file():
        import torch
        import transformers

        torch.manual_seed(0)
        model: Any
        if shape == "gpt2":
            model = transformers.GPT2LMHeadModel(transformers.GPT2Config(eos_token_id=END))
        else:
            config = transformers.LlamaConfig(
                vocab_size=49152,
                hidden_size=576,
                intermediate_size=1536,
                num_hidden_layers=30,
                num_attention_heads=9,
                num_key_value_heads=3,
                max_position_embeddings=8192,
                rms_norm_eps=1e-5,
                tie_word_embeddings=True,
                eos_token_id=END,
            )
            model = transformers.LlamaForCausalLM(config)
        model.save_pretrained(folder)
    if not (_converted(folder) / "model.bin").is_file():
        _convert(folder)
    return folder


def _converted(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-ctranslate2")


def _convert(folder: Path) -> None:
    import transformers
    from ctranslate2.converters import transformers as converters

    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    loader = {"gpt2": converters.GPT2Loader, "llama": converters.LlamaLoader}
    if model.config.model_type == "llama":  # fields that the converter knows, and 5.x has elsewhere
        model.config.rope_theta = model.config.rope_parameters["rope_theta"]
        model.config.rope_scaling = None
    spec = loader[model.config.model_type]().get_model_spec(model)
    spec.register_vocabulary([str(i) for i in range(model.config.vocab_size)])
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = "1", str(END), "0"
    spec.validate()
    spec.optimize(quantization="int8")
    _converted(folder).mkdir(exist_ok=True)
    spec.save(str(_converted(folder)))


def _pyattn(folder: Path, threads: int, *, dtype: str) -> Search:
    import pyattn
    from pyattn.files import read_checkpoint

    model = pyattn.Model(read_checkpoint(folder), dtype=dtype, threads=threads)

    def search(prompts: list[list[int]], beam: int, tokens: int) -> None:
        model.generate(prompts, beam_size=beam, max_new_tokens=tokens, min_new_tokens=tokens)

    return search


def _ctranslate2(folder: Path, threads: int) -> Search:
    import ctranslate2

    generator = ctranslate2.Generator(
        str(_converted(folder)), compute_type="int8", inter_threads=1, intra_threads=threads
    )

    def search(prompts: list[list[int]], beam: int, tokens: int) -> None:
        generator.generate_batch(
            [[str(i) for i in prompt] for prompt in prompts],
            beam_size=beam,
            max_batch_size=len(prompts),
            max_length=tokens,
            min_length=tokens,
            include_prompt_in_result=False,
        )

    return search


def _transformers(folder: Path, threads: int) -> Search:
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.utils.logging.set_verbosity_error()
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def search(prompts: list[list[int]], beam: int, tokens: int) -> None:
        ids = torch.tensor(prompts)
        with torch.inference_mode():
            model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                num_beams=beam,
                do_sample=False,
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                pad_token_id=END,
            )

    return search


PROGRAMS: dict[str, Make] = {
    "ctranslate2 int8": _ctranslate2,
    "transformers float32": _transformers,
    "pyattn float32": functools.partial(_pyattn, dtype="float32"),
    "pyattn auto": functools.partial(_pyattn, dtype="auto"),
}


def markdown(kept: dict[str, Any]) -> str:
    """The record as a page."""
    lines = [
        *heading("Decoders that stand alone", kept),
        "Seconds, the least of the rounds: of a search for one token and of the whole, and "
        "milliseconds of each further step.",
        "",
    ]
    for run in kept["runs"]:
        lines += [
            f"## {run['shape']}, {run['target']} tokens behind each prompt, {run['threads']} "
            f"thread{'s' * (run['threads'] > 1)}",
            "",
            "| prompts | tokens | program | first | step | all | times as fast |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in run["searches"]:
            lines += [
                f"| {row['prompts']} | {row['tokens']} | {cells}"
                for cells in rows(row["seconds"], run["target"], "ctranslate2 int8")
            ]
        lines += ["", f"    {run['command']}", ""]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with --write also keep, beside what is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where shapes are kept")
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0])
    parser.add_argument("--prompts", type=sizes, default=sizes("1x32,8x32,32x32,1x512"))
    parser.add_argument("--target", type=int, default=32, help="tokens")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="path of results, without an extension")
    options = parser.parse_args(arguments)
    folder = make(options.folder, options.shape)
    kept = record(options.write)
    command = command_line("decoders.py", sys.argv[1:] if arguments is None else arguments)
    calls = []
    for count, length in options.prompts:
        draw = random.Random(1)
        prompts = [[draw.randrange(5, 40_000) for _ in range(length)] for _ in range(count)]
        calls.append([(prompts, 1, tokens) for tokens in (1, options.target)])
    makes = {program: functools.partial(made, folder) for program, made in PROGRAMS.items()}
    found = measure(makes, calls, threads=options.threads, rounds=options.rounds)
    kept["runs"].append(
        {
            **{name: getattr(options, name) for name in ("shape", "threads", "target")},
            "searches": [
                {"prompts": count, "tokens": length, "seconds": seconds}
                for (count, length), seconds in zip(options.prompts, found, strict=True)
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
