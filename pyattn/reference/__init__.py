"""The whole encoder-decoder Transformer in plain NumPy: the definition of what pyattn computes.

It is written to be read; the tests compare the C++ core with it, and it is the baseline of the
benchmark. From the bottom up:

    arrays       types of arrays, checks of arguments
    softmax      softmax, log_softmax
    activations  relu, gelu, gelu_tanh, silu
    positions    sinusoidal_positions, relative_buckets, relative_bias_table, rotary_tables
    layers       linear, layer_norm, rms_norm, feed_forward
    vocabulary   best_tokens, sample_tokens, select
    masks        padding_mask, look_ahead_mask: which keys a query may see
    attention    attention, attention_step, multi_head_attention
    heads        a stack's attention by head
    distances    relative biases, windows, rotary positions
    ids          sentences of ids, checked
    memory       the encoder's output
    self_attention, cross_attention, ssru, average
    linear_attention, local_attention, lsh_attention: attention that does not compare all pairs
    patterns     what a token of a long source sees
    weights      a checkpoint's tensors as layers
    encoder      sources -> memory
    decoder      memory and the tokens so far -> logits, with a state
    candidates   logits -> the likeliest tokens that may come
    paths        the tokens of a search so far
    greedy, beam, search
    model        Model: ids in, ids out
    hash_vectors, reformer_layers, reformer
                 Reformer: likewise, of two streams and attention by hashing

The functions have the names, the arguments and the errors of `pyattn.ops`.
"""

from pyattn.reference.activations import gelu, gelu_tanh, relu, silu
from pyattn.reference.attention import attention, attention_step, multi_head_attention
from pyattn.reference.layers import (
    PackedLinear,
    feed_forward,
    layer_norm,
    linear,
    pack,
    rms_norm,
)
from pyattn.reference.linear_attention import linear_attention
from pyattn.reference.local_attention import local_attention
from pyattn.reference.lsh_attention import lsh_attention
from pyattn.reference.masks import look_ahead_mask, padding_mask
from pyattn.reference.model import Model
from pyattn.reference.positions import sinusoidal_positions
from pyattn.reference.reformer import Reformer
from pyattn.reference.softmax import log_softmax, softmax
from pyattn.reference.vocabulary import Selection, best_tokens, sample_tokens, select

__all__ = [
    "Model",
    "PackedLinear",
    "Reformer",
    "Selection",
    "attention",
    "attention_step",
    "best_tokens",
    "feed_forward",
    "gelu",
    "gelu_tanh",
    "layer_norm",
    "linear",
    "linear_attention",
    "local_attention",
    "log_softmax",
    "look_ahead_mask",
    "lsh_attention",
    "multi_head_attention",
    "pack",
    "padding_mask",
    "relu",
    "rms_norm",
    "sample_tokens",
    "select",
    "silu",
    "sinusoidal_positions",
    "softmax",
]
