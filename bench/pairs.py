"""Aligned text for training: its vocabulary, its token ids, its batches."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import sentencepiece

END, UNKNOWN = 0, 1  # ids of </s> and <unk>


def read_pair(source: Path, target: Path) -> tuple[list[str], list[str]]:
    """The lines of two files that translate each other."""
    # Only \n ends a line: str.splitlines would also cut at form feeds and U+2028.
    texts = [path.read_text("utf-8").removesuffix("\n").split("\n") for path in (source, target)]
    if len(texts[0]) != len(texts[1]):
        raise ValueError(
            f"{target} has {len(texts[1])} lines, expected {len(texts[0])} as in {source}"
        )
    return texts[0], texts[1]


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The SentencePiece models of both sides, and the ids that their pieces have in the model.

    Attributes:
        sides: The source's and the target's.
        ids: From pieces to ids; `<pad>` has the last one.
    """

    sides: tuple[sentencepiece.SentencePieceProcessor, sentencepiece.SentencePieceProcessor]
    ids: dict[str, int]

    @property
    def pad(self) -> int:
        """The id of `<pad>`, which is the number of the others."""
        return self.ids["<pad>"]

    def encode(self, texts: tuple[list[str], list[str]]) -> list[list[np.ndarray]]:
        """For each side its texts' ids, int32, each ending with </s>."""
        encoded = []
        for side, lines in zip(self.sides, texts, strict=True):
            pieces = [side.id_to_piece(i) for i in range(side.get_piece_size())]
            ids = np.array([self.ids.get(piece, UNKNOWN) for piece in pieces], np.int32)
            encoded.append([np.append(ids[line], np.int32(END)) for line in _encode(side, lines)])
        return encoded

    def write(self, folder: Path) -> None:
        """Write the files that MarianTokenizer and pyattn read."""
        for name, side in zip(("source", "target"), self.sides, strict=True):
            (folder / f"{name}.spm").write_bytes(side.serialized_model_proto())
        text = json.dumps(self.ids, ensure_ascii=False)
        (folder / "vocab.json").write_text(text, encoding="utf-8")


def _encode(side: sentencepiece.SentencePieceProcessor, lines: list[str]) -> list[list[int]]:
    return side.encode(lines) if lines else []


def read_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary of a Marian folder.

    Raises:
        ValueError: if its special pieces do not have the ids that Marian gives them.
    """
    sides = [
        sentencepiece.SentencePieceProcessor(model_proto=(folder / f"{name}.spm").read_bytes())
        for name in ("source", "target")
    ]
    ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    expected = {"</s>": END, "<unk>": UNKNOWN, "<pad>": len(ids) - 1}
    found = {piece: ids.get(piece) for piece in expected}
    if found != expected:
        raise ValueError(f"{folder / 'vocab.json'} has {found}, expected {expected}")
    return Vocabulary((sides[0], sides[1]), ids)


def train_vocabulary(path: Path, texts: tuple[list[str], list[str]], size: int) -> Vocabulary:
    """The run's own vocabulary of both languages, trained if it is not there yet."""
    if not path.exists():
        print(f"vocabulary: training {size} pieces on {len(texts[0]) * 2} lines")
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=itertools.chain(*texts),
                model_writer=model,
                model_type="unigram",
                vocab_size=size,
                character_coverage=1.0,
                eos_id=END,
                unk_id=UNKNOWN,
                bos_id=-1,
                pad_id=-1,
                minloglevel=1,
            )
        except RuntimeError as error:
            raise ValueError(f"a vocabulary of {size} pieces does not fit: {error}") from None
        write_whole(path, lambda file: file.write(model.getvalue()))
    shared = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
    ids = {shared.id_to_piece(i): i for i in range(len(shared))} | {"<pad>": len(shared)}
    return Vocabulary((shared, shared), ids)


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Pairs as token ids, each side ending with </s>.

    Attributes:
        sources: One int32 array per pair.
        targets: Likewise.
        lengths: Their lengths, [pairs, 2].
    """

    sources: list[np.ndarray]
    targets: list[np.ndarray]
    lengths: np.ndarray

    @classmethod
    def encode(
        cls,
        vocabulary: Vocabulary,
        texts: tuple[list[str], list[str]],
        max_length: int,
    ) -> Corpus:
        """Encode pairs, without those that have an empty side or one of over `max_length` ids."""
        pairs = [
            pair
            for pair in zip(*vocabulary.encode(texts), strict=True)
            if min(map(len, pair)) > 1 and max(map(len, pair)) <= max_length
        ]
        if not pairs:
            raise ValueError(f"no pair has 2 to {max_length} ids on both sides, the end counted")
        sources, targets = (list(side) for side in zip(*pairs, strict=True))
        return cls(sources, targets, np.array([[len(s), len(t)] for s, t in pairs]))


def plan_batches(lengths: np.ndarray, budget: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The batches of an epoch, as pair numbers: a function of its arguments and nothing else.

    Pairs of like length share a batch, which holds as many of them as fit into `budget` tokens a
    side, padding counted. The lengths are blurred by up to two tokens so that a pair meets others
    in each epoch, and the batches come in random order.
    """
    random = np.random.default_rng([seed, epoch])
    longest = lengths.max(axis=1)
    order = np.argsort(longest + random.uniform(0, 2, len(longest)))
    cuts, first, width = [], 0, 0
    for place, pair in enumerate(order):
        width = max(width, int(longest[pair]))
        if place > first and width * (place + 1 - first) > budget:
            cuts.append(place)
            first, width = place, int(longest[pair])
    batches = np.split(order, cuts)
    return [batches[place] for place in random.permutation(len(batches))]


def write_whole(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all: under another name first, then renamed."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        fill(file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
