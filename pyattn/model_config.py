"""What a model is: its sizes, its variant of the Transformer, its special tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Activation: TypeAlias = Literal["relu", "gelu", "gelu_tanh", "silu"]
Mixer: TypeAlias = Literal["attention", "ssru", "average"]
Norm: TypeAlias = Literal["post", "pre", "both"]
NormKind: TypeAlias = Literal["layer", "rms"]
Pattern: TypeAlias = Literal["windows", "tokens", "aggregates", "blocks", "states"]
Positions: TypeAlias = Literal[
    "sinusoidal", "sinusoidal_t2t", "learned", "relative", "learned_relative", "rotary"
]
Stack: TypeAlias = Literal["encoder", "decoder"]
# In the order of computation.
STACKS: tuple[Stack, Stack] = ("encoder", "decoder")


@dataclasses.dataclass(frozen=True)
class StackSizes:
    """Sizes of one of the two stacks.

    Attributes:
        layers: Number of layers.
        heads: Attention heads.
        kv_heads: Heads of keys and values, each shared by heads / kv_heads neighbouring heads.
        head_dim: Width of a head.
        width: Of all queries of a token, heads * head_dim.
        kv_width: Of all keys of a token, and of all values, kv_heads * head_dim.
        ffn: Width of the middle of the feed-forward blocks.
        vocab: Rows of the embedding.
        layer_heads: Heads of self-attention, per layer.
        layer_cross_heads: Heads of cross-attention, per layer.
        layer_ffn: Width of the middle of the feed-forward, per layer.
        windows: Positions that self-attention reaches to each side, per layer, the token's own
            included; 0 is all.
        max_positions: Length of its longest sequence, in tokens.
    """

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    width: int
    kv_width: int
    ffn: int
    vocab: int
    layer_heads: tuple[int, ...]
    layer_cross_heads: tuple[int, ...]
    layer_ffn: tuple[int, ...]
    windows: tuple[int, ...]
    max_positions: int

    def of_block(self, n: int, block: str) -> StackSizes:
        """The sizes with the heads and the width of a block of the n-th layer."""
        ffn = self.layer_ffn[n]
        sizes = self if ffn == self.ffn else dataclasses.replace(self, ffn=ffn)
        layer_heads = self.layer_cross_heads if block == "cross_attention" else self.layer_heads
        heads = layer_heads[n]
        if heads == self.heads:
            return sizes
        kv_heads = heads // (self.heads // self.kv_heads)
        return dataclasses.replace(
            sizes,
            heads=heads,
            kv_heads=kv_heads,
            width=heads * self.head_dim,
            kv_width=kv_heads * self.head_dim,
        )


@dataclasses.dataclass(frozen=True)
class RotaryScaling:
    """Rotary positions stretched for longer texts than those of a first training, as Llama 3.1 has.

    A wavelength of at most original_positions / high_frequency positions stays; one of at least
    original_positions / low_frequency becomes `factor` times as long; between them frequencies are
    interpolated.
    """

    factor: float
    low_frequency: float
    high_frequency: float
    original_positions: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A model's sizes, its variant of the Transformer, and its special tokens.

    Attributes:
        family: The architecture's name, the `model_type` of `config.json` ("marian", ...).
        source_vocab: Rows of the encoder's embedding; 0 for a decoder that stands alone, whose
            attributes of an encoder and start mean nothing. Its sources are prompts, which its
            targets go on with.
        target_vocab: Rows of the decoder's embedding and of the output matrix; 0 for an encoder
            that stands alone, whose attributes of a decoder, start and end mean nothing.
        dim: Width of the residual stream.
        encoder_layers: Number of encoder layers.
        decoder_layers: Number of decoder layers.
        encoder_heads: Attention heads of the encoder; divides `dim` unless there is a `head_dim`.
        decoder_heads: Attention heads of the decoder; likewise.
        encoder_ffn: Width of the middle of the encoder's feed-forward blocks.
        decoder_ffn: Width of the middle of the decoder's feed-forward blocks.
        max_positions: Length of the longest target, in tokens, and of the longest source unless
            `encoder_max_positions` says otherwise.
        encoder_max_positions: Length of the longest source; None is `max_positions`.
        start: Id in front of the first target token.
        end: Id that ends a source and a target.
        pad: Id of padding in other programs; not used here.
        unk: Id of the unknown token in targets; None if the files do not name it.
        head_dim: Width of an attention head; None is dim / heads of the stack.
        encoder_kv_heads: Heads of the encoder's keys and values, a divisor of `encoder_heads`
            (Ainslie et al. 2023); None is `encoder_heads`.
        decoder_kv_heads: The same for the decoder, in both of its attentions.
        encoder_layer_heads: Heads of the encoder's self-attention per layer, where some were cut
            away; a missing entry is `encoder_heads`, which the width of a head goes by. Shared
            keys and values go with their heads: each entry is a multiple of heads / kv_heads.
        decoder_layer_heads: The same for the decoder's self-attention.
        decoder_layer_cross_heads: The same for its cross-attention.
        encoder_layer_ffn: Width of the middle of the encoder's feed-forward per layer; a missing
            entry is `encoder_ffn`.
        decoder_layer_ffn: The same for the decoder.
        norm: Place of a sub-layer's norm: before it ("pre"), after its residual ("post"), or before
            it and a second one after it, in front of the residual ("both").
        norm_kind: "layer" (Ba et al. 2016), or "rms", without mean and bias (Zhang and Sennrich
            2019).
        norm_epsilon: Added to the variance, or to the mean square.
        first_norm: Whether there is a norm before the first block of each stack, where norms stand
            before blocks.
        final_norm: Whether each stack ends with a norm.
        embedding_norm: Whether the sum of embedding and position is normalised.
        token_types: Kinds of source tokens, such as those of the first and of the second text of a
            pair, each with a vector that is added to the embedding; 0 is none.
        attention_bias: Whether the matrices of attention have biases.
        attention_output_bias: The same for the last one, which mixes the heads; None is
            `attention_bias`.
        query_key_norm: Whether self-attention normalises each head of queries and keys (an RMS
            norm over `head_dim`), before they are rotated.
        feed_forward_bias: Whether the matrices of feed-forward have biases.
        activation: Function between the two products of a feed-forward block.
        gated: Whether the activation applies to a third product, the gate, which multiplies the
            first one (Shazeer 2020).
        positions: "sinusoidal" (Marian's: first all sines, then all cosines), "sinusoidal_t2t"
            (Tensor2Tensor's: the same at slightly longer wavelengths), "learned", "relative" (a
            bias of self-attention by distance, Raffel et al. 2020), "learned_relative" (both of
            these at once) or "rotary" (queries and keys of self-attention rotated by position, Su
            et al. 2021; the first half of a head has the real parts).
        first_position: Index of a sentence's first token among the computed positions.
        relative_buckets: Number of distances that the bias distinguishes.
        relative_distance: Distance from which on all share one bucket.
        relative_per_layer: Whether each layer has its own bias.
        rotary_theta: Base of the wavelengths of "rotary".
        rotary_local_theta: The same in layers that have a window; None is `rotary_theta`.
        rotary_scaling: How "rotary" stretches its wavelengths; None is not.
        encoder_windows: Positions that self-attention reaches to either side, per layer, the
            token's own included; 0 is all, and so is a missing entry.
        decoder_windows: The same for the decoder, which only looks back.
        encoder_pattern: What a token of the encoder sees (`pyattn.reference.patterns` computes it).
            "windows": its window. "tokens" (Beltagy et al. 2020): also the sentence's global
            tokens, which see all tokens, by queries, keys and values of their own.
            "aggregates" (Guo et al. 2022): its window, and the normalised sum of each
            `encoder_block` tokens.
            "blocks" (Zaheer et al. 2020): of blocks of `encoder_block` tokens its own, both
            neighbours, the first and the last, which in turn see all. Keys of the first block count
            1 + `encoder_random_blocks` times. All see all in a sentence of at most
            (5 + 2 * `encoder_random_blocks`) * `encoder_block` tokens.
            "states" (Phang et al. 2022): its block of `encoder_block` tokens, and
            `encoder_global_states` further rows, which the model learned and which see all.
        encoder_block: Tokens of a block; 0 for patterns without blocks.
        encoder_random_blocks: Random blocks that each block saw in training.
        encoder_global_states: Learned states; they go through all layers and are no output.
        encoder_staggered: Whether the blocks of "states" begin half a block earlier in layers 1,
            3, ...
        global_ids: Ids of the source tokens that are global by default, for "tokens".
        global_first: Whether a source's first token is global by default, for "tokens".
        attention_scale: Factor of the scores; None is 1 / sqrt(head_dim).
        attention_soft_cap: If not 0, scores become cap * tanh(scores / cap).
        embedding_scale: Factor of embeddings, before positions are added.
        zero_start: Whether the start's embedding is zero instead of its row of the matrix.
        logits_scale: Factor of logits, before the bias is added.
        logits_soft_cap: If not 0, logits become cap * tanh(logits / cap).
        mixer: The decoder's self-attention, or its replacement: "ssru" (the simpler simple
            recurrent unit, Kim et al. 2019) or "average" (average attention, Zhang et al. 2018).
        average_ffn: Width of the middle of an average's feed-forward; 0 if there is none.
        average_activation: Activation in that middle.
        average_gates: Whether gates combine the input with the average.
    """

    family: str
    source_vocab: int = 0
    target_vocab: int = 0
    dim: int
    encoder_layers: int = 0
    decoder_layers: int = 0
    encoder_heads: int = 0
    decoder_heads: int = 0
    encoder_ffn: int = 0
    decoder_ffn: int = 0
    max_positions: int
    encoder_max_positions: int | None = None
    start: int = 0
    end: int = 0
    pad: int | None = None
    unk: int | None = None
    head_dim: int | None = None
    encoder_kv_heads: int | None = None
    decoder_kv_heads: int | None = None
    encoder_layer_heads: tuple[int, ...] = ()
    decoder_layer_heads: tuple[int, ...] = ()
    decoder_layer_cross_heads: tuple[int, ...] = ()
    encoder_layer_ffn: tuple[int, ...] = ()
    decoder_layer_ffn: tuple[int, ...] = ()
    norm: Norm = "post"
    norm_kind: NormKind = "layer"
    norm_epsilon: float = 1e-5
    first_norm: bool = True
    final_norm: bool = False
    embedding_norm: bool = False
    token_types: int = 0
    attention_bias: bool = True
    attention_output_bias: bool | None = None
    query_key_norm: bool = False
    feed_forward_bias: bool = True
    activation: Activation = "relu"
    gated: bool = False
    positions: Positions = "sinusoidal"
    first_position: int = 0
    relative_buckets: int = 32
    relative_distance: int = 128
    relative_per_layer: bool = False
    rotary_theta: float = 10000.0
    rotary_local_theta: float | None = None
    rotary_scaling: RotaryScaling | None = None
    encoder_windows: tuple[int, ...] = ()
    decoder_windows: tuple[int, ...] = ()
    encoder_pattern: Pattern = "windows"
    encoder_block: int = 0
    encoder_random_blocks: int = 0
    encoder_global_states: int = 0
    encoder_staggered: bool = False
    global_ids: tuple[int, ...] = ()
    global_first: bool = False
    attention_scale: float | None = None
    attention_soft_cap: float = 0.0
    embedding_scale: float = 1.0
    zero_start: bool = False
    logits_scale: float = 1.0
    logits_soft_cap: float = 0.0
    mixer: Mixer = "attention"
    average_ffn: int = 0
    average_activation: Activation = "silu"
    average_gates: bool = True

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The stacks that the model has; the first one reads sources."""
        vocabs = (self.source_vocab, self.target_vocab)
        return tuple(stack for stack, vocab in zip(STACKS, vocabs, strict=True) if vocab)

    @property
    def biased_attention_output(self) -> bool:
        """Whether the matrices that mix the heads of attention have biases."""
        own = self.attention_output_bias
        return self.attention_bias if own is None else own

    @property
    def learned_positions(self) -> bool:
        """Whether each stack has a table of positions that was learned."""
        return self.positions in ("learned", "learned_relative")

    @property
    def relative_positions(self) -> bool:
        """Whether self-attention has a bias by distance."""
        return self.positions in ("relative", "learned_relative")

    @property
    def has_global_norm(self) -> bool:
        """Whether the encoder's layers normalise aggregates or states by weights of their own."""
        return self.encoder_pattern in ("aggregates", "states")

    def stack(self, name: Stack) -> StackSizes:
        """The sizes of one stack, with defaults filled in."""
        heads: int = getattr(self, f"{name}_heads")
        layers: int = getattr(self, f"{name}_layers")
        kv_heads: int = getattr(self, f"{name}_kv_heads") or heads
        ffn: int = getattr(self, f"{name}_ffn")

        def by_layer(attribute: str, missing: int) -> tuple[int, ...]:
            entries: tuple[int, ...] = getattr(self, f"{name}_{attribute}")
            return entries + (missing,) * (layers - len(entries))

        head_dim = self.head_dim or self.dim // max(heads, 1)
        width = heads * head_dim if self.head_dim else self.dim
        own = self.encoder_max_positions if name == "encoder" else None
        return StackSizes(
            layers=layers,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            width=width,
            kv_width=width if kv_heads == heads else kv_heads * head_dim,
            ffn=ffn,
            vocab=self.source_vocab if name == "encoder" else self.target_vocab,
            layer_heads=by_layer("layer_heads", heads),
            layer_cross_heads=(
                by_layer("layer_cross_heads", heads) if name == "decoder" else (heads,) * layers
            ),
            layer_ffn=by_layer("layer_ffn", ffn),
            windows=by_layer("windows", 0),
            max_positions=self.max_positions if own is None else own,
        )


# The attributes of a decoder, of an encoder that stands alone.
NO_DECODER: Mapping[str, Any] = {
    "target_vocab": 0,
    "decoder_layers": 0,
    "decoder_heads": 0,
    "decoder_kv_heads": None,
    "decoder_ffn": 0,
    "decoder_layer_heads": (),
    "decoder_layer_cross_heads": (),
    "decoder_layer_ffn": (),
    "decoder_windows": (),
}
# The attributes of an encoder, of a decoder that stands alone.
NO_ENCODER: Mapping[str, Any] = {
    "source_vocab": 0,
    "encoder_layers": 0,
    "encoder_heads": 0,
    "encoder_kv_heads": None,
    "encoder_ffn": 0,
    "encoder_layer_heads": (),
    "encoder_layer_ffn": (),
    "encoder_windows": (),
}
