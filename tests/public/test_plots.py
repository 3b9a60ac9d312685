"""Pictures show what they are of: values, labels and tokens."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import plots
from pyattn.evaluation import Evaluation, faults_of
from pyattn.results import Translation

pytest.importorskip("matplotlib")

SIGNS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml"}


def translation(text: str, scores: list[float], **more: Any) -> Translation:
    return Translation(
        tokens=[1, 2, 3],
        score=-1.0,
        token_scores=np.array(scores, np.float32),
        finish_reason="eos",
        text=text,
        **more,
    )


WEIGHTS = np.array([[0.9, 0.1, 0, 0], [0.2, 0.7, 0, 0.1], [0, 0, 0.5, 0.5]], np.float32)
ALIGNED = translation(
    "cuesta $5",
    [-1, -2, -3],
    alignment=WEIGHTS,
    source_spans=((0, 5), (5, 8), (8, 8), (8, 8)),
    target_spans=((0, 6), (6, 9)),
)


def labels(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize("ending", SIGNS)
def test_alignment_has_tokens_and_weights(tmp_path: pathlib.Path, ending: str) -> None:
    path = tmp_path / f"picture{ending}"
    axes = plots.alignment("costs $5", ALIGNED, path).axes[0]
    assert path.read_bytes().startswith(SIGNS[ending])
    assert labels(axes.xaxis) == ["costs", r"\$5"]
    assert labels(axes.yaxis) == ["cuesta", r"\$5"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("text", "translation")
    np.testing.assert_array_equal(axes.images[0].get_array(), WEIGHTS[:2, :2])
    assert axes.images[0].get_clim() == (0, 1)


def evaluation(*pairs: tuple[str, Translation]) -> Evaluation:
    sources, best = [source for source, _ in pairs], [one for _, one in pairs]
    return Evaluation(
        sources=sources,
        translations=best,
        metrics=(),
        faults=faults_of(sources, best),
        length_ratio=1.0,
        tokens=9,
        seconds=1.0,
    )


FOUND = evaluation(
    ("ab", translation("abcd", [-1, -2])),
    ("abcd", translation("ab", [-0.5])),
    ("abc", translation("abc", [])),
    ("", translation("", [])),
)


def bars(axes: Any) -> list[tuple[float, float, int]]:
    """The bars of a histogram that are not empty: from, to, height."""
    return [
        (bar.get_x(), bar.get_x() + bar.get_width(), int(bar.get_height()))
        for bar in axes.patches
        if bar.get_height()
    ]


@pytest.mark.parametrize("ending", SIGNS)
def test_lengths_are_those_of_translations_by_texts(tmp_path: pathlib.Path, ending: str) -> None:
    path = tmp_path / f"picture{ending}"
    axes = plots.lengths(FOUND, path).axes[0]
    assert path.read_bytes().startswith(SIGNS[ending])
    found = bars(axes)
    assert [height for *_, height in found] == [1, 1, 1]
    for ratio, (low, high, _) in zip([0.5, 1.0, 2.0], found, strict=True):
        assert low <= ratio <= high + 1e-9
    assert axes.get_xlabel() == "characters of the translation / of its text"
    assert axes.get_ylabel() == "translations"
    assert axes.get_title() == "3 translations, median 1.00"
    assert list(axes.lines[0].get_xdata()) == [1.0, 1.0]


@pytest.mark.parametrize("ending", SIGNS)
def test_scores_are_means_of_tokens(tmp_path: pathlib.Path, ending: str) -> None:
    path = tmp_path / f"PICTURE{ending.upper()}"
    axes = plots.scores(FOUND, path).axes[0]
    assert path.read_bytes().startswith(SIGNS[ending])
    (low, _, one), (_, high, other) = bars(axes)
    assert (low, high, one, other) == (-1.5, -0.5, 1, 1)
    assert axes.get_xlabel() == "mean log-probability of a token"
    assert axes.get_title() == "2 translations, median -1.00"


def test_without_a_path_nothing_is_written(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plots.lengths(FOUND)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_drawn_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="alignment: translation has no alignment, expected one"):
        plots.alignment("a", translation("a", []))
    empty = translation(
        "1", [], alignment=np.zeros((0, 0), np.float32), source_spans=(), target_spans=()
    )
    with pytest.raises(ValueError, match="alignment: translation has no tokens"):
        plots.alignment("1", empty)
    with pytest.raises(ValueError, match="scores: no translation has scores"):
        plots.scores(evaluation(("a", translation("a", []))))
    with pytest.raises(ValueError, match=r"plots: path is '.*\.jpg', expected a name with \.png"):
        plots.lengths(FOUND, tmp_path / "a.jpg")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_: Any) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"plots: needs the package matplotlib \(pip install"):
        plots.lengths(FOUND)


def test_included_model_is_drawn(tmp_path: pathlib.Path) -> None:
    text = "Where is the station?"
    with pyattn.load(threads=1) as translator:
        [best] = translator.results([text], alignment=True)[0]
    axes = plots.alignment(text, best, tmp_path / "a.svg").axes[0]
    assert labels(axes.xaxis)[:3] == ["Where", "is", "the"]
