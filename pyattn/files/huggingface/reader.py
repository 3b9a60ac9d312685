"""From a folder's config and tensors to a checkpoint."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.huggingface.config import HuggingFaceConfig
from pyattn.files.huggingface.layout import Layout
from pyattn.files.huggingface.pruned import read_sizes
from pyattn.files.named_tensors import Length, Weights, check_shape, named_shapes
from pyattn.files.tensors import Tensor
from pyattn.stored import Stored, Tensors


def read_tensors(config: HuggingFaceConfig, weights: Weights) -> Checkpoint:
    """The model of a config and its tensors, which stay views of their files.

    Raises:
        ModelError: if the config contradicts the tensors.
    """
    layout, generation = config.layout, config.generation
    sizes = read_sizes(layout, config.fields, weights)
    model = sizes.model
    shapes = dict(named_shapes(model, layout.lengths))
    tensors = _embeddings(weights, shapes, layout)
    saved: dict[str, list[str]] = {}
    for name in shapes:
        if name not in tensors:
            saved.setdefault(layout.saved_name(name), []).append(name)
    for one, *others in saved.values():
        if others:
            tensors |= _parts(weights, {name: shapes[name] for name in (one, *others)}, layout)
        elif one.startswith(sizes.emptied) and not one.endswith(_WHOLE):
            tensors[one] = _zeros(weights, one, shapes[one], layout)
        else:
            tensors[one] = _tensor(weights, one, shapes[one], layout)
    for name in layout.not_read:
        weights.optional(name)
    for begin in layout.heads:
        weights.leave(begin)
    if "decoder" not in model.stacks:
        weights.check_all_taken(model.family)
        return Checkpoint(model, Tensors(tensors), generation)
    bias = _output_bias(weights, shapes["output.weight"][0], layout)
    if bias is not None:
        tensors["output.bias"] = bias
    weights.check_all_taken(model.family)
    if tensors["output.weight"] is tensors["decoder.embedding"]:
        scale = model.logits_scale * layout.tied_scale
        model = dataclasses.replace(model, logits_scale=scale)
    return Checkpoint(model, Tensors(tensors), generation)


# Of an attention, what does not depend on its heads.
_WHOLE = ("output.bias", "query_norm.weight", "key_norm.weight")


def _zeros(weights: Weights, name: str, shape: tuple[int, ...], layout: Layout) -> Stored:
    """A tensor of an attention without heads, in which heads of zeros stand for none."""
    rows, *columns = shape
    weights.take(
        layout.saved_name(name), (rows, 0) if name.endswith("output.weight") else (0, *columns)
    )
    zeros = np.zeros(shape, np.float32)
    zeros.flags.writeable = False
    return Stored("float32", zeros)


def _tensor(weights: Weights, name: str, shape: tuple[int, ...], layout: Layout) -> Stored:
    saved = layout.saved_name(name)
    if name.endswith("norm.bias") and not layout.norm_biases:
        zeros = np.zeros(shape, np.float32)
        zeros.flags.writeable = False
        return Stored("float32", zeros)
    if name.endswith(".positions") and layout.rows_before:
        rows = shape[0] + layout.rows_before
        table = weights.take(saved, (rows, *shape[1:])).stored()
        return table.rows(layout.rows_before, rows)
    stored = _taken(weights, saved, shape, layout)
    if layout.norms_less_one and name.endswith("norm.weight"):
        array = stored.float32() + np.float32(1)
        array.flags.writeable = False
        return Stored("float32", array)
    return stored


def _parts(
    weights: Weights, shapes: dict[str, tuple[int, ...]], layout: Layout
) -> dict[str, Stored]:
    """Tensors that lie above each other in one of the files."""
    heights = [shape[0] for shape in shapes.values()]
    ends = list(itertools.accumulate(heights))
    first = next(iter(shapes))
    shape = (ends[-1], *shapes[first][1:])
    stored = _taken(weights, layout.saved_name(first), shape, layout)
    return {
        name: stored.rows(end - height, end)
        for name, height, end in zip(shapes, heights, ends, strict=True)
    }


def _taken(weights: Weights, saved: str, shape: tuple[int, ...], layout: Layout) -> Stored:
    """A tensor of a layer or a stack, a view of its file also where that has it transposed."""
    if not (layout.transposed and len(shape) == 2) or saved in _tables(layout):
        return weights.take(saved, shape).stored()
    stored = weights.take(saved, shape[::-1]).stored()
    return Stored(stored.dtype, stored.values.T)


def _tables(layout: Layout) -> set[str]:
    """Names of tensors that have a row for each position, whatever the matrices have."""
    return {layout.saved_name(f"{stack}.positions") for stack in layout.words}


def _embeddings(
    weights: Weights, shapes: dict[str, tuple[int, ...]], layout: Layout
) -> dict[str, Stored]:
    """The two embeddings and the output matrix, one object where the file holds one matrix.

    Tied matrices are saved once or several times, under any of their names. Copies that differ
    are not copies: then each role takes its own, as transformers does.
    """
    names = layout.embeddings
    shared = [names.decoder, names.encoder] if layout.joined else []
    if layout.joined and names.shared is not None:
        shared.insert(0, names.shared)
    tied = [names.output] if layout.tied else []
    roles = {
        "encoder.embedding": [names.encoder, *shared, *(tied if layout.joined else [])],
        "decoder.embedding": [names.decoder, *shared, *tied],
        "output.weight": [names.output, *([names.decoder, *shared] if layout.tied else [])],
    }
    roles = {role: wanted for role, wanted in roles.items() if role in shapes}
    stored: dict[str, Stored] = {}
    distinct: list[tuple[Tensor, Stored]] = []
    for role, wanted in roles.items():
        found = [tensor for tensor in map(weights.optional, wanted) if tensor is not None]
        if not found:
            wanted = list(dict.fromkeys(wanted))
            missing = (
                f"{wanted[0]} is missing" if len(wanted) == 1 else f"none of {', '.join(wanted)}"
            )
            raise ModelError(f"{weights.file}: {missing}, expected one for {role}")
        check_shape(found[0], shapes[role])
        for tensor, same in distinct:
            if tensor.same_bits(found[0]):
                stored[role] = same
                break
        else:
            stored[role] = found[0].stored()
            distinct.append((found[0], stored[role]))
    return stored


def _output_bias(weights: Weights, vocab: int, layout: Layout) -> Stored | None:
    """The bias of the logits; None if it is all zeros, as in most models."""
    tensor = None if layout.output_bias is None else weights.optional(layout.output_bias)
    if tensor is None:
        return None
    check_shape(tensor, (Length.of(1, ""), vocab))
    bias = tensor.float32().reshape(-1)
    return Stored("float32", bias) if bias.any() else None
