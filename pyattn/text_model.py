"""A model with a tokenizer as an object: saved, pickled, closed."""

from __future__ import annotations

import pathlib
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pyattn.errors import ModelError
from pyattn.running.origin import Origin
from pyattn.text.shortlist import Shortlist
from pyattn.text.starting import Starter
from pyattn.text_settings import TextSettings

if TYPE_CHECKING:
    import os

    from typing_extensions import Self

    from pyattn.files.native_entries import MatrixType
    from pyattn.model import Model
    from pyattn.text.tokenizers import Languages, NoTokenizer, Tokenizer

_OF_SENTENCE_TRANSFORMERS = "pyattn.compat.sentence_transformers has its names"
# By name, and where it depends on that, by the class of the object.
_ELSEWHERE: dict[str | tuple[str, str], str] = {
    "classify": "classifiers have scores(texts)",
    "embed": "embedders, which pyattn.load returns for an encoder without a head, have it",
    "generate": "model.generate takes ids",
    "predict": f"classifiers have scores(texts); {_OF_SENTENCE_TRANSFORMERS}",
    "rank": "classifiers of one label have it",
    "scores": "classifiers have it",
    "similarity": "vectors of length 1 have vectors @ vectors.T",
    "summarize": "translate(texts) does what the model was trained for",
    "complete": "generators, which pyattn.load returns for a decoder alone, have it",
    "chat": "generators, which pyattn.load returns for a decoder alone, have it",
    "translate": "the model is an encoder alone, which has no words to answer with",
    "translate_batch": "pyattn.compat.ctranslate2 has it",
    ("Classifier", "embed"): "pyattn.Embedder(path) makes vectors with the same encoder",
    ("Classifier", "encode"): "model.encode takes ids",
    ("Embedder", "encode"): f"embed(texts) makes vectors; {_OF_SENTENCE_TRANSFORMERS}",
    ("Embedder", "max_seq_length"): "it is max_tokens",
    ("Generator", "generate_batch"): "pyattn.compat.ctranslate2 has it",
    ("Generator", "translate"): "complete(prompts) continues texts, chat(messages) answers",
    ("Generator", "apply_chat_template"): "chat_ids(messages) makes a prompt of a chat",
    ("Translator", "encode"): "tokenizer.encode makes ids, model.encode states of ids",
}


class LoadedModel:
    """A model of a folder; what takes texts derives from it.

    Args:
        model: The model in the core.
        folder: The model's folder; None for a model that was made of arrays.
    """

    def __init__(self, model: Model, folder: pathlib.Path | None) -> None:
        self.model = model
        self._folder = folder

    def close(self) -> None:
        """Free the weights and the threads; the object cannot be used afterwards."""
        self.model.close()

    if not TYPE_CHECKING:  # for which any name would be an attribute

        def __getattr__(self, name: str) -> Any:
            """Says where to look for what other objects, or those of other programs, have."""
            kind = type(self).__name__
            hint = _ELSEWHERE.get((kind, name), _ELSEWHERE.get(name))
            about = "" if hint is None else f"; {hint}"
            raise AttributeError(f"{kind!r} object has no attribute {name!r}{about}")

    def __repr__(self) -> str:
        folder = "" if self._folder is None else f", {str(self._folder)!r}"
        return f"<pyattn.{type(self).__name__} {self.model.summary()}{folder}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class TextModel(LoadedModel):
    """A model, its tokenizer and its shortlist; `pyattn.Translator` derives from it.

    Args:
        model: Token ids to token ids.
        tokenizer: Texts to token ids and back. None, or the error with the reason, for a model
            without a tokenizer.
        shortlist: The ids that the target of a source may have; None for all.
        settings: How texts are treated by default; None is the default of the model's family.
        folder: The model's folder; None for a model that was made of arrays.
    """

    # The arguments of `pyattn.load`; None for a translator that was made otherwise.
    _origin: Origin | None = None

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer | NoTokenizer | None,
        *,
        shortlist: Shortlist | None = None,
        settings: TextSettings | None = None,
        folder: pathlib.Path | None = None,
    ) -> None:
        super().__init__(model, folder)
        self.shortlist = shortlist
        self.settings = settings or TextSettings.of_family(model.config.family)
        self._tokenizer = tokenizer
        self._started: Starter | None = None

    @property
    def folder(self) -> pathlib.Path | None:
        """The model's folder or file; None for a model that was made of arrays."""
        return self._folder

    @property
    def tokenizer(self) -> Tokenizer:
        """Texts to token ids and back.

        Raises:
            ModelError: if the model has no tokenizer.
        """
        if self._tokenizer is None:
            raise ModelError(
                "this model has no tokenizer: pass ids to translator.model.generate, or put the "
                "tokenizer's files into the model's folder: source.spm and target.spm for Marian, "
                "with vocab.json beside Hugging Face's config.json; tokenizer.json for others"
            )
        if isinstance(self._tokenizer, ModelError):
            raise self._tokenizer
        return self._tokenizer

    @property
    def languages(self) -> Languages:
        """The names that `source` and `target` may have: its mappings `sources` and `targets`.

        Both are empty for a model of one pair.

        Raises:
            ModelError: if the model has no tokenizer.
        """
        return self.tokenizer.languages

    def save(self, folder: str | os.PathLike[str], *, dtype: MatrixType | None = None) -> None:
        """Write model, tokenizer and shortlist as a folder of pyattn's own layout.

        Args:
            folder: The folder to write; it does not exist yet, or is empty.
            dtype: Number type to store matrices in: "float32", "bfloat16", "int8" or "int4"; None
                keeps the stored type of each.

        Raises:
            FileExistsError: if the folder holds anything.
            ValueError: as `Model.save`, and if tokenizer or shortlist were not read from a folder.
        """
        from pyattn.files.shortlist import LexicalShortlist
        from pyattn.text.tokenizers import tokenizer_files

        if self._folder is None and self._tokenizer is not None:
            raise ValueError("save: the tokenizer has no files of its own; use model.save")
        files = {} if self._folder is None else tokenizer_files(self._folder)
        if not isinstance(self.shortlist, LexicalShortlist | None):
            raise ValueError("save: the shortlist has no file of its own; use model.save")
        self.model.save(folder, dtype=dtype, tokenizer_files=files, shortlist=self.shortlist)

    def __reduce__(self) -> tuple[Any, ...]:
        # Includes the model, so that a model pickled beside its translator stays the same object.
        if self._origin is None:
            raise TypeError(
                "pickle: the translator was not made by pyattn.load, so its tokenizer has no path"
            )
        from pyattn.files.shortlist import LexicalShortlist

        if not isinstance(self.shortlist, LexicalShortlist | None):
            raise TypeError("pickle: the translator's shortlist was not read from its files")
        parts = (self.model, self._origin, self.shortlist is not None, self.settings)
        return self._origin.rebuild, parts
