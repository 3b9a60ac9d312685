"""`pyattn embed`."""

import json

import numpy as np
import pytest

from pyattn import Embedder
from support.command_runs import Run, runner
from support.paths import GOLDEN

FOLDER = GOLDEN / "embedder"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


def test_every_text_has_a_line_with_its_vector(run: Run) -> None:
    texts = ["the cat sat.", "", "two dogs"]
    code, output, error = run("embed", "--model", str(FOLDER), "--prompt-name", "query", *texts)
    assert (code, error) == (0, "")
    found = np.array([json.loads(line) for line in output.splitlines()], np.float32)
    with Embedder(FOLDER) as embedder:
        assert found.tobytes() == embedder.embed(texts, prompt_name="query").tobytes()


def test_model_with_a_decoder_is_refused(run: Run) -> None:
    code, output, error = run("embed", "--model", str(GOLDEN / "bart-tied-gelu-5"), "text")
    assert (code, output) == (1, b"")
    assert "has a decoder, expected an encoder alone" in error


def test_classifier_is_refused(run: Run) -> None:
    code, output, error = run("embed", "--model", str(GOLDEN / "classifiers" / "bert"), "text")
    assert (code, output) == (1, b"")
    assert "bert: classifies texts, expected a model of vectors" in error
