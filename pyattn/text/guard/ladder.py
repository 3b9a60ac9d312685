"""The searches that follow a faulty translation, one after the other, until one has no fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pyattn.options import GenerationOptions
from pyattn.text.normalization import Normalized, is_capitals, normalized
from pyattn.text.plans import Form

_BEAM = 6
_NGRAM = 3
_ENCODER_PENALTY = 1.1
_FACTOR = 2.0
_LOWERED = frozenset({"invisible", "quotes", "capitals"})


class Rung(NamedTuple):
    """A search for a better translation.

    Attributes:
        form: What the model sees.
        options: How to search. Its hypotheses are candidates, best first.
    """

    form: Form
    options: GenerationOptions


def may_repeat(options: GenerationOptions) -> bool:
    """Whether another search may take the place of one: not of chance or of alternatives."""
    return not (options.do_sample or options.return_alternatives or options.max_time is not None)


def rungs(form: Form, options: GenerationOptions, language: str | None) -> Iterator[Rung]:
    """The searches, in order.

    Args:
        form: What the model saw.
        options: How the faulty translation was found.
        language: The source's language, if known.
    """
    if isinstance(form, Normalized) and not form.raised and is_capitals(form.text):
        yield Rung(normalized(form.original, _LOWERED, language), options)
    wider = max(_BEAM, min(options.beam_size * 2, 4 * _BEAM))
    # The second hypothesis is often right where the first is not.
    better = options.replace(
        beam_size=wider, num_hypotheses=max(wider, options.num_hypotheses), patience=1.0
    )
    yield Rung(form, better)
    factor = options.max_length_factor
    yield Rung(
        form,
        better.replace(
            no_repeat_ngram_size=options.no_repeat_ngram_size or _NGRAM,
            encoder_repetition_penalty=max(options.encoder_repetition_penalty, _ENCODER_PENALTY),
            max_length_factor=min(factor, _FACTOR) if factor else _FACTOR,
        ),
    )
