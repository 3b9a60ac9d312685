"""The tokenizer: a cutter, and the ids around every source."""

from __future__ import annotations

from collections.abc import Sequence

from pyattn.text.tokenizers.contract import (
    Cutter,
    Decoded,
    Encoded,
    TextError,
    check_ids,
    check_texts,
)
from pyattn.text.tokenizers.languages import Languages, Side


class FramedTokenizer:
    """Texts to sources with the ids around them, and targets to texts.

    Any number of threads may share it, if they may share its cutter.

    Args:
        cutter: Cuts and joins texts.
        end: Id that ends targets.
        before: Begin of a source: ids, or the side whose language's id stands there.
        after: End of a source, likewise.
        languages: The languages of sources and targets.
    """

    def __init__(
        self,
        cutter: Cutter,
        *,
        end: int,
        before: Sequence[int | Side] = (),
        after: Sequence[int | Side] | None = None,
        languages: Languages | None = None,
    ) -> None:
        self.source_vocab = cutter.source_vocab
        self.target_vocab = cutter.target_vocab
        self.blank_ids = cutter.blank_ids
        self.end = end
        self.languages = Languages() if languages is None else languages
        self._cutter = cutter
        self._before = tuple(before)
        self._after = (end,) if after is None else tuple(after)

    def encode(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        """Ids of each text, with those that the model needs around them.

        For a model with several targets, the head of a text may name the target language, as in
        ">>fra<< You are welcome."; `Languages.split` reads it, and everything behind it is text.

        Args:
            texts: The texts.
            source: The language of the texts; None is the model's default.
            target: The language to translate into; None is the model's default.

        Raises:
            TypeError: if a text is not a str; the message names its index.
            ValueError: if a text is not valid Unicode, the model does not have a language, or a
                language that it needs is not given.
        """
        check_texts(texts, "encode")
        bodies = list(texts)
        targets: list[str | None] = [target] * len(bodies)
        if self.languages.head is not None:
            for index, text in enumerate(texts):
                targets[index], bodies[index] = self.languages.split(
                    text, f"encode: texts[{index}]", target
                )
        frames = {name: self._frame(source, name) for name in dict.fromkeys(targets)}
        return [
            [*frames[name][0], *body, *frames[name][1]]
            for name, body in zip(targets, self._cut("encode", bodies), strict=True)
        ]

    def encode_bodies(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        """Ids of each text as by `encode`, but the whole text is text: heads are not read.

        (Some vocabularies, such as MADLAD's, have a token for such characters anywhere in a text.)

        Args:
            texts: The texts.
            source: As for `encode`.
            target: As for `encode`.

        Raises:
            TypeError: as `encode`.
            ValueError: as `encode`.
        """
        check_texts(texts, "encode_bodies")
        if not texts:
            return []
        before, after = self._frame(source, target)
        return [[*before, *body, *after] for body in self._cut("encode_bodies", list(texts))]

    def encode_with_spans(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[Encoded]:
        """The ids of `encode_bodies`, and the span of each: a partition of its text.

        Args:
            texts: The texts.
            source: As for `encode`.
            target: As for `encode`.

        Raises:
            TypeError: as `encode`.
            ValueError: as `encode`.
        """
        check_texts(texts, "encode_with_spans")
        if not texts:
            return []
        before, after = self._frame(source, target)
        try:
            cut = self._cutter.cut_with_spans(texts)
        except TextError as error:
            raise TextError("encode_with_spans", error.index, error.problem) from None
        return [
            _framed(before, body, after, len(text)) for text, body in zip(texts, cut, strict=True)
        ]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; the end, padding and other special tokens are left out.

        Raises:
            TypeError: if an item is not a list of integers; the message names its index.
            ValueError: if an id is negative; likewise.
        """
        return self._cutter.join(check_ids(ids, "decode"))

    def decode_with_spans(self, ids: Sequence[Sequence[int]]) -> list[Decoded]:
        """The texts of `decode`, and the span of each id: a partition of its text.

        Raises:
            TypeError: as `decode`.
            ValueError: as `decode`.
        """
        return self._cutter.join_with_spans(check_ids(ids, "decode_with_spans"))

    def _cut(self, operation: str, texts: Sequence[str]) -> list[list[int]]:
        try:
            return self._cutter.cut(texts)
        except TextError as error:
            raise TextError(operation, error.index, error.problem) from None

    def _frame(self, source: str | None, target: str | None) -> tuple[list[int], list[int]]:
        """The ids in front of a source and behind it."""
        names: dict[Side, str | None] = {"source": source, "target": target}
        slots = {*self._before, *self._after}
        for side, name in names.items():
            # A language that does not appear in the source need not be known.
            if name is not None or side in slots:
                names[side] = self.languages.named(side, name)

        def filled(slots: Sequence[int | Side]) -> list[int]:
            parts = (
                self.languages.ids(slot, names[slot]) if isinstance(slot, str) else (slot,)
                for slot in slots
            )
            return [id for part in parts for id in part]

        return filled(self._before), filled(self._after)


def _framed(before: Sequence[int], body: Encoded, after: Sequence[int], length: int) -> Encoded:
    """A text's own ids and those around them, which have empty spans.

    Args:
        before: Ids in front of the text's.
        body: The text's own ids; their spans, if any, are a partition of the text.
        after: Ids behind the text's.
        length: Length of the text in characters.
    """
    ids = [*before, *body.ids, *after]
    begins, ends = [(0, 0)] * len(before), [(length, length)] * len(after)
    if body.ids or not ids:
        return Encoded(ids, [*begins, *body.spans, *ends])
    # The cutter kept nothing of the text, so the last id has it.
    return Encoded(ids, [*[(0, 0)] * (len(ids) - 1), (0, length)])
