"""The worked examples that textbooks explain attention with, each held as a fact."""

from types import ModuleType

import numpy as np
import pytest

from pyattn import ops, reference
from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.options import GenerationOptions
from support.inputs import Floats, floats, weights
from support.tolerances import FLOAT32, assert_close

both = pytest.mark.parametrize("module", [reference, ops], ids=["reference", "ops"])


def rounded(x: Floats) -> list[list[float]]:
    return np.round(x.astype(np.float64), 2).tolist()


@both
def test_three_words_attend_to_each_other(module: ModuleType) -> None:
    x = np.array([[1, 2, 1, 2, 1], [1, 1, 1, 2, 1], [3, 2, 1, 1, 1]], np.float32)[None, None]
    y = module.attention(x, x, x, scale=1.0)
    assert rounded(y[0, 0]) == [
        [1.94, 1.94, 1.0, 1.53, 1.0],
        [1.84, 1.84, 1.0, 1.58, 1.0],
        [2.98, 2.0, 1.0, 1.01, 1.0],
    ]


def test_scores_112_and_96_over_8_weigh_88_and_12_percent() -> None:
    scores = np.array([[112, 96]], np.float32)
    assert rounded(reference.softmax(scores / 8)) == [[0.88, 0.12]]


@both
def test_heads_of_64_divide_their_scores_by_8(module: ModuleType) -> None:
    q = np.ones((1, 1, 1, 64), np.float32)
    k = np.stack([np.full(64, 112 / 64), np.full(64, 96 / 64)]).astype(np.float32)[None, None]
    v = np.eye(2, 64, dtype=np.float32)[None, None]
    assert rounded(module.attention(q, k, v)[0, 0, :, :2]) == [[0.88, 0.12]]


WORDS = ["<end>", "<start>", "You", "are", "welcome", "De", "nada"]
END, START, YOU, ARE, WELCOME, DE, NADA = range(7)


def without_biases(*seeds: int) -> list[Floats | None]:
    """Matrices for queries, keys, values and output, each followed by no bias."""
    return [part for seed in seeds for part in (weights(seed, 6, 6), None)]


@both
def test_you_are_welcome_in_two_heads_of_3(module: ModuleType) -> None:
    # Three words of 6 numbers; each head has 3 of the 6, and 3 x 3 scores.
    x = floats(1, 1, 3, 6)
    q, k, v = (x @ weights(seed, 6, 6).T for seed in (2, 3, 4))
    heads = [part.reshape(1, 3, 2, 3).transpose(0, 2, 1, 3) for part in (q, k, v)]
    assert all(head.shape == (1, 2, 3, 3) for head in heads)
    scores = heads[0] @ heads[1].swapaxes(-1, -2) / np.sqrt(np.float32(3))
    assert scores.shape == (1, 2, 3, 3)
    mixed = module.attention(*heads)
    assert mixed.shape == (1, 2, 3, 3)
    assert_close(mixed, reference.softmax(scores) @ heads[2], FLOAT32)
    # Side by side the two heads are 6 numbers again, which one more matrix mixes.
    joined = mixed.transpose(0, 2, 1, 3).reshape(1, 3, 6)
    y = joined @ weights(5, 6, 6).T
    projections = without_biases(2, 3, 4, 5)
    assert_close(module.multi_head_attention(x, x, *projections, heads=2), y, FLOAT32)


@both
def test_de_nada_asks_you_are_welcome(module: ModuleType) -> None:
    # Between decoder and encoder there are as many rows of scores as target words.
    memory, target = floats(1, 1, 3, 6), floats(2, 1, 2, 6)
    projections = without_biases(3, 4, 5, 6)
    assert module.multi_head_attention(target, memory, *projections, heads=2).shape == (1, 2, 6)


def walk_through() -> Checkpoint:
    config = ModelConfig(
        family="textbook",
        source_vocab=len(WORDS),
        target_vocab=len(WORDS),
        dim=6,
        encoder_layers=2,
        decoder_layers=2,
        encoder_heads=2,
        decoder_heads=2,
        encoder_ffn=24,
        decoder_ffn=24,
        max_positions=8,
        start=START,
        end=END,
    )
    tensors = {name: floats(n, *shape) for n, (name, shape) in enumerate(tensor_shapes(config))}
    return Checkpoint(config, tensors, GenerationOptions(max_new_tokens=4))


def test_you_are_welcome_to_de_nada_keeps_its_shapes() -> None:
    model = reference.Model(walk_through())
    source, target = [YOU, ARE, WELCOME, END], [DE, NADA]
    [memory] = model.encode([source])
    assert memory.shape == (4, 6)
    # The decoder reads <start> De nada and predicts De nada <end>.
    [logits] = model.logits([source], [target])
    assert logits.shape == (3, len(WORDS))
    [scores] = model.score([source], [target])
    expected = reference.log_softmax(logits)[[0, 1, 2], [DE, NADA, END]]
    assert_close(scores, expected, FLOAT32)


@pytest.mark.parametrize("dim", [2, 6, 64, 512])
def test_product_of_two_positions_depends_on_their_distance_alone(dim: int) -> None:
    table = reference.sinusoidal_positions(300, dim)
    products = table @ table.T
    for distance in (0, 1, 2, 50, 299):
        diagonal = np.diagonal(products, distance)
        assert_close(diagonal, np.full_like(diagonal, products[0, distance]), FLOAT32)


@pytest.mark.parametrize("dim", [2, 6, 64, 512])
def test_every_position_is_as_long_as_half_the_dim(dim: int) -> None:
    lengths = (reference.sinusoidal_positions(300, dim) ** 2).sum(axis=1)
    assert_close(lengths, np.full(300, dim / 2), FLOAT32)


def test_look_ahead_mask_is_a_lower_triangle() -> None:
    assert reference.look_ahead_mask(3)[0, 0].tolist() == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_padding_mask_hides_what_is_beyond_a_sentence() -> None:
    assert reference.padding_mask([1, 3, 0], 3)[:, 0, 0].tolist() == [
        [True, False, False],
        [True, True, True],
        [False, False, False],
    ]


@both
def test_equal_keys_give_the_mean_of_the_values(module: ModuleType) -> None:
    q, v = floats(1, 1, 1, 2, 5), floats(2, 1, 1, 7, 5)
    k = np.broadcast_to(floats(3, 1, 1, 1, 5), v.shape).copy()
    mean = np.broadcast_to(v.mean(axis=2, keepdims=True), q.shape)
    assert_close(module.attention(q, k, v), mean, FLOAT32)


@both
def test_a_normalised_row_has_mean_0_and_deviation_1(module: ModuleType) -> None:
    x = 5 * floats(1, 4, 64) + 3
    y = module.layer_norm(x, np.ones(64, np.float32), np.zeros(64, np.float32), epsilon=0.0)
    assert_close(y.mean(axis=1) + 1, np.ones(4), FLOAT32)
    assert_close(y.std(axis=1), np.ones(4), FLOAT32)
