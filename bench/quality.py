r"""What a number type costs in translations: BLEU, chrF and agreement with float32.

    python bench/quality.py --sources dev.en --references dev.es \
        --model marian-en-es --model pyattn/models/en-es --write bench/results/quality

Each model translates all of --sources in each number type, greedily and with a beam; scores are
sacrebleu's, against --references. Next to each stands its difference from float32's and, after the
sign "+-", that difference's own standard error: from 2,000 draws of the sentences with replacement,
the same ones for both (paired bootstrap, Koehn 2004). On a thousand sentences a handful of
near-ties that fall differently move BLEU by 0.1 to 0.2, so these columns are read together.

Two columns hardly depend on luck. "KL" is the divergence of a type's distributions from float32's,
in millionths of a nat per target token, with the references fed as targets. "tokens" is the share
of the tokens of float32's greedy translations that the type, given those before them, also ranks
first; "same" is the share of translations that are the same to the letter.

--converted FOLDER measures a conversion of the one model given, such as a calibrated one, against
that model: in int4, and with all products in int4.
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
import numpy as np
import numpy.typing as npt
from report import write
from sacrebleu.metrics import BLEU, CHRF

import pyattn

DTYPES = ("float32", "bfloat16", "int8", "int4", "auto")
DRAWS = 2000
TOKENS_AT_ONCE = 500  # of targets, whose logits are some MB per hundred

Array = npt.NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    """Translate, score and print."""
    options = _parser().parse_args(arguments)
    sources, references = map(_lines, (options.sources, options.references))
    if len(sources) != len(references):
        print(
            f"quality: {len(sources)} sources, {len(references)} references, expected as many",
            file=sys.stderr,
        )
        return 1
    given = sys.argv[1:] if arguments is None else arguments
    results = {
        "command": shlex.join(["python", "bench/quality.py", *given]),
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(("pyattn", "numpy", "sacrebleu")),
        "sentences": len(sources),
        "models": [_model(folder, sources, references, options) for folder in options.model],
    }
    print(markdown(results))
    if options.write:
        write(options.write, results, markdown(results))
    return 0


def _model(
    folder: Path, sources: list[str], references: list[str], options: argparse.Namespace
) -> dict[str, Any]:
    rows = []
    with pyattn.load(folder, dtype="float32", threads=options.threads) as exact:
        encode = exact.tokenizer.encode
        # Without the end, which the model is asked for by itself.
        wanted = [ids[:-1] for ids in encode(references)]
        ids = encode(sources)
        greedy = [found[0].tokens for found in exact.model.generate(ids, beam_size=1)]
        plain: dict[int, list[str]] = {}
        for place, dtype, name in _variants(folder, options):
            with pyattn.load(place, dtype=dtype, threads=options.threads) as rounded:
                row = _described(name, rounded.model)
                row["kl"] = _divergence(exact.model, rounded.model, ids, wanted)
                row["tokens"] = _agreement(rounded.model, ids, greedy)
                for beam in options.beams:
                    if beam not in plain:
                        plain[beam] = exact.translate(sources, beam_size=beam)
                    found = rounded.translate(sources, beam_size=beam)
                    row["scores"].append({"beam": beam, **_scores(found, plain[beam], references)})
            rows.append(row)
            print(f"quality: {folder}: {name}", file=sys.stderr)
    return {"model": folder.name, "rows": rows}


def _variants(folder: Path, options: argparse.Namespace) -> Iterator[tuple[Path, Any, str]]:
    """Folders and number types to measure, each with its name."""
    yield from ((folder, dtype, dtype) for dtype in options.dtypes)
    for place in options.converted:
        yield place, "int4", f"{place.name}: int4"
        yield place, {"*": "int4"}, f"{place.name}: all int4"


def _described(dtype: str, model: pyattn.Model) -> dict[str, Any]:
    config = model.config
    others = f", {len(config.other_dtypes)} products not" if config.other_dtypes else ""
    name = f"{dtype}: {config.dtype}{others}" if dtype == "auto" else dtype
    return {"dtype": name, "isa": config.isa, "bytes": model.nbytes, "scores": []}


def _batches(targets: list[list[int]]) -> Iterator[slice]:
    """Neighbours with few enough tokens for their logits to fit into memory."""
    first, tokens = 0, 0
    for n, target in enumerate(targets):
        if tokens and tokens + len(target) > TOKENS_AT_ONCE:
            yield slice(first, n)
            first, tokens = n, 0
        tokens += len(target) + 1
    yield slice(first, len(targets))


def _divergence(
    exact: pyattn.Model, rounded: pyattn.Model, sources: list[list[int]], targets: list[list[int]]
) -> float:
    """KL(exact || rounded) in nats per target token, the end included."""
    total, count = 0.0, 0
    for batch in _batches(targets):
        pair = [model.logits(sources[batch], targets[batch]) for model in (exact, rounded)]
        p, q = (_log_softmax(np.concatenate(logits)) for logits in pair)
        total += float((np.exp(p) * (p - q)).sum())
        count += len(p)
    return total / count


def _log_softmax(logits: npt.NDArray[np.float32]) -> Array:
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _agreement(model: pyattn.Model, sources: list[list[int]], targets: list[list[int]]) -> float:
    """The share of the targets' tokens that are the likeliest after those before them."""
    same, count = 0, 0
    suppressed = list(model.generation.suppress_tokens)
    for batch in _batches(targets):
        for rows, target in zip(
            model.logits(sources[batch], targets[batch]), targets[batch], strict=True
        ):
            rows[:, suppressed] = -np.inf
            same += int((rows[: len(target)].argmax(axis=1) == target).sum())
            count += len(target)
    return same / count


def _scores(found: list[str], plain: list[str], references: list[str]) -> dict[str, Any]:
    """BLEU and chrF, how much they differ from those of `plain`, and its standard error."""
    draws = np.random.default_rng(0).multinomial(
        len(found), np.full(len(found), 1 / len(found)), size=DRAWS
    )
    row: dict[str, Any] = {
        "same": sum(one == other for one, other in zip(found, plain, strict=True)) / len(found)
    }
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF())):
        # What sacrebleu's score of a corpus is made of: sums over its sentences.
        ours, theirs = (
            np.array(metric._extract_corpus_statistics(texts, [references]))
            for texts in (found, plain)
        )
        score, before = (_score(metric, one.sum(axis=0)) for one in (ours, theirs))
        drawn = [
            _score(metric, draw @ ours) - _score(metric, draw @ theirs)
            for draw in (draws if found != plain else draws[:2])
        ]
        row[name] = {"score": score, "change": score - before, "error": float(np.std(drawn))}
    return row


def _score(metric: BLEU | CHRF, statistics: npt.NDArray[np.int64]) -> float:
    return float(metric._compute_score_from_stats([int(value) for value in statistics]).score)


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and a table for each model."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [
        "# Quality of the number types",
        "",
        f"{results['sentences']} sentences, {results['date']}. Behind each score its difference "
        "from float32's, +- that difference's standard error; `bench/quality.py` says what KL "
        "(1e-6 nats), tokens and same are.",
        "",
        f"    {results['command']}",
        "",
        f"- {results['machine']['cpu']}, Python {results['machine']['python']}, {versions}",
    ]
    for model in results["models"]:
        beams = [score["beam"] for score in model["rows"][0]["scores"]]
        names = ["greedy" if beam == 1 else f"beam {beam}" for beam in beams]
        columns = ["dtype", "MiB", "KL", "tokens"]
        columns += [f"{name} {what}" for name in names for what in ("BLEU", "chrF", "same")]
        lines += ["", f"## {model['model']} ({model['rows'][0]['isa']})", ""]
        lines += [_row(columns), _row(["---"] * len(columns))]
        lines += [_row(_cells(row)) for row in model["rows"]]
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> Iterator[str]:
    yield from (row["dtype"], f"{row['bytes'] / 2**20:.1f}", f"{row['kl'] * 1e6:.0f}")
    yield f"{row['tokens']:.2%}"
    for score in row["scores"]:
        for name in ("bleu", "chrf"):
            figures = score[name]
            yield f"{figures['score']:.2f} ({figures['change']:+.2f} +- {figures['error']:.2f})"
        yield f"{score['same']:.1%}"


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=Path, required=True, help="a sentence per line")
    parser.add_argument("--references", type=Path, required=True, help="their translations")
    parser.add_argument("--model", type=Path, action="append", required=True, help="a folder")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    parser.add_argument("--converted", type=Path, action="append", default=[], help="see above")
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--write", type=Path, help="also into this file, .json and .md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
