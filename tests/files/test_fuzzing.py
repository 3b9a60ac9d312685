"""A short, seeded slice of fuzzing.py; the long run is for the command line."""

import pathlib
import shutil

import pytest

from support.fuzz_driver import size
from support.fuzz_inputs import Inputs
from support.fuzz_models import WAYS, ModelCase, use
from support.fuzz_seeds import write_seeds

SEED = 20
# Of every seed.
CASES = 6


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    return write_seeds(tmp_path_factory.mktemp("seeds"))


def test_every_seed_is_a_sound_and_small_model(
    seeds: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    for path in seeds:
        assert size(path) < 150_000, path.name
        for way in WAYS:
            copy = tmp_path / f"{path.name}-{way}" / path.name
            copy.parent.mkdir()
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
            # A package of Argos has more to say than a folder of ours could.
            kept = path.suffix == ".argosmodel" and way == "convert"
            assert use(copy, way) is not kept, (path.name, way)


@pytest.mark.filterwarnings("ignore:word-penalty")
def test_mutated_model_is_read_or_refused(
    seeds: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    outcomes = set()
    for source in seeds:
        for number in range(CASES):
            folder = tmp_path / f"{source.name}-{number}"
            folder.mkdir()
            # Whatever else it raises names the case.
            case = ModelCase([source], SEED, number)
            outcomes.add(use(case.write(folder), case.way, case.dtype))
    assert outcomes == {True, False}


def test_case_is_the_same_again(seeds: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    contents = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        path = ModelCase(seeds, SEED, 5).write(folder)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]


def test_a_slice_of_other_inputs_finds_nothing(tmp_path: pathlib.Path) -> None:
    outcomes = set()
    for number in range(28):
        folder = tmp_path / str(number)
        folder.mkdir()
        case = Inputs(tmp_path).case(SEED, number)
        outcomes.add(case.use(case.write(folder)))
    assert outcomes == {True, False}
