"""What tags cost in quality, and whether they end up on the right word.

    python bench/tags.py SOURCE REFERENCE

SOURCE has English sentences, REFERENCE their Spanish translations, one a line. A random word or two
of each sentence get a tag. BLEU without tags is compared with BLEU of the text around the tags,
translated as `pyattn.documents` does and piece by piece between tags. Then words that are nearly
always translated in one way get a tag, one at a time: is the tag on that translation?
"""

from __future__ import annotations

import argparse
import html
import pathlib
import random
import re

import sacrebleu

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


def main() -> None:
    """Prints both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("reference", type=pathlib.Path)
    chosen = parser.parse_args()
    sources = chosen.source.read_text("utf-8").splitlines()
    references = chosen.reference.read_text("utf-8").splitlines()
    with pyattn.load() as translator:
        compare_quality(translator, sources, references)
        count_places(translator, sources)


def compare_quality(
    translator: pyattn.Translator, sources: list[str], references: list[str]
) -> None:
    """Prints BLEU without tags, with them, and piece by piece."""
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
        "piece by piece": joined,
    }
    for name, texts in results.items():
        print(f"{name}: BLEU {sacrebleu.corpus_bleu(texts, [references]).score:.2f}")


def count_places(translator: pyattn.Translator, sources: list[str]) -> None:
    """Prints how many tags of single words are on their translations."""
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
    print(f"tags of single words: {judged}, on their translation alone: {right}")


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
