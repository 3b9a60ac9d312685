import dataclasses
import json
import pathlib
import stat
import tracemalloc
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

import pyattn
from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.errors import ModelError
from pyattn.files import open_model, read_checkpoint
from pyattn.files.native import write_native
from pyattn.files.native_entries import MatrixType
from pyattn.files.quantized import bfloat16_bits, quantize
from pyattn.files.safetensors import read_safetensors
from pyattn.model_config import RotaryScaling
from pyattn.options import GenerationOptions
from pyattn.stored import Stored, Tensors
from pyattn.text_settings import NORMALIZATION_STEPS, TextSettings
from support import model_folders as made
from support.paths import GOLDEN

SHIPPED = pathlib.Path(pyattn.__file__).parent / "models" / "en-es"
CONFIG = ModelConfig(
    family="marian", source_vocab=11, target_vocab=11, dim=6, encoder_layers=2, decoder_layers=1,
    encoder_heads=2, decoder_heads=3, encoder_ffn=8, decoder_ffn=10, max_positions=16, start=10,
    end=0, pad=10, activation="gelu_tanh", embedding_scale=6**0.5,
)  # fmt: skip
OTHER = ModelConfig(
    family="pegasus", source_vocab=11, target_vocab=7, dim=4, encoder_layers=1, decoder_layers=2,
    encoder_heads=1, decoder_heads=4, encoder_ffn=3, decoder_ffn=5, max_positions=9, start=0,
    end=1, norm="pre", norm_epsilon=1e-6, final_norm=True, activation="relu", positions="learned",
    embedding_norm=True, zero_start=True,
)  # fmt: skip
RELATIVE = dataclasses.replace(
    OTHER, positions="relative", norm_kind="rms", attention_bias=False, feed_forward_bias=False
)
COMPUTED = dataclasses.replace(OTHER, positions="sinusoidal_t2t", first_position=2)
GENERATION = GenerationOptions(
    beam_size=4, num_hypotheses=2, max_new_tokens=15, min_new_tokens=1, length_penalty=0.6,
    early_stopping="never", suppress_tokens=(6, 3), force_end=True,
)  # fmt: skip


def checkpoint(config: ModelConfig = CONFIG, *, tied: bool = False) -> Checkpoint:
    random = np.random.default_rng(6)
    tensors = {
        name: random.standard_normal(shape, np.float32) for name, shape in tensor_shapes(config)
    }
    if tied:
        tensors |= dict.fromkeys(
            ["encoder.embedding", "decoder.embedding", "output.weight"], tensors["output.weight"]
        )
    tensors["output.bias"] = random.standard_normal(config.target_vocab, np.float32)
    return Checkpoint(config, tensors, GENERATION)


def written(tmp_path: pathlib.Path, dtype: MatrixType = "float32", **more: Any) -> pathlib.Path:
    folder = tmp_path / "native"
    write_native(folder, checkpoint(**more), dtype=dtype)
    return folder


def changed(folder: pathlib.Path, *path: str, to: Any) -> pathlib.Path:
    """The folder, with one field of its config.json set, or taken out by `...`."""
    values = json.loads((folder / "config.json").read_text())
    place = values
    for key in path[:-1]:
        place = place[key]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def with_tensor(folder: pathlib.Path, name: str, array: made.Values | None) -> pathlib.Path:
    """The folder, with one tensor replaced or (None) taken out."""
    path = folder / "model.safetensors"
    values = {name: tensor.values for name, tensor in read_safetensors(path).items()}
    values.pop(name, None)
    content = made.safetensors(values if array is None else values | {name: array})
    path.unlink()  # what is mapped must not change
    path.write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("config", "tied"), [(CONFIG, False), (CONFIG, True), (OTHER, False), (COMPUTED, False)]
)
def test_float32_comes_back_bit_by_bit(
    tmp_path: pathlib.Path, config: ModelConfig, tied: bool
) -> None:
    original = checkpoint(config, tied=tied)
    write_native(tmp_path / "native", original)
    found = read_checkpoint(tmp_path / "native")
    assert found.config == original.config
    assert found.generation == original.generation
    assert found.tensors.keys() == original.tensors.keys()
    for name, array in original.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], array)
        assert not found.tensors[name].flags.writeable


def different(field: dataclasses.Field[Any], kind: Any) -> Any:
    """A value that an attribute may have besides its default."""
    special: dict[str, Any] = {
        "encoder_max_positions": 20,
        "encoder_pattern": "blocks",
        "global_ids": (2, 3),
        "pad": 3,
        "unk": 4,
        "head_dim": 2,
        "attention_scale": 0.75,
        "rotary_local_theta": 500.0,
        "attention_output_bias": False,
        "rotary_scaling": RotaryScaling(8.0, 1.0, 4.0, 16),
    }
    if field.name in special:
        return special[field.name]
    if field.name.endswith("_kv_heads"):
        return 1
    if field.name.endswith("_windows"):
        return (5,)
    if "_layer_" in field.name:
        return (1,)
    if isinstance(field.default, bool):
        return not field.default
    if isinstance(field.default, str):
        return next(choice for choice in get_args(kind) if choice != field.default)
    default: Any = field.default
    return default + 1


def test_every_attribute_of_a_model_comes_back(tmp_path: pathlib.Path) -> None:
    folder = written(tmp_path)
    kinds = get_type_hints(ModelConfig)
    values = {
        field.name: different(field, kinds[field.name])
        for field in dataclasses.fields(ModelConfig)
        # A vocabulary of one id has room for no other attribute.
        if field.default is not dataclasses.MISSING and not field.name.endswith("_vocab")
    }
    config = dataclasses.replace(CONFIG, **values)
    changed(folder, "model", to=dataclasses.asdict(config))
    assert open_model(folder).config == config


@pytest.mark.parametrize("config", [CONFIG, OTHER])
def test_int8_is_within_half_a_step_of_its_row(tmp_path: pathlib.Path, config: ModelConfig) -> None:
    original = checkpoint(config)
    write_native(tmp_path / "native", original, dtype="int8")
    found = read_checkpoint(tmp_path / "native")
    for name, array in original.tensors.items():
        if array.ndim == 1:
            np.testing.assert_array_equal(found.tensors[name], array)
        else:
            step = np.abs(array).max(axis=1, keepdims=True) / 127
            assert (np.abs(found.tensors[name] - array) <= step * 0.50001).all()
            assert not np.array_equal(found.tensors[name], array)


def test_int8_stores_matrices_in_a_byte_per_number(tmp_path: pathlib.Path) -> None:
    stored = read_safetensors(written(tmp_path, "int8") / "model.safetensors")
    up = stored["encoder.layers.0.feed_forward.up.weight"]
    scale = stored["encoder.layers.0.feed_forward.up.weight.scale"]
    assert (up.dtype, up.shape) == ("I8", (8, 6))
    assert (scale.dtype, scale.shape) == ("F32", (8,))
    assert np.abs(up.values.astype(int)).max(axis=1).tolist() == [127] * 8
    assert stored["encoder.layers.0.feed_forward.up.bias"].dtype == "F32"


@pytest.mark.parametrize("config", [CONFIG, OTHER, RELATIVE])
def test_bfloat16_is_the_nearest_and_vectors_keep_their_bits(
    tmp_path: pathlib.Path, config: ModelConfig
) -> None:
    original = checkpoint(config)
    write_native(tmp_path / "native", original, dtype="bfloat16")
    stored = read_safetensors(tmp_path / "native" / "model.safetensors")
    found = read_checkpoint(tmp_path / "native")
    for name, array in original.tensors.items():
        if array.ndim == 1 or name.endswith("relative_bias"):
            assert stored[name].dtype == "F32"
            np.testing.assert_array_equal(found.tensors[name], array)
        else:
            assert stored[name].dtype == "BF16"
            # 8 bits of digits: half a unit of the last is a 512th of the number's power of two.
            power = np.exp2(np.floor(np.log2(np.abs(array))))
            assert (np.abs(found.tensors[name] - array) <= power / 256).all()
            assert not (found.tensors[name].view(np.uint32) & 0xFFFF).any()


def test_bfloat16_ties_go_to_even_and_nan_stays() -> None:
    floats = np.array([0x3F808000, 0x3F818000, 0x7F800001, 0xFF800000], np.uint32)
    bits = bfloat16_bits(Stored("float32", floats.view(np.float32)))
    assert bits.tolist() == [0x3F80, 0x3F82, 0x7FC0, 0xFF80]


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_what_is_stored_so_already_keeps_its_bits(
    tmp_path: pathlib.Path, dtype: MatrixType
) -> None:
    write_native(tmp_path / "first", checkpoint(tied=True), dtype=dtype)
    write_native(tmp_path / "second", read_checkpoint(tmp_path / "first"), dtype=dtype)
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_whole_lines_begin_at_one(tmp_path: pathlib.Path, dtype: MatrixType) -> None:
    config = dataclasses.replace(CONFIG, dim=64, encoder_ffn=192, decoder_ffn=5, decoder_heads=2)
    write_native(tmp_path / "native", checkpoint(config), dtype=dtype)
    content = (tmp_path / "native" / "model.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    begin = 8 + int.from_bytes(content[:8], "little")
    whole = 0
    for entry in header.values():
        first, end = entry["data_offsets"]
        size = {"F32": 4, "BF16": 2, "I8": 1}[entry["dtype"]]
        assert (begin + first) % size == 0
        if (end - first) % 64 == 0:
            assert (begin + first) % 64 == 0
            whole += 1
    assert whole > 20


def test_quantized_row_of_zeros_has_scale_one() -> None:
    matrix = quantize(np.array([[0, 0], [1, -2]], np.float32))
    assert matrix.scale is not None
    assert matrix.scale.tolist() == [1, np.float32(2) / np.float32(127)]
    assert matrix.values.tolist() == [[0, 0], [64, -127]]
    assert matrix.float32()[0].tolist() == [0, 0]


@pytest.mark.parametrize("size", [1e-45, 1e-38, 1e-36, 1.0, 3e38])
def test_quantized_rows_of_any_size_are_in_range(size: float) -> None:
    row = np.linspace(-1, 1, 33, dtype=np.float32)[None] * np.float32(size)
    matrix = quantize(row)
    assert np.isfinite(matrix.scale).all()
    assert np.abs(matrix.float32() - row).max() <= max(size / 127 * 0.50001, 1.5e-36)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_not_quantized(tmp_path: pathlib.Path, value: float) -> None:
    model = checkpoint()
    model.tensors["output.weight"][3, 2] = value
    with pytest.raises(ValueError, match=r"output\.weight: quantize: matrix has values that are"):
        write_native(tmp_path / "native", model, dtype="int8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_tied_matrices_are_stored_once(tmp_path: pathlib.Path, dtype: MatrixType) -> None:
    folder = written(tmp_path, dtype, tied=True)
    stored = read_safetensors(folder / "model.safetensors")
    assert "encoder.embedding" in stored
    assert not {"decoder.embedding", "output.weight"} & stored.keys()
    found = read_checkpoint(folder).tensors
    assert found["encoder.embedding"] is found["decoder.embedding"]
    assert found["encoder.embedding"] is found["output.weight"]


def test_writing_twice_gives_the_same_bytes(tmp_path: pathlib.Path) -> None:
    for name in ("a", "b"):
        write_native(tmp_path / name, checkpoint(), dtype="int8")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_tokenizer_files_of_the_same_content_are_stored_once(tmp_path: pathlib.Path) -> None:
    for name, content in [("s", b"1"), ("t", b"1"), ("v", b"2")]:
        (tmp_path / name).write_bytes(content)
    files = {"source": tmp_path / "s", "target": tmp_path / "t", "vocab": tmp_path / "v"}
    write_native(tmp_path / "native", checkpoint(), tokenizer_files=files)
    names = {path.name for path in (tmp_path / "native").iterdir()}
    assert names == {"config.json", "model.safetensors", "source.spm", "vocab.json"}
    values = json.loads((tmp_path / "native" / "config.json").read_text())
    expected = {"source": "source.spm", "target": "source.spm", "vocab": "vocab.json"}
    assert values["tokenizer"] == expected


def test_files_are_as_readable_as_any_other(tmp_path: pathlib.Path) -> None:
    (tmp_path / "any").touch()
    expected = stat.S_IMODE((tmp_path / "any").stat().st_mode)
    for path in written(tmp_path, "int8").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == expected


def test_a_folder_that_holds_things_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        write_native(tmp_path, checkpoint())
    with pytest.raises(FileExistsError, match=r"thesis\.txt: exists"):
        write_native(tmp_path / "thesis.txt", checkpoint())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_is_filled(tmp_path: pathlib.Path) -> None:
    (tmp_path / "native").mkdir()
    assert (written(tmp_path) / "config.json").exists()


def test_folders_above_are_made(tmp_path: pathlib.Path) -> None:
    write_native(tmp_path / "a" / "b", checkpoint())
    assert read_checkpoint(tmp_path / "a" / "b").config == CONFIG


def test_a_failure_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match="absent: no such file"):
        write_native(
            tmp_path / "native", checkpoint(), tokenizer_files={"source": tmp_path / "absent"}
        )
    assert list(tmp_path.iterdir()) == []


def test_unknown_dtype_is_an_error(tmp_path: pathlib.Path) -> None:
    known = "'float32', 'bfloat16', 'int8', 'int4'"
    with pytest.raises(ValueError, match=f"dtype is 'int2', expected one of {known}"):
        write_native(tmp_path / "native", checkpoint(), dtype="int2")


@pytest.mark.parametrize(
    ("name", "shape", "problem"),
    [
        ("decoder.embedding", (11, 5), r"has shape \[11, 5\], expected \[11, 6\]"),
        ("decoder.embedding", None, r"is missing, expected \[11, 6\]"),
        ("extra", (1,), "extra: not tensors of the config"),
    ],
)
def test_tensors_that_could_not_be_read_are_not_written(
    tmp_path: pathlib.Path, name: str, shape: tuple[int, ...] | None, problem: str
) -> None:
    tensors = dict(checkpoint().tensors)
    if shape is None:
        del tensors[name]
    else:
        tensors[name] = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match=problem):
        write_native(tmp_path / "native", Checkpoint(CONFIG, tensors, GENERATION))


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["format"], "onnx", "format is 'onnx', expected 'pyattn'"),
        (["format_version"], 2, "format_version is 2, this version of pyattn reads 1: update"),
        (["format_version"], ..., "format_version is missing"),
        (["colour"], "red", "colour is not a field that pyattn knows"),
        (["model"], [], "model is a list of 0, expected an object"),
        (["model"], ..., "model: dim is missing"),
        (["model", "colour"], 1, "model: colour is not a field that pyattn knows"),
        (["model", "dim"], 0, "model: dim is 0, expected 1 to"),
        (["model", "dim"], ..., "model: dim is missing, expected 1 to"),
        (["model", "encoder_heads"], 4, "model: encoder_heads is 4, expected a divisor of dim, 6"),
        (["model", "encoder_layer_heads"], [3], "model: encoder_layer_heads is a list of 1, exp"),
        (["model", "encoder_layer_heads"], [2, 0], ".*expected an integer from 1 to 2 for each"),
        (["model", "decoder_layer_cross_heads"], [1, 1], "model: decoder_layer_cross_heads is a"),
        (["model", "decoder_layer_heads"], "1", "model: decoder_layer_heads is '1', expected"),
        (["model", "decoder_layer_ffn"], [0.5], "model: decoder_layer_ffn is a list of 1, exp"),
        (["model", "start"], 11, "model: start is 11, expected 0 to 10"),
        (["model", "end"], None, "model: end is missing, expected 0 to 10"),
        (["model", "pad"], 11, "model: pad is 11, expected one id below 11"),
        (["model", "norm"], "none", "model: norm is 'none', supported are post, pre"),
        (["model", "norm_epsilon"], -1, "model: norm_epsilon is -1, expected a number from 0"),
        (["model", "attention_soft_cap"], 1e39, "model: attention_soft_cap is 1e[+]39, expected a"),
        (["model", "final_norm"], 0, "model: final_norm is 0, expected true or false"),
        (["model", "activation"], "swish", "model: activation is 'swish', supported are relu"),
        (["model", "positions"], "spiral", "model: positions is 'spiral', supported are sin"),
        (["model", "family"], 1, "model: family is 1, expected a string"),
        (["generation", "colour"], 1, "generation: colour is not a field that pyattn knows"),
        (["generation", "beam_size"], 0, "generation: beam_size: expected 1 to 256, got 0"),
        (["generation", "beam_size"], [], "generation: beam_size: expected an integer"),
        (["generation", "suppress_tokens"], [11], "generation: suppress_tokens has id 11, "),
        (["generation", "suppress_tokens"], 3, "generation: suppress_tokens is 3, expected a li"),
        (["generation", "suppress_tokens"], [*range(11)], "generation: suppress_tokens leaves n"),
        (["generation", "end_tokens"], [True], "generation: end_tokens is a list of 1, expected"),
        (["generation", "target_prefix"], [-1], "generation: target_prefix has id -1, expected"),
        (["generation", "target_prefix"], [1] * 16, "generation: target_prefix has 16 ids, exp"),
        (["generation", "forced_bos_token"], 11, "generation: forced_bos_token has id 11, "),
        (["generation", "suppress_sequences"], [[1, 11]], "generation: suppress_sequences has id"),
        (["generation", "sequence_bias"], [[[11], 1]], "generation: sequence_bias has id 11, exp"),
        (
            ["generation", "sequence_bias"],
            [[[1], 10**400]],
            "generation: sequence_bias: expected a n",
        ),
        (["generation", "disable_unk"], True, "generation: disable_unk is true, but model has no"),
        (["generation", "alignment_heads"], [[0, 9]], "generation: alignment_heads has head 9 of"),
        (["tied"], {"a": "output.weight"}, "tied: a is not a tensor of this model"),
        (["tokenizer", "colour"], "x", "tokenizer: colour is not a field that pyattn knows"),
        (
            ["tokenizer"],
            {"source": "../x", "target": "x"},
            r"tokenizer: source is '\.\./x', expected",
        ),
        (["tokenizer"], {"source": 3, "target": "x"}, "tokenizer: source is 3, expected the name"),
        (["tokenizer"], {"source": "x"}, "tokenizer: target is missing, which source needs"),
        (["tokenizer"], {"vocab": "x"}, "tokenizer: source is missing, which vocab needs"),
    ],
)
def test_config_that_cannot_be_used_is_an_error(
    tmp_path: pathlib.Path, path: list[str], value: Any, problem: str
) -> None:
    folder = changed(written(tmp_path), *path, to=value)
    with pytest.raises(ModelError, match=rf"^config\.json: {problem}"):
        read_checkpoint(folder)


def test_named_tokenizer_file_cannot_be_a_link_out_of_the_folder(tmp_path: pathlib.Path) -> None:
    folder = changed(
        written(tmp_path), "tokenizer", to={"source": "source.spm", "target": "source.spm"}
    )
    (folder / "source.spm").symlink_to("/etc/passwd")
    with pytest.raises(ModelError, match=r"source is 'source\.spm', a link that leads out"):
        read_checkpoint(folder)


def test_tied_to_nothing_is_an_error(tmp_path: pathlib.Path) -> None:
    folder = changed(written(tmp_path), "tied", to={"output.weight": "absent\n"})
    with pytest.raises(ModelError, match=r"^model\.safetensors: absent\\n is missing"):
        read_checkpoint(folder)


def test_tied_to_a_matrix_of_another_shape_is_an_error(tmp_path: pathlib.Path) -> None:
    tied = {"output.weight": "encoder.layers.0.feed_forward.up.weight"}
    folder = changed(written(tmp_path), "tied", to=tied)
    with pytest.raises(ModelError, match=r"has shape \[8, 6\], config\.json's target_vocab says"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("name", "array", "problem"),
    [
        ("output.weight", np.zeros((12, 6), np.int8), "config.json's target_vocab says 11"),
        ("output.weight", np.zeros((11, 6), np.uint8), "has dtype U8, expected F32, F16 or BF16"),
        ("output.weight", None, "output.weight is missing"),
        ("output.weight.scale", None, "output.weight.scale is missing"),
        ("output.weight.scale", np.zeros(10, np.float32), "config.json's target_vocab says 11"),
        ("output.weight.scale", np.zeros(11, np.float16), r"is F16 \[11\], expected F32 \[11\]"),
        ("output.weight.scale", np.full(11, np.nan, np.float32), "negative or not finite"),
        ("output.weight.scale", np.full(11, np.inf, np.float32), "negative or not finite"),
        ("output.weight.scale", np.full(11, -1, np.float32), "negative or not finite"),
        ("output.bias", np.zeros(11, np.int8), "output.bias has dtype I8, expected F32 for a"),
        ("colour", np.zeros(11, np.int8), "colour: no such tensors in a model of family marian"),
    ],
)
def test_tensors_that_cannot_be_used_are_an_error(
    tmp_path: pathlib.Path, name: str, array: made.Values | None, problem: str
) -> None:
    folder = with_tensor(written(tmp_path, "int8"), name, array)
    with pytest.raises(ModelError, match=rf"^model\.safetensors: .*{problem}"):
        read_checkpoint(folder)


def test_missing_weights_are_an_error(tmp_path: pathlib.Path) -> None:
    folder = written(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors: no such file"):
        read_checkpoint(folder)


def test_reading_takes_no_memory_for_weights(tmp_path: pathlib.Path) -> None:
    config = ModelConfig(**{**vars(CONFIG), "source_vocab": 100_000, "target_vocab": 50_000})
    write_native(tmp_path / "native", checkpoint(config), dtype="int8")
    tracemalloc.start()
    found = read_checkpoint(tmp_path / "native")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6
    assert sum(array.size for array in found.tensors.values()) > 1e6


# --- what has been written before --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source"),
    [("native-1-float32", "marian-untied-gelu-3"), ("native-1-int8", "marian-tied-relu-3")],
)
def test_folders_of_the_first_version_are_read(name: str, source: str) -> None:
    found, wanted = read_checkpoint(GOLDEN / name), read_checkpoint(GOLDEN / source)
    assert found.config == wanted.config
    assert found.generation == wanted.generation
    assert found.tensors.keys() == wanted.tensors.keys()
    for tensor, array in wanted.tensors.items():
        if tensor in found.int8:
            step = np.abs(array).max(axis=1, keepdims=True) / 127
            assert (np.abs(found.tensors[tensor] - array) <= step * 0.50001).all()
        else:
            np.testing.assert_array_equal(found.tensors[tensor], array)
    matrices = {tensor for tensor, array in wanted.tensors.items() if array.ndim == 2}
    assert found.int8 == (matrices if name == "native-1-int8" else frozenset())


# --- the model in the box ----------------------------------------------------------------------


def test_shipped_model_is_small_and_carries_its_attribution() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 12e6
    attribution = (SHIPPED / "ATTRIBUTION.md").read_text()
    assert "Trained on sentences from Tatoeba" in attribution
    assert "CC BY 2.0 FR" in attribution


def test_shipped_model_is_what_its_checkpoint_was() -> None:
    found = read_checkpoint(SHIPPED)
    assert found.config == ModelConfig(
        family="marian", source_vocab=8768, target_vocab=8768, dim=256, encoder_layers=6,
        decoder_layers=3, encoder_heads=4, decoder_heads=4, encoder_ffn=1024, decoder_ffn=1024,
        max_positions=256, start=8767, end=0, pad=8767, activation="silu", embedding_scale=16.0,
    )  # fmt: skip
    # transformers' max_length of 256 counts the start token.
    assert found.generation == GenerationOptions(
        beam_size=4, max_new_tokens=255, max_length_factor=3.0, suppress_tokens=(8767,),
        force_end=True,
    )  # fmt: skip
    assert found.text == TextSettings(
        whole_tokens=0, normalize=NORMALIZATION_STEPS, source="en", target="es"
    )
    assert isinstance(found.tensors, Tensors)
    assert found.tensors.stored("encoder.embedding") is found.tensors.stored("output.weight")


STATES = {
    **{"encoder_pattern": "states", "encoder_block": 4, "encoder_global_states": 2},
    **{"norm": "pre", "embedding_norm": False},
}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"encoder_pattern": "all"}, "encoder_pattern is 'all', supported are windows, tokens, "),
        ({"encoder_pattern": "blocks"}, "encoder_block is 0, expected 1 to "),
        (
            {"encoder_pattern": "states", "encoder_block": 4},
            "encoder_global_states is 0, expected 1 to ",
        ),
        (
            {"encoder_pattern": "states", "encoder_block": 3, "encoder_staggered": True},
            "encoder_block is 3, expected an even number for encoder_staggered",
        ),
        (
            {"encoder_pattern": "aggregates", "encoder_block": 2},
            "positions is 'sinusoidal', expected relative for aggregates",
        ),
        ({"encoder_block": 4}, "encoder_block is 4, expected 0 for windows"),
        ({**STATES, "norm": "post"}, "norm is 'post', expected 'pre' for states"),
        ({**STATES, "embedding_norm": True}, "embedding_norm is True, expected False for states"),
        (
            {**STATES, "positions": "rotary"},
            "positions is 'rotary', expected 'sinusoidal' or 'sinusoidal_t2t' or 'learned' for",
        ),
        ({"global_ids": [11]}, "global_ids is a list of 1, expected ids below 11"),
        ({"encoder_max_positions": 0}, "encoder_max_positions is 0, expected 1 to "),
    ],
)
def test_pattern_that_makes_no_sense_is_refused(
    tmp_path: pathlib.Path, fields: dict[str, Any], problem: str
) -> None:
    folder = written(tmp_path)
    changed(folder, "model", to=dataclasses.asdict(CONFIG) | fields)
    with pytest.raises(ModelError, match=f"config.json: model: {problem}"):
        read_checkpoint(folder)
