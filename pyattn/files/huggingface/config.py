"""config.json and generation_config.json of a Hugging Face folder."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

from pyattn.files.fields import Fields
from pyattn.files.generation import generation_options
from pyattn.files.huggingface.families import FAMILIES
from pyattn.files.huggingface.layout import CONFIG_FILE, GENERATION_FILE, Layout
from pyattn.files.huggingface.long import read_separators
from pyattn.files.huggingface.reformer import FAMILY as REFORMER
from pyattn.files.reading import JsonObject, read_json
from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class HuggingFaceConfig:
    """The two files, validated.

    Attributes:
        layout: The model's config, and the names of its tensors.
        fields: The fields of both files.
    """

    layout: Layout
    fields: Fields

    @property
    def model(self) -> ModelConfig:
        """The model's config."""
        return self.layout.model

    @functools.cached_property
    def generation(self) -> GenerationOptions:
        """The model's decoding defaults; warns of settings that are not followed.

        Raises:
            ModelError: if a field is out of range, or contradicts another.
        """
        model = self.model
        if "decoder" not in model.stacks:
            return GenerationOptions()
        return generation_options(
            self.fields, end=model.end, vocab=model.target_vocab, max_positions=model.max_positions
        )


def read_config(folder: pathlib.Path | None, values: JsonObject) -> HuggingFaceConfig:
    """Validates config.json, and generation_config.json if there is one.

    Args:
        folder: Their folder; None if there is config.json alone.
        values: The content of config.json.

    Raises:
        ModelError: if a field is out of range, contradicts another or is not supported; the message
            names the file and the field.
    """
    name = Fields({CONFIG_FILE: values}).text("model_type")
    if name == REFORMER:
        Fields({CONFIG_FILE: values}).fail(
            "model_type",
            "is reformer, which the engine does not run: pyattn.reformer.ReformerGenerator(folder) "
            "does, in NumPy",
        )
    family = Fields({CONFIG_FILE: values}).choice("model_type", FAMILIES, name)
    values = _filled(values, family.defaults)
    fields = Fields({CONFIG_FILE: values})

    files = {CONFIG_FILE: values}
    if family.tokens_of is not None:
        files = {f"{CONFIG_FILE}: {family.tokens_of}": fields.object(family.tokens_of), **files}
    if folder is not None and (folder / GENERATION_FILE).exists():
        files[GENERATION_FILE] = read_json(folder / GENERATION_FILE)
    else:
        files[CONFIG_FILE] = _filled(values, family.generation)
    with_generation = Fields(files)

    layout = family.style(name, family, fields, with_generation)
    if name == "led" and folder is not None:
        separators = read_separators(folder, layout.model.source_vocab)
        model = dataclasses.replace(layout.model, global_ids=separators)
        layout = dataclasses.replace(layout, model=model)
    return HuggingFaceConfig(layout=layout, fields=with_generation)


def _filled(values: JsonObject, defaults: Mapping[str, Any]) -> JsonObject:
    """A file's fields, and the defaults of those that it does not have; in objects of it, too."""
    filled = dict(defaults) | values
    for key, default in defaults.items():
        if isinstance(default, dict) and isinstance(filled[key] or {}, dict):
            filled[key] = default | (filled[key] or {})
    return filled
