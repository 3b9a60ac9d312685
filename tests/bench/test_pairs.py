import pathlib
from typing import IO

import numpy as np
import pairs
import pytest

LENGTHS = np.random.default_rng(3).integers(2, 40, (500, 2))


def test_every_pair_is_in_one_batch_of_an_epoch() -> None:
    batches = pairs.plan_batches(LENGTHS, 300, seed=1, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(500))


def test_padding_counts_towards_the_budget() -> None:
    batches = pairs.plan_batches(LENGTHS, 300, seed=1, epoch=0)
    assert all(len(batch) * LENGTHS[batch].max() <= 300 for batch in batches)
    assert len(batches) < 2 * LENGTHS.max(axis=1).sum() / 300  # and is not wasted


def test_a_pair_above_the_budget_has_a_batch_of_its_own() -> None:
    lengths = np.array([[3, 3], [500, 3], [3, 3]])
    batches = pairs.plan_batches(lengths, 100, seed=1, epoch=0)
    assert sorted(map(sorted, batches)) == [[0, 2], [1]]


def test_batches_are_a_function_of_seed_and_epoch() -> None:
    def plan(seed: int, epoch: int) -> list[list[int]]:
        return [b.tolist() for b in pairs.plan_batches(LENGTHS, 300, seed, epoch)]

    assert plan(1, 4) == plan(1, 4)
    assert plan(1, 4) != plan(1, 5)
    assert plan(1, 4) != plan(2, 4)


def test_only_line_feeds_end_a_line(tmp_path: pathlib.Path) -> None:
    source, target = tmp_path / "en", tmp_path / "es"
    source.write_text("one\u2028more\n\n", "utf-8")
    target.write_text("uno\n\n", "utf-8")
    assert pairs.read_pair(source, target) == (["one\u2028more", ""], ["uno", ""])


def test_files_of_different_lengths_are_refused(tmp_path: pathlib.Path) -> None:
    source, target = tmp_path / "en", tmp_path / "es"
    source.write_text("one\ntwo\n", "utf-8")
    target.write_text("uno\n", "utf-8")
    with pytest.raises(ValueError, match=r"es has 1 lines, expected 2 as in .*en"):
        pairs.read_pair(source, target)


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        pairs.write_whole(path, fail)
    assert path.read_bytes() == b"old"
