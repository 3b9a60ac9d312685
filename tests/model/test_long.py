"""Models for long sources in the core: transformers' states, logits and tokens, on every level."""

import json
import pathlib

import numpy as np
import pytest

from golden.far_positions import TABLES
from pyattn import GenerationOptions, Model
from pyattn.files import read_checkpoint
from support.inputs import ISAS
from support.lanes import each_on_each, slow
from support.long_models import LONG, far, far_folder, folder, global_tokens, sentences

# transformers adds up in another order, on states of size 1 and logits of size 10.
CLOSE = 1e-4

FEEDS = [name for name in LONG if sentences(name)[0].target is not None]


@pytest.mark.parametrize(("name", "isa"), each_on_each(LONG, ISAS))
def test_states_are_those_of_transformers(name: str, isa: str) -> None:
    chosen = sentences(name, longest=710)
    model = Model(read_checkpoint(folder(name)), dtype="float32", isa=isa)
    found = model.encode([one.ids for one in chosen], global_tokens=global_tokens(chosen))
    for ours, one in zip(found, chosen, strict=True):
        case = f"{len(one.ids)} tokens"
        np.testing.assert_allclose(ours[one.rows], one.states, rtol=0, atol=CLOSE, err_msg=case)


@slow
@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa != "reference"])
@pytest.mark.parametrize("name", ["longt5-local", "longt5-tglobal", "pegasus-x"])
def test_states_of_thousands_of_tokens_are_those_of_transformers(name: str, isa: str) -> None:
    one = sentences(name, longest=5000)[-1]
    assert len(one.ids) == 5000
    model = Model(read_checkpoint(folder(name)), dtype="float32", isa=isa)
    [found] = model.encode([one.ids], global_tokens=global_tokens([one]))
    np.testing.assert_allclose(found[one.rows], one.states, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(("name", "isa"), each_on_each(FEEDS, ISAS))
def test_logits_are_those_of_transformers(name: str, isa: str) -> None:
    chosen = sentences(name, longest=129)
    found = Model(read_checkpoint(folder(name)), dtype="float32", isa=isa).logits(
        [one.ids for one in chosen],
        [one.target or [] for one in chosen],
        global_tokens=global_tokens(chosen),
    )
    for ours, one in zip(found, chosen, strict=True):
        np.testing.assert_allclose(ours, one.logits, rtol=0, atol=CLOSE)


@slow
@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa != "reference"])
@pytest.mark.parametrize("name", TABLES)
def test_states_beyond_the_learned_positions_are_those_of_transformers(
    name: str, isa: str, tmp_path: pathlib.Path
) -> None:
    chosen = far(name)
    assert [len(one.ids) for one in chosen] == [1024, 4096, 5000]
    model = Model(read_checkpoint(far_folder(tmp_path, name)), dtype="float32", isa=isa)
    found = model.encode([one.ids for one in chosen], global_tokens=global_tokens(chosen))
    for ours, one in zip(found, chosen, strict=True):
        np.testing.assert_allclose(ours[one.rows], one.states, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(("name", "isa"), each_on_each(FEEDS, ISAS))
def test_searches_find_what_transformers_finds(name: str, isa: str) -> None:
    found = json.loads((folder(name) / "searches.json").read_text())
    every = sentences(name)
    chosen = [every[one["sentence"]] for one in found]
    model = Model(read_checkpoint(folder(name)), dtype="float32", isa=isa)
    for number, case in enumerate(found[0]["cases"]):
        beams = case["options"]["beam_size"]
        options = GenerationOptions(**case["options"], num_hypotheses=beams, max_new_tokens=12)
        answers = model.generate(
            [one.ids for one in chosen], options, global_tokens=global_tokens(chosen)
        )
        for ours, one in zip(answers, found, strict=True):
            wanted = one["cases"][number]
            assert [hypothesis.tokens for hypothesis in ours] == wanted["tokens"]
            if wanted["scores"]:  # transformers gives none to greedy search
                scores = [hypothesis.score for hypothesis in ours]
                np.testing.assert_allclose(scores, wanted["scores"], rtol=0, atol=CLOSE)
