"""Make ctranslate2/golden.json: what CTranslate2's Translator answers. Needs that package.

    PYTHONPATH=tests python tests/golden/make_ctranslate2.py

It is asked sentence by sentence: of several in a batch, the attention and the coverage of a first
beam step are another sentence's. Answers that change when the weights do in their fifth digit are
no test, and their combinations are drawn again. So are those where it is known to be wrong:

* Alternatives together with a penalty of repetition or coverage, n-grams, suppressed sequences or a
  minimum length: it forgets the tokens that the alternatives begin with.
* A coverage penalty with `beam_size` 1 kills the process.
* `use_vmap` with a prefix, alternatives, penalties, n-grams, suppressed sequences, ends or a
  minimum: it takes ids of the whole vocabulary for places in logits of a part of it, begins targets
  with other tokens, suppresses others, and writes to memory that is not its own. To callbacks it
  tells places, and an end that the map does not have never comes.
* Sources cut to one token where the model wants a begin and an end: the end's attention is the
  first token's.
* A negative number: it depends on the number's type whether it is an error, and which.
* Logits that a mask or a penalty has changed: it returns them changed, and the model's are wanted.
* A prefix of full length with several hypotheses: all others than the first, which are the same,
  score -5e9.
* A likely prefix of several tokens in a beam: places of the beam, not hypotheses, are said to have
  followed it.
* Attention of several alternatives in beams: that of a first step is another alternative's.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import pathlib
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ctranslate2
import numpy as np

from support import compat_models

Options = dict[str, Any]
Case = dict[str, Any]

_FOLDER = pathlib.Path(__file__).parent / "ctranslate2"
_DRAWS = {"bare": 180, "marked": 90}
_SENTENCES = 3
# Rounding must not decide: weights that are off by this share, that many times, change nothing.
_JITTER, _COPIES = 2e-6, 2
_STEADY = 5e-5
# No logit of a model is this small.
_MASKED = -1e30
# Longer ones do not end by themselves.
_LONGEST = 30

_SOURCES = [
    "h i k g j k c", "d c b e j", "c i", "i c c", "j h b g d", "h k i e", "j i h e l f", "b c g i",
    "l", "g", "f j l j h f g", "a d f k b", "k i e a", "e b c e e d l", "j l", "f b", "d i d", "",
    "g z a", "<unk> h e", "h k g </s>", "</s>", "<s> g i </s>", "f e b </s> z", "<s>", "</s> </s>",
    "<s> </s>", "</s> z",
]  # fmt: skip
_PREFIXES = ["f", "f g", "a", "e i", "<unk>", "d b f g", "z f", ""]

_SPACE: dict[str, list[Any]] = {
    "beam_size": [1, 1, 2, 3, 4, 5, 8],
    "patience": [1, 2, 0.5, 1.5],
    "num_hypotheses": [1, 2, 3],
    "length_penalty": [0, 0.6, 2, -0.5],
    "coverage_penalty": [0.2, 1],
    "repetition_penalty": [1.2, 2, 0.8],
    "no_repeat_ngram_size": [1, 2, 3],
    "disable_unk": [True],
    "suppress_sequences": [[["f"]], [["f", "g"], ["a"]], [["<unk>", "i"], ["e", "i", "e"]], [[]]],
    "end_token": ["i", ["g", "e"], [9, 4], "</s>"],
    "return_end_token": [True],
    "prefix_bias_beta": [0.3, 0.9],
    "max_input_length": [3, 2, 0, 5],
    "max_decoding_length": [5, 3, 1, 8],
    "min_decoding_length": [0, 3, 4, 7],
    "use_vmap": [True],
    "return_scores": [True, True, False],
    "return_attention": [True],
    "return_alternatives": [True],
    "min_alternative_expansion_prob": [0.01, 0.1],
    "replace_unknowns": [True],
}

Translators = Sequence[ctranslate2.Translator]


def main() -> None:
    """Write the file."""
    found: dict[str, Any] = {"made_with": f"ctranslate2 {ctranslate2.__version__}", "models": {}}
    found |= {"translate": [], "score": [], "steps": [], "stopped": [], "logits": [], "errors": []}
    for model, draws in _DRAWS.items():
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            translators = [
                _translator(folder / str(n), model, _JITTER * (n > 0), n)
                for n in range(_COPIES + 1)
            ]
            content = (folder / "0" / "model.bin").read_bytes()
            found["models"][model] = hashlib.sha256(content).hexdigest()
            for what, cases in (
                ("translate", _translations(translators, draws)),
                ("score", _scores(translators)),
                ("steps", _steps(translators)),
                ("stopped", _stopped(translators)),
                ("logits", _logits(translators)),
            ):
                found[what] += [{"model": model} | case for case in cases]
            if model == "bare":
                found["errors"] = list(_errors(translators[0]))
    _FOLDER.mkdir(exist_ok=True)
    lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in found.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (_FOLDER / "golden.json").write_text(text)


def _lines(value: Any) -> str:
    """A case on each line."""
    compact = {"separators": (",", ":"), "ensure_ascii": False}
    if not isinstance(value, list):
        return json.dumps(value, **compact)
    return "[\n" + ",\n".join(json.dumps(case, **compact) for case in value) + "\n]"


def _translator(
    folder: pathlib.Path, model: str, noise: float, seed: int
) -> ctranslate2.Translator:
    made = compat_models.checkpoint(noise, seed)
    path = compat_models.folder(folder, model, made)
    return ctranslate2.Translator(str(path), compute_type="float32", intra_threads=1)


# --- translations ---


def _translations(translators: Translators, draws: int) -> Iterator[Case]:
    chance = random.Random(11)
    while draws:
        options = _drawn(chance)
        sources = chance.sample(_SOURCES, _SENTENCES)
        prefixes = chance.choice([None, [chance.choice(_PREFIXES) for _ in sources]])
        if _known_as_wrong(options, prefixes):
            continue
        asked = {"sources": sources, "prefixes": prefixes, "options": options}
        results = _steady(translators, functools.partial(_translated, **asked))
        if results is None or not _ends(results):
            continue
        draws -= 1
        case = {"options": options, "source": sources, "prefix": prefixes, "result": results}
        yield {name: value for name, value in case.items() if value is not None}


def _drawn(chance: random.Random) -> Options:
    share = chance.choice([0.1, 0.2, 0.35])
    options = {
        name: chance.choice(values) for name, values in _SPACE.items() if chance.random() < share
    }
    options.setdefault("return_scores", True)
    return options


def _known_as_wrong(options: Options, prefixes: list[str] | None) -> bool:
    """Whether it raises or is no test, as the head of this file says."""
    beam = options.get("beam_size", 2)
    hypotheses = options.get("num_hypotheses", 1)
    alternatives = "return_alternatives" in options
    most = options.get("max_decoding_length", 256)
    lengths = [len(prefix.split()) for prefix in prefixes or []]
    forgotten = (
        "repetition_penalty", "no_repeat_ngram_size", "coverage_penalty", "min_decoding_length",
        "suppress_sequences",
    )  # fmt: skip
    looks = ("return_attention", "replace_unknowns")
    misplaced = (*forgotten, "return_alternatives", "end_token")
    return (
        ("use_vmap" in options and any(name in options for name in misplaced))
        or ("use_vmap" in options and any(prefixes or []))
        or (beam == 1 and "coverage_penalty" in options)
        or (not alternatives and hypotheses > int(beam * options.get("patience", 1) + 0.5))
        or options.get("min_decoding_length", 1) > most
        or (alternatives and "prefix_bias_beta" in options)
        or (alternatives and any(name in options for name in forgotten))
        or (hypotheses > 1 and any(length >= most for length in lengths))
        or (beam > 1 and "prefix_bias_beta" in options and any(length > 1 for length in lengths))
        or (alternatives and min(beam, hypotheses) > 1 and any(name in options for name in looks))
    )


def _translated(
    translator: ctranslate2.Translator,
    sources: list[str],
    prefixes: list[str] | None,
    options: Options,
) -> list[Case]:
    results = []
    for n, source in enumerate(sources):
        prefix = None if prefixes is None else [prefixes[n].split()]
        [one] = translator.translate_batch([source.split()], prefix, **options)
        results.append(_result(one))
    return results


def _result(one: ctranslate2.TranslationResult) -> Case:
    found: Case = {"h": [" ".join(tokens) for tokens in one.hypotheses]}
    if one.scores:
        found["s"] = one.scores
    if one.attention:
        found["a"] = one.attention
    return found


def _ends(results: list[Case]) -> bool:
    return all(len(tokens.split()) < _LONGEST for result in results for tokens in result["h"])


def _steady(translators: Translators, ask: Callable[[ctranslate2.Translator], Any]) -> Any:
    """The first's answer in few digits, or None if another's is different."""
    first, *others = [ask(translator) for translator in translators]
    return _rounded(first) if all(_same(first, other) for other in others) else None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return bool(one == other or abs(one - other) < _STEADY)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


# --- the rest ---


def _scores(translators: Translators) -> Iterator[Case]:
    targets = ["f g d i", "", "<unk> i z", "a", "e i e i e", "f", "j j j", "", "h"]
    sources = _SOURCES[-len(targets) :]
    for options in (
        {}, {"offset": 1}, {"offset": 2}, {"max_input_length": 2}, {"max_input_length": 0},
        {"max_input_length": 3, "offset": 1},
    ):  # fmt: skip
        found = [
            translators[0].score_batch([source.split()], [target.split()], **options)[0]
            for source, target in zip(sources, targets, strict=True)
        ]
        result = [{"t": " ".join(one.tokens), "p": _rounded(one.log_probs)} for one in found]
        yield {"options": options, "source": sources, "target": targets, "result": result}


def _step(one: ctranslate2.GenerationStepResult) -> list[Any]:
    return [
        one.step,
        one.batch_id,
        one.token_id,
        one.hypothesis_id,
        one.token,
        one.log_prob,
        one.is_last,
    ]


def _steps(translators: Translators) -> Iterator[Case]:
    drawn: list[Options] = [
        {}, {"max_decoding_length": 3}, {"disable_unk": True}, {"repetition_penalty": 2},
        {"no_repeat_ngram_size": 1}, {"suppress_sequences": [["f"]]}, {"end_token": "i"},
        {"min_decoding_length": 6}, {"max_input_length": 2}, {"max_decoding_length": 2},
    ]  # fmt: skip
    for (n, options), prefix, told in itertools.product(
        enumerate(drawn), (None, "f d"), (True, False)
    ):
        for source in (*_SOURCES[n : n + 6 : 3], *(["</s>"] if n == 0 else [])):
            asked = {
                "source": source, "prefix": prefix, "options": options | {"return_log_prob": told},
            }  # fmt: skip
            steps = _steady(translators, functools.partial(_generated, **asked))
            if steps is not None and len(steps) < _LONGEST:
                yield asked | {"result": steps}


def _generated(
    translator: ctranslate2.Translator, source: str, prefix: str | None, options: Options
) -> list[Any]:
    before = None if prefix is None else prefix.split()
    return [_step(step) for step in translator.generate_tokens(source.split(), before, **options)]


def _stopped(translators: Translators) -> Iterator[Case]:
    """Callbacks that stop a sentence at the step `stop`."""
    choices: tuple[Options, ...] = ({}, {"length_penalty": 0}, {"return_attention": True})
    for stop, prefix, options in itertools.product((0, 1, 2), (None, "f d"), choices):
        sources = _SOURCES[stop : stop + 12 : 3]
        asked = {"prefix": prefix, "stop": stop, "options": options}
        results = _steady(
            translators,
            lambda one, sources=sources, asked=asked: [
                _watched(one, source, **asked) for source in sources
            ],
        )
        if results is not None:
            yield asked | {"source": sources, "result": results}


def _watched(
    translator: ctranslate2.Translator,
    source: str,
    prefix: str | None,
    stop: int,
    options: Options,
) -> Case:
    seen = []

    def call(step: ctranslate2.GenerationStepResult) -> bool:
        seen.append(_step(step))
        return bool(step.step == stop)

    before = None if prefix is None else [prefix.split()]
    [one] = translator.translate_batch(
        [source.split()], before, beam_size=1, return_scores=True, callback=call, **options
    )
    return _result(one) | {"seen": seen}


def _logits(translators: Translators) -> Iterator[Case]:
    """With one beam: with more it has none."""
    for source, prefix, options in (
        ("h k i e", None, {}),
        ("d c b e j", "f d", {}),
        ("d i d", None, {"max_decoding_length": 2}),
        ("f b", "a", {"return_end_token": True}),
        ("k i e a", None, {"disable_unk": True}),
        ("j i h e l f", "z", {"min_decoding_length": 0}),
    ):
        [one] = translators[0].translate_batch(
            [source.split()],
            None if prefix is None else [prefix.split()],
            beam_size=1,
            return_logits_vocab=True,
            **options,
        )
        logits = [np.array(step).ravel().astype(float).tolist() for step in one.logits[0]]
        yield {
            "options": options,
            "source": source,
            "prefix": prefix,
            "result": {"h": " ".join(one.hypotheses[0]), "l": _unmasked(logits)},
        }


def _unmasked(logits: list[list[float]]) -> list[list[float | None]]:
    """With None for what a mask has changed."""
    return [[None if one < _MASKED else round(one, 5) for one in step] for step in logits]


def _errors(translator: ctranslate2.Translator) -> Iterator[Case]:
    wrong: list[Options] = [
        {"beam_size": 0}, {"beam_size": "2"}, {"beam_size": 1.5}, {"num_hypotheses": 0},
        {"num_hypotheses": 3}, {"patience": 0}, {"repetition_penalty": 0},
        {"prefix_bias_beta": 1}, {"sampling_topp": 0},
        {"sampling_topp": 1.5}, {"batch_type": "words"},
        {"return_alternatives": True, "prefix_bias_beta": 0.5}, {"no_such_option": 1},
        {"min_decoding_length": 9, "max_decoding_length": 3}, {"end_token": "zzz"},
        {"suppress_sequences": "a"}, {"suppress_sequences": [[1]]}, {"end_token": 1.5},
        {"length_penalty": "long"}, {"max_decoding_length": 0, "min_decoding_length": 0},
        {"beam_size": None}, {"return_scores": 1}, {"patience": "1"},
        {"max_input_length": None},
        {"source": "abc"}, {"source": [["a", 1]]}, {"source": [None]}, {"source": None},
        {"source": ["a b"]}, {"target_prefix": "a"}, {"target_prefix": [["a"], ["b"]]},
        {"target_prefix": [[1]]}, {"disable_unk": "yes"}, {"source": [["a"], 1]},
        {"source": [["a"], ["b"]], "target_prefix": [["a"]]}, {"target_prefix": []},
        {"suppress_sequences": [["a"], ["f", "zzz"]]}, {"suppress_sequences": [["<unk>"]]},
        {"end_token": ""}, {"end_token": ["zzz"]}, {"beam_size": 1, "num_hypotheses": 2},
        {"beam_size": 1, "num_hypotheses": 2, "sampling_topk": 2, "sampling_temperature": 0},
        {"prefix_bias_beta": 0.9999999}, {"prefix_bias_beta": 0.99999999},
        {"return_alternatives": True, "min_alternative_expansion_prob": 2},
        {"min_alternative_expansion_prob": 2}, {"beam_size": 0, "end_token": "zzz"},
        {"source": [[]], "beam_size": 0}, {"source": [["</s>"]], "end_token": "zzz"},
    ]  # fmt: skip
    for changed in wrong:
        arguments = {"source": [["a"]]} | changed
        try:
            translator.translate_batch(**arguments)
        except Exception as error:
            # Types of arguments are told in pybind11's words.
            told = {} if isinstance(error, TypeError) else {"message": str(error)}
            yield {"arguments": arguments, "type": type(error).__name__} | told
        else:
            yield {"arguments": arguments, "type": None}


if __name__ == "__main__":
    main()
