"""Training states of attention-is-all-you-need-pytorch, the textbook implementation (`.chkpt`).

One file of PyTorch's: {"epoch", "settings": an `argparse.Namespace`, "model": tensors}. A layer N
of a `{stack}` of encoder and decoder has

    {stack}.layer_stack.N.{slf_attn,enc_attn}.{w_qs,w_ks}.weight    [heads * d_k, d_model]
    {stack}.layer_stack.N.{slf_attn,enc_attn}.w_vs.weight           [heads * d_v, d_model]
    {stack}.layer_stack.N.{slf_attn,enc_attn}.fc.weight             [d_model, heads * d_v]
    {stack}.layer_stack.N.pos_ffn.{w_1,w_2}.{weight,bias}
    {stack}.layer_stack.N.{slf_attn,enc_attn,pos_ffn}.layer_norm.{weight,bias}

and there are {encoder.src,decoder.trg}_word_emb.weight, {stack}.layer_norm, which normalises the
sum of embedding and position, {stack}.position_enc.pos_table, whose sines and cosines alternate,
and trg_word_prj.weight.

The vocabulary is in another file, a pickle of torchtext's objects, which is not read: ids in, ids
out. torchtext numbers its special tokens <unk>, padding, <s>, </s>, so that start and end are the
two ids behind the padding's, the one of them that the settings tell.
"""

from __future__ import annotations

import functools
import math
import pathlib
from collections.abc import Mapping

import numpy as np

from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.errors import ModelError
from pyattn.files.fields import MAX_DIM, MAX_LAYERS, Fields
from pyattn.files.model_files import ModelFiles
from pyattn.files.named_tensors import Weights, tied
from pyattn.files.pickled import read_training
from pyattn.files.tensors import Tensor
from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.stored import Array, Stored, Tensors

_SUFFIX = ".chkpt"

# The words of our tensor names, in those of the files.
_WORDS = {
    "layers": "layer_stack",
    "self_attention": "slf_attn",
    "self_attention_norm": "slf_attn.layer_norm",
    "cross_attention": "enc_attn",
    "cross_attention_norm": "enc_attn.layer_norm",
    "feed_forward": "pos_ffn",
    "feed_forward_norm": "pos_ffn.layer_norm",
    "query": "w_qs",
    "key": "w_ks",
    "value": "w_vs",
    "output": "fc",
    "up": "w_1",
    "down": "w_2",
    "embedding_norm": "layer_norm",
}
_SOURCE, _TARGET = "encoder.src_word_emb.weight", "decoder.trg_word_emb.weight"
_OUTPUT = "trg_word_prj.weight"
_TABLE = "position_enc.pos_table"


def is_textbook(path: pathlib.Path) -> bool:
    """Whether a path is such a file, by its name."""
    return path.suffix == _SUFFIX and not path.is_dir()


class TextbookFiles(ModelFiles):
    """A .chkpt file.

    Args:
        path: The file.
    """

    @functools.cached_property
    def _state(self) -> tuple[Fields, dict[str, Tensor]]:
        """The settings and the tensors."""
        settings, tensors = read_training(self.path)
        return Fields({f"{self.path.name}: settings": settings}), tensors

    def _read(self) -> Checkpoint:
        return _checkpoint(self.path.name, *self._state)

    @property
    def config(self) -> ModelConfig:
        """As `ModelFiles`."""
        return self.checkpoint.config

    @property
    def tokenizer(self) -> None:
        """None: the vocabulary is in another file, which cannot be read safely."""
        return None

    @property
    def stored_numbers(self) -> Mapping[str, int]:
        """As `ModelFiles`."""
        file, (_, tensors) = self.path.name, self._state
        return Weights(file, tensors).counts()


def _checkpoint(file: str, fields: Fields, tensors: Mapping[str, Tensor]) -> Checkpoint:
    """The model of a file; its generation options are those of the textbook's translate.py."""
    weights = Weights(file, tensors)
    config = _config(fields, _positions(tensors, file))
    heads = _Heads(config, fields.integer("d_k", high=MAX_DIM), fields.integer("d_v", high=MAX_DIM))
    stored: dict[str, Stored] = {}
    for name, shape in tensor_shapes(config):
        if name.endswith(".positions"):
            table = weights.take(f"{name.split('.')[0]}.{_TABLE}", (1, *shape))
            stored[name] = Stored("float32", table.float32()[0])
        elif name not in _TIED:
            part = name.split(".")[-2]
            saved = weights.take(_saved_name(name), heads.saved_shape(part, shape))
            stored[name] = heads.padded(part, saved.stored(), shape)
    stored |= tied(weights, dict(tensor_shapes(config)), _TIED)
    weights.check_all_taken(config.family)
    return Checkpoint(config, Tensors(stored), GenerationOptions(beam_size=5, length_penalty=0.7))


_TIED = {"encoder.embedding": _SOURCE, "decoder.embedding": _TARGET, "output.weight": _OUTPUT}


def _saved_name(name: str) -> str:
    return ".".join(_WORDS.get(word, word) for word in name.split("."))


def _positions(tensors: Mapping[str, Tensor], file: str) -> int:
    table = tensors.get(f"decoder.{_TABLE}")
    if table is None or len(table.shape) != 3:
        raise ModelError(f"{file}: decoder.{_TABLE} is missing or no table")
    return table.shape[1]


def _config(fields: Fields, positions: int) -> ModelConfig:
    dim = fields.integer("d_model", high=MAX_DIM)
    d_k = fields.integer("d_k", high=MAX_DIM)
    head_dim = max(d_k, fields.integer("d_v", high=MAX_DIM))
    layers = fields.integer("n_layers", high=MAX_LAYERS)
    heads = fields.integer("n_head", high=MAX_DIM // head_dim)
    ffn = fields.integer("d_inner_hid", high=MAX_DIM)
    source, target = fields.integer("src_vocab_size"), fields.integer("trg_vocab_size")
    pad = fields.integer("trg_pad_idx", low=0, high=target - 3)
    # Either scale is meant for a matrix that is both embedding and projection.
    shared = fields.boolean("proj_share_weight", False)
    scales = {scale: scale if shared else "none" for scale in ("emb", "prj", "none")}
    scale = fields.choice("scale_emb_or_prj", scales, "prj")
    return ModelConfig(
        family="textbook",
        source_vocab=source,
        target_vocab=target,
        dim=dim,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_heads=heads,
        decoder_heads=heads,
        encoder_ffn=ffn,
        decoder_ffn=ffn,
        max_positions=positions,
        start=pad + 1,
        end=pad + 2,
        pad=pad,
        head_dim=head_dim,
        norm="post",
        norm_epsilon=1e-6,
        embedding_norm=True,
        attention_bias=False,
        activation="relu",
        positions="learned",
        attention_scale=d_k**-0.5,
        embedding_scale=math.sqrt(dim) if scale == "emb" else 1.0,
        logits_scale=dim**-0.5 if scale == "prj" else 1.0,
    )


class _Heads:
    """Keys and values of different widths, filled up to one width with zeros.

    Zeros add nothing to a score; and what they make of the values, zeros of the output's matrix
    meet.
    """

    def __init__(self, config: ModelConfig, d_k: int, d_v: int) -> None:
        self._heads = config.encoder_heads
        self._width = max(d_k, d_v)
        self._saved = {"query": d_k, "key": d_k, "value": d_v, "output": d_v}

    def saved_shape(self, part: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape in the file of a tensor that is to have `shape`."""
        if part not in self._saved:
            return shape
        width = self._heads * self._saved[part]
        return (shape[0], width) if part == "output" else (width, shape[1])

    def padded(self, part: str, tensor: Stored, shape: tuple[int, ...]) -> Stored:
        """The tensor with its heads filled up."""
        if tensor.shape == shape:
            return tensor
        return Stored("float32", self._filled(part, tensor.float32(), shape))

    def _filled(self, part: str, matrix: Array, shape: tuple[int, ...]) -> Array:
        more = self._width - self._saved[part]
        if part == "output":
            by_head = matrix.reshape(shape[0], self._heads, -1)
            return np.pad(by_head, ((0, 0), (0, 0), (0, more))).reshape(shape)
        by_head = matrix.reshape(self._heads, -1, shape[1])
        return np.pad(by_head, ((0, 0), (0, more), (0, 0))).reshape(shape)
