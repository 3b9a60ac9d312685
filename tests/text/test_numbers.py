import pytest

from pyattn.text.numbers import numbers_differ


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("I have 123 apples.", "Tengo 123 manzanas."),
        ("It costs 1,600 euros.", "Cuesta 1.600 euros."),
        ("It costs 1,600.50 euros.", "Cuesta 1 600,50 euros."),
        ("It costs 1,600.", "Cuesta 1600."),
        ("3.5 %", "3,5 %"),
        ("At 10:30.", "A las 10.30."),
        ("12 and 34.", "34 y 12."),
        ("I have 2 dogs.", "Tengo dos perros."),
        ("Nothing.", "Nada."),
        ("\u0661\u0662 apples", "12 manzanas"),
        ("In 1984.", "En 1984."),
    ],
)
def test_same_numbers_are_no_difference(text: str, translation: str) -> None:
    assert not numbers_differ(text, translation)


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("I have 123 apples.", "Tengo doce manzanas."),
        ("In 1977.", "En 5777."),
        ("It costs 1,600.", "Cuesta 100."),
        ("Nothing.", "Nada 42."),
        ("12 and 12.", "12."),
        ("10.5", "105 y 10"),
    ],
)
def test_other_numbers_are_a_difference(text: str, translation: str) -> None:
    assert numbers_differ(text, translation)
