"""Arguments that both classes have, and what is not supported of them."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import inspect
import logging
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar, cast

import numpy as np

from pyattn.running.precision import DType

logger = logging.getLogger("pyattn.compat.sentence_transformers")

# Number types of weights in computation by the names of PyTorch's; CPUs compute float16 in float32.
_DTYPES: dict[str, DType] = {
    "auto": "auto",
    "float32": "float32",
    "float16": "float32",
    "bfloat16": "bfloat16",
    "int8": "int8",
}
# Keys of `model_kwargs` that choose how PyTorch computes, and change no result.
_OF_TORCH = {"attn_implementation", "low_cpu_mem_usage", "use_safetensors"}

F = TypeVar("F", bound=Callable[..., Any])


@dataclasses.dataclass(kw_only=True)
class Source:
    """Where a model comes from, by the arguments of both constructors.

    Attributes:
        name: A folder, or the name of a repository.
        organization: Whose repositories names without a slash are.
        cache_folder: Folder of downloads.
        revision: A branch, tag or commit.
        local_files_only: Whether only the cache counts.
        token: Access token of huggingface.co; True and None are the stored one.
    """

    name: Any
    organization: str
    cache_folder: str | None
    revision: str | None
    local_files_only: bool
    token: bool | str | None

    def folder(self) -> pathlib.Path:
        """The model's folder; a repository is downloaded.

        Raises:
            ModelError: if the name leads nowhere.
            TypeError: if it is no path.
        """
        from pyattn.files import model_path

        place = model_path(self.name)
        if place.exists():
            return place
        from pyattn.hub.resolving import one_folder
        from pyattn.hub.settings import Settings

        name = str(self.name)
        settings = Settings(
            revision=self.revision,
            token=self.token if isinstance(self.token, str) else None,
            cache_dir=self.cache_folder,
            local_files_only=self.local_files_only or None,
        )
        return one_folder(name if "/" in name else f"{self.organization}/{name}", settings)


def renamed(**names: str) -> Callable[[F], F]:
    """A decorator: keyword arguments that may also have their older names."""

    def decorator(function: F) -> F:
        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            for old, new in names.items():
                if old in kwargs:
                    kwargs.setdefault(new, kwargs.pop(old))
            return function(*args, **kwargs)

        return cast(F, called)

    return decorator


def like(other: Callable[..., Any]) -> Callable[[F], F]:
    """A decorator: a method with the signature of another, whose arguments it hands on."""

    def decorator(function: F) -> F:
        called = renamed(sentences="inputs")(function)
        called.__signature__ = inspect.signature(other)  # type: ignore[attr-defined]
        return called

    return decorator


def check_constructor(kind: str, backend: str, **unsupported: Any) -> None:
    """Checks arguments of a constructor.

    Args:
        kind: The class, for errors.
        backend: What computes; only PyTorch's own backend has an equal here.
        **unsupported: Arguments that have to be empty.

    Raises:
        ValueError: if one is not.
    """
    if backend != "torch":
        raise ValueError(
            f"{kind}: backend is {backend!r}, expected 'torch', whose results these are"
        )
    for name, value in unsupported.items():
        if value:
            raise ValueError(f"{kind}: {name} is not supported, expected None")


def check_device(place: str, device: Any) -> None:
    """Checks that devices are CPUs, however they are given.

    Raises:
        ValueError: if one is none.
    """
    for one in device if isinstance(device, list | tuple) else [device]:
        if one is not None and str(one).partition(":")[0] != "cpu":
            raise ValueError(f"{place}: device is {str(one)!r}, expected 'cpu', where pyattn runs")


def check_pool(place: str, pool: Any) -> None:
    """Checks that there is no pool of processes.

    Raises:
        ValueError: if there is one.
    """
    if pool is not None:
        raise ValueError(f"{place}: pool is not supported: one process uses all CPUs")


def check_batch_size(place: str, batch_size: Any) -> None:
    """Checks a size that changes no result.

    Raises:
        ValueError: if it is none.
    """
    if batch_size <= 0:
        raise ValueError(f"{place}: batch_size is {batch_size}, expected at least 1")


def check_nothing_else(place: str, kwargs: Mapping[str, Any]) -> None:
    """Checks that no further arguments are given.

    Raises:
        ValueError: if some are; the message names them.
    """
    if kwargs:
        raise ValueError(f"{place}: {', '.join(sorted(kwargs))}: no such arguments are supported")


def chosen_dtype(kind: str, model_kwargs: Mapping[str, Any] | None) -> DType:
    """The number type that `model_kwargs` asks for.

    Raises:
        ValueError: if there is no such type, or something else is asked for.
    """
    given = dict(model_kwargs or {})
    found: Any = "float32"
    for key in ("torch_dtype", "dtype"):
        value = given.pop(key, None)
        # As a string, a type of PyTorch is torch.float32.
        found = found if value is None else str(value).removeprefix("torch.")
    if found not in _DTYPES:
        known = ", ".join(map(repr, _DTYPES))
        raise ValueError(f"{kind}: model_kwargs has dtype {found!r}, expected {known}")
    left = sorted(given.keys() - _OF_TORCH)
    if left:
        raise ValueError(f"{kind}: model_kwargs has {left[0]!r}, supported is 'dtype'")
    return _DTYPES[found]


def chosen_length(kind: str, processor_kwargs: Mapping[str, Any] | None) -> int | None:
    """The tokens of the longest text that `processor_kwargs` asks for.

    Raises:
        ValueError: if something else is asked for.
    """
    given = dict(processor_kwargs or {})
    longest: int | None = given.pop("model_max_length", None)
    if given:
        raise ValueError(
            f"{kind}: processor_kwargs has {min(given)!r}, supported is 'model_max_length'"
        )
    return longest


def resolved_prompt(
    place: str, prompt: str | None, name: str | None, prompts: Mapping[str, str]
) -> str:
    """The prompt that a caller gave, or that has the name.

    Raises:
        ValueError: if there is none of that name.
    """
    if prompt is not None:
        return prompt
    if name is not None and name not in prompts:
        known = ", ".join(map(repr, prompts)) or "none, as the model has no prompts"
        raise ValueError(f"{place}: prompt_name is {name!r}, expected {known}")
    return "" if name is None else prompts[name]


def wants_progress(asked: bool | None) -> bool:
    """Whether a bar is drawn: as asked, or if the program logs what it does and can draw."""
    if asked is not None:
        return asked
    told = logger.getEffectiveLevel() in (logging.INFO, logging.DEBUG)
    return told and importlib.util.find_spec("tqdm") is not None


def as_list(place: str, inputs: Any) -> list[Any]:
    """Inputs that are not a single one, as a list.

    Raises:
        ValueError: if there is no order in them.
    """
    if isinstance(inputs, np.ndarray):
        return list(inputs.tolist())
    named = isinstance(inputs, Mapping) or hasattr(inputs, "columns")
    if named or isinstance(inputs, bytes) or not isinstance(inputs, Iterable):
        raise ValueError(
            f"{place}: inputs is {type(inputs).__name__}, expected a text or a list of them"
        )
    return list(inputs)


def checked_inputs(place: str, inputs: list[Any]) -> list[str | tuple[str, str]]:
    """Texts and pairs.

    Raises:
        ValueError: if there is something else among them.
    """
    from pyattn.text.checks import checked_pairs

    try:
        return checked_pairs(place, inputs)
    except TypeError as error:
        # sentence-transformers refuses what is no text with a ValueError.
        raise ValueError(f"{error}; other modalities are not supported") from None


def torch_tensors(place: str, arrays: Iterable[Any]) -> Iterator[Any]:
    """Arrays as tensors of PyTorch.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError:
        raise ImportError(f"{place}: tensors need the package torch (pip install torch)") from None
    # Copies, as rows share memory; one of a number stays without an axis.
    return (torch.from_numpy(np.array(array, order="C")) for array in arrays)


# What both classes or one of them have in sentence-transformers alone.
_ELSEWHERE = {
    *("add_adapter", "append", "compile", "config", "evaluate", "fit", "forward", "half"),
    *("gradient_checkpointing_enable", "insert", "load_adapter", "merge", "modalities", "model"),
    *("model_card_data", "modules", "named_parameters", "old_fit", "parameters", "preprocess"),
    *("processor", "push_to_hub", "save", "save_pretrained", "save_to_hub"),
    *("smart_batching_collate", "start_multi_process_pool", "state_dict"),
    *("stop_multi_process_pool", "tokenize", "tokenizer", "train", "transformers_model"),
}


def missing(kind: str, name: str) -> NoReturn:
    """Raises the AttributeError for a name that a class does not have."""
    if name in _ELSEWHERE:
        raise AttributeError(
            f"{kind}.{name} is not supported by pyattn, which runs trained models on CPUs"
        )
    raise AttributeError(f"{kind!r} object has no attribute {name!r}")
