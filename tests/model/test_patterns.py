"""What tokens of a long encoder see: the core against the reference."""

from typing import Any

import numpy as np
import pytest

from pyattn import Model, reference
from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.options import GenerationOptions
from support.inputs import FUSED, ISAS
from support.lanes import but_slow
from support.tolerances import FLOAT32, assert_close

VOCAB = 50
# Of small windows and blocks, so that short sources have many.
PATTERNS: dict[str, dict[str, Any]] = {
    "windows": {"encoder_windows": (5, 0, 9)},
    "tokens": {
        "encoder_pattern": "tokens",
        "encoder_windows": (5, 0, 17),
        "positions": "learned",
        "norm": "post",
        "global_first": True,
        "global_ids": (7,),
    },
    "aggregates": {
        "encoder_pattern": "aggregates",
        "encoder_windows": (8, 8, 8),
        "encoder_block": 16,
        "positions": "relative",
        "norm_kind": "rms",
        "attention_scale": 1.0,
    },
    "odd aggregates": {
        "encoder_pattern": "aggregates",
        "encoder_windows": (3, 0, 8),
        "encoder_block": 5,
        "positions": "relative",
        "norm_kind": "rms",
    },
    "blocks": {"encoder_pattern": "blocks", "encoder_block": 8, "encoder_random_blocks": 3},
    "states": {
        "encoder_pattern": "states",
        "encoder_block": 16,
        "encoder_global_states": 6,
        "encoder_staggered": True,
    },
}
# Around blocks, around the 88 tokens up to which "blocks" sees all, and around whole tiles.
LENGTHS = [1, 4, 5, 6, 15, 16, 17, 31, 33, 87, 88, 89, 90, 96, 97, 127, 128, 129, 300]


def checkpoint(pattern: str) -> Checkpoint:
    settings: dict[str, Any] = {"norm": "pre", "final_norm": True, **PATTERNS[pattern]}
    config = ModelConfig(
        family="made up",
        source_vocab=VOCAB,
        target_vocab=VOCAB,
        dim=32,
        encoder_layers=3,
        decoder_layers=1,
        encoder_heads=4,
        decoder_heads=4,
        encoder_ffn=48,
        decoder_ffn=40,
        max_positions=16,
        encoder_max_positions=400,
        start=1,
        end=2,
        **settings,
    )
    random = np.random.default_rng(0)
    tensors = {}
    for name, shape in tensor_shapes(config):
        values = random.standard_normal(shape, np.float32) * np.float32(0.3)
        tensors[name] = values + np.float32(name.endswith("norm.weight"))
    return Checkpoint(config, tensors, GenerationOptions())


def sources(lengths: list[int]) -> list[list[int]]:
    random = np.random.default_rng(1)
    return [random.integers(0, VOCAB, length).tolist() for length in lengths]


@pytest.mark.parametrize("isa", but_slow(ISAS, "reference"))
@pytest.mark.parametrize("pattern", PATTERNS)
def test_states_are_those_of_the_reference(pattern: str, isa: str) -> None:
    made = checkpoint(pattern)
    given = sources(LENGTHS)
    wanted = reference.Model(made).encode(given)
    found = Model(made, dtype="float32", isa=isa).encode(given)
    for length, one, other in zip(LENGTHS, found, wanted, strict=True):
        assert_close(one, other, FLOAT32, f"{length} tokens")


@pytest.mark.parametrize("isa", but_slow(ISAS, *ISAS[1:-2], "reference"))
@pytest.mark.parametrize("pattern", PATTERNS)
def test_states_have_the_same_bits_alone_and_on_any_number_of_threads(
    pattern: str, isa: str
) -> None:
    made = checkpoint(pattern)
    given = sources([300, 5, 89, 17, 1])
    for dtype in ("float32", "int8"):
        one = Model(made, dtype=dtype, isa=isa, threads=1)
        together = [states.tobytes() for states in one.encode(given)]
        assert [one.encode([source])[0].tobytes() for source in given] == together
        two = Model(made, dtype=dtype, isa=isa, threads=2)
        assert [states.tobytes() for states in two.encode(given)] == together


@pytest.mark.parametrize("pattern", PATTERNS)
def test_states_have_the_same_bits_on_every_level(pattern: str) -> None:
    made = checkpoint(pattern)
    given = sources(LENGTHS)
    found = [Model(made, dtype="float32", isa=isa).encode(given) for isa in FUSED]
    for states in found:
        assert [
            n for n, time in enumerate(LENGTHS) if states[n].tobytes() != found[0][n].tobytes()
        ] == []


@pytest.mark.parametrize("pattern", PATTERNS)
def test_targets_are_those_of_the_reference(pattern: str) -> None:
    made = checkpoint(pattern)
    given = sources([300, 17, 1])
    targets = sources([15, 0, 3])
    model, slow = Model(made, dtype="float32"), reference.Model(made)
    for one, other in zip(model.logits(given, targets), slow.logits(given, targets), strict=True):
        assert_close(one, other, FLOAT32)
    found = model.generate(given, max_new_tokens=8, beam_size=2)
    assert [best[0].tokens for best in found] == [
        best[0].tokens for best in slow.generate(given, max_new_tokens=8, beam_size=2)
    ]


def test_global_tokens_are_those_asked_for() -> None:
    made = checkpoint("tokens")
    given = sources([300, 40, 3])
    chosen: list[list[int]] = [[299, 5, 5, 17], [], [0, 1, 2]]
    model, slow = Model(made, dtype="float32"), reference.Model(made)
    found = model.encode(given, global_tokens=chosen)
    wanted = slow.encode(given, global_tokens=chosen)
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other, FLOAT32)
    default = [[n for n, id in enumerate(source) if n == 0 or id == 7] for source in given]
    assert [states.tobytes() for states in model.encode(given)] == [
        states.tobytes() for states in model.encode(given, global_tokens=default)
    ]
    assert model.encode(given)[0].tobytes() != found[0].tobytes()


@pytest.mark.parametrize(
    ("pattern", "given", "message"),
    [
        ("windows", [[0]], "the model has none"),
        ("tokens", [], "global_tokens for 0 sources, expected 1"),
        ("tokens", [[3]], "global_tokens 0 has 3, expected 0 to 2"),
        ("tokens", [[-1]], "global_tokens 0 has -1, expected 0 to 2"),
    ],
)
def test_wrong_global_tokens_are_refused(
    pattern: str, given: list[list[int]], message: str
) -> None:
    model = Model(checkpoint(pattern))
    calls = (
        lambda: model.encode([[3, 4, 5]], global_tokens=given),
        lambda: model.logits([[3, 4, 5]], [[1]], global_tokens=given),
        lambda: model.score([[3, 4, 5]], [[1]], global_tokens=given),
        lambda: model.align([[3, 4, 5]], [[1]], global_tokens=given),
        lambda: model.generate([[3, 4, 5]], global_tokens=given),
    )
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()


def test_sources_and_targets_are_limited_separately() -> None:
    model = Model(checkpoint("windows"))
    with pytest.raises(ValueError, match="source 0 has 401 tokens, expected at most 400"):
        model.encode(sources([401]))
    with pytest.raises(ValueError, match="target 0 has 16 tokens, expected at most 15"):
        model.logits(sources([5]), sources([16]))
