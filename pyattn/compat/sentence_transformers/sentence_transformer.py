"""sentence-transformers' SentenceTransformer."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.compat.sentence_transformers import arguments
from pyattn.compat.sentence_transformers.engine import TextEncoder, features
from pyattn.compat.sentence_transformers.face import Face
from pyattn.compat.sentence_transformers.quantization import PRECISIONS, quantize_embeddings
from pyattn.compat.sentence_transformers.util import SimilarityFunction, normalize_embeddings
from pyattn.text.tokenizers.pairs import TextOrPair

Floats = npt.NDArray[np.float32]

_DOCUMENT_PROMPTS = ("document", "passage", "corpus")


class SentenceTransformer(Face):
    """Makes vectors of texts.

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
        use_auth_token: Its older name.
        model_kwargs: "dtype" (or "torch_dtype") is the number type of weights in computation.
        processor_kwargs: "model_max_length" are the tokens of the longest text.
        config_kwargs: Not supported.
        model_card_data: Not needed.
        backend: "torch".
        similarity_fn_name: The function of `similarity`; default: the model's, or "cosine".
        truncate_dim: How many values of a vector are kept.

    Attributes:
        prompts: Prompts by their names.
        default_prompt_name: As the argument.
        truncate_dim: As the argument.

    Raises:
        ModelError: if the model cannot be used.
        ValueError: if an argument is not supported.
    """

    SUPPORTED_SIMILARITY_FN_NAMES = ("cosine", "dot", "euclidean", "manhattan")

    _engine: TextEncoder

    @arguments.renamed(tokenizer_kwargs="processor_kwargs")
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
        use_auth_token: bool | str | None = None,
        model_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
        config_kwargs: dict[str, Any] | None = None,
        model_card_data: Any = None,  # noqa: ARG002 (no card is written)
        backend: str = "torch",
        similarity_fn_name: str | SimilarityFunction | None = None,
        truncate_dim: int | None = None,
    ) -> None:
        kind = "SentenceTransformer"
        arguments.check_constructor(kind, backend, modules=modules, config_kwargs=config_kwargs)
        arguments.check_device(kind, device)
        dtype = arguments.chosen_dtype(kind, model_kwargs)
        longest = arguments.chosen_length(kind, processor_kwargs)
        source = arguments.Source(
            name=model_name_or_path,
            organization="sentence-transformers",
            cache_folder=cache_folder,
            revision=revision,
            local_files_only=local_files_only,
            token=use_auth_token if token is None else token,
        )
        self._engine = TextEncoder(source.folder(), dtype=dtype)
        self.prompts = {"query": "", "document": "", **self._engine.prompts, **(prompts or {})}
        self.default_prompt_name = default_prompt_name or self._engine.default_prompt
        if self.default_prompt_name is not None and self.default_prompt_name not in self.prompts:
            raise ValueError(
                f"{kind}: default_prompt_name is {self.default_prompt_name!r}, expected one of "
                f"{', '.join(map(repr, self.prompts))}"
            )
        self.truncate_dim = truncate_dim
        self.similarity_fn_name = similarity_fn_name or self._engine.similarity or "cosine"
        if longest is not None:
            self.max_seq_length = longest

    # --- vectors ---

    @arguments.renamed(sentences="inputs")
    def encode(
        self,
        inputs: Any,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: str | None = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: Any = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        pool: Any = None,
        chunk_size: int | None = None,  # noqa: ARG002 (all CPUs share one process)
        **kwargs: Any,
    ) -> Any:
        """The vectors of texts.

        Args:
            inputs: A text, or any number of texts and pairs.
            prompt_name: The name of the prompt in front of them.
            prompt: The prompt itself.
            batch_size: Not needed.
            show_progress_bar: Whether to draw a bar; needs tqdm.
            output_value: "sentence_embedding" for vectors of texts, "token_embeddings" for those of
                tokens, None for both, and ids.
            precision: "float32", "int8", "uint8", "binary" or "ubinary".
            convert_to_numpy: If False, a list of tensors.
            convert_to_tensor: Whether to return a tensor.
            device: "cpu".
            normalize_embeddings: Whether to make vectors as long as 1.
            truncate_dim: How many values of a vector are kept.
            pool: Not supported.
            chunk_size: Not needed.
            **kwargs: None are supported.

        Returns:
            [texts, dim], float32, or [dim] for one text; vectors of tokens are lists of
            [time, dim], and None gives a dict for each text.

        Raises:
            ValueError: if an argument is not supported or out of its range.
            ImportError: if a tensor is asked for and PyTorch is not installed.
        """
        place = "encode"
        kwargs.pop("task", None)  # it chooses between modules, of which there is one way
        arguments.check_nothing_else(place, kwargs)
        arguments.check_batch_size(place, batch_size)
        arguments.check_device(place, device)
        arguments.check_pool(place, pool)
        if precision not in (*PRECISIONS, None):
            known = ", ".join(map(repr, PRECISIONS))
            raise ValueError(f"{place}: precision is {precision!r}, expected {known}")
        if output_value not in ("sentence_embedding", "token_embeddings", None):
            raise ValueError(
                f"{place}: output_value is {output_value!r}, expected 'sentence_embedding', "
                "'token_embeddings' or None"
            )
        single = isinstance(inputs, str)
        texts = arguments.checked_inputs(
            place, [inputs] if single else arguments.as_list(place, inputs)
        )
        front = self._prompt(prompt, prompt_name)
        progress = arguments.wants_progress(show_progress_bar)
        as_tensors = functools.partial(arguments.torch_tensors, place)
        found: Any
        if output_value is None:
            found = self._all_values(texts, front, progress, truncate_dim)
            if convert_to_tensor:
                found = [dict(zip(one, as_tensors(one.values()), strict=True)) for one in found]
        elif output_value == "token_embeddings":
            found = self._engine.states(texts, front, progress)
            found = list(as_tensors(found)) if convert_to_tensor else found
        else:
            found = self._vectors(texts, front, progress, truncate_dim)
            if normalize_embeddings:
                found = _normalised(found)
            if precision not in (None, "float32") and texts:
                found = quantize_embeddings(found, precision)
            if not texts and (convert_to_numpy or convert_to_tensor):
                # As there, which differs from that of some texts.
                found = np.zeros(0, np.float32 if convert_to_tensor else np.float64)
            if convert_to_tensor:
                [found] = as_tensors([found])
            elif not convert_to_numpy:
                found = list(as_tensors(found))
        return found[0] if single else found

    def _vectors(
        self, texts: Sequence[TextOrPair], prompt: str, progress: bool, dim: int | None
    ) -> Floats:
        dim = self.truncate_dim if dim is None else dim
        return self._engine.vectors(texts, prompt, progress)[:, :dim]

    def _all_values(
        self, texts: Sequence[TextOrPair], prompt: str, progress: bool, dim: int | None
    ) -> list[dict[str, Any]]:
        """Ids, states and vector of each text."""
        states = self._engine.states(texts, prompt, progress)
        vectors = self._vectors(texts, prompt, False, dim)
        framed = self._engine.framed(texts, prompt)
        return [
            {
                **{name: rows[0] for name, rows in features(self._engine, [one]).items()},
                "token_embeddings": state,
                "sentence_embedding": vector,
            }
            for one, state, vector in zip(framed, states, vectors, strict=True)
        ]

    @arguments.like(encode)
    def encode_query(
        self,
        inputs: Any,
        prompt_name: str | None = None,
        prompt: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """As `encode`, with the prompt named "query" unless another is given."""
        if prompt_name is None and prompt is None and "query" in self.prompts:
            prompt_name = "query"
        return self.encode(inputs, prompt_name, prompt, *args, **kwargs)

    @arguments.like(encode)
    def encode_document(
        self,
        inputs: Any,
        prompt_name: str | None = None,
        prompt: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """As `encode`, with the prompt named "document", "passage" or "corpus", if there is one."""
        if prompt_name is None and prompt is None:
            prompt_name = next((name for name in _DOCUMENT_PROMPTS if name in self.prompts), None)
        return self.encode(inputs, prompt_name, prompt, *args, **kwargs)

    def _prompt(self, prompt: str | None, name: str | None) -> str:
        return arguments.resolved_prompt(
            "encode", prompt, name or self.default_prompt_name, self.prompts
        )

    # --- similarities ---

    @property
    def similarity_fn_name(self) -> str:
        """The function of `similarity`: "cosine", "dot", "euclidean" or "manhattan"."""
        return self._similarity.value

    @similarity_fn_name.setter
    def similarity_fn_name(self, value: str | SimilarityFunction | None) -> None:
        try:
            self._similarity = SimilarityFunction(value or "cosine")
        except ValueError:
            known = ", ".join(map(repr, self.SUPPORTED_SIMILARITY_FN_NAMES))
            raise ValueError(f"similarity_fn_name is {value!r}, expected {known}") from None

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """The similarity of each vector of the one with each of the other, [one, other]."""
        return SimilarityFunction.to_similarity_fn(self._similarity)(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """The similarities of vectors at the same place."""
        return SimilarityFunction.to_similarity_pairwise_fn(self._similarity)(
            embeddings1, embeddings2
        )

    # --- the model ---

    def get_embedding_dimension(self) -> int:
        """Width of the vectors of `encode`."""
        width = self._engine.width
        return width if self.truncate_dim is None else min(width, self.truncate_dim)

    def get_sentence_embedding_dimension(self) -> int:
        """The same, by its older name."""
        return self.get_embedding_dimension()

    @contextlib.contextmanager
    def truncate_embeddings(self, truncate_dim: int | None) -> Iterator[None]:
        """Within the block, vectors have that many values."""
        before, self.truncate_dim = self.truncate_dim, truncate_dim
        try:
            yield
        finally:
            self.truncate_dim = before

    @contextlib.contextmanager
    def truncate_sentence_embeddings(self, truncate_dim: int | None) -> Iterator[None]:
        """The same, by its older name."""
        with self.truncate_embeddings(truncate_dim):
            yield

    @property
    def max_seq_length(self) -> int:
        """Tokens of the longest text, at which others are cut."""
        return self._engine.max_tokens

    @max_seq_length.setter
    def max_seq_length(self, value: int) -> None:
        self._engine.tokenizer.limit(value)

    def get_max_seq_length(self) -> int:
        """The same, by its older name."""
        return self.max_seq_length

    def preprocess(
        self, inputs: Any, prompt: str | None = None, **kwargs: Any
    ) -> dict[str, npt.NDArray[np.int64]]:
        """Ids and masks of texts, [texts, longest] each.

        Args:
            inputs: Any number of texts and pairs.
            prompt: In front of each.
            **kwargs: None are supported.
        """
        arguments.check_nothing_else("preprocess", kwargs)
        listed = arguments.as_list("preprocess", inputs)
        texts = arguments.checked_inputs("preprocess", listed)
        return features(self._engine, self._engine.framed(texts, prompt or ""))

    def tokenize(self, texts: Any, **kwargs: Any) -> dict[str, npt.NDArray[np.int64]]:
        """The same, by its older name."""
        return self.preprocess(texts, **kwargs)

    def set_pooling_include_prompt(self, include_prompt: bool) -> None:
        """Whether tokens of the prompt count in the vectors of texts."""
        self._engine.include_prompt(include_prompt)


def _normalised(vectors: Floats) -> Floats:
    rows: Floats = normalize_embeddings(vectors)
    return rows
