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
from pyattn.text.recognition import AUTO, default_source, recognised
from pyattn.text.repeats import Cache
from pyattn.text.settings import Treatment, chosen_treatment, replaced
from pyattn.text.sources import Names, paired
from pyattn.text.starting import Starter
from pyattn.text.streaming import translated
from pyattn.text_model import TextModel

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from pyattn.text.settings import TextOverrides


class Translator(TextModel):
    """A model and its tokenizer: texts in, texts out.

    Texts have any length. A text is cut into sentences as serves the model (`split`). White space,
    line breaks and enumerators ("2.", "a)") between sentences are copied, so three lines stay three
    lines, and a text without anything to translate is its own translation. What is too long for the
    model is cut further, or truncated (`truncate`).

    Any number of threads may share a translator, its tokenizer and its shortlist; the sentences of
    all are decoded together.

    All methods take decoding options, those of `GenerationOptions`: as one object, as keywords, or
    both. Keywords override `options`, which default to the checkpoint's (`model.generation`). Other
    keywords say how texts are treated (`pyattn.text.settings.TextOverrides`):

    - `split`: where texts are cut: "auto" as suits the model, "sentences" at the end of every
      sentence and line, "never" not at all, or a function that returns the sentences of a text,
      a list of str.
    - `truncate`: what becomes of a sentence, or of a text that is not cut, of more tokens than the
      model takes: "pieces" are translated one by one and joined; True reads as much as fits, with a
      warning and the code "truncated" in `warnings`; False is an error. "auto" is "pieces" for
      models that translate, True for models of whole texts, such as those that summarise.
    - `normalize`: how unusual characters are normalized: "auto" by the steps that suit the model,
      "never", or by some of the steps "invisible", "quotes", "capitals" and "copies".
    - `protect`: what comes back exactly as it was, and as often: True for URLs, addresses,
      placeholders, code, paths, hashes, versions, tags and emoji, or a list of regular expressions
      for these and what else they match. None and False protect nothing.
    - `glossary`: terms and what their translations have to be: a `pyattn.Glossary` or a mapping.
    - `guard`: whether translations that repeat themselves, run away, copy, are empty or in another
      script are searched for again; faults that remain are among the `warnings` of `results`.
    - `reuse`: whether sentences that come again in a call or a stream are translated once, which
      changes no result; or a `pyattn.text.repeats.Cache` that calls share.

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
        """The best translation of each text.

        Args:
            texts: One text, or an iterable of texts, all of which are read before the first is
                translated; use `stream` for texts that do not fit into memory.
            options: How to search.
            source: The language of the texts, for a model of several: one of `languages.sources`,
                or a list with one name per text. None defaults to the model's files. "auto" is the
                language of each text, of those that the model has (`pyattn.detect`, the extra
                `detect`); a model of one pair takes it, and has nothing to choose.
            target: The language to translate into: one of `languages.targets`, or a list with one
                name per text. None defaults to the head of a text (">>fra<< You are welcome."), to
                `forced_bos_token` or to the model's files.
            progress: Whether to draw a bar on standard error; needs the package tqdm.
            **overrides: Single decoding options, such as `beam_size=4`, and how texts are treated,
                such as `split="never"`. `scores` is False unless it is given here.

        Returns:
            A str for a str, else a list in the order of `texts`.

        Raises:
            TypeError: if a text is not a str, or an option does not exist.
            ValueError: if a text is not valid Unicode, an option is out of its range, the model
                does not have a language, a language that it needs is not given, or a text is too
                long and `truncate` is False.
        """
        search, treatment = self._chosen(options, {"scores": False, **overrides})
        if isinstance(texts, str):
            check_text(texts, "translate: texts")
            pairs = self._pairs(source, target, [texts])
            return self._start([texts], pairs, search, treatment).texts(progress=progress)[0]
        checked = list(checked_texts("translate", texts, "a str or an iterable of str"))
        pairs = self._pairs(source, target, checked)
        return self._start(checked, pairs, search, treatment).texts(progress=progress)

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
            progress: Whether to draw a bar on standard error; needs the package tqdm.
            **overrides: As for `translate`, such as `num_hypotheses=3`. With `alignment`,
                translations also have the spans of their tokens in both texts.

        Raises:
            TypeError: as `translate`, and if `texts` is a single str.
            ValueError: as `translate`.
        """
        search, treatment = self._chosen(options, overrides)
        checked = list(checked_texts("results", texts))
        pairs = self._pairs(source, target, checked)
        return self._start(checked, pairs, search, treatment).results(progress=progress)

    def submit(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: Names = None,
        target: Names = None,
        kept: Sequence[Sequence[Span]] | None = None,
        **overrides: Unpack[TextOverrides],
    ) -> PendingTranslations:
        """Like `results`, but returns at once; the result can be waited for, awaited or cancelled.

        Args:
            texts: An iterable of texts; a single one goes into a list.
            options: How to search.
            source: As for `translate`.
            target: As for `translate`.
            kept: Spans of each text that come back as they are, besides what `protect` matches.
            **overrides: As for `translate`, such as `num_hypotheses=3`.

        Raises:
            TypeError: as `results`.
            ValueError: as `results`, and if `kept` has another length than `texts`.
        """
        search, treatment = self._chosen(options, overrides)
        checked = list(checked_texts("submit", texts))
        pairs = self._pairs(source, target, checked)
        return self._start(checked, pairs, search, treatment, kept)

    def stream(
        self,
        texts: Iterable[str],
        options: GenerationOptions | None = None,
        *,
        source: str | None = None,
        target: str | None = None,
        **overrides: Unpack[TextOverrides],
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
            **overrides: As for `translate`; `scores` is False.

        Raises:
            TypeError: as `results`; for a text when it is reached, for everything else at once.
            ValueError: likewise.
        """
        search, treatment = self._chosen(options, {"scores": False, **overrides})
        if treatment.reuse is True:
            treatment = dataclasses.replace(treatment, reuse=Cache(ordered=True))
        named = default_source(self.languages) if source == AUTO else source
        pair = self.languages.chosen(named, target, search.forced_bos_token)
        if source == AUTO:
            pair = AUTO, pair[1]

        def start(group: list[str]) -> PendingTranslations:
            pairs = recognised([pair] * len(group), group, self.languages)
            return self._start(group, pairs, search, treatment)

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

    def _chosen(
        self, options: GenerationOptions | None, overrides: Mapping[str, Any]
    ) -> tuple[GenerationOptions, Treatment]:
        """The options of a call and its choices for texts, validated now."""
        if not isinstance(options, GenerationOptions | None):
            raise TypeError(f"options is {type(options).__name__}, expected GenerationOptions")
        treatment, single = chosen_treatment(self.settings, overrides)
        return replaced(options or self.model.generation, single), treatment

    def _pairs(self, source: Names, target: Names, texts: list[str]) -> list[Pair]:
        """The languages of each text, those that are left open found in the text."""
        return recognised(paired(source, target, len(texts)), texts, self.languages)

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
