"""Seeded inputs: arrays, sentences, and checkpoints of odd sizes with random weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyattn import _core
from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis
from support.recipes import DECODERS, FAMILIES, RECIPES, Recipe

Floats = npt.NDArray[np.float32]

# Every level that this machine runs, the slow reference included.
ISAS: list[str] = _core.isas()
# Those that fuse multiplication and addition, whose results have the same bits.
FUSED = [isa for isa in ISAS if isa not in ("portable", "reference")]


def floats(seed: int, *shape: int) -> Floats:
    """Standard normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def weights(seed: int, out: int, inner: int) -> Floats:
    """A matrix [out, inner] that keeps the scale of the rows it multiplies."""
    return floats(seed, out, inner) * np.float32(inner**-0.5)


# The longest source that the tests use has 200 tokens.
_POSITIONS = 208


def checkpoint(name: str) -> Checkpoint:
    """The checkpoint of one of the recipes, always with the same weights."""
    recipe = (RECIPES | FAMILIES | DECODERS)[name]
    config = ModelConfig(family="test", max_positions=_POSITIONS, **recipe.sizes)
    random = np.random.default_rng(recipe.seed)
    tensors = {
        tensor: _tensor(random, tensor, shape, recipe) for tensor, shape in tensor_shapes(config)
    }
    tensors["output.weight"][config.end] *= np.float32(recipe.end_gain)
    if recipe.tied:
        for stack in config.stacks:
            tensors[f"{stack}.embedding"] = tensors["output.weight"]
    if recipe.output_bias:
        tensors["output.bias"] = random.standard_normal(config.target_vocab, np.float32)
    return Checkpoint(config, tensors, GenerationOptions(max_new_tokens=30))


def _tensor(
    random: np.random.Generator, name: str, shape: tuple[int, ...], recipe: Recipe
) -> Floats:
    noise = random.standard_normal(shape, np.float32)
    if name == "output.weight":
        return noise * np.float32(recipe.sharpness * shape[1] ** -0.5)
    if len(shape) == 2:
        table = name.endswith(("embedding", "positions", "relative_bias"))
        return noise if table else noise * np.float32(shape[1] ** -0.5)
    if not name.endswith("norm.weight"):
        return noise * np.float32(0.1)
    # Stretch by about 1, and turn over every other element: a tied model whose residual stream
    # keeps the sign of the last token's embedding says that token again without end.
    return (noise * np.float32(0.1) + 1) * np.where(noise < 0, -1, 1).astype(np.float32)


# A log-probability is a difference: however small, it carries the rounding of logits of up to 20,
# and a score that of a dozen of them. Coverage takes the logarithm of what may be nearly 0.
_SCORES = 2e-5


def assert_same_hypotheses(
    found: list[list[Hypothesis]], wanted: list[list[Hypothesis]], case: object = ""
) -> None:
    """Fails unless tokens are equal, in the same order, and all numbers are close."""
    for n, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        where = f"sentence {n}, {case}"
        assert [h.tokens for h in ours] == [h.tokens for h in theirs], where
        assert [h.finish_reason for h in ours] == [h.finish_reason for h in theirs], where
        for one, other in zip(ours, theirs, strict=True):
            for name in ("token_scores", "score", "alignment"):
                numbers = getattr(one, name), getattr(other, name)
                assert (numbers[0] is None) == (numbers[1] is None), where
                if numbers[1] is not None:
                    np.testing.assert_allclose(
                        *numbers, rtol=_SCORES, atol=_SCORES, err_msg=f"{name}, {where}"
                    )


def sentences(seed: int, config: ModelConfig, count: int, longest: int) -> list[list[int]]:
    """Sources of ragged lengths from 1 to `longest`, both of which occur if `count` is above 1."""
    vocab = config.stack(config.stacks[0]).vocab
    random = np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, count)
    lengths[:2] = (longest, 1)[:count]
    return [random.integers(0, vocab, length).tolist() for length in lengths]


def targets(seed: int, config: ModelConfig, count: int, longest: int) -> list[list[int]]:
    """Targets of ragged lengths from 0 to `longest`."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, longest + 1, count)
    lengths[:2] = (0, longest)[:count]
    return [random.integers(0, config.target_vocab, length).tolist() for length in lengths]
