"""Overrides that come again are validated once, and never taken for others."""

import pytest

import pyattn
from pyattn.text.settings import replaced

_OPTIONS = pyattn.GenerationOptions(max_new_tokens=50)


def test_equal_overrides_give_the_same_object() -> None:
    first = replaced(_OPTIONS, {"beam_size": 2, "scores": False})
    assert first == _OPTIONS.replace(beam_size=2, scores=False)
    assert replaced(_OPTIONS, {"beam_size": 2, "scores": False}) is first
    assert replaced(_OPTIONS, {}) is _OPTIONS


def test_wrong_overrides_fail_each_time() -> None:
    assert replaced(_OPTIONS, {"beam_size": 1}).beam_size == 1
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match="beam_size"):
            replaced(_OPTIONS, {"beam_size": True})
        with pytest.raises(TypeError, match="unknown option"):
            replaced(_OPTIONS, {"beam": 1})


def test_lists_are_read_each_time() -> None:
    banned = [5]
    assert replaced(_OPTIONS, {"suppress_tokens": banned}).suppress_tokens == (5,)
    banned.append(6)
    assert replaced(_OPTIONS, {"suppress_tokens": banned}).suppress_tokens == (5, 6)
