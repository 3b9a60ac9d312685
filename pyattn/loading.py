"""From a model's files to what serves it, mostly a translator."""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, Any, cast

from pyattn._foreign import unknown_setting
from pyattn.classifier import Classifier
from pyattn.embedder import Embedder
from pyattn.embedding.modules import MODULES_FILE, is_classifier
from pyattn.errors import ModelError
from pyattn.generator import Generator
from pyattn.pivot import Pivot
from pyattn.running.origin import SHIPPED_MODEL, Origin
from pyattn.text_settings import TextSettings
from pyattn.translator import Translator

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.files import ModelFiles
    from pyattn.files.shortlist import LexicalShortlist
    from pyattn.model import Model
    from pyattn.overrides import Limits
    from pyattn.running.precision import DTypes
    from pyattn.text.tokenizers import NoTokenizer, Tokenizer

_LIMITS = {"isa", "batch_tokens", "batch_rows", "cache_bytes", "vocabulary_search"}
_OF_NAMES = {"revision", "token", "cache_dir", "local_files_only", "endpoint"}


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    dtype: DTypes = "auto",
    threads: int | None = None,
    shortlist: bool = True,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool | None = None,
    endpoint: str | None = None,
    **limits: Unpack[Limits],
) -> Translator:
    """A translator for a model's files, or for a model's name.

    A path that exists wins over a name. The models of names are downloaded once; what is in the
    cache is used without a request, also if there is something newer.

    Args:
        path: A model's folder, or a model that is one file; None for the included English-Spanish
            model. Or a name: "org/name" or "hf:org/name" of huggingface.co (needs the extra `hub`),
            "firefox:en-pt" or "argos:en-es"; each may end in "@revision".
        dtype: The number type of weights in computation; "auto" is the fastest at full quality
            here. Or a mapping of patterns of products to number types, as for `pyattn.Model`.
        threads: Number of threads; default: as many as the process may use.
        shortlist: Whether to use the lexical shortlist of a Marian model, converted or not. It
            leaves a sentence some hundred ids of a vocabulary of 32,000, which makes the last
            matrix product cheaper.
        revision: For names: a branch, tag or commit, or the version of a registry's model.
        token: For names: access token of huggingface.co; default: HF_TOKEN or `hf auth login`.
        cache_dir: For names: the folder of downloads; default: Hugging Face's cache, and for
            registries PYATTN_CACHE or the user's cache folder.
        local_files_only: For names: whether only the cache counts; default: PYATTN_OFFLINE and
            HF_HUB_OFFLINE.
        endpoint: For names: a mirror; default: HF_ENDPOINT, PYATTN_FIREFOX_ENDPOINT or
            ARGOS_PACKAGE_INDEX.
        **limits: `isa`, `batch_tokens`, `batch_rows`, `cache_bytes` and `vocabulary_search` of
            `pyattn.Model`.

    Returns:
        A translator; a `pyattn.Pivot`, which has its methods for texts, for a name that needs two
        models; a `pyattn.Embedder` for an encoder that stands alone, or a `pyattn.Classifier` if it
        has a head that classifies texts; a `pyattn.Generator` for a decoder that stands alone.

    Raises:
        ModelError: if a file is missing or cannot be used; the message names it. Likewise if a name
            leads nowhere, or its model cannot be downloaded.
        TypeError: if there is no such setting, or `path` is no path.
        ValueError: if `dtype`, `threads` or `isa` is not available here, or a pattern matches no
            product.
    """
    unknown = sorted(limits.keys() - _LIMITS)
    if unknown:
        known = {"path", "dtype", "threads", "shortlist", *_LIMITS, *_OF_NAMES}
        raise TypeError(f"load: {unknown_setting(unknown[0], known)}")
    from pyattn.files import model_path

    settings = {"dtype": dtype, "threads": threads, **limits}
    if path is None:
        return _loaded(None, shortlist, settings)
    folders = _folders(
        path,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        endpoint=endpoint,
    )
    try:
        translators = [_loaded(folder, shortlist, settings) for folder in folders]
    except ModelError as error:
        if cache_dir is not None or folders == (model_path(path),):
            raise
        raise ModelError(
            f"{error}; if the copy in the cache is damaged, `pyattn remove {path}` deletes it"
        ) from None
    if len(translators) == 1:
        return translators[0]
    # Not a union: nearly all callers have a translator, and would have to say so.
    return cast(Translator, Pivot(*translators))


def load_translator(path: str | os.PathLike[str] | None = None, **settings: Any) -> Translator:
    """As `load`, for a caller that translates.

    Raises:
        ModelError: as `load`, and if the model is an encoder or a decoder alone.
    """
    found: object = load(path, **settings)
    if isinstance(found, Generator):
        found.close()
        raise ModelError(
            f"{path}: a decoder alone, which continues prompts; see pyattn.Generator and "
            "`pyattn generate`"
        )
    if isinstance(found, Classifier | Embedder):
        found.close()
        kind = type(found).__name__
        raise ModelError(f"{path}: an encoder alone, which translates nothing; see pyattn.{kind}")
    return cast(Translator, found)


def _folders(path: str | os.PathLike[str], **of_names: Any) -> tuple[pathlib.Path, ...]:
    """The model's path, or what its name leads to."""
    from pyattn.files import model_path

    if os.path.exists(model_path(path)):  # noqa: PTH110  # False for what can be no path
        return (model_path(path),)
    from pyattn.hub.resolving import resolve
    from pyattn.hub.settings import Settings

    return resolve(path, Settings(**of_names))


def _loaded(path: pathlib.Path | None, shortlist: bool, settings: dict[str, Any]) -> Translator:
    # Imported here because they take as long to import as everything else.
    from pyattn.files import open_model
    from pyattn.model import Model

    folder = SHIPPED_MODEL if path is None else path
    if (folder / MODULES_FILE).exists():
        kind = Classifier if is_classifier(folder) else Embedder
        return _alone(kind, folder, settings)
    with open_model(folder) as files:
        if "decoder" not in files.config.stacks:
            kind = Embedder if files.head is None else Classifier
            return _alone(kind, folder, settings)
        if "encoder" not in files.config.stacks:
            return _alone(Generator, folder, settings)
        checkpoint = files.checkpoint
        tokenizer, lists = _text_parts(files, shortlist)
    model = Model(checkpoint, **settings)
    text = checkpoint.text
    translator = Translator(model, tokenizer, shortlist=lists, settings=text, folder=folder)
    where = None if path is None else str(folder.absolute())
    translator._origin = model.origin = Origin(path=where, settings=settings, rebuild=rebuilt)
    return translator


def _alone(
    kind: type[Classifier | Embedder | Generator], folder: pathlib.Path, settings: dict[str, Any]
) -> Translator:
    # As for pivots: nearly all callers have a translator.
    return cast(Translator, kind(folder, **settings))


def _text_parts(
    files: ModelFiles, shortlist: bool
) -> tuple[Tokenizer | NoTokenizer | None, LexicalShortlist | None]:
    """A model's tokenizer, or why there is none, and its shortlist."""
    from pyattn.text.tokenizers import NoTokenizer, load_tokenizer

    tokenizer: Tokenizer | NoTokenizer | None
    try:
        tokenizer = load_tokenizer(files)
    except NoTokenizer as error:
        tokenizer = error
    return tokenizer, files.shortlist if shortlist else None


def rebuilt(model: Model, origin: Origin, shortlist: bool, settings: TextSettings) -> Translator:
    """A pickled translator, around its model."""
    from pyattn.files import open_model

    folder = origin.folder
    with open_model(folder) as files:
        tokenizer, lists = _text_parts(files, shortlist)
    translator = Translator(model, tokenizer, shortlist=lists, settings=settings, folder=folder)
    translator._origin = origin
    return translator
