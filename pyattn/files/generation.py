"""How a Hugging Face checkpoint says that it wants to be decoded.

What transformers' `GenerationConfig` has is followed, or decides nothing here, or is warned of; so
is what is not known. Files carry much that their own search does not use (a temperature without
`do_sample`): such a setting never stops a load, whatever its value. One that the search does use is
a ModelError where transformers could not go by it either.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, Literal

from pyattn.errors import ModelError
from pyattn.files.fields import Fields
from pyattn.files.reading import shown
from pyattn.options import MAX_BEAM, GenerationOptions

GENERATION_FILE = "generation_config.json"

# Settings that have no counterpart here, with the values at which they do nothing.
WITHOUT_COUNTERPART: dict[str, tuple[Any, ...]] = {
    "assistant_early_exit": (),
    "constraints": ([],),
    "diversity_penalty": (0,),
    "dola_layers": (),
    "epsilon_cutoff": (0,),
    "eta_cutoff": (0,),
    "exponential_decay_length_penalty": (),
    "force_words_ids": ([],),
    "forced_decoder_ids": ([],),
    "guidance_scale": (1,),
    "num_beam_groups": (1,),
    "penalty_alpha": (0,),
    "prompt_lookup_num_tokens": (),
    "stop_strings": ([],),
    "token_healing": (False,),
    "top_h": (1,),
    "typical_p": (1,),
    "use_mtp": (False,),
    "watermarking_config": (),
}
FOLLOWED = frozenset(
    {
        "bad_words_ids",
        "begin_suppress_tokens",
        "bos_token_id",
        "decoder_start_token_id",
        "do_sample",
        "early_stopping",
        "encoder_no_repeat_ngram_size",
        "encoder_repetition_penalty",
        "eos_token_id",
        "force_bos_token_to_be_generated",
        "forced_bos_token_id",
        "forced_eos_token_id",
        "length_penalty",
        "max_length",
        "max_new_tokens",
        "max_time",
        "min_length",
        "min_new_tokens",
        "min_p",
        "no_repeat_ngram_size",
        "num_beams",
        "num_return_sequences",
        "pad_token_id",
        "repetition_penalty",
        "sequence_bias",
        "suppress_tokens",
        "temperature",
        "top_k",
        "top_p",
        "unk_token_id",
    }
)
# What decides nothing that a search here returns: how transformers keeps keys and values, compiles
# and batches; what else it returns; what an assistant would guess, if there were one; and who wrote
# the file. `renormalize_logits`, which OPUS-MT models carry, takes the probability of suppressed
# tokens off the rest, which for a padding token is next to nothing.
WITHOUT_EFFECT = frozenset(
    {
        "_commit_hash",
        "_from_model_config",
        "_name_or_path",
        "assistant_confidence_threshold",
        "assistant_ensemble_weight",
        "assistant_lookbehind",
        "cache_config",
        "cache_implementation",
        "compile_config",
        "continuous_batching_config",
        "disable_compile",
        "is_assistant",
        "low_memory",
        "max_cache_len",
        "max_matching_ngram_size",
        "num_assistant_tokens",
        "num_assistant_tokens_schedule",
        "output_attentions",
        "output_hidden_states",
        "output_logits",
        "output_scores",
        "prefill_chunk_size",
        "remove_invalid_values",
        "renormalize_logits",
        "return_dict_in_generate",
        "speculation_type",
        "target_lookbehind",
        "transformers_version",
        "use_cache",
    }
)
# What transformers leaves of a distribution to sample from, where nobody says otherwise.
_TOP_K = 50
# Of the options that have the same values.
_PENALTIES = {"low": 1e-3, "high": 1e3}
_LEAST_TOP_P = 1e-6
# Far above any length, so that one that means "no limit" is none.
_NO_LIMIT = 2**63


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
        ModelError: if a value that is used is out of range, or contradicts another.
    """
    _warn_of_others(fields)
    beams = fields.integer("num_beams", 1, high=MAX_BEAM)
    sample = fields.boolean("do_sample", False)
    ends = fields.ids("eos_token_id", vocab=vocab)
    suppressed, sequences = _suppressed(fields, vocab)
    most = min(_most(fields), max_positions)
    try:
        return GenerationOptions(
            beam_size=beams,
            num_hypotheses=_returned(fields, beams, sample),
            do_sample=sample,
            **_sampling(fields, sample),
            max_new_tokens=most,
            min_new_tokens=_fewest(fields, most),
            max_time=fields.optional_number("max_time", low=0),
            length_penalty=fields.number("length_penalty", 1.0),
            early_stopping=_early_stopping(fields),
            end_tokens=tuple(ends) if len(ends) > 1 else (),
            suppress_tokens=tuple(sorted(suppressed - {*ends})),
            suppress_sequences=sequences,
            begin_suppress_tokens=_known(fields, "begin_suppress_tokens", vocab),
            forced_bos_token=_forced_first(fields, vocab),
            force_end=_forced_last(fields, vocab, end),
            repetition_penalty=fields.number("repetition_penalty", 1.0, **_PENALTIES),
            encoder_repetition_penalty=fields.number(
                "encoder_repetition_penalty", 1.0, **_PENALTIES
            ),
            no_repeat_ngram_size=_count(fields, "no_repeat_ngram_size"),
            encoder_no_repeat_ngram_size=_count(fields, "encoder_no_repeat_ngram_size"),
            sequence_bias=_sequence_bias(fields, vocab),
        )
    except ModelError:
        raise
    except ValueError as error:  # the options speak of themselves, not of the file
        raise ModelError(f"{GENERATION_FILE}: {error}") from None


def _warn_of_others(fields: Fields) -> None:
    """Warns of what has no counterpart here, or is not known at all."""
    for key, neutral in WITHOUT_COUNTERPART.items():
        value = fields.get(key)
        if value is not None and value not in neutral:
            fields.warn(key, f"is {shown(value)}, which pyattn does not support and ignores")
    known = FOLLOWED | WITHOUT_EFFECT | WITHOUT_COUNTERPART.keys()
    for key in fields.names(GENERATION_FILE):
        if key not in known and fields.get(key) is not None:
            fields.warn(key, f"is {shown(fields.get(key))}, which pyattn does not know and ignores")


def _returned(fields: Fields, beams: int, sample: bool) -> int:
    """How many hypotheses a search returns: no more than it has."""
    wanted = fields.integer("num_return_sequences", 1)
    most = MAX_BEAM if sample and beams == 1 else beams
    if wanted > most:
        fields.warn(
            "num_return_sequences", f"is {wanted}, of which num_beams {beams} yields only {most}"
        )
    return min(wanted, most)


def _sampling(fields: Fields, sample: bool) -> dict[str, Any]:
    """How tokens are drawn, also of a model that draws none unless it is asked to."""
    readers: dict[str, Callable[[], float]] = {
        "temperature": functools.partial(fields.number, "temperature", 1.0, **_PENALTIES),
        "top_k": functools.partial(fields.integer, "top_k", _TOP_K if sample else 0, low=0),
        # Beyond 1 transformers leaves out the step, and at 0 nothing but the best token is left.
        "top_p": lambda: min(max(fields.number("top_p", 1.0, low=0), _LEAST_TOP_P), 1.0),
        "min_p": functools.partial(fields.number, "min_p", 0.0, low=0, high=1),
    }
    found: dict[str, Any] = {}
    for name, read in readers.items():
        try:
            found[name] = read()
        except ModelError as error:
            if sample:
                raise
            warnings.warn(f"{error}; ignored, as do_sample is not true", stacklevel=2)
    return found


def _most(fields: Fields) -> int:
    if fields.get("max_new_tokens") is not None:
        return fields.integer("max_new_tokens", high=_NO_LIMIT)
    # transformers counts the start token in lengths, and falls back on a length of 20, which is
    # never what anybody wants.
    length = fields.optional_integer("max_length", low=2, high=_NO_LIMIT)
    return GenerationOptions().max_new_tokens if length is None else length - 1


def _fewest(fields: Fields, most: int) -> int:
    """The fewest new tokens; as many as there may be where the file asks for more."""
    alone = fields.get("min_new_tokens") is not None
    key = "min_new_tokens" if alone else "min_length"
    fewest = max(_count(fields, key) - (not alone), 0)
    if fewest > most:
        fields.warn(key, f"is {fields.get(key)}, more than a target may have, {most} new tokens")
    return min(fewest, most)


def _count(fields: Fields, key: str) -> int:
    """A number of tokens; what is below 0 asks for none."""
    return max(fields.integer(key, 0, low=-_NO_LIMIT), 0)


def _early_stopping(fields: Fields) -> bool | Literal["never"]:
    if fields.get("early_stopping") == "never":
        return "never"
    return fields.boolean("early_stopping", False)


def _forced_first(fields: Fields, vocab: int) -> int | None:
    """The certain first token; BART's first configs said no more than that it is their begin."""
    old = fields.boolean("force_bos_token_to_be_generated", False)
    begin = fields.optional_id("bos_token_id", None, vocab=vocab) if old else None
    return fields.optional_id("forced_bos_token_id", begin, vocab=vocab)


def _forced_last(fields: Fields, vocab: int, end: int) -> bool:
    """Whether the longest target can only end with the end."""
    key = "forced_eos_token_id"
    if fields.get(key) is None:
        return False
    forced = fields.ids(key, vocab=vocab)
    if forced != [end]:
        wanted = shown(fields.get(key))
        fields.warn(key, f"is {wanted}, which pyattn ignores, as it is not eos_token_id, {end}")
    return forced == [end]


def _suppressed(fields: Fields, vocab: int) -> tuple[set[int], tuple[tuple[int, ...], ...]]:
    """Ids that are never produced, and sequences of several ids that never are."""
    words = [
        _checked(fields, "bad_words_ids", word, vocab) for word in fields.list("bad_words_ids")
    ]
    alone = {word[0] for word in words if len(word) == 1}
    return (
        alone | set(_known(fields, "suppress_tokens", vocab)),
        tuple(word for word in words if len(word) > 1),
    )


def _sequence_bias(fields: Fields, vocab: int) -> tuple[tuple[tuple[int, ...], float], ...]:
    """Biases; of a sequence that stands there twice, the last one, as in transformers' dict."""
    pairs = fields.list("sequence_bias")
    for pair in pairs:
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not pair[0]
            or type(pair[1]) not in (int, float)
        ):
            fields.fail("sequence_bias", f"has {shown(pair)}, expected pairs of ids and a number")
    return tuple(
        {_checked(fields, "sequence_bias", ids, vocab): bias for ids, bias in pairs}.items()
    )


def _known(fields: Fields, key: str, vocab: int) -> tuple[int, ...]:
    """Ids, without those that no token has: not to produce them asks for nothing."""
    ids = fields.list(key)
    if not all(type(token) is int for token in ids):
        fields.fail(key, f"has {shown(ids)}, expected ids below {vocab}")
    return tuple(token for token in ids if 0 <= token < vocab)


def _checked(fields: Fields, key: str, ids: Any, vocab: int) -> tuple[int, ...]:
    if not isinstance(ids, list) or not all(
        type(token) is int and 0 <= token < vocab for token in ids
    ):
        fields.fail(key, f"has {shown(ids)}, expected ids below {vocab}")
    return tuple(ids)
