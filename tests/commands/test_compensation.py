"""Rounding to int4 by what the products read."""

import pathlib

import numpy as np
import pytest

from pyattn import reference
from pyattn.commands import main as cli
from pyattn.commands.compensation import compensated, inverse_factor, round_with_factor
from pyattn.commands.conversion import convert
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.files.native_entries import matrix_types
from pyattn.files.quantized import quantize_int4
from pyattn.stored import Tensors
from support.inputs import checkpoint, sentences, targets, weights
from support.tokenizer_folders import golden_folder, random_checkpoint


def test_products_of_inputs_that_go_together_change_less() -> None:
    random = np.random.default_rng(1)
    weight = weights(2, 48, 80)
    # Twenty numbers make all eighty of an input, and a little noise.
    x = random.standard_normal((400, 20)) @ random.standard_normal((20, 80))
    x += 0.1 * random.standard_normal(x.shape)
    rounded = round_with_factor(weight, inverse_factor(x.T @ x))
    plain = quantize_int4(weight)

    def error(floats: np.ndarray) -> float:
        return float(np.linalg.norm(x @ (floats - weight).T))

    assert error(rounded.float32()) < 0.6 * error(plain.float32())
    assert rounded.group_scale is not None
    assert np.abs(rounded.group_scale).max() <= 15


def test_inputs_that_never_were_are_no_obstacle() -> None:
    weight = weights(2, 5, 40)
    for moments in (np.zeros((40, 40)), np.diag([1e6] + [0.0] * 39)):
        found = round_with_factor(weight, inverse_factor(moments)).float32()
        assert np.linalg.norm(found - weight) < 0.2 * np.linalg.norm(weight)


def test_every_matrix_in_four_bits_sees_its_inputs() -> None:
    for name in ("odd", "ssru"):
        made = checkpoint(name)
        tensors = compensated(made, sentences(1, made.config, 6, 9)).tensors
        assert isinstance(tensors, Tensors)
        kinds = matrix_types(made.config)
        assert {one for one in tensors if tensors.stored(one).dtype == "int4"} == {
            one for one, kind in kinds.items() if kind == "int4"
        }


def test_reference_shows_the_rows_that_its_products_read() -> None:
    made = checkpoint("post")
    seen: dict[str, list[np.ndarray]] = {}

    def watch(names: tuple[str, ...], rows: np.ndarray) -> None:
        for one in names:
            seen.setdefault(one, []).append(rows)

    source, target = sentences(1, made.config, 1, 9), targets(2, made.config, 1, 9)
    model = reference.Model(made, watch=watch)
    watched = model.logits(source, target)
    np.testing.assert_array_equal(watched[0], reference.Model(made).logits(source, target)[0])
    for name, rows in seen.items():
        length = len(source[0]) if "encoder" in name or "key" in name or "value" in name else None
        if "cross_attention.key" in name or "encoder" in name:
            assert [len(one) for one in rows] == [length], name
        assert rows[0].shape[1] == made.tensors[name].shape[1]
    assert set(seen) == set(matrix_types(made.config)) - {"output.weight"}


def test_convert_calibrates_with_the_lines_of_a_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lines").write_text("Where is the station?\n\nI am here.\n", encoding="utf-8")
    given = ["--dtype", "int4", "--calibrate", str(tmp_path / "lines")]
    folder, tiny = tmp_path / "small", tmp_path / "tiny"
    pieces = golden_folder(tmp_path / "tokenizer", "t5-pieces") / "spiece.model"
    write_native(tiny, random_checkpoint("t5", end=1), tokenizer_files={"pieces": pieces})
    assert cli.main(["convert", str(tiny), str(folder), *given]) == 0
    convert(tiny, tmp_path / "plain", dtype="int4")
    found, plain = (read_checkpoint(one).tensors for one in (folder, tmp_path / "plain"))
    assert isinstance(found, Tensors)
    assert isinstance(plain, Tensors)
    for name in plain:
        one, other = found.stored(name), plain.stored(name)
        assert one.dtype == other.dtype
        if one.dtype == "int4":
            assert not np.array_equal(one.values, other.values), name


def test_calibration_is_for_int4(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["convert", "one", "two", "--calibrate", "lines", "--dtype", "int8"])
    assert stop.value.code == 2
    with pytest.raises(ValueError, match="calibrate is for the dtype int4, got int8"):
        convert("one", tmp_path / "two", dtype="int8", calibrate=["Hello."])
    with pytest.raises(ValueError, match="no sources"):
        compensated(checkpoint("post"), [])
