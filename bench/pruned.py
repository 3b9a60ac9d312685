r"""Measure what pruning saves: heads and units that are gone, and single weights that are zero.

    python bench/pruned.py --write bench/results/pruned

The first table is of BART-base's shape with random weights in int8, whole and with a share of the
linear weights gone: heads here and there, as many as published hybrids lost (38 and 61 of 216), the
rest units of feed-forwards, of which those lost more. "encode" is of 8 sources of 128 tokens;
"decode" adds 32 greedy tokens of each, less the time of one. The second table has one product, 3072
outputs of 768 inputs, of weights that are zero at random: in int8 as pyattn computes it, zeros and
all, and in float32 by torch's kernel for compressed sparse rows. One thread each; a time is the
least of the rounds, in the processor's time.

Needs torch for the second table.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import machine
import numpy as np
from report import origin

import pyattn
from pyattn import ops
from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.options import GenerationOptions
from pyattn.pruning import Kept

BART = ModelConfig(
    family="bart",
    source_vocab=50265,
    target_vocab=50265,
    dim=768,
    encoder_layers=6,
    decoder_layers=6,
    encoder_heads=12,
    decoder_heads=12,
    encoder_ffn=3072,
    decoder_ffn=3072,
    max_positions=1024,
    start=2,
    end=2,
    embedding_norm=True,
    activation="gelu",
    positions="learned",
)
# Share of the linear weights gone: heads of 216 gone, and units kept of each 3072 on average.
CUTS = {0: (0, 3072), 25: (38, 2128), 35: (61, 1840)}
SOURCES, LENGTH, TARGET = 8, 128, 32
SPARSE, ROWS = (0.5, 0.8, 0.9), (1, 8, 64)


def cut(heads: int, units: int) -> ModelConfig:
    """BART without so many heads, drawn at random, and with units around so many a layer."""
    random = np.random.default_rng(1)
    left = np.full(18, 12)
    for _ in range(heads):
        left[random.choice(np.flatnonzero(left > 1))] -= 1
    spread = (
        random.permutation(np.linspace(-640, 640, 12)) if units < BART.encoder_ffn else np.zeros(12)
    )
    widths = [int(units + more) // 16 * 16 for more in spread]
    counts = [int(count) for count in left]
    return dataclasses.replace(
        BART,
        encoder_layer_heads=tuple(counts[:6]),
        decoder_layer_heads=tuple(counts[6:12]),
        decoder_layer_cross_heads=tuple(counts[12:]),
        encoder_layer_ffn=tuple(min(width, 3072) for width in widths[:6]),
        decoder_layer_ffn=tuple(min(width, 3072) for width in widths[6:]),
    )


def made(config: ModelConfig) -> Checkpoint:
    """The model with random weights, whose norms are ones."""
    random = np.random.default_rng(2)
    tensors = {
        name: np.ones(shape, np.float32)
        if name.endswith("norm.weight")
        else random.standard_normal(shape, np.float32) * np.float32(shape[-1] ** -0.5)
        for name, shape in tensor_shapes(config)
        if name not in ("decoder.embedding", "output.weight")
    }
    tensors["decoder.embedding"] = tensors["output.weight"] = tensors["encoder.embedding"]
    return Checkpoint(config, tensors, GenerationOptions())


def least(run: Callable[[], object], rounds: int) -> float:
    """The least time of some rounds, in milliseconds, after one that does not count."""
    run()
    return min(once(run) for _ in range(rounds))


def once(run: Callable[[], object]) -> float:
    """The processor's time of a run, in milliseconds: others on the machine are not counted."""
    begin = time.process_time()
    run()
    return 1000 * (time.process_time() - begin)


def linear_weights(config: ModelConfig) -> int:
    """Weights of the matrices of layers."""
    return sum(
        shape[0] * shape[1]
        for name, shape in tensor_shapes(config)
        if ".layers." in name and len(shape) == 2
    )


def models(rounds: int) -> Iterator[str]:
    """The rows of the first table."""
    yield "| linear weights gone | kept | encode, ms | decode, ms |"
    yield "|---|---|---|---|"
    random = np.random.default_rng(3)
    sources = [random.integers(3, 50000, LENGTH).tolist() for _ in range(SOURCES)]
    configs = {share: cut(*gone) for share, gone in CUTS.items()}
    run = {
        share: pyattn.Model(made(config), dtype="int8", threads=1)
        for share, config in configs.items()
    }

    def timed(model: pyattn.Model) -> tuple[float, float, float]:
        def of(tokens: int) -> float:
            options = {"max_new_tokens": tokens, "min_new_tokens": tokens}
            return once(lambda: model.generate(sources, **options))  # type: ignore[arg-type]

        return once(lambda: model.encode(sources)), of(TARGET), of(1)

    # The models take turns, so that what disturbs the machine disturbs all.
    rows = [{share: timed(model) for share, model in run.items()} for _ in range(rounds)]
    times = {}
    for share in run:
        encode, long, short = (min(one) for one in zip(*(row[share] for row in rows), strict=True))
        times[share] = encode, long - short
    for share, config in configs.items():
        gone = 1 - linear_weights(config) / linear_weights(BART)
        assert abs(100 * gone - share) < 1, gone
        pairs = zip(times[share], times[0], strict=True)
        cells = [f"{own:.1f} ({whole / own:.2f}x)" for own, whole in pairs]
        yield f"| {100 * gone:.0f} % | {Kept.of(config) or 'all'} | {' | '.join(cells)} |"


def products(rounds: int) -> Iterator[str]:
    """The rows of the second table."""
    import torch

    torch.set_num_threads(1)
    yield "| rows | int8, us | " + " | ".join(f"{100 * z:.0f} % zeros, us" for z in SPARSE) + " |"
    yield "|---|---|" + "---|" * len(SPARSE)
    random = np.random.default_rng(4)
    weight = random.standard_normal((3072, 768), np.float32)
    packed = ops.pack(weight, dtype="int8")
    sparse = []
    for share in SPARSE:
        zeroed = np.where(random.random(weight.shape) < share, 0, weight).astype(np.float32)
        sparse.append(torch.from_numpy(zeroed).to_sparse_csr())
    for rows in ROWS:
        x = random.standard_normal((rows, 768), np.float32)
        turned = torch.from_numpy(np.ascontiguousarray(x.T))
        dense = 1000 * least(lambda x=x: ops.linear(x, packed), 20 * rounds)  # type: ignore[misc]
        cells = []
        for matrix in sparse:
            own = 1000 * least(lambda m=matrix, t=turned: m @ t, 20 * rounds)  # type: ignore[misc]
            cells.append(f"{own:.0f} ({dense / own:.2f}x)")
        yield f"| {rows} | {dense:.0f} | {' | '.join(cells)} |"


def main() -> None:
    """Measures, prints, and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="name of the page, without its ending")
    parsed = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    lines = [
        "# Pruned models",
        *origin(machine.provenance("pruned", sys.argv[1:], ("pyattn", "numpy", "torch"))),
        f"BART-base's shape in int8, random weights, one core, `{pyattn.cpu_info().isa}`; "
        f"{SOURCES} sources of {LENGTH} tokens, {TARGET} greedy tokens of each. "
        "Made by `bench/pruned.py`; the least of the rounds in the processor's time.",
        "",
        *models(parsed.rounds),
        "",
        "The projection to the vocabulary is a large share of a decoding step, and is not pruned.",
        "",
        "## Single weights that are zero",
        "",
        "A product of 3072 outputs and 768 inputs: dense in int8, and by compressed sparse rows in "
        "float32 (torch), with the speed relative to int8.",
        "",
        *products(parsed.rounds),
    ]
    print("\n".join(lines))
    if parsed.write is not None:
        parsed.write.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
