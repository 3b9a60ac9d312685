"""The list of commands, each of which has a file."""

import argparse
import importlib
import pathlib

import pytest

from pyattn.commands import main as cli


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_command_has_a_file_with_its_parser(name: str) -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    module = importlib.import_module(f"pyattn.commands.{name}")
    module.add(commands)
    assert list(commands.choices) == [name]
    assert callable(commands.choices[name].get_default("run"))


def test_every_file_that_adds_a_command_is_in_the_list() -> None:
    folder = pathlib.Path(cli.__file__).parent
    adding = {file.stem for file in folder.glob("*.py") if "\ndef add(" in file.read_text()}
    assert adding == set(cli.COMMANDS)


def test_help_lists_all_commands_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    words = capsys.readouterr().out.split()
    places = [words.index(name) for name in cli.COMMANDS]
    assert places == sorted(places)
