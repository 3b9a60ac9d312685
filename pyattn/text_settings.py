"""How a model's texts are treated by default."""

from __future__ import annotations

import dataclasses

# Tokens of a line that may stay whole: models trained on lines (OPUS-MT) use the context of
# neighbouring sentences, but none was trained on paragraphs.
WHOLE_TOKENS = 40
# Families whose models translate, and so were trained on single sentences, not on whole texts.
_SENTENCE_FAMILIES = frozenset({"marian", "m2m_100", "fsmt"})
# Families whose models may do other work with whole texts, such as summaries.
_OTHER_WORK = frozenset(
    {
        *("bart", "mbart", "led", "pegasus", "bigbird_pegasus", "pegasus_x"),
        *("t5", "mt5", "umt5", "longt5", "t5gemma"),
    }
)

# The steps of `pyattn.text.normalization`.
NORMALIZATION_STEPS = ("invisible", "quotes", "capitals", "copies")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How a model's texts are treated by default.

    Attributes:
        whole_tokens: Tokens up to which a line stays whole; longer lines are cut into sentences. 0
            for a model of single sentences, None for a model of whole texts, which gets as much as
            fits into its positions.
        normalize: Steps for odd input, some of `NORMALIZATION_STEPS`.
        source: The language of its sources, if there is only one, such as "en".
        target: The language of its targets, likewise.
    """

    whole_tokens: int | None = None
    normalize: tuple[str, ...] = ("invisible",)
    source: str | None = None
    target: str | None = None

    @classmethod
    def of_family(cls, family: str) -> TextSettings:
        """The defaults of a family, for files without settings for texts."""
        if family in _SENTENCE_FAMILIES:
            return cls(whole_tokens=WHOLE_TOKENS, normalize=("invisible", "copies"))
        return cls()

    def translates(self, family: str, source: str | None, target: str | None) -> bool:
        """Whether a model surely translates, and does no other work with whole texts.

        Args:
            family: The model's family.
            source: The language of a text, if known.
            target: The language of its target, likewise.
        """
        if self.whole_tokens is not None or family not in _OTHER_WORK:
            return True
        source, target = source or self.source, target or self.target
        return target is not None and source != target
