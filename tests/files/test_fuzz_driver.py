"""What runs mutated inputs counts each of them, whatever it does to its process."""

import json
import pathlib

from support.fuzz_driver import Fuzzing, Plan
from support.fuzz_known import OUTCOMES, Known


def plan(folder: pathlib.Path, count: int, seconds: float | None = None) -> Plan:
    return Plan(
        count=count, seconds=seconds, seed=1, first=0, jobs=2, keep=folder, limit_memory=True
    )


def test_every_outcome_is_counted_and_findings_are_kept(tmp_path: pathlib.Path) -> None:
    fuzzing = Fuzzing(Known(), plan(tmp_path, 2 * len(OUTCOMES)))
    fuzzing.run()
    record = json.loads(json.dumps(fuzzing.record()))
    assert record["counts"] == {name: {name: 2} for name in OUTCOMES}
    assert record["cases"] == 12
    wrong = [n for n in range(12) if OUTCOMES[n % 6].isupper()]
    assert sorted(found["case"] for found in record["findings"]) == wrong
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == wrong
    assert (tmp_path / "2" / "case").read_text() == "CRASH"
    [error] = [found["error"] for found in record["findings"] if found["case"] == 3]
    assert "KeyError: 'missing'" in error


def test_a_time_ends_a_run(tmp_path: pathlib.Path) -> None:
    fuzzing = Fuzzing(Known(), plan(tmp_path, 1 << 40, 0.0))
    fuzzing.run()
    assert fuzzing.total < 50
