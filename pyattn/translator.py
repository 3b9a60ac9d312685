"""Text to text: cut, tokenize, generate, detokenize, in the caller's order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from pyattn.options import GenerationOptions
from pyattn.results import Span, Translation
from pyattn.text.checks import check_text, checked_texts
from pyattn.text.pending import PendingTranslations
from pyattn.text.plans import Pair
from pyattn.text.protection.choice import Protect
from pyattn.text.repeats import Cache
from pyattn.text.settings import Normalize, Split, Treatment, chosen_treatment
from pyattn.text.sources import Names, paired
from pyattn.text.starting import Starter
from pyattn.text.streaming import translated
from pyattn.text_model import TextModel

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from pyattn.overrides import Overrides


class Translator(TextModel):
    """A model and its tokenizer: texts in, texts out.

    Texts have any length. A text is cut into sentences as serves the model (`split`). White space,
    line breaks and enumerators ("2.", "a)") between sentences are copied, so three lines stay three
    lines, and a text without anything to translate is its own translation. Sentences that are too
    long for the model are cut further.

    Any number of threads may share a translator, its tokenizer and its shortlist; the sentences of
    all are decoded together.

    Odd input is put right before the model sees it (`normalize`, `pyattn.text.normalization`).

    Options are those of `GenerationOptions`, as one object, as keywords, or both. Keywords override
    `options`, which default to the checkpoint's (`model.generation`).

    A translator that `pyattn.load` made is pickled by path and settings, unless it is closed;
    unpickling loads it again. A deep copy has a model of its own.

    Args:
        model: Token ids to token ids.
        tokenizer: Texts to token ids and back. None, or the error with the reason, for a model
            without a tokenizer, which has `model.generate` but no translations.
        shortlist: The ids that the target of a source may have; None for all.
        settings: How texts are treated by default; None is the default of the model's family.
        folder: The model's folder; None for a model that was made of arrays.
    """

    @overload
    def translate(  # type: ignore[overload-overlap]  # a str is an iterable of str, too
        self,
        texts: str,
        options: GenerationOptions | None = ...,
        *,
        source: str | None = ...,
        target: str | None = ...,
        split: Split = ...,
        normalize: Normalize = ...,
        protect: Protect = ...,
        guard: bool = ...,
        reuse: bool | Cache = ...,
        progress: bool = ...,
        **overrides: Unpack[Overrides],
    ) -> str: ...

    @overload
    def translate(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = ...,
        *,
        source: Names = ...,
        target: Names = ...,
        split: Split = ...,
        normalize: Normalize = ...,
        protect: Protect = ...,
        guard: bool = ...,
        reuse: bool | Cache = ...,
        progress: bool = ...,
        **overrides: Unpack[Overrides],
    ) -> list[str]: ...

    def translate(
        self,
        texts: str | Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: Names = None,
        target: Names = None,
        split: Split = "auto",
        normalize: Normalize = "auto",
        protect: Protect = None,
        guard: bool = True,
        reuse: bool | Cache = True,
        progress: bool = False,
        **overrides: Unpack[Overrides],
    ) -> str | list[str]:
        """The best translation of each text.

        Args:
            texts: One text, or an iterable of texts, all of which are read before the first is
                translated; use `stream` for texts that do not fit into memory.
            options: How to search.
            source: The language of the texts, for a model of several: one of `languages.sources`,
                or a list with one name per text. None defaults to the model's files.
            target: The language to translate into: one of `languages.targets`, or a list with one
                name per text. None defaults to the head of a text (">>fra<< You are welcome."), to
                `forced_bos_token` or to the model's files.
            split: Where texts are cut: "auto" as serves the model, "sentences" at the end of every
                sentence and line, "never" only where a text is too long for the model, or a
                function that returns the sentences of a text, a list of str.
            normalize: How odd input is put right: "auto" by the steps that the model needs,
                "never", or by some of the steps "invisible", "quotes", "capitals" and "copies".
            protect: What comes back exactly as it was, and as often: True for URLs, addresses,
                placeholders, code, paths, hashes, versions, tags and emoji, or a list of regular
                expressions for these and what else they match. None and False protect nothing.
            guard: Whether translations that repeat themselves, run away, copy, are empty or in
                another script are searched for again, and faults that remain are among the
                `warnings` of `results`.
            reuse: Whether sentences that come again in a call or a stream are translated once,
                which changes no result; or a `pyattn.text.repeats.Cache` that calls share.
            progress: Whether to draw a bar on standard error; needs the package tqdm.
            **overrides: Single decoding options, such as `beam_size=4`. `scores` is False unless it
                is given here.

        Returns:
            A str for a str, else a list in the order of `texts`.

        Raises:
            TypeError: if a text is not a str, or an option does not exist.
            ValueError: if a text is not valid Unicode, an option is out of its range, the model
                does not have a language, or a language that it needs is not given.
        """
        search = self._search(options, {"scores": False, **overrides})
        treatment = self._treatment(split, normalize, protect, guard, reuse)
        if isinstance(texts, str):
            check_text(texts, "translate: texts")
            pairs = paired(source, target, 1)
            return self._start([texts], pairs, search, treatment).texts(progress=progress)[0]
        checked = list(checked_texts("translate", texts, "a str or an iterable of str"))
        pairs = paired(source, target, len(checked))
        return self._start(checked, pairs, search, treatment).texts(progress=progress)

    def results(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: Names = None,
        target: Names = None,
        split: Split = "auto",
        normalize: Normalize = "auto",
        protect: Protect = None,
        guard: bool = True,
        reuse: bool | Cache = True,
        progress: bool = False,
        **overrides: Unpack[Overrides],
    ) -> list[list[Translation]]:
        """The translations of each text with their ids and scores, best first.

        A text without anything to translate has one translation, whatever `num_hypotheses` is. The
        translation of a text in pieces has the ids and token scores of all pieces in sequence, the
        mean of their scores, and a block diagonal alignment, as no piece sees another's source. A
        `target_prefix` begins the first piece.

        Args:
            texts: An iterable of texts; a single one goes into a list.
            options: How to search.
            source: As for `translate`.
            target: As for `translate`.
            split: As for `translate`.
            normalize: As for `translate`.
            protect: As for `translate`.
            guard: As for `translate`.
            reuse: As for `translate`.
            progress: Whether to draw a bar on standard error; needs the package tqdm.
            **overrides: Single decoding options, such as `num_hypotheses=3`. With `alignment`,
                translations also have the spans of their tokens in both texts.

        Raises:
            TypeError: as `translate`, and if `texts` is a single str.
            ValueError: as `translate`.
        """
        search = self._search(options, overrides)
        treatment = self._treatment(split, normalize, protect, guard, reuse)
        checked = list(checked_texts("results", texts))
        pairs = paired(source, target, len(checked))
        return self._start(checked, pairs, search, treatment).results(progress=progress)

    def submit(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: Names = None,
        target: Names = None,
        split: Split = "auto",
        normalize: Normalize = "auto",
        protect: Protect = None,
        guard: bool = True,
        reuse: bool | Cache = True,
        kept: Sequence[Sequence[Span]] | None = None,
        **overrides: Unpack[Overrides],
    ) -> PendingTranslations:
        """Like `results`, but returns at once; the result can be waited for, awaited or cancelled.

        Args:
            texts: An iterable of texts; a single one goes into a list.
            options: How to search.
            source: As for `translate`.
            target: As for `translate`.
            split: As for `translate`.
            normalize: As for `translate`.
            protect: As for `translate`.
            guard: As for `translate`.
            reuse: As for `translate`.
            kept: Spans of each text that come back as they are, besides what `protect` matches.
            **overrides: Single decoding options, such as `num_hypotheses=3`.

        Raises:
            TypeError: as `results`.
            ValueError: as `results`, and if `kept` has another length than `texts`.
        """
        search = self._search(options, overrides)
        treatment = self._treatment(split, normalize, protect, guard, reuse)
        checked = list(checked_texts("submit", texts))
        pairs = paired(source, target, len(checked))
        return self._start(checked, pairs, search, treatment, kept)

    def stream(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: str | None = None,
        target: str | None = None,
        split: Split = "auto",
        normalize: Normalize = "auto",
        protect: Protect = None,
        guard: bool = True,
        reuse: bool | Cache = True,
        **overrides: Unpack[Overrides],
    ) -> Iterator[str]:
        """The best translation of each text, one at a time, in bounded memory.

        Reads ahead by 1,024 texts at most, by fewer if they are long, and only while texts come
        fast: behind a text that had to be waited for, all translations are yielded before the next
        text is read. Before an error, of a text or of the iterable, the translations of all texts
        in front of it are yielded.

        Args:
            texts: Any iterable of texts, also an endless one. It is read in the caller's thread.
            options: How to search.
            source: As for `translate`, but one for all texts.
            target: Likewise.
            split: As for `translate`.
            normalize: As for `translate`.
            protect: As for `translate`.
            guard: As for `translate`.
            reuse: As for `translate`.
            **overrides: Single decoding options, such as `beam_size=4`; `scores` is False.

        Raises:
            TypeError: as `results`; for a text when it is reached, for everything else at once.
            ValueError: likewise.
        """
        search = self._search(options, {"scores": False, **overrides})
        treatment = self._treatment(split, normalize, protect, guard, reuse)
        if treatment.reuse is True:
            treatment = dataclasses.replace(treatment, reuse=Cache(ordered=True))
        pair = self.languages.chosen(source, target, search.forced_bos_token)

        def start(group: list[str]) -> PendingTranslations:
            return self._start(group, [pair] * len(group), search, treatment)

        return translated(checked_texts("stream", texts), start)

    def translate_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        format: str | None = None,
        **options: Any,
    ) -> None:
        """Translate a document: `pyattn.documents.translate_file` with this translator."""
        from pyattn.documents import translate_file

        translate_file(source, target, self, format=format, **options)

    def _search(
        self, options: GenerationOptions | None, overrides: Mapping[str, Any]
    ) -> GenerationOptions:
        """The options of a call, validated now."""
        if not isinstance(options, GenerationOptions | None):
            raise TypeError(f"options is {type(options).__name__}, expected GenerationOptions")
        return (options or self.model.generation).replace(**overrides)

    def _treatment(
        self, split: Split, normalize: Normalize, protect: Protect, guard: bool, reuse: bool | Cache
    ) -> Treatment:
        choices: dict[str, Any] = {"split": split, "normalize": normalize, "protect": protect}
        return chosen_treatment(self.settings, **choices, guard=guard, reuse=reuse)

    def _start(
        self,
        texts: list[str],
        pairs: list[Pair],
        search: GenerationOptions,
        treatment: Treatment,
        kept: Sequence[Sequence[Span]] | None = None,
    ) -> PendingTranslations:
        if kept is not None and len(kept) != len(texts):
            raise ValueError(f"submit: kept has {len(kept)} lists of spans, expected {len(texts)}")
        return self._starter().start(texts, pairs, search, treatment, kept)

    def _starter(self) -> Starter:
        """What begins all translations."""
        if self._started is None or self._started.shortlist is not self.shortlist:
            self._started = Starter(self.model, self.tokenizer, self.settings, self.shortlist)
        return self._started
