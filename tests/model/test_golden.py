"""What transformers answers is what we answer; golden/make_golden.py writes down what it does."""

from __future__ import annotations

import functools
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn import reference
from pyattn.files import read_checkpoint
from pyattn.results import Hypothesis
from support.inputs import ISAS
from support.lanes import but_slow, each_on_each
from support.paths import GOLDEN

SHIPPED = pathlib.Path(pyattn.__file__).parent / "models" / "en-es"
TINY = (
    "marian-tied-relu-3",
    "marian-untied-gelu-3",
    "marian-pickled-swish-20",
    "marian-long-relu-20",
    "marian-bfloat16-gelu-64",
    "marian-float16-swish-64",
    "pegasus-tied-relu-3",
    "pegasus-untied-gelu-20",
    "pegasus-tied-swish-64",
    "m2m100-tied-relu-6",
    "bart-tied-gelu-5",
    "mbart-untied-relu-8",
    "fsmt-untied-relu-7",
    "t5-tied-relu-5",
    "t5-untied-gated-8",
    "t5-deep-gated-4",
    "mt5-untied-gated-6",
    "umt5-untied-gated-5",
    "t5gemma-tied-gated-8",
)
# Names the folder of the float32 checkpoint that the shipped model was made from.
FLOAT32_MODEL = "PYATTNGOLDEN_MODEL"
TRAINED = ("en-es", "en-es-float32")
# Those that golden/make_options.py writes `options.json` for.
WITH_OPTIONS = ("marian-tied-relu-3", "marian-untied-gelu-3", "pegasus-tied-swish-64")

# The models in C++ on every level, and in plain NumPy.
IMPLEMENTATIONS = (*ISAS, "numpy")
# These are given every how many of a trained model's sentences; the others get all.
SLOW = {"numpy": 3, "reference": 15}

# golden.json's "rounding", by how much transformers' own float32 is off, is a fifth of it at most.
TOLERANCE = 1e-4

Model = pyattn.Model | reference.Model


@pytest.mark.parametrize(
    ("name", "implementation"), each_on_each([*TINY, *TRAINED], IMPLEMENTATIONS)
)
def test_log_probabilities_are_those_of_transformers(name: str, implementation: str) -> None:
    forced = golden(name)["forced"]
    sources = [pair["source"] for pair in forced]
    targets = [pair["target"] for pair in forced]
    logits = model(name, implementation).logits(sources, targets)
    with np.load(GOLDEN / name / "log_probs.npz") as expected:
        for n, rows in enumerate(logits):
            found = log_softmax(rows)
            if f"ids_{n}" in expected:
                found = np.take_along_axis(found, expected[f"ids_{n}"].astype(np.int64), axis=1)
            np.testing.assert_allclose(found, expected[f"values_{n}"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("name", "implementation"), each_on_each(TINY, IMPLEMENTATIONS))
def test_heads_look_where_those_of_transformers_look(name: str, implementation: str) -> None:
    forced = golden(name)["forced"]
    pairs = [pair["source"] for pair in forced], [pair["target"] for pair in forced]
    with np.load(GOLDEN / name / "attention.npz") as expected:
        kept = [n for n in range(len(forced)) if f"values_{n}" in expected]
        layers, heads = expected[f"values_{kept[0]}"].shape[:2]
        for layer, head in np.ndindex(layers, heads):
            found = model(name, implementation).align(*pairs, heads=[(layer, head)])
            for n in kept:
                wanted = expected[f"values_{n}"][layer, head]
                np.testing.assert_allclose(found[n], wanted, rtol=0, atol=TOLERANCE)
        averages = model(name, implementation).align(*pairs)
        for n in kept:
            wanted = expected[f"values_{n}"][-1].mean(axis=0)
            np.testing.assert_allclose(averages[n], wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("name", "implementation"), each_on_each(TINY, IMPLEMENTATIONS))
def test_searches_find_what_transformers_finds(name: str, implementation: str) -> None:
    check_searches(name, implementation, every=1)


@pytest.mark.parametrize("implementation", but_slow(IMPLEMENTATIONS, *IMPLEMENTATIONS[1:]))
@pytest.mark.parametrize("name", TRAINED)
def test_sentences_get_the_translations_of_transformers(name: str, implementation: str) -> None:
    assert len(golden(name)["sources"]) == 300
    check_searches(name, implementation, every=SLOW.get(implementation, 1))


@pytest.mark.parametrize("implementation", ["numpy", ISAS[0], "portable"])
@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_decoding_options_do_what_they_do_in_transformers(name: str, implementation: str) -> None:
    for search in options_golden(name)["searches"]:
        base = pyattn.GenerationOptions(**search["options"])
        items = search["items"]
        found = model(name, implementation).generate(
            [item["source"] for item in items],
            [base.replace(target_prefix=item["prefix"]) for item in items],
        )
        for item, hypotheses in zip(items, found, strict=True):
            check_hypotheses(hypotheses, item, str(search["options"]))


def check_searches(name: str, implementation: str, every: int) -> None:
    """Each search of the golden file, over all its sentences (or every n-th of them) at once."""
    sources = golden(name)["sources"][::every]
    for case in golden(name)["cases"]:
        # Without options it is the checkpoint's own generation config that is followed.
        options = case["options"] and pyattn.GenerationOptions(**case["options"])
        found = model(name, implementation).generate(sources, options)
        for n, hypotheses in enumerate(found):
            where = f"{case['options']}, sentence {n * every}"
            check_hypotheses(hypotheses, {key: case[key][n * every] for key in ANSWER}, where)


ANSWER = ("tokens", "ended", "scores")


def check_hypotheses(found: Sequence[Hypothesis], expected: dict[str, Any], where: str) -> None:
    assert [hypothesis.tokens for hypothesis in found] == expected["tokens"], where
    # An end that was forced is one to transformers.
    ended = [len(hypothesis.token_scores) > len(hypothesis.tokens) for hypothesis in found]
    assert ended == expected["ended"], where
    assert all(end or one.finish_reason == "length" for end, one in zip(ended, found, strict=True))
    if expected["scores"] != [None]:  # transformers gives none to greedy search
        scores = [hypothesis.score for hypothesis in found]
        np.testing.assert_allclose(
            scores, expected["scores"], rtol=0, atol=TOLERANCE, err_msg=where
        )


@functools.cache
def golden(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((GOLDEN / name / "golden.json").read_text(encoding="utf-8"))
    return values


@functools.cache
def options_golden(name: str) -> dict[str, Any]:
    text = (GOLDEN / name / "options.json").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    return values


@functools.cache
def model(name: str, implementation: str) -> Model:
    checkpoint = read_checkpoint(folder(name))
    if implementation == "numpy":
        return reference.Model(checkpoint)
    return pyattn.Model(checkpoint, dtype="float32", isa=implementation)


def folder(name: str) -> pathlib.Path:
    if name == "en-es":
        return SHIPPED
    if name != "en-es-float32":
        return GOLDEN / name
    if FLOAT32_MODEL not in os.environ:
        pytest.skip(f"{FLOAT32_MODEL} does not name the folder of the float32 checkpoint")
    return pathlib.Path(os.environ[FLOAT32_MODEL])


def log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """In float64, so that the difference seen is the model's."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
