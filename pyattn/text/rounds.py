"""Rounds of searches: all parts of all texts, then what has to be searched for again."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis
from pyattn.text.answers import Answer, answered
from pyattn.text.guard.checks import Checks
from pyattn.text.guard.ladder import Rung, may_repeat, rungs
from pyattn.text.plans import Form, Part, Plan
from pyattn.text.protection.carried import Carried
from pyattn.text.searches import PendingSearch, Submit
from pyattn.text.sources import Sources

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Tokenizer


@dataclasses.dataclass(slots=True)
class _Task:
    """A part on its way to its translations.

    Attributes:
        plan: The plan of its text.
        part: The part.
        form: The form under way.
        ids: Its token ids.
        options: The options of its search.
        answers: Its translations so far, best first.
        count: Number of translations that are wanted.
        ladder: The searches that are left for a faulty translation; None before the first fault.
    """

    plan: Plan
    part: Part
    form: Form
    ids: list[int]
    options: GenerationOptions
    answers: list[Answer] = dataclasses.field(default_factory=list)
    count: int = 0
    ladder: Iterator[Rung] | None = None


class Rounds:
    """The searches for the translations of some texts.

    Any thread may use it. Dropping the last reference cancels what is not done.

    Args:
        sources: The sources of the texts.
        tokenizer: The model's tokenizer.
        submit: Begins a search.
        checks: Of each plan, what a guard checks; None without a guard.
    """

    def __init__(
        self,
        sources: Sources,
        tokenizer: Tokenizer,
        submit: Submit,
        checks: Callable[[Plan], Checks] | None,
    ) -> None:
        self._sources = sources
        self._tokenizer = tokenizer
        self._submit = submit
        self._checks = checks
        self._tasks = [
            _Task(plan, part, part.form, part.ids, _searched(part.form, part.options))
            for plan in sources.plans
            for part in plan.parts
        ]
        self._start = monotonic()
        self._advancing = threading.Lock()
        self._cancelled = False
        self._under_way = self._tasks
        self._search: PendingSearch | None = self._begun()
        self.count = len(self._search)

    def done(self) -> bool:
        """Whether all texts are translated."""
        search = self._search
        while search is not None and search.done():
            try:
                self._advance(search, search.results())
            except ValueError:  # cancelled, or a search that cannot continue; results() raises it
                return True
            search = self._search
        return search is None

    def cancel(self) -> None:
        """Ends the search under way within a step, and begins no other."""
        self._cancelled = True
        search = self._search
        if search is not None:
            search.cancel()

    def answers(self, progress: Callable[[int], object] | None = None) -> list[list[Answer]]:
        """Waits for the translations of each part, best first; raises as `PendingSearch`."""
        while (search := self._search) is not None:
            self._advance(search, search.results(progress))
            progress = None  # the few searches that follow are not counted
        return [task.answers for task in self._tasks]

    def __await__(self) -> Generator[object, None, list[list[Answer]]]:
        """Waits without blocking the event loop."""
        while (search := self._search) is not None:
            self._advance(search, (yield from search.__await__()))
        return [task.answers for task in self._tasks]

    def _begun(self) -> PendingSearch:
        tasks = self._under_way
        return self._submit([task.ids for task in tasks], [task.options for task in tasks])

    def _advance(self, search: PendingSearch, found: Sequence[Sequence[Hypothesis]]) -> None:
        """Judges what a search found, and begins the next if something is missing."""
        with self._advancing:
            if search is not self._search:
                return  # another thread was faster
            outputs = iter(self._tokenizer.decode([h.tokens for ranked in found for h in ranked]))
            again: list[_Task] = []
            for task, ranked in zip(self._under_way, found, strict=True):
                if not self._judged(task, [(one, next(outputs)) for one in ranked]):
                    again.append(task)
            self._under_way = again
            self._search = self._begun() if again else None
            if self._cancelled and self._search is not None:
                self._search.cancel()

    def _judged(self, task: _Task, found: Sequence[tuple[Hypothesis, str]]) -> bool:
        """Takes what was found for a task; returns whether it is done."""
        pair = task.plan.pair
        made = [
            answered(task.plan, task.part, task.form, hypothesis, output, self._tokenizer)
            for hypothesis, output in found
        ]
        candidates = [answer for answer in made if answer is not None]
        if task.ladder is not None:
            return self._climbed(task, candidates)
        task.count = task.count or len(found)
        task.answers = [*task.answers, *candidates][: task.count]
        if len(task.answers) < task.count:
            late = any(one.finish_reason == "timeout" for one, _ in found)
            if self._next_form(task, last=late):
                return False
        if self._checks is None:
            return True
        self._check(task, task.answers)
        best = task.answers[0]
        if not set(best.faults) - _NO_LADDER or not may_repeat(task.options):
            return True
        settings = self._sources.cuttings[pair]
        task.ladder = rungs(best.form, task.options, settings.language)
        task.form = best.form
        return not self._next_rung(task)

    def _climbed(self, task: _Task, candidates: list[Answer]) -> bool:
        """Takes the candidates for a faulty translation, the first without a fault foremost."""
        self._check(task, candidates)
        candidates.sort(key=_badness)  # stable: of equals the better one comes first
        if candidates and _badness(candidates[0]) < _badness(task.answers[0]):
            rest = [*task.answers, *candidates[1:]] if task.count > 1 else []
            task.answers = [candidates[0], *rest][: task.count]
        return not set(task.answers[0].faults) - _NO_LADDER or not self._next_rung(task)

    def _check(self, task: _Task, answers: Sequence[Answer]) -> None:
        if self._checks is None:
            return
        checks = self._checks(task.plan)
        for answer in answers:
            faults = checks.faults(
                answer.form.text, answer.output, task.ids, answer.hypothesis.tokens
            )
            answer.faults = tuple(dict.fromkeys([*answer.faults, *faults]))

    def _next_form(self, task: _Task, *, last: bool) -> bool:
        """Takes the next form of a part whose protected parts got lost; False if there is none."""
        for form in list(task.part.others)[-1:] if last else task.part.others:
            ids = self._sources.cuttings[task.plan.pair].numbered(form)
            if ids is not None:
                task.form, task.ids = form, ids
                task.options = _searched(form, self._in_time(task))
                return True
        return False

    def _in_time(self, task: _Task) -> GenerationOptions:
        """A task's options with the time that is left, if it is limited."""
        options = task.part.options
        assert options is not None
        if options.max_time is None:
            return task.options
        left = max(0.0, options.max_time - (monotonic() - self._start))
        return task.options.replace(max_time=left)

    def _next_rung(self, task: _Task) -> bool:
        assert task.ladder is not None
        for form, options in task.ladder:
            if form is not task.form:
                ids = self._sources.cuttings[task.plan.pair].numbered(form)
                if ids is None:
                    continue
                task.form, task.ids = form, ids
            task.options = options
            return True
        return False


def _searched(form: Form, options: GenerationOptions | None) -> GenerationOptions:
    """The options of a form's search: left-out parts and terms need an alignment."""
    assert options is not None
    if isinstance(form, Carried) and (form.slots or form.terms) and not options.alignment:
        return options.replace(alignment=True)
    return options


def _badness(answer: Answer) -> int:
    return sum(_WEIGHTS[code] for code in answer.faults)


# Faults for which there is no other search. Of lost brackets because what another search finds has
# them, but was not better on ordinary text (1 of 1,000 lines, BLEU 44.0705 in place of 44.0741).
_NO_LADDER = {"protected", "glossary", "brackets"}

# The worst first: an answer with a fault and all that follow is better than one with a worse fault.
_WORST_FIRST = (
    *("empty", "length", "repetition", "script", "copy", "numbers", "brackets"),
    *("protected", "glossary"),
)
_WEIGHTS = {code: 1 << place for place, code in enumerate(reversed(_WORST_FIRST))}
