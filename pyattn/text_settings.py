"""How a model's texts are treated by default."""

from __future__ import annotations

import dataclasses

# Tokens of a line that may stay whole: models trained on lines (OPUS-MT) use the context of
# neighbouring sentences, but none was trained on paragraphs.
WHOLE_TOKENS = 40
# Families whose models translate, and so were trained on single sentences, not on whole texts.
_SENTENCE_FAMILIES = frozenset({"marian", "m2m_100", "fsmt"})

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
