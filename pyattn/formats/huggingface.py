"""Folders in the layout of Hugging Face transformers: MarianMT (OPUS-MT) and Pegasus.

Both are built of the BART block. Marian normalises after the residual and ends its stacks without a
norm (transformers ignores its `normalize_before`, and so do we); Pegasus before, and with one.
Their positions are computed; where a file holds that table all the same, it is not read.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from pyattn.checkpoint import Array, Checkpoint
from pyattn.errors import ModelError
from pyattn.formats.files import JsonObject, bare, contents, named_inside, read_json, shown
from pyattn.formats.huggingface_config import HuggingFaceConfig, read_config
from pyattn.formats.safetensors import read_safetensors
from pyattn.formats.tensors import Tensor
from pyattn.formats.weights import Length, Weights, check_shape, named_shapes

# The words of our tensor names, in those of the files; "feed_forward" has none there.
_WORDS = {
    "self_attention": "self_attn",
    "cross_attention": "encoder_attn",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "output": "out_proj",
    "self_attention_norm": "self_attn_layer_norm",
    "cross_attention_norm": "encoder_attn_layer_norm",
    "feed_forward_norm": "final_layer_norm",
    "up": "fc1",
    "down": "fc2",
    "final_norm": "layer_norm",
}

_SHARED = "model.shared.weight"
_SOURCE = "model.encoder.embed_tokens.weight"
_TARGET = "model.decoder.embed_tokens.weight"
_OUTPUT = "lm_head.weight"
_BIAS = "final_logits_bias"
_NOT_READ = ("model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight")


def _read_pickled(path: pathlib.Path) -> dict[str, Tensor]:
    # What it imports takes time, and most models have no use for it.
    from pyattn.formats.pickled import read_pickled

    return read_pickled(path)


_Reader = Callable[[pathlib.Path], dict[str, Tensor]]
# In the order in which transformers looks for them.
_READERS: dict[str, _Reader] = {
    "model.safetensors": read_safetensors,
    "pytorch_model.bin": _read_pickled,
}
_INDEX = ".index.json"
WEIGHT_FILES = tuple(f"{name}{suffix}" for name in _READERS for suffix in ("", _INDEX))


def read_huggingface(folder: pathlib.Path) -> Checkpoint:
    """The model in a folder of Hugging Face's layout.

    float32 weights stay a view of the file, read from disk when they are first used.

    Raises:
        ModelError: if a file is missing or malformed, if the model is of a family that is not
            supported, or if the config contradicts the tensors.
    """
    config = read_config(folder)
    weights = _weights(folder)
    shapes = dict(named_shapes(config.model, config.lengths))
    tensors = _embeddings(weights, shapes, config)
    for name, shape in shapes.items():
        if name not in tensors:
            tensors[name] = weights.take(_saved_name(name), shape).float32()
    bias = _output_bias(weights, shapes["output.weight"][0])
    if bias is not None:
        tensors["output.bias"] = bias
    for name in _NOT_READ:
        weights.optional(name)
    weights.check_all_taken(config.model.family)
    return Checkpoint(config.model, tensors, config.generation)


def _saved_name(name: str) -> str:
    words = [_WORDS.get(word, word) for word in name.split(".") if word != "feed_forward"]
    return ".".join(["model", *words])


def _embeddings(
    weights: Weights, shapes: dict[str, tuple[int, ...]], config: HuggingFaceConfig
) -> dict[str, Array]:
    """The two embeddings and the output matrix, one array where the file holds one matrix.

    Tied matrices are saved once or several times, under any of their names. Copies that differ
    are not copies: then each role takes its own, as transformers does.
    """
    shared = [_SHARED, _TARGET, _SOURCE] if config.shared else []
    tied = [_OUTPUT] if config.tied else []
    roles = {
        "encoder.embedding": [_SOURCE, *shared, *(tied if config.shared else [])],
        "decoder.embedding": [_TARGET, *shared, *tied],
        "output.weight": [_OUTPUT, *([_TARGET, *shared] if config.tied else [])],
    }
    arrays: dict[str, Array] = {}
    distinct: list[tuple[Tensor, Array]] = []
    for role, names in roles.items():
        found = [tensor for tensor in map(weights.optional, names) if tensor is not None]
        if not found:
            names = list(dict.fromkeys(names))
            missing = f"{names[0]} is missing" if len(names) == 1 else f"none of {', '.join(names)}"
            raise ModelError(f"{weights.file}: {missing}, expected one for {role}")
        check_shape(found[0], shapes[role])
        for tensor, array in distinct:
            if tensor.same_bits(found[0]):
                arrays[role] = array
                break
        else:
            arrays[role] = found[0].float32()
            distinct.append((found[0], arrays[role]))
    return arrays


def _output_bias(weights: Weights, vocab: int) -> Array | None:
    """What is added to the logits; None if it is all zeros, as in most models."""
    tensor = weights.optional(_BIAS)
    if tensor is None:
        return None
    check_shape(tensor, (Length.of(1, ""), vocab))
    bias = tensor.float32().reshape(-1)
    return bias if bias.any() else None


def _weights(folder: pathlib.Path) -> Weights:
    """The tensors of the weight file, or of all the files that an index names."""
    for name, read in _READERS.items():
        if (folder / name).exists():
            return Weights(name, read(folder / name))
        if (folder / f"{name}{_INDEX}").exists():
            return Weights(f"{name}{_INDEX}", _sharded(folder, f"{name}{_INDEX}", read))
    raise ModelError(
        f"{folder}: no weights, expected one of {', '.join(WEIGHT_FILES)}; "
        f"the folder {contents(folder)}"
    )


def _sharded(folder: pathlib.Path, index: str, read: _Reader) -> dict[str, Tensor]:
    weight_map: JsonObject = read_json(folder / index).get("weight_map", {})
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index}: weight_map is {shown(weight_map)}, expected file names")
    paths = {}
    for name, file in weight_map.items():
        if not isinstance(file, str) or file not in paths:
            path = named_inside(folder, file, f"{index}: weight_map: {bare(name)}")
            paths[path.name] = path
    shards = {file: read(path) for file, path in paths.items()}
    for name, file in weight_map.items():
        if name not in shards[file]:
            raise ModelError(f"{file}: {bare(name)} is missing, which {index} says is there")
    return {name: shards[file][name] for name, file in weight_map.items()}
