"""The command `pyattn`, whose commands have a file each.

Exit codes: 0, 1 for a run that failed, 2 for usage, 130 for Ctrl-C. An error is one line on
standard error.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from pyattn.commands.channels import forget_standard_output, one_line, settle_standard_output
from pyattn.commands.parser import Parser
from pyattn.commands.usage import UsageError

# In the order of --help. Each is a file of this folder; its function `add` adds a parser, whose
# default `run` is the function that runs the command.
COMMANDS = (
    "translate",
    "generate",
    "detect",
    "embed",
    "classify",
    "rank",
    "inspect",
    "convert",
    "bench",
    "evaluate",
    "serve",
    "download",
    "models",
    "remove",
    "completion",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The arguments behind the command's name; the process's by default.

    Returns:
        The exit code.

    Raises:
        SystemExit: for usage errors, --help and --version.
    """
    parsed, rest = new_parser()[0].parse_known_args(arguments)
    if rest:
        parsed.parser.left(parsed, rest)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            parsed.run(parsed)
        if sys.stdout is not None:
            sys.stdout.flush()
    except UsageError as error:
        parsed.parser.error(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        forget_standard_output()
        return 1
    except (ImportError, MemoryError, OSError, RuntimeError, ValueError) as error:
        print(f"pyattn: {_message(error)}", file=sys.stderr)
        settle_standard_output()
        return 1
    return 0


def new_parser() -> tuple[Parser, argparse._SubParsersAction[Parser]]:
    """The parser of the command, and those of its commands."""
    parser = Parser(prog="pyattn", description="Translate, and run other Transformers, on a CPU.")
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"pyattn.commands.{name}").add(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser, commands


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line, without the place in the code that gave it."""
    if sys.stderr is not None:
        print(f"pyattn: warning: {one_line(str(message))}", file=sys.stderr)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror is not None:
        place = "" if error.filename is None else f"{error.filename}: "
        return f"{place}{error.strerror}"
    return one_line(str(error)) or type(error).__name__


class _Version(argparse.Action):
    """--version; looks the version up on demand."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        import pyattn

        print(f"pyattn {pyattn.__version__}")
        parser.exit()
