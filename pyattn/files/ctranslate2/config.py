"""Special tokens and vocabularies of a CTranslate2 folder."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from pyattn.errors import ModelError
from pyattn.files.ctranslate2.binary import Binary
from pyattn.files.ctranslate2.variables import Variables
from pyattn.files.fields import Fields
from pyattn.files.reading import (
    bare,
    contents,
    parse_json_list,
    read_bytes,
    read_json,
    shown,
)
from pyattn.files.vocabulary import Vocabularies, Vocabulary

CONFIG_FILE = "config.json"
_ONE_VOCABULARY = ("vocabulary.json", "vocabulary.txt")

# The version of model.bin from which on config.json replaces some variables.
_WITH_CONFIG_FILE = 6
_NORM_EPSILON = 1e-5
# No vocabulary of real tokens is this large, JSON's escapes included; it bounds what a file that
# is none can make of memory.
_BYTES = 1 << 12
_BYTES_PER_TOKEN = 256


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """The tokens with a meaning of their own, as `Vocabularies` has them, and one number more.

    Attributes:
        unknown: The token that stands for all others.
        norm_epsilon: Added to the variance in norms; None for the default.
    """

    unknown: str
    begin: str
    end: str
    start: str
    add_begin: bool
    add_end: bool
    norm_epsilon: float | None


def read_special_tokens(
    folder: pathlib.Path, binary: Binary, variables: Variables
) -> SpecialTokens:
    """From config.json, or from the variables of an older model.

    Raises:
        ModelError: if a value is out of range or not supported.
    """
    if binary.version >= _WITH_CONFIG_FILE:
        return _from_file(folder)
    begin, end = variables.text("bos_token", "<s>"), variables.text("eos_token", "</s>")
    variables.expect("user_decoder_start_tokens", 0)
    with_begin = variables.flag("with_target_bos", default=True)
    return SpecialTokens(
        unknown=variables.text("unk_token", "<unk>"),
        begin=begin,
        end=end,
        start=begin if with_begin else end,
        add_begin=variables.flag("with_source_bos", default=False),
        add_end=variables.flag("with_source_eos", default=False),
        norm_epsilon=variables.optional_number("layer_norm_epsilon"),
    )


def read_decoder_tokens(
    folder: pathlib.Path, binary: Binary, variables: Variables
) -> SpecialTokens:
    """The same of a decoder that stands alone, which begins with its prompt.

    Raises:
        ModelError: if a value is not supported.
    """
    if binary.version < _WITH_CONFIG_FILE:
        return read_special_tokens(folder, binary, variables)
    fields = Fields({CONFIG_FILE: read_json(folder / CONFIG_FILE)})
    _check_quantization(fields)
    end = fields.text("eos_token", "</s>")
    return SpecialTokens(
        # What has no name is not in the vocabulary; the converter writes "" or null then.
        unknown=fields.text("unk_token", "") or end,
        begin=fields.text("bos_token", end),
        end=end,
        start=end,
        add_begin=False,
        add_end=False,
        norm_epsilon=fields.optional_number("layer_norm_epsilon", low=0),
    )


def _check_quantization(fields: Fields) -> None:
    for key in ("quantization_type", "quantization_bits", "quantization_group_size"):
        if fields.get(key):
            fields.fail(key, f"is {shown(fields.get(key))}, which is not supported")


def _from_file(folder: pathlib.Path) -> SpecialTokens:
    values = read_json(folder / CONFIG_FILE)
    fields = Fields({CONFIG_FILE: values})
    if values.get("decoder_start_token", "") is None:
        fields.fail(
            "decoder_start_token",
            "is null, expected a token: models whose targets each name their start are not "
            "supported",
        )
    if fields.get("multi_query_attention"):
        fields.fail("multi_query_attention", "is not supported")
    _check_quantization(fields)
    return SpecialTokens(
        unknown=fields.text("unk_token", "<unk>"),
        begin=fields.text("bos_token", "<s>"),
        end=fields.text("eos_token", "</s>"),
        start=fields.text("decoder_start_token", "<s>"),
        add_begin=fields.boolean("add_source_bos", False),
        add_end=fields.boolean("add_source_eos", False),
        norm_epsilon=fields.optional_number("layer_norm_epsilon", low=0),
    )


def read_token_files(
    folder: pathlib.Path,
    special: SpecialTokens,
    source_rows: int,
    target_rows: int,
    *,
    zero_start: bool,
) -> Vocabularies:
    """The vocabularies of a folder, one for both languages or one for each.

    Args:
        folder: Where they are.
        special: The model's special tokens.
        source_rows: Tokens that the model has embeddings for, of sources.
        target_rows: The same of targets.
        zero_start: Whether targets start from a vector of zeros. Such models are Marian's, whose
            sources end, even if the converter left the end to callers.

    Raises:
        ModelError: if a file is missing or malformed, or has another number of tokens, or lacks
            one of the special ones.
    """
    shared = _file(folder, "shared")
    source_file = shared or _required(folder, "source")
    target_file = shared or _required(folder, "target")
    source = _read(source_file, special.unknown, source_rows)
    if shared and source_rows == target_rows:
        target = source
    else:
        target = _read(target_file, special.unknown, target_rows)
    needed = [(target, target_file, special.start), (target, target_file, special.end)]
    if special.add_begin:
        needed.append((source, source_file, special.begin))
    if special.add_end:
        needed.append((source, source_file, special.end))
    for vocabulary, file, token in needed:
        if token not in vocabulary:
            raise ModelError(f"{file.name}: {bare(token)} is missing, which the model needs")
    return Vocabularies(
        source=source,
        target=target,
        begin=special.begin,
        end=special.end,
        start=special.start,
        add_begin=special.add_begin,
        add_end=special.add_end,
        sources_end=special.add_end or zero_start,
    )


def read_encoder_tokens(folder: pathlib.Path, special: SpecialTokens, rows: int) -> Vocabularies:
    """The vocabulary of an encoder that stands alone, whose callers add all special tokens.

    Args:
        folder: Where it is.
        special: The model's special tokens.
        rows: Tokens that the model has embeddings for.

    Raises:
        ModelError: if the file is missing or malformed, or has another number of tokens.
    """
    found = [folder / name for name in _ONE_VOCABULARY if (folder / name).exists()]
    if not found:
        raise ModelError(
            f"{folder}: no vocabulary, expected {' or '.join(_ONE_VOCABULARY)}; the folder "
            f"{contents(folder)}"
        )
    tokens = _read(found[0], special.unknown, rows)
    return Vocabularies(
        source=tokens,
        target=tokens,
        begin=special.begin,
        end=special.end,
        start=special.start,
        add_begin=False,
        add_end=False,
        sources_end=False,
    )


def _names(role: str) -> tuple[str, str]:
    return f"{role}_vocabulary.json", f"{role}_vocabulary.txt"


def _file(folder: pathlib.Path, role: str) -> pathlib.Path | None:
    return next((folder / name for name in _names(role) if (folder / name).exists()), None)


def _required(folder: pathlib.Path, role: str) -> pathlib.Path:
    file = _file(folder, role)
    if file is None:
        raise ModelError(
            f"{folder}: no vocabulary, expected {' or '.join((*_names('shared'), *_names(role)))}; "
            f"the folder {contents(folder)}"
        )
    return file


def _read(path: pathlib.Path, unknown: str, rows: int) -> Vocabulary:
    """The tokens of a file, and the unknown one behind them if they lack it."""
    content = read_bytes(path, _BYTES + _BYTES_PER_TOKEN * rows)
    tokens = _json_tokens(path, content) if path.suffix == ".json" else _lines(path, content, rows)
    if unknown not in tokens:
        tokens.append(unknown)
    if len(tokens) != rows:
        raise ModelError(
            f"{path.name}: {len(tokens)} tokens with {bare(unknown)}, the model has {rows}"
        )
    return Vocabulary(tokens, unknown)


def _json_tokens(path: pathlib.Path, content: bytes) -> list[str]:
    tokens = parse_json_list(content, path.name)
    try:
        "".join(tokens).encode()
    except (TypeError, UnicodeEncodeError):
        raise _wrong_token(path, tokens) from None
    return tokens


def _wrong_token(path: pathlib.Path, tokens: list[Any]) -> ModelError:
    """What is wrong with the first token that is not a string of valid Unicode."""
    for index, token in enumerate(tokens):
        if not isinstance(token, str):
            return ModelError(f"{path.name}: token {index} is {shown(token)}, expected a string")
        try:
            token.encode()
        except UnicodeEncodeError:
            return ModelError(
                f"{path.name}: token {index} is {shown(token)}, which is not valid Unicode"
            )
    raise AssertionError("every token is valid")


def _lines(path: pathlib.Path, content: bytes, rows: int) -> list[str]:
    # Before they take memory of their own.
    if content.count(b"\n") > rows:
        raise ModelError(f"{path.name}: over {rows} lines, the model has {rows} tokens")
    try:
        tokens = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ModelError(f"{path.name}: line {line} is not valid UTF-8") from None
    if not tokens[-1]:
        tokens.pop()
    # A carriage return at the end of some lines is part of their tokens.
    if all(token.endswith("\r") for token in tokens):
        return [token[:-1] for token in tokens]
    return tokens
