import pathlib
import struct

import pytest

pytest.importorskip("sacrebleu")

import protection

from pyattn.results import Translation


def catalog(pairs: dict[str, str], order: str = "<") -> bytes:
    """A .mo file: its header, two tables of lengths and places, and the texts."""
    texts = [text.encode() for column in zip(*pairs.items(), strict=True) for text in column]
    begin = 28 + 8 * len(texts)
    places = [begin + sum(len(text) + 1 for text in texts[:n]) for n in range(len(texts))]
    tables = [
        number for text, place in zip(texts, places, strict=True) for number in (len(text), place)
    ]
    head = [0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0]
    numbers = struct.pack(f"{order}{len(head) + len(tables)}I", *head, *tables)
    return numbers + b"".join(text + b"\0" for text in texts)


PAIRS = {
    "": "Language: es",
    "Open {name}.": "Abra {name}.",
    "month\x04May": "Mayo",
    "%d file\0%d files": "%d archivo\0%d archivos",
}


@pytest.mark.parametrize("order", "<>")
def test_catalogs_are_read_with_contexts_and_plural_forms(order: str) -> None:
    assert list(protection.read_catalog(catalog(PAIRS, order))) == [
        ("Open {name}.", "Abra {name}."),
        ("May", "Mayo"),
        ("%d file", "%d archivo"),
        ("%d files", "%d archivos"),
    ]


def translation(text: str, *warnings: str) -> Translation:
    return Translation(
        tokens=[], score=None, token_scores=None, finish_reason="eos", text=text, warnings=warnings
    )


def test_lost_and_doubled_parts_are_told_apart() -> None:
    best = {
        "Open {a}.": translation("Abra {a}."),
        "See {a} and {b}.": translation("Ve {a} y {a}.", "protected"),
        "Nothing.": translation("Nada {a}."),
    }
    row = protection.counted(best, {text: text for text in best})
    assert {name: row[name] for name in ("holders", "parts", "kept", "lost", "doubled")} == {
        "holders": 2,
        "parts": 3,
        "kept": 1,
        "lost": 1,
        "doubled": 1,
    }
    assert (row["exact"], row["weak"]) == (1, 1)


def test_report_has_a_row_for_each_way(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "locale/es/LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.mo").write_bytes(catalog(PAIRS))
    arguments = ["--catalogs", str(tmp_path), "--threads", "1", "--sample", "1"]
    assert protection.main([*arguments, "--write", str(tmp_path / "report")]) == 0
    report = (tmp_path / "report.md").read_text("utf-8")
    assert "4 messages, 3 of them with 3 different protected parts" in report
    assert "| True | 100.0% | 0 | 0 | 100.0% |" in report
    assert "{name}" not in report  # the messages are others' work
    assert capsys.readouterr().out.count("\n    '") == 1
    assert protection.main(["--catalogs", str(tmp_path / "none")]) == 1
