"""Alignments: what the decoder looks at in the source, with each token and of given targets."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from pyattn import GenerationOptions, Model, reference
from support.inputs import FAMILIES, ISAS, RECIPES, checkpoint, sentences, targets
from support.lanes import each_on_each
from support.tolerances import BFLOAT16, FLOAT32, assert_close

every_level = pytest.mark.parametrize("isa", ISAS)
every_model_on_every_level = pytest.mark.parametrize(
    ("name", "isa"), each_on_each(RECIPES | FAMILIES, ISAS)
)

SEARCHES: list[dict[str, Any]] = [
    {"max_new_tokens": 12},
    {"max_new_tokens": 5, "force_end": True},
    {"max_new_tokens": 12, "beam_size": 4, "num_hypotheses": 4},
    {"max_new_tokens": 4, "beam_size": 3, "num_hypotheses": 2},
]


def core_model(name: str, isa: str | None = None, threads: int = 1, **options: Any) -> Model:
    return Model(checkpoint(name), dtype="float32", threads=threads, isa=isa, **options)


def every_head(model: Model) -> list[tuple[int, int]]:
    config = model.config
    counts = config.stack("decoder").layer_cross_heads
    return [(n, h) for n, count in enumerate(counts) for h in range(count)]


@every_model_on_every_level
def test_given_targets_are_aligned_as_the_reference_aligns_them(name: str, isa: str) -> None:
    model, slow = core_model(name, isa), reference.Model(checkpoint(name))
    sources = sentences(2, model.config, 9, 60)
    given = targets(3, model.config, 9, 40)
    for heads in (None, every_head(model), every_head(model)[:1]):
        found = model.align(sources, given, heads=heads)
        wanted = slow.align(sources, given, heads=heads)
        for source, target, ours, theirs in zip(sources, given, found, wanted, strict=True):
            assert ours.shape == (len(target) + 1, len(source))
            assert_close(ours, theirs, FLOAT32)
            np.testing.assert_allclose(ours.sum(axis=1), 1, rtol=1e-5)


@every_level
def test_alignment_of_some_heads_is_their_average(isa: str) -> None:
    model = core_model("post", isa)
    sources, given = sentences(2, model.config, 3, 20), targets(3, model.config, 3, 20)
    heads = every_head(model)
    alone = [model.align(sources, given, heads=[head]) for head in heads]
    for n, together in enumerate(model.align(sources, given, heads=heads)):
        assert_close(together, np.mean([one[n] for one in alone], axis=0), FLOAT32)
    assert not np.allclose(alone[0][0], alone[-1][0])


@every_model_on_every_level
@pytest.mark.parametrize("options", SEARCHES)
def test_found_targets_are_aligned_as_if_they_were_given(
    name: str, isa: str, options: dict[str, Any]
) -> None:
    model, slow = core_model(name, isa), reference.Model(checkpoint(name))
    sources = sentences(4, model.config, 7, 30)
    found = model.generate(sources, alignment=True, **options)
    wanted = slow.generate(sources, alignment=True, **options)
    for source, ranked, expected in zip(sources, found, wanted, strict=True):
        for one, other in zip(ranked, expected, strict=True):
            assert one.tokens == other.tokens
            assert one.alignment is not None
            assert one.alignment.shape == (len(one.token_scores), len(source))
            assert one.alignment.dtype == np.float32
            assert_close(one.alignment, other.alignment, FLOAT32)


@pytest.mark.parametrize("kind", [Model, reference.Model])
def test_heads_are_the_checkpoints_unless_others_are_asked_for(kind: Any) -> None:
    plain = checkpoint("post")
    own = plain.generation.replace(alignment_heads=((0, 1),))
    model, other = kind(plain), kind(dataclasses.replace(plain, generation=own))
    sources, given = sentences(2, model.config, 2, 9), targets(3, model.config, 2, 9)
    wanted = model.align(sources, given, heads=((0, 1),))
    for ours, theirs in zip(other.align(sources, given), wanted, strict=True):
        assert_close(ours, theirs, FLOAT32)
    for options in ({}, {"options": GenerationOptions(max_new_tokens=5)}):
        [[found], _] = other.generate(sources, alignment=True, **options)
        [[same], _] = model.generate(
            sources, alignment=True, alignment_heads=own.alignment_heads, **options
        )
        assert_close(found.alignment, same.alignment, FLOAT32)


@every_level
def test_alignment_is_only_there_if_asked_for_and_changes_nothing_else(isa: str) -> None:
    model = core_model("post", isa)
    sources = sentences(5, model.config, 12, 30)
    plain = GenerationOptions(beam_size=2, max_new_tokens=10)
    aligned = plain.replace(alignment=True)
    without = model.generate(sources, plain)
    mixed = model.generate(sources, [plain, aligned] * 6)
    for n, ([one], [other]) in enumerate(zip(without, mixed, strict=True)):
        assert one.alignment is None
        assert (other.alignment is not None) == (n % 2 == 1)
        assert one.tokens == other.tokens
        assert one.token_scores.tobytes() == other.token_scores.tobytes()


@every_level
@pytest.mark.parametrize("beam_size", [1, 3])
def test_alignment_has_the_same_bits_in_any_batch_and_on_any_number_of_threads(
    isa: str, beam_size: int
) -> None:
    options = GenerationOptions(beam_size=beam_size, max_new_tokens=10, alignment=True)
    model = core_model("post", isa)
    sources = sentences(6, model.config, 20, 40)
    alone = [model.generate([source], options)[0][0].alignment for source in sources]
    for other in (model, core_model("post", isa, threads=3, batch_rows=7)):
        for one, [found] in zip(alone, other.generate(sources, options), strict=True):
            assert one is not None
            assert found.alignment is not None
            assert one.tobytes() == found.alignment.tobytes()


@every_level
def test_keys_of_bfloat16_align_too(isa: str) -> None:
    model = Model(checkpoint("post"), dtype="bfloat16", threads=1, isa=isa)
    sources, given = sentences(2, model.config, 5, 30), targets(3, model.config, 5, 30)
    wanted = reference.Model(checkpoint("post")).align(sources, given)
    for ours, theirs in zip(model.align(sources, given), wanted, strict=True):
        assert_close(ours, theirs, BFLOAT16)


def test_sentence_whose_turn_never_came_has_an_alignment_without_rows() -> None:
    model = core_model("post")
    [source] = sentences(7, model.config, 1, 9)
    [[found]] = model.generate([source], alignment=True, max_time=0)
    assert found.alignment is not None
    assert found.alignment.shape == (0, len(source))


def test_target_that_is_stopped_keeps_the_rows_of_its_tokens() -> None:
    model = core_model("post")
    [source] = sentences(8, model.config, 1, 9)
    end = (model.config.end,)
    [[found]] = model.generate(
        [source],
        beam_size=1,
        max_new_tokens=20,
        suppress_tokens=end,
        alignment=True,
        on_token=lambda token: token.step == 2,
    )
    [[whole]] = model.generate(
        [source], beam_size=1, max_new_tokens=3, suppress_tokens=end, alignment=True
    )
    assert found.alignment is not None
    assert whole.alignment is not None
    assert found.alignment.tobytes() == whole.alignment.tobytes()


@pytest.mark.parametrize("layer_and_head", [(99, 0), (0, 99)])
def test_head_that_does_not_exist_is_named(layer_and_head: tuple[int, int]) -> None:
    layer, _ = layer_and_head
    for model in (core_model("post"), reference.Model(checkpoint("post"))):
        with pytest.raises(ValueError, match=f"^align: alignment_heads has layer {layer}, head"):
            model.align([[3, 4]], [[5]], heads=[layer_and_head])
        with pytest.raises(ValueError, match=f"^generate: alignment_heads has layer {layer}, head"):
            model.generate([[3, 4]], alignment=True, alignment_heads=(layer_and_head,))


@pytest.mark.parametrize("heads", [(), [(0,)], [(0, 1, 2)], 3, [3], [(0, "a")], [(-1, 0)], "ab"])
def test_heads_are_pairs_of_integers(heads: Any) -> None:
    with pytest.raises(ValueError, match=r"^alignment_heads: expected"):
        GenerationOptions(alignment_heads=heads)
    with pytest.raises(ValueError, match=r"^alignment_heads: expected"):
        core_model("post").align([[3, 4]], [[5]], heads=heads)


def test_alignment_is_true_or_false() -> None:
    with pytest.raises(ValueError, match=r"^alignment: expected True or False, got 'yes'"):
        GenerationOptions(alignment="yes")
