"""Texts or pairs of texts in, scores of labels out: classifiers and rerankers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from pyattn.embedding.heads import SCORES, Scorer
from pyattn.embedding.modules import read_classifier, write_modules
from pyattn.encoder_model import EncoderModel, Long, long_texts
from pyattn.errors import ModelError
from pyattn.files import model_path, open_model
from pyattn.files.head import write_head
from pyattn.text.checks import check_text, checked_pairs, checked_texts
from pyattn.text.tokenizers import tokenizer_files

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.files.head import ScoreFunction
    from pyattn.files.native_entries import MatrixType
    from pyattn.overrides import Limits
    from pyattn.running.precision import DTypes
    from pyattn.text.tokenizers.pairs import TextOrPair

Floats = npt.NDArray[np.float32]


class Ranked(NamedTuple):
    """A document of `Classifier.rank`.

    Attributes:
        document: Its place among the documents.
        score: Its score for the query.
    """

    document: int
    score: float


class Classifier(EncoderModel):
    """A model that gives texts, or pairs of texts, a score for each of its labels.

    A reranker is one with a single label: how well a document answers a query.

    Scores do not depend on the other texts, their order or the number of threads.

    Args:
        path: A folder of transformers with a model such as BertForSequenceClassification, of
            sentence-transformers' CrossEncoder, or of `Classifier.save`.
        dtype: As for `pyattn.Model`.
        threads: Likewise.
        **limits: Other settings of `pyattn.Model`: `isa`, `batch_tokens`.

    Attributes:
        labels: The names of the labels.
        activation: The function that makes scores of logits by default: "sigmoid" for one label or
            for labels that do not exclude each other, "softmax" for several that do; "identity" for
            regression; or the one that the model's files name.

    Raises:
        ModelError: if a file is missing or cannot be used, or the model does not classify texts.
        ValueError: as `pyattn.Model`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        dtype: DTypes = "auto",
        threads: int | None = None,
        **limits: Unpack[Limits],
    ) -> None:
        place = model_path(path)
        modules = read_classifier(place)
        with open_model(modules.model) as files:
            head = files.head
            if head is None:
                raise ModelError(
                    f"{place}: a model of {files.config.family} that does not classify texts, "
                    "expected one such as BertForSequenceClassification"
                )
            super().__init__(place, files, modules, {"dtype": dtype, "threads": threads, **limits})
        self._head = head
        self._scorer = Scorer(head)
        self.labels = head.labels
        self.activation: ScoreFunction = head.scores

    def scores(
        self,
        texts: str | Iterable[TextOrPair],
        *,
        activation: ScoreFunction | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        truncate: bool = True,
        progress: bool = False,
    ) -> Floats:
        """The scores of texts, or of pairs of texts.

        Args:
            texts: Any number of texts and pairs (a tuple or list of two texts), or one text. One
                pair is [(first, second)].
            activation: What makes scores of logits: "identity" for the logits themselves,
                "sigmoid", "softmax" or "tanh"; None is the attribute `activation`.
            prompt: A text in front of every text, or of the first one of a pair.
            prompt_name: One of the model's `prompts` in its place; None is the model's default, if
                it has one.
            truncate: Whether a text or pair of more than `max_tokens` is cut, with a warning; if
                not, it is an error. The longer text of a pair is cut first.
            progress: Whether to draw a bar on standard error; needs the package tqdm.

        Returns:
            [texts, labels], float32; [labels] for one text.

        Raises:
            ValueError: if a text is no valid Unicode, or is too long and not to be cut; if there is
                no such activation or prompt, or a pair has another number of texts.
            TypeError: if a text is neither a str nor a pair of them, or `texts` is a tuple of two
                str, which may be meant as a pair or as two texts.
            ModelError: if the model has no tokenizer.
        """
        function = self._function("scores", activation)
        front = self._prompt("scores", prompt, prompt_name)
        long = long_texts("scores", truncate)
        if isinstance(texts, str):
            text = check_text(texts, "scores: text")
            row: Floats = function(self._logits("scores", [text], front, long, False))[0]
            return row
        if isinstance(texts, tuple) and [type(text) for text in texts] == [str, str]:
            raise TypeError(
                "scores: texts is a tuple of two str, expected a list: [(first, second)] for one "
                "pair, [first, second] for two texts"
            )
        pairs = checked_pairs("scores", texts)
        return function(self._logits("scores", pairs, front, long, progress))

    def rank(
        self,
        query: str,
        documents: Iterable[str],
        *,
        top_k: int | None = None,
        activation: ScoreFunction | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        truncate: bool = True,
        progress: bool = False,
    ) -> list[Ranked]:
        """Documents by how well they answer a query, best first.

        Args:
            query: The first text of each pair.
            documents: The second ones.
            top_k: How many to return; None is all.
            activation: As for `scores`.
            prompt: Likewise, in front of the query.
            prompt_name: Likewise.
            truncate: Likewise.
            progress: Likewise.

        Returns:
            Places of documents and their scores. Equal scores are in the documents' order; scores
            that are not a number come last.

        Raises:
            ValueError: as `scores`, and if the model has several labels or `top_k` is below 0.
            TypeError: as `scores`, and if `top_k` is no integer.
            ModelError: as `scores`.
        """
        if len(self.labels) != 1:
            raise ValueError(f"rank: the model has {len(self.labels)} labels, expected one")
        if top_k is not None:
            if isinstance(top_k, bool) or not isinstance(top_k, int | np.integer):
                raise TypeError(f"rank: top_k is {type(top_k).__name__}, expected int or None")
            if top_k < 0:
                raise ValueError(f"rank: top_k is {top_k}, expected 0 or more")
        function = self._function("rank", activation)
        front = self._prompt("rank", prompt, prompt_name)
        long = long_texts("rank", truncate)
        check_text(query, "rank: query")
        pairs = [(query, text) for text in checked_texts("rank", documents, name="documents")]
        scores = function(self._logits("rank", pairs, front, long, progress))[:, 0]
        # Stable, and NaN last.
        order = np.argsort(-scores, kind="stable")[:top_k]
        return [Ranked(int(n), float(scores[n])) for n in order]

    def _function(self, operation: str, activation: ScoreFunction | None) -> Callable[..., Floats]:
        name = self.activation if activation is None else activation
        if not isinstance(name, str) or name not in SCORES:
            known = ", ".join(map(repr, SCORES))
            raise ValueError(f"{operation}: activation is {name!r:.80}, expected {known}")
        return SCORES[name]

    def _logits(
        self,
        operation: str,
        texts: Sequence[TextOrPair],
        prompt: str,
        long: Long,
        progress: bool,
    ) -> Floats:
        pooled = self._of_states(
            operation, texts, prompt, self._scorer.pooled, long=long, progress=progress
        )
        dim = self.model.config.dim
        return self._scorer.logits(np.stack(pooled) if pooled else np.empty((0, dim), np.float32))

    def save(self, folder: str | os.PathLike[str], *, dtype: MatrixType | None = None) -> None:
        """Write model, tokenizer and head as a folder of pyattn's own layout.

        Args:
            folder: The folder to write; it does not exist yet, or is empty.
            dtype: As for `Model.save`; the head stays in float32.

        Raises:
            FileExistsError: if the folder holds anything.
            ValueError: as `Model.save`.
        """
        self.model.save(folder, dtype=dtype, tokenizer_files=tokenizer_files(self._modules.model))
        write_head(model_path(folder), self._head)
        write_modules(model_path(folder), self._modules)
