import pathlib

import pytest

pytest.importorskip("sacrebleu")

import glossary

from pyattn.results import Translation

TRAIN = [
    ("I see the house.", "Veo la casa."),
    ("The house is big.", "La casa es grande."),
    ("I see the table.", "Veo la mesa."),
    ("A table is here.", "Una mesa está aquí."),
]


def test_terms_are_nouns_that_translate_each_other() -> None:
    dev = [
        ("My house has a table.", "Mi casa tiene una mesa."),
        ("The house of the house.", "La casa."),
        ("House!", "¡Casa!"),
    ]
    assert glossary.terms_of(dev, TRAIN) == [(dev[0], {"house": "casa", "table": "mesa"})]


def test_other_terms_are_those_of_the_next() -> None:
    chosen = [("a", "b", {"house": "casa", "table": "mesa"}), ("c", "d", {"cat": "gato"})]
    assert [terms for _, _, terms in glossary.others(chosen)] == [
        {"house": "mesa", "table": "gato"},
        {"cat": "casa"},
    ]


def test_sources_are_replaced_by_words() -> None:
    assert glossary.replaced("House, houses", {"house": "casa"}) == "casa, houses"


def translation(text: str, *warnings: str) -> Translation:
    return Translation(
        tokens=[], score=None, token_scores=None, finish_reason="eos", text=text, warnings=warnings
    )


def test_used_exact_and_wanted_terms_are_counted() -> None:
    chosen = [("s", "r", {"house": "casa", "cat": "gato"}), ("s", "r", {"dog": "perro"})]
    plain = [translation("Casa"), translation("perros")]
    found = [translation("casa casa gato", "glossary"), translation("perros")]
    row = glossary.counted(found, plain, chosen)
    names = ("used", "exact", "wanted", "gained", "warned")
    assert {name: row[name] for name in names} == {
        "used": 2,
        "exact": 1,
        "wanted": 2,
        "gained": 1,
        "warned": 1,
    }


def test_report_has_a_row_for_each_way(tmp_path: pathlib.Path) -> None:
    for part in ("train", "dev"):
        for side in (0, 1):
            lines = "".join(f"{pair[side]}\n" for pair in TRAIN)
            (tmp_path / f"{part}.{('en', 'es')[side]}").write_text(lines, encoding="utf-8")
    arguments = ["--corpus", str(tmp_path), "--threads", "1", "--other"]
    assert glossary.main([*arguments, "--write", str(tmp_path / "report")]) == 0
    report = (tmp_path / "report.md").read_text("utf-8")
    assert "4 terms in 4 lines" in report
    assert "| strict | 100.0% | 100.0% |" in report
    for name in ("train.en", "dev.en"):
        (tmp_path / name).write_text("Nothing.\n" * 4, encoding="utf-8")
    assert glossary.main(arguments) == 1
