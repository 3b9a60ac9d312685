"""`pyattn serve`: translation over HTTP."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pyattn.commands.arguments import Commands, add_machine, count
from pyattn.commands.usage import UsageError

_PORT = 5000


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "serve",
        help="translate over HTTP",
        usage="pyattn serve [options]",
        description="Serve the interfaces of LibreTranslate, DeepL and Google, our own, and a page "
        "for people, all on one port, until SIGTERM. Settings may also be environment variables, "
        "such as PYATTN_SERVE_KEYS; --set shows their names.",
    )
    command.set_defaults(run=_run)
    command.add_argument(
        "--model",
        dest="models",
        type=_model,
        action="append",
        metavar="NAME=MODEL",
        help="a model and its name, such as en-es=FOLDER, which is loaded when it is needed, or "
        "nllb=org/name, which is loaded at once; can be repeated (default: en-es, which is "
        "included)",
    )
    command.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1, this machine"
    )
    command.add_argument(
        "--port", type=_port, default=_PORT, metavar="N", help=f"default: {_PORT}; 0 for any"
    )
    command.add_argument(
        "--key",
        dest="keys",
        action="append",
        metavar="KEY",
        help="an API key; can be repeated (better in PYATTN_SERVE_KEYS, where nobody sees it; "
        "without any, everybody is let in)",
    )
    command.add_argument("--root-path", metavar="PATH", help="the path under which a proxy has it")
    command.add_argument(
        "--set",
        dest="assignments",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another setting, such as seconds=60 or cors=https://example.com; can be repeated",
    )
    command.add_argument(
        "--grace",
        type=count,
        default=30,
        metavar="SECONDS",
        help="how long requests and documents may take after SIGTERM (default: 30)",
    )
    command.add_argument("--quiet", action="store_true", help="log only what is wrong")
    add_machine(command)


def _run(parsed: argparse.Namespace) -> None:
    import logging

    from pyattn.serving import app
    from pyattn.serving.running import log_to_stderr, run
    from pyattn.serving.settings import read_setting

    models = dict(parsed.models or [])
    if len(models) != len(parsed.models or []):
        raise UsageError("--model: two models have the same name")
    try:
        assigned = {name: read_setting(name, text) for name, text in parsed.assignments}
    except (TypeError, ValueError) as error:
        raise UsageError(f"--set: {error}") from None
    given: dict[str, Any] = {
        **assigned,
        "keys": None if parsed.keys is None else tuple(parsed.keys),
        "root_path": parsed.root_path,
        "threads": parsed.threads,
        "dtype": None if parsed.dtype == "auto" else parsed.dtype,
    }
    given = {name: value for name, value in given.items() if value is not None}
    log_to_stderr(logging.WARNING if parsed.quiet else logging.INFO)
    application = app(models or None, **given)

    def announce(address: str) -> None:
        print(f"pyattn: serving at {address}", file=sys.stderr, flush=True)

    run(application, host=parsed.host, port=parsed.port, grace=parsed.grace, announce=announce)


def _model(text: str) -> tuple[str, str]:
    name, equals, model = text.partition("=")
    if not name or not equals or not model or "/" in name:
        raise argparse.ArgumentTypeError(f"expected NAME=MODEL, such as en-es=FOLDER, got {text!r}")
    return name, model


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name, value


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)
