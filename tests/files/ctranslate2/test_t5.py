"""T5 models in CTranslate2's folders, held to what CTranslate2 itself says of them."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

import pyattn.compat.ctranslate2 as ctranslate2
from pyattn import Model, reference
from pyattn.files import open_model, read_checkpoint
from support.inputs import ISAS
from support.paths import GOLDEN
from support.tolerances import FLOAT32, assert_close

NAMES = ["relu", "gated"]


def folder(name: str) -> pathlib.Path:
    return GOLDEN / f"ctranslate2-t5-{name}"


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder(name) / "golden.json").read_text())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_config_is_t5s(name: str) -> None:
    config = read_checkpoint(folder(name)).config
    assert (config.norm, config.norm_kind, config.positions) == ("pre", "rms", "relative")
    assert (config.relative_buckets, config.relative_distance) == (8, 12)
    assert config.head_dim == {"relu": 5, "gated": None}[name]
    assert (config.attention_scale, config.norm_epsilon) == (1.0, 1e-6)
    assert not config.attention_bias
    assert not config.feed_forward_bias
    assert not config.relative_per_layer
    assert config.gated == (name == "gated")


@pytest.mark.parametrize("isa", [*ISAS, "numpy"])
@pytest.mark.parametrize("name", NAMES)
def test_log_probabilities_are_ctranslate2s(name: str, isa: str) -> None:
    files = open_model(folder(name))
    checkpoint, vocabularies = files.checkpoint, files.vocabularies
    sources = [vocabularies.source.ids(case["source"]) for case in cases(name)]
    targets = [vocabularies.target.ids(case["target"]) for case in cases(name)]
    if isa == "numpy":
        scores = reference.Model(checkpoint).score(sources, targets)
    else:
        scores = Model(checkpoint, dtype="float32", isa=isa).score(sources, targets)
    for case, found in zip(cases(name), scores, strict=True):
        assert_close(found, np.array(case["log_probs"], np.float32), FLOAT32)


@pytest.mark.parametrize("name", NAMES)
def test_beam_search_finds_what_ctranslate2_finds(name: str) -> None:
    translator = ctranslate2.Translator(str(folder(name)), compute_type="float32")
    for case in cases(name):
        [found] = translator.translate_batch(
            [case["source"]],
            beam_size=4,
            num_hypotheses=4,
            max_decoding_length=12,
            return_scores=True,
        )
        assert found.hypotheses == case["hypotheses"]
        np.testing.assert_allclose(found.scores, case["scores"], atol=1e-4)
