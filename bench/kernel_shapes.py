"""Which shapes `kernels.py` measures: those of the layers of real models."""

from __future__ import annotations

import argparse
import dataclasses

DTYPES = ("float32", "bfloat16", "int8")
KERNELS = ("linear", "feed_forward", "attention", "attention_step", "layer_norm", "rms_norm")


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a sweep measures.

    Attributes:
        dtypes: Number types of products, and of the keys and values of steps.
        rows: Rows of products.
        products: Inputs and outputs of each.
        vocabularies: The same of the last product of a model; not for more than 256 rows.
        blocks: Widths of feed-forward blocks, which are four times as wide in the middle.
        attentions: Batch, heads, queries, keys, head_dim, causal.
        steps: Rows, heads, keys of each row, head_dim.
        norms: "layer_norm" or "rms_norm", rows, dim.
    """

    dtypes: tuple[str, ...]
    rows: tuple[int, ...]
    products: tuple[tuple[int, int], ...]
    vocabularies: tuple[tuple[int, int], ...]
    blocks: tuple[int, ...]
    attentions: tuple[tuple[int, int, int, int, int, bool], ...]
    steps: tuple[tuple[int, int, int, int], ...]
    norms: tuple[tuple[str, int, int], ...]


def layer(dim: int) -> tuple[tuple[int, int], ...]:
    """The products of a Transformer's layer: output, query-key-value, up and down."""
    return (dim, dim), (dim, 3 * dim), (dim, 4 * dim), (4 * dim, dim)


_QUICK = Choice(
    dtypes=DTYPES,
    rows=(1, 32, 256),
    products=((512, 2048),),
    vocabularies=((512, 8192),),
    blocks=(512,),
    attentions=((1, 8, 128, 128, 64, False), (32, 8, 1, 256, 64, False)),
    steps=((32, 8, 32, 64),),
    norms=(("layer_norm", 32, 512),),
)

_ATTENTIONS = (
    (1, 8, 128, 128, 64, False),
    (8, 8, 128, 128, 64, False),
    (1, 8, 1024, 1024, 64, False),
    (32, 8, 32, 32, 64, False),
    (1, 8, 24, 24, 64, False),
    (1, 4, 24, 24, 64, False),
    (1, 8, 128, 128, 64, True),
    (1, 8, 1024, 1024, 64, True),
    (1, 8, 1, 32, 64, False),
    (32, 8, 1, 32, 64, False),
    (32, 8, 1, 256, 64, False),
    (8, 16, 64, 64, 64, False),
    (8, 8, 64, 64, 32, False),
)

_STEPS = tuple(
    (rows, heads, time, 64) for heads in (8, 4) for rows in (1, 32, 128) for time in (32, 256, 1024)
)

_NORMS = (
    ("layer_norm", 1, 512),
    ("layer_norm", 32, 256),
    ("layer_norm", 32, 512),
    ("layer_norm", 256, 512),
    ("layer_norm", 1024, 1024),
    ("rms_norm", 32, 512),
)

_DEFAULT = Choice(
    dtypes=DTYPES,
    rows=(1, 8, 32, 256),
    products=((256, 1024), *layer(512), (1024, 4096)),
    vocabularies=((512, 54688),),
    blocks=(512,),
    attentions=_ATTENTIONS,
    steps=_STEPS,
    norms=_NORMS,
)

_FULL = Choice(
    dtypes=DTYPES,
    rows=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1024),
    products=tuple(shape for dim in (256, 384, 512, 1024) for shape in layer(dim)),
    vocabularies=((512, 8192), (512, 32000), (512, 54688), (512, 262144)),
    blocks=(256, 512, 1024),
    attentions=(
        *_ATTENTIONS,
        (1, 8, 4096, 4096, 64, False),
        *((rows, 8, 1, time, 64, False) for rows in (1, 8, 128) for time in (16, 64, 256, 1024)),
    ),
    steps=(*_STEPS, *((rows, 16, time, 64) for rows in (1, 8, 32) for time in (16, 64, 256))),
    norms=(*_NORMS, *(("rms_norm", rows, dim) for rows in (1, 256) for dim in (512, 1024))),
)


def choose(options: argparse.Namespace) -> Choice:
    """The sweep that the options name, cut down to what else they say."""
    sweep = {"quick": _QUICK, "default": _DEFAULT, "full": _FULL}[options.sweep]
    named = options.shapes is not None
    wants = options.kernels
    return dataclasses.replace(
        sweep,
        dtypes=tuple(options.dtypes),
        rows=tuple(options.rows or sweep.rows),
        products=tuple(options.shapes if named else sweep.products) if "linear" in wants else (),
        vocabularies=sweep.vocabularies if "linear" in wants and not named else (),
        blocks=sweep.blocks if "feed_forward" in wants else (),
        attentions=sweep.attentions if "attention" in wants else (),
        steps=sweep.steps if "attention_step" in wants else (),
        norms=tuple(norm for norm in sweep.norms if norm[0] in wants),
    )
