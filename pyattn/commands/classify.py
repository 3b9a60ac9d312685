"""`pyattn classify`: labels of texts, or of pairs of texts, and their scores."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyattn.commands.arguments import Commands
from pyattn.commands.channels import given_lines, writing
from pyattn.commands.encoders import add_scores, add_texts, loaded, new_command, number, treatment

if TYPE_CHECKING:
    from pyattn.text.tokenizers.pairs import TextOrPair


def add(commands: Commands) -> None:
    """Adds the command."""
    command = new_command(
        commands,
        "classify",
        about="find the labels of texts",
        description="Write a line for each TEXT, or else for each line of the input: the best "
        "label and its score, with a tab between them. Two texts with a tab between them are a "
        "pair.",
        model="folder of a model that classifies texts, or its name",
    )
    command.set_defaults(run=_run)
    command.add_argument(
        "--all", action="store_true", help="write all labels with their scores, the best first"
    )
    add_scores(command)
    add_texts(command, behind="every text, or the first one of a pair")


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.classifier import Classifier

    chosen = {**treatment(parsed), "activation": parsed.activation}
    done = 0
    with (
        given_lines(parsed.text, parsed.input) as groups,
        loaded(parsed, Classifier) as classifier,
        writing(None) as output,
    ):
        for texts in groups:
            pairs = [_pair(text, done + n) for n, text in enumerate(texts, 1)]
            rows = classifier.scores(pairs, **chosen).tolist()
            for pair, scores in zip(pairs, rows, strict=True):
                line = _line(pair, classifier.labels, scores, parsed)
                output.write(f"{line}\n".encode())
            output.flush()
            done += len(texts)


def _pair(text: str, count: int) -> TextOrPair:
    """A text, or the two that a tab separates."""
    first, *others = text.split("\t")
    if len(others) > 1:
        raise ValueError(
            f"classify: text {count} has {len(others)} tabs, expected one between the texts of a "
            "pair"
        )
    return (first, others[0]) if others else first


def _line(
    pair: TextOrPair, labels: Sequence[str], scores: Sequence[float], parsed: argparse.Namespace
) -> str:
    # Stable, and what is not a number comes last.
    ranked = sorted(zip(labels, scores, strict=True), key=lambda one: (one[1] != one[1], -one[1]))
    if parsed.json:
        names = ("text", "text_pair")
        texts = dict(zip(names, [pair] if isinstance(pair, str) else pair, strict=False))
        best = {"label": ranked[0][0], "score": number(ranked[0][1])}
        every = {label: number(score) for label, score in ranked}
        return json.dumps({**texts, **best, "scores": every}, ensure_ascii=False)
    shown = ranked if parsed.all else ranked[:1]
    return "\t".join(f"{label}\t{score:.4f}" for label, score in shown)
