"""How a Hugging Face checkpoint says that it wants to be decoded."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from pyattn.errors import ModelError
from pyattn.formats.fields import Fields
from pyattn.formats.files import shown
from pyattn.options import GenerationOptions

# Settings that have no counterpart here, with the values at which they do nothing.
# (`renormalize_logits`, which OPUS-MT models carry, is not among them: it takes the probability of
# suppressed tokens off the rest, which for a padding token is next to nothing.)
_WITHOUT_COUNTERPART: dict[str, Any] = {
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "forced_decoder_ids": None,
    "exponential_decay_length_penalty": None,
    "force_words_ids": None,
    "constraints": None,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
}
# What transformers leaves of a distribution to sample from, where nobody says otherwise.
_TOP_K = 50


def generation_options(
    fields: Fields, *, end: int, vocab: int, max_positions: int
) -> GenerationOptions:
    """The options that make generation here the same as in transformers.

    Args:
        fields: config.json and generation_config.json.
        end: Id of the end token, the first one if there are several.
        vocab: Number of target tokens.
        max_positions: The longest target that has positions.

    Raises:
        ModelError: if a value is out of range, or contradicts another.
    """
    for key, neutral in _WITHOUT_COUNTERPART.items():
        if fields.get(key) not in (None, neutral):
            _warn(f"{key} {shown(fields.get(key))}")
    beams = fields.integer("num_beams", 1)
    sample = fields.boolean("do_sample", False)
    ends = fields.ids("eos_token_id", vocab=vocab)
    forced = fields.optional_id("forced_eos_token_id", None, vocab=vocab)
    if forced not in (None, end):
        fields.fail("forced_eos_token_id", f"is {forced}, expected eos_token_id, {end}")
    suppressed, sequences = _suppressed(fields, vocab)
    try:
        return GenerationOptions(
            beam_size=beams,
            do_sample=sample,
            temperature=fields.number("temperature", 1.0),
            top_k=fields.integer("top_k", _TOP_K if sample else 0, low=0),
            top_p=fields.number("top_p", 1.0),
            min_p=fields.number("min_p", 0.0),
            max_new_tokens=min(_most(fields), max_positions),
            min_new_tokens=_fewest(fields),
            length_penalty=fields.number("length_penalty", 1.0),
            early_stopping=_early_stopping(fields),
            end_tokens=tuple(ends) if len(ends) > 1 else (),
            suppress_tokens=tuple(sorted(suppressed - {*ends})),
            suppress_sequences=sequences,
            begin_suppress_tokens=_ids(fields, "begin_suppress_tokens", vocab),
            forced_bos_token=_forced_first(fields, vocab),
            force_end=forced is not None,
            repetition_penalty=fields.number("repetition_penalty", 1.0),
            encoder_repetition_penalty=fields.number("encoder_repetition_penalty", 1.0),
            no_repeat_ngram_size=fields.integer("no_repeat_ngram_size", 0, low=0),
            encoder_no_repeat_ngram_size=fields.integer("encoder_no_repeat_ngram_size", 0, low=0),
            sequence_bias=_sequence_bias(fields, vocab),
        )
    except ModelError:
        raise
    except ValueError as error:  # the options speak of themselves, not of the file
        raise ModelError(f"generation_config.json: {error}") from None


def _warn(what: str) -> None:
    warnings.warn(
        f"{what} of the model's generation defaults is not supported and has no effect",
        stacklevel=3,
    )


def _most(fields: Fields) -> int:
    # transformers counts the start token in lengths, and falls back on a length of 20, which is
    # never what anybody wants.
    length = fields.optional_integer("max_length", low=2)
    default = GenerationOptions().max_new_tokens if length is None else length - 1
    return fields.integer("max_new_tokens", default)


def _fewest(fields: Fields) -> int:
    length = fields.integer("min_length", 0, low=0)
    return fields.integer("min_new_tokens", max(length - 1, 0), low=0)


def _early_stopping(fields: Fields) -> bool | Literal["never"]:
    if fields.get("early_stopping") == "never":
        return "never"
    return fields.boolean("early_stopping", False)


def _forced_first(fields: Fields, vocab: int) -> int | None:
    """The certain first token; BART's first configs said no more than that it is their begin."""
    old = fields.boolean("force_bos_token_to_be_generated", False)
    begin = fields.optional_id("bos_token_id", None, vocab=vocab) if old else None
    return fields.optional_id("forced_bos_token_id", begin, vocab=vocab)


def _suppressed(fields: Fields, vocab: int) -> tuple[set[int], tuple[tuple[int, ...], ...]]:
    """Ids that are never produced, and sequences of several ids that never are."""
    words = [
        _checked(fields, "bad_words_ids", word, vocab) for word in fields.list("bad_words_ids")
    ]
    alone = {word[0] for word in words if len(word) == 1}
    return (
        alone | set(_ids(fields, "suppress_tokens", vocab)),
        tuple(word for word in words if len(word) > 1),
    )


def _sequence_bias(fields: Fields, vocab: int) -> tuple[tuple[tuple[int, ...], float], ...]:
    pairs = fields.list("sequence_bias")
    for pair in pairs:
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not pair[0]
            or not isinstance(pair[1], int | float)
        ):
            fields.fail("sequence_bias", f"has {shown(pair)}, expected pairs of ids and a number")
    return tuple((_checked(fields, "sequence_bias", ids, vocab), bias) for ids, bias in pairs)


def _ids(fields: Fields, key: str, vocab: int) -> tuple[int, ...]:
    return _checked(fields, key, fields.list(key), vocab)


def _checked(fields: Fields, key: str, ids: Any, vocab: int) -> tuple[int, ...]:
    if not isinstance(ids, list) or not all(
        type(token) is int and 0 <= token < vocab for token in ids
    ):
        fields.fail(key, f"has {shown(ids)}, expected ids below {vocab}")
    return tuple(ids)
