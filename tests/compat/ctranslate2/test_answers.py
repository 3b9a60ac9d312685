"""pyattn.compat.ctranslate2 answers as CTranslate2's Translator did.

Its answers are in golden/ctranslate2, from `golden/make_ctranslate2.py`, which also says what was
left out of them, and why.
"""

from __future__ import annotations

import builtins
import hashlib
import json
import pathlib
from typing import Any

import numpy as np
import pytest

from pyattn.compat import ctranslate2
from support import compat_models
from support.paths import GOLDEN

ANSWERS = json.loads((GOLDEN / "ctranslate2" / "golden.json").read_text("utf-8"))
# Two float32 implementations of one tiny model, and a rounding to five decimals.
CLOSE = 1e-4

Case = dict[str, Any]
Translators = dict[str, ctranslate2.Translator]


@pytest.fixture(scope="module")
def translators(tmp_path_factory: pytest.TempPathFactory) -> Translators:
    """A translator for each model that CTranslate2 was asked about."""
    folder = tmp_path_factory.mktemp("compat")
    return {
        name: ctranslate2.Translator(
            compat_models.folder(folder / name, name), compute_type="float32", intra_threads=1
        )
        for name in compat_models.MODELS
    }


def split(sentences: list[str] | None) -> list[list[str]] | None:
    return None if sentences is None else [sentence.split() for sentence in sentences]


def assert_near(found: Any, wanted: Any) -> None:
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE)


def assert_same(found: ctranslate2.TranslationResult, wanted: Case) -> None:
    assert [" ".join(tokens) for tokens in found.hypotheses] == wanted["h"]
    assert_near(found.scores, wanted.get("s", []))
    attention = wanted.get("a", [])
    assert len(found.attention) == len(attention)
    for ours, theirs in zip(found.attention, attention, strict=True):
        assert_near(ours, theirs)


def cases(what: str) -> list[Any]:
    return [pytest.param(case, id=f"{n}") for n, case in enumerate(ANSWERS[what])]


@pytest.mark.parametrize("model", compat_models.MODELS)
def test_model_is_the_one_that_was_asked(tmp_path: pathlib.Path, model: str) -> None:
    content = (compat_models.folder(tmp_path / model, model) / "model.bin").read_bytes()
    assert hashlib.sha256(content).hexdigest() == ANSWERS["models"][model]


@pytest.mark.parametrize("case", cases("translate"))
def test_translations_are_theirs(translators: Translators, case: Case) -> None:
    found = translators[case["model"]].translate_batch(
        split(case["source"]), split(case.get("prefix")), **case["options"]
    )
    assert len(found) == len(case["result"])
    for ours, theirs in zip(found, case["result"], strict=True):
        assert_same(ours, theirs)


@pytest.mark.parametrize("case", cases("score"))
def test_scores_are_theirs(translators: Translators, case: Case) -> None:
    found = translators[case["model"]].score_batch(
        split(case["source"]), split(case["target"]), **case["options"]
    )
    assert len(found) == len(case["result"])
    for ours, theirs in zip(found, case["result"], strict=True):
        assert " ".join(ours.tokens) == theirs["t"]
        assert_near(ours.log_probs, theirs["p"])


def assert_steps(found: list[ctranslate2.GenerationStepResult], wanted: list[Any]) -> None:
    """Wanted are step, sentence, id, hypothesis, token, log-probability, and whether it is last."""
    ours = [
        [one.step, one.batch_id, one.token_id, one.hypothesis_id, one.token, one.is_last]
        for one in found
    ]
    assert ours == [[*one[:5], one[6]] for one in wanted]
    for one, theirs in zip(found, wanted, strict=True):
        assert (one.log_prob is None) == (theirs[5] is None)
        if one.log_prob is not None:
            assert one.log_prob == pytest.approx(theirs[5], abs=CLOSE)


@pytest.mark.parametrize("case", cases("steps"))
def test_generated_tokens_are_theirs(translators: Translators, case: Case) -> None:
    prefix = None if case["prefix"] is None else case["prefix"].split()
    found = translators[case["model"]].generate_tokens(
        case["source"].split(), prefix, **case["options"]
    )
    assert_steps(list(found), case["result"])


@pytest.mark.parametrize("case", cases("stopped"))
def test_callback_ends_sentences_as_theirs(translators: Translators, case: Case) -> None:
    seen: dict[int, list[ctranslate2.GenerationStepResult]] = {}

    def call(step: ctranslate2.GenerationStepResult) -> bool:
        seen.setdefault(step.batch_id, []).append(step)
        return step.step == case["stop"]

    prefixes = None if case["prefix"] is None else [case["prefix"]] * len(case["source"])
    found = translators[case["model"]].translate_batch(
        split(case["source"]),
        split(prefixes),
        beam_size=1,
        return_scores=True,
        callback=call,
        **case["options"],
    )
    for n, (ours, theirs) in enumerate(zip(found, case["result"], strict=True)):
        assert_same(ours, theirs)
        # They were asked alone.
        assert_steps(seen[n], [[step[0], n, *step[2:]] for step in theirs["seen"]])


@pytest.mark.parametrize("case", cases("logits"))
def test_logits_are_theirs(translators: Translators, case: Case) -> None:
    prefix = None if case["prefix"] is None else [case["prefix"].split()]
    [found] = translators[case["model"]].translate_batch(
        [case["source"].split()],
        prefix,
        beam_size=1,
        return_logits_vocab=True,
        **case["options"],
    )
    assert [" ".join(tokens) for tokens in found.hypotheses] == [case["result"]["h"]]
    wanted = np.array(case["result"]["l"], np.float64)
    masked = np.isnan(wanted)
    assert_near(np.where(masked, 0, found.logits[0]), np.where(masked, 0, wanted))


@pytest.mark.parametrize("case", cases("errors"))
def test_errors_are_theirs(translators: Translators, case: Case) -> None:
    translate = translators["bare"].translate_batch
    if case["type"] is None:
        translate(**case["arguments"])
        return
    with pytest.raises(getattr(builtins, case["type"])) as caught:
        translate(**case["arguments"])
    assert caught.type.__name__ == case["type"]
    assert str(caught.value)
    if "message" in case:
        assert str(caught.value) == case["message"]
