"""Models for long sources in the core: transformers' states, logits and tokens, on every level."""

import numpy as np
import pytest

from pyattn import Model
from pyattn.files import read_checkpoint
from support.inputs import ISAS
from support.lanes import each_on_each, slow
from support.long_models import LONG, folder, global_tokens, sentences

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
