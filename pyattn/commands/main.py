"""The command `pyattn`: translate, inspect, convert, bench, download, models, remove.

Exit codes: 0, 1 for a run that failed, 2 for usage, 130 for Ctrl-C. An error is one line on
standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, cast

from pyattn.commands import download, models, remove
from pyattn.commands.channels import forget_standard_output, lines, writing
from pyattn.options import GenerationOptions
from pyattn.running import precision


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The arguments behind the command's name; the process's by default.

    Returns:
        The exit code.

    Raises:
        SystemExit: for usage errors, --help and --version.
    """
    parsed = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            parsed.run(parsed)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        forget_standard_output()
        return 1
    except (ImportError, MemoryError, OSError, RuntimeError, ValueError) as error:
        print(f"pyattn: {_message(error)}", file=sys.stderr)
        return 1
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {_one_line(message)} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pyattn", description="Translate with encoder-decoder Transformers on a CPU."
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_translate(commands)
    _add_inspect(commands)
    _add_convert(commands)
    _add_bench(commands)
    for other in (download, models, remove):
        other.add(commands)
    return parser


def _add_translate(commands: Any) -> None:
    command = commands.add_parser(
        "translate",
        help="translate texts, or the lines of a file or of standard input",
        description="Translate each TEXT, or else each line of the input, to one line of output.",
    )
    command.set_defaults(run=_translate, fail=command.error)
    command.add_argument("text", nargs="*", metavar="TEXT", help="a text to translate")
    command.add_argument("--input", metavar="FILE", help="read lines from FILE (- for stdin)")
    command.add_argument(
        "--output",
        metavar="FILE",
        help="write to FILE rather than to standard output; while it is incomplete, and if the run "
        "fails, it is named FILE.partial",
    )
    command.add_argument(
        "--model",
        metavar="MODEL",
        help="a folder, a file or a name such as org/name, firefox:en-pt or argos:en-es; by "
        "default the English-Spanish model",
    )
    _add_languages(command)
    _add_search(command)
    command.add_argument(
        "--length-penalty",
        type=_option("length_penalty", float),
        metavar="X",
        help="rank by log-probability / length ** X",
    )
    command.add_argument(
        "--split",
        choices=("auto", "sentences", "never"),
        default="auto",
        help="where texts are cut: as serves the model (the default), at each sentence's end, "
        "or only where they are too long for the model",
    )
    command.add_argument(
        "--batch-tokens", type=_count, metavar="N", help="source tokens to encode at once"
    )
    _add_machine(command)


def _add_inspect(commands: Any) -> None:
    command = commands.add_parser(
        "inspect",
        help="describe a model and how it would run",
        description="Describe a model and how it would run here.",
    )
    command.set_defaults(run=_inspect)
    _add_model(command)
    _add_machine(command)


def _add_convert(commands: Any) -> None:
    command = commands.add_parser(
        "convert",
        help="write a model as a folder of pyattn's own, which loads fastest",
        description="Write MODEL, with its tokenizer and its shortlist if it has them, as the "
        "folder OUT of pyattn's own layout.",
    )
    command.set_defaults(run=_convert)
    command.add_argument(
        "model", metavar="MODEL", help="a folder of any layout that pyattn reads, or a name"
    )
    command.add_argument("out", metavar="OUT", help="a folder that does not exist yet, or is empty")
    command.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "int8"),
        help="number type to store matrices in; by default each keeps its stored type, int8 its "
        "integers and scales, float16, bfloat16 and float32 their bits",
    )


def _add_bench(commands: Any) -> None:
    command = commands.add_parser(
        "bench",
        help="measure a model against the NumPy baseline",
        description="Translate the same sentences with the NumPy baseline and pyattn in turn, "
        "each in a process of its own, and compare the median rounds.",
    )
    command.set_defaults(run=_bench)
    _add_model(command)
    command.add_argument("--sentences", metavar="FILE", help="lines of text; by default our own")
    command.add_argument(
        "--batch",
        type=_counts,
        default=(1, 32),
        metavar="N[,N...]",
        help="how many sentences to translate at once (default: 1,32)",
    )
    command.add_argument("--rounds", type=_count, default=5, metavar="N", help="default: 5")
    command.add_argument("--json", metavar="FILE", help="write the results as JSON (- for stdout)")
    _add_languages(command)
    _add_search(command)
    _add_machine(command)


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a folder or a name; by default the English-Spanish model",
    )


def _add_languages(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--source-language",
        metavar="NAME",
        help="the language of the input, for a model of several, such as eng_Latn for NLLB",
    )
    command.add_argument(
        "--target-language", metavar="NAME", help="the language to translate into, likewise"
    )


def _add_search(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--beam",
        dest="beam_size",
        type=_option("beam_size", int),
        metavar="N",
        help="hypotheses to keep; 1 is greedy",
    )
    command.add_argument(
        "--max-new-tokens",
        type=_option("max_new_tokens", int),
        metavar="N",
        help="the longest translation, in tokens",
    )


def _add_machine(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--dtype",
        type=_dtype,
        default="auto",
        metavar="TYPE[,NAME=TYPE...]",
        help="number type of weights in computation: auto, float32, bfloat16 or int8, and other "
        "types for products by name (* for any characters)",
    )
    command.add_argument(
        "--threads", type=_count, metavar="N", help="by default as many as the process may use"
    )


def _translate(parsed: argparse.Namespace) -> None:
    if parsed.text and parsed.input is not None:
        parsed.fail("argument --input: not allowed with a TEXT")
    from pyattn.loading import load

    with contextlib.ExitStack() as stack:
        # The input is opened first, so that a wrong name fails before a model is loaded, and the
        # output last, so that a failure to load leaves no file.
        groups = iter([parsed.text]) if parsed.text else stack.enter_context(lines(parsed.input))
        translator = stack.enter_context(
            load(
                parsed.model,
                dtype=parsed.dtype,
                threads=parsed.threads,
                **({} if parsed.batch_tokens is None else {"batch_tokens": parsed.batch_tokens}),
            )
        )
        output = stack.enter_context(writing(parsed.output))
        for texts in groups:
            for text in translator.translate(
                texts,
                source=parsed.source_language,
                target=parsed.target_language,
                split=parsed.split,
                **_search_options(parsed),
            ):
                output.write(f"{_one_line(text)}\n".encode())
            output.flush()


def _inspect(parsed: argparse.Namespace) -> None:
    from pyattn.commands.inspection import describe

    for name, value in describe(_folder(parsed.model), dtype=parsed.dtype, threads=parsed.threads):
        print(f"{name:<13}{value}")


def _convert(parsed: argparse.Namespace) -> None:
    from pyattn.commands.conversion import convert
    from pyattn.hub.resolving import one_folder

    convert(one_folder(parsed.model), parsed.out, dtype=parsed.dtype)


def _bench(parsed: argparse.Namespace) -> None:
    from pyattn.commands import benchmark

    result = benchmark.run(
        _folder(parsed.model),
        sentences=_sentences(parsed.sentences),
        batches=parsed.batch,
        rounds=parsed.rounds,
        dtype=parsed.dtype,
        threads=parsed.threads,
        options=_search_options(parsed),
        source=parsed.source_language,
        target=parsed.target_language,
    )
    if parsed.json != "-":
        print(benchmark.table(result))
    if parsed.json is not None:
        with writing(parsed.json) as output:
            output.write(benchmark.to_json(result).encode())


def _folder(model: str | None) -> pathlib.Path | None:
    """The folder of a model that may be a name; None for the included model."""
    from pyattn.hub.resolving import one_folder

    return None if model is None else one_folder(model)


def _search_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """The decoding options that were given; the others are the checkpoint's."""
    names = ("beam_size", "max_new_tokens", "length_penalty")
    given = {name: getattr(parsed, name, None) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def _sentences(path: str | None) -> list[str] | None:
    if path is None:
        return None
    with lines(path) as groups:
        return [text for group in groups for text in group if text.strip()]


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line, without the place in the code that gave it."""
    if sys.stderr is not None:
        print(f"pyattn: warning: {_one_line(str(message))}", file=sys.stderr)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror is not None:
        place = "" if error.filename is None else f"{error.filename}: "
        return f"{place}{error.strerror}"
    return _one_line(str(error)) or type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _count(text: str) -> int:
    """The type of an argument that is a number of things."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(part) for part in text.split(","))


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


def _option(name: str, kind: Callable[[str], object]) -> Callable[[str], object]:
    """The type of an argument that is a decoding option; that option's own check is the check."""

    def parse(text: str) -> object:
        try:
            return getattr(GenerationOptions().replace(**{name: kind(text)}), name)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


class _Version(argparse.Action):
    """--version; looks the version up on demand."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        import pyattn

        print(f"pyattn {pyattn.__version__}")
        parser.exit()
