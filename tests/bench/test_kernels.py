import dataclasses
import json
import pathlib
import subprocess
import sys
from typing import Any

import kernel_cells
import kernel_report
import kernel_shapes
import kernels
import numpy as np
import peaks
import pytest
import roof

from support.lanes import slow
from support.paths import BENCH
from support.tolerances import BFLOAT16, FLOAT32, assert_close

KIB, MIB = 1 << 10, 1 << 20
CACHES = roof.Caches({"L1": 32 * KIB, "L2": MIB, "L3": 32 * MIB})
PEAKS = {
    **{"sse2_float32": 50.0, "avx2_float32": 100.0, "avx512_float32": 200.0},
    **{"avx2_int8": 200.0, "avx512_vnni_int8": 800.0, "avx512_bf16_bfloat16": 400.0},
    **{"amx_bfloat16": 3000.0, "amx_int8": 6000.0},
}
BANDWIDTH = {"L1": 400.0, "L2": 200.0, "L3": 50.0, "DRAM": 10.0}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH / "kernels.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_roof_is_the_lower_of_arithmetic_and_memory() -> None:
    def top(work: float, **traffic: float) -> float:
        return roof.roof(work, traffic, peak=100, bandwidth=BANDWIDTH)

    assert top(8e6, L3=1e6) == 100  # 8 operations a byte at 50 GB/s are 400
    assert top(1e6, L3=1e6) == 50
    assert top(1e6, DRAM=1e6) == 10
    assert top(1e6, L3=5e5, DRAM=5e5) == pytest.approx(1e-3 / (1e-5 + 5e-5))


def test_the_peak_is_that_of_the_level_s_own_instructions() -> None:
    assert roof.peak(PEAKS, "float32", "portable") == 50
    assert roof.peak(PEAKS, "float32", "avx2") == 100
    assert roof.peak(PEAKS, "float32", "avx512_vnni") == 200
    assert roof.peak(PEAKS, "int8", "avx512") == 200
    assert roof.peak(PEAKS, "int8", "avx512_vnni") == 800
    assert roof.peak(PEAKS, "int8") == 6000


def test_bfloat16_has_the_peak_of_float32_where_it_has_no_instruction() -> None:
    assert roof.peak(PEAKS, "bfloat16", "avx512_vnni") == 200
    assert roof.peak(PEAKS, "bfloat16", "avx512_bf16") == 400
    assert roof.peak(PEAKS, "bfloat16", "amx") == 3000


def test_a_level_that_the_roof_does_not_know_is_measured_against_the_machine() -> None:
    assert roof.peak(PEAKS, "int8", "a_level_of_tomorrow") == 6000


def test_caches_are_read_as_linux_describes_them() -> None:
    described = {"L1d": "32K", "L1i": "64K", "L2": "1M", "L3": "32768K"}
    assert roof.parse_caches(described) == CACHES


@pytest.mark.parametrize(
    ("size", "level"),
    [(32 * KIB, "L1"), (33 * KIB, "L2"), (2 * MIB, "L3"), (24 * MIB, "L3"), (28 * MIB, "DRAM")],
)
def test_a_size_lies_in_the_nearest_memory_that_holds_it(size: int, level: str) -> None:
    assert CACHES.level(size) == level


@pytest.mark.parametrize("size", [64 * KIB, 100_000, MIB, 3 * MIB])
def test_copies_exceed_l2_and_stay_in_l3(size: int) -> None:
    total = CACHES.copies(size) * size
    assert total >= 4 * MIB
    assert CACHES.level(total) == "L3"


def test_copies_go_to_memory_where_l3_is_small() -> None:
    small = roof.Caches({"L1": 32 * KIB, "L2": 2 * MIB, "L3": 2 * MIB})
    assert small.level(small.copies(MIB) * MIB) == "DRAM"
    none = roof.Caches({"L1": 32 * KIB, "L2": 2 * MIB})
    assert none.level(none.copies(MIB) * MIB) == "DRAM"
    assert roof.Caches({}).level(1) == "DRAM"


def test_a_buffer_for_each_memory_lies_in_it() -> None:
    for name, size in CACHES.probes().items():
        assert CACHES.level(size) == name


def test_a_product_is_counted_by_its_definition() -> None:
    matrix = kernel_cells.Linear(512, 512, "int8", (3,))
    near, far = matrix.cells(["portable"], CACHES)
    assert near.work == far.work == 2 * 3 * 512 * 512
    moved = 3 * (512 + 512) * 4
    assert near.traffic == {"L2": 512 * 512, "L1": moved}
    assert far.traffic == {"L3": 512 * 512, "L1": moved}
    assert [near.memory, far.memory] == ["L2", "L3"]
    assert len(near.calls["portable"]) == 1
    assert len(far.calls["portable"]) == 16
    assert near.shape == "3 x 512 -> 512"


def test_a_step_reads_each_token_once() -> None:
    (whole,) = kernel_cells.Step(32, 8, 256, 64, "float32").cells(["portable"], CACHES)
    (half,) = kernel_cells.Step(32, 8, 256, 64, "bfloat16").cells(["portable"], CACHES)
    assert whole.work == half.work == 32 * 8 * 256 * 64 * 4
    kept, queries = 32 * 256 * 2 * 8 * 64, 32 * 8 * 64 * 4
    assert whole.traffic == {"DRAM": 4 * kept + 2 * queries}
    assert half.traffic == {"L3": 2 * kept + 2 * queries}
    assert whole.shape == "32 x 8 on 256 x 64"


def test_bfloat16_steps_compute_the_same() -> None:
    (whole,) = kernel_cells.Step(3, 2, 5, 4, "float32").cells(["portable"], CACHES)
    (half,) = kernel_cells.Step(3, 2, 5, 4, "bfloat16").cells(["portable"], CACHES)
    wanted = whole.calls["portable"][0]()
    assert_close(half.calls["portable"][0](), wanted, BFLOAT16)
    if "torch" in half.calls:
        theirs = half.calls["torch"][0]().float().numpy()
        assert_close(theirs.reshape(wanted.shape), wanted, BFLOAT16)


def test_cells_are_as_many_as_were_counted() -> None:
    choice = kernel_shapes.Choice(
        dtypes=kernel_shapes.DTYPES,
        rows=(1, 3),
        products=((8, 24), (512, 128)),
        vocabularies=((8, 100),),
        blocks=(8,),
        attentions=((1, 2, 3, 3, 4, True), (1, 2, 1, 5, 4, False)),
        steps=((3, 2, 5, 4),),
        norms=(("layer_norm", 2, 8), ("rms_norm", 2, 8)),
    )
    for group in kernel_cells.groups(choice):
        assert len(list(group.cells(["portable"], CACHES))) == group.count(CACHES)


def test_contenders_compute_the_same() -> None:
    choice = kernel_shapes.Choice(
        dtypes=("float32",),
        rows=(3,),
        products=((8, 24),),
        vocabularies=(),
        blocks=(8,),
        attentions=((1, 2, 5, 5, 4, True), (1, 2, 1, 5, 4, False)),
        steps=((3, 2, 5, 4),),
        norms=(("layer_norm", 2, 8), ("rms_norm", 2, 8)),
    )
    for group in kernel_cells.groups(choice):
        for cell in group.cells(["portable"], CACHES):
            ours, *others = (np.asarray(calls[0]()) for calls in _of_float32(cell))
            for theirs in others:
                assert_close(theirs.reshape(ours.shape), ours, FLOAT32, cell.shape)


def _of_float32(cell: kernel_cells.Cell) -> list[kernel_cells.Calls]:
    return [calls for label, calls in cell.calls.items() if label != "torch bfloat16"]


def test_every_contender_has_its_turns() -> None:
    called = []
    calls = {name: [lambda name=name: called.append(name)] for name in "ab"}
    turns = kernels.take_turns(calls, 0)
    assert {name: len(seconds) for name, seconds in turns.items()} == {"a": 3, "b": 3}
    # Each begins with both, and every second round goes backwards.
    order = [name for name, before in zip(called, [None, *called], strict=False) if name != before]
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert all(second >= 0 for seconds in turns.values() for second in seconds)


@pytest.fixture
def cell() -> kernel_cells.Cell:
    traffic = {"L3": 1e6}
    return kernel_cells.Cell("linear", "bfloat16", "1 x 2 -> 3", "L3", 2e6, traffic, {})


def test_figures_are_medians_and_shares_are_of_the_best(cell: kernel_cells.Cell) -> None:
    turns = {"avx2": [40e-6, 25e-6, 50e-6], "torch": [20e-6] * 3, "torch bfloat16": [1e-6] * 3}
    figures = kernels.summary(cell, turns, {"peaks": PEAKS, "bandwidth": BANDWIDTH})
    ours, torch = (figures["contenders"][name] for name in ("avx2", "torch"))
    assert (ours["median_us"], ours["best_us"], ours["turns"]) == (40, 25, 3)
    assert (ours["gops"], ours["gb_s"]) == (50, 25)
    assert (ours["roof"], ours["percent"]) == (100, 80)
    assert (torch["roof"], torch["percent"]) == (100, 100)
    assert kernel_report.versus_torch(figures, "avx2") == 0.5
    without = {**figures, "contenders": {"avx2": ours}}
    assert kernel_report.versus_torch(without, "avx2") is None


def test_contenders_have_the_roof_of_what_they_compute_in(cell: kernel_cells.Cell) -> None:
    cell = dataclasses.replace(cell, dtype="float32", traffic={"L1": 1})
    turns = {name: [1e-6] for name in ("avx512_vnni", "torch", "torch bfloat16", "numpy")}
    figures = kernels.summary(cell, turns, {"peaks": PEAKS, "bandwidth": BANDWIDTH})
    roofs = {label: own["roof"] for label, own in figures["contenders"].items()}
    assert roofs == {"avx512_vnni": 200, "torch": 200, "torch bfloat16": 3000, "numpy": 200}


@pytest.fixture
def results(cell: kernel_cells.Cell) -> dict[str, Any]:
    """Two cells, of which the second is the slow one."""
    limits = {"peaks": PEAKS, "bandwidth": BANDWIDTH}
    slow = dataclasses.replace(cell, shape="8 x 2 -> 3")
    turns = ({"avx2": [25e-6], "torch": [50e-6]}, {"avx2": [80e-6], "torch": [40e-6]})
    return {
        **limits,
        **{"command": "python bench/kernels.py", "date": "2001-02-03", "isas": ["avx2"]},
        "machine": {
            **{"cpu": "A CPU", "flags": ["avx2"], "cores": 2, "python": "3.10"},
            "caches": {"L1d": "32K"},
        },
        **{"versions": {"numpy": "2"}, "seconds": 9, "cpu_share": 0.5, "call_us": {"avx2": 0.5}},
        **{"load_before": 1.0, "load_after": 2.0},
        "drift": dict.fromkeys((*PEAKS, *BANDWIDTH), 1.0),
        "cells": [
            kernels.summary(own, taken, limits)
            for own, taken in zip((cell, slow), turns, strict=True)
        ],
    }


def test_the_report_begins_with_the_comparison(results: dict[str, Any]) -> None:
    lines = kernel_report.markdown(results).splitlines()
    tables = [n for n, line in enumerate(lines) if line.startswith("|---")]
    assert lines[tables[0] + 1] == (
        "| linear | bfloat16 | **1.00** | 0.50 (8 x 2 -> 3, L3) | 2.00 (1 x 2 -> 3, L3) | 1 of 2 |"
    )
    assert lines[tables[1] + 1] == "| linear | bfloat16 | 52 (25) |"


def test_the_report_names_the_gaps(results: dict[str, Any]) -> None:
    report = kernel_report.markdown(results)
    assert "Slower than PyTorch in 1 of 2; the worst:" in report
    assert "| 0.50 | linear | bfloat16 | 8 x 2 -> 3 | L3 |" in report
    assert "avx2: below 80 % of the roof in 1 of 2; the worst:" in report
    assert "| 25 % | 25.0 | linear | bfloat16 | 8 x 2 -> 3 | L3 |" in report


def test_the_report_does_without_torch(results: dict[str, Any]) -> None:
    for own in results["cells"]:
        del own["contenders"]["torch"]
    report = kernel_report.markdown(results)
    assert "Slower than PyTorch" not in report
    assert "| 8 x 2 -> 3 | L3 | 80.0 | 12.5 | 100 | 25.0 (25 %) |  |" in report


def test_the_plot_has_every_point(results: dict[str, Any], tmp_path: pathlib.Path) -> None:
    pytest.importorskip("matplotlib")
    import kernel_plot

    kernel_plot.plot(results, tmp_path / "new" / "roof.svg")
    drawn = (tmp_path / "new" / "roof.svg").read_text()
    kernel_plot.plot(results, tmp_path / "again.svg")
    assert drawn == (tmp_path / "again.svg").read_text()
    assert drawn.startswith("<?xml")


def test_without_a_compiler_there_are_no_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(RuntimeError, match="found no C\\+\\+ compiler"), peaks.compiled():
        pass


@slow
def test_tiny_shapes_from_end_to_end(tmp_path: pathlib.Path) -> None:
    done = run(
        *("--quick", "--kernels", "linear,layer_norm", "--isas", "portable", "--shapes", "16x24"),
        *("--rows", "1,3", "--seconds", 0.1, "--trials", 1, "--write", tmp_path / "result"),
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "result.json").read_text())
    assert results["isas"] == ["portable"]
    assert results["peaks"].keys() == results["drift"].keys() - results["bandwidth"].keys()
    assert min(results["peaks"].values()) > 0
    shapes = [(own["kernel"], own["dtype"], own["shape"]) for own in results["cells"]]
    assert shapes == [
        *(
            ("linear", dtype, f"{rows} x 16 -> 24")
            for dtype in kernel_shapes.DTYPES
            for rows in (1, 3)
        ),
        ("layer_norm", "float32", "32 x 512"),
    ]
    for own in results["cells"]:
        assert all(c["best_us"] <= c["median_us"] for c in own["contenders"].values())
        assert own["contenders"]["portable"]["turns"] >= kernels.LEAST_ROUNDS
    assert (tmp_path / "result.md").read_text() == done.stdout
    assert "| 1 x 16 -> 24 | L1 |" in done.stdout
    assert str(tmp_path) not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--isas", "sse9"), "--isas has sse9, expected some of "),
        (("--dtypes", "int4"), "--dtypes: expected some of float32,bfloat16,int8"),
        (("--rows", "0"), "--rows, --shapes: expected at least 1"),
        (("--shapes", "512"), "argument --shapes: invalid"),
    ],
)
def test_wrong_options_are_errors(arguments: tuple[str, ...], complaint: str) -> None:
    done = run("--quick", *arguments)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
