"""The emulator of AMX against a definition in NumPy, through instructions of the assembler's."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from support import amx

pytestmark = pytest.mark.skipif(bool(amx.why_not()), reason=amx.why_not())

Bytes = npt.NDArray[np.uint8]
Run = Callable[..., int]

TRIPLES = [(c, (c + 1) % 8, (c + 2) % 8) for c in range(8)]
WHOLE = dict.fromkeys(range(8), (16, 64))

# Whether the bytes of both factors have signs.
INTEGER = {
    "tdpbssd": (True, True),
    "tdpbsud": (True, False),
    "tdpbusd": (False, True),
    "tdpbuud": (False, False),
}
SMALLEST = 2.0**-126


def call(name: str, *arguments: npt.NDArray[Any] | int) -> int:
    """Calls a function of the program with addresses of arrays and whole numbers."""
    numbers = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
    return getattr(amx.program(), name)(*map(ctypes.c_int64, numbers))


@pytest.fixture
def run() -> Iterator[Run]:
    assert amx.emulated()
    yield call
    call("tilerelease")


def configuration(shapes: dict[int, tuple[int, int]], start_row: int = 0) -> Bytes:
    """What LDTILECFG reads for tiles of so many rows of so many bytes."""
    config = np.zeros(64, np.uint8)
    config[:2] = 1, start_row
    for tile, (rows, colsb) in shapes.items():
        config[16 + 2 * tile], config[48 + tile] = colsb, rows
    return config


def random_bytes(random: np.random.Generator, *shape: int) -> Bytes:
    return random.integers(0, 256, shape, np.uint8)


def stored(run: Run, tile: int, rows: int, colsb: int) -> Bytes:
    found = np.empty((rows, colsb), np.uint8)
    run(f"tilestored_{tile}", found, colsb)
    return found


def product(
    run: Run, name: str, tiles: tuple[int, int, int], c: Bytes, a: Bytes, b: Bytes
) -> Bytes:
    """c + a b in tiles of the shapes that the arrays have."""
    arrays = dict(zip(tiles, (c, a, b), strict=True))
    run("ldtilecfg", configuration({tile: rows.shape for tile, rows in arrays.items()}))
    for tile, rows in arrays.items():
        run(f"tileloadd_{tile}", rows, rows.shape[1])
    run("{}_{}{}{}".format(name, *tiles))
    for tile in tiles[1:]:
        np.testing.assert_array_equal(stored(run, tile, *arrays[tile].shape), arrays[tile])
    return stored(run, tiles[0], *c.shape)


# ---- The definition


def integer_product(c: Bytes, a: Bytes, b: Bytes, signs: tuple[bool, bool]) -> Bytes:
    x, y = (
        factor.view(np.int8 if signed else np.uint8).astype(np.int64)
        for factor, signed in zip((a, b), signs, strict=True)
    )
    columns = y.reshape(len(b), -1, 4).transpose(0, 2, 1).reshape(4 * len(b), -1)
    return (c.view(np.uint32) + x @ columns).astype(np.uint32).view(np.uint8)


def rounded(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The exact sum of two arrays of float64, rounded once; tiny numbers become zero."""
    total = one + other
    back = total - one
    lost = (one - (total - back)) + (other - back)  # Knuth's two-sum
    # Rounded to odd, the sum may be rounded again and be right (Boldo and Melquiond 2008).
    even = total.view(np.int64) % 2 == 0
    moved = np.nextafter(total, np.copysign(np.inf, lost))
    total = np.where(np.isfinite(total) & (lost != 0) & even, moved, total)
    # Tiny is what is below the smallest normal number after rounding to 24 bits.
    tiny = np.abs(total) < SMALLEST * (1 - 2.0**-25)
    return np.where(tiny, np.copysign(0.0, total), total).astype(np.float32)


def flushed(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.where(np.abs(x) < SMALLEST, np.copysign(0, x), x).astype(np.float64)


def bfloat16_product(c: Bytes, a: Bytes, b: Bytes) -> npt.NDArray[np.float32]:
    x, y = (flushed((f.view(np.uint16).astype(np.uint32) << 16).view(np.float32)) for f in (a, b))
    parts = []
    for part in (0, 1):  # of each pair
        total = np.zeros((len(c), b.shape[1] // 4), np.float32)
        for k in range(len(b)):
            total = rounded(x[:, 2 * k + part, None] * y[k, part::2], flushed(total))
        parts.append(flushed(total))
    return rounded(flushed(c.view(np.float32)), flushed(rounded(*parts)))


# ---- Products


def shapes(random: np.random.Generator, count: int) -> Iterator[tuple[int, int, int]]:
    """Rows, words and columns, the smallest and the largest among them."""
    yield from [(1, 1, 1), (16, 16, 16), (1, 16, 1), (16, 1, 16)]
    yield from random.integers(1, 17, (count, 3)).tolist()


@pytest.mark.parametrize("name", INTEGER)
def test_product_of_bytes_is_that_of_whole_numbers(run: Run, name: str) -> None:
    random = np.random.default_rng(1)
    for n, (rows, words, columns) in enumerate(shapes(random, 60)):
        c = random_bytes(random, rows, 4 * columns)
        a, b = random_bytes(random, rows, 4 * words), random_bytes(random, words, 4 * columns)
        found = product(run, name, TRIPLES[n % 8], c, a, b)
        np.testing.assert_array_equal(found, integer_product(c, a, b, INTEGER[name]))


@pytest.mark.parametrize("name", INTEGER)
def test_sums_of_bytes_wrap_around(run: Run, name: str) -> None:
    c = np.full((2, 8), [0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0x80], np.uint8)
    for byte in (0x7F, 0x80, 0xFF):
        a, b = np.full((2, 64), byte, np.uint8), np.full((16, 8), 0x81, np.uint8)
        found = product(run, name, (0, 1, 2), c, a, b)
        np.testing.assert_array_equal(found, integer_product(c, a, b, INTEGER[name]))


def test_instructions_may_follow_one_another(run: Run) -> None:
    rows = random_bytes(np.random.default_rng(10), 16, 64)
    wanted = integer_product(np.zeros_like(rows), rows, rows, (True, True))
    run("multiply_at_once", configuration(WHOLE), rows)
    np.testing.assert_array_equal(rows, wanted)


def bfloat16s(random: np.random.Generator, *shape: int, deviation: float) -> Bytes:
    """Numbers of either sign whose exponents vary by so many powers of two."""
    exponents = np.clip(127 + deviation * random.standard_normal(shape), 0, 254).astype(np.uint16)
    rest = random.integers(0, 2, shape, np.uint16) << 15 | random.integers(0, 128, shape, np.uint16)
    return (exponents << 7 | rest).view(np.uint8)


@pytest.mark.parametrize("deviation", [0, 4, 30, 60, 90])
def test_product_of_bfloat16_is_rounded_like_two_chains_of_fma(run: Run, deviation: float) -> None:
    # The wider the exponents, the more products are denormal or too large for float32.
    random = np.random.default_rng(2)
    for n, (rows, words, columns) in enumerate(shapes(random, 60)):
        c = bfloat16s(random, rows, 2 * columns, deviation=deviation)
        a = bfloat16s(random, rows, 2 * words, deviation=deviation)
        b = bfloat16s(random, words, 2 * columns, deviation=deviation)
        with np.errstate(all="ignore"):
            wanted = bfloat16_product(c, a, b)
        found = product(run, "tdpbf16ps", TRIPLES[n % 8], c, a, b).view(np.float32)
        # As numbers, so that every nan is the same, and as bits, for the signs of zeros.
        np.testing.assert_array_equal(found, wanted)
        known = ~np.isnan(wanted)
        np.testing.assert_array_equal(found.view(np.uint32)[known], wanted.view(np.uint32)[known])


SPECIAL = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 2.0**-126, -(2.0**-130), 2.0**127, -3e38]


def test_bfloat16_knows_what_is_not_a_number_nor_normal(run: Run) -> None:
    x = (np.array(SPECIAL, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    random = np.random.default_rng(3)
    for _ in range(60):
        a, b = (random.choice(x, (n, 32)).view(np.uint8) for n in (16, 4))
        a = np.ascontiguousarray(a[:, :16])
        c = random.choice(np.array(SPECIAL, np.float32), (16, 16)).view(np.uint8)
        with np.errstate(all="ignore"):
            wanted = bfloat16_product(c, a, b)
        found = product(run, "tdpbf16ps", (0, 1, 2), c, a, b).view(np.float32)
        np.testing.assert_array_equal(found, wanted)
        known = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(found)[known], np.signbit(wanted)[known])


@pytest.mark.parametrize(("below", "wanted"), [(0.5, SMALLEST), (0.75, 0.0), (1, 0.0)])
def test_tiny_is_what_rounds_to_less_than_the_smallest_number(
    run: Run, below: float, wanted: float
) -> None:
    # So many 2^-24 below 1, times the smallest normal number. With 23 bits, which are left to the
    # denormal number that it is, three quarters would round to 1 as well.
    a, b = (
        (np.array(numbers, np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        for numbers in ([[2.0**-63, 0, -below * 2.0**-75, 0]], [[2.0**-63, 0], [2.0**-75, 0]])
    )
    nothing = np.zeros((1, 4), np.uint8)
    found = product(run, "tdpbf16ps", (0, 1, 2), nothing, a, b).view(np.float32)
    assert found == bfloat16_product(nothing, a, b) == np.float32(wanted)


def test_bfloat16_neither_asks_nor_changes_mxcsr(run: Run) -> None:
    random = np.random.default_rng(4)
    c, a, b = (bfloat16s(random, 16, 32, deviation=60) for _ in range(3))
    wanted = product(run, "tdpbf16ps", (0, 1, 2), c, a, b)
    run("tileloadd_0", c, 64)
    upwards_without_flush = 0x5F80
    assert run("mxcsr_after_tdpbf16ps_012", upwards_without_flush) == upwards_without_flush
    np.testing.assert_array_equal(stored(run, 0, 16, 64), wanted)


# ---- Configuration


def test_configuration_is_stored_as_it_was_loaded(run: Run) -> None:
    config, found = configuration({0: (1, 4), 3: (16, 64), 7: (5, 13)}), np.ones(64, np.uint8)
    run("ldtilecfg", config)
    run("sttilecfg", found)
    np.testing.assert_array_equal(found, config)


@pytest.mark.parametrize("release", ["tilerelease", "ldtilecfg"])
def test_released_tiles_have_a_configuration_of_zeros(run: Run, release: str) -> None:
    found, zeros = np.ones(64, np.uint8), np.zeros(64, np.uint8)
    run("ldtilecfg", configuration(WHOLE))
    run(release, zeros)
    run("sttilecfg", found)
    np.testing.assert_array_equal(found, zeros)


def test_tiles_are_zero_when_configured_and_when_zeroed(run: Run) -> None:
    ones = np.ones((16, 64), np.uint8)
    for tile in range(8):
        run("ldtilecfg", configuration(WHOLE))
        assert not stored(run, tile, 16, 64).any()
        for other in range(8):
            run(f"tileloadd_{other}", ones, 64)
        run(f"tilezero_{tile}")
        for other in range(8):
            assert stored(run, other, 16, 64).all() == (other != tile)


def test_configuration_is_read_at_every_kind_of_address(run: Run) -> None:
    found = np.zeros(64, np.uint8)
    own = np.frombuffer((ctypes.c_uint8 * 64).in_dll(amx.program(), "own_config"), np.uint8)
    for rows, kind in enumerate(("short", "long", "own"), start=1):
        config = own if kind == "own" else np.zeros(64, np.uint8)
        config[:] = configuration({2: (rows, 8)})
        run(f"ldtilecfg_{kind}", config)
        run("sttilecfg", found)
        np.testing.assert_array_equal(found, config)


# ---- Loads and stores


@pytest.mark.parametrize("load", ["tileloadd", "tileloaddt1"])
@pytest.mark.parametrize("stride", [64, 100, 0, -64, 1])
def test_rows_lie_a_stride_apart(run: Run, load: str, stride: int) -> None:
    random = np.random.default_rng(5)
    source = random_bytes(random, 4096)
    for n, (rows, words, _) in enumerate(shapes(random, 20)):
        tile, colsb, first = n % 8, 4 * words, 2048
        run("ldtilecfg", configuration({tile: (rows, colsb)}))
        run(f"{load}_{tile}", source[first:], stride)
        starts = [first + row * stride for row in range(rows)]
        wanted = [source[start : start + colsb] for start in starts]
        np.testing.assert_array_equal(stored(run, tile, rows, colsb), wanted)
        target = np.full(4096, 0xA5, np.uint8)
        want = target.copy()
        for start, row in zip(starts, wanted, strict=True):
            want[start : start + colsb] = row
        run(f"tilestored_{tile}", target[first:], stride)
        np.testing.assert_array_equal(target, want)


def test_interrupted_load_goes_on_at_its_row(run: Run) -> None:
    source = random_bytes(np.random.default_rng(6), 16, 64)
    run("ldtilecfg", configuration(WHOLE, start_row=11))
    run("tileloadd_3", source, 64)
    loaded = stored(run, 3, 16, 64)
    assert not loaded[:11].any()
    np.testing.assert_array_equal(loaded[11:], source[11:])


@pytest.mark.parametrize("name", ["tileloadd_3", "tilestored_3", "tilezero_3", "tdpbf16ps_345"])
def test_next_instruction_starts_at_the_first_row(run: Run, name: str) -> None:
    found, rows = np.zeros(64, np.uint8), np.zeros((16, 64), np.uint8)
    run("ldtilecfg", configuration(WHOLE, start_row=11))
    run(name, rows, 64)
    run("sttilecfg", found)
    np.testing.assert_array_equal(found, configuration(WHOLE))


BASES = ["rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16))]


@pytest.mark.parametrize("base", BASES)
def test_address_may_have_any_register_scale_and_displacement(run: Run, base: str) -> None:
    scale, displacement = (ctypes.c_int64 * 2).in_dll(amx.program(), f"address_{base}")
    source = random_bytes(np.random.default_rng(7), 5, 72)
    whole = configuration({3: (5, 64)})
    place = source.ctypes.data - displacement
    for load in ("tileloadd", "tileloaddt1"):
        run("ldtilecfg", whole)
        run(f"{load}_3_{base}", place, 72 // scale)
        np.testing.assert_array_equal(stored(run, 3, 5, 64), source[:, :64])
    target = np.zeros_like(source)
    run(f"tilestored_3_{base}", target.ctypes.data - displacement, 72 // scale)
    np.testing.assert_array_equal(target[:, :64], source[:, :64])
    assert not target[:, 64:].any()
    found, config = np.zeros(64, np.uint8), configuration({5: (3, 12)})
    run(f"ldtilecfg_{base}", config.ctypes.data - displacement - 24, 24 // scale)
    run("sttilecfg", found)
    np.testing.assert_array_equal(found, config)


def test_address_may_lack_index_or_base_or_be_on_the_stack(run: Run) -> None:
    source = random_bytes(np.random.default_rng(8), 16, 64)
    run("ldtilecfg", configuration(WHOLE))
    run("tileloadd_3_rsp", source, 64)
    np.testing.assert_array_equal(stored(run, 3, 16, 64), source)
    run("tileloadd_3_without_index", source.ctypes.data - 8)
    np.testing.assert_array_equal(stored(run, 3, 16, 64), np.tile(source[0], (16, 1)))
    # Zeroed, private, of nobody's file, and exactly there or nowhere.
    place, flags = 0x10000000, 0x100022
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    assert libc.mmap(ctypes.c_void_p(place), 4096, 3, flags, -1, ctypes.c_long(0)) == place
    ctypes.memmove(place, source.ctypes.data, source.nbytes)
    run("tileloadd_3_without_base", 32)
    np.testing.assert_array_equal(stored(run, 3, 16, 64), source)
    assert libc.munmap(ctypes.c_void_p(place), 4096) == 0


# ---- Threads


def test_every_thread_has_tiles_of_its_own(run: Run) -> None:
    everyone = threading.Barrier(4)
    right = [False] * 4

    def work(thread: int) -> None:
        source = np.full((16, 64), thread, np.uint8)
        for _ in range(50):
            everyone.wait()
            run("ldtilecfg", configuration({thread: (16, 64)}))
            run(f"tileloadd_{thread}", source, 64)
            everyone.wait()
            right[thread] = bool((stored(run, thread, 16, 64) == thread).all())
            run("tilerelease")
            if not right[thread]:
                everyone.abort()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(right)


def test_threads_of_openmp_multiply(run: Run) -> None:
    random = np.random.default_rng(9)
    a, b = random_bytes(random, 200, 16, 64), random_bytes(random, 200, 16, 64)
    c = np.zeros_like(a)
    # A child that is forked from a thread which has opened a region could open none.
    thread = threading.Thread(
        target=run, args=("multiply_on_threads", configuration(WHOLE), a, b, c, len(a))
    )
    thread.start()
    thread.join()
    zeros = np.zeros((16, 64), np.uint8)
    wanted = [integer_product(zeros, *each, (True, True)) for each in zip(a, b, strict=True)]
    np.testing.assert_array_equal(c, wanted)
