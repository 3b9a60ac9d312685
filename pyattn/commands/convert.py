"""`pyattn convert`, whose work `conversion` does."""

from __future__ import annotations

import argparse
import pathlib
import sys

from pyattn.commands.arguments import Commands, model_folder
from pyattn.commands.usage import UsageError


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "convert",
        help="write a model as a folder of pyattn's own, which loads fastest",
        description="Write MODEL, with its tokenizer and its shortlist if it has them, as the "
        "folder OUT of pyattn's own layout.",
    )
    command.set_defaults(run=_run)
    command.add_argument("model", metavar="MODEL", help="a folder that pyattn reads, or a name")
    command.add_argument("out", metavar="OUT", help="a folder that does not exist yet, or is empty")
    command.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "int8", "int4"),
        help="number type to store matrices in; by default each keeps its stored type, int8 its "
        "integers and scales, float16, bfloat16 and float32 their bits",
    )
    command.add_argument(
        "--calibrate",
        metavar="FILE",
        help="with --dtype int4: a text file of some hundred sentences like those to be "
        "translated, one a line, on which rounding is to change results least; the model "
        "translates them, which takes a minute or more",
    )


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.commands.conversion import convert
    from pyattn.files import open_model
    from pyattn.pruning import Kept

    texts = None
    if parsed.calibrate is not None:
        if parsed.dtype != "int4":
            raise UsageError("--calibrate needs --dtype int4")
        lines = pathlib.Path(parsed.calibrate).read_text(encoding="utf-8").splitlines()
        texts = [line for line in lines if line.strip()]
    loss = convert(model_folder(parsed.model), parsed.out, dtype=parsed.dtype, calibrate=texts)
    if loss is not None:
        print(
            f"pyattn: rounding once more, to {parsed.dtype}, changed weights by {loss:.2%} "
            "(root mean square)",
            file=sys.stderr,
        )
    with open_model(parsed.out) as files:
        kept = Kept.of(files.config)
    if kept is not None:
        print(f"pyattn: a pruned model: kept {kept}", file=sys.stderr)
