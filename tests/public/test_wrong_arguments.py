"""Arguments of a wrong kind: the error names the argument, whatever takes it."""

import copy
import dataclasses
import pathlib
import re
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn.text.checks import checked_pairs, checked_texts
from support.paths import GOLDEN

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


class Table:
    """As a DataFrame, an iterable of the names of its columns."""

    columns = ("text",)

    def __iter__(self) -> Any:
        return iter(self.columns)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a", "b"}, "is set, expected {}; it has no order, sorted(texts) has one"),
        (frozenset("a"), "is frozenset, expected {}; it has no order, sorted(texts) has one"),
        (Table(), "is Table, expected {}; one of its columns is texts['name of the column']"),
        (np.array("a"), "is ndarray, expected {}"),
        (None, "is NoneType, expected {}"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts: Any, message: str) -> None:
    for check, expected in (
        (checked_texts, "an iterable of str"),
        (checked_pairs, "a list of str, or of pairs of str"),
    ):
        wanted = f"embed: texts {message.format(expected)}"
        with pytest.raises(TypeError, match=f"^{re.escape(wanted)}$"):
            check("embed", texts)


def test_pairs_may_be_rows_of_an_array() -> None:
    pairs = [("a", "b"), ("c", "d")]
    assert checked_pairs("embed", np.array(pairs)) == pairs
    assert checked_pairs("embed", np.array(["a", "b"])) == ["a", "b"]
    with pytest.raises(TypeError, match=r"^embed: texts\[0\] is ndarray, expected str or a pair"):
        checked_pairs("embed", np.full((1, 1, 2), "a"))


@pytest.mark.parametrize("ids", [[0, 5, 2], (7,), np.arange(2)])
def test_ids_are_no_texts(ids: Any) -> None:
    with pytest.raises(TypeError, match=r"texts\[0\] is a list of int, .* model\.encode takes"):
        checked_pairs("embed", [ids])


EMBEDDER, CLASSIFIER = GOLDEN / "embedder", GOLDEN / "classifiers" / "bert-reranker"


def test_whether_to_truncate_is_a_flag() -> None:
    with pyattn.Embedder(EMBEDDER) as embedder, pyattn.Classifier(CLASSIFIER) as classifier:
        for operation, call in (
            ("embed", lambda: embedder.embed("a", truncate="no")),
            ("scores", lambda: classifier.scores("a", truncate="no")),
            ("rank", lambda: classifier.rank("a", [], truncate="no")),
        ):
            with pytest.raises(TypeError, match=f"^{operation}: truncate is str, expected True or"):
                call()


def test_other_settings_of_encoders_are_named() -> None:
    for kind, folder in ((pyattn.Embedder, EMBEDDER), (pyattn.Classifier, CLASSIFIER)):
        with pytest.raises(TypeError, match=f"^{kind.__name__}: unknown option 'device': py"):
            kind(folder, device="cpu")
        with pytest.raises(TypeError, match="did you mean 'threads'"):
            kind(folder, num_threads=2)


def test_methods_of_others_are_found_under_their_names_here() -> None:
    with (
        pyattn.Embedder(EMBEDDER) as embedder,
        pyattn.Classifier(CLASSIFIER) as classifier,
        pyattn.load(threads=1) as translator,
    ):
        for model, name, hint in (
            (embedder, "encode", r"embed\(texts\) makes vectors; pyattn\.compat"),
            (embedder, "translate", "the model is an encoder alone"),
            (classifier, "predict", r"classifiers have scores\(texts\); pyattn\.compat"),
            (classifier, "embed", r"pyattn\.Embedder\(path\) makes vectors"),
            (translator, "generate", r"model\.generate takes ids"),
        ):
            kind = type(model).__name__
            with pytest.raises(AttributeError, match=f"^'{kind}' object .* '{name}'; {hint}"):
                getattr(model, name)
            with pytest.raises(AttributeError, match=r"has no attribute 'nothing'$"):
                getattr(model, "nothing")  # noqa: B009
        assert not hasattr(translator, "__len__")
        copy.copy(translator)
