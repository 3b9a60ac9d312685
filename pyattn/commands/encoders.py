"""What the commands of encoders that stand alone have in common."""

from __future__ import annotations

import argparse
import math
from typing import Any, TypeVar

from pyattn.commands.arguments import Commands, add_machine
from pyattn.errors import ModelError

T = TypeVar("T")
# The functions that make scores of logits.
_ACTIVATIONS = ("identity", "sigmoid", "softmax", "tanh")


def new_command(
    commands: Commands,
    name: str,
    *,
    about: str,
    description: str,
    model: str,
    query: str | None = None,
) -> argparse.ArgumentParser:
    """The parser of a command that takes texts, or else lines of the input.

    Args:
        commands: Where it belongs.
        name: Its name.
        about: What it does, in a few words.
        description: Likewise, in full.
        model: What its model is.
        query: What the argument in front of the texts is; None for a command without one.
    """
    command = commands.add_parser(name, help=about, description=description)
    command.set_defaults(more="text")
    if query is not None:
        command.add_argument("query", metavar="QUERY", help=query)
    command.add_argument("text", nargs="*", metavar="TEXT", help="a text")
    command.add_argument("--model", required=True, metavar="MODEL", help=model)
    command.add_argument("--input", metavar="FILE", help="read lines from FILE (- for stdin)")
    return command


def add_texts(command: argparse.ArgumentParser, *, behind: str) -> None:
    """How texts are treated, and --dtype and --threads.

    Args:
        command: The parser of the command.
        behind: What a prompt is put in front of.
    """
    command.add_argument("--prompt", metavar="TEXT", help=f"put TEXT in front of {behind}")
    command.add_argument("--prompt-name", metavar="NAME", help="or the model's prompt of this name")
    command.add_argument(
        "--truncate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="cut what is too long for the model, with a warning, or refuse it (default: cut)",
    )
    add_machine(command)


def add_scores(command: argparse.ArgumentParser) -> None:
    """--activation and --json."""
    command.add_argument(
        "--activation",
        choices=_ACTIVATIONS,
        help="what makes scores of the model's logits; identity leaves them as they are (default: "
        "as the model's files say)",
    )
    command.add_argument("--json", action="store_true", help="write a JSON object per line")


def treatment(parsed: argparse.Namespace) -> dict[str, Any]:
    """The arguments of methods for texts, of those that `add_texts` adds."""
    return {
        "prompt": parsed.prompt,
        "prompt_name": parsed.prompt_name,
        "truncate": parsed.truncate,
    }


def loaded(parsed: argparse.Namespace, kind: type[T]) -> T:
    """The model, an `Embedder` or a `Classifier`.

    Raises:
        ModelError: as `pyattn.load`, and if the model is of another kind.
    """
    from pyattn.embedder import Embedder
    from pyattn.loading import load

    found: Any = load(parsed.model, dtype=parsed.dtype, threads=parsed.threads)
    if isinstance(found, kind):
        return found
    found.close()
    if type(found).__name__ not in ("Embedder", "Classifier"):
        raise ModelError(f"{parsed.model}: has a decoder, expected an encoder alone")
    if kind is Embedder:
        raise ModelError(f"{parsed.model}: classifies texts, expected a model of vectors")
    raise ModelError(f"{parsed.model}: makes vectors, expected a model that classifies texts")


def number(score: float) -> float | None:
    """A score for JSON, which has no infinity."""
    return score if math.isfinite(score) else None
