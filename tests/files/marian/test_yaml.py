"""The YAML that Marian writes, and what its reader makes of other YAML."""

import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from pyattn.errors import ModelError
from pyattn.files.marian.options import Options
from pyattn.files.marian.yaml import parse_yaml


def parsed(text: str) -> object:
    return parse_yaml(text.encode(), "a.yml")


def test_every_scalar_is_a_text_whatever_it_looks_like() -> None:
    text = (
        "\"</s>\": 0\nno: 1\n1.5: 2\n~: 3\n2020-01-01: 4\n0x10: 5\n=: 6\n\"\\u2581a\": 7\n'b''c': 8"
    )
    wanted = ["</s>", "no", "1.5", "~", "2020-01-01", "0x10", "=", "▁a", "b'c"]
    assert parsed(text) == {token: str(n) for n, token in enumerate(wanted)}


def test_keys_may_be_written_the_long_way() -> None:
    assert parsed('? "a: b"\n: 1\n? |-\n  c\n: 2\n? d\n: 3\n') == {"a: b": "1", "c": "2", "d": "3"}


def test_lists_are_lists_of_texts_and_what_is_deeper_is_nothing() -> None:
    text = "a:\n  - x\n  - 1\nb: []\nc:\n  []\nd: {x: 1}\ne: [[1], 2]\nf: ''\ng:\n"
    assert parsed(text) == {
        "a": ["x", "1"], "b": [], "c": [], "d": None, "e": None, "f": "", "g": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "StreamEnd, expected a YAML mapping"),
        ("text", "Scalar, expected a YAML mapping"),
        ("- a", "SequenceStart, expected a YAML mapping"),
        ("a: b\n---\nc: d", "DocumentStart behind the mapping, expected its end"),
        ("? [a]\n: b", "SequenceStart as a key, expected a text"),
        ("a: 1\nb: 2\na: 3", "the key 'a' stands twice"),
        ("a: &x 1\nb: *x", "'b' has an alias, expected values themselves"),
        ("a: &x [*x]", "'a' has an alias, expected values themselves"),
        ("a: &x [1]\n<<: *x", "'<<' has an alias"),
        ("a: &x 1\n*x : 2", "Alias as a key, expected a text"),
        ("%YAML 1.2\n---\na: 1", "has a directive, expected none"),
        ("a: [1", "not valid YAML: while parsing a flow sequence"),
        ("a: \0", "not valid YAML: unacceptable character #x0000"),
        ("a: b: c", "not valid YAML: mapping values are not allowed"),
    ],
)
def test_other_yaml_is_refused(text: str, message: str) -> None:
    with pytest.raises(ModelError) as error:
        parsed(text)
    assert str(error.value).startswith(f"a.yml: {message}")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ModelError, match=r"^a\.yml: not valid UTF-8$"):
        parse_yaml(b"a: \xff", "a.yml")


@pytest.mark.parametrize("text", ["a: " + "[" * 200_000, "? " * 200_000, "a: {b: " * 100_000])
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    # Read to its end it would take minutes.
    with pytest.raises(ModelError):
        parsed(text)


def test_tags_build_nothing() -> None:
    assert parsed("a: !!python/object/apply:os.getcwd []\nb: !!int x") == {"a": [], "b": "x"}


def test_aliases_of_aliases_take_no_memory() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 8)}]\n" for a, b in itertools.pairwise("abcdefghi")
    )
    tracemalloc.start()
    with pytest.raises(ModelError, match="alias"):
        parsed(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_options_say_what_was_expected() -> None:
    options = Options("a.yml", {"a": "x", "b": ["1", "y"], "c": None, "d": "nan", "e": "true"})
    assert options.number("e", 0.0) == 1.0
    assert options.texts("a") == ["x"]
    assert "a" in options
    refused: list[tuple[Callable[[], Any], str]] = [
        (lambda: options.integer("a", 0), "a is 'x', expected 0 to 2147483647"),
        (lambda: options.integers("b", high=9), "b is a list of 2, expected integers from 0 to 9"),
        (lambda: options.text("b", ""), "b is a list of 2, expected a text"),
        (lambda: options.texts("c"), "c is nested, expected a list of texts"),
        (lambda: options.number("d", 0.0), "d is 'nan', expected a number"),
        (lambda: options.number("a", 0.0), "a is 'x', expected a number"),
        (lambda: options.flag("a", False), "a is 'x', expected true or false"),
    ]
    for call, message in refused:
        with pytest.raises(ModelError) as error:
            call()
        assert str(error.value) == f"a.yml: {message}"
