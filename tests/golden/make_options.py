"""Make the golden files of decoding options: what transformers answers where they say more.

    python tests/golden/make_options.py

Reads some of the tiny models that `make_golden.py tiny` has written, and writes `options.json` next
to them: searches, and the distributions that first tokens are sampled from. Sources are drawn until
no answer hangs on rounding.
"""

from __future__ import annotations

import collections
import itertools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tiny
import torch
import transformers
from make_golden import lines, load, random_source, random_target
from oracle import Found, Oracle

Ids = list[int]
Options = Mapping[str, Any]

_HERE = pathlib.Path(__file__).parent
_MODELS = ("marian-tied-relu-3", "marian-untied-gelu-3", "pegasus-tied-swish-64")
_SOURCES = 3
_TEMPERED = (
    {"temperature": 1.0},
    {"temperature": 0.7},
    {"temperature": 1.8},
    {"top_k": 5},
    {"top_k": 20, "temperature": 2.0},
    {"top_p": 0.8},
    {"top_p": 0.6, "temperature": 1.5},
    {"top_k": 9, "top_p": 0.7, "temperature": 1.3},
    {"min_p": 0.1},
    {"min_p": 0.02, "temperature": 1.6, "top_p": 0.95},
)


def main() -> None:
    """Write the files of all models."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in _MODELS:
        spec = tiny.TINY[name]
        oracle = Oracle(load(_HERE / name))
        random = np.random.default_rng(1000 + spec.seed)
        drafts = [random_source(random, spec, int(n)) for n in random.integers(3, 15, 8)]
        cases = list(_cases(spec, [oracle.search(source, _plain(spec))[0] for source in drafts]))
        searches = [_search(oracle, random, spec, case) for case in cases]
        golden = {
            "made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
            "searches": searches,
            "samples": [_distribution(oracle, drafts[0], options) for options in _TEMPERED],
        }
        text = "".join(lines(golden))
        (_HERE / name / "options.json").write_text(text + "\n", encoding="utf-8")


def _plain(spec: tiny.Tiny) -> Options:
    return {"max_new_tokens": 18, "suppress_tokens": [spec.config["pad_token_id"]]}


def _cases(spec: tiny.Tiny, said: Sequence[Found]) -> Iterator[Options]:
    """Options that have something to do, given what the model says without them."""
    targets = [found.tokens for found in said]
    end = spec.config["eos_token_id"]
    common = [token for token, _ in _counted(targets, 1) if token != (end,)]
    pairs = [list(pair) for pair, _ in _counted(targets, 2)[:6]]
    triples = [list(triple) for triple, _ in _counted(targets, 3)[:2]]
    firsts = sorted({target[0] for target in targets if target})
    # A source's ids are a target's where there is one vocabulary.
    shared = "decoder_vocab_size" not in spec.config
    of_source = [
        {"encoder_no_repeat_ngram_size": 1},
        {"encoder_no_repeat_ngram_size": 2, "no_repeat_ngram_size": 3},
        {"encoder_repetition_penalty": 1.5},
    ]
    alone = [
        {},
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 0.8},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2},
        *(of_source if shared else []),
        {"suppress_sequences": [*pairs, *triples]},
        {"suppress_sequences": [[*common[0]], *pairs[1:3]]},
        {"sequence_bias": [[pairs[0], -1.5], [[*common[1]], -0.7], [pairs[1], 2.0]]},
        {"begin_suppress_tokens": firsts},
        {"forced_bos_token": common[2][0]},
        {"forced_bos_token": common[1][0], "begin_suppress_tokens": [*common[0]]},
        {"end_tokens": [end, common[0][0], common[3][0]]},
        {"min_new_tokens": 7, "repetition_penalty": 1.2},
        {"target_prefix": 3},
        {"target_prefix": 2, "repetition_penalty": 1.4, "no_repeat_ngram_size": 2},
        {"target_prefix": 1, "begin_suppress_tokens": [*common[0]], "min_new_tokens": 3},
        {"forced_bos_token": common[0][0], "force_end": True, "max_new_tokens": 6},
    ]
    beams = [
        {"beam_size": 4, "num_hypotheses": 2},
        {"beam_size": 2, "early_stopping": True, "length_penalty": 0.6},
    ]
    for options in alone:
        yield _plain(spec) | options
        for beam in beams:
            yield _plain(spec) | beam | options
    widths = itertools.product((2, 8), (True, False, "never"), (0.0, 1.3))
    for width, early, penalty in widths:
        yield _plain(spec) | {
            "beam_size": width,
            "num_hypotheses": width,
            "early_stopping": early,
            "length_penalty": penalty,
        }


def _counted(targets: Sequence[Ids], size: int) -> list[tuple[tuple[int, ...], int]]:
    """The n-grams of targets, the commonest first."""
    grams = (
        tuple(target[at : at + size]) for target in targets for at in range(len(target) - size + 1)
    )
    return collections.Counter(grams).most_common()


def _search(
    oracle: Oracle, random: np.random.Generator, spec: tiny.Tiny, case: Options
) -> dict[str, Any]:
    """A case with its sources, of which a `target_prefix` of the case's length goes with each."""
    items: list[dict[str, Any]] = []
    for _ in range(100 * _SOURCES):
        source = random_source(random, spec, int(random.integers(2, 16)))
        options = dict(case)
        if "target_prefix" in case:
            options["target_prefix"] = random_target(random, spec, case["target_prefix"])
        try:
            found = oracle.search(source, options)
        except ValueError:  # too few hypotheses, in which case transformers makes some up
            continue
        if oracle.is_steady(source, options, found):
            items.append(
                {
                    "source": source,
                    "prefix": options.get("target_prefix", []),
                    "tokens": [hypothesis.tokens for hypothesis in found],
                    "ended": [hypothesis.ended for hypothesis in found],
                    "scores": [hypothesis.score for hypothesis in found],
                }
            )
        if len(items) == _SOURCES:
            return {"options": {k: v for k, v in case.items() if k != "target_prefix"}} | {
                "items": items
            }
    raise RuntimeError(f"{case}: draw after draw hangs on rounding")


def _distribution(oracle: Oracle, source: Ids, options: Options) -> dict[str, Any]:
    """The probabilities of the first token, as transformers' warpers leave them."""
    logits = torch.from_numpy(oracle.force(source, []).log_probs[:1])
    warpers = [
        kind(options[name])
        for name, kind in (
            ("temperature", transformers.TemperatureLogitsWarper),
            ("top_k", transformers.TopKLogitsWarper),
            ("top_p", transformers.TopPLogitsWarper),
            ("min_p", transformers.MinPLogitsWarper),
        )
        if name in options
    ]
    for warper in warpers:
        logits = warper(torch.tensor([[0]]), logits)
    probabilities = torch.softmax(logits[0], dim=-1).tolist()
    kept = {token: round(p, 7) for token, p in enumerate(probabilities) if p > 0}
    return {
        "options": dict(options),
        "source": source,
        "tokens": list(kept),
        "probabilities": list(kept.values()),
    }


if __name__ == "__main__":
    main()
