"""`pyattn completion`: a script with which a shell completes the command's arguments."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from pyattn.commands.arguments import Commands

_INSTALL = {
    "bash": "pyattn completion bash > ~/.local/share/bash-completion/completions/pyattn",
    "zsh": "pyattn completion zsh > DIR/_pyattn, with DIR in $fpath",
    "fish": "pyattn completion fish > ~/.config/fish/completions/pyattn.fish",
}


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "completion",
        help="print a script for a shell's completion",
        description="Print a script with which SHELL completes commands and options: "
        + "; ".join(_INSTALL.values())
        + ". Needs the package shtab: pip install 'pyattn[completion]'.",
    )
    command.set_defaults(run=_run)
    command.add_argument(
        "shell", choices=tuple(_INSTALL), metavar="SHELL", help=", ".join(_INSTALL)
    )


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.commands.main import new_parser

    try:
        shtab: Any = importlib.import_module("shtab")
    except ImportError:
        raise ImportError(
            "completion: needs the package shtab: pip install 'pyattn[completion]'"
        ) from None
    parser, commands = new_parser()
    paths = {"DIR": shtab.DIRECTORY, "OUT": shtab.DIRECTORY}
    paths |= dict.fromkeys(["FILE", "MODEL", "TEXT"], shtab.FILE)
    for command in commands.choices.values():
        for argument in command._actions:
            if argument.metavar in paths:
                argument.complete = paths[argument.metavar]  # type: ignore[attr-defined]
    print(shtab.complete(parser, parsed.shell))
