import dataclasses
import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest

from pyattn import GenerationOptions, Hypothesis, Model, reference
from support.inputs import ISAS, RECIPES, assert_same_hypotheses, checkpoint, sentences
from support.tolerances import FLOAT32, assert_close

every_model = pytest.mark.parametrize("name", RECIPES)
every_level = pytest.mark.parametrize("isa", ISAS)


@functools.cache
def core_model(name: str, isa: str = ISAS[0]) -> Model:
    return Model(checkpoint(name), dtype="float32", threads=1, isa=isa)


@functools.cache
def numpy_model(name: str) -> reference.Model:
    return reference.Model(checkpoint(name))


def sources(name: str) -> list[list[int]]:
    # None of them leads any search below to a near-tie: weights that are off by 1e-5 of themselves
    # change no token.
    return sentences(108, checkpoint(name).config, 12, 25)


@functools.cache
def search(name: str, isa: str = ISAS[0], **options: Any) -> list[list[Hypothesis]]:
    return core_model(name, isa).generate(sources(name), **options)


# Every option by itself and in company; what each means is in the tests below.
VARIANTS: list[dict[str, Any]] = [
    {"max_new_tokens": 1},
    {"max_length_factor": 0.6},
    {"max_length_factor": 0.7, "force_end": True, "beam_size": 2},
    {"max_length_factor": 0.7, "early_stopping": "never", "beam_size": 3},
    {"max_new_tokens": 1, "beam_size": 3, "num_hypotheses": 3},
    {"max_new_tokens": 7, "beam_size": 4},
    {"min_new_tokens": 9},
    {"min_new_tokens": 9, "beam_size": 3, "num_hypotheses": 2},
    {"min_new_tokens": 12, "max_new_tokens": 12, "beam_size": 2},
    {"force_end": True, "max_new_tokens": 6},
    {"force_end": True, "max_new_tokens": 6, "beam_size": 4, "num_hypotheses": 4},
    {"force_end": True, "max_new_tokens": 1, "beam_size": 2},
    {"suppress_tokens": (3, 7, 5, 5)},
    {"suppress_tokens": tuple(range(3, 11)), "beam_size": 4, "num_hypotheses": 3},
    {"beam_size": 2, "num_hypotheses": 2},
    {"beam_size": 3, "early_stopping": True, "num_hypotheses": 3},
    {"beam_size": 3, "early_stopping": "never", "num_hypotheses": 3},
    {"beam_size": 3, "early_stopping": "never", "length_penalty": 0.0},
    {"beam_size": 3, "early_stopping": "never", "length_penalty": -0.5},
    {"beam_size": 3, "early_stopping": False, "length_penalty": 2.0, "num_hypotheses": 3},
    {"beam_size": 3, "length_penalty": 0.0},
    {"beam_size": 5, "length_penalty": -1.0, "num_hypotheses": 5},
    {"length_penalty": 0.6},
]
# Twice the beam is more than the smallest vocabulary has.
WIDE: list[dict[str, Any]] = [
    {"beam_size": 8, "num_hypotheses": 8, "max_new_tokens": 9},
    {"beam_size": 30, "num_hypotheses": 3, "max_new_tokens": 4},
]


@every_model
@pytest.mark.parametrize("options", VARIANTS + WIDE, ids=str)
def test_every_option_matches_reference(name: str, options: dict[str, Any]) -> None:
    wanted = numpy_model(name).generate(sources(name), **options)
    # A search knows nothing of levels: the best and a plain one will do.
    for isa in (ISAS[0], "portable"):
        assert_same_hypotheses(search(name, isa, **options), wanted)


def test_variants_are_told_apart() -> None:
    # Options that changed nothing would test nothing.
    for options in VARIANTS:
        plain = {key: options[key] for key in ("beam_size", "num_hypotheses") if key in options}
        if options == plain:
            continue
        found = [
            [[(h.tokens, h.score) for h in found] for found in search(name, **chosen)]
            for name in RECIPES
            for chosen in (options, plain)
        ]
        assert found[0::2] != found[1::2], options


@every_model
@every_level
def test_greedy_takes_the_likeliest_token(name: str, isa: str) -> None:
    model = core_model(name, isa)
    found = [hypothesis for [hypothesis] in search(name, isa)]
    logits = model.logits(sources(name), [hypothesis.tokens for hypothesis in found])
    for hypothesis, rows in zip(found, logits, strict=True):
        said = hypothesis.tokens + [model.config.end] * (hypothesis.finish_reason == "eos")
        assert rows[: len(said)].argmax(axis=1).tolist() == said


@every_model
@every_level
def test_token_scores_are_those_of_score(name: str, isa: str) -> None:
    model = core_model(name, isa)
    found = search(name, isa, beam_size=3, num_hypotheses=3, suppress_tokens=(4, 5))
    for source, hypotheses in zip(sources(name), found, strict=True):
        given = [hypothesis.tokens for hypothesis in hypotheses]
        for hypothesis, scores in zip(
            hypotheses, model.score([source] * len(given), given), strict=True
        ):
            assert_close(hypothesis.token_scores, scores[: len(hypothesis.token_scores)], FLOAT32)


@every_model
def test_score_is_the_sum_of_the_token_scores_over_the_length(name: str) -> None:
    for beam_size, length_penalty in itertools.product((1, 4), (0.0, 0.6, 1.0, 2.0, -1.0)):
        for [best] in search(name, beam_size=beam_size, length_penalty=length_penalty):
            length = len(best.tokens) + (best.finish_reason == "eos")
            assert len(best.token_scores) == length
            wanted = best.token_scores.astype(np.float64).sum() / length**length_penalty
            assert_close(best.score, wanted, FLOAT32)


def test_wide_beam_finds_what_trying_everything_finds() -> None:
    model = core_model("odd")
    end, vocab = model.config.end, model.config.target_vocab
    others = [token for token in range(vocab) if token != end]
    # Of at most two tokens, the end included, there are 1 + 12 + 12 * 12 targets.
    short = [[], *([token] for token in others)]
    long = [list(pair) for pair in itertools.product(others, others)]
    for length_penalty in (0.0, 0.7, 1.5):
        for source in sources("odd")[:4]:
            scores = model.score([source] * len(short + long), short + long)
            ranked = [
                (
                    float(score[: len(target) + 1].sum()) / (len(target) + 1) ** length_penalty,
                    target,
                )
                for target, score in zip(short, scores, strict=False)
            ]
            ranked += [
                (float(score[:2].sum()) / 2**length_penalty, target)
                for target, score in zip(long, scores[len(short) :], strict=True)
            ]
            ranked.sort(reverse=True)
            [found] = model.generate(
                [source],
                beam_size=200,
                num_hypotheses=200,
                max_new_tokens=2,
                length_penalty=length_penalty,
            )
            assert [h.tokens for h in found] == [target for _, target in ranked]
            assert_close([h.score for h in found], [score for score, _ in ranked], FLOAT32)


@every_model
@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("most", [1, 2, 7])
def test_no_target_is_longer_than_max_new_tokens(name: str, beam_size: int, most: int) -> None:
    for [best] in search(name, beam_size=beam_size, max_new_tokens=most):
        length = len(best.token_scores)
        assert length <= most
        assert best.finish_reason == ("eos" if length > len(best.tokens) else "length")
        if best.finish_reason == "length":
            assert length == most


@every_model
@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_target_is_shorter_than_min_new_tokens(name: str, beam_size: int) -> None:
    shortest = min(len(best.tokens) for [best] in search(name, beam_size=beam_size))
    assert shortest < 20
    for [best] in search(name, beam_size=beam_size, min_new_tokens=shortest + 5):
        assert len(best.tokens) >= shortest + 5
        assert checkpoint(name).config.end not in best.tokens


@every_model
@pytest.mark.parametrize("beam_size", [1, 3])
def test_forced_end_finishes_every_target_as_its_length(name: str, beam_size: int) -> None:
    free = search(name, beam_size=beam_size, max_new_tokens=6, num_hypotheses=beam_size)
    assert any(h.finish_reason == "length" for found in free for h in found)
    forced = search(
        name, beam_size=beam_size, max_new_tokens=6, num_hypotheses=beam_size, force_end=True
    )
    for hypothesis in itertools.chain.from_iterable(forced):
        cut = len(hypothesis.tokens) == 5
        assert hypothesis.finish_reason == ("length" if cut else "eos")
        assert len(hypothesis.token_scores) == len(hypothesis.tokens) + 1
        if cut:
            # What cannot be otherwise is certain.
            assert hypothesis.token_scores[-1] == 0


@every_model
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beam_size": 3, "num_hypotheses": 3},
        {"do_sample": True, "num_hypotheses": 2},
        {"beam_size": 3, "do_sample": True},
        {"return_alternatives": True, "num_hypotheses": 2},
        {"force_end": True},
    ],
    ids=str,
)
def test_length_factor_is_a_limit_for_each_source(name: str, options: dict[str, Any]) -> None:
    model = core_model(name)
    every = sources(name)
    found = model.generate(every, max_length_factor=0.75, **options)
    for source, hypotheses in zip(every, found, strict=True):
        most = math.ceil(0.75 * len(source))
        alone = model.generate([source], max_new_tokens=most, **options)
        assert [(h.tokens, h.score, h.finish_reason) for h in hypotheses] == [
            (h.tokens, h.score, h.finish_reason) for h in alone[0]
        ]
        for hypothesis in hypotheses:
            assert len(hypothesis.token_scores) <= most
    assert any(h.finish_reason == "length" for hypotheses in found for h in hypotheses)


@every_model
def test_greedy_search_without_scores_finds_the_same(name: str) -> None:
    model = core_model(name)
    told = model.generate(sources(name))
    for [one], [other] in zip(told, model.generate(sources(name), scores=False), strict=True):
        assert (other.tokens, other.finish_reason) == (one.tokens, one.finish_reason)
        assert other.score is None
        assert other.token_scores.shape == (0,)


@every_model
@pytest.mark.parametrize(
    "options",
    [{"beam_size": 2}, {"do_sample": True}, {"return_alternatives": True}],
    ids=str,
)
def test_search_that_ranks_by_scores_tells_them(name: str, options: dict[str, Any]) -> None:
    model = core_model(name)
    one, other = (model.generate(sources(name), scores=s, **options) for s in (True, False))
    assert [h.score for [h] in one] == [h.score for [h] in other]


@every_model
@pytest.mark.parametrize("beam_size", [1, 3])
def test_suppressed_tokens_are_never_said(name: str, beam_size: int) -> None:
    said = {t for [best] in search(name, beam_size=beam_size) for t in best.tokens}
    suppressed = tuple(sorted(said))[::2]
    for [best] in search(name, beam_size=beam_size, suppress_tokens=suppressed):
        assert not set(best.tokens) & set(suppressed)


@every_model
def test_suppressed_end_is_never_said(name: str) -> None:
    end = checkpoint(name).config.end
    for [best] in search(name, suppress_tokens=(end,), max_new_tokens=20):
        assert len(best.tokens) == 20
        assert best.finish_reason == "length"


@every_model
def test_hypotheses_are_different_and_the_best_comes_first(name: str) -> None:
    for count in (1, 2, 5):
        for found in search(name, beam_size=5, num_hypotheses=count):
            assert len(found) == count
            scores = [hypothesis.score for hypothesis in found]
            assert scores == sorted(scores, reverse=True)
            assert len({tuple(hypothesis.tokens) for hypothesis in found}) == count


@every_model
def test_fewer_hypotheses_are_the_first_of_more(name: str) -> None:
    more = search(name, beam_size=5, num_hypotheses=5)
    fewer = search(name, beam_size=5, num_hypotheses=2)
    for some, others in zip(fewer, more, strict=True):
        assert [h.tokens for h in some] == [h.tokens for h in others[:2]]


def test_early_stopping_is_a_bargain() -> None:
    # Full stops first, never looks longest: what is found gets better, and never worse.
    best = {
        early: [
            h.score for name in RECIPES for [h] in search(name, beam_size=4, early_stopping=early)
        ]
        for early in (True, False, "never")
    }
    full, heuristic, never = (np.array(best[early]) for early in (True, False, "never"))
    assert (full <= heuristic).all()
    assert (heuristic <= never).all()
    assert (full < never).any()


@every_level
def test_lowest_id_wins_among_equals(isa: str) -> None:
    plain = checkpoint("pre")
    even = {**plain.tensors, "output.weight": np.zeros((601, 64), np.float32)}
    with Model(
        dataclasses.replace(plain, tensors=even), dtype="float32", threads=2, isa=isa
    ) as model:
        [[greedy]] = model.generate([[1, 2]], max_new_tokens=3)
        assert greedy.tokens == [0, 0, 0]
        [found] = model.generate([[1, 2]], max_new_tokens=1, beam_size=4, num_hypotheses=4)
        assert [h.tokens for h in found] == [[0], [1], [], [3]]
        [found] = model.generate(
            [[1, 2]], max_new_tokens=2, beam_size=2, num_hypotheses=2, suppress_tokens=(0, 2)
        )
        assert [h.tokens for h in found] == [[1, 1], [1, 3]]


def test_options_come_from_the_checkpoint_unless_given() -> None:
    plain = checkpoint("odd")
    own = GenerationOptions(beam_size=3, num_hypotheses=2, max_new_tokens=4)
    with Model(dataclasses.replace(plain, generation=own), dtype="float32", threads=1) as model:
        source = sources("odd")[:3]
        assert_same_hypotheses(model.generate(source), model.generate(source, own))
        assert [len(found) for found in model.generate(source)] == [2, 2, 2]
        assert [len(found) for found in model.generate(source, num_hypotheses=3)] == [3, 3, 3]
        plainly = model.generate(source, GenerationOptions())
        assert [len(found) for found in plainly] == [1, 1, 1]


def test_limit_beyond_the_positions_is_the_positions() -> None:
    model = core_model("odd")
    end = (model.config.end,)
    for most in (208, 209, 10**6, 2**31 - 1):
        [[best]] = model.generate([[1]], suppress_tokens=end, max_new_tokens=most)
        assert len(best.tokens) == 208


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"beam_width": 4}, TypeError, "unknown option 'beam_width': did you mean 'beam_size'"),
        ({"beam_size": 0}, ValueError, "beam_size: expected 1 to 256, got 0"),
        ({"beam_size": 257}, ValueError, "beam_size: expected 1 to 256, got 257"),
        ({"beam_size": 2.0}, ValueError, "beam_size: expected an integer, got 2.0"),
        (
            {"num_hypotheses": 2},
            ValueError,
            "num_hypotheses: expected at most 1 with beam_size 1, got 2",
        ),
        ({"max_new_tokens": 0}, ValueError, "max_new_tokens: expected 1 to "),
        (
            {"min_new_tokens": 31},
            ValueError,
            "min_new_tokens: expected at most max_new_tokens, 30, got 31",
        ),
        ({"length_penalty": "long"}, ValueError, "length_penalty: expected a number, got 'long'"),
        ({"early_stopping": "soon"}, ValueError, "early_stopping: expected True, False, "),
        (
            {"suppress_tokens": (97,)},
            ValueError,
            "generate: suppress_tokens has id 97, expected 0 to 96",
        ),
        (
            {"suppress_tokens": (-1,)},
            ValueError,
            "generate: suppress_tokens has id -1, expected 0 to 96",
        ),
        (
            {"suppress_tokens": (2**70,)},
            ValueError,
            f"generate: suppress_tokens has id {2**70}, expected one of the vocabulary",
        ),
        (
            {"suppress_tokens": range(97)},
            ValueError,
            "generate: suppress_tokens has the whole vocabulary",
        ),
        (
            {"suppress_tokens": range(1, 97)},
            ValueError,
            "generate: suppress_tokens has the whole vocabulary",
        ),
        ({"force_end": 1}, ValueError, "force_end: expected True or False, got 1"),
        ({"options": {"beam_size": 2}}, TypeError, "options: expected GenerationOptions, got dict"),
        ({"max_time": -1}, ValueError, "max_time: expected 0 or more seconds, got -1"),
        ({"max_time": "soon"}, ValueError, "max_time: expected a number, got 'soon'"),
        ({"progress": 3}, TypeError, "progress: expected a callable, got 3"),
    ],
)
def test_option_that_does_not_fit_is_named(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        core_model("post").generate([[1]], **options)
    assert str(raised.value).startswith(message)
