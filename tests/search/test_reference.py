"""Every search with every option, in random company, is what the reference defines."""

import dataclasses
import functools
from typing import Any

import pytest

from pyattn import GenerationOptions, Model, reference
from pyattn.checkpoint import Checkpoint
from support.inputs import FAMILIES, ISAS, RECIPES, assert_same_hypotheses, checkpoint, sentences
from support.option_mixes import Mixer

NAMES = (*RECIPES, *FAMILIES)
MIXES = 24

# Time is no matter of definition.
UNDEFINED = {"max_time"}


@functools.cache
def known(name: str) -> Checkpoint:
    """A checkpoint that says which token is the unknown."""
    plain = checkpoint(name)
    return dataclasses.replace(plain, config=dataclasses.replace(plain.config, unk=4))


@functools.cache
def core_model(name: str, isa: str) -> Model:
    return Model(known(name), dtype="float32", threads=1, isa=isa)


@functools.cache
def numpy_model(name: str) -> reference.Model:
    return reference.Model(known(name))


def mixes(name: str) -> list[dict[str, Any]]:
    # By this seed no search meets a near-tie.
    mixer = Mixer(1, known(name).config)
    return [mixer.mixed() for _ in range(MIXES)]


def answer(model: Model | reference.Model, name: str, options: dict[str, Any]) -> Any:
    """What is found, or the error of a search that ran out of tokens."""
    some = sentences(44, known(name).config, 4, 14)
    try:
        return model.generate(some, **options)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("name", NAMES)
def test_options_in_company_do_what_the_reference_says(name: str) -> None:
    for options in mixes(name):
        wanted = answer(numpy_model(name), name, options)
        # A search knows nothing of levels: the best and a plain one will do.
        for isa in (ISAS[0], "portable"):
            found = answer(core_model(name, isa), name, options)
            if isinstance(wanted, str):
                assert found == wanted, options
            else:
                assert_same_hypotheses(found, wanted, options)


def test_every_option_is_there_with_another_value_than_its_own() -> None:
    plain = GenerationOptions()
    met = {
        option
        for name in NAMES
        for options in mixes(name)
        for option, value in options.items()
        if value != getattr(plain, option)
    }
    assert met == {field.name for field in dataclasses.fields(plain)} - UNDEFINED


def test_most_searches_find_something() -> None:
    # Errors that are alike would test little.
    found = [answer(core_model(n, ISAS[0]), n, mix) for n in NAMES for mix in mixes(n)]
    assert sum(isinstance(one, list) for one in found) > 0.8 * len(found)
