"""Model files made by hand: safetensors, PyTorch's pickles, and tiny Hugging Face folders.

Written from the formats' descriptions, with neither PyTorch nor our own writers.
"""

from __future__ import annotations

import json
import pathlib
import struct
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]

# In a file's own names, which the three sizes below give their shapes.
CONFIG: dict[str, Any] = {
    "model_type": "marian",
    "vocab_size": 11,
    "d_model": 6,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 8,
    "decoder_ffn_dim": 10,
    "max_position_embeddings": 16,
    "activation_function": "swish",
    "scale_embedding": True,
    "decoder_start_token_id": 10,
    "pad_token_id": 10,
    "eos_token_id": 0,
}

SHARED = "model.shared.weight"
SOURCE = "model.encoder.embed_tokens.weight"
TARGET = "model.decoder.embed_tokens.weight"
OUTPUT = "lm_head.weight"


def config(**changes: Any) -> dict[str, Any]:
    """The config of a tiny model; a change to None leaves a field out."""
    return {key: value for key, value in (CONFIG | changes).items() if value is not None}


def tensors(values: Mapping[str, Any], names: Iterable[str] = (SHARED,)) -> dict[str, Values]:
    """Seeded float32 tensors of a model with such a config, embeddings under the `names`."""
    dim = values["d_model"]
    shapes: dict[str, tuple[int, ...]] = {}
    for stack, attentions in (
        ("encoder", ["self_attn"]),
        ("decoder", ["self_attn", "encoder_attn"]),
    ):
        ffn = values[f"{stack}_ffn_dim"]
        for n in range(values[f"{stack}_layers"]):
            layer = f"model.{stack}.layers.{n}"
            for attention in attentions:
                for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    shapes[f"{layer}.{attention}.{part}.weight"] = (dim, dim)
                    shapes[f"{layer}.{attention}.{part}.bias"] = (dim,)
                shapes[f"{layer}.{attention}_layer_norm.weight"] = (dim,)
                shapes[f"{layer}.{attention}_layer_norm.bias"] = (dim,)
            shapes |= {f"{layer}.fc1.weight": (ffn, dim), f"{layer}.fc1.bias": (ffn,)}
            shapes |= {f"{layer}.fc2.weight": (dim, ffn), f"{layer}.fc2.bias": (dim,)}
            shapes[f"{layer}.final_layer_norm.weight"] = (dim,)
            shapes[f"{layer}.final_layer_norm.bias"] = (dim,)
        if values["model_type"] == "pegasus":
            shapes[f"model.{stack}.layer_norm.weight"] = (dim,)
            shapes[f"model.{stack}.layer_norm.bias"] = (dim,)
    shapes["final_logits_bias"] = (1, values.get("decoder_vocab_size", values["vocab_size"]))
    random = np.random.default_rng(1)
    made = {name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    embedding = random.standard_normal((values["vocab_size"], dim), np.float32)
    return made | {name: embedding.copy() for name in names}


def folder(
    path: pathlib.Path,
    values: Mapping[str, Any],
    weights: Mapping[str, Values],
    *,
    generation: Mapping[str, Any] | None = None,
) -> pathlib.Path:
    """A folder of Hugging Face's layout with one safetensors file."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(values))
    if generation is not None:
        (path / "generation_config.json").write_text(json.dumps(generation))
    (path / "model.safetensors").write_bytes(safetensors(weights))
    return path


def write_shards(folder: pathlib.Path, weights: Mapping[str, Values]) -> None:
    """Two safetensors files and their index."""
    names = sorted(weights)
    weight_map: dict[str, str] = {}
    for part in (0, 1):
        file = f"model-0000{part + 1}-of-00002.safetensors"
        shard = {name: weights[name] for name in names[part::2]}
        (folder / file).write_bytes(safetensors(shard))
        weight_map |= dict.fromkeys(shard, file)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def bfloat16(values: Values) -> Values:
    """The bits of float32 values cut to bfloat16."""
    return (values.view(np.uint32) >> 16).astype(np.uint16)


_NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "int8": "I8", "uint8": "U8"}
_NAMES |= {"int64": "I64", "uint16": "BF16"}


def safetensors(values: Mapping[str, Values], *, padding: int = 0) -> bytes:
    """A safetensors file; uint16 counts as the bits of bfloat16."""
    header: dict[str, Any] = {}
    data = b""
    for name, array in values.items():
        begin = len(data)
        data += array.tobytes()
        header[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [begin, len(data)],
        }
    return safetensors_of(header, data, padding=padding)


def safetensors_of(header: Any, data: bytes, *, padding: int = 0) -> bytes:
    """A safetensors file with that header, an object or its bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * padding
    return struct.pack("<Q", len(text)) + text + data


# --- PyTorch ---------------------------------------------------------------------------------


def text(value: str) -> bytes:
    """The instruction that pushes a string."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    """The instruction that pushes an integer."""
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def integers(values: Iterable[int]) -> bytes:
    """The instructions that push a tuple of integers."""
    return b"(" + b"".join(map(integer, values)) + b"t"


def named(module: str, name: str) -> bytes:
    """The instruction that pushes a global."""
    return f"c{module}\n{name}\n".encode()


EMPTY_ORDERED_DICT = named("collections", "OrderedDict") + b")R"
_STORAGES = {"float64": "Double", "float32": "Float", "float16": "Half", "uint16": "BFloat16"}
_STORAGES |= {"int64": "Long", "int8": "Char", "uint8": "Byte"}


def tensor(
    key: str,
    dtype: str,
    count: int,
    shape: Iterable[int],
    strides: Iterable[int],
    *,
    offset: int = 0,
    legacy: bool = False,
) -> bytes:
    """The instructions that make a tensor from the storage `key` of `count` elements."""
    storage = b"(" + text("storage") + named("torch", f"{_STORAGES[dtype]}Storage") + text(key)
    storage += text("cpu") + integer(count) + (b"N" if legacy else b"") + b"tQ"
    made = named("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + integer(offset)
    return made + integers(shape) + integers(strides) + b"\x89" + EMPTY_ORDERED_DICT + b"tR"


def state_dict(items: Mapping[str, bytes]) -> bytes:
    """A pickle of an ordered dict of what the instructions make, as `torch.save` writes it."""
    body = b"".join(text(name) + made for name, made in items.items())
    metadata = b"}" + text("_metadata") + EMPTY_ORDERED_DICT + b"s"
    return b"\x80\x02" + EMPTY_ORDERED_DICT + b"q\x00(" + body + b"u" + metadata + b"b."


def pickle_of(values: Mapping[str, Values], *, legacy: bool = False) -> bytes:
    """The pickle of a state dict with a storage for each tensor, "0", "1", and so on."""
    items = {}
    for index, (name, array) in enumerate(values.items()):
        strides = [stride // array.itemsize for stride in array.strides]
        items[name] = tensor(
            str(index), array.dtype.name, array.size, array.shape, strides, legacy=legacy
        )
    return state_dict(items)


def write_zip(path: pathlib.Path, entries: Mapping[str, bytes], **settings: Any) -> None:
    """A zip archive, its entries under `archive/`, stored as they are unless `settings` differ."""
    with zipfile.ZipFile(path, "w", **settings) as archive:
        for name, content in entries.items():
            archive.writestr(f"archive/{name}", content)


def write_pickled(path: pathlib.Path, values: Mapping[str, Values]) -> None:
    """What `torch.save` writes."""
    storages = {f"data/{n}": array.tobytes() for n, array in enumerate(values.values())}
    head = {"data.pkl": pickle_of(values), "byteorder": b"little"}
    write_zip(path, head | storages | {"version": b"3\n"})


def legacy_pickled(values: Mapping[str, Values], *, little_endian: bool = True) -> bytes:
    """What `torch.save` wrote before PyTorch 1.6."""
    magic = b"\x80\x02" + integer(0x1950A86A20F9469CFC6C) + b"."
    version = b"\x80\x02" + integer(1001) + b"."
    order = b"\x88" if little_endian else b"\x89"
    machine = b"\x80\x02}" + text("little_endian") + order + b"s."
    keys = b"\x80\x02](" + b"".join(text(str(n)) for n in range(len(values))) + b"e."
    storages = b"".join(
        struct.pack("<q", array.size) + array.tobytes() for array in values.values()
    )
    return magic + version + machine + pickle_of(values, legacy=True) + keys + storages
