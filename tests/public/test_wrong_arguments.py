"""Arguments of a wrong kind: the error names the argument, whatever takes it."""

import dataclasses
import pathlib
from typing import Any

import pytest

import pyattn

_NUMBERS = [
    field.name
    for field in dataclasses.fields(pyattn.GenerationOptions)
    if field.type in ("int", "float", "float | None", "int | None")
]


def test_there_are_options_that_are_numbers() -> None:
    assert {"beam_size", "max_time", "length_penalty", "top_p"} <= set(_NUMBERS)


@pytest.mark.parametrize("name", _NUMBERS)
@pytest.mark.parametrize("value", [True, "1", b"1", float("nan"), [1]])
def test_numbers_are_neither_flags_nor_texts(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        pyattn.GenerationOptions(**{name: value})


@pytest.mark.parametrize("name", ["english", "", "e", "<emoji>", "12"])
def test_languages_to_choose_among_are_codes(name: str) -> None:
    with pytest.raises(ValueError, match=r"among has .*, expected codes such as"):
        pyattn.detect("Where is the station?", among=["es", name])


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("cache_dir", "a\0b", ValueError),
        ("cache_dir", 5, TypeError),
        ("revision", 5, TypeError),
        ("token", b"x", TypeError),
        ("endpoint", 5, TypeError),
        ("local_files_only", 1, TypeError),
    ],
)
def test_settings_of_names_are_checked(setting: str, value: Any, error: type) -> None:
    with pytest.raises(error, match=f"{setting}|path"):
        pyattn.load("org/name", **{setting: value})


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "source.spm"])
def test_a_folder_in_the_place_of_a_file_is_named(name: str, tmp_path: pathlib.Path) -> None:
    pyattn.load(threads=1).save(tmp_path / "model")
    file = tmp_path / "model" / name
    file.unlink()
    file.mkdir()
    with pytest.raises(pyattn.ModelError, match=name):
        pyattn.load(tmp_path / "model")
