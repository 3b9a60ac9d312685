"""Arguments that several commands have, and their types."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any, TypeAlias, cast

from pyattn.commands.assignments import option
from pyattn.running import precision
from pyattn.running.origin import SHIPPED_MODEL

# What a command adds its own parser to.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_model(command: argparse.ArgumentParser) -> None:
    """MODEL, which may be left out."""
    command.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a folder or a name; by default the English-Spanish model",
    )


def model_folder(model: str | None) -> pathlib.Path:
    """The path of MODEL, which may be a name of one model, or left out."""
    from pyattn.hub.resolving import one_folder

    return SHIPPED_MODEL if model is None else one_folder(model)


def add_languages(command: argparse.ArgumentParser, *, auto: bool = False) -> None:
    """--from and --to, whose older names stay.

    Args:
        command: The parser of the command.
        auto: Whether the command takes "auto" for --from.
    """
    _add_language(
        command,
        ("--from", "--source-language"),
        "source_language",
        "the language of the input, for a model of several, such as eng_Latn for NLLB"
        + ("; auto: that of each text, among those of the model" if auto else ""),
    )
    _add_language(
        command,
        ("--to", "--target-language"),
        "target_language",
        "the language to translate into, likewise",
    )


def _add_language(
    command: argparse.ArgumentParser, names: tuple[str, str], place: str, about: str
) -> None:
    name, older = names
    command.add_argument(name, dest=place, metavar="LANG", help=about)
    command.add_argument(older, dest=place, metavar="LANG", help=argparse.SUPPRESS)


def add_search(command: argparse.ArgumentParser, *, default: str) -> None:
    """The decoding options that `search_options` returns.

    Args:
        command: The parser of the command.
        default: The beam size without --beam, in words.
    """
    command.add_argument(
        "--beam",
        dest="beam_size",
        type=option("beam_size"),
        metavar="N",
        help=f"hypotheses to keep; 1 is greedy (default: {default})",
    )
    command.add_argument(
        "--max-new-tokens",
        type=option("max_new_tokens"),
        metavar="N",
        help="the longest translation, in tokens (default: the model's)",
    )


def add_machine(command: argparse.ArgumentParser) -> None:
    """--dtype and --threads."""
    command.add_argument(
        "--dtype",
        type=_dtype,
        default="auto",
        metavar="TYPE[,NAME=TYPE...]",
        help="number type of weights in computation: auto, float32, bfloat16, int8, int4 or "
        "int8_grouped, and other types for products by name (* for any characters)",
    )
    command.add_argument(
        "--threads", type=count, metavar="N", help="by default as many as the process may use"
    )


def search_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """The decoding options that were given; the others are the checkpoint's."""
    names = ("beam_size", "max_new_tokens", "length_penalty")
    given = {name: getattr(parsed, name, None) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def count(text: str) -> int:
    """The type of an argument that is a number of things."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def counts(text: str) -> tuple[int, ...]:
    """The type of an argument that is several such numbers."""
    return tuple(count(part) for part in text.split(","))


def _dtype(text: str) -> precision.DTypes:
    """The type of --dtype: a number type, or several, all but one with the name they are for."""
    pairs = [part.rpartition("=") for part in text.split(",")]
    given = {name: kind for name, equals, kind in pairs if equals}
    rest = [kind for _, equals, kind in pairs if not equals]
    if len(rest) > 1 or len(rest) + len(given) < len(pairs):
        raise argparse.ArgumentTypeError(f"expected a name once, got {text!r}")
    # The type without a name applies to all other products, at any position.
    others = {"*": rest[0]} if rest else {}
    chosen = cast(precision.DTypes, others | given if given else text)
    try:
        precision.check(chosen)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("dtype: ")) from None
    return chosen
