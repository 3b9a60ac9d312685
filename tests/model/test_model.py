import dataclasses
import functools
import itertools
import weakref
from typing import Any

import numpy as np
import pytest

from pyattn import Model, ModelError, reference
from pyattn.checkpoint import Checkpoint, tensor_shapes
from support.inputs import (
    FAMILIES,
    ISAS,
    RECIPES,
    Floats,
    assert_same_hypotheses,
    checkpoint,
    floats,
    sentences,
    targets,
)
from support.lanes import each_on_each
from support.tolerances import FLOAT32, assert_close


@functools.cache
def core_model(name: str, isa: str) -> Model:
    return Model(checkpoint(name), dtype="float32", threads=1, isa=isa)


@functools.cache
def wanted(name: str, operation: str, *arguments: Any, **options: Any) -> Any:
    """What the reference says, once for all levels. The arguments are those of `sentences`."""
    model = reference.Model(checkpoint(name))
    made = [make(seed, model.config, count, longest) for make, seed, count, longest in arguments]
    return getattr(model, operation)(*made, **options)


def assert_all_close(found: list[Floats], theirs: list[Floats]) -> None:
    for n, (one, other) in enumerate(zip(found, theirs, strict=True)):
        assert one.dtype == np.float32
        assert_close(one, other, FLOAT32, f"sentence {n}")


STACKS = ("encoder", "decoder")

every_model = pytest.mark.parametrize("name", RECIPES | FAMILIES)
every_level = pytest.mark.parametrize("isa", ISAS)
every_model_on_every_level = pytest.mark.parametrize(
    ("name", "isa"), each_on_each(RECIPES | FAMILIES, ISAS)
)


@every_model_on_every_level
@pytest.mark.parametrize("count", [1, 2, 33])
def test_encode_matches_reference(name: str, isa: str, count: int) -> None:
    model = core_model(name, isa)
    sources = sentences(1, model.config, count, 200)
    assert_all_close(model.encode(sources), wanted(name, "encode", (sentences, 1, count, 200)))


@every_model_on_every_level
def test_logits_and_scores_match_reference(name: str, isa: str) -> None:
    model = core_model(name, isa)
    pairs = (sentences, 2, 17, 200), (targets, 3, 17, 120)
    sources, given = (make(seed, model.config, *sizes) for make, seed, *sizes in pairs)
    logits = model.logits(sources, given)
    assert_all_close(logits, wanted(name, "logits", *pairs))
    scores = model.score(sources, given)
    assert_all_close(scores, wanted(name, "score", *pairs))
    for row, score, target in zip(logits, scores, given, strict=True):
        expected = [*target, model.config.end]
        log_probs = reference.log_softmax(row)[np.arange(len(expected)), expected]
        assert_close(score, log_probs, FLOAT32)


@every_model_on_every_level
@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize("count", [1, 6, 33])
def test_generate_matches_reference(name: str, isa: str, beam_size: int, count: int) -> None:
    model = core_model(name, isa)
    options = {"beam_size": beam_size, "num_hypotheses": min(beam_size, 2)}
    # None of these leads to a near-tie: weights that are off by 1e-5 of themselves change no token.
    found = model.generate(sentences(101, model.config, count, 60), **options)
    theirs = wanted(name, "generate", (sentences, 101, count, 60), **options)
    assert_same_hypotheses(found, theirs)


@every_model
def test_longest_source_and_target_fit(name: str) -> None:
    model, numpy_model = core_model(name, ISAS[0]), reference.Model(checkpoint(name))
    longest = model.config.max_positions
    source = [[5] * longest]
    assert_all_close(model.encode(source), numpy_model.encode(source))
    target = [[3] * (longest - 1)]
    assert_all_close(model.score(source, target), numpy_model.score(source, target))
    end = (model.config.end,)
    [[found]] = model.generate(source, max_new_tokens=longest, suppress_tokens=end)
    assert len(found.tokens) == longest
    assert found.finish_reason == "length"


@every_level
def test_tensors_of_any_layout_give_the_same_bits(isa: str) -> None:
    plain = checkpoint("post")
    strided = {
        name: np.asfortranarray(np.repeat(tensor, 2, axis=0))[::2]
        for name, tensor in plain.tensors.items()
    }
    other = Model(dataclasses.replace(plain, tensors=strided), dtype="float32", threads=1, isa=isa)
    sources = sentences(5, plain.config, 3, 20)
    for one, two in zip(
        other.encode(sources), core_model("post", isa).encode(sources), strict=True
    ):
        assert one.tobytes() == two.tobytes()


def test_ids_may_be_any_integers() -> None:
    model = core_model("post", ISAS[0])
    [wanted] = model.encode([[1, 2, 3]])
    for source in (
        (1, 2, 3),
        range(1, 4),
        np.array([1, 2, 3]),
        np.array([1, 2, 3], np.uint8),
        [np.int32(1), np.uint64(2), 3],
    ):
        [found] = model.encode([source])
        assert found.tobytes() == wanted.tobytes()
    [found] = model.encode(np.array([[1, 2, 3]]))
    assert found.tobytes() == wanted.tobytes()
    [found] = model.encode(([1, 2, 3],))
    assert found.tobytes() == wanted.tobytes()


def test_results_belong_to_the_caller() -> None:
    model = Model(checkpoint("post"), dtype="float32", threads=1)
    [memory] = model.encode([[1, 2, 3]])
    [[found]] = model.generate([[1, 2, 3]])
    copies = memory.copy(), found.token_scores.copy()
    memory[0] += 1
    model.encode([[4, 5, 6]])
    model.close()
    np.testing.assert_array_equal(memory[1:], copies[0][1:])
    np.testing.assert_array_equal(found.token_scores, copies[1])


@every_model_on_every_level
def test_variants_match_the_reference(name: str, isa: str) -> None:
    plain = checkpoint(name)
    config = dataclasses.replace(
        plain.config, embedding_norm=True, zero_start=True, first_position=2,
        positions="learned" if plain.config.positions == "learned" else "sinusoidal_t2t",
    )  # fmt: skip
    more = {
        f"{stack}.embedding_norm.{part}": floats(seed, config.dim)
        for seed, (stack, part) in enumerate(itertools.product(STACKS, ("weight", "bias")))
    }
    made = dataclasses.replace(plain, config=config, tensors={**plain.tensors, **more})
    sources, given = sentences(4, config, 5, 30), targets(5, config, 5, 20)
    given[0] = [config.start, config.start]  # which have rows of their own behind the start
    numpy_model = reference.Model(made)
    with Model(made, dtype="float32", threads=1, isa=isa) as model:
        assert_all_close(model.encode(sources), numpy_model.encode(sources))
        assert_all_close(model.logits(sources, given), numpy_model.logits(sources, given))
        assert_same_hypotheses(model.generate(sources), numpy_model.generate(sources))


def test_model_keeps_only_the_tensors_that_it_reads_in_place() -> None:
    made = checkpoint("pre")
    watched = {name: weakref.ref(tensor) for name, tensor in made.tensors.items()}
    with Model(made, dtype="float32", threads=1) as model:
        [wanted] = model.score([[1, 2]], [[3]])
        del made
        alive = {name for name, tensor in watched.items() if tensor() is not None}
        assert alive == {
            f"{stack}.{table}" for stack in STACKS for table in ("embedding", "positions")
        }
        assert model.score([[1, 2]], [[3]])[0].tobytes() == wanted.tobytes()
    assert not any(tensor() is not None for tensor in watched.values())


def test_no_sources_give_no_results() -> None:
    model = core_model("post", ISAS[0])
    assert model.encode([]) == []
    assert model.logits([], []) == []
    assert model.score([], []) == []
    assert model.generate([]) == []
    assert model.generate([], beam_size=4, num_hypotheses=2) == []


def test_config_says_what_runs() -> None:
    model = core_model("pre", ISAS[-1])
    plain = dataclasses.asdict(checkpoint("pre").config)
    assert dataclasses.asdict(model.config) == plain | {
        "dtype": "float32",
        "other_dtypes": {},
        "isa": ISAS[-1],
    }
    assert model.threads == 1
    assert model.nbytes >= sum(
        tensor.nbytes
        for name, tensor in checkpoint("pre").tensors.items()
        if "embedding" not in name and "positions" not in name and "norm" not in name
    )


SOURCE_ERRORS = [
    ([[1], []], ValueError, "source 1 is empty, expected at least one id"),
    ([[1] * 209], ValueError, "source 0 has 209 tokens, expected at most 208"),
    ([[1, 97]], ValueError, "source 0 has id 97, expected 0 to 96"),
    ([[1], [2, -1]], ValueError, "source 1 has id -1, expected 0 to 96"),
    ([[2**40]], ValueError, f"source 0 has id {2**40}, expected one of the vocabulary"),
    ([[2**80]], ValueError, f"source 0 has id {2**80}, expected one of the vocabulary"),
    ([[1], [2, 3.0]], TypeError, "source 1 is not a list of ids"),
    ([[1, "2"]], TypeError, "source 0 is not a list of ids"),
    ([[1, None]], TypeError, "source 0 is not a list of ids"),
    ([[[1]]], TypeError, "source 0 is not a list of ids"),
    (["12"], TypeError, "source 0 is not a list of ids"),
    ([b"12"], TypeError, "source 0 is not a list of ids"),
    ([1, 2], TypeError, "source 0 is not a list of ids"),
    ([{1, 2}], TypeError, "source 0 is not a list of ids"),
    ([{1: 2}], TypeError, "source 0 is not a list of ids"),
    ([None], TypeError, "source 0 is not a list of ids"),
    (np.array([[1.0, 2.0]]), TypeError, "source 0 is not a list of ids"),
    (np.array([1, 2]), TypeError, "source 0 is not a list of ids"),
    ([np.array(1)], TypeError, "source 0 is not a list of ids"),
    ("12", TypeError, "sources are str, expected a list of lists of ids"),
    (b"12", TypeError, "sources are bytes, expected a list of lists of ids"),
    (12, TypeError, "sources are int, expected a list of lists of ids"),
    (None, TypeError, "sources are NoneType, expected a list of lists of ids"),
]


@pytest.mark.parametrize(("sources", "error", "message"), SOURCE_ERRORS)
@pytest.mark.parametrize("operation", ["encode", "logits", "score", "generate"])
def test_source_that_does_not_fit_is_named(
    operation: str, sources: Any, error: type[Exception], message: str
) -> None:
    model = core_model("post", ISAS[0])
    given: list[list[int]] = [[] for _ in sources] if isinstance(sources, list) else []
    arguments = (sources, given) if operation in ("logits", "score") else (sources,)
    with pytest.raises(error) as raised:
        getattr(model, operation)(*arguments)
    assert str(raised.value) == f"{operation}: {message}"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([[1]], ValueError, "there are 1 targets, expected 2, one for each source"),
        ([[1], [2], []], ValueError, "there are 3 targets, expected 2, one for each source"),
        ([[1], [3] * 208], ValueError, "target 1 has 208 tokens, expected at most 207"),
        ([[97], []], ValueError, "target 0 has id 97, expected 0 to 96"),
        ([[], [0, -7]], ValueError, "target 1 has id -7, expected 0 to 96"),
        ([[], "a"], TypeError, "target 1 is not a list of ids"),
        (None, TypeError, "targets are NoneType, expected a list of lists of ids"),
    ],
)
@pytest.mark.parametrize("operation", ["logits", "score"])
def test_target_that_does_not_fit_is_named(
    operation: str, given: Any, error: type[Exception], message: str
) -> None:
    model = core_model("post", ISAS[0])
    with pytest.raises(error) as raised:
        getattr(model, operation)([[1, 2], [3]], given)
    assert str(raised.value) == f"{operation}: {message}"


def test_results_that_cannot_be_are_given_no_room() -> None:
    # Logits of 4 TiB, more than a machine would lend before the target is looked at.
    vocab = 2**20
    config = dataclasses.replace(
        checkpoint("odd").config, target_vocab=vocab, dim=1, encoder_heads=1, decoder_heads=1
    )
    tensors = {name: np.zeros(shape, np.float32) for name, shape in tensor_shapes(config)}
    huge = dataclasses.replace(checkpoint("odd"), config=config, tensors=tensors)
    with Model(huge, threads=1) as model:
        endless = np.broadcast_to(np.int64(1), 2**20)
        for operation in ("logits", "score"):
            message = f"{operation}: target 0 has {2**20} tokens, expected at most 207"
            with pytest.raises(ValueError, match=message):
                getattr(model, operation)([[1]], [endless])


def test_closed_model_says_so() -> None:
    model = Model(checkpoint("post"), dtype="float32", threads=1)
    with model as same:
        assert same is model
        model.encode([[1]])
    model.close()
    for call in (
        lambda: model.encode([[1]]),
        lambda: model.encode([]),
        lambda: model.logits([[1]], [[1]]),
        lambda: model.score([[1]], [[1]]),
        lambda: model.generate([[1]]),
        lambda: model.nbytes,
    ):
        with pytest.raises(ValueError, match=r"^model: it is closed$"):
            call()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dtype": "int2"}, ValueError, "dtype: expected "),
        ({"threads": 0}, ValueError, "threads: expected 1 to 1024, got 0"),
        ({"threads": -1}, ValueError, "threads: expected 1 to 1024, got -1"),
        ({"threads": 10**6}, ValueError, "threads: expected 1 to 1024, got 1000000"),
        ({"threads": True}, ValueError, "threads: expected 1 to 1024, got True"),
        ({"threads": 1.5}, ValueError, "threads: expected an integer, got 1.5"),
        ({"threads": "2"}, ValueError, "threads: expected an integer, got '2'"),
        ({"isa": "mmx"}, ValueError, "isa: this machine does not run 'mmx', expected one of "),
        ({"isa": 2}, TypeError, "isa: expected a string, got 2"),
    ],
)
def test_argument_that_does_not_fit_is_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        Model(checkpoint("post"), **arguments)
    assert str(raised.value).startswith(message)


def changed(name: str, tensor: Any) -> Checkpoint:
    plain = checkpoint("post")
    return dataclasses.replace(plain, tensors={**plain.tensors, name: tensor})


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("encoder.embedding", np.zeros((97, 39), np.float32), "shape [97, 39], the config says"),
        ("decoder.layers.0.feed_forward.up.bias", np.zeros(34, np.float32), "shape [34], the"),
        ("output.weight", np.zeros((96, 40), np.float32), "shape [96, 40], the config says"),
        ("output.bias", np.zeros(96, np.float32), "shape [96], the config says [97]"),
        ("encoder.embedding", np.zeros((97, 40)), "dtype float64, expected float32"),
        ("output.bias", np.zeros(97, np.float16), "dtype float16, expected float32"),
    ],
)
def test_tensor_that_does_not_fit_the_config_is_named(name: str, tensor: Any, message: str) -> None:
    with pytest.raises(ModelError) as raised:
        Model(changed(name, tensor))
    assert str(raised.value).startswith(f"checkpoint: {name} has {message}")


def test_missing_tensor_is_named() -> None:
    plain = checkpoint("post")
    for name in ("encoder.embedding", "decoder.layers.0.cross_attention.key.weight"):
        tensors = {key: tensor for key, tensor in plain.tensors.items() if key != name}
        with pytest.raises(ModelError, match=f"checkpoint: no tensor {name}, expected shape"):
            Model(dataclasses.replace(plain, tensors=tensors))


@every_level
def test_weights_that_are_no_numbers_do_not_hang_a_search(isa: str) -> None:
    broken = changed("output.weight", np.full((97, 40), np.nan, np.float32))
    with Model(broken, dtype="float32", threads=1, isa=isa) as model:
        assert np.isnan(model.score([[1]], [[2]])[0]).all()
        for beam_size in (1, 3):
            with pytest.raises(ValueError, match="generate: no token may follow"):
                model.generate([[1, 2]], beam_size=beam_size)


@every_level
def test_model_without_layers_runs(isa: str) -> None:
    plain = checkpoint("post")
    config = dataclasses.replace(plain.config, encoder_layers=0, decoder_layers=0)
    empty = dataclasses.replace(plain, config=config)
    sources, given = [[1, 2, 3], [4]], [[5, 6], []]
    with Model(empty, dtype="float32", threads=1, isa=isa) as model:
        numpy_model = reference.Model(empty)
        assert_all_close(model.encode(sources), numpy_model.encode(sources))
        assert_all_close(model.logits(sources, given), numpy_model.logits(sources, given))
        found, theirs = (m.generate(sources) for m in (model, numpy_model))
        assert [h.tokens for [h] in found] == [h.tokens for [h] in theirs]


@every_level
def test_large_logits_cost_scores_no_digits(isa: str) -> None:
    plain = checkpoint("post")
    tensors = {**plain.tensors, "output.weight": np.zeros((97, 40), np.float32)}
    tensors["output.bias"] = np.full(97, 4096, np.float32)
    tensors["output.bias"][7] += 12
    log_prob = -np.log1p(96 * np.exp(-12.0))
    with Model(
        dataclasses.replace(plain, tensors=tensors), dtype="float32", threads=1, isa=isa
    ) as model:
        [scores] = model.score([[1]], [[7]])
        np.testing.assert_allclose(scores, [log_prob, log_prob - 12], atol=3e-6)
        [[found]] = model.generate([[1]], max_new_tokens=3)
        assert found.tokens == [7, 7, 7]
        np.testing.assert_allclose(found.token_scores, [log_prob] * 3, atol=3e-6)


@pytest.mark.parametrize(
    ("name", "most"), [("post", 2**23 // 40), ("t5", 2**23 // 8), ("umt5", 2**23 // 24)]
)
def test_positions_that_nobody_needs_are_refused(name: str, most: int) -> None:
    plain = checkpoint(name)
    config = dataclasses.replace(plain.config, max_positions=most + 1)
    with pytest.raises(ModelError, match=rf"max_positions is {most + 1}, expected at most {most} "):
        Model(dataclasses.replace(plain, config=config))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 97}, "start or end is not an id of the target vocabulary"),
        ({"end": -1}, "start or end is not an id of the target vocabulary"),
        ({"encoder_heads": 3}, "dim is not a multiple of the number of heads"),
        ({"decoder_heads": 0}, "sizes of a stack must be positive"),
        ({"max_positions": 0}, "sizes of a stack must be positive"),
        ({"activation": "tanh"}, "activation 'tanh' is not known"),
    ],
)
def test_config_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    plain = checkpoint("post")
    config = dataclasses.replace(plain.config, **changes)
    with pytest.raises(ValueError, match=f"^model: {message}$"):
        Model(dataclasses.replace(plain, config=config))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"encoder_layer_heads": (1,)}, "encoder.layers.0.self_attention.query.weight"),
        ({"decoder_layer_cross_heads": (1,)}, "decoder.layers.0.cross_attention.query.weight"),
        ({"encoder_layer_ffn": (-1,)}, "encoder.layers.0.feed_forward.up.weight"),
        ({"decoder_layer_ffn": (1, 1)}, "decoder.layers.0.feed_forward.up.weight"),
    ],
)
def test_sizes_of_a_layer_that_its_tensors_do_not_have_are_refused(
    changes: dict[str, Any], name: str
) -> None:
    plain = checkpoint("post")
    config = dataclasses.replace(plain.config, **changes)
    with pytest.raises(ModelError, match=f"^checkpoint: {name} has shape .* the config says"):
        Model(dataclasses.replace(plain, config=config))
