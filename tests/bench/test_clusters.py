import pathlib
import subprocess
import sys

import pytest

from support.lanes import slow
from support.paths import ROOT

if not (ROOT / "bench").is_dir():
    pytest.skip("the benchmarks are not in the wheel", allow_module_level=True)

import clusters


def test_sentences_are_different() -> None:
    assert len(set(clusters.sentences(2000))) == 2000


def test_lost_doubled_and_changed_rows_are_counted() -> None:
    truth = {1: "a", 2: "b", 3: "c"}
    found = [(1, "a"), (2, "x"), (2, "b")]
    assert clusters.compared(found, truth) == {"returned": 3, "once": 1, "equal": 2}


@slow
def test_a_killed_actor_changes_nothing(tmp_path: pathlib.Path) -> None:
    for name in ("ray", "dask", "datasets"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    script = ROOT / "bench" / "clusters.py"
    run = subprocess.run(
        [sys.executable, str(script), "--sentences", "2000"], cwd=tmp_path, check=False
    )
    assert run.returncode == 0
