"""Two translators as one: into a language between, and from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

from pyattn.options import GenerationOptions
from pyattn.results import Span, Translation
from pyattn.text.checks import check_text, checked_texts
from pyattn.text.glossary.placed import PlacedTerms
from pyattn.text.glossary.terms import chosen_glossary
from pyattn.text.pending import PendingTranslations
from pyattn.text.pivoting import PendingPivot, kept_again
from pyattn.text.streaming import translated
from pyattn.translator import Translator

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from pyattn.text.settings import TextOverrides
    from pyattn.text.sources import Names

_FIELDS = {field.name for field in dataclasses.fields(GenerationOptions)}
# Options that mean the same to any model, and serve the first as they serve the second. All others
# are about ids, or choose among hypotheses.
_OF_BOTH = (
    "beam_size",
    "length_penalty",
    "max_new_tokens",
    "max_length_factor",
    "max_time",
    "no_repeat_ngram_size",
    "patience",
    "repetition_penalty",
)


class Pivot:
    """Two translators as one, which has a translator's methods for texts.

    The first translates into a language between, the second from there. `pyattn.load` makes it of
    names that need it, such as "firefox:es-ru".

    Decoding options are the second translator's. The first shares only those that are about the
    search itself: `beam_size`, `length_penalty`, `max_new_tokens`, `max_length_factor`, `max_time`,
    `no_repeat_ngram_size`, `patience` and `repetition_penalty`; it always passes its best
    translation on. Results have the second's tokens and scores, the warnings of both, and pieces,
    spans and alignments from the text to the last translation. A glossary is for the languages of
    the texts and of the last translations.

    Args:
        first: Translates texts into the language between.
        second: Translates these.

    Raises:
        TypeError: if one of them is no translator.
    """

    def __init__(self, first: Translator, second: Translator) -> None:
        for place, one in (("first", first), ("second", second)):
            if not hasattr(one, "submit"):
                kind = type(one).__name__
                raise TypeError(f"Pivot: {place} is {kind}, expected a Translator")
        self.first = first
        self.second = second

    @overload
    def translate(  # type: ignore[overload-overlap]  # a str is an iterable of str, too
        self,
        texts: str,
        options: GenerationOptions | None = ...,
        *,
        source: str | None = ...,
        target: str | None = ...,
        progress: bool = ...,
        **overrides: Unpack[TextOverrides],
    ) -> str: ...

    @overload
    def translate(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = ...,
        *,
        source: Names = ...,
        target: Names = ...,
        progress: bool = ...,
        **overrides: Unpack[TextOverrides],
    ) -> list[str]: ...

    def translate(
        self,
        texts: str | Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: Names = None,
        target: Names = None,
        progress: bool = False,
        **overrides: Unpack[TextOverrides],
    ) -> str | list[str]:
        """The best translation of each text, as `Translator.translate`.

        Args:
            texts: One text, or an iterable of texts.
            options: How to search.
            source: The language of the texts, if the first model has several.
            target: The language to translate into, if the second model has several.
            progress: Whether to draw a bar for each model; needs the package tqdm.
            **overrides: Single decoding options, and how texts are treated, which is for both.
        """
        settings = {"scores": False, **overrides}
        if isinstance(texts, str):
            check_text(texts, "translate: texts")
            return self._start([texts], options, source, target, settings).texts(progress=progress)[
                0
            ]
        checked = list(checked_texts("translate", texts))
        return self._start(checked, options, source, target, settings).texts(progress=progress)

    def results(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: Names = None,
        target: Names = None,
        progress: bool = False,
        **overrides: Unpack[TextOverrides],
    ) -> list[list[Translation]]:
        """The translations of each text with scores, best first, as `Translator.results`.

        Args:
            texts: An iterable of texts; a single one goes into a list.
            options: How to search.
            source: As for `translate`.
            target: As for `translate`.
            progress: As for `translate`.
            **overrides: As for `translate`.
        """
        checked = list(checked_texts("results", texts))
        return self._start(checked, options, source, target, overrides).results(progress=progress)

    def submit(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: Names = None,
        target: Names = None,
        kept: Sequence[Sequence[Span]] | None = None,
        **overrides: Unpack[TextOverrides],
    ) -> PendingPivot:
        """Like `results`, but returns at once; the result can be waited for, awaited or cancelled.

        Args:
            texts: An iterable of texts; a single one goes into a list.
            options: How to search.
            source: As for `translate`.
            target: As for `translate`.
            kept: As for `Translator.submit`.
            **overrides: As for `translate`.
        """
        checked = list(checked_texts("submit", texts))
        return self._start(checked, options, source, target, overrides, kept)

    def stream(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: str | None = None,
        target: str | None = None,
        **overrides: Unpack[TextOverrides],
    ) -> Iterator[str]:
        """The best translation of each text, one at a time, as `Translator.stream`.

        Args:
            texts: Any iterable of texts, also an endless one.
            options: How to search.
            source: As for `translate`, but one for all texts.
            target: Likewise.
            **overrides: As for `translate`.
        """
        settings = {"scores": False, **overrides}
        self._start([], options, source, target, settings)

        def start(group: list[str]) -> PendingPivot:
            return self._start(group, options, source, target, settings)

        return translated(checked_texts("stream", texts), start)

    def translate_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        format: str | None = None,
        **options: Any,
    ) -> None:
        """Translate a document: `pyattn.documents.translate_file` with this pivot."""
        from pyattn.documents import translate_file

        translate_file(source, target, self, format=format, **options)

    def close(self) -> None:
        """Free the weights and the threads of both; the pivot cannot be used afterwards."""
        self.first.close()
        self.second.close()

    def __repr__(self) -> str:
        return f"<pyattn.Pivot {self.first!r}, {self.second!r}>"

    def __enter__(self) -> Pivot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(
        self,
        texts: list[str],
        options: GenerationOptions | None,
        source: Names,
        target: Names,
        settings: Mapping[str, Any],
        kept: Sequence[Sequence[Span]] | None = None,
    ) -> PendingPivot:
        # What is no decoding option is about texts, and for both.
        about_texts = {name: value for name, value in settings.items() if name not in _FIELDS}
        search = {name: value for name, value in settings.items() if name in _FIELDS}
        shared = {name: getattr(options, name) for name in _OF_BOTH} if options else {}
        shared |= {name: value for name, value in search.items() if name in _OF_BOTH}
        aligned = search.get("alignment", options is not None and options.alignment)

        glossary = chosen_glossary(about_texts.pop("glossary", None))
        of_first = dict(about_texts)
        if glossary is not None:
            of_first["glossary"] = glossary.into_any()

        # The second gets what the first leaves.
        begun = monotonic()
        limit = search.get("max_time", None if options is None else options.max_time)

        def start(
            between: list[str], best: Sequence[Translation] = (), target: Names = target
        ) -> PendingTranslations:
            spans = kept_again(texts, kept, between) if kept and between else None
            # The first translations have the glossary's terms in the last language already.
            own = dict(about_texts)
            if glossary is not None:
                own["glossary"] = PlacedTerms(glossary, best)
            wanted = dict(search)
            if limit is not None and between:
                wanted["max_time"] = max(0.0, limit - (monotonic() - begun))
            return self.second.submit(between, options, target=target, kept=spans, **wanted, **own)

        start([], (), target if isinstance(target, str) else None)  # fails now for wrong settings
        first = self.first.submit(
            texts,
            source=source,
            kept=kept,
            **shared,
            scores=aligned,
            alignment=aligned,
            **of_first,
        )
        return PendingPivot(first, start, termed=glossary is not None)
