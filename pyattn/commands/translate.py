"""`pyattn translate`: lines in, lines out; with --out files in, files out."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from pyattn.commands import assignments
from pyattn.commands.arguments import (
    Commands,
    add_languages,
    add_machine,
    add_search,
    count,
    search_options,
)
from pyattn.commands.assignments import assignment, option
from pyattn.commands.channels import given_lines, writing
from pyattn.commands.usage import UsageError


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "translate",
        help="translate texts, lines or, with --out, documents",
        usage="pyattn translate [options] [TEXT ...]\n"
        "       pyattn translate [options] --out DIR FILE [FILE ...]",
        description="Translate each TEXT, or else each line of the input, to one line of output. "
        "With --out, translate each FILE into a file of the same name in DIR, by the format of its "
        "extension; everything but its text stays as it is.",
    )
    command.set_defaults(run=_run, more="text", meant=assignments.meant)
    command.add_argument(
        "text", nargs="*", metavar="TEXT", help="a text to translate; with --out a file"
    )
    _add_channels(command)
    command.add_argument(
        "--model",
        metavar="MODEL",
        help="a folder, a file or a name such as org/name, firefox:en-pt or argos:en-es; by "
        "default the English-Spanish model",
    )
    add_languages(command, auto=True)
    _add_treatment(command)
    add_search(command, default="the model's")
    command.add_argument(
        "--length-penalty",
        type=option("length_penalty"),
        metavar="X",
        help="rank by log-probability / length ** X (default: the model's)",
    )
    command.add_argument(
        "--set",
        dest="assignments",
        type=assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any decoding option, `normalize`, `reuse` or `truncate`, and with --out a setting of "
        "documents, such as num_hypotheses=3, normalize=never or encoding=latin-1; can be repeated",
    )
    command.add_argument(
        "--batch-tokens", type=count, metavar="N", help="source tokens to encode at once"
    )
    add_machine(command)


def _add_channels(command: argparse.ArgumentParser) -> None:
    command.add_argument("--input", metavar="FILE", help="read lines from FILE (- for stdin)")
    command.add_argument(
        "--output",
        metavar="FILE",
        help="write to FILE rather than to standard output; while it is incomplete, and if the run "
        "fails, it is named FILE.partial",
    )
    command.add_argument(
        "--jsonl",
        action="store_true",
        help="write a JSON object per text: source, translation, score, finish_reason, warnings "
        "and alternatives (with --set num_hypotheses=N)",
    )
    records = command.add_argument_group(
        "records",
        description="An --input that ends in .jsonl, .ndjson, .parquet or .gz has records; each is "
        "in --output with its translation. Finished parts are kept in FILE.parts, from which "
        "--resume continues an interrupted run.",
    )
    records.add_argument(
        "--column", metavar="NAME", help="the key or column of the texts (default: text)"
    )
    records.add_argument(
        "--output-column",
        metavar="NAME",
        help="the key or column to add (default: translation)",
    )
    files = command.add_argument_group("documents")
    files.add_argument(
        "--out",
        metavar="DIR",
        help="translate files into DIR, which is made if it is not there; - writes the translation "
        "of one file (- for stdin) to standard output",
    )
    files.add_argument(
        "--format",
        metavar="F",
        help="the format of all files, such as html, or lines (default: by extension; lines for "
        "text files with another one)",
    )
    files.add_argument(
        "--force", action="store_true", help="replace files that are there in DIR already"
    )
    files.add_argument(
        "--resume",
        action="store_true",
        help="leave out files whose translation is in DIR and newer than they are; with --input, "
        "continue the interrupted run that wrote FILE.parts",
    )


def _add_treatment(command: argparse.ArgumentParser) -> None:
    """How texts are treated."""
    command.add_argument(
        "--split",
        choices=("auto", "sentences", "never"),
        default="auto",
        help="where texts are cut: as serves the model (the default), at each sentence's end, "
        "or only where they are too long for the model",
    )
    command.add_argument(
        "--glossary",
        metavar="FILE",
        help="a TSV, CSV or TBX file of terms and their translations",
    )
    command.add_argument(
        "--protect",
        action=argparse.BooleanOptionalAction,
        help="keep addresses, placeholders, code and the like as they are (default: with --out)",
    )
    command.add_argument(
        "--protect-pattern",
        type=_pattern,
        action="append",
        metavar="REGEX",
        help="keep these and what REGEX matches; can be repeated",
    )
    command.add_argument(
        "--guard",
        action=argparse.BooleanOptionalAction,
        help="search again for translations that repeat themselves, run away or are copies "
        "(default: yes)",
    )


def _pattern(text: str) -> str:
    """The type of --protect-pattern."""
    from pyattn.text.protection.choice import chosen_protection

    try:
        chosen_protection([text], default=False)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _run(parsed: argparse.Namespace) -> None:
    if parsed.out is not None:
        _files(parsed)
        return
    for name in ("format", "force"):
        if getattr(parsed, name):
            raise UsageError(f"--{name} is for files: it needs --out")
    if parsed.resume and parsed.input is None:
        raise UsageError("--resume is for files: it needs --out or --input")
    options = _options(parsed)
    from pyattn.commands import bulk_translation

    if bulk_translation.is_bulk(parsed):
        bulk_translation.translated(parsed, options, lambda: _loaded(parsed))
        return
    from pyattn.commands.line_translation import json_lines, plain_lines

    with contextlib.ExitStack() as stack:
        # The input is opened first, so that a wrong name fails before a model is loaded, and the
        # output last, so that a failure to load leaves no file.
        groups = stack.enter_context(
            given_lines(parsed.text, parsed.input, hint="--out DIR translates files, ")
        )
        translator = stack.enter_context(_loaded(parsed))
        output = stack.enter_context(writing(parsed.output))
        made = json_lines if parsed.jsonl else plain_lines
        for lines in made(translator, groups, options):
            for line in lines:
                output.write(f"{line}\n".encode())
            output.flush()


def _files(parsed: argparse.Namespace) -> None:
    for name in ("input", "output", "jsonl", "column", "output_column"):
        if getattr(parsed, name):
            raise UsageError(f"--{name.replace('_', '-')} is for lines: not allowed with --out")
    from pyattn.commands.file_translation import Files, planned, to_standard_output, translated

    files = Files(
        parsed.text, parsed.out, format=parsed.format, force=parsed.force, resume=parsed.resume
    )
    options = _options(parsed)
    if parsed.out == "-":
        to_standard_output(files, lambda: _loaded(parsed), options)
        return
    jobs = planned(files)
    if jobs:
        with _loaded(parsed) as translator:
            translated(jobs, files, translator, options)


def _loaded(parsed: argparse.Namespace) -> Any:
    """The translator, or what stands for two of them."""
    from pyattn.loading import load_translator

    limits = {} if parsed.batch_tokens is None else {"batch_tokens": parsed.batch_tokens}
    return load_translator(parsed.model, dtype=parsed.dtype, threads=parsed.threads, **limits)


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    """Arguments of a translator's methods, or with --out of those of documents."""
    options = search_options(parsed)
    for name, value in parsed.assignments:
        if name in options and name in search_options(parsed):
            raise UsageError(f"--set: {name} is also given as {assignments.named(name)}")
        options[name] = value
    for name in options:
        if parsed.out is None and name in assignments.of_documents():
            raise UsageError(f"--set: {name} is for documents: it needs --out")
    chosen = {"protect": parsed.protect_pattern or parsed.protect, "guard": parsed.guard}
    options |= {name: value for name, value in chosen.items() if value is not None}
    if parsed.glossary is not None:
        from pyattn.text.glossary.terms import Glossary

        options["glossary"] = Glossary.read(parsed.glossary)
    # Settings of documents have other names, since a document also names its language.
    suffix = "" if parsed.out is None else "_language"
    options[f"source{suffix}"] = parsed.source_language
    options[f"target{suffix}"] = parsed.target_language
    return {**options, "split": parsed.split}
