"""What the model answered to a part of a text, with protected parts put back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pyattn.results import Hypothesis
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
    """

    hypothesis: Hypothesis
    form: Form
    output: str
    text: str
    edits: Sequence[Edit] = ()
    faults: tuple[str, ...] = ()

    @property
    def step(self) -> Step:
        """How protected parts came through."""
        return self.form.step if isinstance(self.form, Carried) else ""


def answered(
    plan: Plan, part: Part, form: Form, hypothesis: Hypothesis, output: str, tokenizer: Tokenizer
) -> Answer | None:
    """A hypothesis as a translation of a part; None if protected parts were lost or doubled.

    Args:
        plan: The plan of the text.
        part: The part.
        form: What the model saw of it.
        hypothesis: What the search found.
        output: Its text.
        tokenizer: The model's tokenizer.
    """
    if isinstance(form, Carried):
        edits = form.edits(output)
        if edits is None:
            return None
        if form.slots:
            edits = _with_slots(form, hypothesis, output, edits, tokenizer, plan.pair)
        text = rewritten(output, edits, form.raised)
    else:
        edits = []
        text = output.upper() if form.raised else output
    last = not isinstance(form, Carried) or form.step == "alignment"
    if plan.is_exact(part, text):
        weak = last and any(kept.role != "mark" for kept in part.kept)
        return Answer(hypothesis, form, output, text, edits, ("protected",) if weak else ())
    if not last:
        return None
    # The model made up what is protected without having seen it. The text itself is exact.
    source = plan.text[slice(*part.span)]
    whole = [Edit(0, len(output), source)]
    return Answer(hypothesis, form, output, source, whole, ("copy", "protected"))


def _with_slots(
    form: Carried,
    hypothesis: Hypothesis,
    output: str,
    edits: list[Edit],
    tokenizer: Tokenizer,
    pair: Pair,
) -> list[Edit]:
    """The edits of a form with those for the parts that it left out."""
    [decoded] = tokenizer.decode_with_spans([hypothesis.tokens])
    [encoded] = tokenizer.encode_with_spans([form.text], *pair)
    alignment = hypothesis.alignment
    if alignment is None or decoded.text != output or alignment.shape[1] != len(encoded.spans):
        alignment = np.zeros((0, len(encoded.spans)), np.float32)
    added = placed(form.slots, form.text, encoded.spans, output, decoded.spans, alignment)
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
