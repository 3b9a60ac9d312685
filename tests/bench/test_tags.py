import pathlib

import pytest

pytest.importorskip("sacrebleu")

import tags

JUDGED = pathlib.Path(tags.__file__).with_name("tags.tsv")


def test_a_tag_is_right_around_one_answer_and_nothing_else() -> None:
    answers = ["gatos", "los gatos"]
    assert tags.is_right("A <b>Los gatos</b> duermen.", answers)
    assert not tags.is_right("A <b>los</b> gatos duermen.", answers)
    assert not tags.is_right("A los <b>gatos duermen</b>.", answers)
    assert not tags.is_right("A los gatos duermen.", answers)


def test_every_judged_sentence_has_one_tag_and_answers_in_its_translation() -> None:
    rows = [line.split("\t") for line in JUDGED.read_text("utf-8").splitlines()]
    assert len({source for source, _, _ in rows}) == 200
    for source, translation, answers in rows:
        assert source.count("<b>") == source.count("</b>") == 1
        assert all(answer in translation for answer in answers.split(" | "))


def test_pieces_are_translated_one_by_one() -> None:
    class Shouting:
        def translate(self, texts: list[str]) -> list[str]:
            return [f"{text.upper()}." for text in texts if text == text.strip()]

    assert tags.by_pieces(Shouting(), [["a ", "b", " c"]]) == ["A. <b>B</b> C."]
