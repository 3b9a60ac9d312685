import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from pyattn.commands import benchmark, benchmark_work, benchmark_worker
from pyattn.running.origin import SHIPPED_MODEL

WORK = benchmark_work.Work(kind="encoder-decoder", noun="sentence", sources=[[5, 0]])
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def result() -> benchmark.Result:
    rows = [("numpy", 4.0, 1.0, 100.0), ("pyattn", 0.5, 8.0, None)]
    return benchmark.Result(
        model="folder",
        cpu="Abacus 3000",
        isa="beads",
        dtype="float32",
        threads=3,
        options={"beam_size": 1},
        sentences=2,
        source_tokens=17,
        same_answers=1,
        measurements=tuple(
            benchmark.Measurement(
                contender=name,
                batch=8,
                seconds=(seconds, seconds),
                tokens=40,
                tokens_per_second=40 / seconds,
                ms_per_sentence=500 * seconds,
                speed_up=speed_up,
                peak_mib=peak,
            )
            for name, seconds, speed_up, peak in rows
        ),
    )


def test_table_has_the_figures() -> None:
    lines = benchmark.table(result()).splitlines()
    assert lines[0] == "folder: 2 sentences, 17 source tokens, beam_size 1"
    assert lines[1] == "Abacus 3000, isa beads, float32, threads 3; median of 2 rounds"
    assert lines[4].split() == ["numpy", "8", "10", "2000.00", "1.00x", "100"]
    assert lines[5].split() == ["pyattn", "8", "80", "250.00", "8.00x", "-"]
    assert lines[7] == "same tokens for 1 of 2 sentences"


def test_json_has_every_field() -> None:
    values = json.loads(benchmark.to_json(result()))
    assert values["measurements"][1]["seconds"] == [0.5, 0.5]
    assert values["options"] == {"beam_size": 1}


def test_sentences_are_distinct() -> None:
    assert len(set(benchmark_work.SENTENCES)) == len(benchmark_work.SENTENCES) == 32


def test_speed_is_that_of_the_median_round() -> None:
    rounds = [benchmark_worker.Round(s, None, [[1], [2, 3]], 5, None) for s in (1.0, 8.0, 2.0)]
    baseline = [benchmark_worker.Round(s, None, [[1], [2, 3]], 5, None) for s in (3.0, 4.0, 9.0)]
    row = benchmark._measurement("pyattn", 1, rounds, baseline, 17)
    assert (row.tokens_per_second, row.ms_per_sentence, row.speed_up) == (2.5, 1000, 2)


def test_workers_inherit_threads_and_this_process_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before, handler = dict(os.environ), signal.getsignal(signal.SIGINT)
    with benchmark_worker.inherited(3):
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "3"
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    assert dict(os.environ) == before
    assert signal.getsignal(signal.SIGINT) == handler


@LINUX
def test_peak_is_this_process_own() -> None:
    before = benchmark_worker.peak_mib()
    assert before is not None
    filled = b"\1" * (64 << 20)
    after = benchmark_worker.peak_mib()
    assert after is not None
    assert after >= len(filled) >> 20


def test_worker_that_dies_is_an_error() -> None:
    with benchmark_worker.Worker("pyattn", SHIPPED_MODEL, "float32", 1) as worker:
        assert worker.facts["threads"] == 1
        worker._process.kill()
        with pytest.raises(RuntimeError, match="the process of pyattn ended with exit code"):
            worker.round(WORK, 1)


def test_error_in_a_worker_is_raised_here() -> None:
    with (
        benchmark_worker.Worker("numpy", SHIPPED_MODEL, "float32", 1) as worker,
        pytest.raises(ValueError, match="beam_size"),
    ):
        worker.round(dataclasses.replace(WORK, search={"beam_size": 0}), 1)


@LINUX
def test_interrupt_is_quiet_and_leaves_no_process(tmp_path: pathlib.Path) -> None:
    errors = tmp_path / "errors"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "pyattn", "bench", "--threads", "1", "--rounds", "100000"],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and len(children.read_text().split()) < 3:
        time.sleep(0.1)  # for both workers and the tracker of multiprocessing
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(timeout=120) == 130
    assert errors.read_bytes() == b""
    deadline = time.monotonic() + 60
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        pytest.fail("a worker outlives the command")
