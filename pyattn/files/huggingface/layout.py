"""The layout of a model's files: its config, and the names of its tensors in the files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pyattn.files.fields import Fields
from pyattn.model_config import Activation, ModelConfig, Stack

CONFIG_FILE = "config.json"
GENERATION_FILE = "generation_config.json"

# transformers' names of the activations that are computed here.
ACTIVATIONS: dict[str, Activation] = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "swish": "silu",
    "silu": "silu",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embeddings:
    """Names in the files of the two embeddings and of the output matrix.

    Attributes:
        encoder: The encoder's embedding; "" for a decoder that stands alone.
        decoder: The decoder's; "" for an encoder that stands alone.
        output: The output matrix; likewise.
        shared: One matrix for both stacks, where a family has a name for it.
    """

    encoder: str = ""
    decoder: str = ""
    output: str = ""
    shared: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """A model by its config.json, and where its tensors are.

    Attributes:
        model: The model's config.
        lengths: Field of config.json behind each attribute of `model` that is a tensor's length.
        embeddings: Names of the matrices that may be tied.
        joined: Whether the encoder and the decoder have the same embedding.
        tied: Whether the output matrix is the decoder's embedding.
        prefix: Begin of the names of all other tensors.
        words: The words of our names of tensors, by stack, in those of the files; those that are
            the same in both are left out. Tensors of ours that get the same name are above each
            other in it, in our order.
        names: Names behind the prefix of tensors whose words do not make them up.
        output_bias: Name of the bias of the logits, [1, vocab]; None if there is none.
        not_read: Names of tensors that a file may have and that affect no result.
        heads: Begins of the names of tensors that work on the model's output, and that are not
            part of the model.
        rows_before: Rows of a table of learned positions in front of the first token's.
        norm_biases: Whether the biases of norms are stored; if not, they are zeros.
        norms_less_one: Whether the weights of norms are stored less one.
        tied_scale: Factor of logits if the output matrix is the decoder's embedding.
        transposed: Whether the matrices of layers are stored with a row for each input.
    """

    model: ModelConfig
    lengths: Mapping[str, str]
    embeddings: Embeddings
    joined: bool
    tied: bool
    prefix: str = ""
    words: Mapping[Stack, Mapping[str, str]]
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    output_bias: str | None = None
    not_read: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows_before: int = 0
    norm_biases: bool = True
    norms_less_one: bool = False
    tied_scale: float = 1.0
    transposed: bool = False

    def saved_name(self, name: str) -> str:
        """The name in the files of a tensor that is not an embedding."""
        if name in self.names:
            return self.prefix + self.names[name]
        stack: Stack = "encoder" if name.startswith("encoder.") else "decoder"
        words = (self.words[stack].get(word, word) for word in name.split("."))
        return self.prefix + ".".join(word for word in words if word)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family:
    """The properties that a model_type decides.

    Attributes:
        style: Its block: a function that reads a layout from the family's name, the family, the
            fields of config.json, and these with the special tokens of generation_config.json.
        embeddings: Names of the matrices that may be tied.
        switches: Attributes of `ModelConfig` that all its models share.
        defaults: Defaults of fields in config.json, from transformers' config classes.
        generation: Likewise, but only without a generation_config.json.
        output_bias: As in `Layout`.
        scaled_output: Whether logits are multiplied by dim**-0.5: never, by a field of config.json,
            or if the output matrix is the embedding.
        not_read: As in `Layout`.
        tokens_of: The object of config.json whose special tokens count if config.json itself has
            none.
    """

    style: Callable[[str, Family, Fields, Fields], Layout]
    embeddings: Embeddings
    switches: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    generation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    output_bias: str | None = None
    scaled_output: Literal["never", "configured", "tied"] = "never"
    not_read: tuple[str, ...] = ()
    tokens_of: str | None = None


def special_tokens(ids: Fields, source_vocab: int, target_vocab: int) -> dict[str, Any]:
    """The attributes of `ModelConfig` that are ids; the end is the first of several."""
    # The start is only ever a target; the end is appended to sources too.
    smaller = min(source_vocab, target_vocab)
    start = ids.optional_id("decoder_start_token_id", None, vocab=target_vocab)
    return {
        # transformers' default start.
        "start": ids.id("bos_token_id", None, vocab=target_vocab) if start is None else start,
        "end": ids.ids("eos_token_id", vocab=smaller)[0],
        "pad": ids.optional_id("pad_token_id", None, vocab=smaller),
        "unk": ids.optional_id("unk_token_id", None, vocab=target_vocab),
    }


def ids_of_decoder(ids: Fields, vocab: int) -> dict[str, Any]:
    """The same of a decoder that stands alone, which begins with its prompt."""
    # Some files have -1 in place of no padding.
    padded = ids.get("pad_token_id") not in (None, -1)
    return {
        "end": ids.ids("eos_token_id", vocab=vocab)[0],
        "pad": ids.optional_id("pad_token_id", None, vocab=vocab) if padded else None,
        "unk": ids.optional_id("unk_token_id", None, vocab=vocab),
    }
