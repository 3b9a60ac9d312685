"""The tiny models that pyattn's answers and CTranslate2's are compared on.

Their weights are random, but their targets differ with the source, end by themselves, say "<unk>"
now and then, and are rarely of two minds: what tells near-ties apart is rounding.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pyattn.checkpoint import Checkpoint
from support import ctranslate2_folders

SOURCE_VOCAB, TARGET_VOCAB = 15, 13
# Of the seeds tried, the one whose targets are the most varied.
_SEED = 53
# Sharpen the logits, make the source matter, and have a token not repeat itself.
_OUTPUT_GAIN, _CROSS_GAIN, _REPEAT_COST = 2, 2, 1
_UNK_BIAS, _START_BIAS, _END_BIAS = 0, -8, 0.5

# What sources look like to the two models: as they are, and between begin and end.
MODELS: dict[str, dict[str, bool]] = {
    "bare": {},
    "marked": {"add_source_bos": True, "add_source_eos": True},
}

# Source n-grams, and the target tokens that they allow.
VMAP = "\te h\na\tf g\nb c\td\nc\ti j a\nd\tb c\ne f\t<unk> g\nh\td i\nk\tf j\n"


def checkpoint(noise: float = 0, seed: int = 0) -> Checkpoint:
    """The model, with weights that are off by a random share of the size of `noise`."""
    made = ctranslate2_folders.checkpoint(
        source_vocab=SOURCE_VOCAB, target_vocab=TARGET_VOCAB, encoder_layers=1, decoder_layers=2,
        encoder_heads=2, decoder_heads=2, encoder_ffn=16, decoder_ffn=16,
    )  # fmt: skip
    tensors = dict(_weights(made))
    jitter = np.random.default_rng(seed)
    if noise:
        for name, values in tensors.items():
            share = jitter.uniform(-noise, noise, values.shape)
            tensors[name] = (values * (1 + share)).astype(np.float32)
    return dataclasses.replace(made, tensors=tensors)


def _weights(made: Checkpoint) -> Mapping[str, npt.NDArray[np.float32]]:
    random = np.random.default_rng(_SEED)
    tensors = dict(made.tensors)
    for name, values in tensors.items():
        if values.ndim == 2:
            tensors[name] = _noise(random, values.shape)
    for name in tensors:
        if name.endswith("cross_attention.output.weight"):
            tensors[name] = tensors[name] * np.float32(_CROSS_GAIN)
    shape = tensors["output.weight"].shape
    tensors["output.weight"] = (
        _noise(random, shape) * np.float32(_OUTPUT_GAIN)
        - np.float32(_REPEAT_COST) * tensors["decoder.embedding"]
    )
    bias = np.zeros(TARGET_VOCAB, np.float32)
    bias[:3] = _UNK_BIAS, _START_BIAS, _END_BIAS
    tensors["output.bias"] = bias
    return tensors


def _noise(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    return random.integers(-31, 32, shape).astype(np.float32) / np.float32(64)


def folder(path: pathlib.Path, model: str, made: Checkpoint | None = None) -> pathlib.Path:
    """Writes one of `MODELS`, as CTranslate2 saves it."""
    config = ctranslate2_folders.CONFIG | MODELS[model]
    ctranslate2_folders.folder(path, made or checkpoint(), config=config)
    (path / "vmap.txt").write_text(VMAP)
    return path
