"""How good a model's translations are: scores against references, speed and faults.

BLEU, chrF and TER are sacrebleu's, with its signatures (the extra `evaluate`).
"""

from __future__ import annotations

import collections
import dataclasses
import importlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pyattn.results import Translation
from pyattn.text.guard.stress import LINES
from pyattn.text.normalization import has_letter

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.text.settings import TextOverrides

# Resamples of the paired bootstrap (Koehn 2004).
SAMPLES = 1000
# A translation of more than this many times its text's characters, counted as at least so many, is
# too long.
_FACTOR, _LEAST = 3, 5


class Translates(Protocol):
    """What an evaluation needs of a `Translator`."""

    def results(
        self, texts: Sequence[str], **options: Unpack[TextOverrides]
    ) -> list[list[Translation]]:
        """The translations of each text, best first."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A score of all lines.

    Attributes:
        name: "BLEU", "chrF2" or "TER".
        score: From 0 to 100; TER, of which less is better, may be more than 100.
        signature: How it was computed, in sacrebleu's form.
        baseline: The baseline's score; None without a baseline.
        interval: Half of the 95 % interval of `score` over the resamples; None likewise.
        p_value: Of a difference to the baseline, by paired bootstrap; None likewise.
    """

    name: str
    score: float
    signature: str
    baseline: float | None = None
    interval: float | None = None
    p_value: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Faults:
    """Faults of some translations.

    Attributes:
        lines: Number of lines.
        warned: Lines with any warning.
        warnings: Lines with each warning (see `pyattn.Translation`), the most frequent first.
        empty: Translations without a letter or digit of texts that have letters.
        too_long: Translations of more than three times their text's characters.
        changed: Texts without a letter that did not come back as they were.
    """

    lines: int
    warned: int
    warnings: dict[str, int]
    empty: int
    too_long: int
    changed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Translations of a test set, and how good they are.

    Attributes:
        sources: The texts.
        translations: The best translation of each.
        metrics: Scores.
        faults: What may be wrong.
        length_ratio: Characters of all translations by those of all references.
        tokens: Tokens of all translations.
        seconds: Time of the translation, on the clock.
    """

    sources: list[str]
    translations: list[Translation]
    metrics: tuple[Metric, ...]
    faults: Faults
    length_ratio: float
    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Tokens of translations by seconds."""
        return self.tokens / max(self.seconds, 1e-9)


def evaluate(
    translator: Translates,
    sources: Sequence[str],
    references: Sequence[str],
    *,
    baseline: Sequence[str] | None = None,
    **options: Unpack[TextOverrides],
) -> Evaluation:
    """Translates a test set and compares it with its references.

    Args:
        translator: A `pyattn.Translator` or a `pyattn.Pivot`.
        sources: The texts.
        references: A translation of each.
        baseline: Another system's translations of them, for a paired bootstrap test.
        **options: As for `Translator.results`.

    Raises:
        ImportError: if sacrebleu is not installed.
        ValueError: if there are no texts, or another number of references or of the baseline's.
    """
    if not sources:
        raise ValueError("evaluate: sources has no lines, expected some")
    for name, lines in (("references", references), ("baseline", baseline)):
        if lines is not None and len(lines) != len(sources):
            raise ValueError(
                f"evaluate: {name} has {len(lines)} lines, expected {len(sources)}, as sources"
            )
    _sacrebleu("metrics")  # fails before the work
    begin = time.perf_counter()
    best = [ranked[0] for ranked in translator.results(sources, **options)]
    seconds = time.perf_counter() - begin
    texts = [one.text for one in best]
    return Evaluation(
        sources=list(sources),
        translations=best,
        metrics=metrics_of(texts, references, baseline),
        faults=faults_of(sources, best),
        length_ratio=sum(map(len, texts)) / max(1, sum(map(len, references))),
        tokens=sum(len(one.tokens) for one in best),
        seconds=seconds,
    )


def stressed(translator: Translates, **options: Unpack[TextOverrides]) -> Faults:
    """The faults of the translations of odd lines: blanks, marks, single words, letter runs, code.

    Args:
        translator: As for `evaluate`.
        **options: Likewise.
    """
    return faults_of(LINES, [ranked[0] for ranked in translator.results(LINES, **options)])


def metrics_of(
    texts: Sequence[str], references: Sequence[str], baseline: Sequence[str] | None = None
) -> tuple[Metric, ...]:
    """BLEU, chrF and TER of translations, and of a baseline if there is one.

    Args:
        texts: The translations.
        references: One for each.
        baseline: Another system's translations.

    Raises:
        ImportError: if sacrebleu is not installed.
    """
    library = _sacrebleu("metrics")
    kinds = {"BLEU": library.BLEU, "chrF2": library.CHRF, "TER": library.TER}
    if baseline is None:
        found: list[Metric] = []
        for name, kind in kinds.items():
            metric = kind()
            score = metric.corpus_score(list(texts), [list(references)]).score
            found.append(
                Metric(name=name, score=float(score), signature=metric.get_signature().format())
            )
        return tuple(found)
    systems = [("baseline", list(baseline)), ("system", list(texts))]
    metrics = {name: kind(references=[list(references)]) for name, kind in kinds.items()}
    test = _sacrebleu("significance").PairedTest(
        systems, metrics, None, test_type="bs", n_samples=SAMPLES
    )
    signatures, scores = test()
    return tuple(
        Metric(
            name=name,
            score=float(scores[name][1].score),
            signature=signatures[name].format(),
            baseline=float(scores[name][0].score),
            interval=float(scores[name][1].ci),
            p_value=_p_value(*scores[name]),
        )
        for name in kinds
    )


def faults_of(sources: Sequence[str], best: Sequence[Translation]) -> Faults:
    """The faults of translations.

    Args:
        sources: The texts.
        best: The translation of each.
    """
    counts = collections.Counter(code for one in best for code in one.warnings)
    pairs = [(source, one.text) for source, one in zip(sources, best, strict=True)]
    return Faults(
        lines=len(pairs),
        warned=sum(bool(one.warnings) for one in best),
        warnings=dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        empty=sum(has_letter(source) and not any(map(str.isalnum, text)) for source, text in pairs),
        too_long=sum(len(text) > _FACTOR * max(len(source), _LEAST) for source, text in pairs),
        changed=sum(not has_letter(source) and text != source for source, text in pairs),
    )


def _p_value(baseline: Any, system: Any) -> float:
    # The test's own for systems without any difference is the smallest there is.
    return 1.0 if system.score == baseline.score else float(system.p_value)


def _sacrebleu(module: str) -> Any:
    try:
        return importlib.import_module(f"sacrebleu.{module}")
    except ImportError:
        raise ImportError(
            "evaluate: needs the package sacrebleu (pip install 'pyattn[evaluate]')"
        ) from None
