"""What `pyattn bench` computes with a model: its built-in texts, or random ids, as token ids."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from pyattn.checkpoint import Checkpoint
from pyattn.embedding.modules import MODULES_FILE, Modules, read_around
from pyattn.errors import ModelError
from pyattn.files import ModelFiles, open_model
from pyattn.text.tokenizers import NoTokenizer, load_tokenizer
from pyattn.text.tokenizers.pairs import load_pair_tokenizer
from pyattn.text.tokenizers.prompts import load_prompt_tokenizer
from pyattn.text_settings import TextSettings

SENTENCES = (
    "Good morning, everyone.",
    "Could you pass me the salt, please?",
    "I left my umbrella on the train again.",
    "She has been learning the piano since she was six.",
    "What time does the last bus leave?",
    "We are out of milk.",
    "My brother works in a small bakery near the station.",
    "The children were too tired to finish their dinner.",
    "It looks as if it is going to rain this afternoon.",
    "Never mind, it was not your fault.",
    "He told me that he would call as soon as he got home.",
    "How much did you pay for that bicycle?",
    "Please close the window before you go to bed.",
    "I have never seen so many stars in the sky.",
    "The doctor said that I should walk for half an hour every day.",
    "Where did you put the keys to the car?",
    "They painted the kitchen yellow last summer.",
    "If you had told me earlier, I would have waited for you.",
    "This soup needs a little more pepper.",
    "Our neighbours have two dogs and an old black cat.",
    "I do not know whether the library is open on Sundays.",
    "Thank you for helping me carry the boxes upstairs.",
    "The film was much better than I had expected.",
    "You should write the address down so that you do not forget it.",
    "He is looking for a cheaper flat closer to the university.",
    "Wait!",
    "My grandmother bakes bread every Friday, and the whole house smells of it.",
    "Nobody in the office knew how to repair the printer.",
    "Let us meet in front of the museum at a quarter past ten.",
    "The river was so cold that only two of us dared to swim.",
    "Why are you laughing?",
    "When the power went out, we lit some candles, sat on the floor and told each other stories.",
)

# What a model is: its stacks.
Kind: TypeAlias = Literal["encoder-decoder", "encoder", "decoder"]
_ALONE: dict[Kind, str] = {"encoder": "an encoder alone", "decoder": "a decoder alone"}


class _Plan(NamedTuple):
    """How a kind of models is measured.

    Attributes:
        noun: What the sources are.
        together: Built-in sentences that make up a source.
        random: Number of sources of random ids, and of their ids.
        batches: Numbers of sources at once.
        new_tokens: Of each target; None is what the model ends by itself.
    """

    noun: str
    together: int
    random: tuple[int, int]
    batches: tuple[int, ...]
    new_tokens: int | None


_SENTENCES = _Plan("sentence", 1, (32, 16), (1, 32), None)
_DOCUMENTS = _Plan("document", 8, (4, 128), (1, 4), 32)
_TEXTS = _Plan("text", 1, (32, 16), (1, 32), None)
_PROMPTS = _Plan("prompt", 4, (8, 48), (1, 8), 16)
# Of each target of random ids, which no model ends in a sensible way.
_NEW_TOKENS = 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What is computed in a round.

    Attributes:
        kind: What the model is.
        noun: What its sources are: "sentence", "document", "text" or "prompt".
        sources: Token ids.
        types: Of the tokens of an encoder alone that has token types; None for other models.
        search: Decoding options that differ from the checkpoint's own.
        batches: Numbers of sources at once, unless a caller has others.
        random_ids: Why the sources are random ids; None if they are texts.
    """

    kind: Kind
    noun: str
    sources: list[list[int]]
    types: list[list[int]] | None = None
    search: dict[str, Any] = dataclasses.field(default_factory=dict)
    batches: tuple[int, ...] = _SENTENCES.batches
    random_ids: str | None = None


class _Asked(NamedTuple):
    """What a caller of the benchmark has chosen."""

    sentences: Sequence[str] | None
    options: Mapping[str, Any]
    source: str | None
    target: str | None


def model_of(folder: Path) -> tuple[Kind, Checkpoint]:
    """A folder's model, without a decoder that sentence-transformers leaves out.

    Raises:
        ModelError: if the model cannot be used.
    """
    around = read_around(folder)
    with open_model(around.model) as files:
        kind = _kind(folder, files)
        checkpoint = files.checkpoint
    return kind, around.encoder(checkpoint) if kind == "encoder" else checkpoint


def work_of(
    folder: Path,
    sentences: Sequence[str] | None,
    options: Mapping[str, Any],
    source: str | None,
    target: str | None,
) -> Work:
    """What a model is measured with; the arguments are those of `benchmark.run`.

    Raises:
        ModelError: if the model cannot be used, or sentences are given and it has no tokenizer.
        ValueError: if there are no sentences, or an option or a language does not fit the model.
    """
    around = read_around(folder)
    asked = _Asked(sentences, options, source, target)
    with open_model(around.model) as files:
        kind = _kind(folder, files)
        _check(kind, asked)
        try:
            work = _with_texts(kind, files, around, asked)
        except NoTokenizer as error:
            if sentences is not None:
                raise ModelError(f"{error}; without --sentences, random ids are measured") from None
            work = _with_random_ids(kind, files, around, asked, str(error))
    if not work.sources:
        raise ValueError(f"bench: there are no {work.noun}s, expected at least one")
    return work


def _kind(folder: Path, files: ModelFiles) -> Kind:
    stacks = files.config.stacks
    if "decoder" not in stacks or (folder / MODULES_FILE).exists():
        return "encoder"
    return "encoder-decoder" if "encoder" in stacks else "decoder"


def _check(kind: Kind, asked: _Asked) -> None:
    """Raises a ValueError if something was chosen that the model has no use for."""
    given = {"source": asked.source, "target": asked.target}
    if kind == "encoder":
        given |= asked.options
    unfit = [name for name, value in given.items() if value is not None]
    if kind in _ALONE and unfit:
        raise ValueError(f"bench: {unfit[0]} is given, but the model is {_ALONE[kind]}")
    if kind == "decoder" and asked.options.get("max_new_tokens", 2) < 2:
        raise ValueError(
            "bench: max_new_tokens is 1, expected at least 2, as the first token's time is the "
            "prompt's"
        )


def _plan(kind: Kind, checkpoint: Checkpoint, asked: _Asked) -> _Plan:
    if kind != "encoder-decoder":
        return {"encoder": _TEXTS, "decoder": _PROMPTS}[kind]
    family = checkpoint.config.family
    text = checkpoint.text or TextSettings.of_family(family)
    translates = text.translates(family, asked.source, asked.target)
    return _SENTENCES if translates else _DOCUMENTS


def _texts(plan: _Plan, asked: _Asked) -> list[str]:
    if asked.sentences is not None:
        return list(asked.sentences)
    step = plan.together
    return [" ".join(SENTENCES[n : n + step]) for n in range(0, len(SENTENCES), step)]


def _with_texts(kind: Kind, files: ModelFiles, around: Modules, asked: _Asked) -> Work:
    if kind == "encoder":
        return _encoder_texts(files, around, asked)
    if kind == "decoder":
        cutter = load_prompt_tokenizer(files)
        checkpoint = files.checkpoint
        search = _search(kind, checkpoint, asked, _PROMPTS.new_tokens)
        sources = [ids for ids in cutter.encode(_texts(_PROMPTS, asked)) if ids]
        room = _room(kind, checkpoint, search)
        return _work(kind, _PROMPTS, _fitting(sources, room, asked), search)
    tokenizer = load_tokenizer(files)
    if tokenizer is None:
        raise NoTokenizer(f"{files.path}: no tokenizer")
    checkpoint = files.checkpoint
    plan = _plan(kind, checkpoint, asked)
    search = _search(kind, checkpoint, asked, plan.new_tokens)
    languages = tokenizer.languages
    source, target = languages.chosen(asked.source, asked.target, search.get("forced_bos_token"))
    first = languages.first_token(target)
    if first is not None:
        search["forced_bos_token"] = first
    sources = tokenizer.encode(_texts(plan, asked), source=source, target=target)
    room = _room(kind, checkpoint, search)
    return _work(kind, plan, _fitting(sources, room, asked), search)


def _encoder_texts(files: ModelFiles, around: Modules, asked: _Asked) -> Work:
    tokenizer = load_pair_tokenizer(files, around.longest)
    before = around.prompts.get(around.default_prompt or "", "")
    framed = []
    for text in _texts(_TEXTS, asked):
        whole = before + text
        one = tokenizer.encode(whole.lower() if around.lower else whole)
        if one.ids:
            framed.append(one)
    typed = files.config.token_types > 1
    work = _work("encoder", _TEXTS, [one.ids for one in framed], {})
    return dataclasses.replace(work, types=[one.types for one in framed] if typed else None)


def _with_random_ids(
    kind: Kind, files: ModelFiles, around: Modules, asked: _Asked, reason: str
) -> Work:
    """Work on random ids of a fixed seed: those of special tokens are left out."""
    if asked.source is not None or asked.target is not None:
        raise ModelError(f"{reason}; languages need one")
    checkpoint = files.checkpoint
    config, plan = checkpoint.config, _plan(kind, checkpoint, asked)
    search = _search(kind, checkpoint, asked, plan.new_tokens or _NEW_TOKENS)
    count, length = plan.random
    draw = random.Random(0)
    special = {config.start, config.end, config.pad}
    ids = [n for n in range(config.stack(config.stacks[0]).vocab) if n not in special]
    after = [config.end] if kind == "encoder-decoder" else []
    longest = min(length, _room(kind, checkpoint, search), around.longest or length)
    sources = [[*draw.choices(ids, k=longest - len(after)), *after] for _ in range(count)]
    return dataclasses.replace(_work(kind, plan, sources, search), random_ids=reason)


def _work(kind: Kind, plan: _Plan, sources: list[list[int]], search: dict[str, Any]) -> Work:
    return Work(kind=kind, noun=plan.noun, sources=sources, search=search, batches=plan.batches)


def _search(
    kind: Kind, checkpoint: Checkpoint, asked: _Asked, new_tokens: int | None
) -> dict[str, Any]:
    """The decoding options: greedy, and so many new tokens if there is a number of them."""
    if kind == "encoder":
        return {}
    search = {"beam_size": 1, **asked.options}
    if new_tokens is None:
        return search
    # A decoder alone needs positions for its prompts as well.
    positions = checkpoint.config.max_positions
    default = min(new_tokens, positions // 2 if kind == "decoder" else positions - 1)
    count = search.get("max_new_tokens", max(default, 1))
    search |= {"max_new_tokens": count, "min_new_tokens": count}
    generation = checkpoint.generation
    if generation.do_sample:
        search["do_sample"] = False
    if generation.max_length_factor:
        search["max_length_factor"] = 0.0
    return search


def _room(kind: Kind, checkpoint: Checkpoint, search: Mapping[str, Any]) -> int:
    """Tokens of the longest source, so that its target has room behind it."""
    config = checkpoint.config
    positions = config.stack(config.stacks[0]).max_positions
    if kind != "decoder":
        return positions
    count: int = search["max_new_tokens"]
    if count >= positions:
        raise ValueError(
            f"bench: max_new_tokens is {count}, expected at most {positions - 1}, as the model has "
            f"{positions} positions and a prompt takes at least one"
        )
    return positions - count


def _fitting(sources: list[list[int]], room: int, asked: _Asked) -> list[list[int]]:
    """The built-in texts are cut where a model has few positions; others are for it to refuse."""
    if asked.sentences is not None:
        return sources
    return [ids if len(ids) <= room else [*ids[: room - 1], ids[-1]] for ids in sources]
