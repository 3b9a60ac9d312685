"""The parser of arguments, whose errors are one line with the remedy."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from pyattn.commands.channels import one_line


class Parser(argparse.ArgumentParser):
    """The parser of the command, and of each of its commands.

    A command may set two defaults: `more`, the name of its argument that gets the arguments behind
    options, too; and `meant`, a function from an unknown option to what may be meant by it.
    """

    def error(self, message: str) -> NoReturn:
        """Ends the process with one line that names this parser's own help."""
        self.exit(2, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")

    def left(self, parsed: argparse.Namespace, rest: Sequence[str]) -> None:
        """Arguments that no argument of this command took: they join `more`, or are an error."""
        place = rest.index("--") if "--" in rest else len(rest)
        for argument in rest[:place]:
            if argument.startswith("-") and argument != "-":
                name = argument.partition("=")[0]
                self.error(f"unknown option {name}{self._hint(name)}")
        arguments = [*rest[:place], *rest[place + 1 :]]
        more = self.get_default("more")
        if more is None:
            self.error(f"unexpected argument {arguments[0]!r}")
        getattr(parsed, more).extend(arguments)

    def _hint(self, option: str) -> str:
        meant = self.get_default("meant")
        found = meant(option) if meant is not None else None
        if found is None:
            known = [name for name in self._option_string_actions if name.startswith("--")]
            found = next(iter(difflib.get_close_matches(option, known, n=1)), None)
        return "" if found is None else f"; did you mean {found}?"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuses a value that is none of an argument's choices, and names a similar one."""
        if action.choices is not None and value not in action.choices:
            message = f"invalid choice: {value!r}, expected {listed(map(str, action.choices))}"
            near = difflib.get_close_matches(str(value), [*map(str, action.choices)], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise argparse.ArgumentError(action, message + hint)


def listed(names: Iterable[str]) -> str:
    """Names as alternatives: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
