"""Models for long sources: batches, searches, number types and limits."""

from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import reference
from pyattn.files import read_checkpoint
from support.inputs import assert_same_hypotheses
from support.long_models import LONG, Floats, Sentence, folder, global_tokens, sentences

# Of float32 sums in another order, on states of size 1 and logits of size 10.
CLOSE = 1e-4
DECODERS = [name for name in LONG if sentences(name)[0].target is not None]


def loaded(name: str, **more: Any) -> pyattn.Model:
    return pyattn.Model(read_checkpoint(folder(name)), **{"dtype": "float32", "threads": 2} | more)


def encoded(model: pyattn.Model, chosen: list[Sentence]) -> list[Floats]:
    return model.encode([one.ids for one in chosen], global_tokens=global_tokens(chosen))


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_bits_are_the_same_alone_in_a_batch_and_on_any_threads(name: str, dtype: Any) -> None:
    chosen = sentences(name)
    found = []
    for threads, batch_tokens in ((1, 64), (2, 4096)):
        with loaded(name, dtype=dtype, threads=threads, batch_tokens=batch_tokens) as model:
            found.append(encoded(model, chosen))
            found.append(encoded(model, chosen[::-1])[::-1])
            found.append([encoded(model, [one])[0] for one in chosen])
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            assert one.tobytes() == same.tobytes()


@pytest.mark.parametrize("name", DECODERS)
def test_targets_are_those_of_the_reference(name: str) -> None:
    chosen = [one for one in sentences(name) if len(one.ids) <= 129][::3]
    given: dict[str, Any] = {"global_tokens": global_tokens(chosen)}
    sources = [one.ids for one in chosen]
    # Some models here have room for 20 target tokens.
    for options in (
        {"max_new_tokens": 8},
        {"max_new_tokens": 8, "beam_size": 3, "num_hypotheses": 2, "alignment": True},
    ):
        with loaded(name) as model:
            found = model.generate(sources, **given, **options)
        plain = reference.Model(read_checkpoint(folder(name))).generate(sources, **given, **options)
        assert_same_hypotheses(found, plain)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 40, 129])
def test_any_number_of_tokens_may_be_global(count: int) -> None:
    checkpoint = read_checkpoint(folder("led"))
    random = np.random.default_rng(count)
    source = random.integers(3, 61, size=129).tolist()
    chosen = [sorted(random.permutation(129)[:count].tolist())]
    [expected] = reference.Model(checkpoint).encode([source], global_tokens=chosen)
    with loaded("led") as model:
        [found] = model.encode([source], global_tokens=chosen)
    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("name", DECODERS)
def test_lengths_of_sources_and_targets_have_limits_of_their_own(name: str) -> None:
    config = read_checkpoint(folder(name)).config
    longest, most = (config.stack(stack).max_positions for stack in config.stacks)
    with loaded(name) as model:
        if longest <= 1000:
            model.encode([[5] * longest])
        for call in (model.encode, model.generate):
            with pytest.raises(ValueError, match=f"{longest + 1} tokens, expected at most"):
                call([[5] * (longest + 1)])
        with pytest.raises(ValueError, match=f"{most} tokens, expected at most {most - 1}"):
            model.logits([[5]], [[6] * most])


@pytest.mark.parametrize("name", LONG)
def test_int8_is_close_to_float32(name: str) -> None:
    chosen = sentences(name)
    with loaded(name, dtype="int8") as model:
        found = encoded(model, chosen)
    for ours, one in zip(found, chosen, strict=True):
        cosine = np.sum(ours[one.rows] * one.states) / (
            np.linalg.norm(ours[one.rows]) * np.linalg.norm(one.states)
        )
        assert cosine > 0.99
