"""Shortlists: sentences whose targets may have some ids only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pyattn import Hypothesis, Model, reference
from pyattn.checkpoint import ModelConfig
from pyattn.files.quantized import quantize
from pyattn.stored import Stored, Tensors
from support.inputs import ISAS, RECIPES, Floats, assert_same_hypotheses, checkpoint, sentences
from support.lanes import each_on_each

SEARCHES: list[dict[str, Any]] = [
    {"max_new_tokens": 12},
    {"max_new_tokens": 12, "beam_size": 4, "num_hypotheses": 2},
    {"max_new_tokens": 12, "beam_size": 3, "min_new_tokens": 4, "force_end": True},
]


def core_model(name: str, isa: str | None = None, threads: int = 1, **options: Any) -> Model:
    return Model(checkpoint(name), dtype="float32", threads=threads, isa=isa, **options)


def shortlists(seed: int, config: ModelConfig, sizes: Sequence[int]) -> list[list[int]]:
    """Ids, ascending, the end among them; no more than there are."""
    random = np.random.default_rng(seed)
    others = np.setdiff1d(np.arange(config.target_vocab), [config.end])
    return [
        sorted([config.end, *random.permutation(others)[: size - 1].tolist()]) for size in sizes
    ]


def restricted(name: str, ids: Sequence[int]) -> reference.Model:
    """The model without the other ids: a bias of -inf leaves them no probability."""
    whole = checkpoint(name)
    bias: Floats = np.full(whole.config.target_vocab, -np.inf, np.float32)
    bias[ids] = whole.tensors["output.bias"][ids] if "output.bias" in whole.tensors else 0
    return reference.Model(
        dataclasses.replace(whole, tensors={**whole.tensors, "output.bias": bias})
    )


def bits(found: list[list[Hypothesis]]) -> list[Any]:
    return [[(h.tokens, h.token_scores.tobytes(), h.score) for h in ranked] for ranked in found]


@pytest.mark.parametrize(("name", "isa"), each_on_each(RECIPES, ISAS))
@pytest.mark.parametrize("options", SEARCHES)
def test_search_is_that_of_a_model_without_the_other_ids(
    name: str, isa: str, options: dict[str, Any]
) -> None:
    model = core_model(name, isa)
    sources = sentences(1, model.config, 8, 30)
    lists = shortlists(2, model.config, [12, 15, 16, 17, 40, 60, model.config.target_vocab, 33])
    found = model.generate(sources, shortlist=lists, **options)
    for source, ids, ranked in zip(sources, lists, found, strict=True):
        assert set(ranked[0].tokens) <= set(ids)
        assert_same_hypotheses([ranked], restricted(name, ids).generate([source], **options))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("options", SEARCHES)
def test_sentence_has_the_same_bits_among_others_with_and_without_shortlists(
    isa: str, options: dict[str, Any]
) -> None:
    model = core_model("post", isa)
    sources = sentences(3, model.config, 20, 30)
    one, two, three = shortlists(4, model.config, [20, 50, 51])
    lists = [None, one, two, three, two] * 4
    alone = [
        bits(model.generate([source], shortlist=[ids], **options))[0]
        for source, ids in zip(sources, lists, strict=True)
    ]
    for other in (model, core_model("post", isa, threads=3, batch_rows=9)):
        assert bits(other.generate(sources, shortlist=lists, **options)) == alone
    assert alone != bits(model.generate(sources, **options))


def test_shortlist_of_all_ids_changes_no_bit() -> None:
    model = core_model("post")
    sources = sentences(5, model.config, 6, 20)
    every = [np.arange(model.config.target_vocab)] * 6
    whole = model.generate(sources, beam_size=3)
    assert bits(model.generate(sources, beam_size=3, shortlist=every)) == bits(whole)
    assert bits(model.generate(sources, beam_size=3, shortlist=[None] * 6)) == bits(whole)


@pytest.mark.parametrize(("name", "isa"), each_on_each(["post", "odd"], ISAS))
def test_columns_from_a_tied_embedding_are_those_of_the_output(name: str, isa: str) -> None:
    made = checkpoint(name)
    matrix = quantize(made.tensors["output.weight"])
    matrix.values[5, 1] = -128  # which no product takes: the row is rounded anew
    every = {key: Stored("float32", array) for key, array in made.tensors.items()}
    tied = dict.fromkeys(("decoder.embedding", "output.weight"), matrix)
    apart = Stored("int8", matrix.values.copy(), matrix.scale)
    sources = sentences(6, made.config, 6, 20)
    lists = [sorted({*ids, 5}) for ids in shortlists(7, made.config, [2, 9, 16, 17, 40, 60])]

    def found(tensors: dict[str, Stored]) -> list[Any]:
        stored = dataclasses.replace(made, tensors=Tensors(every | tensors))
        with Model(stored, dtype={"*": "float32", "output": "int8"}, isa=isa, threads=1) as model:
            return bits(model.generate(sources, shortlist=lists, beam_size=3))

    assert found(tied) == found(tied | {"output.weight": apart})


def test_shortlists_are_kept_apart_from_those_of_other_requests() -> None:
    model = core_model("post", threads=2)
    sources = sentences(6, model.config, 8, 20)
    lists = [shortlists(seed, model.config, [20] * 8) for seed in range(4)]
    alone = [bits(model.generate(sources, shortlist=own)) for own in lists]
    under_way = [model.submit(sources, shortlist=own) for own in lists]
    assert [bits(one.results()) for one in under_way] == alone


def test_end_among_the_ids_is_the_one_that_ends_the_target() -> None:
    model = core_model("post")
    [source] = sentences(8, model.config, 1, 9)
    ids = [i for i in range(20, 40) if i != model.config.end]
    [[found]] = model.generate([source], shortlist=[ids], end_tokens=(30, 50), max_new_tokens=9)
    assert set(found.tokens) <= set(ids)
    with pytest.raises(ValueError, match="shortlist 0 lacks 50, the end"):
        model.generate([source], shortlist=[ids], end_tokens=(50,))


def test_draws_are_among_the_ids_too() -> None:
    model = core_model("post")
    [ids] = shortlists(9, model.config, [20])
    sources = sentences(9, model.config, 8, 20)
    options = {"do_sample": True, "temperature": 3.0, "max_new_tokens": 10, "top_k": 0}
    found = model.generate(sources, shortlist=[ids] * 8, **options)
    drawn = {token for ranked in found for token in ranked[0].tokens}
    assert drawn <= set(ids)
    assert len(drawn) > 10
    alone = [model.generate([sources[3]], shortlist=[ids], **options)[0]]
    assert bits(alone) == bits([found[3]])


def test_fewer_ids_than_a_beam_wants_are_enough() -> None:
    model = core_model("post")
    end = model.config.end
    ids = sorted({end, 5, 6})
    [[found]] = model.generate(
        sentences(7, model.config, 1, 9), beam_size=6, max_new_tokens=5, shortlist=[ids]
    )
    assert set(found.tokens) <= set(ids)


@pytest.mark.parametrize(
    ("lists", "error", "message"),
    [
        ([[1, 2]], ValueError, "there are 1 shortlists, expected 2, one for each source"),
        ([None, []], ValueError, "shortlist 1 is empty, expected at least one id"),
        ([None, [0, 500]], ValueError, "shortlist 1 has id 500, expected 0 to 96"),
        ([None, [-1, 0]], ValueError, "shortlist 1 has id -1, expected 0 to 96"),
        ([None, [0, 9, 8]], ValueError, "shortlist 1 has 8 behind 9, expected ascending ids"),
        ([None, [0, 9, 9]], ValueError, "shortlist 1 has 9 behind 9, expected ascending ids"),
        ([[50, 60], None], ValueError, "shortlist 0 lacks END, the end"),
        ([["END"], None], ValueError, "shortlist 0 has nothing but the end and suppressed ids"),
        ([["END", 96], None], ValueError, "shortlist 0 has nothing but the end and suppressed"),
        ([[1.5], None], TypeError, "shortlist 0 is not a list of ids"),
        (["ab", None], TypeError, "shortlist 0 is not a list of ids"),
        ("ab", TypeError, "shortlist is str, expected a list of lists of ids, or None"),
        (3, TypeError, "shortlist is int, expected a list of lists of ids, or None"),
    ],
)
def test_what_is_no_shortlist_is_named(lists: Any, error: type[Exception], message: str) -> None:
    model = core_model("post")
    end = model.config.end
    if isinstance(lists, list):
        lists = [one and [end if i == "END" else i for i in one] if isinstance(one, list) else one
                 for one in lists]  # fmt: skip
    with pytest.raises(error) as raised:
        model.generate([[3, 4], [5]], shortlist=lists, suppress_tokens=(96,))
    assert str(raised.value).startswith("generate: " + message.replace("END", str(end)))
