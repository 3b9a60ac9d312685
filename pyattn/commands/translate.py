"""`pyattn translate`: lines in, lines out."""

from __future__ import annotations

import argparse
import contextlib

from pyattn.commands.arguments import (
    Commands,
    add_languages,
    add_machine,
    add_search,
    count,
    option,
    search_options,
)
from pyattn.commands.channels import lines, one_line, writing


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "translate",
        help="translate texts, or the lines of a file or of standard input",
        description="Translate each TEXT, or else each line of the input, to one line of output.",
    )
    command.set_defaults(run=_run, fail=command.error)
    command.add_argument("text", nargs="*", metavar="TEXT", help="a text to translate")
    command.add_argument("--input", metavar="FILE", help="read lines from FILE (- for stdin)")
    command.add_argument(
        "--output",
        metavar="FILE",
        help="write to FILE rather than to standard output; while it is incomplete, and if the run "
        "fails, it is named FILE.partial",
    )
    command.add_argument(
        "--model",
        metavar="MODEL",
        help="a folder, a file or a name such as org/name, firefox:en-pt or argos:en-es; by "
        "default the English-Spanish model",
    )
    add_languages(command)
    add_search(command)
    command.add_argument(
        "--length-penalty",
        type=option("length_penalty", float),
        metavar="X",
        help="rank by log-probability / length ** X",
    )
    command.add_argument(
        "--split",
        choices=("auto", "sentences", "never"),
        default="auto",
        help="where texts are cut: as serves the model (the default), at each sentence's end, "
        "or only where they are too long for the model",
    )
    command.add_argument(
        "--protect",
        action="store_true",
        help="keep URLs, addresses, placeholders, code, versions, tags, emoji as they are",
    )
    command.add_argument(
        "--protect-pattern",
        action="append",
        default=[],
        metavar="REGEX",
        help="keep these and what REGEX matches; may be given several times",
    )
    command.add_argument(
        "--guard",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether translations that repeat themselves, run away or are empty are searched for "
        "again (the default)",
    )
    command.add_argument(
        "--batch-tokens", type=count, metavar="N", help="source tokens to encode at once"
    )
    add_machine(command)


def _run(parsed: argparse.Namespace) -> None:
    if parsed.text and parsed.input is not None:
        parsed.fail("argument --input: not allowed with a TEXT")
    from pyattn.loading import load
    from pyattn.text.protection.choice import chosen_protection

    protect = parsed.protect_pattern or parsed.protect
    try:
        chosen_protection(protect, default=False)
    except ValueError as error:
        parsed.fail(f"argument --protect-pattern: {error}")
    with contextlib.ExitStack() as stack:
        # The input is opened first, so that a wrong name fails before a model is loaded, and the
        # output last, so that a failure to load leaves no file.
        groups = iter([parsed.text]) if parsed.text else stack.enter_context(lines(parsed.input))
        translator = stack.enter_context(
            load(
                parsed.model,
                dtype=parsed.dtype,
                threads=parsed.threads,
                **({} if parsed.batch_tokens is None else {"batch_tokens": parsed.batch_tokens}),
            )
        )
        output = stack.enter_context(writing(parsed.output))
        for texts in groups:
            for text in translator.translate(
                texts,
                source=parsed.source_language,
                target=parsed.target_language,
                split=parsed.split,
                protect=protect,
                guard=parsed.guard,
                **search_options(parsed),
            ):
                output.write(f"{one_line(text)}\n".encode())
            output.flush()
