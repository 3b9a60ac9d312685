"""A tokenizer of what cuts texts, and of what stands around every source."""

from __future__ import annotations

from collections.abc import Sequence

from pyattn.tokenizers.contract import Cutter, check_ids, check_texts
from pyattn.tokenizers.languages import Languages, Side


class FramedTokenizer:
    """Texts to sources with all that stands around them, and targets to texts.

    Args:
        cutter: What cuts and joins texts.
        end: Id that ends targets.
        before: What a source begins with: ids, or the side whose language stands there.
        after: What it ends with, likewise.
        languages: The languages that can be asked for.
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
        self.end = end
        self.languages = Languages() if languages is None else languages
        self._cutter = cutter
        self._before = tuple(before)
        self._after = (end,) if after is None else tuple(after)

    def encode(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        """Ids of each text, with all that the model wants around them.

        A model that takes the target's language from the head of the text, as in ">>fra<< You are
        welcome.", does so here.

        Args:
            texts: The texts.
            source: The language that they are in; None is the model's own.
            target: The language that they shall be translated into; likewise.

        Raises:
            TypeError: if a text is not a str; the message names its index.
            ValueError: if a text is not valid Unicode, or the model does not have a language, or
                has to be told one and is not.
        """
        check_texts(texts)
        bodies = list(texts)
        targets: list[str | None] = [target] * len(bodies)
        if self.languages.head is not None:
            for index, text in enumerate(texts):
                targets[index], bodies[index] = self._without_head(text, target, index)
        frames = {name: self._frame(source, name) for name in dict.fromkeys(targets)}
        return [
            [*frames[name][0], *body, *frames[name][1]]
            for name, body in zip(targets, self._cutter.cut(bodies), strict=True)
        ]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; the end, padding and other special tokens are left out.

        Raises:
            TypeError: if an item is not a list of integers; the message names its index.
            ValueError: if an id is negative; likewise.
        """
        return self._cutter.join(check_ids(ids))

    def _without_head(self, text: str, target: str | None, index: int) -> tuple[str | None, str]:
        place = f"encode: texts[{index}]"
        asked, body = self.languages.split(text, place)
        if asked is not None and target not in (None, asked):
            raise ValueError(f"{place} asks for {asked}, but target is {target}")
        return asked or target, body

    def _frame(self, source: str | None, target: str | None) -> tuple[list[int], list[int]]:
        """What stands before a source and after it."""
        names: dict[Side, str | None] = {"source": source, "target": target}
        slots = {*self._before, *self._after}
        for side, name in names.items():
            # A language that has no place in the source need not be known here.
            if name is not None or side in slots:
                names[side] = self.languages.named(side, name)

        def filled(slots: Sequence[int | Side]) -> list[int]:
            parts = (
                self.languages.ids(slot, names[slot]) if isinstance(slot, str) else (slot,)
                for slot in slots
            )
            return [id for part in parts for id in part]

        return filled(self._before), filled(self._after)
