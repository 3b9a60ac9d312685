"""What the model answered to a part of a text, with protected parts put back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pyattn.results import Hypothesis
from pyattn.text.glossary.counting import Count, counted
from pyattn.text.glossary.using import Looks, Use, in_place, merged, uses
from pyattn.text.plans import Form, Pair, Part, Plan
from pyattn.text.protection.carried import Carried, Edit, Step, rewritten
from pyattn.text.protection.placing import placed

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Tokenizer


@dataclasses.dataclass(slots=True)
class Answer:
    """One translation of a part.

    Attributes:
        hypothesis: What the search found.
        form: What the model saw.
        output: The text of the hypothesis.
        text: The translation: the output with its edits, in capitals if the form was lowered.
        edits: What is replaced in the output, ascending.
        faults: Codes of its faults.
        uses: What became of the glossary's terms.
    """

    hypothesis: Hypothesis
    form: Form
    output: str
    text: str
    edits: Sequence[Edit] = ()
    faults: tuple[str, ...] = ()
    uses: Sequence[Use] = ()

    @property
    def step(self) -> Step:
        """How protected parts came through."""
        return self.form.step if isinstance(self.form, Carried) else ""


def answered(
    plan: Plan, part: Part, form: Form, hypothesis: Hypothesis, output: str, tokenizer: Tokenizer
) -> Answer | None:
    """A hypothesis as a translation of a part; None if another form is to be tried.

    Protected parts were lost or doubled then, or strict terms are not clearly placed.

    Args:
        plan: The plan of the text.
        part: The part.
        form: What the model saw of it.
        hypothesis: What the search found.
        output: Its text.
        tokenizer: The model's tokenizer.
    """
    faults: list[str] = []
    found: list[Use] = []
    edits: list[Edit] = []
    if isinstance(form, Carried):
        own = form.edits(output)
        if own is None:
            return None
        edits = own
        if form.slots:
            edits = _with_slots(form, hypothesis, output, edits, tokenizer, plan.pair)
        if part.terms:
            edits, found = _with_terms(form, hypothesis, output, edits, tokenizer, plan.pair)
        text = rewritten(output, edits, form.raised)
    else:
        text = output.upper() if form.raised else output
    last = not isinstance(form, Carried) or form.step == "alignment"
    if part.terms and isinstance(form, Carried) and any(_misses(part, found, form, text)):
        if not last and part.terms[0].strict:
            return None
        faults.append("glossary")
    if plan.exact.holds(part.span, text):
        if last and any(kept.role != "mark" for kept in part.kept):
            faults.append("protected")
        return Answer(hypothesis, form, output, text, edits, tuple(faults), found)
    if not last:
        return None
    # The model made up what is protected without having seen it. The text itself is exact.
    source = plan.text[slice(*part.span)]
    whole = [Edit(0, len(output), source)]
    codes = ("copy", "protected", *(["glossary"] if part.terms else []))
    return Answer(hypothesis, form, output, source, whole, codes)


def _with_terms(
    form: Carried,
    hypothesis: Hypothesis,
    output: str,
    edits: Sequence[Edit],
    tokenizer: Tokenizer,
    pair: Pair,
) -> tuple[list[Edit], list[Use]]:
    """The edits of a form with those for its terms, and what became of these."""
    own = [
        edit
        if edit.term is None
        else dataclasses.replace(edit, text=in_place(edit.term, form.sentence, output, edit.begin))
        for edit in edits
    ]
    found = [Use(edit.term, edit) for edit in own if edit.term is not None]
    if not form.terms:
        return own, found
    force = form.step == "alignment" and form.terms[0].strict
    seen = lambda: _looks(form, hypothesis, output, tokenizer, pair)  # noqa: E731
    found += uses(form.sentence, form.terms, form.spans(), output, own, seen, force)
    added = [use.edit for use in found if use.edit is not None and use.edit not in own]
    return merged([*own, *added]), found


def _misses(part: Part, found: Sequence[Use], form: Carried, text: str) -> Count:
    """How many terms of a part are not in its translation, or too often."""
    terms = [term.moved(-part.span[0]) for term in part.terms]
    lacking, spare = counted(terms, form.sentence, text)
    return Count(max(lacking, sum(not use.used for use in found)), spare)


def _looks(
    form: Carried, hypothesis: Hypothesis, output: str, tokenizer: Tokenizer, pair: Pair
) -> Looks:
    """The alignment of an output with its form; without rows if there is none."""
    [decoded] = tokenizer.decode_with_spans([hypothesis.tokens])
    [encoded] = tokenizer.encode_with_spans([form.text], *pair)
    alignment = hypothesis.alignment
    if alignment is None or decoded.text != output or alignment.shape[1] != len(encoded.spans):
        alignment = np.zeros((0, len(encoded.spans)), np.float32)
    return Looks(form.text, encoded.spans, decoded.spans, alignment)


def _with_slots(
    form: Carried,
    hypothesis: Hypothesis,
    output: str,
    edits: list[Edit],
    tokenizer: Tokenizer,
    pair: Pair,
) -> list[Edit]:
    """The edits of a form with those for the parts that it left out."""
    seen = _looks(form, hypothesis, output, tokenizer, pair)
    added = placed(
        form.slots, seen.form, seen.source_spans, output, seen.target_spans, seen.weights
    )
    outside: list[Edit] = []
    for edit in added:
        around = next((one for one in edits if one.begin < edit.begin < one.end), None)
        place = edit.begin if around is None else around.end
        if outside and outside[-1].begin == place:
            outside[-1] = Edit(place, place, outside[-1].text + edit.text)
        else:
            outside.append(Edit(place, place, edit.text))
    # What is put in comes before what is replaced at the same place.
    return sorted([*outside, *edits], key=lambda edit: (edit.begin, edit.end))
