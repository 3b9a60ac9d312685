"""Folders of CTranslate2 models: encoder-decoder Transformers in files of version 1 to 6.

A folder holds model.bin (`pyattn.files.ctranslate2.binary`), the vocabularies, from version 6 on
config.json, and perhaps vmap.txt. These models take and give tokens; `Reader.vocabularies` are
their ids. Their variables, for a `{stack}` of encoder and decoder and a layer N:

    {stack}/{num_heads,pre_norm,activation}               without {stack}/ before revision 5
    encoder/embeddings_0/weight                           [vocab, dim]; also without _0
    decoder/embeddings/weight                             [vocab, dim]
    {stack}/scale_embeddings                              the scale, or whether it is sqrt(dim)
    {stack}/position_encodings/encodings                  [positions, dim]; else they are computed
    {stack}/{layernorm_embedding,layer_norm}/{gamma,beta} either may be absent
    {stack}/layer_N/self_attention/linear_{0,1}           query, key and value as one; output
    decoder/layer_N/attention/linear_{0,1,2}              query; key and value as one; output
    {stack}/layer_N/ffn/linear_{0,1}                      up; down
    {stack}/layer_N/ffn/linear_0_noact                    up, where linear_0 is the gate
    {stack}/layer_N/{self_attention,attention,ffn}/layer_norm   without beta: RMS norm
    {stack}/layer_N/self_attention/relative_attention_{bias,max_distance}   T5's positions
    {stack}/layer_N/{self_attention,attention}/queries_scale
    decoder/projection                                    output
    decoder/scale_outputs                                 factor of its inputs
    decoder/start_from_zero_embedding                     whether the start is a vector of zeros

Each linear has a weight, [out, in], perhaps its scale, and perhaps a bias.
"""

from __future__ import annotations

import functools
import pathlib

import numpy as np

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.ctranslate2.binary import WEIGHTS_FILE, Binary
from pyattn.files.ctranslate2.config import (
    SpecialTokens,
    read_special_tokens,
    read_token_files,
)
from pyattn.files.ctranslate2.structure import (
    EMBEDDINGS,
    SPECS,
    Structure,
    Variant,
    attribute_names,
    common_variant,
    read_structure,
    relative_bias,
    relative_distance,
)
from pyattn.files.ctranslate2.variables import Variables
from pyattn.files.fields import MAX_DIM
from pyattn.files.reading import shown
from pyattn.files.vocabulary import Vocabularies
from pyattn.model_config import STACKS, ModelConfig, Positions, Stack, StackSizes
from pyattn.options import GenerationOptions
from pyattn.stored import Stored, Tensors

LATEST_REVISION = 7
_NORM_EPSILON, _RMS_NORM_EPSILON = 1e-5, 1e-6
# The default of `ModelConfig`, for models without distances.
_BUCKETS = 32
# CTranslate2's default, without the end.
_MOST_TOKENS = 256
_Linears = tuple[tuple[str, ...], ...]
_SELF = ("self_attention", "self_attention", (("query", "key", "value"), ("output",)))
_CROSS = ("cross_attention", "attention", (("query",), ("key", "value"), ("output",)))
# Our name of each attention, the file's, and the projections in each of its linears.
_ATTENTIONS: dict[str, tuple[tuple[str, str, _Linears], ...]] = {
    "encoder": (_SELF,),
    "decoder": (_SELF, _CROSS),
}


class Reader:
    """A folder that is being read; the weights stay views of its file.

    The model is decoded as CTranslate2 does by default: a beam of 2, at least one token and at most
    256 before the end.

    Args:
        folder: The folder.
        binary: The variables of its model.bin.

    Raises:
        ModelError: if a file is missing or malformed, or the model is not supported; likewise when
            a property is read.
    """

    def __init__(self, folder: pathlib.Path, binary: Binary) -> None:
        self._folder = folder
        self._binary = _supported(binary)
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
            for stack, names in EMBEDDINGS.items()
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
        source, target = (self.rows[stack][0] for stack in STACKS)
        return read_token_files(
            self._folder, self.special, source, target, zero_start=self.zero_start
        )

    @functools.cached_property
    def zero_start(self) -> bool:
        """Whether the start is a vector of zeros."""
        return self._variables.flag("decoder/start_from_zero_embedding", default=False)

    def checkpoint(self) -> Checkpoint:
        """The model."""
        config = self.config
        for stack in STACKS:
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
            attribute_names(self._binary, "decoder", name)
            for name in ("alignment_layer", "alignment_heads")
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

    @functools.cached_property
    def config(self) -> ModelConfig:
        """The model's config."""
        (source, dim), (target, _) = (self.rows[stack] for stack in STACKS)
        encoder, decoder = (
            read_structure(self._variables, self._binary, stack, dim) for stack in STACKS
        )
        variant, tokens = common_variant(encoder, decoder), self.vocabularies
        table: Positions = "learned" if variant.encodings else "sinusoidal_t2t"
        return ModelConfig(
            family="marian" if self.zero_start else "transformer",
            source_vocab=source,
            target_vocab=target,
            dim=dim,
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
            head_dim=None if variant.width == dim else variant.width // encoder.heads,
            norm="pre" if variant.pre_norm else "post",
            norm_kind="rms" if variant.rms_norm else "layer",
            norm_epsilon=self._norm_epsilon(variant),
            final_norm=variant.layer_norm,
            embedding_norm=variant.layernorm_embedding,
            attention_bias=variant.attention_bias,
            feed_forward_bias=variant.feed_forward_bias,
            activation=variant.activation,
            gated=variant.gated,
            positions="relative" if variant.buckets else table,
            first_position=0 if variant.encodings or variant.buckets else 1,
            relative_buckets=variant.buckets or _BUCKETS,
            relative_distance=variant.relative_attention_max_distance,
            relative_per_layer=variant.buckets > 0 and not self._same_biases(encoder, decoder),
            attention_scale=variant.queries_scale,
            embedding_scale=variant.scale_embeddings,
            zero_start=self.zero_start,
            logits_scale=self._variables.number("decoder/scale_outputs", default=1),
        )

    def _norm_epsilon(self, variant: Variant) -> float:
        if self.special.norm_epsilon is not None:
            return self.special.norm_epsilon
        return _RMS_NORM_EPSILON if variant.rms_norm else _NORM_EPSILON

    def _same_biases(self, *stacks: Structure) -> bool:
        """Whether all layers of a stack have one bias by distance."""
        for stack, structure in zip(STACKS, stacks, strict=True):
            biases = [
                self._variables.tensor(relative_bias(stack, n)) for n in range(structure.layers)
            ]
            if not all(bias.same_bits(biases[0]) for bias in biases):
                return False
        return True

    def _read_stack(self, stack: Stack, config: ModelConfig) -> None:
        dim, sizes = config.dim, config.stack(stack)
        names = (f"{name}/weight" for name in EMBEDDINGS[stack])
        self._tensors[f"{stack}.embedding"] = self._variables.stored((sizes.vocab, dim), *names)
        if config.positions == "learned":
            encodings = f"{stack}/position_encodings/encodings"
            shape = (self._variables.shape(encodings)[0], dim)
            table = self._variables.stored(shape, encodings)
            self._tensors[f"{stack}.positions"] = table.rows(0, config.max_positions)
        if config.embedding_norm:
            self._norm(f"{stack}.embedding_norm", f"{stack}/layernorm_embedding", config)
        for n in range(sizes.layers):
            layer, saved = f"{stack}.layers.{n}", f"{stack}/layer_{n}"
            if config.positions == "relative":
                self._relative_bias(stack, n, config)
            for attention, name, linears in _ATTENTIONS[stack]:
                self._attention(f"{layer}.{attention}", f"{saved}/{name}", linears, config, sizes)
            self._feed_forward(f"{layer}.feed_forward", f"{saved}/ffn", config, sizes.ffn)
        if config.final_norm:
            self._norm(f"{stack}.final_norm", f"{stack}/layer_norm", config)

    def _relative_bias(self, stack: Stack, n: int, config: ModelConfig) -> None:
        shape = (config.relative_buckets, config.stack(stack).heads)
        bias = self._variables.stored(shape, relative_bias(stack, n))
        layer = f"layers.{n}." if config.relative_per_layer else ""
        self._tensors[f"{stack}.{layer}relative_bias"] = bias
        self._variables.expect(relative_distance(stack, n), config.relative_distance)

    def _attention(
        self, name: str, saved: str, linears: _Linears, config: ModelConfig, sizes: StackSizes
    ) -> None:
        scale = config.attention_scale
        for attribute, value in (
            ("queries_scale", sizes.head_dim**-0.5 if scale is None else scale),
            ("head_dim", sizes.head_dim),
            ("num_heads_kv", sizes.heads),
        ):
            self._variables.expect(f"{saved}/{attribute}", value)
        self._norm(f"{name}_norm", f"{saved}/layer_norm", config)
        for n, parts in enumerate(linears):
            names = [f"{name}.{part}" for part in parts]
            shape = (config.dim, sizes.width) if parts == ("output",) else (sizes.width, config.dim)
            self._linear(f"{saved}/linear_{n}", names, *shape, bias=config.attention_bias)

    def _feed_forward(self, name: str, saved: str, config: ModelConfig, ffn: int) -> None:
        bias = config.feed_forward_bias
        self._norm(f"{name}_norm", f"{saved}/layer_norm", config)
        first = {"linear_0": "gate", "linear_0_noact": "up"} if config.gated else {"linear_0": "up"}
        for linear, part in first.items():
            self._linear(f"{saved}/{linear}", [f"{name}.{part}"], ffn, config.dim, bias=bias)
        self._linear(f"{saved}/linear_1", [f"{name}.down"], config.dim, ffn, bias=bias)

    def _read_output(self, config: ModelConfig) -> None:
        rows, name = config.target_vocab, "decoder/projection"
        self._tensors["output.weight"] = self._variables.stored(
            (rows, config.dim), f"{name}/weight"
        )
        if self._variables.optional(f"{name}/bias") is not None:
            self._tensors["output.bias"] = self._variables.stored((rows,), f"{name}/bias")

    def _linear(self, saved: str, names: list[str], rows: int, columns: int, *, bias: bool) -> None:
        """The matrices above each other in one, [rows, columns] each, and their biases."""
        weight = self._variables.stored((rows * len(names), columns), f"{saved}/weight")
        for n, name in enumerate(names):
            self._tensors[f"{name}.weight"] = weight.rows(n * rows, (n + 1) * rows)
        if not bias:
            return
        added = Stored("float32", np.zeros(rows * len(names), np.float32))
        if self._variables.optional(f"{saved}/bias") is not None:
            added = self._variables.stored(added.shape, f"{saved}/bias")
        for n, name in enumerate(names):
            self._tensors[f"{name}.bias"] = added.rows(n * rows, (n + 1) * rows)

    def _norm(self, name: str, saved: str, config: ModelConfig) -> None:
        shape = (config.dim,)
        self._tensors[f"{name}.weight"] = self._variables.stored(shape, f"{saved}/gamma")
        if config.norm_kind == "layer":
            self._tensors[f"{name}.bias"] = self._variables.stored(shape, f"{saved}/beta")


def _supported(binary: Binary) -> Binary:
    if binary.spec not in SPECS:
        raise ModelError(
            f"{WEIGHTS_FILE}: the model's class is {shown(binary.spec)}, supported are "
            f"{', '.join(filter(None, SPECS))}"
        )
    if not 1 <= binary.revision <= LATEST_REVISION:
        raise ModelError(
            f"{WEIGHTS_FILE}: revision is {binary.revision}, expected 1 to {LATEST_REVISION}"
        )
    return binary
