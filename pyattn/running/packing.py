"""From a checkpoint's tensors to the arguments of the core's model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.errors import ModelError
from pyattn.model_config import ModelConfig
from pyattn.products import products
from pyattn.stored import Array, Stored, Tensors

# Most floats in a table of computed positions, unless the model is far larger: 16,384 positions for
# a dim of 512.
MOST_COMPUTED = 1 << 23

# A matrix as it is stored, and its bias if it has one.
Part: TypeAlias = tuple[Stored, Array | None]


def core_tensors(checkpoint: Checkpoint) -> tuple[dict[str, Array], dict[str, list[Part]]]:
    """The tensors that the core takes, with their shapes checked.

    Args:
        checkpoint: Config and weights.

    Returns:
        Vectors and tables in float32, computed positions included; and, by the names of products
        (`pyattn.products`) and of embeddings, the matrices that each of them consists of.

    Raises:
        ModelError: if a tensor is missing, is an array of another type than float32, or does not
            have the config's shape; the message names it.
    """
    config = checkpoint.config
    try:
        tensors = Tensors.of(checkpoint.tensors)
    except ValueError as error:
        raise ModelError(f"checkpoint: {error}") from None
    names = _checked_names(config, tensors)
    embeddings = {f"{stack}.embedding": (f"{stack}.embedding",) for stack in config.stacks}
    parts: dict[str, list[Part]] = {}
    taken: set[str] = set()
    for product, weights in (embeddings | products(config)).items():
        biases = [f"{weight.removesuffix('.weight')}.bias" for weight in weights]
        taken.update(weights, biases)
        parts[product] = [
            (tensors.stored(weight), tensors.get(bias))
            for weight, bias in zip(weights, biases, strict=True)
        ]
    floats = {name: tensors[name] for name in names if name not in taken}
    return _with_computed_positions(config, floats), parts


def _checked_names(config: ModelConfig, tensors: Tensors) -> list[str]:
    """The names of a model's tensors, after a check that all exist and have the right shapes."""
    optional = {"output.bias": (config.target_vocab,)} if "decoder" in config.stacks else {}
    names = []
    for name, shape in (*tensor_shapes(config), *optional.items()):
        if name not in tensors:
            if name in optional:
                continue
            raise ModelError(f"checkpoint: no tensor {name}, expected shape {list(shape)}")
        found = tensors.stored(name).shape
        if found != shape:
            raise ModelError(
                f"checkpoint: {name} has shape {list(found)}, the config says {list(shape)}"
            )
        names.append(name)
    return names


def _with_computed_positions(config: ModelConfig, tensors: dict[str, Array]) -> dict[str, Array]:
    """The tensors, with positions in the form that the core reads them in."""
    if config.positions == "learned":
        return tensors
    check_positions(config)
    try:
        tables = _tables(config, tensors)
    except ValueError as error:  # of sizes that make no sense together
        raise ModelError(f"checkpoint: {error}") from None
    # Biases by bucket have become tables by distance.
    return {name: own for name, own in tensors.items() if "relative_bias" not in name} | tables


def check_positions(config: ModelConfig) -> None:
    """Refuses larger tables of positions than are of use, for which a few bytes of a file may ask.

    Raises:
        ModelError: if positions are computed and are too many for the model's size.
    """
    if config.positions == "learned":
        return
    per_position = config.dim
    if config.positions == "rotary":
        per_position = config.stack(config.stacks[0]).head_dim
    elif config.relative_positions:
        layers = config.encoder_layers + config.decoder_layers if config.relative_per_layer else 1
        per_position = 2 * layers * max(config.encoder_heads, config.decoder_heads)
    weights = sum(math.prod(shape) for _, shape in tensor_shapes(config))
    most = max(MOST_COMPUTED, weights // 4) // max(per_position, 1)
    for stack in config.stacks:
        longest = config.stack(stack).max_positions
        if longest > most:
            own = stack == "encoder" and config.encoder_max_positions is not None
            raise ModelError(
                f"checkpoint: {'encoder_' if own else ''}max_positions is {longest}, expected at "
                f"most {most} for positions that are computed"
            )


def _tables(config: ModelConfig, tensors: Mapping[str, Array]) -> dict[str, Array]:
    # Here and not above: importing pyattn need not read the whole reference.
    from pyattn.reference.positions import (
        computed_positions,
        global_relative_bias_table,
        relative_bias_table,
        rotary_tables,
    )

    if config.relative_positions:
        tables = {}
        for name in tensors:
            if name == "encoder.global_relative_bias":
                tables["encoder.global_relative_table"] = global_relative_bias_table(
                    tensors[name], config
                )
            elif name.endswith("relative_bias"):
                tables[name.replace("relative_bias", "relative_table")] = relative_bias_table(
                    tensors[name], config, "encoder" if name.startswith("encoder") else "decoder"
                )
        return tables
    if config.positions == "rotary":
        thetas = {"rotary": config.rotary_theta, "rotary_local": config.rotary_local_theta}
        return {
            f"{name}.{part}": table
            for name, theta in thetas.items()
            if theta is not None
            for part, table in zip(("cos", "sin"), rotary_tables(config, theta), strict=True)
        }
    first, *others = config.stacks
    tables = {f"{first}.positions": computed_positions(config, first)}
    for stack in others:
        same = config.encoder_max_positions in (None, config.max_positions)
        tables[f"{stack}.positions"] = (
            tables[f"{first}.positions"] if same else computed_positions(config, stack)
        )
    return tables
