"""The NumPy model: what must hold of any Transformer, whatever its weights."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyattn import reference
from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.reference import model as model_file
from support.inputs import FAMILIES, RECIPES, checkpoint, sentences, targets
from support.tolerances import EXACT, FLOAT32, assert_close


@functools.cache
def made(name: str) -> reference.Model:
    return reference.Model(checkpoint(name))


every_model = pytest.mark.parametrize("name", [*RECIPES, *FAMILIES])


@every_model
def test_sentence_does_not_depend_on_its_batch(name: str) -> None:
    model = made(name)
    sources, given = sentences(1, model.config, 9, 40), targets(2, model.config, 9, 30)
    together = [model.encode(sources), model.logits(sources, given), model.score(sources, given)]
    for n, (source, target) in enumerate(zip(sources, given, strict=True)):
        alone = [
            model.encode([source]),
            model.logits([source], [target]),
            model.score([source], [target]),
        ]
        for [one], of_all in zip(alone, together, strict=True):
            assert_close(one, of_all[n], FLOAT32, f"sentence {n}")


@every_model
@pytest.mark.parametrize("beam_size", [1, 4])
def test_target_does_not_depend_on_its_batch(name: str, beam_size: int) -> None:
    model = made(name)
    sources = sentences(3, model.config, 9, 40)
    options = {"beam_size": beam_size, "num_hypotheses": beam_size}
    together = model.generate(sources, **options)
    assert len({len(best.tokens) for best, *_ in together}) > 2
    for source, found in zip(sources, together, strict=True):
        [alone] = model.generate([source], **options)
        assert [h.tokens for h in alone] == [h.tokens for h in found]
        for one, other in zip(alone, found, strict=True):
            assert_close(one.token_scores, other.token_scores, FLOAT32)


@every_model
def test_order_of_sentences_is_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(name)
    sources, given = sentences(4, model.config, 9, 40), targets(5, model.config, 9, 30)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: model.encode(sources),
        lambda: model.logits(sources, given),
        lambda: [np.array(best.tokens) for [best] in model.generate(sources)],
    )
    wanted = [call() for call in calls]
    # Several batches instead of one.
    monkeypatch.setattr(model_file, "_BATCH_TOKENS", 50)
    monkeypatch.setattr(model_file, "_BATCH_ROWS", 2)
    monkeypatch.setattr(model_file, "_BATCH_LOGITS", 50 * model.config.target_vocab)
    for call, results in zip(calls, wanted, strict=True):
        for one, other in zip(call(), results, strict=True):
            assert_close(one, other, FLOAT32)


@every_model
def test_later_tokens_do_not_change_a_prediction(name: str) -> None:
    model = made(name)
    [source], [_, target] = sentences(6, model.config, 1, 20), targets(7, model.config, 2, 20)
    [whole] = model.logits([source], [target])
    assert whole.shape == (len(target) + 1, model.config.target_vocab)
    for length in (0, 1, len(target) // 2):
        [part] = model.logits([source], [target[:length]])
        assert_close(part, whole[: length + 1], FLOAT32)


@every_model
def test_score_is_read_off_the_log_softmax_of_logits(name: str) -> None:
    model = made(name)
    sources, given = sentences(8, model.config, 5, 20), targets(9, model.config, 5, 20)
    logits, scores = model.logits(sources, given), model.score(sources, given)
    for row, score, target in zip(logits, scores, given, strict=True):
        wanted = reference.log_softmax(row)
        expected = [wanted[n, token] for n, token in enumerate([*target, model.config.end])]
        assert_close(score, expected, FLOAT32)


@every_model
def test_greedy_target_is_what_the_logits_of_its_own_past_say(name: str) -> None:
    model = made(name)
    sources = sentences(10, model.config, 5, 30)
    for source, [found] in zip(sources, model.generate(sources, beam_size=1), strict=True):
        spoken: list[int] = []
        while len(spoken) < 30:
            [logits] = model.logits([source], [spoken])
            token = int(logits[-1].argmax())
            if token == model.config.end:
                break
            spoken.append(token)
        assert found.tokens == spoken
        assert found.finish_reason == ("length" if len(spoken) == 30 else "eos")


@every_model
@pytest.mark.parametrize("beam_size", [1, 4])
def test_token_scores_are_those_that_score_gives(name: str, beam_size: int) -> None:
    # Step by step, with a cache that beams are rearranged in, as in one pass.
    model = made(name)
    sources = sentences(11, model.config, 9, 30)
    found = model.generate(sources, beam_size=beam_size, num_hypotheses=beam_size)
    for source, hypotheses in zip(sources, found, strict=True):
        for hypothesis in hypotheses:
            [scores] = model.score([source], [hypothesis.tokens])
            assert_close(hypothesis.token_scores, scores[: len(hypothesis.token_scores)], FLOAT32)


@every_model
def test_hypotheses_are_different_and_ranked(name: str) -> None:
    model = made(name)
    for found in model.generate(sentences(12, model.config, 5, 30), beam_size=6, num_hypotheses=5):
        assert len(found) == 5
        scores = [hypothesis.score for hypothesis in found]
        assert scores == sorted(scores, reverse=True)
        assert len({(*h.tokens, h.finish_reason) for h in found}) == 5


@every_model
def test_longest_source_and_target_fit(name: str) -> None:
    model = made(name)
    longest = model.config.max_positions
    assert model.encode([[5] * longest])[0].shape == (longest, model.config.dim)
    [scores] = model.score([[5]], [[3] * (longest - 1)])
    assert scores.shape == (longest,)
    [[found]] = model.generate([[5]], max_new_tokens=longest, suppress_tokens=(model.config.end,))
    assert len(found.tokens) == longest


def test_no_sources_give_no_results() -> None:
    model = made("post")
    assert model.encode([]) == []
    assert model.logits([], []) == []
    assert model.score([], []) == []
    assert model.generate([], beam_size=4) == []


def silent(name: str) -> Checkpoint:
    """A checkpoint whose sub-layers say nothing: all matrices and biases but the tables are 0."""
    plain = checkpoint(name)
    kept = ("embedding", "positions", "output.weight")
    tensors = {
        tensor: plain.tensors[tensor] if tensor.endswith(kept) else np.zeros(shape, np.float32)
        for tensor, shape in tensor_shapes(plain.config)
    }
    for tensor in tensors:
        if tensor.endswith("norm.weight"):
            tensors[tensor] = np.ones(plain.config.dim, np.float32)
    return dataclasses.replace(plain, tensors=tensors)


def test_silent_layers_leave_scaled_embeddings_and_positions() -> None:
    # "post" has Marian's positions and a norm after every sub-layer, which changes a row no more
    # once it is normal; "pre" has learned positions and one norm at the end.
    for name in ("post", "pre"):
        quiet = silent(name)
        config = quiet.config
        positions = quiet.tensors.get(
            "encoder.positions", reference.sinusoidal_positions(config.max_positions, config.dim)
        )
        row = quiet.tensors["encoder.embedding"][[7, 3]] * config.embedding_scale + positions[:2]
        one, zero = np.ones(config.dim, np.float32), np.zeros(config.dim, np.float32)
        wanted = reference.layer_norm(row.astype(np.float32), one, zero, epsilon=1e-6)
        [found] = reference.Model(quiet).encode([[7, 3]])
        np.testing.assert_allclose(found, wanted, atol=1e-4)  # epsilon, once per norm


def varied(name: str, **changes: Any) -> Checkpoint:
    """A checkpoint of another config, with seeded tensors for what that has besides."""
    plain = checkpoint(name)
    config = dataclasses.replace(plain.config, **changes)
    random = np.random.default_rng(8)
    more = {
        tensor: random.standard_normal(shape, np.float32)
        for tensor, shape in tensor_shapes(config)
        if tensor not in plain.tensors
    }
    return dataclasses.replace(plain, config=config, tensors={**plain.tensors, **more})


def test_the_norm_of_embeddings_comes_before_all_layers() -> None:
    none = {"encoder_layers": 0, "decoder_layers": 0, "final_norm": False}
    for name in ("post", "pre"):
        normal = varied(name, embedding_norm=True, **none)
        config, tensors = normal.config, normal.tensors
        [row] = reference.Model(varied(name, **none)).encode([[7, 3, 4]])
        gamma, beta = (tensors[f"encoder.embedding_norm.{part}"] for part in ("weight", "bias"))
        wanted = reference.layer_norm(row, gamma, beta, epsilon=config.norm_epsilon)
        [found] = reference.Model(normal).encode([[7, 3, 4]])
        assert_close(found, wanted, FLOAT32)


def test_a_start_of_zeros_is_any_start_whose_row_is_zeros() -> None:
    plain = checkpoint("pre")
    table = plain.tensors["decoder.embedding"].copy()
    table[plain.config.start] = 0
    zeroed = dataclasses.replace(plain, tensors={**plain.tensors, "decoder.embedding": table})
    wanted = reference.Model(zeroed)
    end = plain.config.end  # a token that the targets below may have
    found = reference.Model(varied("pre", zero_start=True, start=end))
    for one, other in zip(
        found.logits([[1, 2], [3]], [[end, 5], []]),
        wanted.logits([[1, 2], [3]], [[end, 5], []]),
        strict=True,
    ):
        assert_close(one, other, EXACT)


def test_computed_positions_are_those_of_the_config() -> None:
    none = {"encoder_layers": 0, "decoder_layers": 0}
    made = varied("post", positions="sinusoidal_t2t", first_position=3, **none)
    [found] = reference.Model(made).encode([[7, 3]])
    rows = made.tensors["encoder.embedding"][[7, 3]] * np.float32(made.config.embedding_scale)
    rows += reference.sinusoidal_positions(2, made.config.dim, first=3, t2t=True)
    assert_close(found, rows, EXACT)


def test_pre_norm_without_a_final_norm_keeps_the_residual_stream() -> None:
    quiet = silent("pre")
    config = dataclasses.replace(quiet.config, final_norm=False, embedding_scale=3.0)
    [found] = reference.Model(dataclasses.replace(quiet, config=config)).encode([[7, 3]])
    tensors = quiet.tensors
    wanted = np.float32(3) * tensors["encoder.embedding"][[7, 3]] + tensors["encoder.positions"][:2]
    assert_close(found, wanted, EXACT)


def test_output_bias_is_added_to_the_logits() -> None:
    plain = checkpoint("post")
    bare = {name: tensor for name, tensor in plain.tensors.items() if name != "output.bias"}
    [without] = reference.Model(dataclasses.replace(plain, tensors=bare)).logits([[1, 2]], [[3]])
    [with_bias] = made("post").logits([[1, 2]], [[3]])
    assert_close(with_bias - without, np.stack([plain.tensors["output.bias"]] * 2), FLOAT32)


def test_options_come_from_the_checkpoint_unless_given() -> None:
    plain = checkpoint("post")
    asks = dataclasses.replace(
        plain, generation=plain.generation.replace(beam_size=3, num_hypotheses=3, max_new_tokens=7)
    )
    model = reference.Model(asks)
    [found] = model.generate([[1, 2]])
    assert len(found) == 3
    assert max(len(hypothesis.tokens) for hypothesis in found) <= 7
    [[greedy]] = model.generate([[1, 2]], beam_size=1)
    [[same]] = model.generate([[1, 2]], asks.generation.replace(beam_size=1))
    assert greedy.tokens == same.tokens


def test_limit_beyond_the_positions_gives_way() -> None:
    plain = checkpoint("post")
    endless = plain.generation.replace(max_new_tokens=10**6, suppress_tokens=(plain.config.end,))
    [[found]] = made("post").generate([[1]], endless)
    assert len(found.tokens) == plain.config.max_positions
    [[behind]] = made("post").generate([[1]], endless, target_prefix=[1] * 200)
    assert len(behind.tokens) == plain.config.max_positions
    with pytest.raises(ValueError, match="max_new_tokens is 1 behind a target_prefix of 208, "):
        made("post").generate([[1]], endless, target_prefix=[1] * 208)


@pytest.mark.parametrize(
    ("operation", "arguments", "error", "message"),
    [
        ("encode", ([[1], []],), ValueError, "source 1 is empty, expected at least one id"),
        ("encode", ([[1] * 209],), ValueError, "source 0 has 209 tokens, expected at most 208"),
        ("encode", ([[1], [2, 97]],), ValueError, "source 1 has id 97, expected 0 to 96"),
        ("encode", ([[2**80]],), ValueError, f"source 0 has id {2**80}, expected 0 to 96"),
        ("encode", ([[1, 2.0]],), TypeError, "source 0 is not a list of ids"),
        ("encode", ([1, 2],), TypeError, "source 0 is not a list of ids"),
        ("encode", (["12"],), TypeError, "source 0 is not a list of ids"),
        ("encode", ("12",), TypeError, "sources are str, expected a list of lists of ids"),
        ("encode", (None,), TypeError, "sources are NoneType, expected a list of lists of ids"),
        ("logits", ([[1]], [[-1]]), ValueError, "target 0 has id -1, expected 0 to 96"),
        ("logits", ([[1]], [[1] * 208]), ValueError, "target 0 has 208 tokens, expected at most"),
        ("logits", ([[1]], []), ValueError, "there are 0 targets, expected 1, one for each sour"),
        ("score", ([[1], []], [[], []]), ValueError, "source 1 is empty, expected at least one"),
        ("generate", ([[1], []],), ValueError, "source 1 is empty, expected at least one id"),
    ],
)
def test_what_does_not_fit_is_named(
    operation: str, arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        getattr(made("post"), operation)(*arguments)
    assert str(raised.value).startswith(f"{operation}: {message}")


@pytest.mark.parametrize(
    "options",
    [
        {"suppress_tokens": (97,)},
        {"target_prefix": (97,)},
        {"end_tokens": (0, 97)},
        {"begin_suppress_tokens": (97,)},
        {"suppress_sequences": ((1, 97),)},
        {"sequence_bias": (((97,), 1.0),)},
        {"forced_bos_token": 97},
    ],
)
def test_options_that_do_not_fit_are_named(options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(ValueError, match=f"^generate: {name} has id 97, expected 0 to 96"):
        made("post").generate([[1]], **options)


def test_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match="beam_width"):
        made("post").generate([[1]], beam_width=4)
