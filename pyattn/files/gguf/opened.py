"""A GGUF file of T5, mT5, UMT5 or one of their encoders, as a model's files.

What the file says is put into the words of transformers' config.json and state dictionary, which it
was converted from. Two things are not in it: the distance from which on positions share a bucket,
which llama.cpp takes to be 128 as well, and whether logits are scaled: those of tied models are, as
in transformers (llama.cpp does not, which changes probabilities, not their order).
"""

from __future__ import annotations

import functools
import math
import pathlib
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyattn._mapped import mapped
from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.fields import MAX_DIM, MAX_LAYERS, Fields
from pyattn.files.gguf.container import Container, Entry, read_container
from pyattn.files.gguf.pieces import sentencepiece_model
from pyattn.files.huggingface.config import HuggingFaceConfig, read_config
from pyattn.files.huggingface.reader import read_tensors
from pyattn.files.model_files import ModelFiles
from pyattn.files.named_tensors import Weights
from pyattn.files.reading import JsonObject, bare
from pyattn.files.tensors import DTYPES, Tensor
from pyattn.files.tokenizer_parts import TOKENIZER_FILES, FilesByRole, TokenizerParts
from pyattn.model_config import ModelConfig

_SUFFIX = ".gguf"
_ALONE = "t5encoder"
_ARCHITECTURES = {"t5": "t5", _ALONE: "t5encoder"}

# Parts of a layer, in transformers' words.
_SELF, _CROSS = "layer.0.SelfAttention", "layer.1.EncDecAttention"
_PARTS = {
    "attn_norm": "layer.0.layer_norm",
    "cross_attn_norm": "layer.1.layer_norm",
    "attn_rel_b": f"{_SELF}.relative_attention_bias",
    "cross_attn_rel_b": f"{_CROSS}.relative_attention_bias",
    **{f"attn_{one}": f"{_SELF}.{one}" for one in "qkvo"},
    **{f"cross_attn_{one}": f"{_CROSS}.{one}" for one in "qkvo"},
}
_AROUND = {
    "token_embd.weight": "shared.weight",
    "output.weight": "lm_head.weight",
    "enc.output_norm.weight": "encoder.final_layer_norm.weight",
    "dec.output_norm.weight": "decoder.final_layer_norm.weight",
}
_STACKS = {"enc": "encoder", "dec": "decoder"}
_FEED_FORWARD = {"enc": "layer.1", "dec": "layer.2"}
_LAYER = re.compile(r"(enc|dec)\.blk\.(\d{1,4})\.(\w+)\.weight")

# Numbers that are decoded at a time.
_TOGETHER = 1 << 20


def is_gguf(path: pathlib.Path) -> bool:
    """Whether a path is such a file, by its name."""
    return path.suffix == _SUFFIX and not path.is_dir()


class GgufFiles(ModelFiles):
    """A .gguf file.

    Numbers in blocks are decoded into a temporary file, four bytes each, whose pages the system may
    take back.

    Args:
        path: The file.
    """

    @functools.cached_property
    def _container(self) -> Container:
        return read_container(self.path)

    @functools.cached_property
    def _settings(self) -> HuggingFaceConfig:
        return read_config(None, _values(self._container))

    def _read(self) -> Checkpoint:
        return read_tensors(self._settings, _weights(self._container))

    @property
    def config(self) -> ModelConfig:
        """As `ModelFiles`."""
        return self._settings.model

    @functools.cached_property
    def tokenizer(self) -> TokenizerParts | None:
        """As `ModelFiles`."""
        content = sentencepiece_model(self._container)
        if content is None:
            return None
        folder = self._unpacked.enter_context(tempfile.TemporaryDirectory(prefix="pyattn-"))
        place = pathlib.Path(folder, TOKENIZER_FILES["pieces"])
        place.write_bytes(content)
        return FilesByRole(files={"pieces": place}, settings={})

    @property
    def stored_numbers(self) -> Mapping[str, int]:
        """As `ModelFiles`."""
        counts: Counter[str] = Counter()
        for entry in self._container.tensors.values():
            counts[entry.kind.name] += math.prod(entry.shape)
        return counts


def _values(container: Container) -> JsonObject:
    """What config.json would say."""
    fields = Fields({container.name: container.pairs})
    architecture = fields.choice("general.architecture", _ARCHITECTURES)

    def integer(key: str, default: int | None = None, high: int = MAX_DIM) -> int:
        return fields.integer(f"{architecture}.{key}", default, high=high)

    width = integer("attention.key_length")
    if integer("attention.value_length", width) != width:
        fields.fail(f"{architecture}.attention.value_length", f"is not {width}, that of keys")
    embedding = container.tensors.get("token_embd.weight")
    if embedding is None:
        raise ModelError(f"{container.name}: token_embd.weight is missing")
    layers = integer("block_count", high=MAX_LAYERS)
    per_layer = "enc.blk.1.attn_rel_b.weight" in container.tensors
    gated = "enc.blk.0.ffn_gate.weight" in container.tensors
    values: dict[str, Any] = {
        "model_type": "umt5" if per_layer else "t5",
        "architectures": ["T5EncoderModel" if architecture == _ALONE else "T5"],
        "vocab_size": embedding.shape[0],
        "d_model": integer("embedding_length"),
        "d_kv": width,
        "d_ff": integer("feed_forward_length"),
        "num_layers": layers,
        "num_decoder_layers": integer("decoder_block_count", layers, high=MAX_LAYERS),
        "num_heads": integer("attention.head_count"),
        "relative_attention_num_buckets": integer("attention.relative_buckets_count"),
        "relative_attention_max_distance": 128,
        "layer_norm_epsilon": fields.number(
            f"{architecture}.attention.layer_norm_rms_epsilon",
            fields.number(f"{architecture}.attention.layer_norm_epsilon", 1e-6, low=0),
            low=0,
        ),
        "n_positions": integer("context_length", 512),
        "feed_forward_proj": "gated-gelu" if gated else "relu",
        "tie_word_embeddings": "output.weight" not in container.tensors,
    }
    for name, key in (
        ("decoder_start_token_id", f"{architecture}.decoder_start_token_id"),
        ("eos_token_id", "tokenizer.ggml.eos_token_id"),
        ("pad_token_id", "tokenizer.ggml.padding_token_id"),
    ):
        id = fields.optional_id(key, None, vocab=embedding.shape[0])
        if id is not None:
            values[name] = id
    return values


def _weights(container: Container) -> Weights:
    """The tensors under transformers' names."""
    floats = _decoded(container)
    tensors: dict[str, Tensor] = {}
    for name, entry in container.tensors.items():
        if name in floats:
            dtype, values = "F32", floats[name]
        else:
            dtype = entry.kind.name
            values = np.frombuffer(entry.content, DTYPES[dtype]).reshape(entry.shape)
        saved = _saved_name(name, gated=_gate_of(name) in container.tensors)
        tensors[saved] = Tensor(container.name, name, dtype, values)
    return Weights(container.name, tensors)


def _gate_of(name: str) -> str:
    return name.replace("ffn_up", "ffn_gate")


def _saved_name(name: str, *, gated: bool) -> str:
    """The name in transformers; its own if it has none there."""
    match = _LAYER.fullmatch(name)
    if match is None:
        return _AROUND.get(name, name)
    stack, n, part = match.groups()
    layer = _FEED_FORWARD[stack]
    feed_forward = {
        "ffn_norm": f"{layer}.layer_norm",
        "ffn_gate": f"{layer}.DenseReluDense.wi_0",
        "ffn_up": f"{layer}.DenseReluDense.{'wi_1' if gated else 'wi'}",
        "ffn_down": f"{layer}.DenseReluDense.wo",
    }
    words = (_PARTS | feed_forward).get(part)
    return name if words is None else f"{_STACKS[stack]}.block.{int(n)}.{words}.weight"


def _decoded(container: Container) -> dict[str, Any]:
    """The tensors in blocks as float32, which are views of a temporary file."""
    in_blocks = {name: one for name, one in container.tensors.items() if one.kind.floats}
    if not in_blocks:
        return {}
    with tempfile.TemporaryFile(prefix="pyattn-") as file:
        for entry in in_blocks.values():
            for numbers in _numbers(entry):
                file.write(numbers.tobytes())
        file.flush()
        content = np.frombuffer(mapped(file), np.float32)
    found, begin = {}, 0
    for name, entry in in_blocks.items():
        end = begin + math.prod(entry.shape)
        found[name] = content[begin:end].reshape(entry.shape)
        if not np.isfinite(found[name]).all():
            raise ModelError(f"{container.name}: {bare(name)} has numbers that are not finite")
        begin = end
    return found


def _numbers(entry: Entry) -> Any:
    """The numbers of a tensor, some blocks at a time."""
    assert entry.kind.floats is not None
    blocks = np.frombuffer(entry.content, np.uint8).reshape(-1, entry.kind.size)
    step = _TOGETHER // entry.kind.count
    for begin in range(0, len(blocks), step):
        yield entry.kind.floats(blocks[begin : begin + step])
