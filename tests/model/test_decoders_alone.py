"""A decoder without an encoder: its source is a prompt, which its target goes on with."""

import random
from typing import Any

import numpy as np
import pytest

from pyattn import Model, reference
from support.inputs import DECODERS, ISAS, assert_same_hypotheses, checkpoint, sentences, targets
from support.lanes import each_on_each
from support.tolerances import FLOAT32, assert_close

every_decoder = pytest.mark.parametrize("name", DECODERS)
on_every_level = pytest.mark.parametrize(("name", "isa"), each_on_each(DECODERS, ISAS))

SEARCHES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "beam": {"beam_size": 4, "num_hypotheses": 3, "length_penalty": 0.8},
    "samples": {"do_sample": True, "num_hypotheses": 2, "top_k": 20, "seed": 5},
    "history": {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2, "beam_size": 2},
    "alternatives": {"return_alternatives": True, "num_hypotheses": 3},
    "prefix": {"target_prefix": [4, 5], "return_prefix": True, "beam_size": 2},
    "cut": {"max_length_factor": 0.5, "force_end": True},
}


def prompts(name: str) -> list[list[int]]:
    """Prompts of ragged lengths; some begin like others, and some are others' beginnings."""
    found = sentences(3, checkpoint(name).config, 9, 40)
    longest = max(found, key=len)
    return [*found, longest[:30], [*longest[:17], 1, 2], longest, longest[:1], [*longest, 7]]


@on_every_level
def test_logits_and_scores_are_those_of_the_reference(name: str, isa: str) -> None:
    made = checkpoint(name)
    given = targets(4, made.config, len(prompts(name)), 12)
    plain = reference.Model(made)
    with Model(made, dtype="float32", isa=isa) as model:
        for read in ("logits", "score"):
            found = getattr(model, read)(prompts(name), given)
            wanted = getattr(plain, read)(prompts(name), given)
            for n, (one, other) in enumerate(zip(found, wanted, strict=True)):
                assert_close(one, other, FLOAT32, f"{read} of prompt {n}")


@on_every_level
@pytest.mark.parametrize("search", SEARCHES)
def test_searches_find_what_the_reference_finds(name: str, isa: str, search: str) -> None:
    made, options = checkpoint(name), SEARCHES[search]
    wanted = reference.Model(made).generate(prompts(name), max_new_tokens=12, **options)
    with Model(made, dtype="float32", isa=isa) as model:
        found = model.generate(prompts(name), max_new_tokens=12, **options)
    assert_same_hypotheses(found, wanted, search)


@on_every_level
@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_prompt_has_the_same_bits_alone_and_beside_those_that_begin_like_it(
    name: str, isa: str, dtype: Any
) -> None:
    rows = prompts(name)
    with Model(checkpoint(name), dtype=dtype, isa=isa, threads=1) as model:
        alone = [model.generate([row], beam_size=2, max_new_tokens=9)[0] for row in rows]
        logits = [model.logits([row], [[5, 6]])[0] for row in rows]
    shuffled = random.Random(1).sample(range(len(rows)), len(rows))
    with Model(checkpoint(name), dtype=dtype, isa=isa, threads=3, batch_rows=16) as model:
        for order in (range(len(rows)), shuffled):
            batch = [rows[n] for n in order]
            found = model.generate(batch, beam_size=2, max_new_tokens=9)
            for n, hypotheses in zip(order, found, strict=True):
                for one, other in zip(hypotheses, alone[n], strict=True):
                    assert one.tokens == other.tokens
                    assert one.token_scores.tobytes() == other.token_scores.tobytes()
            for n, read in zip(order, model.logits(batch, [[5, 6]] * len(batch)), strict=True):
                assert read.tobytes() == logits[n].tobytes()


@every_decoder
def test_logits_of_a_text_do_not_depend_on_where_its_prompt_ends(name: str) -> None:
    text = sentences(8, checkpoint(name).config, 1, 20)[0]
    with Model(checkpoint(name)) as model:
        [whole] = model.logits([text[:1]], [text[1:]])
        for cut in (2, 10, 19):
            [rest] = model.logits([text[:cut]], [text[cut:]])
            assert whole[cut - 1 :].tobytes() == rest.tobytes()


@every_decoder
def test_prompts_that_share_a_beginning_share_its_memory(name: str) -> None:
    made = checkpoint(name)
    beginning = sentences(5, made.config, 1, 100)[0]
    rows = [[*beginning, n] for n in range(1, 9)]
    two = {"max_new_tokens": 2, "min_new_tokens": 2}
    with Model(made, dtype="float32") as model:
        wanted = model.generate(rows, **two)
    sizes = made.config.stack("decoder")
    slot = sizes.layers * 2 * sizes.kv_width * 4
    # Room for the beginning once, and for some tokens more: by themselves they need 816.
    with Model(made, dtype="float32", cache_bytes=150 * slot) as model:
        pending = model.submit(rows, **two, watched=True)
        # They are decoded together: each says its first token before any says its second.
        assert [one.step for one in pending.tokens()] == [0] * 8 + [1] * 8
        for [found], [other] in zip(pending.results(), wanted, strict=True):
            assert found.tokens == other.tokens
            assert found.token_scores.tobytes() == other.token_scores.tobytes()
        twice = [*beginning, *beginning[:90]]
        with pytest.raises(ValueError, match="too few for one of the sentences alone"):
            model.generate([twice], min_new_tokens=10)


@every_decoder
def test_target_ends_with_the_positions_of_the_model(name: str) -> None:
    made = checkpoint(name)
    most = made.config.max_positions
    prompt = [5] * (most - 3)
    [[found]] = reference.Model(made).generate([prompt], max_new_tokens=most, min_new_tokens=most)
    assert (len(found.tokens), found.finish_reason) == (3, "length")
    with Model(made, dtype="float32") as model:
        for length in (1, most - 3, most - 1):
            [[found]] = model.generate([[5] * length], max_new_tokens=most, min_new_tokens=most)
            assert len(found.tokens) == most - length
            assert found.finish_reason == "length"
        with pytest.raises(ValueError, match=f"prompt 1 has {most} tokens, expected at most"):
            model.generate([[1], [5] * most])
        with pytest.raises(ValueError, match=f"with the target_prefix, {most} tokens"):
            model.generate([[5] * (most - 2)], target_prefix=[1, 2])
        with pytest.raises(ValueError, match="tokens behind a prompt of"):
            model.logits([[5] * (most - 2)], [[5] * 3])


@every_decoder
def test_model_without_an_encoder_says_so(name: str) -> None:
    made = checkpoint(name)
    for model in (reference.Model(made), Model(made)):
        with pytest.raises(ValueError, match="encode: the model has no encoder"):
            model.encode([[1]])
        with pytest.raises(ValueError, match="align: the model has no encoder"):
            model.align([[1]], [[1]])
        with pytest.raises(ValueError, match="alignment: the model has no encoder"):
            model.generate([[1]], alignment=True)
        with pytest.raises(ValueError, match="prompt 1 is empty"):
            model.generate([[1], []])


@every_decoder
def test_stream_says_tokens_as_they_are_decided(name: str) -> None:
    with Model(checkpoint(name)) as model:
        wanted = model.generate([[5, 6, 7]], max_new_tokens=9)[0][0].tokens
        found = [one.token for one in model.generate_stream([5, 6, 7], max_new_tokens=9)]
    assert found[: len(wanted)] == wanted


@every_decoder
def test_cancelled_sentence_leaves_what_others_share_with_it(name: str) -> None:
    beginning = sentences(6, checkpoint(name).config, 1, 60)[0]
    with Model(checkpoint(name), dtype="float32") as model:
        wanted = model.generate([[*beginning, 9]], max_new_tokens=20, min_new_tokens=20)
        first = model.submit([beginning], max_new_tokens=100, min_new_tokens=100)
        second = model.submit([[*beginning, 9]], max_new_tokens=20, min_new_tokens=20)
        first.cancel()
        [[found]] = second.results()
        assert found.tokens == wanted[0][0].tokens
        np.testing.assert_array_equal(found.token_scores, wanted[0][0].token_scores)


@every_decoder
def test_history_begins_with_the_first_token_of_a_prompt(name: str) -> None:
    made = checkpoint(name)
    draw = random.Random(2)
    pairs = [[draw.randrange(made.config.target_vocab) for _ in range(2)] for _ in range(4000)]
    with Model(made, dtype="float32") as core:
        answers = core.generate(pairs, max_new_tokens=1)
        first = next(
            pair
            for pair, [found] in zip(pairs, answers, strict=True)
            if found.tokens == pair[:1] != pair[1:]
        )
        for model in (reference.Model(made), core):
            [[found]] = model.generate([first], max_new_tokens=1, no_repeat_ngram_size=1)
            assert found.tokens != first[:1]


@every_decoder
def test_prompt_counts_for_rules_only_where_the_start_does(name: str) -> None:
    made = checkpoint(name)
    options: dict[str, Any] = {
        **{"max_new_tokens": 8, "min_new_tokens": 8, "repetition_penalty": 1.5},
        **{"no_repeat_ngram_size": 2, "history_counts_start": False, "renormalize": True},
    }
    with Model(made, dtype="float32") as core:
        wanted = reference.Model(made).generate(prompts(name), **options)
        assert_same_hypotheses(core.generate(prompts(name), **options), wanted, name)
        # Behind a prompt nothing is repeated yet, behind a prefix its tokens may be.
        for one in prompts(name):
            free = {"max_new_tokens": 1, "min_new_tokens": 1, "renormalize": True}
            banned = {**free, "no_repeat_ngram_size": 1, "history_counts_start": False}
            [[plain]], [[found]] = core.generate([one], **free), core.generate([one], **banned)
            assert found.tokens == plain.tokens
            np.testing.assert_array_equal(found.token_scores, plain.token_scores)
            again = {"target_prefix": plain.tokens, "return_prefix": False}
            [[behind]] = core.generate([one], **banned, **again)
            assert behind.tokens != plain.tokens
