"""`pyattn detect`: the language of texts."""

from __future__ import annotations

import argparse
import dataclasses
import json

from pyattn.commands.arguments import Commands
from pyattn.commands.channels import given_lines, writing


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "detect",
        help="find the language of texts",
        description="Write a line for each TEXT, or else for each line of the input: the code of "
        "its language, or und, the confidence from 0 to 1, and the script, or -. Tabs are between "
        "them.",
    )
    command.set_defaults(run=_run, more="text")
    command.add_argument("text", nargs="*", metavar="TEXT", help="a text")
    command.add_argument("--input", metavar="FILE", help="read lines from FILE (- for stdin)")
    command.add_argument(
        "--among",
        type=_languages,
        metavar="LANG[,LANG...]",
        help="the languages that are possible, such as en,es (default: all)",
    )
    command.add_argument("--json", action="store_true", help="write a JSON object per text")


def _languages(text: str) -> list[str]:
    """The type of --among."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected languages, such as en,es, got {text!r}")
    return names


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.text.detection import Detection, detect

    def line(text: str, found: Detection) -> str:
        if parsed.json:
            facts = {"text": text, **dataclasses.asdict(found)}
            return json.dumps(facts, ensure_ascii=False)
        return f"{found.language}\t{found.confidence:.2f}\t{found.script or '-'}"

    with given_lines(parsed.text, parsed.input) as groups, writing(None) as output:
        for texts in groups:
            for text, found in zip(texts, detect(texts, parsed.among), strict=True):
                output.write(f"{line(text, found)}\n".encode())
            output.flush()
