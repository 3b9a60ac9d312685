"""The arguments of a generation, and one request: as a translation of the first token of a prompt.

CTranslate2 takes the first token of a prompt for the start of a target, and what follows for its
prefix; so does this, where the prompt is in the result. Where it is not, a prompt is one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from pyattn.compat.ctranslate2.arguments import check_tokens, checked
from pyattn.compat.ctranslate2.decoding import Decoding
from pyattn.compat.ctranslate2.handle import Loaded
from pyattn.compat.ctranslate2.results import GenerationResult, GenerationStepResult
from pyattn.compat.ctranslate2.run import Callback, Run

# The arguments that `Decoding` has under other names, or not at all.
_RENAMED = {"max_length": "max_decoding_length", "min_length": "min_decoding_length"}
_OF_PROMPTS = frozenset({"static_prompt", "cache_static_prompt", "include_prompt_in_result"})

# The arguments of `generate_tokens` among those of `generate_batch`.
GENERATION_STREAMED = frozenset(
    {
        "cache_static_prompt", "disable_unk", "end_token", "max_length", "min_length",
        "no_repeat_ngram_size", "repetition_penalty", "sampling_temperature", "sampling_topk",
        "sampling_topp", "static_prompt", "suppress_sequences",
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
    """The arguments of `generate_batch` that change results.

    Raises:
        TypeError: if an argument is not of its type.
    """

    beam_size: int = 1
    patience: float = 1
    num_hypotheses: int = 1
    length_penalty: float = 1
    repetition_penalty: float = 1
    no_repeat_ngram_size: int = 0
    disable_unk: bool = False
    suppress_sequences: Sequence[Sequence[str]] | None = None
    end_token: str | Sequence[str] | Sequence[int] | None = None
    return_end_token: bool = False
    max_length: int = 512
    min_length: int = 0
    static_prompt: Sequence[str] | None = None
    cache_static_prompt: bool = True
    include_prompt_in_result: bool = True
    return_scores: bool = False
    return_logits_vocab: bool = False
    return_alternatives: bool = False
    min_alternative_expansion_prob: float = 0
    sampling_topk: int = 1
    sampling_topp: float = 1
    sampling_temperature: float = 1

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = checked(field.name, getattr(self, field.name), str(field.type))
            object.__setattr__(self, field.name, value)
        if self.static_prompt is not None:
            check_tokens("static_prompt", self.static_prompt)
        self.decoding()

    def decoding(self) -> Decoding:
        """The same as arguments of a translation."""
        values = {
            _RENAMED.get(field.name, field.name): getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in _OF_PROMPTS
        }
        # Sources are cut nowhere. What alternatives begin with is no end.
        least = max(self.min_length, int(self.return_alternatives and self.max_length > 0))
        values["min_decoding_length"] = least
        return Decoding(max_input_length=0, **values)


class _PromptRun(Run):
    """A run whose sources are prompts, with nothing around them."""

    def _source(self, tokens: list[str]) -> list[int]:
        return self._loaded.vocabularies.source.ids(tokens)

    def _is_filled(self, tokens: list[str]) -> bool:  # noqa: ARG002 (as in Run)
        return True


class GenerationRun:
    """Prompts on their way.

    Args:
        loaded: The model.
        generation: How to search.
        prompts: Tokens of each prompt.
        watched: Whether `watch` or `steps` will be called.

    Raises:
        ValueError: if an argument is out of its range, has an unknown token, or a prompt is empty.
        RuntimeError: if a prompt is too long for the model.
    """

    def __init__(
        self, loaded: Loaded, generation: Generation, prompts: list[list[str]], *, watched: bool
    ) -> None:
        if not all(prompts):
            raise ValueError("One input has no decoder start token")
        static = check_tokens("static_prompt", generation.static_prompt or [])
        self._included = generation.include_prompt_in_result
        self._loaded = loaded
        words = loaded.vocabularies
        begin = 1 if self._included else None
        sources = [[*static, *prompt[:begin]] for prompt in prompts]
        prefixes = [prompt[1:] if self._included else [] for prompt in prompts]
        _check_length(loaded, generation, sources, prefixes)
        self._heads = [
            words.target_tokens(words.target.ids(prompt[:1])) if self._included else []
            for prompt in prompts
        ]
        self._run = _PromptRun(loaded, generation.decoding(), sources, prefixes, watched=watched)

    def done(self) -> bool:
        """Whether all are done, and `result` needs the model no more."""
        return self._run.done()

    def is_done(self, sentence: int) -> bool:
        """Whether `result` would not wait."""
        return self._run.is_done(sentence)

    def result(self, sentence: int) -> GenerationResult:
        """Waits for a prompt."""
        found = self._run.result(sentence)
        sequences = [[*self._heads[sentence], *one] for one in found.hypotheses]
        ids = [self._loaded.vocabularies.target.ids(one) for one in sequences]
        return GenerationResult(sequences, ids, found.scores, found.logits)

    def results(self) -> list[GenerationResult]:
        """Waits for all prompts."""
        self._run.results()
        return [self.result(n) for n in range(len(self._heads))]

    def watch(self, callback: Callback) -> None:
        """Calls `callback` with every token, those of prompts included if results have them."""
        self._run.watch(callback)

    def steps(self) -> Iterator[GenerationStepResult]:
        """The tokens of all prompts as they are decided."""
        yield from self._run.steps()


def _check_length(
    loaded: Loaded, generation: Generation, sources: list[list[str]], prefixes: list[list[str]]
) -> None:
    """Checks that prompts leave room for a token, unless they are results of their own."""
    most = loaded.model.config.max_positions
    for source, prefix in zip(sources, prefixes, strict=True):
        length = len(source) + len(prefix)
        if length >= most and not (prefix and len(prefix) >= generation.max_length):
            raise RuntimeError(
                f"No position encodings are defined for positions >= {most}, "
                f"but got position {length}"
            )


def no_such(method: str, options: Any, known: frozenset[str]) -> None:
    """Raises TypeError if there is an argument that the method does not have."""
    for name in options.keys() - known:
        raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")
