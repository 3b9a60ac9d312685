"""Terms from references, translated with and without a glossary.

    python bench/glossary.py --corpus tatoeba-en-es --write bench/results/glossary

takes terms from the references of --corpus (dev.en, dev.es): a noun of the source and the word of
its reference that translates it. These are words of four letters or more, behind an article or the
like, once in their line, each of which is the other's most likely translation in train.en and
train.es by Dice's coefficient. Every line with a term has a glossary of its own terms.

"used" are terms that are in the translation, "exact" those that are there once. "wanted" are terms
that are not in the translation without a glossary: how many of these each way uses. BLEU and chrF
are sacrebleu's, of the lines with terms. "plain" has no glossary; "replaced" is the usual stopgap,
which puts the translations into the source before it is translated; "soft" and "strict" are a
`pyattn.Glossary`. Times are processor times by that of "plain", each line by itself.

With --other, every term gets the translation of the next one instead, which the model would not
have chosen. Such lines are no better for it; the terms have to be there.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import machine
import sacrebleu
from report import origin, write

import pyattn
from pyattn.results import Translation
from pyattn.text.glossary.using import occurrences
from pyattn.translator import Translator

_WORD = re.compile(r"[^\W\d_]+")
_DETERMINERS = {
    "en": "a an the my your his her our their this that these those some no",
    "es": "el la los las un una unos unas mi tu tus su sus este esta estos estas ese esa al "
    "del nuestro nuestra",
}
_LETTERS, _LEAST_DICE = 4, 0.15

Terms = dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose terms, translate, count and print."""
    options = _parser().parse_args(arguments)
    train, dev = (
        list(
            zip(*(_lines(options.corpus / f"{part}.{side}") for side in ("en", "es")), strict=True)
        )
        for part in ("train", "dev")
    )
    chosen = [(source, reference, terms) for (source, reference), terms in terms_of(dev, train)]
    if not chosen:
        print("glossary: no line has a term", file=sys.stderr)
        return 1
    if options.other:
        chosen = others(chosen)
    given = sys.argv[1:] if arguments is None else arguments
    with pyattn.load(options.model, threads=options.threads) as translator:
        results = {
            **machine.provenance("glossary", given, ("pyattn", "numpy", "sacrebleu")),
            "model": f"{translator.model.config.dtype} on {translator.model.config.isa}",
            "lines": len(chosen),
            "terms": sum(len(terms) for _, _, terms in chosen),
            "rows": measured(translator, chosen),
        }
    print(markdown(results))
    if options.write:
        write(options.write, results, markdown(results))
    return 0


def terms_of(
    dev: Sequence[tuple[str, str]], train: Sequence[tuple[str, str]]
) -> list[tuple[tuple[str, str], Terms]]:
    """The lines that have terms, and their terms."""
    nouns = [(_nouns(source, "en"), _nouns(reference, "es")) for source, reference in dev]
    wanted = [{word for pair in nouns for word in pair[side]} for side in (0, 1)]
    alone: tuple[collections.Counter[str], ...] = (collections.Counter(), collections.Counter())
    together: collections.Counter[tuple[str, str]] = collections.Counter()
    for pair in train:
        found = [wanted[side].intersection(_words(pair[side])) for side in (0, 1)]
        alone[0].update(found[0])
        alone[1].update(found[1])
        together.update((one, two) for one in found[0] for two in found[1])
    best: tuple[dict[str, tuple[float, str]], ...] = ({}, {})
    for (one, two), count in together.items():
        dice = 2 * count / (alone[0][one] + alone[1][two])
        best[0][one] = max(best[0].get(one, (0.0, "")), (dice, two))
        best[1][two] = max(best[1].get(two, (0.0, "")), (dice, one))
    chosen: list[tuple[tuple[str, str], Terms]] = []
    for pair, (ones, twos) in zip(dev, nouns, strict=True):
        terms = {
            one: best[0][one][1]
            for one in sorted(ones)
            if one in best[0]
            and best[0][one][0] >= _LEAST_DICE
            and best[0][one][1] in twos
            and best[1][best[0][one][1]][1] == one
        }
        if terms:
            chosen.append((pair, terms))
    return chosen


def others(chosen: Sequence[tuple[str, str, Terms]]) -> list[tuple[str, str, Terms]]:
    """The lines with other translations of their terms: those of the next line's."""
    targets = [target for _, _, terms in chosen for target in terms.values()]
    rest = iter([*targets[1:], targets[0]])
    return [
        (source, reference, {term: next(rest) for term in terms})
        for source, reference, terms in chosen
    ]


def measured(
    translator: Translator, chosen: Sequence[tuple[str, str, Terms]]
) -> list[dict[str, Any]]:
    """A row for each way to translate."""
    ways: dict[str, Callable[[str, Terms], Translation]] = {
        "plain": lambda source, _: translator.results([source])[0][0],
        "replaced": lambda source, terms: translator.results([replaced(source, terms)])[0][0],
        "soft": lambda source, terms: translator.results(
            [source], glossary=pyattn.Glossary(terms, strict=False)
        )[0][0],
        "strict": lambda source, terms: translator.results(
            [source], glossary=pyattn.Glossary(terms)
        )[0][0],
    }
    # The first use of carriers is no part of any line.
    translator.translate("See {x}.", protect=True)
    rows: list[dict[str, Any]] = []
    plain: list[Translation] = []
    for name, way in ways.items():
        begin = time.process_time()
        found = [way(source, terms) for source, _, terms in chosen]
        seconds = time.process_time() - begin
        plain = plain or found
        rows.append({"with": name, **counted(found, plain, chosen), "seconds": seconds})
    return rows


def counted(
    found: Sequence[Translation],
    plain: Sequence[Translation],
    chosen: Sequence[tuple[str, str, Terms]],
) -> dict[str, Any]:
    """How many terms were used, and how good the lines are."""
    used = exact = wanted = gained = 0
    for one, before, (_, _, terms) in zip(found, plain, chosen, strict=True):
        for target in terms.values():
            times = len(occurrences(target, one.text, False))
            used += times > 0
            exact += times == 1
            if not occurrences(target, before.text, False):
                wanted += 1
                gained += times > 0
    texts, references = [one.text for one in found], [[reference for _, reference, _ in chosen]]
    return {
        "used": used,
        "exact": exact,
        "wanted": wanted,
        "gained": gained,
        "warned": sum("glossary" in one.warnings for one in found),
        "bleu": float(sacrebleu.corpus_bleu(texts, references).score),
        "chrf": float(sacrebleu.corpus_chrf(texts, references).score),
    }


def replaced(source: str, terms: Terms) -> str:
    """A source with the translations of its terms in their place."""
    for term, target in terms.items():
        source = re.sub(rf"\b{re.escape(term)}\b", target, source, flags=re.IGNORECASE)
    return source


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and the table."""
    first = results["rows"][0]
    lines = [
        "# Terms of a glossary",
        "",
        f"{results['terms']} terms in {results['lines']} lines, {results['date']}, "
        f"{results['model']}. `bench/glossary.py` says what the columns are.",
        *origin(results),
        f"| with | used | exact | of {first['wanted']} wanted | warned | BLEU | chrF | time |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in results["rows"]:
        lines.append(
            f"| {row['with']} | {row['used'] / results['terms']:.1%} | "
            f"{row['exact'] / results['terms']:.1%} | {row['gained']} | {row['warned']} | "
            f"{row['bleu']:.2f} | {row['chrf']:.2f} | {row['seconds'] / first['seconds']:.2f}x |"
        )
    return "\n".join(lines)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _nouns(text: str, language: str) -> set[str]:
    """Words that are likely to be nouns, and are there once."""
    words = _words(text)
    determiners = _DETERMINERS[language].split()
    return {
        word
        for before, word in itertools.pairwise(words)
        if len(word) >= _LETTERS
        and before in determiners
        and words.count(word) == 1
        and word not in determiners
    }


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, required=True, help="with dev.en, train.es, ...")
    parser.add_argument("--other", action="store_true", help="other words for the terms")
    parser.add_argument("--model", type=Path, help="a folder; by default the shipped model")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--write", type=Path, help="also into this file, .json and .md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
