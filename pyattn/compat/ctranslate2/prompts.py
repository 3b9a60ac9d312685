"""Prompts in CTranslate2's tokens: their ids, scores and logits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyattn.compat.ctranslate2.handle import Loaded
from pyattn.compat.ctranslate2.results import ScoringResult
from pyattn.files import ModelFiles
from pyattn.files.ctranslate2 import CTranslate2Files
from pyattn.files.vocabulary import Vocabularies, Vocabulary
from pyattn.text.tokenizers.prompts import load_prompt_tokenizer


def words_of(files: ModelFiles) -> Vocabularies:
    """The tokens of a model by their ids, of its own list or of its tokenizer's files.

    Raises:
        ModelError: if there are none.
    """
    if isinstance(files, CTranslate2Files):
        return files.vocabularies
    config = files.config
    tokens = load_prompt_tokenizer(files).vocabulary(config.target_vocab)
    end = tokens[config.end]
    unknown = end if config.unk is None else tokens[config.unk]
    words = Vocabulary(tokens, "<unk>" if "<unk>" in tokens else unknown)
    return Vocabularies(
        source=words,
        target=words,
        begin=end,
        end=end,
        start=end,
        add_begin=False,
        add_end=False,
        sources_end=False,
    )


def scored_texts(loaded: Loaded, texts: list[list[str]]) -> list[ScoringResult]:
    """The tokens of texts but the first, with their log-probabilities.

    Raises:
        RuntimeError: if a text is too long for the model.
    """
    words = loaded.vocabularies.target
    ids = [words.ids(text) for text in texts]
    _check_lengths(loaded, ids)
    chosen = [n for n, row in enumerate(ids) if len(row) > 1]
    found = loaded.model.score([ids[n][:1] for n in chosen], [ids[n][1:] for n in chosen])
    scores = dict(zip(chosen, found, strict=True))
    return [
        ScoringResult(
            [words.tokens[id] for id in row[1:]],
            scores[n][: len(row) - 1].tolist() if n in scores else [],
        )
        for n, row in enumerate(ids)
    ]


def logits_of(loaded: Loaded, ids: list[list[int]]) -> list[npt.NDArray[np.float32]]:
    """[time, vocab] of each sequence; an empty one has none.

    Raises:
        RuntimeError: if a sequence is too long for the model.
    """
    _check_lengths(loaded, ids)
    filled = [n for n, row in enumerate(ids) if row]
    found = loaded.model.logits([ids[n][:1] for n in filled], [ids[n][1:] for n in filled])
    logits = [np.zeros((0, loaded.model.config.target_vocab), np.float32) for _ in ids]
    for n, rows in zip(filled, found, strict=True):
        logits[n] = rows
    return logits


def _check_lengths(loaded: Loaded, ids: list[list[int]]) -> None:
    longest, most = max(map(len, ids), default=0), loaded.model.config.max_positions
    if longest > most:
        raise RuntimeError(
            f"No position encodings are defined for positions >= {most}, "
            f"but got position {longest - 1}"
        )


def log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Log-probabilities of rows of logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    found: npt.NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found
