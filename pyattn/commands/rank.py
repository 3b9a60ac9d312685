"""`pyattn rank`: texts by how well they answer a query."""

from __future__ import annotations

import argparse
import json

from pyattn.commands.arguments import Commands, count
from pyattn.commands.channels import given_lines, one_line, writing
from pyattn.commands.encoders import add_scores, add_texts, loaded, new_command, number, treatment


def add(commands: Commands) -> None:
    """Adds the command."""
    command = new_command(
        commands,
        "rank",
        about="rank texts by how well they answer a query",
        description="Write each TEXT, or else each line of the input, behind its score and a tab, "
        "the best answer to QUERY first.",
        model="folder of a reranker, or its name",
        query="what the texts may answer",
    )
    command.set_defaults(run=_run)
    command.add_argument(
        "--top", type=count, metavar="N", help="write the N best only (default: all)"
    )
    add_scores(command)
    add_texts(command, behind="the query")


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.classifier import Classifier

    chosen = {**treatment(parsed), "activation": parsed.activation, "top_k": parsed.top}
    with (
        given_lines(parsed.text, parsed.input) as groups,
        loaded(parsed, Classifier) as classifier,
        writing(None) as output,
    ):
        texts = [text for group in groups for text in group]
        for place, score in classifier.rank(parsed.query, texts, **chosen):
            text = texts[place]
            line = f"{score:.4f}\t{one_line(text)}"
            if parsed.json:
                facts = {"document": place, "score": number(score), "text": text}
                line = json.dumps(facts, ensure_ascii=False)
            output.write(f"{line}\n".encode())
