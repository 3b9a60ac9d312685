"""The same bits for everyone: alone, in any batch, in any order, on any number of threads."""

import functools
import hashlib
import pathlib
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import pyattn
from pyattn import Hypothesis, Model, _core
from pyattn.files import read_checkpoint
from pyattn.running.precision import DType
from support.inputs import FAMILIES, FUSED, ISAS, RECIPES, checkpoint, sentences, targets
from support.lanes import but_slow, each_on_each

SHIPPED = pathlib.Path(pyattn.__file__).parent / "models" / "en-es"

COUNT = 33

every_level = pytest.mark.parametrize("isa", ISAS)
every_model_on_every_level = pytest.mark.parametrize(
    ("name", "isa"), each_on_each(RECIPES | FAMILIES, ISAS)
)

GREEDY = {"beam_size": 1, "max_new_tokens": 16}
BEAM = {"beam_size": 4, "num_hypotheses": 4, "length_penalty": 0.7, "max_new_tokens": 12}


Pair = tuple[list[int], list[int]]


@functools.cache
def pairs(name: str) -> list[Pair]:
    config = checkpoint(name).config
    sources, given = sentences(1, config, COUNT, 32), targets(2, config, COUNT, 12)
    return list(zip(sources, given, strict=True))


def bits(hypotheses: list[Hypothesis]) -> list[tuple[Any, ...]]:
    return [(h.tokens, h.score, h.token_scores.tobytes(), h.finish_reason) for h in hypotheses]


def searches(model: Model, batch: Sequence[Pair], **options: Any) -> list[tuple[Any, Any]]:
    """What greedy and beam search find for each pair of a batch."""
    sources = [source for source, _ in batch]
    greedy, beam = (model.generate(sources, **search, **options) for search in (GREEDY, BEAM))
    return list(zip(map(bits, greedy), map(bits, beam), strict=True))


def readings(model: Model, batch: Sequence[Pair]) -> list[tuple[bytes, ...]]:
    """Memory, logits and scores of each pair of a batch."""
    sources, given = (list(side) for side in zip(*batch, strict=True))
    arrays = model.encode(sources), model.logits(sources, given), model.score(sources, given)
    return [tuple(array.tobytes() for array in row) for row in zip(*arrays, strict=True)]


@functools.cache
def alone(
    name: str, isa: str, call: Callable[..., list[Any]], dtype: DType = "float32"
) -> list[Any]:
    with Model(checkpoint(name), dtype=dtype, threads=1, isa=isa) as model:
        return [call(model, [pair])[0] for pair in pairs(name)]


def assert_same_bits(
    call: Callable[..., list[Any]], model: Model, name: str, chosen: Sequence[int], **options: Any
) -> None:
    found = call(model, [pairs(name)[n] for n in chosen], **options)
    wanted = alone(name, model.config.isa, call)
    # Not compared as a whole: pytest would print megabytes.
    assert [n for n, result in zip(chosen, found, strict=True) if result != wanted[n]] == []


@every_model_on_every_level
@pytest.mark.parametrize("size", [2, 7, COUNT])
def test_sentence_has_the_same_bits_in_any_batch(name: str, isa: str, size: int) -> None:
    shuffled = random.Random(size).sample(range(COUNT), COUNT)
    with Model(checkpoint(name), dtype="float32", threads=1, isa=isa) as model:
        for first in range(0, COUNT, size):
            for call in (readings, searches):
                assert_same_bits(call, model, name, shuffled[first : first + size])


@every_model_on_every_level
@pytest.mark.parametrize("threads", [2, 3])
def test_sentence_has_the_same_bits_on_any_number_of_threads(
    name: str, isa: str, threads: int
) -> None:
    with Model(checkpoint(name), dtype="float32", threads=threads, isa=isa) as model:
        assert model.threads == threads
        for call in (readings, searches):
            assert_same_bits(call, model, name, range(COUNT))
            assert_same_bits(call, model, name, [5])


@every_model_on_every_level
@pytest.mark.parametrize("batch_tokens", [1, 100])
def test_sentence_has_the_same_bits_at_any_batch_tokens(
    name: str, isa: str, batch_tokens: int
) -> None:
    with Model(
        checkpoint(name), dtype="float32", threads=1, isa=isa, batch_tokens=batch_tokens
    ) as model:
        assert_same_bits(searches, model, name, range(COUNT))


@every_level
def test_sentence_that_waits_for_its_turn_has_the_same_bits(isa: str) -> None:
    # More rows than are decoded at a time, so that late ones take the places of early ones.
    chosen = random.Random(1).choices(range(COUNT), k=5 * COUNT)
    with Model(checkpoint("odd"), dtype="float32", threads=2, isa=isa, batch_tokens=300) as model:
        assert_same_bits(searches, model, "odd", chosen)


@every_level
def test_repeated_call_has_the_same_bits(isa: str) -> None:
    # What a call leaves in buffers and caches is not seen by the next.
    with Model(checkpoint("pre"), dtype="float32", threads=1, isa=isa) as model:
        for chosen in ([3], [1, 2], range(10), [3], [0], [3]):
            for call in (readings, searches):
                assert_same_bits(call, model, "pre", chosen)


@pytest.mark.parametrize("name", but_slow(RECIPES | FAMILIES, *list(FAMILIES)[::2]))
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_sentence_has_the_same_bits_on_every_level(name: str, dtype: DType) -> None:
    for call in (readings, searches):
        wanted = alone(name, FUSED[0], call, dtype)
        for isa in FUSED[1:]:
            found = alone(name, isa, call, dtype)
            assert [n for n in range(COUNT) if found[n] != wanted[n]] == [], isa


@every_level
def test_sentence_has_the_same_bits_in_four_bits(isa: str) -> None:
    # Few rows multiply groups, more rows expanded weights.
    wanted = alone("post", FUSED[0] if isa in FUSED else isa, readings, "int4")
    with Model(checkpoint("post"), dtype="int4", threads=2, isa=isa) as model:
        found = readings(model, pairs("post"))
    assert [n for n in range(COUNT) if found[n] != wanted[n]] == []


# What the shipped model finds for some sentences, on every CPU. They change with
# the model and with the order of a kernel's sums.
DIGESTS: dict[DType, str] = {
    "float32": "70cdaad2dd19443df5a99fb3fcddaf8e88b1b8360003ba318294c71d95199806",
    "int8": "17eb8151f52d8f20cda5b86f241a2e55f0bc55cfa33329c6b8747db6529fc662",
}


def digest(dtype: DType, isa: str) -> str:
    chosen = random.Random(1)
    with Model(read_checkpoint(SHIPPED), dtype=dtype, isa=isa, threads=1) as model:
        ids = range(4, model.config.source_vocab)
        given = [chosen.choices(ids, k=time) for time in (1, 2, 5, 17, 40, 90)]
        found = model.generate(given, beam_size=1, max_new_tokens=40)
        batch = [(source, best[0].tokens) for source, best in zip(given, found, strict=True)]
        results = readings(model, batch), searches(model, batch)
    return hashlib.sha256(repr(results).encode()).hexdigest()


@pytest.mark.parametrize("isa", FUSED)
@pytest.mark.parametrize("dtype", DIGESTS)
def test_shipped_model_has_the_same_bits_on_every_machine(dtype: DType, isa: str) -> None:
    assert digest(dtype, isa) == DIGESTS[dtype]


def test_levels_are_listed_best_first() -> None:
    x86 = ["amx", "avx512_bf16", "avx512_vnni", "avx512", "avx2"]
    arm = ["neon_i8mm", "neon_dotprod", "neon"]
    best_first = [*x86, *arm, "portable", "reference"]
    assert [isa for isa in best_first if isa in ISAS] == ISAS
    assert ISAS[-2:] == ["portable", "reference"]
    assert _core.default_isa() in ISAS
