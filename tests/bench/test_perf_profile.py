import contextlib
import pathlib
import subprocess
from collections.abc import Iterator

import perf_profile
import pytest
from contenders import Decoding
from worker import Turn

VEC = "pyattn::Avx512Vec<pyattn::avx512_bf16::Level>"
INT8 = f"pyattn::kernels::Int8Product<{VEC}, pyattn::VnniDot<pyattn::avx512_bf16::Level> >"
CACHE = f"pyattn::kernels::BFloat16Cache<{VEC} >"
CORE = "_core.cpython-311-x86_64-linux-gnu.so"
MODEL = "pyattn::ModelWeights const&, std::vector<pyattn::DecoderRow, std::allocator<int> > const&"

# What `perf report` prints, shortened to a function of each kind.
REPORT = f"""
# Samples: 1K of event 'cpu-clock'
#
 400        ;{CORE}     ;[.] pyattn::kernels::linear_tile<{INT8}, 8, false>
 100        ;{CORE}     ;[.] void pyattn::kernels::store_rows<{INT8}, 2>(pyattn::LinearArgs const&)
 90         ;{CORE}     ;[.] {VEC} pyattn::kernels::activate<{VEC} >({VEC}, double)
 80         ;{CORE}     ;[.] pyattn::kernels::AttentionStep<{CACHE} >::score
 60         ;{CORE}     ;[.] pyattn::kernels::attention_product<{INT8}, true>
 50         ;{CORE}     ;[.] pyattn::kernels::LayerNorm<{VEC} >::rows<2>
 40         ;{CORE}     ;[.] pyattn::kernels::row_to_int8<{VEC}, 0>
 10         ;{CORE}     ;[.] pyattn::LinearInput::prepare(pyattn::PackedLinear const&, long) const
 30         ;{CORE}     ;[.] pyattn::kernels::log_sum_exp<{VEC} >
 20         ;{CORE}     ;[.] pyattn::(anonymous namespace)::Projection::run()::{{lambda(long)#1}}
 10         ;{CORE}     ;[.] pyattn::(anonymous namespace)::Beam::advance(pyattn::Candidates const&)
 10         ;{CORE}     ;[.] pyattn::Generation::prepare_rows
 20         ;{CORE}     ;[.] pyattn::decode({MODEL}) [clone .cold]
 30         ;libc.so.6  ;[.] __memmove_avx512_unaligned_erms
 25         ;libpython3.11.so.1.0;[.] _PyEval_EvalFrameDefault
 15         ;libc.so.6  ;[.] _int_malloc
 10         ;[kernel.kallsyms];[k] finish_task_switch.isra.0
"""
SHARES = {
    "products": 0.4,
    "products' epilogues": 0.1,
    "activations": 0.09,
    "attention": 0.14,
    "norms": 0.05,
    "quantisation": 0.05,
    "vocabulary": 0.05,
    "search and engine": 0.04,
    "memory copies": 0.03,
    "Python": 0.025,
    "rest": 0.025,
}


def test_every_function_has_its_category() -> None:
    functions = perf_profile.parse(REPORT)
    assert sum(function.samples for function in functions) == 1000
    assert perf_profile.shares(functions) == SHARES


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        (f"void pyattn::kernels::norm<{VEC} >(pyattn::NormArgs const&)", "pyattn::kernels::norm"),
        ("pyattn::(anonymous namespace)::Beam::candidates() const", "pyattn::Beam::candidates"),
        (f"pyattn::decode({MODEL}) [clone .cold]", "pyattn::decode"),
        ("_int_free", "_int_free"),
    ],
)
def test_a_name_is_told_from_its_types(symbol: str, name: str) -> None:
    assert perf_profile.plain_name(symbol) == name


def test_a_stripped_core_is_an_error_that_says_how_to_build() -> None:
    stripped = f"90;{CORE};[.] 0x00000000000b5f2c\n10;libc.so.6;[.] malloc\n"
    with pytest.raises(ValueError, match=r"no symbols; install it with .*CMAKE_STRIP"):
        perf_profile.shares(perf_profile.parse(stripped))


def test_a_report_without_the_core_is_an_error() -> None:
    with pytest.raises(ValueError, match="perf saw nothing of pyattn's core"):
        perf_profile.shares(perf_profile.parse("10;libc.so.6;[.] malloc\n"))


def test_a_cell_has_its_speed_and_functions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    class Process:
        pid = 1

        def turn(self, *_: object) -> Turn:
            return Turn(0.5, 0.5, 0.0, [[7] * 6, [7] * 6])

    @contextlib.contextmanager
    def recording(*_: object) -> Iterator[None]:
        yield

    def report(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, REPORT, "")

    monkeypatch.setattr(perf_profile, "_recording", recording)
    monkeypatch.setattr(subprocess, "run", report)
    greedy = Decoding(1, 6, 6)
    functions, speed = perf_profile._sample(Process(), 0, greedy, 1.0, tmp_path / "perf.data")
    assert speed == 24.0
    assert functions == perf_profile.parse(REPORT)


def test_perf_that_cannot_record_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    program = tmp_path / "perf"
    program.write_text("#!/bin/sh\necho No permission >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(RuntimeError, match="perf record: No permission"),
        perf_profile._recording(1, tmp_path / "perf.data"),
    ):
        pass


def test_the_report_has_a_table_for_each_number_type() -> None:
    cells = [
        {"dtype": dtype, "beam": beam, "batch": 8, "speed": 100.4, "shares": SHARES}
        for dtype in ("int8", "float32")
        for beam in (1, 4)
    ]
    model = {"model": "tiny", "weights": "random", "cells": cells}
    about = {"cpu": "Abacus", "cores": 1, "flags": ["avx2"]}
    text = perf_profile.markdown(
        {
            **{"date": "today", "forced": 24, "threads": 1, "command": "python it"},
            **{"machine": about, "versions": {"pyattn": "1"}, "models": [model]},
        }
    )
    assert text.count("|  | beam 1, batch 8 | beam 4, batch 8 |") == 2
    assert "## tiny (random weights), float32" in text
    assert "| attention | 14.0% | 14.0% |" in text
    assert "| target tokens/s | 100 | 100 |" in text
