"""What families of encoder-decoders differ in, against equations written out."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pyattn import reference
from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.reference.decoder import Decoder, DecoderRun
from pyattn.reference.encoder import Encoder
from support.inputs import FAMILIES, RECIPES, checkpoint, sentences
from support.tolerances import EXACT, FLOAT32, assert_close

Doubles = npt.NDArray[np.float64]


def changed(made: Checkpoint, **changes: Any) -> Checkpoint:
    """Of another config, with seeded tensors for what that has besides."""
    config = dataclasses.replace(made.config, **changes)
    random = np.random.default_rng(8)
    tensors = {
        name: made.tensors[name] if name in made.tensors else random.standard_normal(shape) * 0.4
        for name, shape in tensor_shapes(config)
    }
    bias = {name: tensor for name, tensor in made.tensors.items() if name == "output.bias"}
    floats32 = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    return dataclasses.replace(made, config=config, tensors={**floats32, **bias})


def silenced(made: Checkpoint, *blocks: str) -> Checkpoint:
    """With zeros for what these sub-layers yield."""
    quiet = tuple(
        f".{block}.{part}.{kind}"
        for block in blocks
        for part in ("output", "down")
        for kind in ("weight", "bias")
    )
    tensors = {
        name: np.zeros_like(tensor) if name.endswith(quiet) else tensor
        for name, tensor in made.tensors.items()
    }
    return dataclasses.replace(made, tensors=tensors)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def product(made: Checkpoint, name: str, x: Doubles) -> Doubles:
    """Matrix and bias of the decoder's only layer, by a vector."""
    y = made.tensors[f"decoder.layers.0.{name}.weight"].astype(np.float64) @ x
    bias = made.tensors.get(f"decoder.layers.0.{name}.bias")
    return y if bias is None else y + bias


def norm(made: Checkpoint, name: str, x: Doubles) -> Doubles:
    """Its norm."""
    gamma, beta = (made.tensors[f"decoder.layers.0.{name}.{part}"] for part in ("weight", "bias"))
    y = (x - x.mean()) / math.sqrt(((x - x.mean()) ** 2).mean() + made.config.norm_epsilon)
    return y * gamma + beta


def ssru_by_hand(made: Checkpoint, inputs: list[Doubles]) -> list[Doubles]:
    cell = [0.0] * made.config.dim
    out = []
    for x in inputs:
        new, forget = product(made, "ssru.input", x), product(made, "ssru.forget", x)
        for i, f in enumerate(map(sigmoid, forget)):
            cell[i] = f * cell[i] + (1 - f) * new[i]
        out.append(np.array([max(c, 0.0) for c in cell]))
    return out


def average_by_hand(made: Checkpoint, inputs: list[Doubles]) -> list[Doubles]:
    out = []
    for n, x in enumerate(inputs):
        y = np.mean(inputs[: n + 1], axis=0)
        if made.config.average_ffn:
            middle = product(made, "average.up", y)
            y = product(made, "average.down", np.array([a * sigmoid(a) for a in middle]))
        if made.config.average_gates:
            of_input = product(made, "average.input_gate", x)
            of_average = product(made, "average.forget_gate", y)
            y = np.array(
                [
                    sigmoid(i) * a + sigmoid(f) * b
                    for i, a, f, b in zip(of_input, x, of_average, y, strict=True)
                ]
            )
        out.append(y)
    return out


@pytest.mark.parametrize(
    ("name", "by_hand", "changes"),
    [
        ("ssru", ssru_by_hand, {}),
        ("average", average_by_hand, {}),
        ("average", average_by_hand, {"average_ffn": 0}),
        ("average", average_by_hand, {"average_gates": False}),
        ("average", average_by_hand, {"average_gates": False, "average_ffn": 0}),
    ],
)
def test_mixer_is_its_equations(
    name: str,
    by_hand: Callable[[Checkpoint, list[Doubles]], list[Doubles]],
    changes: dict[str, Any],
) -> None:
    # One layer in which nothing else says anything, but for the norms behind it.
    made = changed(checkpoint(name), decoder_layers=1, **changes)
    made = silenced(made, "cross_attention", "feed_forward")
    config = made.config
    target = [5, 9, 2, 2, 17, 1, 0, 4]
    fed = [config.start, *target]
    rows = made.tensors["decoder.embedding"][fed].astype(np.float64) * config.embedding_scale
    if config.zero_start:
        rows[0] = 0
    rows += reference.sinusoidal_positions(
        len(fed), config.dim, t2t=config.positions == "sinusoidal_t2t"
    )
    inputs = list(rows)
    wanted = []
    for x, mixed in zip(inputs, by_hand(made, inputs), strict=True):
        y = norm(made, f"{config.mixer}_norm", x + mixed)
        y = norm(made, "feed_forward_norm", norm(made, "cross_attention_norm", y))
        wanted.append(made.tensors["output.weight"] @ y + made.tensors["output.bias"])
    [found] = reference.Model(made).logits([[3, 1]], [target])
    assert_close(found, wanted, FLOAT32)


@functools.cache
def parts(name: str) -> tuple[Encoder, Decoder]:
    made = checkpoint(name)
    return Encoder(made), Decoder(made)


@pytest.mark.parametrize("name", [*RECIPES, *FAMILIES])
def test_tokens_may_be_fed_at_once_in_pieces_or_one_by_one(name: str) -> None:
    encoder, decoder = parts(name)
    memory = encoder([np.array(s) for s in sentences(1, checkpoint(name).config, 3, 20)])
    tokens = np.random.default_rng(2).integers(0, checkpoint(name).config.target_vocab, (3, 40))
    whole = DecoderRun(decoder, memory).feed(tokens)
    for sizes in ([1] * 40, [3, 1, 20, 16]):
        run = DecoderRun(decoder, memory)
        ends = np.cumsum(sizes)
        found = [
            run.feed(tokens[:, end - size : end]) for end, size in zip(ends, sizes, strict=True)
        ]
        assert_close(np.concatenate(found, axis=1), whole, FLOAT32)


@pytest.mark.parametrize("name", [*RECIPES, *FAMILIES])
def test_rows_that_are_kept_remember_what_was_theirs(name: str) -> None:
    encoder, decoder = parts(name)
    memory = encoder([np.array(s) for s in sentences(3, checkpoint(name).config, 3, 20)])
    tokens = np.random.default_rng(4).integers(0, checkpoint(name).config.target_vocab, (6, 12))
    run = DecoderRun(decoder, memory, beams=2)
    run.feed(tokens[:, :5])
    kept = np.array([5, 4, 1, 1])  # the second sentence leaves, the first has one past twice
    run.keep(kept)
    found = run.feed(tokens[kept, 5:])
    whole = DecoderRun(decoder, memory, beams=2).feed(tokens)
    assert_close(found, whole[kept, 5:], FLOAT32)


def test_shared_keys_are_keys_of_as_many_heads() -> None:
    made = checkpoint("gemma")
    tensors = dict(made.tensors)
    for name in tensors:
        if name.endswith((".key.weight", ".value.weight")):
            sizes = made.config.stack("encoder" if name.startswith("encoder") else "decoder")
            by_head = tensors[name].reshape(sizes.kv_heads, sizes.head_dim, -1)
            repeated = np.repeat(by_head, sizes.heads // sizes.kv_heads, axis=0)
            tensors[name] = repeated.reshape(sizes.width, -1)
    config = dataclasses.replace(made.config, encoder_kv_heads=None, decoder_kv_heads=None)
    full = dataclasses.replace(made, config=config, tensors=tensors)
    pair = [[1, 2, 3, 4, 5]], [[6, 7, 8]]
    [found], [wanted] = reference.Model(made).logits(*pair), reference.Model(full).logits(*pair)
    assert_close(found, wanted, FLOAT32)


def test_norm_behind_a_block_comes_ahead_of_its_residual() -> None:
    # A block that says nothing but its norm's own bias.
    made = silenced(
        changed(checkpoint("bare"), final_norm=False, embedding_norm=False),
        "self_attention",
        "feed_forward",
    )
    tensors = made.tensors
    wanted = tensors["encoder.embedding"][[7, 3]] + tensors["encoder.positions"][:2]
    for n in range(made.config.encoder_layers):
        for block in ("self_attention", "feed_forward"):
            wanted = wanted + tensors[f"encoder.layers.{n}.{block}_post_norm.bias"]
    [found] = reference.Model(made).encode([[7, 3]])
    assert_close(found, wanted, FLOAT32)


def test_logits_are_scaled_then_moved_then_capped() -> None:
    made = checkpoint("ssru")
    bias = made.tensors["output.bias"]
    pair = [[1, 2, 3]], [[4, 5]]
    [plain] = reference.Model(made).logits(*pair)
    [found] = reference.Model(changed(made, logits_scale=0.5, logits_soft_cap=2.0)).logits(*pair)
    scaled = (plain.astype(np.float64) - bias) * 0.5 + bias
    assert_close(found, 2 * np.tanh(scaled / 2), FLOAT32)


def test_a_soft_cap_that_is_far_away_changes_nothing() -> None:
    pair = [[1, 2, 3]], [[4, 5]]
    [plain] = reference.Model(checkpoint("post")).logits(*pair)
    [found] = reference.Model(changed(checkpoint("post"), attention_soft_cap=1e4)).logits(*pair)
    assert_close(found, plain, FLOAT32)


def test_scale_of_attention_is_that_of_its_queries() -> None:
    made = checkpoint("umt5")
    tensors = {
        name: tensor * np.float32(4) if name.endswith("query.weight") else tensor
        for name, tensor in made.tensors.items()
    }
    pair = [[1, 2, 3]], [[4, 5]]
    louder = dataclasses.replace(made, tensors=tensors)
    scaled = changed(made, attention_scale=2.0)
    [found], [wanted] = reference.Model(scaled).logits(*pair), reference.Model(louder).logits(*pair)
    assert_close(found, wanted, EXACT)
