"""Mutated models of every layout, and what reading them comes to.

A mutated model is read, and run for three tokens if it still can be, of ids, a text and a chat; or
it is described, or converted and the result run. Anything but a result or a `ModelError` is a
finding, and so is a converted model that is refused.
"""

from __future__ import annotations

import pathlib
import random
import shutil
import warnings
from typing import Any

from pyattn.errors import ModelError
from support.fuzz_driver import SECONDS
from support.fuzz_seeds import write_seeds
from support.mutations import files_of, mutate_model

WAYS = ("run", "describe", "convert")
DTYPES = ("float32", "bfloat16", "int8", "auto")
# What a state dictionary does not say.
STATES: dict[str, dict[str, Any]] = {
    "state-tutorial.pt": {"pad": 1},
    "state-learned.safetensors": {
        "activation": "gelu",
        "norm_first": True,
        "embedding_scale": 1.0,
    },
    "state-bare.pt": {"max_positions": 16},
}
_TEXT = "a cat \xe9\U0001f600"
_LONGEST = 32  # tokens that the text may become
_LEAST_OF_PAIRS = 8  # more than any tokenizer puts around two texts
_CHAT = [{"role": "user", "content": _TEXT}]
# Documented errors of prompts: weights are NaN, and templates that fail or make much of little.
_OF_PROMPTS = ("no token", "the model's template", "tokens, expected at most")
_IDS = [[0, 1, 2, 3, 9, 50, 1 << 20], []]


def use(path: pathlib.Path, way: str = "run", dtype: str = "float32") -> bool:
    """Reads a model and does something with it; False if it is refused as it should be.

    Args:
        path: The model.
        way: One of `WAYS`.
        dtype: What is computed with, one of `DTYPES`.
    """
    from pyattn.commands.conversion import convert
    from pyattn.commands.inspection import describe

    try:
        if path.name in STATES:
            _run_state(path, dtype)
        elif way == "run":
            _run(path, dtype)
        elif way == "describe":
            describe(path, threads=1, dtype=dtype)
        else:
            convert(path, path.parent / "converted")
    except ModelError:
        return False
    if way == "convert" and path.name not in STATES:
        try:
            _run(path.parent / "converted", "float32")  # int8 cannot hold infinity
        except ModelError as error:
            raise AssertionError("what was converted is refused") from error
    return True


def _run(path: pathlib.Path, dtype: str) -> None:
    import pyattn

    with pyattn.load(path, threads=1, dtype=dtype, cache_bytes=1 << 20) as translator:
        if isinstance(translator, pyattn.Generator):
            _generate(translator)
            return
        if not isinstance(translator, pyattn.Translator):
            _encode(translator)
            return
        few = {"max_new_tokens": 3, "beam_size": 1}
        config = translator.model.config
        source = [min(2, config.source_vocab - 1)] * min(2, config.max_positions)
        try:
            translator.model.generate([source, [0]], **few)
            if config.max_positions >= _LONGEST:
                _translate(translator, **few)
        except ValueError as error:
            if "no token" not in str(error):  # is likelier than another, where weights are NaN
                raise


def _run_state(path: pathlib.Path, dtype: str) -> None:
    import pyattn

    facts = pyattn.TorchTransformer(heads=3, start=2, end=3, **STATES[path.name])
    checkpoint = facts.checkpoint(path)
    with pyattn.Model(checkpoint, threads=1, dtype=dtype, cache_bytes=1 << 20) as model:
        try:
            model.generate([[1], [0]], max_new_tokens=3, beam_size=1)
        except ValueError as error:
            if "no token" not in str(error):
                raise


def _encode(encoder: Any) -> None:
    """The states of ids, and what an encoder makes of texts."""
    config = encoder.model.config
    encoder.model.encode([[min(2, config.source_vocab - 1)] * min(2, config.max_positions), [0]])
    try:
        longest = encoder.tokenizer.longest
    except ModelError:
        return
    texts = [_TEXT, "", *([("a cat", "a dog")] if longest >= _LEAST_OF_PAIRS else [])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts that are cut
        (encoder.embed if hasattr(encoder, "embed") else encoder.scores)(texts)


def _generate(generator: Any) -> None:
    """What a decoder makes of ids, of texts, of a chat."""
    few = {"max_new_tokens": 3}
    config = generator.model.config
    try:
        generator.generate([[min(2, config.target_vocab - 1)], [0]], **few)
        if config.max_positions >= _LONGEST and _usable(generator, "tokenizer"):
            generator.complete([_TEXT, "a"], **few)
            if _usable(generator, "chat_template"):
                generator.chat(_CHAT, **few)
    except ValueError as error:
        if not any(about in str(error) for about in _OF_PROMPTS):
            raise


def _usable(generator: Any, part: str) -> bool:
    """Whether a generator has a part that models may do without."""
    try:
        getattr(generator, part)
    except ModelError:
        return False
    return True


def _translate(translator: Any, **options: int) -> None:
    try:
        tokenizer = translator.tokenizer
    except ModelError:
        return
    tokenizer.decode(_IDS)
    languages = tokenizer.languages
    source, target = (next(iter(known), None) for known in (languages.sources, languages.targets))
    translator.translate(_TEXT, source=source, target=target, **options)


class ModelCase:
    """A mutated model: the `number`-th of those of a seed."""

    seconds = SECONDS

    def __init__(self, seeds: list[pathlib.Path], seed: int, number: int) -> None:
        self._pick = random.Random(f"{seed}/{number}")
        self._seeds = seeds
        self._model = self._pick.choice(seeds)
        self.source = self._model.name
        self.dtype = DTYPES[number % len(DTYPES)]
        self.way = self._pick.choices(WAYS, (6, 1, 1))[0]
        self.about = f"{self.way}, {self.dtype}"

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes it into an empty folder."""
        path = folder / self.source
        if self._model.is_dir():
            shutil.copytree(self._model, path)
        else:
            shutil.copy(self._model, path)
        if self._pick.random() < 0.05:
            self._swap(path)
        else:
            mutate_model(path, self._pick)
        return path

    def use(self, path: pathlib.Path) -> bool:
        """Reads it; False if it is refused."""
        return use(path, self.way, self.dtype)

    def _swap(self, path: pathlib.Path) -> None:
        """Puts a file of another model, sound in itself, into the place of one."""
        file = self._pick.choice(files_of(path))
        others = [other for seed in self._seeds for other in files_of(seed)]
        shutil.copy(self._pick.choice([one for one in others if one.suffix == file.suffix]), file)


class Models:
    """Models of every layout.

    Args:
        folder: An empty folder for the sound ones.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.seeds = write_seeds(folder)

    def prepare(self) -> None:
        """Reads all sound models."""
        for source in self.seeds:
            use(source)

    def close(self) -> None:
        """Nothing stays open."""

    def case(self, seed: int, number: int) -> ModelCase:
        """The `number`-th case of a seed."""
        return ModelCase(self.seeds, seed, number)
