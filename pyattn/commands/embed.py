"""`pyattn embed`: vectors of texts."""

from __future__ import annotations

import argparse
import json

from pyattn.commands.arguments import Commands, add_machine
from pyattn.commands.channels import given_lines, writing
from pyattn.errors import ModelError


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "embed",
        help="make vectors of texts",
        description="Write a line for each TEXT, or else for each line of the input: its vector, "
        "as a JSON list.",
    )
    command.set_defaults(run=_run, more="text")
    command.add_argument("text", nargs="*", metavar="TEXT", help="a text")
    command.add_argument(
        "--model",
        required=True,
        metavar="MODEL",
        help="folder of sentence-transformers or of an encoder, or its name",
    )
    command.add_argument("--input", metavar="FILE", help="read lines from FILE (- for stdin)")
    command.add_argument("--prompt", metavar="TEXT", help="put TEXT in front of every text")
    command.add_argument("--prompt-name", metavar="NAME", help="or the model's prompt of this name")
    add_machine(command)


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.classifier import Classifier
    from pyattn.embedder import Embedder
    from pyattn.loading import load

    with given_lines(parsed.text, parsed.input) as groups:
        found: object = load(parsed.model, dtype=parsed.dtype, threads=parsed.threads)
        if isinstance(found, Classifier):
            raise ModelError(f"{parsed.model}: classifies texts, expected a model of vectors")
        if not isinstance(found, Embedder):
            raise ModelError(f"{parsed.model}: has a decoder, expected an encoder alone")
        with found, writing(None) as output:
            for texts in groups:
                vectors = found.embed(texts, prompt=parsed.prompt, prompt_name=parsed.prompt_name)
                for vector in vectors.tolist():
                    output.write(f"{json.dumps(vector)}\n".encode())
                output.flush()
