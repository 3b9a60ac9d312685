"""Lines of text for tokenizers, the same ones wherever they are made."""

from __future__ import annotations

import random
from collections.abc import Sequence

LATIN = (
    "the cat sat on a mat and dogs run home with people who would never say which house they left "
    "gato perro casa niño está día año corazón Straße über größer être garçon naïve coöperate"
)
OTHERS = "кот дом собака человек идёт домой σπίτι γάτα άνθρωπος 猫 家 人 走 भाषा घर बिल्ली بيت قطة"
MARKS = (".", ",", "?", "!", "...", ";", ":", " -", "'s", "\u201d", "\u3002", ")")
# What no tokenizer was trained on, or what normalisation or splitting by spaces touches.
ODD = (
    "\N{SNOWMAN}", "\N{GRINNING FACE}", "\N{GRINNING FACE}\N{SNOWMAN}", "e\u0301", "\ufb01",
    "\uff21", "\u00a0", "\t", "  ", "   ", "\u3000", "\u200b", "\u2581", "_", "x\u2581y", "<b>",
    "]]", "a@b.c", "http://a.b/?c=d", "42", "3.14", "1,000", "2026-11-21", "\u0152uvre", "\u01c5",
    "it's", "don't", "\\n",
)  # fmt: skip


def lines(count: int = 300, seed: int = 7) -> list[str]:
    """Sentences of words of several scripts, with odd things in every other one."""
    source = random.Random(seed)
    latin, others = LATIN.split(), OTHERS.split()

    def one(choices: Sequence[str]) -> str:
        # `choice` may draw differently in another version of Python; `random` may not.
        return choices[int(source.random() * len(choices))]

    made = ["", " ", "a", "\N{SNOWMAN}", " leading", "trailing ", "two  spaces", "tab\there"]
    while len(made) < count:
        words = [one(latin if source.random() < 0.8 else others) for _ in range(3 + len(made) % 9)]
        words[0] = words[0].title()
        if len(made) % 2:
            words.insert(int(source.random() * len(words)), one(ODD))
        text = " ".join(words)
        made.append(text + one(MARKS) + (one(MARKS) if source.random() < 0.2 else ""))
    return made


def corpus() -> list[str]:
    """Sentences to train a tokenizer on: without what is odd."""
    return lines(900, seed=11)[8::2]


def lines_for(name: str) -> list[str]:
    """The lines that transformers' tokenizer of that name cuts as SentencePiece itself would.

    It makes rules of its own of SentencePiece's models, which lose some of theirs: a space at the
    end of a line becomes a token, "\u2581" is taken for a space, and MBartTokenizer normalises
    nothing. Models were trained with SentencePiece's.
    """
    made = lines()
    if name.endswith("-pieces"):
        made = [line for line in made if line == line.rstrip() and "\u2581" not in line]
    if name == "mbart-pieces":
        made = [line for line in made if not set(line) & {"\uff21", "\ufb01", "\u0301"}]
    return made
