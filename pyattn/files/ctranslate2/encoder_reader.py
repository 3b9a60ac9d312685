"""CTranslate2's encoders that stand alone, such as BERT.

Their variables are those that `reader` lists for an encoder, and

    encoder/embeddings_1/weight    [types, dim], of families that tell the texts of a pair apart
    pooler_dense                   a linear on the first token's state
    pooler_activation              the function behind it
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.ctranslate2.binary import WEIGHTS_FILE, Binary
from pyattn.files.ctranslate2.config import read_encoder_tokens
from pyattn.files.ctranslate2.reader import LATEST_REVISION, Reader
from pyattn.files.ctranslate2.structure import EMBEDDINGS, read_structure
from pyattn.files.fields import MAX_DIM, MAX_POSITIONS
from pyattn.files.head import Layer
from pyattn.files.vocabulary import Vocabularies
from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.stored import Tensors

ENCODER_SPEC = "TransformerEncoderSpec"
_REVISION = 1
_TYPES = "encoder/embeddings_1/weight"
# Sums of embeddings, rather than one beside the other; and the hyperbolic tangent.
_ADDED = 1
_TANH = 5


class EncoderReader(Reader):
    """A folder of an encoder, as `Reader` reads those of encoder-decoders.

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
    def rows(self) -> dict[str, tuple[int, int]]:
        """Shape of the embedding."""
        shape = self._variables.shape(*(f"{name}/weight" for name in EMBEDDINGS["encoder"]))
        if shape[1] > MAX_DIM:
            raise ModelError(
                f"{WEIGHTS_FILE}: encoder/embeddings_0/weight has shape {list(shape)}, expected at "
                f"most {MAX_DIM} columns"
            )
        return {"encoder": shape}

    @functools.cached_property
    def vocabularies(self) -> Vocabularies:
        """The tokens by their ids."""
        return read_encoder_tokens(self._folder, self.special, self.rows["encoder"][0])

    @functools.cached_property
    def config(self) -> ModelConfig:
        """The model's config."""
        vocab, dim = self.rows["encoder"]
        structure = read_structure(self._variables, self._binary, "encoder", dim)
        variant = structure.variant
        if variant.buckets or variant.rms_norm or variant.gated or not variant.encodings:
            raise ModelError(
                f"{WEIGHTS_FILE}: expected an encoder with a table of positions, layer norms and "
                "no gates"
            )
        types = 0
        if self._variables.optional(_TYPES) is not None:
            types = self._variables.shape(_TYPES)[0]
            self._variables.expect("encoder/embeddings_merge", _ADDED)
        if types > MAX_POSITIONS:
            raise self._variables.error(
                _TYPES, f"has {types} rows, expected at most {MAX_POSITIONS}"
            )
        return ModelConfig(
            family="transformer",
            source_vocab=vocab,
            dim=dim,
            encoder_layers=structure.layers,
            encoder_heads=structure.heads,
            encoder_ffn=structure.ffn,
            max_positions=structure.positions,
            head_dim=None if variant.width == dim else variant.width // structure.heads,
            norm="pre" if variant.pre_norm else "post",
            norm_epsilon=self._norm_epsilon(variant),
            final_norm=variant.layer_norm,
            embedding_norm=variant.layernorm_embedding,
            token_types=types,
            attention_bias=variant.attention_bias,
            feed_forward_bias=variant.feed_forward_bias,
            activation=variant.activation,
            positions="learned",
            first_position=0,
            attention_scale=variant.queries_scale,
            embedding_scale=variant.scale_embeddings,
        )

    @functools.cached_property
    def pooler(self) -> Layer | None:
        """What is behind the first token's state; None if there is nothing."""
        dim = self.rows["encoder"][1]
        if self._variables.optional("pooler_dense/weight") is None:
            return None
        self._variables.expect("pooler_activation", _TANH)
        weight = self._variables.stored((dim, dim), "pooler_dense/weight").float32()
        return weight, self._variables.stored((dim,), "pooler_dense/bias").float32()

    def checkpoint(self) -> Checkpoint:
        """The model."""
        config = self.config
        self._read_stack("encoder", config)
        if config.token_types:
            types = self._variables.stored((config.token_types, config.dim), _TYPES)
            self._tensors["encoder.types"] = types
        _ = self.pooler
        self._variables.check_all_taken()
        return Checkpoint(config, Tensors(self._tensors), GenerationOptions())
