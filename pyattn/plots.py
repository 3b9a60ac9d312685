"""Pictures of translations and of evaluations, as PNG or SVG (the extra `plots`: matplotlib)."""

from __future__ import annotations

import importlib
import os
import pathlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from pyattn.evaluation import Evaluation
from pyattn.results import Span, Translation

# A matplotlib.figure.Figure.
Figure: TypeAlias = Any
Path: TypeAlias = "str | os.PathLike[str] | None"

_FORMATS = (".png", ".svg")
# Inches of a token in a heat map, of what is around it, and of its longest side.
_TOKEN, _AROUND, _LONGEST = 0.32, 1.6, 40.0
_BINS = 30


def alignment(text: str, translation: Translation, path: Path = None) -> Figure:
    """A heat map of how much each token of a translation looked at each token of its text.

    Args:
        text: The text that was translated.
        translation: One of its `Translator.results` with `alignment=True`.
        path: The file to write, whose ending is .png or .svg; None writes none.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if the translation has no alignment or no tokens, or the path another ending.
    """
    spans = (translation.source_spans, translation.target_spans)
    if translation.alignment is None or spans[0] is None or spans[1] is None:
        raise ValueError("alignment: translation has no alignment, expected one of alignment=True")
    rows = [number for number, span in enumerate(spans[1]) if span[0] < span[1]]
    columns = [number for number, span in enumerate(spans[0]) if span[0] < span[1]]
    if not rows or not columns:
        raise ValueError("alignment: translation has no tokens, expected one of a text with words")
    weights = translation.alignment[np.ix_(rows, columns)]
    size = [min(_LONGEST, _AROUND + _TOKEN * max(1, count)) for count in weights.shape]
    figure, axes = _figure(path, (size[1] + 0.8, size[0]))
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.set_xticks(range(len(columns)), _tokens(text, spans[0], columns), rotation=60, ha="right")
    axes.set_yticks(range(len(rows)), _tokens(translation.text, spans[1], rows))
    axes.set_xlabel("text")
    axes.set_ylabel("translation")
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03)
    bar.set_label("attention")
    return _written(figure, path)


def lengths(evaluation: Evaluation, path: Path = None) -> Figure:
    """A histogram of the lengths of translations, by those of their texts, in characters.

    Args:
        evaluation: What `pyattn.evaluation.evaluate` returned.
        path: As for `alignment`.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if the path has another ending.
    """
    ratios = [
        len(one.text) / len(source)
        for source, one in zip(evaluation.sources, evaluation.translations, strict=True)
        if source
    ]
    return _histogram(ratios, "characters of the translation / of its text", path)


def scores(evaluation: Evaluation, path: Path = None) -> Figure:
    """A histogram of the scores of translations: their mean log-probability per token.

    Args:
        evaluation: As for `lengths`; translations without scores are left out.
        path: As for `alignment`.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if no translation has scores, or the path has another ending.
    """
    means = [
        float(one.token_scores.mean()) for one in evaluation.translations if len(one.token_scores)
    ]
    if not means:
        raise ValueError("scores: no translation has scores, expected some: scores=True")
    return _histogram(means, "mean log-probability of a token", path)


def _histogram(values: Sequence[float], label: str, path: Path) -> Figure:
    figure, axes = _figure(path, (6.4, 4.0))
    axes.hist(values, bins=_BINS, color="#4878a8", edgecolor="white", linewidth=0.5)
    if values:
        middle = float(np.median(values))
        axes.axvline(middle, color="black", linestyle="--", linewidth=1)
        axes.set_title(f"{len(values)} translations, median {middle:.2f}", fontsize=10)
    axes.set_xlabel(label)
    axes.set_ylabel("translations")
    return _written(figure, path)


def _tokens(text: str, spans: Sequence[Span], numbers: Sequence[int]) -> list[str]:
    # matplotlib reads what is between dollar signs as a formula.
    return [text[slice(*spans[number])].strip().replace("$", r"\$") for number in numbers]


def _figure(path: Path, size: tuple[float, float]) -> tuple[Figure, Any]:
    """A figure that no global state of matplotlib knows, and its axes."""
    if path is not None and pathlib.Path(path).suffix.lower() not in _FORMATS:
        raise ValueError(f"plots: path is {os.fspath(path)!r}, expected a name with .png or .svg")
    try:
        library = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise ImportError(
            "plots: needs the package matplotlib (pip install 'pyattn[plots]')"
        ) from None
    figure = library.Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def _written(figure: Figure, path: Path) -> Figure:
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure
