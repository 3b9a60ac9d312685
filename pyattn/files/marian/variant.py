"""Which of the Transformers a Marian model is, by its options; all others are refused by name."""

from __future__ import annotations

import dataclasses

from pyattn.files.fields import MAX_LAYERS
from pyattn.files.marian.options import Options
from pyattn.model_config import Activation, Mixer, Norm

PRE, POST, EMB, TOP = (
    f"transformer-{name}"
    for name in ("preprocess", "postprocess", "postprocess-emb", "postprocess-top")
)
TIED_LAYERS = "transformer-tied-layers"
HEADS = "transformer-heads"
AAN_DIM = "transformer-dim-aan"
ALIGNMENT_LAYER = "transformer-guided-alignment-layer"

_MIXERS: dict[str, Mixer] = {
    "self-attention": "attention",
    "average-attention": "average",
    "rnn": "ssru",
}
_ACTIVATIONS: dict[str, Activation] = {"relu": "relu", "swish": "silu"}
# Operations before a block and behind it: n is a norm, a the residual. Dropout is ignored.
_NORMS: dict[tuple[str, str], Norm] = {
    ("", "an"): "post",
    ("n", "a"): "pre",
    ("n", "na"): "both",
}
# Options with the values at which they do nothing, the first of which is Marian's default.
_NEUTRAL: dict[str, tuple[str, ...]] = {
    "transformer-no-projection": ("false",),
    "transformer-rnn-projection": ("false",),
    "transformer-pool": ("false",),
    "transformer-ffn-depth": ("2",),
    "transformer-decoder-ffn-depth": ("0", "2"),
    "right-left": ("false",),
    "ulr": ("false",),
    "lemma-dim-emb": ("0",),
    "lemma-dependency": ("",),
    "factors-dim-emb": ("0",),
    "output-approx-knn": ("",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """The properties of a model that only its options show.

    Attributes:
        norm: As in `ModelConfig`, and so are the next ones.
        final_norm: Likewise.
        embedding_norm: Likewise.
        activation: Likewise.
        mixer: Likewise.
        average_activation: Likewise.
        average_gates: Likewise.
        average_middle: Whether an average goes through a feed-forward.
        source_embedding: Name of the encoder's embedding.
        target_embedding: Name of the decoder's embedding.
        tied_output: Whether the decoder's embedding is also the output matrix.
        tied_layers: For each decoder layer the number, from 1 on, of the layer whose parameters it
            uses; empty if each has its own.
    """

    norm: Norm
    final_norm: bool
    embedding_norm: bool
    activation: Activation
    mixer: Mixer
    average_activation: Activation
    average_gates: bool
    average_middle: bool
    source_embedding: str
    target_embedding: str
    tied_output: bool
    tied_layers: tuple[int, ...]


def read_variant(options: Options) -> Variant:
    """The variant of a model, from the options in its file.

    Raises:
        ModelError: if the variant is not supported; the message names the option.
    """
    if options.text("type", "") != "transformer":
        options.fail("type", "supported is 'transformer'")
    for name, values in _NEUTRAL.items():
        options.expect(name, *values)
    if set(options.texts("input-types")) - {"sequence"}:
        options.fail("input-types", "supported is 'sequence'")
    mixer = _mixer(options)
    average = mixer == "average"
    shared, sources, outputs = (
        options.flag(f"tied-embeddings{kind}", False) for kind in ("-all", "-src", "")
    )
    return Variant(
        norm=_norm(options, mixer),
        final_norm=_single_norm(options, TOP),
        embedding_norm=_single_norm(options, EMB),
        activation=_activation(options, "transformer-ffn-activation"),
        mixer=mixer,
        average_activation=_activation(options, "transformer-aan-activation")
        if average
        else "silu",
        average_gates=not options.flag("transformer-aan-nogate", False) or not average,
        average_middle=average and _average_middle(options),
        source_embedding="Wemb" if shared or sources else "encoder_Wemb",
        target_embedding="Wemb" if shared or sources else "decoder_Wemb",
        tied_output=shared or outputs,
        tied_layers=_tied_layers(options),
    )


def _mixer(options: Options) -> Mixer:
    name = "transformer-decoder-autoreg"
    kind = options.text(name, "self-attention")
    if kind not in _MIXERS:
        options.fail(name, f"supported are {', '.join(_MIXERS)}")
    if kind == "rnn":
        if options.text("dec-cell", "") != "ssru":
            options.fail("dec-cell", "supported is 'ssru'")
        options.expect("layer-normalization", "false")
    return _MIXERS[kind]


def _norm(options: Options, mixer: Mixer) -> Norm:
    pre, post = _operations(options, PRE, ""), _operations(options, POST, "an")
    if (pre, post) not in _NORMS:
        options.fail(
            POST,
            f"and {PRE} is {pre!r}, supported are 'dan' with '', and with 'n' 'da' or 'nda'",
        )
    norm = _NORMS[pre, post]
    # Until 2020, when the norm behind a stack became an option, attention got keys and values that
    # were not normalised. An average's gates still see inputs that are not normalised.
    if norm != "post" and (TOP not in options or mixer == "average"):
        options.fail(PRE, f"supported is '' in a model without {TOP}, or of average attention")
    return norm


def _single_norm(options: Options, name: str) -> bool:
    operations = _operations(options, name, "")
    if operations not in ("", "n"):
        options.fail(name, "supported are '' and 'n'")
    return operations == "n"


def _operations(options: Options, name: str, default: str) -> str:
    """The operations of an option, without the dropout of training."""
    operations = options.text(name, default).replace("d", "")
    unknown = set(operations) - set("an")
    if unknown:
        names = {"h": " (a highway)", "r": " (an RMS norm)"}
        which = sorted(unknown)[0]
        options.fail(name, f"{which!r}{names.get(which, '')} is not supported, 'a' and 'n' are")
    return operations


def _activation(options: Options, name: str) -> Activation:
    activation = options.text(name, "swish")
    if activation not in _ACTIVATIONS:
        # Marian's gelu is x * sigmoid(1.702 x), neither of those of others.
        options.fail(name, f"supported are {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[activation]


def _average_middle(options: Options) -> bool:
    depth = options.integer("transformer-aan-depth", 2)
    if depth not in (1, 2):
        options.fail("transformer-aan-depth", "supported are 1 and 2")
    return depth == 2


def _tied_layers(options: Options) -> tuple[int, ...]:
    tied = options.integers(TIED_LAYERS, high=MAX_LAYERS)
    if len(tied) > MAX_LAYERS or 0 in tied:
        options.fail(TIED_LAYERS, f"expected at most {MAX_LAYERS} numbers from 1 on")
    return tuple(tied)
