"""`pyattn classify` and `pyattn rank`."""

import json
import math
import pathlib
from typing import Any

import numpy as np
import pytest

from pyattn import Classifier
from pyattn.commands.encoders import _ACTIVATIONS, number
from pyattn.embedding.heads import SCORES
from support.command_runs import Run, runner
from support.paths import GOLDEN

MANY = str(GOLDEN / "classifiers" / "bert")
RERANKER = str(GOLDEN / "classifiers" / "bert-reranker")
TEXTS = ["the cat sat.", "", "two dogs\tran home"]
PAIRS: list[Any] = ["the cat sat.", "", ("two dogs", "ran home")]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


def test_every_text_has_a_line_with_its_best_label(run: Run) -> None:
    code, output, error = run("classify", "--model", MANY, *TEXTS)
    assert (code, error) == (0, "")
    with Classifier(MANY) as classifier:
        scores = classifier.scores(PAIRS)
        labels = classifier.labels
    best = scores.argmax(axis=1)
    wanted = [f"{labels[n]}\t{row[n]:.4f}" for n, row in zip(best, scores, strict=True)]
    assert output.decode().splitlines() == wanted


def test_all_labels_are_the_best_first(run: Run) -> None:
    code, output, _ = run("classify", "--model", MANY, "--all", "--activation", "identity", "a cat")
    assert code == 0
    fields = output.decode().rstrip("\n").split("\t")
    with Classifier(MANY) as classifier:
        logits = classifier.scores("a cat", activation="identity")
        order = np.argsort(-logits)
        assert fields[::2] == [classifier.labels[n] for n in order]
    assert fields[1::2] == [f"{logits[n]:.4f}" for n in order]


def test_lines_become_objects(run: Run, tmp_path: pathlib.Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("\n".join(TEXTS) + "\n")
    code, output, _ = run("classify", "--model", MANY, "--json", "--input", str(lines))
    assert code == 0
    found = [json.loads(line) for line in output.splitlines()]
    with Classifier(MANY) as classifier:
        scores = classifier.scores(PAIRS)
        for one, row in zip(found, scores, strict=True):
            assert one["scores"] == dict(zip(classifier.labels, row.tolist(), strict=True))
            assert one["label"] == classifier.labels[int(row.argmax())]
            assert one["score"] == row.max()
    assert [one["text"] for one in found] == ["the cat sat.", "", "two dogs"]
    assert [one.get("text_pair") for one in found] == [None, None, "ran home"]


def test_three_texts_are_no_pair(run: Run) -> None:
    code, _, error = run("classify", "--model", MANY, "a", "b\tc\td")
    assert code == 1
    assert "classify: text 2 has 2 tabs, expected one between the texts of a pair" in error


DOCUMENTS = ["a dog ran.", "the cat sat on the mat", "two cats"]


def test_texts_are_ranked(run: Run) -> None:
    code, output, error = run("rank", "where is the cat", *DOCUMENTS, "--model", RERANKER)
    assert (code, error) == (0, "")
    with Classifier(RERANKER) as reranker:
        ranked = reranker.rank("where is the cat", DOCUMENTS)
    wanted = [f"{score:.4f}\t{DOCUMENTS[n]}" for n, score in ranked]
    assert output.decode().splitlines() == wanted


def test_best_lines_become_objects(run: Run, tmp_path: pathlib.Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("\n".join(DOCUMENTS))
    code, output, _ = run(
        *("rank", "--model", RERANKER, "--json", "--top", "2", "--activation", "identity"),
        *("where is the cat", "--input", str(lines)),
    )
    assert code == 0
    with Classifier(RERANKER) as reranker:
        ranked = reranker.rank("where is the cat", DOCUMENTS, top_k=2, activation="identity")
    assert [json.loads(line) for line in output.splitlines()] == [
        {"document": n, "score": score, "text": DOCUMENTS[n]} for n, score in ranked
    ]


def test_model_of_another_kind_is_refused(run: Run) -> None:
    for command in (["classify"], ["rank", "query"]):
        _, output, error = run(*command, "--model", str(GOLDEN / "embedder"), "text")
        assert output == b""
        assert "embedder: makes vectors, expected a model that classifies texts" in error
        _, _, error = run(*command, "--model", str(GOLDEN / "bart-tied-gelu-5"), "text")
        assert "has a decoder, expected an encoder alone" in error
    code, _, error = run("rank", "query", "--model", MANY, "text")
    assert code == 1
    assert "rank: the model has 3 labels, expected one" in error


@pytest.mark.filterwarnings("default")
def test_long_texts_are_cut_or_refused(run: Run) -> None:
    long = "cat " * 5000
    for command in (["embed"], ["classify"], ["rank", "query"]):
        folder = {"embed": str(GOLDEN / "embedder"), "classify": MANY}.get(command[0], RERANKER)
        code, output, error = run(*command, "--model", folder, long)
        assert (code, output.count(b"\n")) == (0, 1)
        assert "warning: " in error
        assert "were cut" in error
        code, output, error = run(*command, "--model", folder, "--no-truncate", long)
        assert (code, output) == (1, b"")
        assert "expected no more, or truncate=True" in error


def test_names_of_functions_are_those_of_classifiers() -> None:
    assert {*_ACTIVATIONS} == {*SCORES}


def test_score_that_is_no_number_is_null() -> None:
    assert [number(score) for score in (0.5, math.inf, math.nan)] == [0.5, None, None]
