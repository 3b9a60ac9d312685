# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
"""Carriers: words and numbers that stand for protected parts because the model copies them.

Which ones a model copies is found by translating a few sentences at the first use.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from pyattn.text.languages import iso_639
from pyattn.text.protection.kinds import Role

# Names that languages of the Latin script share. Those of places take no article and no ending in
# most languages, and no preposition that names of persons take.
_PLACES = ("Chicago", "Madrid", "Lima", "Volvo", "Microsoft", "Osaka", "Honda", "Windows", "Linux")
_PERSONS = ("Tom", "Maria", "John", "Emma", "Jackson", "Mary", "Anna", "Robert")
_NUMBERS = ("357", "42", "73", "12", "19", "25", "60", "31")

# Sentences with two names, and with two numbers, by language.
_NAMES_IN: dict[str, tuple[str, ...]] = {
    "en": ("{} was here before {}.", "Please open {} and close {}.", "{} and {} are not valid."),
    "es": ("{} estaba aquí antes que {}.", "Abra {} y cierre {}.", "{} y {} no son válidos."),
    "fr": ("{} était ici avant {}.", "Ouvrez {} et fermez {}.", "{} et {} ne sont pas valides."),
    "de": ("{} war vor {} hier.", "Öffnen Sie {} und {}.", "{} und {} sind nicht gültig."),
    "it": ("{} era qui prima di {}.", "Apri {} e chiudi {}.", "{} e {} non sono validi."),
    "pt": ("{} estava aqui antes de {}.", "Abra {} e feche {}.", "{} e {} não são válidos."),
    "nl": ("{} was hier voor {}.", "Open {} en sluit {}.", "{} en {} zijn niet geldig."),
    "pl": ("{} i {} są tutaj.", "Otwórz {} i zamknij {}.", "{} i {} nie istnieją."),
    "ru": ("{} и {} находятся здесь.", "Откройте {} и закройте {}.", "{} и {} не найдены."),
    "zh": ("{}和{}在这里。", "请打开{}，关闭{}。", "{}和{}无效。"),
    "ja": ("{}と{}はここにあります。", "{}を開いて{}を閉じてください。", "{}と{}は無効です。"),
}
_NUMBERS_IN: dict[str, tuple[str, ...]] = {
    "en": ("There are {} books and {} pens here.", "Wait {} or {} minutes."),
    "es": ("Hay {} libros y {} plumas aquí.", "Espere {} o {} minutos."),
    "fr": ("Il y a {} livres et {} stylos ici.", "Attendez {} ou {} minutes."),
    "de": ("Hier sind {} Bücher und {} Stifte.", "Warten Sie {} oder {} Minuten."),
    "it": ("Ci sono {} libri e {} penne qui.", "Aspetta {} o {} minuti."),
    "pt": ("Há {} livros e {} canetas aqui.", "Espere {} ou {} minutos."),
    "nl": ("Er zijn hier {} boeken en {} pennen.", "Wacht {} of {} minuten."),
    "pl": ("Mamy tu {} książek i {} długopisów.", "Poczekaj {} lub {} minut."),
    "ru": ("Здесь {} книг и {} ручек.", "Подождите {} или {} минут."),
    "zh": ("这里有{}本书和{}支笔。", "请等{}或{}分钟。"),
    "ja": ("ここに本が{}冊とペンが{}本あります。", "{}分か{}分待ってください。"),
}
# Protected parts as they are; a model that copies all of them needs no carriers.
_SAMPLES = ("{name}", "%(count)d", "https://example.com/a?b=1", "%s", "/usr/bin/x", "{{ user }}")

Translate = Callable[[list[str]], list[str]]


class Carriers:
    """The carriers of a model for one pair of languages.

    Args:
        translate: Sentences to the model's answers.
        language: The language of the sentences, if known.

    Attributes:
        itself: Whether the model copies protected parts as they are.
    """

    def __init__(self, translate: Translate, language: str | None) -> None:
        code = iso_639(language)
        names = _NAMES_IN.get(code, _NAMES_IN["en"])
        numbers = _NUMBERS_IN.get(code, _NUMBERS_IN["en"])
        trials = [
            *_trials(names, _PLACES),
            *_trials(names, _PERSONS),
            *_trials(numbers, _NUMBERS),
            *_trials(names, _SAMPLES),
        ]
        answers = translate([sentence for sentence, _ in trials])
        lost: dict[str, int] = {}
        for (_, inside), answer in zip(trials, answers, strict=True):
            for word in inside:
                lost[word] = lost.get(word, 0) + (answer.count(word) != 1)
        self.itself = not any(lost[word] for word in _SAMPLES)

        def kept(words: Sequence[str], most: int) -> list[str]:
            """Words that survived, those that survived all trials first."""
            return sorted((word for word in words if lost[word] <= most), key=lost.__getitem__)

        places, persons = kept(_PLACES, 1), kept(_PERSONS, 1)
        figures = kept(_NUMBERS, 0)
        self._by_role: dict[Role, list[str]] = {
            "name": [*places, *persons, *figures],
            "person": [*persons, *places, *figures],
            "number": [*figures, *places, *persons],
        }

    def chosen(self, roles: Sequence[Role], text: str, turn: int) -> list[str | None] | None:
        """A carrier for each protected part of a sentence, None for each mark.

        Args:
            roles: The roles of the parts.
            text: The sentence; no carrier is in it.
            turn: 0 for the best carriers, 1 for the next ones, and so on.

        Returns:
            The carriers, which all differ; None if there are too few.
        """
        lowered = text.lower()
        taken: set[str] = set()
        found: list[str | None] = []
        for role in roles:
            if role == "mark":
                found.append(None)
                continue
            own = self._by_role[role]
            free = (word for word in own if word not in taken and word.lower() not in lowered)
            # Carriers of earlier turns have failed.
            word = next(itertools.islice(free, turn, None), None)
            if word is None:
                return None
            taken.add(word)
            found.append(word)
        return found


def _trials(sentences: Sequence[str], words: Sequence[str]) -> list[tuple[str, tuple[str, str]]]:
    """Every word in every sentence, once first and once second."""
    pairs = list(zip(words, [*words[1:], words[0]], strict=True))
    return [(sentence.format(*pair), pair) for sentence in sentences for pair in pairs]
