"""Texts, and pairs of texts, for encoders that stand alone: ids, special tokens and types.

A tokenizer.json knows which tokens stand around a text and between two, and which type each has;
without one, some families' older files serve (`word_pieces`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from pyattn.errors import ModelError
from pyattn.files import ModelFiles
from pyattn.files.fields import Fields
from pyattn.files.reading import bare
from pyattn.files.tokenizer_parts import SETTINGS_FILE, TOKENIZER_FILES, FilesByRole
from pyattn.model_config import ModelConfig
from pyattn.text.tokenizers.contract import NoTokenizer
from pyattn.text.tokenizers.json_file import read_tokenizer_json, refused
from pyattn.text.tokenizers.word_pieces import OLDER_FILES, ROLES, build_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# A text, or the two of a pair.
TextOrPair: TypeAlias = "str | tuple[str, str]"
_UNHEARD = "a \N{GRINNING FACE} \N{EGYPTIAN HIEROGLYPH A001}"
_UNKNOWN = ("[UNK]", "<unk>")
_ANY_TOKENIZER = "TokenizersBackend"
# What transformers writes for models of any length is larger.
_MOST_TOKENS = 1 << 24


class Framed(NamedTuple):
    """The tokens of a text or of a pair.

    Attributes:
        ids: With special tokens.
        types: Of each id.
        cut: Whether tokens at the end were left out.
        ends: Whether the last id is a special token.
    """

    ids: list[int]
    types: list[int]
    cut: bool
    ends: bool


@dataclasses.dataclass(frozen=True)
class Framing:
    """What tokenizer_config.json says of texts.

    Attributes:
        typed: Whether models are given the types of tokens, rather than zeros.
        cut_side: Where long texts are cut.
    """

    typed: bool = True
    cut_side: Literal["left", "right"] = "right"


class PairTokenizer:
    """Texts or pairs to ids and types, no more than a model has positions for.

    Args:
        tokenizer: The tokenizer in a tokenizer.json.
        name: The file's name, for errors.
        config: The model's config.
        longest: Tokens of the longest text, special ones included.
        framing: How texts are treated apart from what the file says.

    Attributes:
        longest: Likewise.

    Raises:
        ModelError: if the file has tokens that the model lacks, or `longest` leaves no room for
            text.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        name: str,
        config: ModelConfig,
        longest: int,
        framing: Framing | None = None,
    ) -> None:
        ids = tokenizer.get_vocab(with_added_tokens=True)
        token = max(ids, key=ids.__getitem__)
        if ids[token] >= config.source_vocab:
            raise ModelError(
                f"{name}: {bare(token)} has id {ids[token]}, config.json has {config.source_vocab} "
                "ids"
            )
        tokenizer.no_padding()
        tokenizer.no_truncation()
        with refused(name):
            # A post_processor has ids of its own.
            around = max([*tokenizer.encode("a").ids, *tokenizer.encode("a", "a").ids], default=0)
            # Some vocabularies have no token for what they do not know, and fail at the first text.
            tokenizer.encode(_UNHEARD)
        if around >= config.source_vocab:
            raise ModelError(
                f"{name}: its post_processor adds id {around}, the model has {config.source_vocab}"
            )
        self._tokenizer = tokenizer
        self._name = name
        self._types = config.token_types
        self._most = config.stack("encoder").max_positions
        self._framing = framing or Framing()
        # The package would not cut at all where these leave no room.
        self._special = [tokenizer.num_special_tokens_to_add(pair) for pair in (False, True)]
        if longest < self._special[0]:
            raise ModelError(
                f"{name}: {self._special[0]} tokens stand around a text, expected at most the "
                f"{longest} of the longest text"
            )
        self.limit(longest)

    def limit(self, longest: int) -> None:
        """Cuts texts at another length from now on.

        Args:
            longest: Tokens of the longest text, special ones included.

        Raises:
            TypeError: if it is no integer.
            ValueError: if the model has fewer positions, or more tokens stand around a text.
        """
        if isinstance(longest, bool) or not isinstance(longest, int):
            raise TypeError(f"longest text: {longest!r:.60} is no int")
        least = max(self._special[0], 1)
        if not least <= longest <= self._most:
            raise ValueError(f"longest text: {longest} tokens, expected {least} to {self._most}")
        with refused(self._name):
            self._tokenizer.enable_truncation(longest, direction=self._framing.cut_side)
        self.longest = longest

    def vocabulary(self) -> tuple[list[str], str]:
        """Tokens by their ids, and the one that stands for all others."""
        ids = self._tokenizer.get_vocab(with_added_tokens=True)
        tokens = [f"<extra_id_{n}>" for n in range(max(ids.values()) + 1)]
        for token, id in ids.items():
            tokens[id] = token
        return tokens, next((token for token in _UNKNOWN if token in ids), tokens[0])

    def encode(self, text: TextOrPair) -> Framed:
        """The tokens of a text or of a pair.

        Raises:
            ModelError: if the file gives a token a type that the model lacks.
            ValueError: if more tokens stand around the texts of a pair than a text may have.
        """
        first, second = (text, None) if isinstance(text, str) else text
        if second is not None and self.longest < self._special[1]:
            raise ValueError(
                f"pair: {self._special[1]} tokens stand around its texts, expected at most the "
                f"{self.longest} of the longest text"
            )
        # One text at a time: for many the package would start threads of its own.
        with refused(self._name):
            found: Any = self._tokenizer.encode(first, second)
        types = found.type_ids if self._framing.typed else [0] * len(found.ids)
        if self._types and types and max(types) >= self._types:
            if self._types > 1:
                raise ModelError(
                    f"{self._name}: it gives a token type {max(types)}, the model has "
                    f"{self._types} types"
                )
            types = [0] * len(types)
        special = found.special_tokens_mask
        return Framed(found.ids, types, bool(found.overflowing), bool(special and special[-1]))


def load_pair_tokenizer(files: ModelFiles, longest: int | None = None) -> PairTokenizer:
    """The tokenizer of an encoder's files.

    Args:
        files: The model's files.
        longest: Tokens of the longest text; None is what tokenizer_config.json says. It is never
            more than the model's positions.

    Raises:
        NoTokenizer: if there is no tokenizer.json and nothing that it can be built from, or the
            package tokenizers is not installed.
        ModelError: if the file cannot be used.
    """
    parts, config = files.tokenizer, files.config
    present = parts.files if isinstance(parts, FilesByRole) else {}
    roles = ROLES.get(config.family, ())
    if not isinstance(parts, FilesByRole) or not (
        "json" in present or (roles and present.keys() >= {*roles})
    ):
        others = " and ".join(OLDER_FILES[role] for role in roles)
        raise NoTokenizer(
            f"{files.path}: no {TOKENIZER_FILES['json']}{f', nor {others}' if others else ''}, "
            f"from which texts of {config.family} are cut: save the tokenizer with transformers' "
            "save_pretrained, or pass ids to .model.encode"
        )
    settings = Fields({SETTINGS_FILE: parts.settings})
    if longest is None:
        longest = _own_longest(parts.settings.get("model_max_length"))
    if "json" in present:
        made, name = read_tokenizer_json(present["json"]), present["json"].name
    else:
        made, name = build_tokenizer(config.family, present, settings)
    longest = min(longest, config.stack("encoder").max_positions)
    return PairTokenizer(made, name, config, longest, _framing(settings))


def _framing(fields: Fields) -> Framing:
    names = fields.list("model_input_names")
    # transformers' class for any tokenizer.json gives no types unless its file asks for them.
    typed = "token_type_ids" in names if names else fields.get("tokenizer_class") != _ANY_TOKENIZER
    sides: dict[str, Literal["left", "right"]] = {"left": "left", "right": "right"}
    return Framing(typed, fields.choice("truncation_side", sides, "right"))


def _own_longest(value: object) -> int:
    if value is None:
        return _MOST_TOKENS
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1:
        return int(min(value, _MOST_TOKENS))
    raise ModelError(f"{SETTINGS_FILE}: model_max_length is {value!r:.40}, expected at least 1")
