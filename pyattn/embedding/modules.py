"""Folders of sentence-transformers: an encoder, and what makes one vector of its output.

modules.json lists the modules: a Transformer, whose folder is the model's; a Pooling; then any
number of Dense and Normalize. Beside it, config_sentence_transformers.json has the prompts, and the
transformer's folder has sentence_bert_config.json, with the length at which texts are cut.

A folder without modules.json is a plain encoder, whose tokens are averaged.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from pyattn import ops
from pyattn.checkpoint import Checkpoint
from pyattn.embedding.pooling import ACTIVATIONS, MODE_NAMES, Dense, Pooling, Step, normalised
from pyattn.errors import ModelError
from pyattn.files.fields import MAX_DIM, MAX_POSITIONS, Fields
from pyattn.files.huggingface import WEIGHT_FILES, read_weights
from pyattn.files.reading import JsonObject, bare, parse_json_list, read_bytes, read_json, shown

MODULES_FILE = "modules.json"
PROMPTS_FILE = "config_sentence_transformers.json"
LENGTH_FILE = "sentence_bert_config.json"
_CONFIG_FILE = "config.json"
_LIMIT = 1 << 20
# Families whose decoder sentence-transformers leaves out; of others with one it takes the decoder's
# states.
_LEFT_OUT = frozenset({"t5", "mt5", "umt5", "longt5", "t5gemma"})
# The switches of older files, in the order in which their vectors stand.
_SWITCHES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Modules:
    """What stands around an encoder.

    Attributes:
        model: The encoder's folder.
        pooling: How the states of tokens become one vector.
        steps: What follows.
        longest: Tokens at which texts are cut; None is what the tokenizer's files say.
        lower: Whether texts are turned into small letters.
        prompts: Texts in front of every text, by their names.
        default_prompt: The name of the prompt that counts if none is given.
        similarity: The function of two vectors that the model was trained for: "cosine", "dot",
            "euclidean" or "manhattan" in most files; None if they name none.
        files: The files that hold all of this, by their names in a folder whose encoder is at the
            top.
    """

    model: pathlib.Path
    pooling: Pooling = dataclasses.field(default_factory=Pooling)
    steps: tuple[Step, ...] = ()
    longest: int | None = None
    lower: bool = False
    prompts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    default_prompt: str | None = None
    similarity: str | None = None
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)

    def encoder(self, checkpoint: Checkpoint) -> Checkpoint:
        """The encoder that they stand around, of the model in its folder.

        Raises:
            ModelError: if the model has a decoder, unless sentence-transformers leaves it out.
        """
        config = checkpoint.config
        if "decoder" not in config.stacks:
            return checkpoint
        if not self.files or config.family not in _LEFT_OUT:
            alone = "" if "encoder" in config.stacks else " alone: see pyattn.Generator"
            raise ModelError(
                f"{self.model}: {config.family} has a decoder{alone}, expected an encoder alone"
            )
        return checkpoint.encoder()


def read_modules(folder: pathlib.Path) -> Modules:
    """The modules of a folder; those of a plain model if there is no modules.json.

    Raises:
        ModelError: if a file is missing or malformed, or has a module that pyattn does not run.
    """
    if not (folder / MODULES_FILE).exists():
        for name in (PROMPTS_FILE, LENGTH_FILE):
            if (folder / name).exists():
                raise ModelError(
                    f"{folder}: no {MODULES_FILE} beside {name}: copy it and the folders that it "
                    "names, as they say how texts are pooled"
                )
        return Modules(model=folder)
    content = read_bytes(folder / MODULES_FILE, _LIMIT)
    reader = _Reader(folder)
    for number, entry in enumerate(parse_json_list(content, MODULES_FILE)):
        reader.read(number, entry)
    return reader.found()


def is_classifier(folder: pathlib.Path) -> bool:
    """Whether a folder is that of a CrossEncoder, which gives scores and no vectors.

    Raises:
        ModelError: if a file is malformed.
    """
    if not (folder / PROMPTS_FILE).exists():
        return False
    fields = Fields({PROMPTS_FILE: read_json(folder / PROMPTS_FILE)})
    return fields.text("model_type", "") == "CrossEncoder"


def read_around(folder: pathlib.Path) -> Modules:
    """What stands around the encoder of a folder, whatever it is for.

    Raises:
        ModelError: as `read_modules` and `read_classifier`.
    """
    return read_classifier(folder) if is_classifier(folder) else read_modules(folder)


def read_classifier(folder: pathlib.Path) -> Modules:
    """What stands around a classifier's encoder; its head lies in the encoder's folder.

    Raises:
        ModelError: if a file is malformed, or modules.json lists more than a Transformer.
    """
    if not (folder / MODULES_FILE).exists():
        return Modules(model=folder)
    content = read_bytes(folder / MODULES_FILE, _LIMIT)
    entries = parse_json_list(content, MODULES_FILE)
    if len(entries) != 1:
        raise ModelError(
            f"{MODULES_FILE}: {len(entries)} modules, expected a Transformer alone; pyattn.Embedder"
            " makes vectors with what is behind it"
        )
    reader = _Reader(folder)
    reader.read(0, entries[0])
    return reader.found(pooled=False)


class _Reader:
    """Reads module after module."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._model: pathlib.Path | None = None
        self._pooling: Pooling | None = None
        self._steps: list[Step] = []
        self._files: dict[str, bytes] = {}
        self._entries: list[dict[str, Any]] = []

    def read(self, number: int, entry: object) -> None:
        """Reads an entry of modules.json."""
        place = f"{MODULES_FILE}: module {number}"
        if not isinstance(entry, dict):
            raise ModelError(f"{place} is {shown(entry)}, expected an object")
        fields = Fields({place: entry})
        kind = fields.text("type").rpartition(".")[2]
        path = _inside(self._folder, fields.text("path", ""), place)
        if (kind == "Transformer") != (self._model is None):
            raise ModelError(f"{place} is {bare(kind)}, expected one Transformer, in front")
        if (kind == "Pooling") and self._pooling is not None:
            raise ModelError(f"{place} is a second Pooling, expected one")
        if kind not in ("Transformer", "Pooling") and self._pooling is None:
            raise ModelError(f"{place} is {bare(kind)}, expected Pooling behind the Transformer")
        if kind == "Transformer":
            self._model = path
        elif kind == "Pooling":
            self._pooling = _pooling(self._config(path))
        elif kind == "Dense":
            self._steps.append(self._dense(path))
        elif kind == "Normalize":
            self._steps.append(normalised)
        else:
            raise ModelError(
                f"{place} is {bare(kind)}, supported are Transformer, Pooling, Dense, Normalize"
            )
        where = "" if kind == "Transformer" else path.name
        self._entries.append({**entry, "path": where})

    def found(self, *, pooled: bool = True) -> Modules:
        """All that was read, and the other files.

        Args:
            pooled: Whether there has to be a Pooling.
        """
        if self._model is None or (pooled and self._pooling is None):
            raise ModelError(f"{MODULES_FILE}: expected a Transformer and a Pooling")
        self._files[MODULES_FILE] = json.dumps(self._entries, indent=2).encode()
        own = self._kept(self._model / LENGTH_FILE, LENGTH_FILE)
        prompts = self._kept(self._folder / PROMPTS_FILE, PROMPTS_FILE)
        named = prompts.object("prompts")
        for name, text in named.items():
            if not isinstance(text, str):
                prompts.fail("prompts", f"has {shown(text)} for {bare(name)}, expected a string")
        default = prompts.text("default_prompt_name", "") or None
        if default is not None and default not in named:
            prompts.fail("default_prompt_name", f"is {bare(default)}, which is none of the prompts")
        return Modules(
            model=self._model,
            pooling=self._pooling or Pooling(),
            steps=tuple(self._steps),
            longest=own.optional_integer("max_seq_length", high=MAX_POSITIONS),
            lower=own.boolean("do_lower_case", False),
            prompts=named,
            default_prompt=default,
            similarity=prompts.text("similarity_fn_name", "") or None,
            files=self._files,
        )

    def _config(self, path: pathlib.Path) -> Fields:
        file = path / _CONFIG_FILE
        values = read_json(file)
        name = f"{path.name}/{_CONFIG_FILE}"
        self._files[name] = json.dumps(values, indent=2).encode()
        return Fields({name: values})

    def _kept(self, path: pathlib.Path, name: str) -> Fields:
        values: JsonObject = {}
        if path.exists():
            values = read_json(path)
            self._files[name] = json.dumps(values, indent=2).encode()
        return Fields({name: values})

    def _dense(self, path: pathlib.Path) -> Step:
        fields = self._config(path)
        for key in ("module_input_name", "module_output_name"):
            if fields.text(key, "sentence_embedding") != "sentence_embedding":
                fields.fail(key, f"is {shown(fields.get(key))}, supported is sentence_embedding")
        outputs, inputs = (
            fields.integer(key, high=MAX_DIM) for key in ("out_features", "in_features")
        )
        kind = fields.text("activation_function", "torch.nn.modules.activation.Tanh")
        activation = kind.rpartition(".")[2]
        if activation not in ACTIVATIONS:
            fields.fail(
                "activation_function", f"is {bare(kind)}, supported are {', '.join(ACTIVATIONS)}"
            )
        weights = read_weights(path, "linear.")
        weight = weights.take("linear.weight", (outputs, inputs)).float32()
        bias = None
        if fields.boolean("bias", True):
            bias = weights.take("linear.bias", (outputs,)).float32()
        weights.check_all_taken("Dense")
        for name in WEIGHT_FILES:
            if (path / name).exists():
                self._files[f"{path.name}/{name}"] = (path / name).read_bytes()
        return Dense(ops.pack(weight, bias=bias), ACTIVATIONS[activation])


def _inside(folder: pathlib.Path, name: str, place: str) -> pathlib.Path:
    """A folder of the model's folder, or that itself."""
    if name in ("", "."):
        return folder
    if name != pathlib.PurePath(name).name or name == "..":
        raise ModelError(f"{place}: path is {bare(name)}, expected the name of a folder")
    return folder / name


def _pooling(fields: Fields) -> Pooling:
    given = fields.get("pooling_mode")
    if given is None:
        # Only the mean is on if a file does not say so.
        on = {key: fields.boolean(key, mode == "mean") for key, mode in _SWITCHES.items()}
        modes = tuple(mode for key, mode in _SWITCHES.items() if on[key])
    else:
        modes = tuple(given) if isinstance(given, list) else (given,)
    if not modes or not all(mode in MODE_NAMES for mode in modes):
        fields.fail("pooling_mode", f"is {shown(given)}, expected some of {', '.join(MODE_NAMES)}")
    return Pooling(modes, fields.boolean("include_prompt", True))


def write_modules(folder: pathlib.Path, modules: Modules) -> None:
    """Writes the files of modules into the folder of their encoder."""
    for name, content in modules.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
