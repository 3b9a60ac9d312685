"""From a folder's config and tensors to a checkpoint."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from pyattn.checkpoint import Checkpoint, TextSettings
from pyattn.errors import ModelError
from pyattn.files.huggingface.config import read_config
from pyattn.files.huggingface.layout import Layout
from pyattn.files.huggingface.weight_files import read_weights
from pyattn.files.named_tensors import Length, Weights, check_shape, named_shapes
from pyattn.files.reading import read_json
from pyattn.files.tensors import Tensor
from pyattn.stored import Stored, Tensors

_TOKENIZER_SETTINGS = "tokenizer_config.json"


def read_huggingface(folder: pathlib.Path) -> Checkpoint:
    """The model in a folder of Hugging Face's layout.

    Weights stay views of the file, read from disk when they are first used.

    Raises:
        ModelError: if a file is missing or malformed, if the model is of a family that is not
            supported, or if the config contradicts the tensors.
    """
    config = read_config(folder)
    layout, model, generation = config.layout, config.model, config.generation
    weights = read_weights(folder, layout.prefix)
    shapes = dict(named_shapes(model, layout.lengths))
    tensors = _embeddings(weights, shapes, layout)
    for name, shape in shapes.items():
        if name not in tensors:
            tensors[name] = _tensor(weights, name, shape, layout)
    bias = _output_bias(weights, shapes["output.weight"][0], layout)
    if bias is not None:
        tensors["output.bias"] = bias
    for name in layout.not_read:
        weights.optional(name)
    weights.check_all_taken(model.family)
    if tensors["output.weight"] is tensors["decoder.embedding"]:
        scale = model.logits_scale * layout.tied_scale
        model = dataclasses.replace(model, logits_scale=scale)
    return Checkpoint(model, Tensors(tensors), generation, _text(folder, model.family))


def _text(folder: pathlib.Path, family: str) -> TextSettings | None:
    """How the texts of a model of one pair are treated: by the rules of its language, if known."""
    path = folder / _TOKENIZER_SETTINGS
    if family != "marian" or not path.exists():
        return None
    values = read_json(path)
    source, target = (values.get(f"{side}_lang") for side in ("source", "target"))
    return dataclasses.replace(
        TextSettings.of_family(family),
        source=source if isinstance(source, str) else None,
        target=target if isinstance(target, str) else None,
    )


def _tensor(weights: Weights, name: str, shape: tuple[int, ...], layout: Layout) -> Stored:
    saved = layout.saved_name(name)
    if name.endswith(".positions"):
        rows = shape[0] + layout.rows_before
        table = weights.take(saved, (rows, *shape[1:])).stored()
        return table.rows(layout.rows_before, rows)
    stored = weights.take(saved, shape).stored()
    if layout.norms_less_one and name.endswith("norm.weight"):
        array = stored.float32() + np.float32(1)
        array.flags.writeable = False
        return Stored("float32", array)
    return stored


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
    """What is added to the logits; None if it is all zeros, as in most models."""
    tensor = None if layout.output_bias is None else weights.optional(layout.output_bias)
    if tensor is None:
        return None
    check_shape(tensor, (Length.of(1, ""), vocab))
    bias = tensor.float32().reshape(-1)
    return Stored("float32", bias) if bias.any() else None
