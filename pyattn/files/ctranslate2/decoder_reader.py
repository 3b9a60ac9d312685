"""CTranslate2's decoders that stand alone, such as GPT-2 and Llama.

Their variables are those that `reader` lists for a decoder, without its attention to an encoder,
and for rotary positions and shared keys and values

    decoder/layer_N/self_attention/rotary_{dim,base,interleave}   a dim of 0 is the whole head
    decoder/layer_N/self_attention/{num_heads_kv,head_dim,sliding_window}
    decoder/layer_N/self_attention/{q_norm,k_norm}/gamma          RMS norms of queries and keys
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.ctranslate2.binary import WEIGHTS_FILE, Binary
from pyattn.files.ctranslate2.config import (
    SpecialTokens,
    read_decoder_tokens,
    read_encoder_tokens,
)
from pyattn.files.ctranslate2.reader import LATEST_REVISION, Reader
from pyattn.files.ctranslate2.structure import EMBEDDINGS, read_structure
from pyattn.files.fields import MAX_DIM, MAX_POSITIONS
from pyattn.files.vocabulary import Vocabularies
from pyattn.model_config import ModelConfig, StackSizes
from pyattn.options import GenerationOptions
from pyattn.stored import Stored, Tensors

# The spec's name has no "Model": that is its wrapper, which is not stored.
DECODER_SPEC = "TransformerDecoderSpec"
_REVISION = 8
_SELF = "decoder/layer_{}/self_attention"
# Rotary positions have no end in these files; the longest texts that small models were made for.
_ROTARY_POSITIONS = 1 << 15


class DecoderReader(Reader):
    """A folder of a decoder, as `Reader` reads those of encoder-decoders.

    Args:
        folder: The folder.
        binary: The variables of its model.bin.

    Raises:
        ModelError: as `Reader`.
    """

    def __init__(self, folder: pathlib.Path, binary: Binary) -> None:
        if binary.revision != _REVISION:
            raise ModelError(f"{WEIGHTS_FILE}: revision is {binary.revision}, expected {_REVISION}")
        # Its stack has the names of the other class in its latest revision.
        named = dataclasses.replace(binary, spec="TransformerSpec", revision=LATEST_REVISION)
        super().__init__(folder, named)

    @functools.cached_property
    def special(self) -> SpecialTokens:
        """The tokens with a meaning of their own."""
        return read_decoder_tokens(self._folder, self._binary, self._variables)

    @functools.cached_property
    def rows(self) -> dict[str, tuple[int, int]]:
        """Shape of the embedding."""
        shape = self._variables.shape(*(f"{name}/weight" for name in EMBEDDINGS["decoder"]))
        if shape[1] > MAX_DIM:
            raise ModelError(
                f"{WEIGHTS_FILE}: decoder/embeddings/weight has shape {list(shape)}, expected at "
                f"most {MAX_DIM} columns"
            )
        return {"decoder": shape}

    @functools.cached_property
    def vocabularies(self) -> Vocabularies:
        """The tokens by their ids."""
        special = self.special
        found = read_encoder_tokens(self._folder, special, self.rows["decoder"][0])
        if special.end not in found.target:
            raise ModelError(f"{self._folder}: {special.end!r:.60} is missing in its vocabulary")
        return found

    @functools.cached_property
    def config(self) -> ModelConfig:
        """The model's config."""
        vocab, dim = self.rows["decoder"]
        structure = read_structure(self._variables, self._binary, "decoder", dim)
        variant, words = structure.variant, self.vocabularies
        self._variables.expect("decoder/start_from_zero_embedding", 0)
        heads = structure.heads
        head_dim = variant.width // heads
        layers = [self._layer(n, head_dim, heads) for n in range(structure.layers)]
        first = layers[0]
        if variant.buckets or not (variant.encodings or first.theta):
            raise ModelError(
                f"{WEIGHTS_FILE}: expected a decoder with rotary positions or a table of them"
            )
        if any(one.without_window() != first.without_window() for one in layers):
            raise ModelError(
                f"{WEIGHTS_FILE}: layers differ in rotary_base, num_heads_kv or norms of queries, "
                "expected the same in all"
            )
        windows = tuple(one.window for one in layers)
        output = f"{_SELF.format(0)}/linear_1/bias"
        return ModelConfig(
            family="transformer",
            target_vocab=vocab,
            dim=dim,
            decoder_layers=structure.layers,
            decoder_heads=heads,
            decoder_kv_heads=None if first.kv_heads == heads else first.kv_heads,
            decoder_ffn=structure.ffn,
            max_positions=_ROTARY_POSITIONS if first.theta else structure.positions,
            end=words.target.id_of(words.end),
            unk=words.target.unk,
            head_dim=None if variant.width == dim else head_dim,
            norm="pre" if variant.pre_norm else "post",
            norm_kind="rms" if variant.rms_norm else "layer",
            norm_epsilon=self._norm_epsilon(variant),
            final_norm=variant.layer_norm,
            embedding_norm=variant.layernorm_embedding,
            attention_bias=variant.attention_bias,
            attention_output_bias=self._variables.optional(output) is not None,
            query_key_norm=first.norms,
            feed_forward_bias=variant.feed_forward_bias,
            activation=variant.activation,
            gated=variant.gated,
            positions="rotary" if first.theta else "learned",
            rotary_theta=first.theta or 10000.0,
            decoder_windows=windows if any(windows) else (),
            attention_scale=variant.queries_scale,
            embedding_scale=variant.scale_embeddings,
            logits_scale=self._variables.number("decoder/scale_outputs", default=1),
        )

    def _layer(self, n: int, head_dim: int, heads: int) -> _Layer:
        """What is the same in all layers, but for their windows."""
        name, variables = _SELF.format(n), self._variables
        theta = 0.0
        if variables.optional(f"{name}/rotary_dim") is not None:
            dim = variables.number(f"{name}/rotary_dim", default=0)
            if dim not in (0, head_dim):
                raise variables.error(f"{name}/rotary_dim", f"is {dim:g}, supported is {head_dim}")
            variables.expect(f"{name}/rotary_interleave", 0)
            theta = variables.number(f"{name}/rotary_base", default=10000)
            if theta < 1:
                raise variables.error(f"{name}/rotary_base", f"is {theta:g}, expected 1 or more")
        variables.expect(f"{name}/rotary_scaling_type", -1)
        kv_heads = int(variables.number(f"{name}/num_heads_kv", default=heads))
        if not 1 <= kv_heads <= heads or heads % kv_heads:
            raise variables.error(
                f"{name}/num_heads_kv", f"is {kv_heads}, expected a divisor of {heads}"
            )
        window = int(variables.number(f"{name}/sliding_window", default=0))
        if not 0 <= window <= MAX_POSITIONS:
            raise variables.error(f"{name}/sliding_window", f"is {window}, expected 0 or more")
        norms = variables.optional(f"{name}/q_norm/gamma") is not None
        return _Layer(theta, kv_heads, norms, window)

    def checkpoint(self) -> Checkpoint:
        """The model."""
        config = self.config
        self._read_stack("decoder", config)
        self._read_output(config)
        self._alignment_heads(config)
        self._variables.check_all_taken()
        return Checkpoint(config, Tensors(self._tensors), GenerationOptions())

    def _attention(
        self,
        name: str,
        saved: str,
        linears: object,  # noqa: ARG002 (as in Reader, whose projections are of one height)
        config: ModelConfig,
        sizes: StackSizes,
    ) -> None:
        """That to its own tokens; there is no other."""
        if not name.endswith(".self_attention"):
            return
        scale = config.attention_scale
        usual = sizes.head_dim**-0.5 if scale is None else scale
        self._variables.expect(f"{saved}/queries_scale", usual)
        self._variables.expect(f"{saved}/head_dim", sizes.head_dim)
        self._norm(f"{name}_norm", f"{saved}/layer_norm", config)
        heights = {"query": sizes.width, "key": sizes.kv_width, "value": sizes.kv_width}
        rows = sum(heights.values())
        weight = self._variables.stored((rows, config.dim), f"{saved}/linear_0/weight")
        bias: Stored | None = None
        if config.attention_bias:
            bias = self._variables.stored((rows,), f"{saved}/linear_0/bias")
        begin = 0
        for part, height in heights.items():
            end = begin + height
            self._tensors[f"{name}.{part}.weight"] = weight.rows(begin, end)
            if bias is not None:
                self._tensors[f"{name}.{part}.bias"] = bias.rows(begin, end)
            begin = end
        if config.query_key_norm:
            for ours, theirs in (("query_norm", "q_norm"), ("key_norm", "k_norm")):
                gamma = self._variables.stored((sizes.head_dim,), f"{saved}/{theirs}/gamma")
                self._tensors[f"{name}.{ours}.weight"] = gamma
        biased = config.biased_attention_output
        self._linear(f"{saved}/linear_1", [f"{name}.output"], config.dim, sizes.width, bias=biased)


@dataclasses.dataclass(frozen=True)
class _Layer:
    """Attributes of a layer's self-attention; a `theta` of 0 is no rotation."""

    theta: float
    kv_heads: int
    norms: bool
    window: int

    def without_window(self) -> _Layer:
        """The same but for its window."""
        return dataclasses.replace(self, window=0)
