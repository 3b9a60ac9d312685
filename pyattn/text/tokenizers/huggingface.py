"""The tokenizers of transformers' families other than Marian's, and their languages.

    family                    cut by                                           around a source
    m2m_100  NLLB-200         tokenizer.json                                   [source] .. end
             M2M100           vocab.json, sentencepiece.bpe.model              [source] .. end
             SMaLL-100        the same                                         [target] .. end
    mbart    mBART-50         tokenizer.json, sentencepiece.bpe.model          [source] .. end
             mBART-25         the same                                         .. end [source]
    pegasus, bigbird_pegasus, pegasus_x
                              tokenizer.json, spiece.model                     .. end
    t5, mt5, umt5, longt5     tokenizer.json, spiece.model                     .. end
             MADLAD-400       the same                                         <2xx> .. end
             ByT5             nothing but bytes                                .. end
    bart, led                 tokenizer.json, vocab.json with merges.txt       begin .. end
    t5gemma                   tokenizer.json                                   begin ..
    fsmt                      Moses and BPE, which are not here

A tokenizer.json, if there is one, takes precedence. Config files of SMaLL-100 are M2M100's: what
tells them apart is the name of the tokenizer's class (`FilesByRole.settings`).
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Callable, Mapping

from pyattn.errors import ModelError
from pyattn.files.fields import Fields
from pyattn.files.huggingface.encoders import ENCODERS
from pyattn.files.reading import JsonObject, bare, listed
from pyattn.files.sentencepieces import Pieces, read_pieces
from pyattn.files.tokenizer_parts import (
    END,
    SETTINGS_FILE,
    TOKENIZER_FILES,
    UNKNOWN,
    FilesByRole,
    added_tokens,
    read_ids,
)
from pyattn.model_config import ModelConfig
from pyattn.text.tokenizers import codes
from pyattn.text.tokenizers.contract import Cutter, NoTokenizer
from pyattn.text.tokenizers.framed import FramedTokenizer
from pyattn.text.tokenizers.json_file import JsonCutter, read_byte_level, read_tokenizer_json
from pyattn.text.tokenizers.languages import Languages, Side
from pyattn.text.tokenizers.prompts import PROMPT_FILES
from pyattn.text.tokenizers.sentencepieces import PieceCutter
from pyattn.text.tokenizers.utf8 import ByteCutter
from pyattn.text.tokenizers.vocabulary import PAD, check_ids_fit
from pyattn.text.tokenizers.word_pieces import ROLES

_BEGIN = "<s>"
_SPECIAL = frozenset({_BEGIN, END, UNKNOWN, PAD})
# fairseq begins with four special tokens, where SentencePiece has three of them in another order.
_FAIRSEQ = {_BEGIN: 0, PAD: 1, END: 2, UNKNOWN: 3}
_FAIRSEQ_OFFSET = 1
# Before the pieces of Pegasus are the masks and unused tokens of its training, unless the settings
# have another offset. Those of BigBird-Pegasus are among its pieces.
_PEGASUS_OFFSET = 103

_NLLB_NAME = re.compile(r"([a-z]{3}_[A-Z][a-z]{3})")
_MBART_NAME = re.compile(r"([a-z]{2}_[A-Z]{2})")
_M2M_NAME = re.compile(r"__([A-Za-z_]+?)__")
_MADLAD_HEAD = re.compile(r"\s*(<2([A-Za-z]{2,3}(?:[_-][A-Za-z0-9]+)*)>)")
# A language that only mBART-50 has.
_LAST_OF_50 = codes.MBART_50.split()[-1]


def huggingface_tokenizer(parts: FilesByRole, config: ModelConfig) -> FramedTokenizer | None:
    """The tokenizer in some files; None if there is none.

    Args:
        parts: The files that exist.
        config: The model's config.

    Raises:
        NoTokenizer: if the package that reads them is not installed, or pyattn cannot read them.
        ModelError: if a file cannot be used, or its ids are not those of the model.
    """
    settings, files = _Settings(parts.settings), parts.files
    if settings.kind.startswith("ByT5"):
        return _byte_tokenizer(config)
    if config.family == "fsmt":
        raise NoTokenizer(
            "fsmt: pyattn has no Moses and BPE tokenizer: cut texts with another program, and pass "
            "ids to translator.model.generate"
        )
    if config.family not in _READERS or not files.keys() - {"settings"}:
        return None
    return _READERS[config.family](files, config, settings)


def needed_files(parts: FilesByRole, config: ModelConfig) -> dict[str, pathlib.Path | bytes]:
    """The files that the tokenizer is read from, or their contents; empty if some are missing.

    Args:
        parts: As for `huggingface_tokenizer`.
        config: Likewise.

    Raises:
        ModelError: if tokenizer_config.json is malformed.
    """
    files, choices = parts.files, _CHOICES.get(config.family, ())
    if _Settings(parts.settings).kind.startswith("ByT5"):
        choices = ((),)
    for roles in choices:
        if files.keys() >= set(roles):
            # Not the file of the settings, which may lack the name of the tokenizer's class.
            settings = json.dumps(parts.settings, ensure_ascii=False, indent=2).encode()
            more = {"settings": settings} if parts.settings else {}
            return {**{role: files[role] for role in roles}, **more}
    return {}


class _Settings:
    """The settings in a tokenizer_config.json.

    Args:
        values: Its fields; empty if there is no such file.

    Attributes:
        kind: Name of the tokenizer's class in transformers; "" if absent.
        added: Token to id, of tokens behind the vocabulary.
    """

    def __init__(self, values: JsonObject) -> None:
        self.fields = Fields({SETTINGS_FILE: values})
        self.kind = self.fields.text("tokenizer_class", "")
        self.added = added_tokens(values)

    def language(self, key: str, known: Mapping[str, tuple[int, ...]]) -> str | None:
        """The language in a field, if there is one."""
        name = self.fields.text(key, "")
        if name and known and name not in known:
            self.fields.fail(key, f"is {bare(name)}, which is no language of the vocabulary")
        return name if name in known else None


def _byte_tokenizer(config: ModelConfig) -> FramedTokenizer:
    cutter = ByteCutter()
    rows = min(config.source_vocab, config.target_vocab)
    if rows < cutter.source_vocab:
        raise ModelError(f"{SETTINGS_FILE}: ByT5 has 259 ids, config.json has {rows}")
    return FramedTokenizer(cutter, end=config.end)


def _json(
    files: Mapping[str, pathlib.Path], config: ModelConfig, settings: _Settings
) -> JsonCutter:
    tokenizer = read_tokenizer_json(files["json"])
    # transformers ignores it for BPE.
    cleans = settings.fields.boolean("clean_up_tokenization_spaces", False)
    cleans = cleans and type(tokenizer.model).__name__ != "BPE"
    rows = (config.source_vocab, config.target_vocab)
    cutter = JsonCutter(tokenizer, files["json"].name, rows, cleans=cleans)
    if config.family != "t5gemma":  # whose end has another name
        _check_end(cutter.ids, files["json"].name, config)
    return cutter


def _piece_cutter(
    path: pathlib.Path, pieces: Pieces, ids: dict[str, int], config: ModelConfig
) -> PieceCutter:
    check_ids_fit(ids, path.name, "source", config.source_vocab, config.end)
    return PieceCutter(pieces, pieces, ids, ids, unknown=ids[UNKNOWN], special=_SPECIAL)


def _needed(files: Mapping[str, pathlib.Path], role: str, family: str) -> pathlib.Path:
    if role not in files:
        found = listed([path.name for path in files.values()])
        raise NoTokenizer(
            f"{family}: no {TOKENIZER_FILES['json']} beside {found}: add it, or pass ids to "
            f"translator.model.generate"
        )
    return files[role]


# --- one language, or one pair ----------------------------------------------------------------


def _bart(
    files: Mapping[str, pathlib.Path], config: ModelConfig, settings: _Settings
) -> FramedTokenizer:
    if "json" in files:
        return _from_json(files, config, settings)
    vocab, merges = (_needed(files, role, config.family) for role in ("vocab", "merges"))
    name = vocab.name
    rows = (config.source_vocab, config.target_vocab)
    spaced = settings.fields.boolean("add_prefix_space", False)
    read = read_byte_level(vocab, merges, spaced=spaced, added=settings.added)
    cutter = JsonCutter(read, name, rows)
    if _BEGIN not in cutter.ids:
        raise ModelError(f"{name}: {_BEGIN} is missing")
    _check_end(cutter.ids, name, config)
    return FramedTokenizer(cutter, end=config.end, before=(cutter.ids[_BEGIN],))


def _gemma(
    files: Mapping[str, pathlib.Path], config: ModelConfig, settings: _Settings
) -> FramedTokenizer:
    _needed(files, "json", config.family)
    return _from_json(files, config, settings)


def _pegasus(
    files: Mapping[str, pathlib.Path], config: ModelConfig, settings: _Settings
) -> FramedTokenizer:
    if "json" in files:
        return _from_json(files, config, settings)
    path = _needed(files, "pieces", config.family)
    pieces = read_pieces(path)
    # Of SentencePiece's own ids, only those of the padding and the end stay.
    usual = 0 if config.family == "bigbird_pegasus" else _PEGASUS_OFFSET
    offset = settings.fields.integer("offset", usual, low=0)
    ids = {name: id + offset for id, name in enumerate(pieces.names)} | {PAD: 0, END: 1}
    return FramedTokenizer(_piece_cutter(path, pieces, ids, config), end=config.end)


def _from_json(
    files: Mapping[str, pathlib.Path], config: ModelConfig, settings: _Settings
) -> FramedTokenizer:
    """The tokenizer of a tokenizer.json, with the ids that it puts around a source."""
    cutter = _json(files, config, settings)
    before, after = cutter.around()
    return FramedTokenizer(cutter, end=config.end, before=before, after=after)


# --- T5 ---------------------------------------------------------------------------------------


def _t5(
    files: Mapping[str, pathlib.Path], config: ModelConfig, settings: _Settings
) -> FramedTokenizer:
    """T5's tokenizers, with the languages of MADLAD-400 if they are in the vocabulary."""
    cutter: Cutter
    before: list[int] = []
    after = [config.end]
    if "json" in files:
        cutter = read = _json(files, config, settings)
        ids, (before, after) = read.ids, read.around()
    else:
        path = _needed(files, "pieces", config.family)
        pieces = read_pieces(path)
        ids = pieces.numbered()
        cutter = _piece_cutter(path, pieces, ids, config)
    matches = ((token, _MADLAD_HEAD.fullmatch(token)) for token in sorted(ids, key=ids.__getitem__))
    named = {match[2]: token for token, match in matches if match is not None}
    targets = {name: _as_a_head(cutter, token, ids[token]) for name, token in named.items()}
    head = _MADLAD_HEAD if targets else None
    return FramedTokenizer(
        cutter,
        end=config.end,
        before=(*before, "target"),
        after=after,
        # A head with another name may be markup, such as "<2nd>".
        languages=Languages(targets=targets, head=head, required=False, strict=False),
    )


def _as_a_head(cutter: Cutter, token: str, id: int) -> tuple[int, ...]:
    """The ids of a token before a text: there may be one for the space before it, too."""
    alone, both = cutter.cut(["a", f"{token} a"])
    ids = tuple(both[: len(both) - len(alone)])
    return ids if id in ids and both[len(ids) :] == alone else (id,)


# --- languages behind the vocabulary ----------------------------------------------------------


def _m2m_100(
    files: Mapping[str, pathlib.Path], config: ModelConfig, settings: _Settings
) -> FramedTokenizer:
    cutter: Cutter
    if "json" in files:
        cutter = read = _json(files, config, settings)
        names = _named(read, _NLLB_NAME) or _named(read, _M2M_NAME)
    else:
        vocab, path = (_needed(files, role, config.family) for role in ("vocab", "pieces"))
        ids = read_ids(vocab)
        known = codes.WMT_21 if settings.fields.get("language_codes") == "wmt21" else codes.M2M_100
        names = _behind(len(ids), known, config, vocab)
        cutter = _piece_cutter(vocab, read_pieces(path), ids, config)
    legacy = settings.fields.boolean("legacy_behaviour", False)
    if settings.kind.startswith("SMALL100"):
        languages = Languages(targets=names, target=settings.language("tgt_lang", names))
        return FramedTokenizer(cutter, end=config.end, before=("target",), languages=languages)
    return _between_languages(cutter, config, settings, names, source_last=legacy)


def _mbart(
    files: Mapping[str, pathlib.Path], config: ModelConfig, settings: _Settings
) -> FramedTokenizer:
    cutter: Cutter
    if "json" in files:
        cutter = read = _json(files, config, settings)
        names = _named(read, _MBART_NAME, codes.MBART_50)
    else:
        path = _needed(files, "pieces", config.family)
        pieces = read_pieces(path)
        more = config.source_vocab - len(pieces.names) - _FAIRSEQ_OFFSET
        known = codes.MBART_50 if more >= len(codes.MBART_50.split()) else codes.MBART_25
        cutter, names = _fairseq(path, known, config)
    if _LAST_OF_50 in names:
        return _between_languages(cutter, config, settings, names, source_last=False)
    # Targets of mBART-25 begin with their language in the place of a start, which is the model's.
    targets = {name: ids for name, ids in names.items() if ids == (config.start,)}
    source = settings.language("src_lang", names)
    languages = Languages(
        sources=names, targets=targets, source=source, target=next(iter(targets), None)
    )
    after: tuple[int | Side, ...] = (config.end, "source")
    return FramedTokenizer(cutter, end=config.end, after=after, languages=languages)


def _between_languages(
    cutter: Cutter,
    config: ModelConfig,
    settings: _Settings,
    names: Mapping[str, tuple[int, ...]],
    *,
    source_last: bool,
) -> FramedTokenizer:
    """A tokenizer whose sources and targets carry the ids of their languages."""
    languages = Languages(
        sources=names,
        targets=names,
        source=settings.language("src_lang", names),
        target=settings.language("tgt_lang", names),
        forced=True,
    )
    after: tuple[int | Side, ...] = (config.end, "source") if source_last else (config.end,)
    before: tuple[Side, ...] = () if source_last else ("source",)
    return FramedTokenizer(cutter, end=config.end, before=before, after=after, languages=languages)


def _fairseq(
    path: pathlib.Path, known: str, config: ModelConfig
) -> tuple[PieceCutter, dict[str, tuple[int, ...]]]:
    """Pieces in fairseq's order, and languages behind them."""
    pieces = read_pieces(path)
    ids = {name: id + _FAIRSEQ_OFFSET for id, name in enumerate(pieces.names)} | _FAIRSEQ
    names = _behind(len(pieces.names) + _FAIRSEQ_OFFSET, known, config, path)
    return _piece_cutter(path, pieces, ids, config), names


def _behind(
    first: int, known: str, config: ModelConfig, path: pathlib.Path
) -> dict[str, tuple[int, ...]]:
    names: dict[str, tuple[int, ...]] = {}
    for id, name in enumerate(known.split(), first):
        names[name] = (id,)
    rows = min(config.source_vocab, config.target_vocab)
    if first + len(names) > rows:
        raise ModelError(
            f"{path.name}: {first} ids and {len(names)} languages, config.json has {rows} ids"
        )
    return names


def _named(
    cutter: JsonCutter, pattern: re.Pattern[str], known: str = ""
) -> dict[str, tuple[int, ...]]:
    """Languages among the tokens: known names, and special tokens of the same form."""
    names = {*known.split()}
    found: dict[str, tuple[int, ...]] = {}
    for token, id in sorted(cutter.ids.items(), key=lambda item: item[1]):
        match = pattern.fullmatch(token)
        if id < cutter.rows and match and (token in names or token in cutter.special):
            found[match[1]] = (id,)
    return found


def _check_end(ids: Mapping[str, int], name: str, config: ModelConfig) -> None:
    if ids.get(END) != config.end:
        has = f"has id {ids[END]}" if END in ids else "is missing"
        raise ModelError(f"{name}: {END} {has}, config.json's end is {config.end}")


_Reader = Callable[[Mapping[str, pathlib.Path], ModelConfig, _Settings], FramedTokenizer]
_READERS: dict[str, _Reader] = {
    **dict.fromkeys(("bart", "led"), _bart),
    **dict.fromkeys(("pegasus", "bigbird_pegasus", "pegasus_x"), _pegasus),
    **dict.fromkeys(("t5", "mt5", "umt5", "longt5"), _t5),
    "m2m_100": _m2m_100,
    "mbart": _mbart,
    "t5gemma": _gemma,
}
# The roles of the files that one of these families is read from: the first choice that is there.
_JSON, _PIECES = ("json",), ("pieces",)
_CHOICES: dict[str, tuple[tuple[str, ...], ...]] = {
    **dict.fromkeys(_READERS, (_JSON, _PIECES)),
    **dict.fromkeys(("bart", "led"), (_JSON, ("vocab", "merges"))),
    "m2m_100": (_JSON, ("vocab", "pieces")),
    "t5gemma": (_JSON,),
    **PROMPT_FILES,
    **{name: (_JSON, *([ROLES[name]] if name in ROLES else [])) for name in ENCODERS},
}
