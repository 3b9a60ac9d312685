"""sentence-transformers' CrossEncoder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pyattn.compat.sentence_transformers import arguments
from pyattn.compat.sentence_transformers.engine import PairScorer
from pyattn.compat.sentence_transformers.face import Face
from pyattn.embedding.heads import SCORES
from pyattn.files.head import ScoreFunction

Floats = npt.NDArray[np.float32]

# Modules of PyTorch, by the names of their classes, in place of which pyattn's own functions serve.
_MODULES: dict[str, ScoreFunction] = {
    "Identity": "identity",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Tanh": "tanh",
}


class CrossEncoder(Face):
    """Scores pairs of texts.

    Args:
        model_name_or_path: The model's folder, or the name of a repository of huggingface.co.
        modules: Not supported.
        device: "cpu".
        prompts: Texts to put in front of others, by names; in addition to the model's own.
        default_prompt_name: The prompt that counts if none is given.
        cache_folder: Folder of downloads.
        trust_remote_code: Not needed, as code of models is never run.
        revision: A branch, tag or commit.
        local_files_only: Whether only the cache counts.
        token: Access token of huggingface.co.
        model_kwargs: "dtype" (or "torch_dtype") is the number type of weights in computation.
        processor_kwargs: "model_max_length" are the tokens of the longest pair.
        config_kwargs: Not supported.
        model_card_data: Not needed.
        backend: "torch".
        num_labels: That of the model.
        max_length: Tokens of the longest pair.
        activation_fn: What makes scores of logits; default: what the model's files name, else a
            sigmoid for one label, and nothing for several.
        keep_in_fp32_modules: Not needed, as the head is computed in float32.

    Attributes:
        activation_fn: As the argument.
        prompts: Prompts by their names.
        default_prompt_name: As the argument.

    Raises:
        ModelError: if the model cannot be used.
        ValueError: if an argument is not supported.
    """

    _engine: PairScorer

    @arguments.renamed(
        model_name="model_name_or_path",
        automodel_args="model_kwargs",
        tokenizer_args="processor_kwargs",
        tokenizer_kwargs="processor_kwargs",
        config_args="config_kwargs",
        cache_dir="cache_folder",
        default_activation_function="activation_fn",
    )
    def __init__(
        self,
        model_name_or_path: str | None = None,
        *,
        modules: Any = None,
        device: str | None = None,
        prompts: dict[str, str] | None = None,
        default_prompt_name: str | None = None,
        cache_folder: str | None = None,
        trust_remote_code: bool = False,  # noqa: ARG002 (no code is run)
        revision: str | None = None,
        local_files_only: bool = False,
        token: bool | str | None = None,
        model_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
        config_kwargs: dict[str, Any] | None = None,
        model_card_data: Any = None,  # noqa: ARG002 (no card is written)
        backend: str = "torch",
        num_labels: int | None = None,
        max_length: int | None = None,
        activation_fn: Callable[..., Any] | None = None,
        keep_in_fp32_modules: list[str] | None = None,  # noqa: ARG002 (heads are in float32)
    ) -> None:
        kind = "CrossEncoder"
        arguments.check_constructor(kind, backend, modules=modules, config_kwargs=config_kwargs)
        arguments.check_device(kind, device)
        dtype = arguments.chosen_dtype(kind, model_kwargs)
        longest = arguments.chosen_length(kind, processor_kwargs) if max_length is None else None
        source = arguments.Source(
            name=model_name_or_path,
            organization="cross-encoder",
            cache_folder=cache_folder,
            revision=revision,
            local_files_only=local_files_only,
            token=token,
        )
        self._engine = PairScorer(source.folder(), dtype=dtype)
        if num_labels not in (None, self.num_labels):
            raise ValueError(
                f"{kind}: num_labels is {num_labels}, expected {self.num_labels}, as the model's "
                "head has"
            )
        self.prompts = {**self._engine.prompts, **(prompts or {})}
        self.default_prompt_name = default_prompt_name or self._engine.default_prompt
        function = cast(ScoreFunction, self._engine.function)
        self.activation_fn: Callable[..., Any] = activation_fn or SCORES[function]
        longest = max_length or longest
        if longest is not None:
            self.max_seq_length = longest

    @arguments.renamed(sentences="inputs", activation_fct="activation_fn")
    def predict(
        self,
        inputs: Any,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Callable[..., Any] | None = None,
        apply_softmax: bool | None = False,
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: Any = None,
        pool: Any = None,
        chunk_size: int | None = None,  # noqa: ARG002 (all CPUs share one process)
        **kwargs: Any,
    ) -> Any:
        """The scores of pairs.

        Args:
            inputs: A pair, or any number of pairs.
            prompt_name: The name of the prompt in front of first texts.
            prompt: The prompt itself.
            batch_size: Not needed.
            show_progress_bar: Whether to draw a bar; needs tqdm.
            activation_fn: What makes scores of logits, [pairs, labels]: a function of arrays or of
                PyTorch's tensors, or one of its modules.
            apply_softmax: Whether a softmax follows, for several labels.
            convert_to_numpy: If False, a list of tensors.
            convert_to_tensor: Whether to return a tensor.
            device: "cpu".
            pool: Not supported.
            chunk_size: Not needed.
            **kwargs: None are supported.

        Returns:
            [pairs] for one label, else [pairs, labels], float32; without the first axis for a pair
            alone.

        Raises:
            ValueError: if an argument is not supported or out of its range.
            ImportError: if a tensor is asked for and PyTorch is not installed.
        """
        place = "predict"
        kwargs.pop("num_workers", None)
        arguments.check_nothing_else(place, kwargs)
        arguments.check_batch_size(place, batch_size)
        arguments.check_device(place, device)
        arguments.check_pool(place, pool)
        single = _is_single(inputs)
        if isinstance(inputs, str):
            raise ValueError(f"{place}: inputs is a str, expected a pair, or a list of pairs")
        pairs = arguments.checked_inputs(
            place, [list(inputs)] if single else arguments.as_list(place, inputs)
        )
        progress = arguments.wants_progress(show_progress_bar)
        logits = self._engine.logits(pairs, self._prompt(prompt, prompt_name), progress)
        scores = _applied(activation_fn or self.activation_fn, logits)
        if self.num_labels == 1 and scores.ndim > 1:
            scores = scores[:, 0]
        if apply_softmax and scores.ndim > 1:
            scores = SCORES["softmax"](scores)
        found: Any = scores
        if not pairs and (convert_to_numpy or convert_to_tensor):
            found = np.zeros(0, np.float32 if convert_to_tensor else np.float64)
        if convert_to_tensor:
            [found] = arguments.torch_tensors(place, [found])
        elif not convert_to_numpy:
            found = list(arguments.torch_tensors(place, found))
        return found[0] if single else found

    @arguments.renamed(activation_fct="activation_fn")
    def rank(
        self,
        query: str,
        documents: Sequence[str],
        top_k: int | None = None,
        return_documents: bool = False,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Callable[..., Any] | None = None,
        device: Any = None,
        pool: Any = None,
        chunk_size: int | None = None,
    ) -> list[dict[str, Any]]:
        """Documents by how well they answer a query, best first.

        Args:
            query: The first text of each pair.
            documents: The second ones.
            top_k: How many to return; None is all.
            return_documents: Whether results have the documents as `text`.
            prompt_name: As for `predict`, likewise all others.
            prompt: Likewise.
            batch_size: Likewise.
            show_progress_bar: Likewise.
            activation_fn: Likewise.
            device: Likewise.
            pool: Likewise.
            chunk_size: Likewise.

        Returns:
            For each document its place, `corpus_id`, and `score`.

        Raises:
            ValueError: as `predict`, and if the model has several labels.
        """
        if self.num_labels != 1:
            raise ValueError(f"rank: the model has {self.num_labels} labels, expected one")
        scores = self.predict(
            [[query, text] for text in documents],
            prompt_name,
            prompt,
            batch_size,
            show_progress_bar,
            activation_fn,
            device=device,
            pool=pool,
            chunk_size=chunk_size,
        ).tolist()
        order = sorted(range(len(scores)), key=lambda n: scores[n], reverse=True)
        return [
            {
                "corpus_id": n,
                "score": scores[n],
                **({"text": documents[n]} if return_documents else {}),
            }
            for n in order[:top_k]
        ]

    def _prompt(self, prompt: str | None, name: str | None) -> str:
        return arguments.resolved_prompt(
            "predict", prompt, name or self.default_prompt_name, self.prompts
        )

    # --- the model ---

    @property
    def num_labels(self) -> int:
        """Number of scores of a pair."""
        return len(self._engine.labels)

    @property
    def max_seq_length(self) -> int:
        """Tokens of the longest pair, at which others are cut."""
        return self._engine.max_tokens

    @max_seq_length.setter
    def max_seq_length(self, value: int) -> None:
        self._engine.tokenizer.limit(value)

    @property
    def max_length(self) -> int:
        """The same, by its older name."""
        return self.max_seq_length

    @max_length.setter
    def max_length(self, value: int) -> None:
        self.max_seq_length = value

    def get_max_seq_length(self) -> int:
        """The same, by a still older name."""
        return self.max_seq_length

    def get_default_activation_fn(self) -> Callable[..., Any]:
        """What makes scores of logits if the caller does not choose."""
        return SCORES[cast(ScoreFunction, self._engine.function)]

    @property
    def default_activation_function(self) -> Callable[..., Any]:
        """`activation_fn`, by its older name."""
        return self.activation_fn


def _is_single(inputs: Any) -> bool:
    """Whether inputs are the two texts of one pair."""
    if isinstance(inputs, np.ndarray):
        return inputs.ndim == 1 and inputs.size > 0
    return (
        isinstance(inputs, list | tuple)
        and len(inputs) > 0
        and not isinstance(inputs[0], list | tuple)
    )


def _applied(function: Callable[..., Any], logits: Floats) -> Floats:
    """A function of arrays or of PyTorch's tensors, or a module of PyTorch, applied to logits."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(function, torch.nn.Module):
        name = type(function).__name__
        if name in _MODULES:
            function = SCORES[_MODULES[name]]
    try:
        found = function(logits)
    except (AttributeError, TypeError):
        if torch is None:
            raise
        found = function(torch.from_numpy(logits)).detach().numpy()
    return np.asarray(found, np.float32)
