import pathlib

import pytest

from pyattn.errors import ModelError
from pyattn.files.ctranslate2.vmap import VocabularyMap, read_vmap
from pyattn.files.vocabulary import Vocabulary

TARGET = Vocabulary(["<unk>", "<s>", "</s>", "le", "chat", "noir", "un", "d'"], "<unk>")


def read(tmp_path: pathlib.Path, content: bytes) -> VocabularyMap:
    path = tmp_path / "vmap.txt"
    path.write_bytes(content)
    return read_vmap(path, TARGET, always=("<s>", "</s>"))


def test_an_n_gram_anywhere_in_a_source_brings_its_tokens(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, b"the\tle\nblack cat\tchat noir\na b c\tun\n")
    assert (len(found), found.longest) == (3, 3)
    assert found.candidates([]) == [0, 1, 2]
    assert found.candidates(["the"]) == [0, 1, 2, 3]
    assert found.candidates(["see", "the", "black", "cat"]) == [0, 1, 2, 3, 4, 5]
    assert found.candidates(["black", "the", "cat"]) == [0, 1, 2, 3]
    assert found.candidates(["a", "b"]) == [0, 1, 2]
    assert found.candidates(["a", "a", "b", "c"]) == [0, 1, 2, 6]


def test_what_no_source_token_brings_may_always_come(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, b"\td' le\nthe\tle un\n")
    assert found.candidates(["x"]) == [0, 1, 2, 3, 7]
    assert found.candidates(["the"]) == [0, 1, 2, 3, 6, 7]


def test_tokens_that_the_vocabulary_lacks_are_unknown(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, b"the\tles le\n").candidates(["the"]) == [0, 1, 2, 3]


def test_the_last_of_equal_n_grams_counts(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, b"the\tle\nthe\tun\n").candidates(["the"]) == [0, 1, 2, 6]


def test_line_ends_and_spaces_too_many_do_not_matter(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, b"the\tle  un \r\na\t\nx\tnoir")
    assert found.candidates(["the", "a", "x"]) == [0, 1, 2, 3, 5, 6]


def test_an_empty_file_allows_what_always_may_come(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, b"").candidates(["the"]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"the\tle\n\n", "vmap.txt: line 2 has 0 tabs, expected one"),
        (b"the\tle\tun\n", "vmap.txt: line 1 has 2 tabs, expected one"),
        (b"\xff\tle\n", "vmap.txt: line 1 is not valid UTF-8"),
        (b"a" + b" a" * 16 + b"\tle\n", "vmap.txt: line 1 has more than 16 source tokens"),
        (b"a\t" + b"le " * (1 << 21), "vmap.txt: line 1 is longer than 4194304 bytes"),
    ],
)
def test_what_is_malformed_is_refused(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    with pytest.raises(ModelError) as error:
        read(tmp_path, content)
    assert str(error.value) == message
