"""Folders of Marian's as they are published, made by hand from the models of marian_models.py."""

from __future__ import annotations

import io
import pathlib
from typing import Any

import numpy as np
import sentencepiece

from support import marian_models as made

SENTENCES = [
    "the cat sat on the mat", "a dog ran to the cat", "do cats sit on mats?", "dogs run, cats sit.",
    "the mat is on the dog", "is a cat a dog?", "cats and dogs do not sit", "sit on it, dog!",
]  # fmt: skip
DECODER: dict[str, Any] = {
    "models": ["/train/here/opus.npz"],
    "vocabs": ["opus.vocab.yml", "./opus.vocab.yml"],
    "beam-size": 6,
    "normalize": 0.5,
    "word-penalty": 0,
    "relative-paths": True,
}


def trained() -> bytes:
    """A SentencePiece model as Marian makes them: the end is 0, the unknown is 1, no other."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=model, vocab_size=40, model_type="unigram",
        hard_vocab_limit=False, bos_id=-1, eos_id=0, unk_id=1, num_threads=1, minloglevel=2,
        normalization_rule_name="identity",  # the others' tables have 240 kB
    )  # fmt: skip
    return model.getvalue()


def pieces(spm: bytes) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=spm)
    return [processor.id_to_piece(id) for id in range(processor.get_piece_size())]


def model(source: int, target: int | None = None, **changes: Any) -> bytes:
    """A student in int8 with alphas, of so many tokens; of one vocabulary, or of two."""
    chosen = made.options(**{**made.STUDENT, **changes})
    if target is not None:
        chosen |= {"tied-embeddings-all": False, "tied-embeddings": True}
    parameters = made.parameters(chosen)
    draw = np.random.default_rng(4)
    sizes = {"Wemb": source, "encoder_Wemb": source, "decoder_Wemb": target or source}
    for name, rows in sizes.items():
        if name in parameters:
            parameters[name] = draw.standard_normal((rows, 12), np.float32)
    parameters["decoder_ff_logit_out_b"] = np.zeros((1, target or source), np.float32)
    return made.binary(made.entries(made.quantized(parameters), chosen))


def firefox(
    path: pathlib.Path, spm: bytes, suffix: str = "", *, split: bool = False
) -> pathlib.Path:
    """A folder of Firefox's; the target token of each source token is itself and the one after."""
    size = len(pieces(spm))
    lists = [sorted({id, (id + 1) % size}) for id in range(size)]
    made.write(
        path / f"model.esen.intgemm.alphas.bin{suffix}", model(size, size if split else None)
    )
    made.write(path / f"lex.50.50.esen.s2t.bin{suffix}", made.shortlist(lists))
    for name in ("srcvocab", "trgvocab") if split else ("vocab",):
        made.write(path / f"{name}.esen.spm{suffix}", spm)
    return path


def opus(path: pathlib.Path, spm: bytes, suffix: str = "", **changes: Any) -> pathlib.Path:
    """A release of OPUS-MT: pieces numbered in an order of their own, and languages."""
    tokens = list(numbered(spm))
    chosen = made.options(**changes)
    parameters = made.parameters(chosen)
    draw = np.random.default_rng(4)
    parameters["Wemb"] = draw.standard_normal((len(tokens), 12), np.float32)
    parameters["decoder_ff_logit_out_b"] = np.zeros((1, len(tokens)), np.float32)
    made.write(path / f"opus.npz{suffix}", made.npz(parameters, chosen))
    made.write(path / f"opus.vocab.yml{suffix}", vocabulary(tokens))
    made.write(path / "source.spm", spm)
    made.write(path / "target.spm", spm)
    made.write(path / "decoder.yml", made.yaml(DECODER).encode())
    return path


def numbered(spm: bytes) -> dict[str, int]:
    """The tokens of OPUS-MT and their ids."""
    own = {"</s>", "<unk>"}
    tokens = ["</s>", "<unk>", *sorted(set(pieces(spm)) - own), ">>fra<<", ">>deu<<"]
    return {token: id for id, token in enumerate(tokens)}


def vocabulary(tokens: list[str]) -> bytes:
    """As yaml-cpp writes texts that need quotes, and as it writes long ones."""
    lines = [
        f"? {quoted(token)}\n: {id}\n" if id % 3 == 2 else f"{quoted(token)}: {id}\n"
        for id, token in enumerate(tokens)
    ]
    return "".join(lines).encode()


def quoted(token: str) -> str:
    escaped = token.replace("\\", "\\\\").replace('"', '\\"').replace("\u2581", "\\u2581")
    return f'"{escaped}"'
