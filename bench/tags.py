"""What tags cost in quality, and whether they end up on the right word.

    python bench/tags.py --corpus tatoeba-en-es

First the 200 sentences of `bench/tags.tsv`, each with a tag around one word, the translation of the
included model, and the words of it that mean the tagged one, with " | " between several answers.
These were chosen by reading the translations without tags. (Of the first 202 sentences, two were
left out because their translations lack the word.) On how many is the tag around one of the answers
and nothing else? Beside it the piece-by-piece way, which translates what is in front of the tag, in
it and behind it by itself.

Then dev.en and dev.es of --corpus, one sentence a line. A random word or two of each sentence get a
tag. BLEU without tags is compared with BLEU of the text around the tags, in both ways. Last, words
that are nearly always translated in one way get a tag, one at a time: is it on that translation?
"""

from __future__ import annotations

import argparse
import html
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import machine
import sacrebleu
from report import origin, table

import pyattn
from pyattn import documents

_PAIRS = re.findall(
    r"(\w+)=(\w+)",
    """
    house=casa dog=perro cat=gato water=agua book=libro car=coche school=escuela friend=amigo
    father=padre mother=madre brother=hermano sister=hermana door=puerta window=ventana
    tree=árbol station=estación train=tren money=dinero time=tiempo year=año letter=carta
    night=noche sun=sol rain=lluvia red=rojo white=blanco black=negro big=grande small=pequeño
    old=viejo river=río new=nuevo happy=feliz tired=cansado always=siempre never=nunca
    today=hoy yesterday=ayer tea=té tomorrow=mañana now=ahora here=aquí Tom=Tom Mary=Mary
    Boston=Boston two=dos three=tres week=semana children=niños food=comida doctor=médico
    teacher=profesor city=ciudad world=mundo month=mes language=idioma English=inglés
    French=francés work=trabajo hand=mano table=mesa life=vida problem=problema
    question=pregunta answer=respuesta music=música name=nombre girl=chica boy=chico
    woman=mujer man=hombre people=gente room=habitación party=fiesta job=trabajo beer=cerveza
    hospital=hospital coffee=café hour=hora
    """,
)


_JUDGED = Path(__file__).with_name("tags.tsv")
_PIECES = "piece by piece"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the comparisons as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="folder of dev.en and dev.es")
    chosen = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    lines = [*origin(machine.provenance("tags", given, ["pyattn", "sacrebleu"]))]
    with pyattn.load() as translator:
        rows = [line.split("\t") for line in _JUDGED.read_text("utf-8").splitlines()]
        lines += judged_table(translator, [(a, b, c.split(" | ")) for a, b, c in rows])
        if chosen.corpus is not None:
            sources, references = (
                (chosen.corpus / f"dev.{side}").read_text("utf-8").splitlines()
                for side in ("en", "es")
            )
            lines += ["", *quality_table(translator, sources, references)]
            lines += ["", *count_places(translator, sources)]
    print("\n".join(lines))
    return 0


def judged_table(
    translator: pyattn.Translator, judged: Sequence[tuple[str, str, list[str]]]
) -> list[str]:
    """How many tags are on the words that were found by reading, in both ways.

    Args:
        translator: The model.
        judged: Sources with a tag, their translations, and the answers for each.
    """
    pages = [page for page, _, _ in judged]
    found = with_tags(translator, pages)
    joined = by_pieces(translator, [re.split("</?b>", page) for page in pages])
    rows = []
    for way, texts in (("by alignment", found), (_PIECES, joined)):
        right = same = 0
        for page, (source, meant, answers) in zip(texts, judged, strict=True):
            same += plain(page) == meant
            if is_right(page, answers):
                right += 1
            elif way != _PIECES:
                print(f"{source} -> {page}, expected {' | '.join(answers)}", file=sys.stderr)
        rows.append([way, str(len(judged)), f"{right} ({right / len(judged):.0%})", str(same)])
    head = ["single words", "sentences", "tag on the right words", "same text as without a tag"]
    return list(table(head, rows))


def is_right(page: str, answers: Sequence[str]) -> bool:
    """Whether a tag is around exactly one of the answers, in capitals or not."""
    tagged = re.search("<b>(.*?)</b>", page)
    return tagged is not None and tagged[1].casefold() in map(str.casefold, answers)


def by_pieces(translator: pyattn.Translator, parts: Sequence[Sequence[str]]) -> list[str]:
    """Three translations each, joined: in front of a tag, in it without its signs, and behind."""
    pieces = translator.translate([part.strip() for three in parts for part in three])
    pages = []
    for before, inside, after in zip(*[iter(pieces)] * 3, strict=True):
        pages.append(f"{before} <b>{inside.strip(' .¿?¡!')}</b> {after}".strip())
    return pages


def quality_table(
    translator: pyattn.Translator, sources: list[str], references: list[str]
) -> list[str]:
    """BLEU without tags, with them, and piece by piece."""
    chance = random.Random(0)
    parts = []
    for source in sources:
        words = source.split()
        begin = chance.randrange(len(words))
        end = min(len(words), begin + chance.choice([1, 1, 2]))
        parts.append([" ".join(words[:begin]), " ".join(words[begin:end]), " ".join(words[end:])])
    pages = [f"{escaped(a)} <b>{escaped(b)}</b> {escaped(c)}" for a, b, c in parts]
    found = with_tags(translator, pages)
    assert all(page.count("<b>") == page.count("</b>") == 1 for page in found)
    pieces = translator.translate([part for three in parts for part in three])
    joined = [" ".join(filter(None, pieces[n : n + 3])) for n in range(0, len(pieces), 3)]
    results = {
        "without tags": translator.translate(sources),
        "with tags": [plain(page) for page in found],
        _PIECES: joined,
    }
    rows = [
        [name, f"{sacrebleu.corpus_bleu(texts, [references]).score:.2f}"]
        for name, texts in results.items()
    ]
    return list(table(["text", "BLEU"], rows))


def count_places(translator: pyattn.Translator, sources: list[str]) -> list[str]:
    """How many tags of single words are on their translations."""
    jobs = [
        (re.sub(rf"\b{word}\b", f"<b>{word}</b>", escaped(source)), meant)
        for source in sources
        for word, meant in _PAIRS
        if len(re.findall(rf"\b{word}\b", source)) == 1
    ]
    right = judged = 0
    for page, (_, meant) in zip(
        with_tags(translator, [page for page, _ in jobs]), jobs, strict=True
    ):
        if len(re.findall(rf"\b{meant}\w*", plain(page), re.IGNORECASE)) != 1:
            continue  # translated in another way, or not at all
        judged += 1
        tagged = re.search("<b>(.*?)</b>", page)
        right += bool(tagged and re.fullmatch(rf"{meant}\w*", tagged[1], re.IGNORECASE))
    return [
        f"Of {judged} tags around words of a list, {right} ({right / judged:.0%}) are around the",
        "translation of their word and nothing else.",
    ]


def with_tags(translator: pyattn.Translator, pages: list[str]) -> list[str]:
    """Translated pieces of HTML."""
    made = documents.translate_all(((page.strip().encode(), "html") for page in pages), translator)
    return [one.decode() for one in made if isinstance(one, bytes)]


def escaped(text: str) -> str:
    """A text as HTML."""
    return html.escape(text, quote=False)


def plain(page: str) -> str:
    """The text of a piece of HTML."""
    return html.unescape(re.sub("<[^>]+>", "", page)).strip()


if __name__ == "__main__":
    main()
