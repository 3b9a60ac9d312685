"""The config.json of pyattn's own folders.

format           "pyattn"
format_version   1
model            the attributes of `ModelConfig`; those that have a default may be absent
generation       the attributes of `GenerationOptions`
tied             name of a tensor to the name that its values are stored under
tokenizer        role (a key of `TOKENIZER_FILES`) to file name; may be absent
text             the attributes of `TextSettings`; absent if they are those of the family
shortlist        absent if there is none; else `file`, the name of its file, and `shared`, whether
                 the ids of a source are ids of targets, too
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pyattn.errors import ModelError
from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.reading import JsonObject, bare, named_inside, shown
from pyattn.files.tokenizer_parts import TOKENIZER_FILES
from pyattn.model_config import NO_DECODER, NO_ENCODER, ModelConfig, Pattern, RotaryScaling, Stack
from pyattn.options import GenerationOptions
from pyattn.text_settings import NORMALIZATION_STEPS, TextSettings

CONFIG_FILE = "config.json"
FORMAT = "pyattn"
FORMAT_VERSION = 1
# A role, and the roles of which it needs at least one.
_NEEDED = {
    "source": ("target",),
    "target": ("source",),
    "vocab": ("source", "pieces", "merges"),
    "target_vocab": ("vocab",),
    "merges": ("vocab",),
}
_CONFIG_KEYS = {
    *("format", "format_version", "model", "generation"),
    *("tied", "tokenizer", "text", "shortlist"),
}
# Attributes of ModelConfig that are the lengths of axes.
LENGTHS = (
    *("source_vocab", "target_vocab", "dim", "encoder_ffn", "decoder_ffn", "max_positions"),
    *("encoder_max_positions", "encoder_global_states", "token_types"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NativeConfig:
    """A native config.json, validated.

    Attributes:
        model: The model's config.
        generation: The model's decoding defaults.
        tied: Name of a tensor to the name that its values are stored under.
        tokenizer: Role to path of the tokenizer's files.
        text: How its texts are treated; None is the default of its family.
        shortlist: Path of the shortlist, and whether sources and targets share their ids; None if
            there is none.
    """

    model: ModelConfig
    generation: GenerationOptions
    tied: Mapping[str, str]
    tokenizer: Mapping[str, pathlib.Path]
    text: TextSettings | None
    shortlist: tuple[pathlib.Path, bool] | None


def is_native(values: JsonObject) -> bool:
    """Whether a config.json is one of ours."""
    return "format" in values


def read_native_config(folder: pathlib.Path, values: JsonObject) -> NativeConfig:
    """Validates a config.json.

    Args:
        folder: Its folder, which the names in it are of.
        values: Its content.

    Raises:
        ModelError: if a field is missing, unknown or out of range; the message names it.
    """
    fields = Fields({CONFIG_FILE: values})
    if fields.get("format") != FORMAT:
        fields.fail("format", f"is {shown(fields.get('format'))}, expected {FORMAT!r}")
    version = fields.integer("format_version")
    if version != FORMAT_VERSION:
        fields.fail(
            "format_version",
            f"is {version}, this version of pyattn reads {FORMAT_VERSION}: "
            f"update pyattn, or convert the model again",
        )
    _check_known(values, _CONFIG_KEYS, CONFIG_FILE)
    model = _model(fields.object("model"))
    return NativeConfig(
        model=model,
        generation=_generation(fields.object("generation"), model),
        tied={name: str(stored) for name, stored in fields.object("tied").items()},
        tokenizer=_tokenizer(folder, fields.object("tokenizer")),
        text=_text(fields.object("text")),
        shortlist=_shortlist(folder, fields.object("shortlist")),
    )


def _check_known(values: JsonObject, known: set[str], place: str) -> None:
    for key in values:
        if key not in known:
            raise ModelError(f"{place}: {bare(key)} is not a field that pyattn knows")


def _model(values: JsonObject) -> ModelConfig:
    place = f"{CONFIG_FILE}: model"
    _check_known(values, {field.name for field in dataclasses.fields(ModelConfig)}, place)
    fields = Fields({place: values})
    dim = fields.integer("dim", high=MAX_DIM)
    # An encoder that stands alone has no targets, and ids of sources only; a decoder the reverse.
    source_vocab = fields.integer("source_vocab", low=0)
    target_vocab = fields.integer("target_vocab", low=int(source_vocab == 0))
    smaller = min(source_vocab or target_vocab, target_vocab or source_vocab)
    head_dim = fields.optional_integer("head_dim", high=MAX_DIM)
    found = {
        "family": fields.text("family"),
        "source_vocab": source_vocab,
        "target_vocab": target_vocab,
        "dim": dim,
        "max_positions": fields.integer("max_positions", high=MAX_POSITIONS),
        "encoder_max_positions": fields.optional_integer(
            "encoder_max_positions", high=MAX_POSITIONS
        ),
        **_pattern(fields, source_vocab),
        "start": fields.integer("start", low=0, high=(target_vocab or source_vocab) - 1),
        "end": fields.integer("end", low=0, high=smaller - 1),
        "pad": fields.optional_id("pad", None, vocab=smaller),
        "unk": fields.optional_id("unk", None, vocab=target_vocab or source_vocab),
        "head_dim": head_dim,
        "rotary_scaling": _rotary_scaling(fields.object("rotary_scaling")),
        **(_sizes(fields, "encoder", dim, head_dim) if source_vocab else NO_ENCODER),
        **(_sizes(fields, "decoder", dim, head_dim) if target_vocab else NO_DECODER),
    }
    model = ModelConfig(**found, **_variant(fields, found.keys()))
    if not source_vocab and (model.mixer != "attention" or model.encoder_pattern != "windows"):
        fields.fail("source_vocab", "is 0, expected an encoder for this mixer and encoder_pattern")
    for stack in model.stacks:
        sizes = model.stack(stack)
        if model.relative_positions and {*sizes.layer_heads} - {sizes.heads}:
            fields.fail(
                f"{stack}_layer_heads",
                f"is {shown(fields.list(f'{stack}_layer_heads'))}, expected {sizes.heads} in every "
                "layer, as the bias by distance has them",
            )
    if model.encoder_pattern == "aggregates" and not model.relative_positions:
        fields.fail("positions", f"is {shown(model.positions)}, expected relative for aggregates")
    if model.encoder_pattern == "states":
        for name, known in (
            ("norm", ("pre",)),
            ("embedding_norm", (False,)),
            ("positions", ("sinusoidal", "sinusoidal_t2t", "learned")),
        ):
            value = getattr(model, name)
            if value not in known:
                expected = " or ".join(map(shown, known))
                fields.fail(name, f"is {shown(value)}, expected {expected} for states")
    return model


def _sizes(fields: Fields, stack: Stack, dim: int, head_dim: int | None) -> dict[str, Any]:
    """The attributes of one stack."""
    layers = fields.integer(f"{stack}_layers", high=MAX_LAYERS)
    if head_dim is None:
        heads = fields.divisor(f"{stack}_heads", of="dim", value=dim)
    else:
        heads = fields.integer(f"{stack}_heads", high=MAX_DIM // head_dim)
    kv_heads = None
    if fields.get(f"{stack}_kv_heads") is not None:
        kv_heads = fields.divisor(f"{stack}_kv_heads", of=f"{stack}_heads", value=heads)
    windows = fields.list(f"{stack}_windows")
    if len(windows) > layers or not all(
        type(window) is int and 0 <= window <= MAX_POSITIONS for window in windows
    ):
        fields.fail(f"{stack}_windows", f"is {shown(windows)}, expected an integer for each layer")
    group = heads // (kv_heads or heads)
    by_layer = {"layer_heads": group, "layer_cross_heads": group, "layer_ffn": 1}
    return {
        f"{stack}_layers": layers,
        f"{stack}_heads": heads,
        f"{stack}_kv_heads": kv_heads,
        f"{stack}_ffn": fields.integer(f"{stack}_ffn", high=MAX_DIM),
        **{
            f"{stack}_{name}": _of_layers(
                fields, f"{stack}_{name}", layers, MAX_DIM if name == "layer_ffn" else heads, step
            )
            for name, step in by_layer.items()
            if (stack, name) != ("encoder", "layer_cross_heads")
        },
        f"{stack}_windows": tuple(windows),
    }


def _of_layers(fields: Fields, key: str, layers: int, most: int, multiple: int) -> tuple[int, ...]:
    """A size of each layer; missing ones are at the end."""
    sizes = fields.list(key)
    if len(sizes) > layers or not all(
        type(size) is int and 1 <= size <= most and size % multiple == 0 for size in sizes
    ):
        of = "" if multiple == 1 else f" that is a multiple of {multiple}"
        fields.fail(
            key, f"is {shown(sizes)}, expected an integer from 1 to {most}{of} for each layer"
        )
    return tuple(sizes)


def _rotary_scaling(values: JsonObject) -> RotaryScaling | None:
    if not values:
        return None
    place = f"{CONFIG_FILE}: model: rotary_scaling"
    _check_known(values, {field.name for field in dataclasses.fields(RotaryScaling)}, place)
    fields = Fields({place: values})
    factor, low, high = (
        fields.number(name, 1.0, low=1) for name in ("factor", "low_frequency", "high_frequency")
    )
    if low >= high:
        fields.fail("high_frequency", f"is {high}, expected more than low_frequency, {low}")
    return RotaryScaling(
        factor, low, high, fields.integer("original_positions", high=MAX_POSITIONS)
    )


def _pattern(fields: Fields, source_vocab: int) -> dict[str, Any]:
    """What tokens of the encoder see beside their windows."""
    pattern = fields.choice(
        "encoder_pattern", {name: name for name in get_args(Pattern)}, "windows"
    )
    block = fields.integer("encoder_block", 0, low=_LEAST_BLOCK.get(pattern, 0), high=MAX_POSITIONS)
    if block and pattern not in _LEAST_BLOCK:
        fields.fail("encoder_block", f"is {block}, expected 0 for {pattern}")
    staggered = fields.boolean("encoder_staggered", False)
    if pattern == "states" and staggered and block % 2:
        fields.fail("encoder_block", f"is {block}, expected an even number for encoder_staggered")
    global_ids = fields.list("global_ids")
    if not all(type(id) is int and 0 <= id < source_vocab for id in global_ids):
        fields.fail("global_ids", f"is {shown(global_ids)}, expected ids below {source_vocab}")
    return {
        "encoder_pattern": pattern,
        "encoder_block": block,
        "encoder_random_blocks": fields.integer("encoder_random_blocks", 0, low=0, high=MAX_LAYERS),
        "encoder_global_states": fields.integer(
            "encoder_global_states", 0, low=int(pattern == "states"), high=MAX_POSITIONS
        ),
        "encoder_staggered": staggered,
        "global_ids": tuple(global_ids),
        "global_first": fields.boolean("global_first", False),
    }


# Of patterns that have blocks.
_LEAST_BLOCK = {"aggregates": 1, "blocks": 1, "states": 1}


def _variant(fields: Fields, others: Collection[str]) -> dict[str, Any]:
    """The attributes that are not among `others`, each by its type. Absent ones have defaults."""
    return {
        name: _by_type(fields, name, kind)
        for name, kind in _types().items()
        if name not in others and fields.get(name) is not None
    }


@functools.cache
def _types() -> dict[str, Any]:
    # Evaluates the text of every annotation, which takes most of a millisecond.
    return get_type_hints(ModelConfig)


def _by_type(fields: Fields, name: str, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return fields.choice(name, {choice: choice for choice in get_args(kind)})
    if kind in (bool, bool | None):
        return fields.boolean(name, False)
    if kind is int:
        low, high = _INTEGERS[name]
        return fields.integer(name, low=low, high=high)
    bounds = {"low": _LEAST[name]} if name in _LEAST else {}
    return fields.optional_number(name, **bounds)


# The bounds of integers, and of numbers the lower ones.
_INTEGERS = {
    "first_position": (0, MAX_POSITIONS),
    "relative_buckets": (2, MAX_POSITIONS),
    "relative_distance": (1, MAX_POSITIONS),
    "average_ffn": (0, MAX_DIM),
    "token_types": (0, MAX_POSITIONS),
}
_LEAST = {
    **{"norm_epsilon": 0, "attention_soft_cap": 0, "logits_soft_cap": 0},
    **{"rotary_theta": 1, "rotary_local_theta": 1},
}


def _generation(values: JsonObject, model: ModelConfig) -> GenerationOptions:
    place = f"{CONFIG_FILE}: generation"
    _check_known(values, {field.name for field in dataclasses.fields(GenerationOptions)}, place)
    for name in ("suppress_tokens", "begin_suppress_tokens", "end_tokens", "target_prefix"):
        tokens = values.get(name, [])
        if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
            raise ModelError(f"{place}: {name} is {shown(tokens)}, expected a list of ids")
    try:
        options = GenerationOptions(**values)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{place}: {error}") from None
    _check_options(options, model, place)
    return options


def _check_options(options: GenerationOptions, model: ModelConfig, place: str) -> None:
    """Checks that the decoding defaults fit the model."""
    ids: dict[str, Iterable[int]] = {
        "suppress_tokens": options.suppress_tokens,
        "begin_suppress_tokens": options.begin_suppress_tokens,
        "end_tokens": options.end_tokens,
        "target_prefix": options.target_prefix,
        "forced_bos_token": () if options.forced_bos_token is None else (options.forced_bos_token,),
        "suppress_sequences": itertools.chain(*options.suppress_sequences),
        "sequence_bias": itertools.chain(*(tokens for tokens, _ in options.sequence_bias)),
    }
    vocab = model.target_vocab
    for name, found in ids.items():
        for id in found:
            if not 0 <= id < vocab:
                raise ModelError(f"{place}: {name} has id {id}, expected 0 to {vocab - 1}")
    if "decoder" not in model.stacks:
        return
    if options.disable_unk and model.unk is None:
        raise ModelError(f"{place}: disable_unk is true, but model has no unk")
    ends = set(options.end_tokens or (model.end,))
    banned = {*options.suppress_tokens, *([model.unk] if options.disable_unk else [])}
    if len(ends | banned) == vocab:
        raise ModelError(f"{place}: suppress_tokens leaves nothing but the end")
    if options.certain_prefix >= model.max_positions:
        raise ModelError(
            f"{place}: target_prefix has {options.certain_prefix} ids, expected fewer than "
            f"max_positions, {model.max_positions}"
        )
    for layer, head in options.alignment_heads or ():
        counts = model.stack("decoder").layer_cross_heads
        if layer >= len(counts) or head >= counts[layer]:
            own = f", this one {counts[layer]} heads" if layer < len(counts) else ""
            raise ModelError(
                f"{place}: alignment_heads has head {head} of layer {layer}, the decoder has "
                f"{len(counts)} layers{own}"
            )


def _tokenizer(folder: pathlib.Path, values: JsonObject) -> dict[str, pathlib.Path]:
    place = f"{CONFIG_FILE}: tokenizer"
    _check_known(values, set(TOKENIZER_FILES), place)
    for role, needed in _NEEDED.items():
        if role in values and not set(needed) & values.keys():
            raise ModelError(f"{place}: {needed[0]} is missing, which {role} needs")
    return {role: named_inside(folder, name, f"{place}: {role}") for role, name in values.items()}


def _text(values: JsonObject) -> TextSettings | None:
    if not values:
        return None
    place = f"{CONFIG_FILE}: text"
    _check_known(values, {field.name for field in dataclasses.fields(TextSettings)}, place)
    fields = Fields({place: values})
    steps = fields.list("normalize")
    for step in steps:
        if step not in NORMALIZATION_STEPS:
            fields.fail(
                "normalize", f"has {shown(step)}, expected {', '.join(NORMALIZATION_STEPS)}"
            )
    return TextSettings(
        whole_tokens=fields.optional_integer("whole_tokens", low=0, high=MAX_POSITIONS),
        normalize=tuple(steps),
        source=fields.text("source", "") or None,
        target=fields.text("target", "") or None,
    )


def _shortlist(folder: pathlib.Path, values: JsonObject) -> tuple[pathlib.Path, bool] | None:
    if not values:
        return None
    place = f"{CONFIG_FILE}: shortlist"
    _check_known(values, {"file", "shared"}, place)
    path = named_inside(folder, values.get("file"), f"{place}: file")
    return path, Fields({place: values}).boolean("shared", False)
