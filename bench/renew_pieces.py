r"""Gives a Marian folder's vocabulary pieces for what it lacks, in place of its rarest ones.

    python bench/renew_pieces.py runs/en-es/model renewed --capitals 640 \
        --data train.en train.es 1 --data docs.en docs.es 0.5

writes a folder with as many pieces as before, or --grow more; ids and weights of all others stay.
Letters, digits and signs of ASCII that no piece has would be <unk>, so addresses and placeholders
could not be copied; they get pieces of their own, as do --characters and characters that the texts
have often. Text in capitals falls apart into letters; --capitals pieces, found on the texts in
capitals, halve its tokens. --words adds the commonest words that have a piece in small letters and
fall apart in capitals, for a model that has been trained on capitals: its whole words then follow
from those that it knows in small letters. The pieces that go are those that the texts, by their
weights, use least; those in capitals stay.

A piece in capitals begins with the embedding of the piece or the pieces in small letters, moved
along the mean difference between capitals and small letters: of the pieces that there are in both,
or, where these are few, of letters, and then by more. A character begins with a random embedding.
Train afterwards (`bench/train_model.py --start renewed --augment`). Both sides have to share one
SentencePiece model, as those of train_model.py do. Needs protobuf.
"""

from __future__ import annotations

import argparse
import collections
import copy
import io
import json
import re
import shutil
import string
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import sentencepiece
import torch
from pairs import UNKNOWN, read_pair, read_vocabulary
from sentencepiece import sentencepiece_model_pb2
from transformers import MarianMTModel

SPACE = "▁"
NORMAL = 1  # the type of pieces that are found in text
# Beyond ASCII's; quotes, a dash and signs first.
CHARACTERS = (
    "\u201c\u201d\u2013•·£\u00d7→©®±§ÑÜÇàëôäÖÄâîûøõßœ😀😂😊😍🙂😉😢😎👍👏🙏🎉🔥❤✅⭐🚀💡📧📞"
)
LEAST = 40  # times, by weight, that a character of the texts comes to get a piece
TRAINED = 100  # pieces in capitals that a model has to have for them to be taken as trained
CAPITAL_LINES = 80_000  # for the search of pieces
MOVED = 0.5  # of the mean length of an embedding

Weighed = list[tuple[list[str], float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose pieces, and write the folder."""
    options = _parser().parse_args(arguments)
    try:
        vocabulary = read_vocabulary(options.folder)
        texts: Weighed = [
            (lines, float(weight))
            for source, target, weight in options.data
            for lines in read_pair(Path(source), Path(target))
        ]
        if len({side.serialized_model_proto() for side in vocabulary.sides}) > 1:
            raise ValueError(f"{options.folder}: source.spm and target.spm differ, expected one")
    except (OSError, ValueError) as error:
        print(f"renew_pieces: {error}", file=sys.stderr)
        return 1
    shared = vocabulary.sides[0]
    try:
        new, places = chosen(shared, texts, options)
    except (RuntimeError, ValueError) as error:
        print(f"renew_pieces: {error}", file=sys.stderr)
        return 1
    model = sentencepiece_model_pb2.ModelProto.FromString(shared.serialized_model_proto())
    ids, fresh = renewed(model, vocabulary.ids, new, places)

    shutil.copytree(options.folder, options.out)
    marian = MarianMTModel.from_pretrained(options.folder, dtype=torch.float32)
    table = embeddings(marian.get_input_embeddings().weight.detach(), shared, vocabulary.ids, fresh)
    with_table(marian, table).save_pretrained(options.out)
    for name in ("source.spm", "target.spm"):
        (options.out / name).write_bytes(model.SerializeToString())
    ordered = dict(sorted(ids.items(), key=lambda item: item[1]))
    (options.out / "vocab.json").write_text(json.dumps(ordered, ensure_ascii=False), "utf-8")
    print(f"{options.out}: {len(new)} new pieces, {options.grow} of them in new places")
    return 0


def renewed(
    model: Any, old: dict[str, int], new: list[tuple[str, float | None]], places: list[int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Put pieces into a SentencePiece model; the ids of all pieces then, and of the new ones."""
    least = min(piece.score for piece in model.pieces if piece.type == NORMAL)
    ids, fresh = dict(old), {}
    del ids["<pad>"]
    for place, (piece, score) in zip(places, new, strict=True):
        if place == len(model.pieces):
            model.pieces.add(type=NORMAL)
            fresh[piece] = len(ids)
        else:
            fresh[piece] = ids.pop(model.pieces[place].piece)
        ids[piece] = fresh[piece]
        model.pieces[place].piece = piece
        model.pieces[place].score = least - 1 if score is None else score
    return {**ids, "<pad>": len(ids)}, fresh


def with_table(marian: MarianMTModel, table: torch.Tensor) -> MarianMTModel:
    """The model with other embeddings, whose last row is `<pad>`'s."""
    config, pad = copy.deepcopy(marian.config), len(table) - 1
    config.vocab_size = config.decoder_vocab_size = len(table)
    config.pad_token_id = config.decoder_start_token_id = pad
    state = marian.state_dict()
    bias = torch.zeros(1, len(table))
    bias[:, : state["final_logits_bias"].shape[1]] = state["final_logits_bias"]
    for name, values in state.items():
        if len(values) == marian.config.vocab_size:  # however many names the one table has
            state[name] = table
    grown = MarianMTModel(config)
    grown.load_state_dict({**state, "final_logits_bias": bias})
    grown.generation_config = copy.deepcopy(marian.generation_config)
    settings = {"pad_token_id": pad, "decoder_start_token_id": pad, "bad_words_ids": [[pad]]}
    grown.generation_config.update(**settings)
    return grown


def chosen(
    shared: sentencepiece.SentencePieceProcessor, texts: Weighed, options: argparse.Namespace
) -> tuple[list[tuple[str, float | None]], list[int]]:
    """The new pieces, with scores if they have some, and the places they take.

    Raises:
        ValueError: if there are not that many places.
    """
    new: list[tuple[str, float | None]] = [
        (piece, None) for piece in characters(shared, texts, options.characters)
    ]
    new += capitals(shared, texts, options.capitals)
    known = {piece for piece, _ in new}
    new += [word for word in words(shared, texts, options.words) if word[0] not in known]
    grown = range(len(shared), len(shared) + min(options.grow, len(new)))
    places = [*grown, *rarest(shared, texts, len(new) - len(grown))]
    if len(places) < len(new):
        raise ValueError(f"{len(places)} pieces have several characters, expected {len(new)}")
    return new, places


def characters(
    shared: sentencepiece.SentencePieceProcessor, texts: Weighed, wanted: str
) -> list[str]:
    """Characters without a piece: ASCII's, those wanted, and those that the texts have often."""
    times: dict[str, float] = collections.defaultdict(float)
    for lines, weight in texts:
        for line, ids in zip(lines, shared.encode(lines), strict=True):
            if UNKNOWN in ids:
                for character in set(shared.normalize(line)):
                    times[character] += weight
    often = (c for c, n in sorted(times.items(), key=lambda item: -item[1]) if n >= LEAST)
    ascii_ = string.ascii_letters + string.digits + string.punctuation
    return [
        character
        for character in dict.fromkeys((*ascii_, *wanted, *often))
        if UNKNOWN in shared.encode(character)
        # Others become something else before pieces are looked for.
        and shared.normalize(character).strip(SPACE) == character
    ]


def capitals(
    shared: sentencepiece.SentencePieceProcessor, texts: Weighed, count: int
) -> list[tuple[str, float]]:
    """The likeliest new pieces of several letters for the texts in capitals, with their scores."""
    if not count:
        return []
    random = Random(1)
    share = CAPITAL_LINES / sum(len(lines) * weight for lines, weight in texts)
    lines = []
    for all_lines, weight in texts:
        size = min(len(all_lines), int(len(all_lines) * weight * share))
        lines += [line.upper() for line in random.sample(all_lines, size)]
    found = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=found,
        model_type="unigram",
        vocab_size=count + 200,  # letters and signs, which are left out below, among them
        hard_vocab_limit=False,
        character_coverage=0.9995,
        num_threads=1,
        minloglevel=2,
    )
    trained = sentencepiece.SentencePieceProcessor(model_proto=found.getvalue())
    known = {shared.id_to_piece(i) for i in range(len(shared))}
    pieces = [
        (trained.id_to_piece(i), float(trained.get_score(i)))
        for i in range(len(trained))
        if _letters(trained.id_to_piece(i)) and trained.id_to_piece(i) not in known
    ]
    return sorted(pieces, key=lambda piece: -piece[1])[:count]


def words(
    shared: sentencepiece.SentencePieceProcessor, texts: Weighed, count: int
) -> list[tuple[str, float]]:
    """Pieces for words in capitals that have one in small letters only, with their scores.

    Those come first that save the texts, if they were in capitals, the most pieces. Words of one
    letter have none: their pieces would begin words with one capital, too.
    """
    known = {shared.id_to_piece(i): shared.get_score(i) for i in range(len(shared))}
    times: dict[str, float] = collections.defaultdict(float)
    for lines, weight in texts if count else ():
        for word in re.findall(r"[^\W\d_]{2,}", "\n".join(lines).upper()):
            times[word] += weight
    found = []
    for word, often in times.items():
        piece = SPACE + word
        small = [form for form in (piece.lower(), SPACE + word.capitalize()) if form in known]
        parts = shared.encode(word, out_type=str)
        if small and piece not in known and len(parts) > 1:
            # As likely as in small letters, and likelier than what the word falls into.
            score = max(known[small[0]], sum(known.get(part, 0.0) for part in parts) + 0.1)
            found.append((often * (len(parts) - 1), piece, score))
    found.sort(key=lambda one: (-one[0], one[1]))
    return [(piece, score) for _, piece, score in found[:count]]


def rarest(shared: sentencepiece.SentencePieceProcessor, texts: Weighed, count: int) -> list[int]:
    """The places of the pieces of several characters that the texts use least, without capitals."""
    times = np.zeros(len(shared))
    for lines, weight in texts:
        flat = np.fromiter((i for ids in shared.encode(lines) for i in ids), np.int64)
        times += weight * np.bincount(flat, minlength=len(shared))
    order = (int(place) for place in np.argsort(times, kind="stable"))
    several = [place for place in order if _several(shared.id_to_piece(place))]
    special = {place for place in several if shared.is_control(place) or shared.is_unknown(place)}
    return [place for place in several if place not in special][:count]


def embeddings(
    table: torch.Tensor,
    shared: sentencepiece.SentencePieceProcessor,
    old: dict[str, int],
    fresh: dict[str, int],
) -> torch.Tensor:
    """The table with rows for the fresh pieces, float32, [vocab, dim]; `<pad>`'s stays the last.

    Args:
        table: The embeddings as trained.
        shared: The SentencePiece model as trained.
        old: Its pieces' ids.
        fresh: The new pieces and the ids that they take over.
    """
    random, more = torch.Generator().manual_seed(1), max(0, *fresh.values()) + 2 - len(table)
    new = torch.cat([table[:-1], table.new_zeros(max(0, more), table.shape[1]), table[-1:]])
    length = table[: len(shared)].norm(dim=1).mean()
    move = _move(table, old, length)
    for piece, row in fresh.items():
        if move is not None and _letters(piece):
            new[row] = table[_small(piece, shared, old)].mean(0) + move
        else:
            width = table.shape[1]
            new[row] = torch.randn(width, generator=random) * length / width**0.5
    return new


def _move(table: torch.Tensor, old: dict[str, int], length: torch.Tensor) -> torch.Tensor | None:
    """From small letters to capitals: the mean of pieces, or a longer one of letters; or None."""
    pairs = [(p.lower(), p) for p in old if _letters(p) and p.lower() in old]
    if len(pairs) >= TRAINED:
        rows = [[old[piece] for piece in side] for side in zip(*pairs, strict=True)]
        return (table[rows[1]] - table[rows[0]]).mean(0)
    letters = [c for c in string.ascii_lowercase if c in old and c.upper() in old]
    if not letters:
        return None
    mean = (table[[old[c.upper()] for c in letters]] - table[[old[c] for c in letters]]).mean(0)
    return mean / mean.norm().clamp_min(1e-9) * length * MOVED


def _small(
    piece: str, shared: sentencepiece.SentencePieceProcessor, old: dict[str, int]
) -> list[int]:
    """The ids of a piece in small letters: one if there is one, else those that it falls into."""
    body = piece.strip(SPACE)
    for one in (piece.lower(), piece.replace(body, body.capitalize())):
        if one in old:
            return [old[one]]
    parts = shared.encode(body.lower(), out_type=str)
    if not piece.startswith(SPACE):
        parts[0] = parts[0].removeprefix(SPACE)
    return [old.get(part, UNKNOWN) for part in parts if part]


def _several(piece: str) -> bool:
    return len(piece.strip(SPACE)) > 1 and not _letters(piece)


def _letters(piece: str) -> bool:
    """Whether a piece has two capitals or more, and nothing but capitals."""
    body = piece.removeprefix(SPACE)
    return len(body) > 1 and body.isalpha() and body.isupper()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add: Any = parser.add_argument
    add("folder", type=Path, help="a Marian folder")
    add("out", type=Path, help="the folder to be made")
    add(
        "--data",
        nargs=3,
        action="append",
        required=True,
        metavar=("SOURCE", "TARGET", "WEIGHT"),
        help="texts to choose by; repeatable",
    )
    add("--capitals", type=int, default=640, help="pieces in capitals (default: %(default)s)")
    add("--grow", type=int, default=0, help="as many of the new in new places (%(default)s)")
    add("--words", type=int, default=0, help="and for whole words (default: %(default)s)")
    add("--characters", default=CHARACTERS, help="that get pieces of their own")
    return parser


if __name__ == "__main__":
    sys.exit(main())
