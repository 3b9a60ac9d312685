"""Batches of every kind: the same kind comes back, with the translations that `translate` has."""

import multiprocessing
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import pyattn
from pyattn.bulk import Translate, tables

TEXTS = ["You are welcome.", None, "Where is the station?", ""]


@pytest.fixture(scope="module")
def truth() -> list[str | None]:
    with pyattn.load(threads=1) as translator:
        return [None if text is None else translator.translate(text) for text in TEXTS]


@pytest.fixture(scope="module")
def translate() -> Translate:
    return Translate(threads=1)


def test_lists_come_back_as_lists(translate: Translate, truth: list[str | None]) -> None:
    batch = {"id": [1, 2, 3, 4], "text": TEXTS}
    assert translate(batch) == {"id": [1, 2, 3, 4], "text": TEXTS, "translation": truth}
    assert list(batch) == ["id", "text"]


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_arrays_come_back_as_arrays(
    translate: Translate, truth: list[str | None], missing: object
) -> None:
    texts = np.array([missing if text is None else text for text in TEXTS], dtype=object)
    found = translate({"text": texts})["translation"]
    assert isinstance(found, np.ndarray)
    assert found.tolist() == truth


def test_arrays_of_numpy_strings_are_texts(translate: Translate, truth: list[str | None]) -> None:
    found = translate({"text": np.array([TEXTS[0], TEXTS[2]])})
    assert found["translation"].tolist() == [truth[0], truth[2]]


@pytest.mark.parametrize("kind", [object, "str", "string"])
def test_frames_keep_their_index_and_type(
    translate: Translate, truth: list[str | None], kind: Any
) -> None:
    frame = pd.DataFrame({"text": pd.Series(TEXTS, dtype=kind), "n": range(4)})
    frame.index = pd.Index([7, 7, 1, 0])
    found = translate(frame)
    assert list(found.columns) == ["text", "n", "translation"]
    assert list(frame.columns) == ["text", "n"]
    assert found.index.equals(frame.index)
    assert found["translation"].dtype == frame["text"].dtype
    assert [None if pd.isna(one) else one for one in found["translation"]] == truth


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary("int32", "str")])
@pytest.mark.parametrize("batched", [False, True])
def test_arrow_keeps_schema_and_kind(
    translate: Translate, truth: list[str | None], kind: Any, batched: bool
) -> None:
    schema = pa.schema([("text", kind), ("n", pa.int64())], metadata={"a": "b"})
    table = pa.table({"text": pa.array(TEXTS, kind), "n": range(4)}, schema=schema)
    batch = table.to_batches()[0] if batched else table
    found = translate(batch)
    assert type(found) is type(batch)
    assert found.schema.metadata == {b"a": b"b"}
    assert found.column("n").equals(batch.column("n"))
    assert found.column("translation").to_pylist() == truth


@pytest.mark.parametrize(
    "batch",
    [
        {"text": []},
        {"text": np.array([])},
        pd.DataFrame({"text": []}),
        pa.table({"text": pa.array([], "str")}),
        {"text": [None, None]},
    ],
)
def test_batches_without_texts_load_no_model(batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyattn.bulk.translate.load_translator", None)
    found = Translate("no such model")(batch)
    assert len(found["translation"]) == len(batch["text"])


def test_batch_size_does_not_change_a_byte(translate: Translate) -> None:
    texts = [f"The {n} dogs are in house {n * n}." for n in range(12)]
    whole = translate({"text": texts})["translation"]
    parts = translate.frames({"text": texts[n : n + 5]} for n in range(0, 12, 5))
    assert [one for part in parts for one in part["translation"]] == whole


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"texts": ["a"]}, "Translate: batch has no column 'text', its columns are 'texts'"),
        ({}, "Translate: batch has no column 'text', its columns are none"),
        ({"text": ["a"], "translation": ["b"]}, "already; choose another name for output"),
        ({"text": ["a"], "n": [1, 2]}, "column 'n' has 2 rows, expected 1, as 'text' has"),
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "batch has 2 columns 'text'"),
        (pa.table({"n": [1]}), "batch has no column 'text'"),
        ({"text": ["\ud800"]}, "valid Unicode|surrogate"),
    ],
)
def test_wrong_columns_are_named(translate: Translate, batch: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        translate(batch)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"text": ["a", 3]}, "column 'text' has int in row 1, expected a str"),
        ({"text": [b"a"]}, "column 'text' has bytes in row 0"),
        ({"text": np.array([1.5])}, "column 'text' has float in row 0"),
        ({"text": "abc"}, "column 'text' is str, expected a list or an array"),
        (pd.DataFrame({"text": [["a"]]}), "column 'text' has list in row 0"),
        (pa.table({"text": [1]}), "column 'text' has int in row 0"),
        (["a"], "batch is list, expected a mapping of columns"),
    ],
)
def test_what_is_no_text_is_named(translate: Translate, batch: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        translate(batch)


def test_wrong_arguments_fail_at_once() -> None:
    with pytest.raises(TypeError, match="beam_width"):
        Translate(beam_width=4)
    with pytest.raises(TypeError, match="model is int"):
        Translate(3)
    with pytest.raises(TypeError, match="column is None"):
        Translate(column=None)
    with pytest.raises(ValueError, match="output is 'a', expected another name"):
        Translate(column="a", output="a")


def test_state_is_a_path_and_options(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, translate: Translate
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    made = pickle.loads(pickle.dumps(Translate("model", "a", "b", threads=1, beam_size=2)))
    assert made.model == str(tmp_path / "model")
    assert (made.column, made.output, made.options) == ("a", "b", {"threads": 1, "beam_size": 2})
    translate({"text": ["A used one is pickled, too."]})
    assert len(pickle.dumps(translate)) < 300


def test_objects_of_a_process_share_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []

    class Upper:
        def translate(self, texts: list[str], **_: Any) -> list[str]:
            return [text.upper() for text in texts]

    def load(path: str, **_: Any) -> Upper:
        loads.append(path)
        return Upper()

    monkeypatch.setattr("pyattn.bulk.translate.load_translator", load)
    for options in ({"beam_size": 1}, {"beam_size": 4}):
        assert Translate("shared", **options)({"text": ["a"]})["translation"] == ["A"]
    assert loads == ["shared"]


CHILD = """
import pickle, sys
translate, texts = pickle.load(sys.stdin.buffer)
pickle.dump(translate({"text": texts})["translation"], sys.stdout.buffer)
"""


def test_new_processes_load_it_again(translate: Translate, truth: list[str | None]) -> None:
    given = pickle.dumps((translate, TEXTS))
    run = subprocess.run(
        [sys.executable, "-c", CHILD], input=given, capture_output=True, check=True
    )
    assert pickle.loads(run.stdout) == truth


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_load_it_again(translate: Translate, truth: list[str | None]) -> None:
    translate({"text": TEXTS})
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(
        target=lambda: results.put(translate({"text": TEXTS})["translation"]), daemon=True
    )
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert results.get() == truth


def test_names_of_packages_are_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "sys", type("sys", (), {"modules": {}}))
    assert tables.texts_of({"text": ["a"]}, "text", "b") == ["a"]
