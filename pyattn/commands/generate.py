"""`pyattn generate`: prompts in, what follows them out."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from pyattn.commands import assignments
from pyattn.commands.arguments import Commands, add_machine
from pyattn.commands.assignments import assignment, option
from pyattn.commands.channels import given_lines, one_line, writing
from pyattn.commands.usage import UsageError
from pyattn.errors import ModelError

if TYPE_CHECKING:
    from pyattn.generator import Generator

# Options with names of their own, and what --set calls them.
_NAMED = {
    "beam_size": "--beam",
    "max_new_tokens": "--max-new-tokens",
    "do_sample": "--sample",
    "temperature": "--temperature",
    "top_k": "--top-k",
    "top_p": "--top-p",
    "seed": "--seed",
}
# Of files that are prompts; no model has positions for more.
_MOST_CHARACTERS = 1 << 24


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "generate",
        help="continue prompts, or answer chats, by a decoder such as GPT-2 or Llama",
        description="Continue each TEXT, or else each line of the input. What follows a TEXT or a "
        "FILE of --file is written as it is, what follows a line on one line.",
    )
    command.set_defaults(run=_run, more="text", meant=assignments.meant)
    command.add_argument("text", nargs="*", metavar="TEXT", help="a prompt")
    command.add_argument(
        "--model", required=True, metavar="MODEL", help="folder of a decoder, or its name"
    )
    command.add_argument("--input", metavar="FILE", help="read lines from FILE (- for stdin)")
    command.add_argument(
        "--file", action="append", metavar="FILE", help="a file that is one prompt; can be repeated"
    )
    command.add_argument(
        "--output",
        metavar="FILE",
        help="write to FILE rather than to standard output; while it is incomplete, and if the run "
        "fails, it is named FILE.partial",
    )
    command.add_argument(
        "--chat",
        action="store_true",
        help="answer each prompt as a message of a user, by the model's template (needs the "
        "package jinja2)",
    )
    command.add_argument("--system", metavar="TEXT", help="with --chat, a message in front of it")
    command.add_argument(
        "--stream", action="store_true", help="write words as they are decided, prompt by prompt"
    )
    command.add_argument(
        "--jsonl",
        action="store_true",
        help="write a JSON object per prompt: prompt, text, tokens, score, finish_reason and "
        "alternatives (with --set num_hypotheses=N)",
    )
    _add_search(command)
    add_machine(command)


def _add_search(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-new-tokens",
        type=option("max_new_tokens"),
        metavar="N",
        help="the longest continuation, in tokens (default: the model's)",
    )
    command.add_argument(
        "--beam",
        dest="beam_size",
        type=option("beam_size"),
        metavar="N",
        help="hypotheses to keep; 1 is greedy (default: the model's)",
    )
    command.add_argument(
        "--sample",
        dest="do_sample",
        action=argparse.BooleanOptionalAction,
        help="draw tokens at random (default: the model's)",
    )
    for name, about in (
        ("temperature", "divides logits before a draw"),
        ("top_k", "draw from this many best tokens; 0 for all"),
        ("top_p", "draw from the best tokens whose probabilities add up to this"),
        ("seed", "of the draws; the same seed draws the same"),
    ):
        flag = f"--{name.replace('_', '-')}"
        command.add_argument(flag, type=option(name), metavar="X", help=about)
    command.add_argument(
        "--set",
        dest="assignments",
        type=assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any decoding option, such as repetition_penalty=1.2; can be repeated",
    )


def _run(parsed: argparse.Namespace) -> None:
    if parsed.system is not None and not parsed.chat:
        raise UsageError("--system is a message of a chat: it needs --chat")
    if parsed.stream and parsed.jsonl:
        raise UsageError("argument --jsonl: not allowed with --stream")
    if parsed.file and (parsed.text or parsed.input is not None):
        raise UsageError("argument --file: not allowed with a TEXT or --input")
    options = _options(parsed)
    whole = bool(parsed.text or parsed.file)
    with contextlib.ExitStack() as stack:
        groups = (
            iter([_contents(parsed.file)])
            if parsed.file
            else stack.enter_context(
                given_lines(parsed.text, parsed.input, hint="--file FILE is a prompt, ")
            )
        )
        generator = stack.enter_context(_loaded(parsed))
        output = stack.enter_context(writing(parsed.output))
        for prompts in groups:
            if parsed.stream:
                for prompt in prompts:
                    _stream(parsed, generator, prompt, options, output, whole)
                continue
            for line in _written(parsed, generator, prompts, options, whole):
                output.write(f"{line}\n".encode())
            output.flush()


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    """The decoding options that were given; the others are the checkpoint's."""
    options = {name: getattr(parsed, name) for name in _NAMED}
    options = {name: value for name, value in options.items() if value is not None}
    for name, value in parsed.assignments:
        if not assignments.is_decoding(name):
            raise UsageError(f"--set: {name} is no decoding option")
        if name in options and name in _NAMED and getattr(parsed, name) is not None:
            raise UsageError(f"--set: {name} is also given as {_NAMED[name]}")
        options[name] = value
    return options


def _contents(paths: list[str]) -> list[str]:
    """The texts of files, without the line break at their end."""
    texts = []
    for path in paths:
        with pathlib.Path(path).open(encoding="utf-8") as file:
            try:
                text = file.read(_MOST_CHARACTERS + 1)
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}: not valid UTF-8 at byte {error.start + 1}") from None
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"{path}: more than {_MOST_CHARACTERS:,} characters, too long")
        texts.append(text.removesuffix("\n"))
    return texts


def _loaded(parsed: argparse.Namespace) -> Generator:
    from pyattn.generator import Generator
    from pyattn.loading import load

    found: Any = load(parsed.model, dtype=parsed.dtype, threads=parsed.threads)
    if isinstance(found, Generator):
        return found
    found.close()
    raise ModelError(
        f"{parsed.model}: has an encoder, expected a decoder alone; pyattn translate, embed and "
        "classify are for others"
    )


def _messages(parsed: argparse.Namespace, prompt: str) -> list[dict[str, str]]:
    first = [] if parsed.system is None else [{"role": "system", "content": parsed.system}]
    return [*first, {"role": "user", "content": prompt}]


def _written(
    parsed: argparse.Namespace,
    generator: Generator,
    prompts: list[str],
    options: dict[str, Any],
    whole: bool,
) -> Iterator[str]:
    """What is written for some prompts, without a line break at the end."""
    if parsed.chat:
        ids = [generator.chat_ids(_messages(parsed, prompt)) for prompt in prompts]
        options = generator.chat_options(**options)
    else:
        ids = generator.tokenizer.encode(prompts)
    if not parsed.jsonl:
        for text in generator.complete(ids, **options):
            yield text if whole else one_line(text)
        return
    for prompt, own, found in zip(prompts, ids, generator.generate(ids, **options), strict=True):
        best, *others = (_facts(generator, own, one) for one in found)
        values = {"prompt": prompt, **best, "alternatives": others}
        yield json.dumps(values, ensure_ascii=False)


def _facts(generator: Generator, prompt: list[int], one: Any) -> dict[str, Any]:
    # JSON has no infinity, which is the score of what has probability 0.
    score = one.score if one.score is not None and math.isfinite(one.score) else None
    return {
        "text": generator.tokenizer.continued(prompt, one.tokens),
        "tokens": one.tokens,
        "score": score,
        "finish_reason": one.finish_reason,
    }


def _stream(
    parsed: argparse.Namespace,
    generator: Generator,
    prompt: str,
    options: dict[str, Any],
    output: BinaryIO,
    whole: bool,
) -> None:
    if parsed.chat:
        pieces = generator.stream_chat(_messages(parsed, prompt), **options)
    else:
        pieces = generator.stream(prompt, **options)
    for piece in pieces:
        # Line breaks at its ends count, too.
        output.write((piece if whole else one_line(f"|{piece}|")[1:-1]).encode())
        output.flush()
    output.write(b"\n")
    output.flush()
