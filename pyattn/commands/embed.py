"""`pyattn embed`: vectors of texts."""

from __future__ import annotations

import argparse
import json

from pyattn.commands.arguments import Commands
from pyattn.commands.channels import given_lines, writing
from pyattn.commands.encoders import add_texts, loaded, new_command, treatment


def add(commands: Commands) -> None:
    """Adds the command."""
    command = new_command(
        commands,
        "embed",
        about="make vectors of texts",
        description="Write a line for each TEXT, or else for each line of the input: its vector, "
        "as a JSON list.",
        model="folder of sentence-transformers or of an encoder, or its name",
    )
    command.set_defaults(run=_run)
    add_texts(command, behind="every text")


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.embedder import Embedder

    with (
        given_lines(parsed.text, parsed.input) as groups,
        loaded(parsed, Embedder) as embedder,
        writing(None) as output,
    ):
        for texts in groups:
            for vector in embedder.embed(texts, **treatment(parsed)).tolist():
                output.write(f"{json.dumps(vector)}\n".encode())
            output.flush()
