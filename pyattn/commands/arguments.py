"""Arguments that several commands have, and their types."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from pyattn.options import GenerationOptions
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


def add_languages(command: argparse.ArgumentParser) -> None:
    """--source-language and --target-language."""
    command.add_argument(
        "--source-language",
        metavar="NAME",
        help="the language of the input, for a model of several, such as eng_Latn for NLLB",
    )
    command.add_argument(
        "--target-language", metavar="NAME", help="the language to translate into, likewise"
    )


def add_search(command: argparse.ArgumentParser) -> None:
    """The decoding options that `search_options` returns."""
    command.add_argument(
        "--beam",
        dest="beam_size",
        type=option("beam_size", int),
        metavar="N",
        help="hypotheses to keep; 1 is greedy",
    )
    command.add_argument(
        "--max-new-tokens",
        type=option("max_new_tokens", int),
        metavar="N",
        help="the longest translation, in tokens",
    )


def add_machine(command: argparse.ArgumentParser) -> None:
    """--dtype and --threads."""
    command.add_argument(
        "--dtype",
        type=_dtype,
        default="auto",
        metavar="TYPE[,NAME=TYPE...]",
        help="number type of weights in computation: auto, float32, bfloat16 or int8, and other "
        "types for products by name (* for any characters)",
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


def option(name: str, kind: Callable[[str], object]) -> Callable[[str], object]:
    """The type of an argument that is a decoding option; that option's own check is the check."""

    def parse(text: str) -> object:
        try:
            return getattr(GenerationOptions().replace(**{name: kind(text)}), name)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse
