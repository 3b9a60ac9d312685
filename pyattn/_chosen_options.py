"""The options of each sentence of a call: the checkpoint's or the caller's, fitted to the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions, checked_heads

Options: TypeAlias = GenerationOptions | Sequence[GenerationOptions] | None
_Heads: TypeAlias = tuple[tuple[int, int], ...]


def chosen_options(
    options: Options,
    overrides: Mapping[str, Any],
    count: int,
    *,
    config: ModelConfig,
    defaults: GenerationOptions,
) -> list[GenerationOptions]:
    """The options of each sentence.

    Args:
        options: The caller's: one for all, one for each, or None for the checkpoint's.
        overrides: Fields that replace those of `options`.
        count: How many sentences there are.
        config: What the model is.
        defaults: The checkpoint's.

    Raises:
        TypeError: if an option does not exist.
        ValueError: if an option does not fit the model, or there are not as many as sentences.
    """
    if options is None or isinstance(options, GenerationOptions):
        return [_fitted(options or defaults, overrides, config, defaults)] * count
    if isinstance(options, str | bytes) or not isinstance(options, Sequence):
        raise TypeError(f"options: expected GenerationOptions, got {type(options).__name__}")
    if len(options) != count:
        raise ValueError(f"options: there are {len(options)}, expected {count}, one per source")
    known: dict[int, GenerationOptions] = {}
    for one in options:
        if id(one) not in known:
            known[id(one)] = _fitted(one, overrides, config, defaults)
    return [known[id(one)] for one in options]


def _fitted(
    options: GenerationOptions,
    overrides: Mapping[str, Any],
    config: ModelConfig,
    defaults: GenerationOptions,
) -> GenerationOptions:
    if not isinstance(options, GenerationOptions):
        raise TypeError(f"options: expected GenerationOptions, got {type(options).__name__}")
    chosen = options.replace(**overrides)
    changes: dict[str, Any] = {}
    if chosen.disable_unk:
        if config.unk is None:
            raise ValueError("disable_unk: the model's files name no unknown token")
        changes["suppress_tokens"] = (*chosen.suppress_tokens, config.unk)
    if chosen.alignment or chosen.coverage_penalty != 0:
        if config.stacks == ("decoder",):
            name = "alignment" if chosen.alignment else "coverage_penalty"
            raise ValueError(
                f"{name}: the model has no encoder, so there is no source to attend to"
            )
        changes["alignment_heads"] = heads_of(chosen.alignment_heads, config, defaults)
    # A target ends with the model's positions, whatever max_new_tokens is. If the prefix leaves
    # none, the core raises the error.
    left = max(config.max_positions - chosen.certain_prefix, 1)
    if chosen.max_new_tokens > left:
        changes["max_new_tokens"] = left
    return chosen.replace(**changes) if changes else chosen


def heads_of(heads: _Heads | None, config: ModelConfig, defaults: GenerationOptions) -> _Heads:
    """The given heads, else the checkpoint's, else all of the last layer."""
    if "decoder" not in config.stacks:
        return ()  # the model's error comes later, and names its operation
    layers = config.stack("decoder").layer_cross_heads
    return (
        heads
        or defaults.alignment_heads
        or checked_heads([(len(layers) - 1, head) for head in range(layers[-1] if layers else 0)])
    )
