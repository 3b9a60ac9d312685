"""Subtitles: times are kept, sentences are joined and cut again, lines are short."""

from __future__ import annotations

import re

import pysubs2
import pytest

from pyattn import documents
from pyattn.errors import DocumentError
from support.document_makers import Maker
from support.toy_translators import Capitals, capitals, identity, reversed_order, same_order

HEAD = "1\n00:00:01,000 --> 00:00:02,000\n"


def cues(*texts: str, gap: int = 0) -> str:
    """A film of cues of one second each, with a gap of milliseconds between them."""
    parts = []
    for number, text in enumerate(texts):
        begin = number * (1000 + gap)
        stamps = [f"00:00:{n // 1000:02},{n % 1000:03}" for n in (begin, begin + 1000)]
        parts.append(f"{number + 1}\n{stamps[0]} --> {stamps[1]}\n{text}\n")
    return "\n".join(parts)


def texts(film: str) -> list[str]:
    return [re.sub(r"\A\d+\n.*-->.*\n", "", part) for part in film.rstrip("\n").split("\n\n")]


def asked(film: str) -> list[str]:
    """The texts that a translator gets."""
    translate = Capitals(same_order)
    documents.translate(film.encode(), "srt", translate)
    return [text for call in translate.calls for text in call]


def translated(film: str, order: object = same_order) -> list[str]:
    found = documents.translate(film.encode(), "srt", Capitals(order))
    return texts(found.decode())


@pytest.mark.parametrize("format", ["srt", "vtt"])
def test_times_numbers_and_settings_keep_their_bytes(format: str) -> None:
    for seed in range(200):
        film = getattr(Maker(seed), format)()
        found = documents.translate(film.encode(), format, Capitals(reversed_order)).decode()
        before, after = film.splitlines(), found.splitlines()
        assert [line for line in after if "-->" in line] == [
            line for line in before if "-->" in line
        ]
        assert len(pysubs2.SSAFile.from_string(found)) == len(pysubs2.SSAFile.from_string(film))
        tags = re.compile(r"</?[a-z][^<>\n]*>|\{[^}]*\}")
        assert sorted(tags.findall(found)) == sorted(tags.findall(film))


def test_cues_of_one_sentence_are_one_text() -> None:
    assert asked(cues("I went home", "to my wife. It", "was late.", "We slept.")) == [
        "We slept.",
        "I went home to my wife. It was late.",
    ]
    assert asked(cues("I went home", "to my wife.", gap=1500)) == ["I went home", "to my wife."]
    assert asked(cues("- Hello you\n- Hello", "to my wife.")) == [
        "Hello you",
        "Hello",
        "to my wife.",
    ]
    assert asked(cues("I went", "♪ la la")) == ["I went", "♪ la la"]


def test_texts_are_cut_where_their_words_are() -> None:
    film = cues("one two", "three. four five", "six seven.")
    assert translated(film) == ["ONE TWO", "THREE. FOUR FIVE", "SIX SEVEN."]
    # In the reversed order nothing tells where to cut but the length.
    assert " ".join(translated(film, reversed_order)) == "SEVEN. SIX FIVE FOUR THREE. TWO ONE"


def test_tags_stay_in_their_cue() -> None:
    film = cues("<i>one <b>two</b></i>", "three <i>four</i>", "{\\an8}five.")
    assert translated(film) == ["<i>ONE <b>TWO</b></i>", "THREE <i>FOUR</i>", "{\\an8}FIVE."]


def test_speakers_keep_their_dashes() -> None:
    assert translated(cues("- one?\n<i>- two</i>\nthree.")) == ["- ONE?\n<i>- TWO</i> THREE."]


def test_lines_are_two_of_42_letters_at_most() -> None:
    words = "abcdefg " * 10
    found = documents.translate(cues("x y", "z.").encode(), "srt", lambda _: [words.strip()])
    lines = [line for text in texts(found.decode()) for line in text.split("\n")]
    assert len(lines) == 2
    assert max(map(len, lines)) <= 42
    long = "a" * 20 + " " + "b" * 30
    assert translated(cues(long)) == [long.upper()]
    three = "a b\nc d\ne f"
    found = documents.translate(cues(three).encode(), "srt", lambda _: [words.strip()])
    assert [len(text.split("\n")) for text in texts(found.decode())] == [2]


def test_no_cue_becomes_blank() -> None:
    for answer in ("", " ", "x", "x y"):
        found = documents.translate(cues("a b", "c d", "e f.").encode(), "srt", lambda _: [answer])  # noqa: B023
        assert all(text.strip() for text in texts(found.decode()))
        assert len(pysubs2.SSAFile.from_string(found.decode())) == 3


def test_webvtt_keeps_notes_styles_names_and_escapes() -> None:
    film = (
        "WEBVTT\n\nNOTE some text\n\nSTYLE\n::cue {}\n\nid\n00:01.000 --> 00:02.000 line:0\n"
        "<v Tom Smith>one &amp; <c.red>two</c>\n\n00:02.000 --> 00:03.000\nthree &lt;x&gt;.\n"
    )
    found = documents.translate(film.encode(), "vtt", Capitals(same_order)).decode()
    assert found == film.replace("one", "ONE").replace("two", "TWO").replace(
        "three", "THREE"
    ).replace("&lt;x&gt;", "&lt;X&gt;")


def test_line_ends_of_cues_are_those_of_the_file() -> None:
    film = (HEAD + "one two\nthree four five six seven eight nine ten eleven.\n").replace(
        "\n", "\r\n"
    )
    found = documents.translate(film.encode(), "srt", capitals)
    assert b"\n" not in found.replace(b"\r\n", b"")


def test_a_film_is_translated_in_a_few_calls() -> None:
    film = cues(*(f"some words {n}." for n in range(50)))
    assert documents.translate(film.encode(), "srt", identity) == film.encode()
    translate = Capitals()
    documents.translate(film.encode(), "srt", translate)
    assert len(translate.calls) == 1


def test_a_file_without_cues_is_refused_with_its_place() -> None:
    with pytest.raises(DocumentError, match=r"srt: line 1, column 1: no line has times"):
        documents.translate(b"just text\n", "srt", identity)
    with pytest.raises(DocumentError, match=r"vtt: line 1, column 1: .* \"WEBVTT\""):
        documents.translate(cues("a").encode(), "vtt", identity)
    assert documents.translate(b"", "srt", identity) == b""


def test_dialogue_of_substation_files_keeps_all_but_its_text() -> None:
    for seed in range(150):
        film = Maker(seed).ass()
        found = documents.translate(film.encode(), "ass", Capitals(reversed_order)).decode()
        before, after = pysubs2.SSAFile.from_string(film), pysubs2.SSAFile.from_string(found)
        assert before.info == after.info
        for old, new in zip(before, after, strict=True):
            same = ("start", "end", "style", "name", "type", "layer", "effect", "marginl")
            assert [getattr(new, name) for name in same] == [getattr(old, name) for name in same]
            marks = re.compile(r"\{[^}]*\}")
            assert sorted(marks.findall(new.text)) == sorted(marks.findall(old.text))
            if old.type == "Comment" or "\\p1" in old.text:
                assert new.text == old.text
        words = re.compile(r"\w+")
        seen = [words.findall(re.sub(r"\{[^}]*\}|\\[Nh]", " ", line.text)) for line in after]
        asked = [words.findall(re.sub(r"\{[^}]*\}|\\[Nh]", " ", line.text)) for line in before]
        assert sorted(w.upper() for line in seen for w in line) == sorted(
            w.upper() for line in asked for w in line
        )


def test_substation_lines_that_are_broken_are_refused() -> None:
    head = "[Events]\nFormat: Start, End, Text\nDialogue: "
    for line in ("0:00:01.00", "x,y,z"):
        with pytest.raises(DocumentError, match="ass: line 3, column 1: "):
            documents.translate((head + line).encode(), "ass", identity)
    film = head + "0:00:01.00,0:00:02.00,{\\i1}one, two{\\i0}\\Nthree"
    found = documents.translate(film.encode(), "ass", capitals).decode()
    assert found == head + "0:00:01.00,0:00:02.00,{\\i1}ONE, TWO{\\i0} THREE"


@pytest.mark.parametrize("first", [True, False])
def test_a_cue_without_room_has_some_of_its_neighbour(first: bool) -> None:
    short, long = "One is here.", "One two three four five six seven eight nine."
    answers = ["Uno.", " ".join(["abcdefghi"] * 9) + "."]  # 90 letters, of which 84 have room
    film = cues(long, short) if first else cues(short, long)
    found = documents.translate(
        film.encode(), "srt", lambda _: [" ".join(answers[::-1] if first else answers)]
    )
    lines = [text.split("\n") for text in texts(found.decode())]
    assert max(len(line) for own in lines for line in own) <= 42
    assert max(map(len, lines)) <= 2
    assert " ".join(" ".join(own) for own in lines).count("abcdefghi") == 9
