"""A short, seeded slice of fuzzing.py; the long run is for the command line."""

import pathlib

import pytest
from fuzz_seeds import write_seeds
from fuzzing import Case, use

SEED = 20
CASES = 400


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    return write_seeds(tmp_path_factory.mktemp("seeds"))


def test_every_seed_is_a_sound_model(seeds: list[pathlib.Path]) -> None:
    for path in seeds:
        assert use(path), path.name


def test_mutated_model_is_read_or_refused(
    seeds: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    outcomes = set()
    for number in range(CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        # Whatever else it raises names the case.
        path = Case(seeds, SEED, number).write(folder)
        outcomes.add(use(path))
    assert outcomes == {True, False}


def test_case_is_the_same_again(seeds: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    contents = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        path = Case(seeds, SEED, 5).write(folder)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]
