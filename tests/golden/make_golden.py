"""Make the golden files. Needs torch, transformers and sentencepiece; the tests need no torch.

    python tests/golden/make_golden.py tiny
    python tests/golden/make_golden.py shipped --model FOLDER --dev FILE
    python tests/golden/make_golden.py original --model FOLDER --dev FILE

`tiny` writes the tiny models and what transformers answers for them. `shipped` runs transformers
on the weights of the model in the package, as they are after int8; `original` on the float32
checkpoint that they came from. FOLDER is that checkpoint (Hugging Face layout; `shipped` takes its
config and its tokenizer), FILE has one source sentence per line.

Each folder gets `golden.json` (token ids, scores and the versions used) and `log_probs.npz`, a tiny
model's also `attention.npz`: what every head of the decoder looks at in the source.
What decoding options do is for `make_options.py` to ask.

Answers that hang on rounding are no test: the tiny models' inputs are drawn until there are none,
those of sentences are listed under "fragile". Whoever changes the model in the package runs
`shipped` again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tiny
import torch
import transformers
from oracle import STEADY_ERROR, Forced, Found, Oracle
from transformers.models.fsmt import modeling_fsmt

T = TypeVar("T")
Ids = list[int]
Options = Mapping[str, Any]

_HERE = pathlib.Path(__file__).parent
_SHIPPED = _HERE.parents[1] / "pyattn" / "models" / "en-es"
_SENTENCES = 300
_FORCED = 6  # of them with log-probabilities
_ATTENTION = 20_000  # numbers, the most that is kept of a pair
# Of a real vocabulary, log-probabilities are kept at some ids and at the best of each row.
_FIXED_IDS = (*range(16), *range(16, 8768, 333), 8767)
_BEST_IDS = 8


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("tiny", "shipped", "original"))
    parser.add_argument("--model", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--dev", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--only", choices=sorted(tiny.TINY), help="one tiny model")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if arguments.what == "tiny":
        for name, model in tiny.TINY.items():
            if arguments.only in (None, name):
                _make_tiny(name, model)
    elif arguments.model is None or arguments.dev is None:
        parser.error("--model and --dev are needed")
    else:
        _make_trained(arguments.what, arguments.model, arguments.dev)


def _make_tiny(name: str, spec: tiny.Tiny) -> None:
    folder = _HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    tiny.write(spec, folder)
    oracle = Oracle(load(folder))
    cases = _tiny_cases(spec)
    random = np.random.default_rng(spec.seed)
    answered = [
        _first_steady(
            lambda n=n: _answered(oracle, random_source(random, spec, n), cases),
            lambda drawn: all(map(oracle.is_steady, itertools.repeat(drawn[0]), cases, drawn[1])),
        )
        for n in spec.source_lengths
    ]
    sources = [source for source, _ in answered]
    found = [list(case) for case in zip(*(answers for _, answers in answered), strict=True)]
    forced = [
        _first_steady(
            lambda n=n, length=length: oracle.force(
                random_source(random, spec, length), random_target(random, spec, n)
            ),
            lambda answer: answer.rounding < STEADY_ERROR,
        )
        for n, length in zip(spec.target_lengths, reversed(spec.source_lengths), strict=False)
    ]
    _write(folder, sources, cases, found, forced)
    arrays = {f"values_{n}": answer.log_probs for n, answer in enumerate(forced)}
    np.savez_compressed(folder / "log_probs.npz", **arrays)
    _write_attention(folder, forced)
    _report(name, found)


def _write_attention(folder: pathlib.Path, forced: Sequence[Forced]) -> None:
    arrays = {
        f"values_{n}": answer.attention
        for n, answer in enumerate(forced)
        if answer.attention.size <= _ATTENTION
    }
    np.savez_compressed(folder / "attention.npz", **arrays)


def _tiny_cases(spec: tiny.Tiny) -> list[Options | None]:
    """None for what the checkpoint says itself; then every option on its own."""
    pad = [spec.config["pad_token_id"]]
    greedy = {"beam_size": 1, "max_new_tokens": 24, "suppress_tokens": pad}
    beam = greedy | {"beam_size": 4}
    if spec.few:
        return [None, greedy, beam]
    return [
        None,
        greedy,
        {"beam_size": 1, "max_new_tokens": 9, "min_new_tokens": 4, "force_end": True},
        beam,
        beam | {"length_penalty": 0.6},
        beam | {"length_penalty": 1.4},
        beam | {"early_stopping": True, "num_hypotheses": 3},
        beam | {"early_stopping": "never", "num_hypotheses": 3},
        beam | {"early_stopping": "never", "length_penalty": 0.0},
        beam | {"max_new_tokens": 9, "min_new_tokens": 4, "force_end": True},
    ]


def _first_steady(draw: Callable[[], T], is_steady: Callable[[T], bool]) -> T:
    """The first draw that rounding cannot turn into another answer."""
    for _ in range(100):
        drawn = draw()
        if is_steady(drawn):
            return drawn
    raise RuntimeError("100 draws in a row hang on rounding; the model needs another seed")


def _answered(
    oracle: Oracle, source: Ids, cases: Sequence[Options | None]
) -> tuple[Ids, list[list[Found]]]:
    return source, [oracle.search(source, options) for options in cases]


def random_source(random: np.random.Generator, spec: tiny.Tiny, length: int) -> Ids:
    """Every other one has an end, which is one id like any other to the encoder."""
    ids = random.choice(tiny.ordinary_ids(spec, "source"), size=length).tolist()
    if random.integers(2):
        ids[-1] = spec.config["eos_token_id"]
    return ids


def random_target(random: np.random.Generator, spec: tiny.Tiny, length: int) -> Ids:
    """Ids that stand for words."""
    return random.choice(tiny.ordinary_ids(spec, "target"), size=length).tolist()


def _make_trained(what: str, model_folder: pathlib.Path, dev: pathlib.Path) -> None:
    model = load(model_folder)
    if what == "shipped":
        from native import replace_weights  # the only part that needs pyattn

        replace_weights(model, _SHIPPED)
    folder = _HERE / ("en-es" if what == "shipped" else "en-es-float32")
    folder.mkdir(exist_ok=True)
    oracle = Oracle(model)
    tokenizer = transformers.MarianTokenizer.from_pretrained(model_folder)
    lines = dev.read_text(encoding="utf-8").splitlines()[:_SENTENCES]
    sources = [tokenizer(line).input_ids for line in lines]
    cases: list[Options | None] = [
        None,
        {"beam_size": 1, "max_new_tokens": 255, "suppress_tokens": [model.config.pad_token_id]},
    ]
    found = [[oracle.search(source, options) for source in sources] for options in cases]
    fragile = [
        [
            n
            for n, (source, answer) in enumerate(zip(sources, case, strict=True))
            if not oracle.is_steady(source, options, answer)
        ]
        for options, case in zip(cases, found, strict=True)
    ]
    forced = [oracle.force(sources[n], found[0][n][0].tokens) for n in range(_FORCED)]
    _write(folder, sources, cases, found, forced, fragile)
    arrays = {}
    for n, answer in enumerate(forced):
        values = answer.log_probs
        fixed = np.broadcast_to(np.array(_FIXED_IDS), (len(values), len(_FIXED_IDS)))
        best = np.argsort(-values, axis=1)[:, :_BEST_IDS]
        ids = np.concatenate([fixed, best], axis=1).astype(np.int16)
        arrays |= {f"ids_{n}": ids, f"values_{n}": np.take_along_axis(values, ids, axis=1)}
    np.savez_compressed(folder / "log_probs.npz", **arrays)
    _report(folder.name, found)


def load(folder: pathlib.Path) -> transformers.PreTrainedModel:
    """A model in float32, none of whose weights is made up."""
    model, report = transformers.AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    # The positions, which a file need not have, are the only tensors that may be made up.
    missing = [name for name in report["missing_keys"] if "embed_positions" not in name]
    if missing or report["mismatched_keys"]:
        raise ValueError(f"{folder}: transformers does not find {missing} in the file")
    if model.config.model_type == "umt5":
        _leave_unscaled(model)
    if model.config.model_type == "fsmt":
        # Its own function fills float32 with what only a float64 holds, if asked for one.
        modeling_fsmt.fill_with_neg_inf = lambda mask: mask.fill_(-torch.inf)
    return model


def _leave_unscaled(model: transformers.PreTrainedModel) -> None:
    """Have a UMT5 whose output matrix is its own compute what it was trained for.

    transformers 5.23 takes every UMT5 for a tied one, and so scales its logits.
    """
    model.config.tie_word_embeddings = False
    ids = torch.tensor([[2, 3, 4]])
    with torch.inference_mode():
        found = model(input_ids=ids, decoder_input_ids=ids, output_hidden_states=True)
        by_hand = found.decoder_hidden_states[-1] @ model.lm_head.weight.T
    if not torch.allclose(found.logits, by_hand, atol=1e-5):
        raise ValueError("UMT5's logits are not its last hidden states times its output matrix")


def _write(
    folder: pathlib.Path,
    sources: Sequence[Ids],
    cases: Sequence[Options | None],
    found: Sequence[Sequence[Sequence[Found]]],
    forced: Sequence[Forced],
    fragile: Sequence[Ids] = (),
) -> None:
    golden = {
        "made_with": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        # The largest distance of a float32 log-probability from its float64 twin.
        "rounding": max(answer.rounding for answer in forced),
        # Per case, the sentences whose answer a jitter of 1e-5 on the scores can change.
        "fragile": list(fragile),
        "sources": list(sources),
        "forced": [{"source": answer.source, "target": answer.target} for answer in forced],
        "cases": [
            {
                "options": options,
                "tokens": [[hypothesis.tokens for hypothesis in best] for best in case],
                "ended": [[hypothesis.ended for hypothesis in best] for best in case],
                "scores": [[hypothesis.score for hypothesis in best] for best in case],
            }
            for options, case in zip(cases, found, strict=True)
        ],
    }
    text = "".join(lines(golden))
    (folder / "golden.json").write_text(text + "\n", encoding="utf-8")


def lines(value: Any, depth: int = 0) -> Iterator[str]:
    """JSON with one sentence per line, so that a difference can be read."""
    if isinstance(value, dict) and depth < 3:
        items: Iterable[tuple[str, Any]] = [(f"{json.dumps(key)}: ", v) for key, v in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list) and depth < 4 and value and isinstance(value[0], (list, dict)):
        items, opening, closing = [("", item) for item in value], "[", "]"
    else:
        yield json.dumps(value)
        return
    yield opening
    for n, (key, item) in enumerate(items):
        yield ("," if n else "") + "\n" + " " * (depth + 1) + key
        yield from lines(item, depth + 1)
    yield "\n" + " " * depth + closing


def _report(name: str, found: Sequence[Sequence[Sequence[Found]]]) -> None:
    """One line per case, which shows whether the models say enough different things."""
    for n, case in enumerate(found):
        best = [hypotheses[0] for hypotheses in case]
        length = sum(len(hypothesis.tokens) for hypothesis in best) / len(best)
        ended = sum(hypothesis.ended for hypothesis in best)
        others = [
            sum(a.tokens != b[0].tokens for a, b in zip(best, other, strict=True))
            for other in found
        ]
        distinct = len({tuple(hypothesis.tokens) for hypothesis in best})
        sys.stdout.write(
            f"{name} case {n}: {len(best)} sentences, {distinct} different, {length:.1f} tokens, "
            f"{ended} ended, differences from other cases {others}\n"
        )


if __name__ == "__main__":
    main()
