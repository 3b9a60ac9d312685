"""Folders of CTranslate2 models: encoder-decoder Transformers in files of version 1 to 6.

A folder holds model.bin (`pyattn.formats.ctranslate2_binary`), the vocabularies, from version 6 on
config.json, and perhaps vmap.txt. These models take and give tokens: `read_vocabularies` says which
ids they have here. Their variables, for a `{stack}` of encoder and decoder and a layer N:

    {stack}/{num_heads,pre_norm,activation}               without {stack}/ before revision 5
    encoder/embeddings_0/weight                           [vocab, dim]; also without _0
    decoder/embeddings/weight                             [vocab, dim]
    {stack}/scale_embeddings                              whether by sqrt(dim), or by what
    {stack}/position_encodings/encodings                  [positions, dim]; else they are computed
    {stack}/{layernorm_embedding,layer_norm}/{gamma,beta} either may be absent
    {stack}/layer_N/self_attention/linear_{0,1}           query, key and value as one; output
    decoder/layer_N/attention/linear_{0,1,2}              query; key and value as one; output
    {stack}/layer_N/ffn/linear_{0,1}                      up; down
    {stack}/layer_N/{self_attention,attention,ffn}/layer_norm
    decoder/projection                                    output
    decoder/start_from_zero_embedding                     whether the start is a vector of zeros

Each linear has a weight, [out, in], perhaps its scale, and perhaps a bias.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import pathlib
import re

import numpy as np

from pyattn.checkpoint import Activation, Checkpoint, ModelConfig
from pyattn.errors import ModelError
from pyattn.formats.ctranslate2_binary import WEIGHTS_FILE, Binary, read_binary
from pyattn.formats.ctranslate2_config import (
    SpecialTokens,
    read_special_tokens,
    read_token_files,
)
from pyattn.formats.ctranslate2_variables import Variables
from pyattn.formats.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS
from pyattn.formats.files import shown
from pyattn.formats.vmap import VocabularyMap, read_vmap
from pyattn.formats.vocabulary import Vocabularies
from pyattn.options import GenerationOptions
from pyattn.stored import Stored, Tensors

VMAP_FILE = "vmap.txt"

# Name of a model's class to the heads that it has if no variable says so.
_SPECS = {"": 8, "TransformerBase": 8, "TransformerBig": 16, "TransformerSpec": 8}
_LATEST_REVISION = 7
# The revision from which on each stack has attributes of its own.
_SCOPED = 5
_ACTIVATIONS: dict[int, Activation] = {0: "relu", 1: "gelu_tanh", 2: "silu", 3: "gelu"}
# Computed positions have no end of their own; CTranslate2 cuts sources there unless told otherwise.
_COMPUTED_POSITIONS = 1024
# CTranslate2's default, without the end.
_MOST_TOKENS = 256
_EMBEDDINGS = {
    "encoder": ("encoder/embeddings_0", "encoder/embeddings"),
    "decoder": ("decoder/embeddings",),
}
_STACKS = ("encoder", "decoder")
_Linears = tuple[tuple[str, ...], ...]
_SELF = ("self_attention", "self_attention", (("query", "key", "value"), ("output",)))
_CROSS = ("cross_attention", "attention", (("query",), ("key", "value"), ("output",)))
# Our name of each attention, the file's, and what is in each of its linears.
_ATTENTIONS: dict[str, tuple[tuple[str, str, _Linears], ...]] = {
    "encoder": (_SELF,),
    "decoder": (_SELF, _CROSS),
}
# What says how sources' features are put together, of which there is one; and how ALiBi would be
# computed.
_UNUSED = ("embeddings_merge", "alibi_use_positive_positions", "scale_alibi")


def is_ctranslate2(folder: pathlib.Path) -> bool:
    """Whether a folder has weights under the name that CTranslate2 gives them."""
    return (folder / WEIGHTS_FILE).exists()


def read_ctranslate2(folder: pathlib.Path) -> Checkpoint:
    """The model in a folder of CTranslate2's; its weights stay views of the file.

    It is decoded as CTranslate2 does by default: a beam of 2, at least one token and at most 256
    before the end.

    Raises:
        ModelError: if a file is missing or malformed, or if the model has what is not supported.
    """
    return _Reader(folder).checkpoint()


def read_vocabularies(folder: str | os.PathLike[str]) -> Vocabularies:
    """The tokens of a CTranslate2 model, by their ids, and what it wants around a source.

    Raises:
        ModelError: as `read_ctranslate2`.
    """
    return _Reader(pathlib.Path(folder)).vocabularies


def read_vocabulary_map(folder: str | os.PathLike[str]) -> VocabularyMap | None:
    """Which target tokens go with which source tokens, if the folder says so (vmap.txt).

    Raises:
        ModelError: as `read_ctranslate2`, and if vmap.txt is malformed.
    """
    path = pathlib.Path(folder)
    if not (path / VMAP_FILE).exists():
        return None
    found = _Reader(path).vocabularies
    return read_vmap(path / VMAP_FILE, found.target, always=(found.begin, found.end))


class _Reader:
    """A folder, as far as it has been understood."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._binary = _supported(read_binary(folder / WEIGHTS_FILE))
        self._variables = Variables(self._binary)
        self._tensors: dict[str, Stored] = {}

    @functools.cached_property
    def special(self) -> SpecialTokens:
        """The tokens with a meaning of their own."""
        return read_special_tokens(self._folder, self._binary, self._variables)

    @functools.cached_property
    def rows(self) -> dict[str, tuple[int, int]]:
        """Shape of each stack's embedding."""
        shapes = {
            stack: self._variables.shape(*(f"{name}/weight" for name in names))
            for stack, names in _EMBEDDINGS.items()
        }
        dim = shapes["encoder"][1]
        if dim > MAX_DIM or shapes["decoder"][1] != dim:
            raise ModelError(
                f"{WEIGHTS_FILE}: decoder/embeddings/weight has shape {list(shapes['decoder'])}, "
                f"that of the encoder {list(shapes['encoder'])}; expected as many columns"
            )
        return shapes

    @functools.cached_property
    def vocabularies(self) -> Vocabularies:
        """The tokens by their ids."""
        source, target = (self.rows[stack][0] for stack in _STACKS)
        return read_token_files(
            self._folder, self.special, source, target, zero_start=self.zero_start
        )

    @functools.cached_property
    def zero_start(self) -> bool:
        """Whether the start is a vector of zeros."""
        return self._variables.flag("decoder/start_from_zero_embedding", default=False)

    def checkpoint(self) -> Checkpoint:
        """The model."""
        config = self._config(*(self._stack(stack) for stack in _STACKS))
        for stack in _STACKS:
            self._read_stack(stack, config)
        self._read_output(config)
        alignment_heads = self._alignment_heads(config)
        self._variables.check_all_taken()
        options = GenerationOptions(
            beam_size=2,
            min_new_tokens=1,
            max_new_tokens=min(_MOST_TOKENS + 1, config.max_positions),
            early_stopping=True,
            alignment_heads=alignment_heads,
        )
        return Checkpoint(config, Tensors(self._tensors), options)

    def _alignment_heads(self, config: ModelConfig) -> tuple[tuple[int, int], ...]:
        """The heads that alignments are averaged from: the first of a layer, for 0 all of it."""
        layers, heads = config.decoder_layers, config.decoder_heads
        layer_names, count_names = (
            self._attribute("decoder", name) for name in ("alignment_layer", "alignment_heads")
        )
        layer = self._variables.number(*layer_names, default=-1)
        if not -layers <= layer < layers:
            raise self._variables.error(
                layer_names[0], f"is {layer:g}, expected {-layers} to {layers - 1}"
            )
        count = self._variables.number(*count_names, default=1)
        if not 0 <= count <= heads:
            raise self._variables.error(count_names[0], f"is {count:g}, expected 0 to {heads}")
        return tuple((int(layer) % layers, head) for head in range(int(count) or heads))

    def _config(self, encoder: _Stack, decoder: _Stack) -> ModelConfig:
        _check_alike(encoder.variant, decoder.variant)
        variant, tokens = encoder.variant, self.vocabularies
        return ModelConfig(
            family="marian" if self.zero_start else "transformer",
            source_vocab=self.rows["encoder"][0],
            target_vocab=self.rows["decoder"][0],
            dim=self.rows["encoder"][1],
            encoder_layers=encoder.layers,
            decoder_layers=decoder.layers,
            encoder_heads=encoder.heads,
            decoder_heads=decoder.heads,
            encoder_ffn=encoder.ffn,
            decoder_ffn=decoder.ffn,
            max_positions=min(encoder.positions, decoder.positions),
            start=tokens.target.id_of(tokens.start),
            end=tokens.target.id_of(tokens.end),
            unk=tokens.target.unk,
            norm="pre" if variant.pre_norm else "post",
            norm_epsilon=self.special.norm_epsilon,
            final_norm=variant.layer_norm,
            activation=variant.activation,
            positions="learned" if variant.encodings else "sinusoidal_t2t",
            first_position=0 if variant.encodings else 1,
            embedding_scale=variant.scale_embeddings,
            embedding_norm=variant.layernorm_embedding,
            zero_start=self.zero_start,
        )

    def _stack(self, stack: str) -> _Stack:
        """What the variables say of a stack, but for its tensors."""
        variables = self._variables
        dim = self.rows[stack][1]
        name = self._attribute(stack, "num_heads")
        heads = variables.number(*name, default=_SPECS[self._binary.spec])
        if not (1 <= heads <= dim) or dim % heads:
            raise variables.error(name[0], f"is {heads:g}, expected a divisor of {dim}")
        layers = self._layers(stack)
        ffn = variables.shape(f"{stack}/layer_0/ffn/linear_0/weight")[0]
        positions = _COMPUTED_POSITIONS
        encodings = f"{stack}/position_encodings/encodings"
        if variables.optional(encodings) is not None:
            positions = variables.shape(encodings)[0]
        if ffn > MAX_DIM or positions > MAX_POSITIONS:
            raise ModelError(
                f"{WEIGHTS_FILE}: {stack} has {ffn} columns in layer_0/ffn and {positions} "
                f"positions, expected at most {MAX_DIM} and {MAX_POSITIONS}"
            )
        for neutral in ("alibi", "multi_query_attention"):
            variables.expect(f"{stack}/{neutral}", 0)
        for unused in _UNUSED:
            variables.optional(*self._attribute(stack, unused))
        return _Stack(layers, int(heads), ffn, positions, self._variant(stack, dim))

    def _variant(self, stack: str, dim: int) -> _Variant:
        variables = self._variables
        name = self._attribute(stack, "activation")
        activation = variables.number(*name, default=0)
        if activation not in _ACTIVATIONS:
            known = ", ".join(f"{number} ({name})" for number, name in _ACTIVATIONS.items())
            raise variables.error(name[0], f"is {activation:g}, supported are {known}")
        return _Variant(
            pre_norm=variables.flag(*self._attribute(stack, "pre_norm"), default=True),
            layer_norm=self._exists(f"{stack}/layer_norm"),
            activation=_ACTIVATIONS[int(activation)],
            encodings=self._exists(f"{stack}/position_encodings"),
            scale_embeddings=self._embedding_scale(stack, dim),
            layernorm_embedding=self._exists(f"{stack}/layernorm_embedding"),
        )

    def _embedding_scale(self, stack: str, dim: int) -> float:
        """A floating number is the scale itself, any other says whether there is one."""
        names = [f"{stack}/scale_embeddings"]
        names += [f"{name}/multiply_by_sqrt_depth" for name in _EMBEDDINGS[stack]]
        scale = self._variables.number(*names, default=1)
        if isinstance(scale, int):
            return math.sqrt(dim) if scale else 1.0
        return scale

    def _attribute(self, stack: str, name: str) -> tuple[str, ...]:
        """The names that a stack's attribute may have."""
        return (
            (f"{stack}/{name}",) if self._binary.revision >= _SCOPED else (f"{stack}/{name}", name)
        )

    def _exists(self, prefix: str) -> bool:
        return any(name.startswith(f"{prefix}/") for name in self._variables.names())

    def _layers(self, stack: str) -> int:
        """How many layers there are names for; that none is left out shows when they are read."""
        layer = re.compile(rf"{stack}/layer_(\d{{1,6}})/")
        found = filter(None, map(layer.match, self._variables.names()))
        count = max((int(match[1]) for match in found), default=-1) + 1
        if not 1 <= count <= MAX_LAYERS:
            raise ModelError(
                f"{WEIGHTS_FILE}: {count} layers of the {stack}, expected 1 to {MAX_LAYERS}"
            )
        return count

    def _read_stack(self, stack: str, config: ModelConfig) -> None:
        dim = config.dim
        rows, heads, ffn, layers = (
            (config.source_vocab, config.encoder_heads, config.encoder_ffn, config.encoder_layers)
            if stack == "encoder"
            else (
                config.target_vocab,
                config.decoder_heads,
                config.decoder_ffn,
                config.decoder_layers,
            )
        )
        names = (f"{name}/weight" for name in _EMBEDDINGS[stack])
        self._tensors[f"{stack}.embedding"] = self._variables.stored((rows, dim), *names)
        if config.positions == "learned":
            encodings = f"{stack}/position_encodings/encodings"
            shape = (self._variables.shape(encodings)[0], dim)
            table = self._variables.stored(shape, encodings)
            self._tensors[f"{stack}.positions"] = table.rows(0, config.max_positions)
        if config.embedding_norm:
            self._norm(f"{stack}.embedding_norm", f"{stack}/layernorm_embedding", dim)
        for n in range(layers):
            layer, saved = f"{stack}.layers.{n}", f"{stack}/layer_{n}"
            for attention, name, linears in _ATTENTIONS[stack]:
                self._attention(f"{layer}.{attention}", f"{saved}/{name}", linears, dim, heads)
            self._norm(f"{layer}.feed_forward_norm", f"{saved}/ffn/layer_norm", dim)
            self._linear(f"{saved}/ffn/linear_0", [f"{layer}.feed_forward.up"], ffn, dim)
            self._linear(f"{saved}/ffn/linear_1", [f"{layer}.feed_forward.down"], dim, ffn)
        if config.final_norm:
            self._norm(f"{stack}.final_norm", f"{stack}/layer_norm", dim)

    def _attention(self, name: str, saved: str, linears: _Linears, dim: int, heads: int) -> None:
        for attribute, value in (
            ("queries_scale", (dim // heads) ** -0.5),
            ("head_dim", dim // heads),
            ("num_heads_kv", heads),
        ):
            self._variables.expect(f"{saved}/{attribute}", value)
        self._norm(f"{name}_norm", f"{saved}/layer_norm", dim)
        for n, parts in enumerate(linears):
            self._linear(f"{saved}/linear_{n}", [f"{name}.{part}" for part in parts], dim, dim)

    def _read_output(self, config: ModelConfig) -> None:
        rows, name = config.target_vocab, "decoder/projection"
        self._variables.expect("decoder/scale_outputs", 1)
        self._tensors["output.weight"] = self._variables.stored(
            (rows, config.dim), f"{name}/weight"
        )
        if self._variables.optional(f"{name}/bias") is not None:
            self._tensors["output.bias"] = self._variables.stored((rows,), f"{name}/bias")

    def _linear(self, saved: str, names: list[str], rows: int, columns: int) -> None:
        """The matrices above each other in one, [rows, columns] each, and their biases."""
        weight = self._variables.stored((rows * len(names), columns), f"{saved}/weight")
        bias = Stored("float32", np.zeros(rows * len(names), np.float32))
        if self._variables.optional(f"{saved}/bias") is not None:
            bias = self._variables.stored(bias.shape, f"{saved}/bias")
        for n, name in enumerate(names):
            self._tensors[f"{name}.weight"] = weight.rows(n * rows, (n + 1) * rows)
            self._tensors[f"{name}.bias"] = bias.rows(n * rows, (n + 1) * rows)

    def _norm(self, name: str, saved: str, dim: int) -> None:
        if self._variables.optional(f"{saved}/beta") is None:
            raise self._variables.error(f"{saved}/beta", "is missing; RMS norm is not supported")
        self._tensors[f"{name}.weight"] = self._variables.stored((dim,), f"{saved}/gamma")
        self._tensors[f"{name}.bias"] = self._variables.stored((dim,), f"{saved}/beta")


@dataclasses.dataclass(frozen=True)
class _Variant:
    """What both stacks of a model have in common here; by the variables' names."""

    pre_norm: bool
    layer_norm: bool
    activation: Activation
    encodings: bool
    scale_embeddings: float
    layernorm_embedding: bool


@dataclasses.dataclass(frozen=True)
class _Stack:
    """The sizes of a stack, and its variant."""

    layers: int
    heads: int
    ffn: int
    positions: int
    variant: _Variant


def _supported(binary: Binary) -> Binary:
    if binary.spec not in _SPECS:
        raise ModelError(
            f"{WEIGHTS_FILE}: the model's class is {shown(binary.spec)}, supported are "
            f"{', '.join(filter(None, _SPECS))}"
        )
    if not 1 <= binary.revision <= _LATEST_REVISION:
        raise ModelError(
            f"{WEIGHTS_FILE}: revision is {binary.revision}, expected 1 to {_LATEST_REVISION}"
        )
    return binary


def _check_alike(encoder: _Variant, decoder: _Variant) -> None:
    for field in dataclasses.fields(_Variant):
        one, other = getattr(encoder, field.name), getattr(decoder, field.name)
        if one != other:
            raise ModelError(
                f"{WEIGHTS_FILE}: {field.name} is {one} in the encoder and {other} in the decoder, "
                f"expected the same"
            )
