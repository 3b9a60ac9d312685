"""The number type that each matrix product of a model (`pyattn.products`) is computed in."""

from __future__ import annotations

import collections
import difflib
import fnmatch
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, get_args

from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.model_config import ModelConfig
from pyattn.products import eight_bits, four_bits, products

DType: TypeAlias = Literal["auto", "float32", "bfloat16", "int8", "int4", "int8_grouped"]
# One for all products, or by patterns of their names, of which the last that matches counts.
DTypes: TypeAlias = DType | Mapping[str, DType]

# Levels on which fewer bytes gain no time. On the others, with the model that ships and one core of
# Zen 4, int8 is 1.1 to 2.8 times as fast as float32 in batches and 3 to 4.6 times for one sentence.
# bfloat16 is 1.8 and 2.5 times as fast where the CPU multiplies it; elsewhere it becomes float32 on
# its way, which is as fast in batches and, with half the bytes to read, 1.4 to 1.6 times for one.
_ONLY_FLOAT32 = frozenset({"reference", "portable"})


def check(dtype: DTypes) -> None:
    """Checks that `dtype` is a number type, or a mapping to number types.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(dtype, Mapping):
        _check_type(dtype, "")
        return
    for pattern, value in dtype.items():
        if not isinstance(pattern, str):
            raise ValueError(f"dtype: expected names of products as keys, got {pattern!r}")
        _check_type(value, f" for {pattern!r}")


def _check_type(value: Any, place: str) -> None:
    known = get_args(DType)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"dtype: expected {', '.join(known)}{place}, got {value!r}")


def chosen(dtype: DTypes, checkpoint: Checkpoint, isa: str) -> dict[str, str]:
    """The number type of each product, with "auto" resolved.

    "auto" is the fastest type on this level at full quality. That is int8: on a thousand sentences
    of a trained Marian model its cost in BLEU is within chance. Some products are int8_grouped
    (`pyattn.products.eight_bits`). Levels that gain no time from fewer bytes compute in float32. A
    product that no pattern matches is "auto". The projection to the vocabulary has no groups, since
    its inputs come out of a norm: there int8_grouped is int8.

    "int4" for the whole model, rather than in a mapping, leaves more bits to the products of
    `four_bits` that need them.

    Raises:
        ValueError: if a pattern matches no product of the model.
    """
    check(dtype)
    matrices = products(checkpoint.config)
    if dtype == "int4":
        return four_bits(checkpoint.config)
    wanted: dict[str, DType] = dict.fromkeys(matrices, "auto")
    for pattern, value in (dtype if isinstance(dtype, Mapping) else {"*": dtype}).items():
        matched = _matching(pattern, matrices)
        if not matched:
            near = _near(pattern, list(matrices))
            raise ValueError(f"dtype: {pattern!r} is no product of this model; near: {near}")
        wanted |= dict.fromkeys(matched, value)
    best = _auto(checkpoint.config, isa)
    types = {name: best[name] if value == "auto" else value for name, value in wanted.items()}
    if types.get("output") == "int8_grouped":
        types["output"] = "int8"
    return types


def _auto(config: ModelConfig, isa: str) -> dict[str, str]:
    if isa in _ONLY_FLOAT32:
        return dict.fromkeys(products(config), "float32")
    return eight_bits(config)


def commonest(dtypes: Mapping[str, str], config: ModelConfig) -> str:
    """The number type of most weights."""
    sizes = {name: math.prod(shape) for name, shape in tensor_shapes(config)}
    counts: collections.Counter[str] = collections.Counter()
    for product, matrices in products(config).items():
        counts[dtypes[product]] += sum(sizes[matrix] for matrix in matrices)
    return counts.most_common(1)[0][0]


def described(config: ModelConfig, dtype: str, others: Mapping[str, str]) -> str:
    """Number types of the products in words: "int8, but *.feed_forward.down in bfloat16".

    Args:
        config: The model's config.
        dtype: The number type of all products but `others`.
        others: Number types of the other products, by name.
    """
    by_type: dict[str, list[str]] = {}
    for name, other in others.items():
        by_type.setdefault(other, []).append(name)
    every = list(products(config))
    exceptions = [
        f"{', '.join(_patterns(names, every))} in {other}" for other, names in by_type.items()
    ]
    return f"{dtype}, but {'; '.join(exceptions)}" if exceptions else dtype


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if fnmatch.fnmatchcase(name, pattern)]


def _pattern(name: str) -> str:
    """The pattern for the same product of every layer: `*.feed_forward.down`."""
    return "*." + name.split(".", 3)[3] if ".layers." in name else name


def _patterns(names: list[str], every: list[str]) -> Iterator[str]:
    """The names, those of all layers as one pattern."""
    for pattern in dict.fromkeys(map(_pattern, names)):
        alike = _matching(pattern, every)
        whole = set(alike) <= set(names)
        yield from [pattern] if whole else [name for name in alike if name in names]


def _near(pattern: str, names: list[str]) -> str:
    """The names most similar to an unknown one, or all names if none is similar."""
    patterns = list(dict.fromkeys(map(_pattern, names)))
    known = patterns if pattern.startswith("*") else [*names, *patterns]
    return ", ".join(difflib.get_close_matches(pattern, known) or patterns)
