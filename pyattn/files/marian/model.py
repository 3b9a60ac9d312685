"""From a Marian model's options and parameters to a checkpoint."""

from __future__ import annotations

import functools
import math
import warnings

from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.errors import ModelError
from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS
from pyattn.files.marian.folder import Files
from pyattn.files.marian.items import MODEL_YML, OUTPUT
from pyattn.files.marian.names import POSITIONS, marian_name
from pyattn.files.marian.options import Options
from pyattn.files.marian.parameters import read_parameters
from pyattn.files.marian.texts import text_settings
from pyattn.files.marian.variant import (
    AAN_DIM,
    ALIGNMENT_LAYER,
    HEADS,
    TIED_LAYERS,
    read_variant,
)
from pyattn.files.marian.yaml import parse_yaml
from pyattn.model_config import ModelConfig, Stack
from pyattn.options import MAX_BEAM, GenerationOptions
from pyattn.stored import Stored, Tensors

# In every vocabulary of Marian's that is known.
END, UNKNOWN = 0, 1
# As Marian's own layer norm has it.
_EPSILON = 1e-6
# Computed positions have no end of their own.
_COMPUTED_POSITIONS = 1024
_MOST_TOKENS = 512
# Marian's default of max-length-factor.
_LENGTH_FACTOR = 3.0
_MOST_FACTOR = 1e6
_OLD_OUTPUT = "decoder_ff_logit_out_W"
_OUTPUT_BIAS = "decoder_ff_logit_out_b"


class Reader:
    """A model that is being read.

    Its weights stay views of the file, unless that is compressed. Its decoding defaults are those
    of decoder.yml, or greedy search if there is none; the unknown token is suppressed unless
    decoder.yml allows it.

    Args:
        files: The model's files.

    Raises:
        ModelError: if a file is missing or malformed, or the model is not supported; the message
            names the option. Likewise when the config or the checkpoint is read.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._settings = files.settings
        self._parameters = parameters = read_parameters(files.model)
        place = f"{parameters.file}: {MODEL_YML}"
        self._options = Options(place, parse_yaml(parameters.model_yml(), place))
        self._variant = read_variant(self._options)

    @functools.cached_property
    def config(self) -> ModelConfig:
        """The model's config."""
        variant, parameters = self._variant, self._parameters
        source, dim = parameters.shape(variant.source_embedding)
        target, target_dim = parameters.shape(variant.target_embedding)
        if target_dim != dim or dim > MAX_DIM:
            raise parameters.error(
                variant.target_embedding,
                f"has {target_dim} columns, {variant.source_embedding} {dim}; expected as many, "
                f"at most {MAX_DIM}",
            )
        if min(source, target) <= UNKNOWN + 1:
            raise parameters.error(variant.target_embedding, f"has {min(source, target)} rows")
        heads = self._heads(dim)
        positions = _COMPUTED_POSITIONS
        if POSITIONS in parameters:
            positions, _ = parameters.shape(POSITIONS)
        return ModelConfig(
            family="marian",
            source_vocab=source,
            target_vocab=target,
            dim=dim,
            encoder_layers=self._layers("encoder"),
            decoder_layers=len(self._tied),
            encoder_heads=heads,
            decoder_heads=heads,
            encoder_ffn=self._ffn("encoder_l1_ffn_W1"),
            decoder_ffn=self._ffn(f"decoder_l{self._tied[0]}_ffn_W1"),
            max_positions=min(positions, MAX_POSITIONS),
            start=END,
            end=END,
            unk=UNKNOWN,
            norm=variant.norm,
            norm_epsilon=_EPSILON,
            final_norm=variant.final_norm,
            embedding_norm=variant.embedding_norm,
            activation=variant.activation,
            positions="learned" if POSITIONS in parameters else "sinusoidal_t2t",
            # Marian multiplies where it computes positions only.
            embedding_scale=1.0 if POSITIONS in parameters else math.sqrt(dim),
            zero_start=True,
            mixer=variant.mixer,
            average_ffn=self._average_ffn(),
            average_activation=variant.average_activation,
            average_gates=variant.average_gates,
        )

    def checkpoint(self) -> Checkpoint:
        """The model."""
        config = self.config
        stored = self._matrices()
        self._check_all_taken()
        text = text_settings(self._files, config)
        return Checkpoint(config, Tensors(stored), self._generation(), text)

    def stored_numbers(self) -> dict[str, int]:
        """How many numbers of which type the weights are."""
        return self._parameters.counts()

    def _matrices(self) -> dict[str, Stored]:
        """All tensors, by the names of a checkpoint."""
        config, variant, parameters = self.config, self._variant, self._parameters
        source, target, dim = config.source_vocab, config.target_vocab, config.dim
        found: dict[str, Stored] = {
            "encoder.embedding": parameters.embedding(variant.source_embedding, source, dim),
            "decoder.embedding": parameters.embedding(variant.target_embedding, target, dim),
        }
        found["output.weight"] = self._output(found["decoder.embedding"])
        if _OUTPUT_BIAS in parameters:
            found["output.bias"] = parameters.vector(_OUTPUT_BIAS, target)
        for name, shape in tensor_shapes(config):
            if name in found:
                continue
            saved = marian_name(name, config.norm, self._tied)
            if saved == POSITIONS:
                found[name] = parameters.embedding(saved, *shape)
            elif len(shape) == 1:
                found[name] = parameters.vector(saved, *shape)
            else:
                found[name] = parameters.matrix(saved, *shape)
        return found

    def _check_all_taken(self) -> None:
        """Checks that all parameters were read, except multipliers of inputs."""
        self._parameters.check_alphas()
        self._parameters.check_all_taken()

    def _generation(self) -> GenerationOptions:
        """The model's decoding defaults."""
        settings = self._settings
        beam = settings.integer("beam-size", 1, high=MAX_BEAM)
        if not beam:
            settings.fail("beam-size", f"expected 1 to {MAX_BEAM}")
        factor = settings.number("max-length-factor", _LENGTH_FACTOR)
        if not 0 < factor <= _MOST_FACTOR:
            settings.fail(
                "max-length-factor", f"expected a number above 0, at most {_MOST_FACTOR:g}"
            )
        self._warn_of_others()
        layers, text = len(self._tied), self._options.text(ALIGNMENT_LAYER, "last")
        layer = layers if text == "last" else self._options.integer(ALIGNMENT_LAYER, layers)
        if not 1 <= layer <= layers:
            self._options.fail(ALIGNMENT_LAYER, f"expected 'last' or 1 to {layers}")
        return GenerationOptions(
            beam_size=beam,
            num_hypotheses=beam if settings.flag("n-best", False) else 1,
            # A beam has a place less for each target that has ended.
            early_stopping=True,
            length_penalty=settings.number("normalize", 1.0),
            max_new_tokens=min(_MOST_TOKENS, self.config.max_positions),
            max_length_factor=factor,
            suppress_tokens=() if settings.flag("allow-unk", False) else (UNKNOWN,),
            alignment_heads=((layer - 1, 0),),
        )

    def _warn_of_others(self) -> None:
        """Warns of settings that Marian's search follows and pyattn's does not."""
        settings = self._settings
        others = {
            "word-penalty": settings.number("word-penalty", 0.0) != 0,
            "force-decode": settings.flag("force-decode", False),
            "output-omit-bias": settings.flag("output-omit-bias", False),
            "output-sampling": settings.texts("output-sampling") not in ([], ["false"]),
        }
        for name, wanted in others.items():
            if wanted:
                warnings.warn(
                    f"{settings.place}: {name} is not supported by pyattn, which ignores it",
                    stacklevel=2,
                )

    @functools.cached_property
    def _tied(self) -> tuple[int, ...]:
        """Of each decoder layer the number of that whose parameters it has."""
        layers = self._layers("decoder")
        tied = self._variant.tied_layers or tuple(range(1, layers + 1))
        if max(tied) > layers:
            self._options.fail(TIED_LAYERS, f"expected layers 1 to {layers} of the decoder")
        return tied

    def _layers(self, stack: Stack) -> int:
        """How many layers there are names for; that none is left out shows when they are read."""
        count = self._parameters.layers(stack)
        if not 1 <= count <= MAX_LAYERS:
            raise ModelError(
                f"{self._parameters.file}: {count} layers of the {stack}, expected 1 to "
                f"{MAX_LAYERS}"
            )
        return count

    def _heads(self, dim: int) -> int:
        heads = self._options.integer(HEADS, 8)
        if not heads or dim % heads:
            self._options.fail(HEADS, f"expected a divisor of {dim}")
        return heads

    def _ffn(self, name: str) -> int:
        _, columns = self._parameters.shape(name)
        if columns > MAX_DIM:
            raise self._parameters.error(name, f"has {columns} columns, expected at most {MAX_DIM}")
        return columns

    def _average_ffn(self) -> int:
        if not self._variant.average_middle:
            return 0
        name = f"decoder_l{self._tied[0]}_aan_W1"
        width = self._ffn(name)
        if width == self._parameters.shape(name)[0]:
            self._options.fail(
                AAN_DIM, "as many as dim-emb, of which Marian takes one product only"
            )
        return width

    def _output(self, embedding: Stored) -> Stored:
        if self._variant.tied_output:
            return embedding
        config, parameters = self.config, self._parameters
        if _OLD_OUTPUT in parameters:
            return parameters.matrix(_OLD_OUTPUT, config.target_vocab, config.dim)
        return parameters.embedding(OUTPUT, config.target_vocab, config.dim)
