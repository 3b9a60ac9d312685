"""`pyattn inspect`, whose work `inspection` does."""

from __future__ import annotations

import argparse
import json

from pyattn.commands.arguments import Commands, add_machine, add_model, model_folder


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "inspect",
        help="describe a model and how it would run",
        description="Describe a model and how it would run here.",
    )
    command.set_defaults(run=_run)
    add_model(command)
    command.add_argument("--json", action="store_true", help="print a JSON object")
    add_machine(command)


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.commands.inspection import describe, facts

    folder = model_folder(parsed.model)
    if parsed.json:
        print(json.dumps(facts(folder, dtype=parsed.dtype, threads=parsed.threads), indent=2))
        return
    for name, value in describe(folder, dtype=parsed.dtype, threads=parsed.threads):
        print(f"{name:<13}{value}")
