import dataclasses
import json
import os
import pathlib
import tracemalloc
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import Model, reference
from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files import open_model, read_checkpoint
from pyattn.files.quantized import quantize
from support import ctranslate2_folders as made
from support import model_folders
from support.tolerances import EXACT, FLOAT32, Tolerance, assert_close

# A folder that holds CTranslate2's own test models, `aren-transliteration` and its four variants.
REAL = os.environ.get("PYATTN_CTRANSLATE2_MODELS")

SOURCES = [[3, 4, 5, 8], [6], [7, 7, 3]]
TARGETS = [[3, 4], [], [6, 5, 5, 3]]

# Half of a step of 127 steps, of the largest number.
INT8 = Tolerance(1 / 254)
# Half of a step of 1/1000, where the largest number is about 1/2.
INT16 = Tolerance(1 / 950)
STORED = dict.fromkeys(("float32", "float16", "bfloat16"), EXACT) | {"int8": INT8, "int16": INT16}

VERSIONS = [
    (version, dtype)
    for version in made.REVISIONS
    for dtype in (made.DTYPES if version >= 4 else made.OLD_DTYPES)
]


def assert_same(found: Checkpoint, wanted: Checkpoint, tolerance: Tolerance = EXACT) -> None:
    assert found.config == wanted.config
    assert found.generation == wanted.generation
    assert found.tensors.keys() == wanted.tensors.keys()
    for name, tensor in wanted.tensors.items():
        exact = tensor.ndim == 1 or name.endswith(".positions")
        assert found.tensors[name].dtype == np.float32
        assert not found.tensors[name].flags.writeable or name.endswith(".bias")
        assert_close(found.tensors[name], tensor, EXACT if exact else tolerance, name)


@pytest.mark.parametrize(("version", "dtype"), VERSIONS)
def test_every_version_and_type_is_read(tmp_path: pathlib.Path, version: int, dtype: str) -> None:
    wanted = made.checkpoint()
    spec = "TransformerBase" if version == 2 else "TransformerSpec"
    folder = made.folder(tmp_path / "model", wanted, version=version, dtype=dtype, spec=spec)
    assert_same(read_checkpoint(folder), wanted, STORED[dtype])


@pytest.mark.parametrize(("version", "dtype"), VERSIONS)
def test_logits_are_the_references(tmp_path: pathlib.Path, version: int, dtype: str) -> None:
    plain = made.checkpoint()
    folder = made.folder(tmp_path / "model", plain, version=version, dtype=dtype)
    stored = {
        name: made.floats(tensor, dtype).astype(np.float32) if tensor.ndim == 2 else tensor
        for name, tensor in plain.tensors.items()
    }
    if dtype == "int8":  # rows of fused matrices have scales of their own, so parts do too
        assert read_checkpoint(folder).int8 == {n for n, t in stored.items() if t.ndim == 2}
    wanted = reference.Model(dataclasses.replace(plain, tensors=stored)).logits(SOURCES, TARGETS)
    with Model(read_checkpoint(folder), dtype="float32", threads=1) as model:
        for one, other in zip(model.logits(SOURCES, TARGETS), wanted, strict=True):
            assert_close(one, other, FLOAT32)


VARIANTS: list[dict[str, Any]] = [
    {"norm": "post", "final_norm": False},
    {"norm": "post", "final_norm": True, "activation": "gelu"},
    {"final_norm": False, "activation": "gelu_tanh"},
    {"encoder_heads": 2, "decoder_heads": 16, "embedding_scale": 1.0},
    {"embedding_norm": True, "activation": "silu"},
    {"embedding_norm": True, "norm": "post", "final_norm": False},
    {"positions": "learned", "first_position": 0, "max_positions": 12},
    {"zero_start": True, "family": "marian", "norm": "post", "final_norm": False},
    {"encoder_layers": 1, "decoder_layers": 3},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: ",".join(changes))
@pytest.mark.parametrize("version", [5, 6])
def test_every_variant_is_read(
    tmp_path: pathlib.Path, changes: dict[str, Any], version: int
) -> None:
    wanted = made.checkpoint(**changes)
    assert_same(read_checkpoint(made.folder(tmp_path / "m", wanted, version=version)), wanted)


@pytest.mark.parametrize(
    ("layer", "count", "heads"),
    [
        (-1, 1, [(2, 0)]),
        (-3, 2, [(0, 0), (0, 1)]),
        (1, 3, [(1, 0), (1, 1), (1, 2)]),
        (2, 0, [(2, head) for head in range(8)]),
    ],
)
@pytest.mark.parametrize("version", [3, 6])
def test_alignments_are_the_first_heads_of_a_layer(
    tmp_path: pathlib.Path, version: int, layer: int, count: int, heads: list[tuple[int, int]]
) -> None:
    scope = "decoder/" if version == 6 else ""
    more = {
        f"{scope}alignment_layer": np.asarray(np.int16(layer)),
        f"{scope}alignment_heads": np.asarray(np.int16(count)),
    }
    wanted = made.checkpoint(decoder_layers=3)
    found = read_checkpoint(made.folder(tmp_path / "model", wanted, version=version, more=more))
    assert found.generation == wanted.generation.replace(alignment_heads=tuple(heads))


@pytest.mark.parametrize(("spec", "heads"), [("TransformerBase", 8), ("TransformerBig", 16)])
def test_the_classes_of_old_have_their_heads(tmp_path: pathlib.Path, spec: str, heads: int) -> None:
    wanted = made.checkpoint(encoder_heads=heads, decoder_heads=heads)
    assert_same(read_checkpoint(made.folder(tmp_path / "m", wanted, version=2, spec=spec)), wanted)


def test_int16_without_a_scale_was_multiplied_by_1000(tmp_path: pathlib.Path) -> None:
    wanted = made.checkpoint()
    folder = made.folder(tmp_path / "model", wanted, version=1, dtype="int16", scaled=False)
    assert_same(read_checkpoint(folder), wanted, INT16)


def test_what_is_one_variable_is_one_array(tmp_path: pathlib.Path) -> None:
    for dtype in made.DTYPES:
        tensors = read_checkpoint(
            made.folder(tmp_path / dtype, made.checkpoint(), dtype=dtype)
        ).tensors
        assert tensors["output.weight"] is tensors["decoder.embedding"]
        assert tensors["output.weight"] is not tensors["encoder.embedding"]


def test_int8_loses_nothing_when_it_is_packed_again(tmp_path: pathlib.Path) -> None:
    found = made.quantized(made.variables(made.checkpoint()), "int8")
    tensors = read_checkpoint(made.folder(tmp_path / "m", made.checkpoint(), dtype="int8")).tensors
    again = quantize(tensors["encoder.layers.1.feed_forward.down.weight"])
    np.testing.assert_array_equal(again.values, found["encoder/layer_1/ffn/linear_1/weight"])
    again = quantize(tensors["output.weight"])
    np.testing.assert_array_equal(again.values, found["decoder/projection/weight"])


def test_a_linear_without_a_bias_adds_nothing(tmp_path: pathlib.Path) -> None:
    wanted = made.checkpoint()
    tensors = {name: np.zeros_like(t) if name.endswith("query.bias") else t
               for name, t in wanted.tensors.items()}  # fmt: skip
    found = made.variables(dataclasses.replace(wanted, tensors=tensors))
    del found["decoder/layer_0/attention/linear_0/bias"], found["decoder/projection/bias"]
    folder = made.folder(tmp_path / "model", wanted)
    (folder / "model.bin").write_bytes(made.model_bin(found))
    read = read_checkpoint(folder).tensors
    assert "output.bias" not in read
    assert not read["decoder.layers.0.cross_attention.query.bias"].any()


@pytest.mark.parametrize(
    ("scale", "wanted"),
    [(np.int8(1), 4.0), (np.int8(0), 1.0), (np.float32(2.5), 2.5), (np.float32(0), 0.0)],
)
@pytest.mark.parametrize("name", ["scale_embeddings", "embeddings/multiply_by_sqrt_depth"])
def test_a_scale_is_a_flag_or_a_number(
    tmp_path: pathlib.Path, name: str, scale: Any, wanted: float
) -> None:
    found = made.variables(made.checkpoint())
    for stack in ("encoder", "decoder"):
        del found[f"{stack}/scale_embeddings"]
        found[f"{stack}/{name}"] = np.asarray(scale)
    folder = made.folder(tmp_path / "model", made.checkpoint())
    (folder / "model.bin").write_bytes(made.model_bin(found))
    assert read_checkpoint(folder).config.embedding_scale == wanted


def test_it_says_what_the_hugging_face_folder_of_the_same_weights_says(
    tmp_path: pathlib.Path,
) -> None:
    values = model_folders.config(max_position_embeddings=32)
    weights = model_folders.tensors(values)
    weights[model_folders.SHARED][values["pad_token_id"]] = 0
    first = read_checkpoint(model_folders.folder(tmp_path / "huggingface", values, weights))
    # The conversion drops the padding, the last token, and writes out the positions.
    table = reference.sinusoidal_positions(32, first.config.dim)
    rows = {
        name: tensor[:-1] if name.startswith("output") or name.endswith("embedding") else tensor
        for name, tensor in first.tensors.items()
    }
    rows["encoder.embedding"] = rows["decoder.embedding"] = rows["output.weight"]
    rows |= {"encoder.positions": table, "decoder.positions": table}
    config = dataclasses.replace(
        first.config, positions="learned", zero_start=True, start=2, end=2,
        source_vocab=10, target_vocab=10,
    )  # fmt: skip
    folder = made.folder(
        tmp_path / "ctranslate2", dataclasses.replace(first, config=config, tensors=rows)
    )
    for kind in (reference.Model, Model):
        one, other = kind(read_checkpoint(folder)), kind(first)
        for ours, theirs in zip(one.encode(SOURCES), other.encode(SOURCES), strict=True):
            assert_close(ours, theirs, EXACT)
        for ours, theirs in zip(
            one.logits(SOURCES, TARGETS), other.logits(SOURCES, TARGETS), strict=True
        ):
            assert_close(ours, theirs[:, :-1], FLOAT32)


# --- tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "txt"])
def test_a_vocabulary_may_be_shared(tmp_path: pathlib.Path, form: str) -> None:
    wanted = made.checkpoint(source_vocab=7)
    folder = made.folder(tmp_path / "model", wanted)
    for role in ("source", "target"):
        (folder / f"{role}_vocabulary.json").unlink()
    made.write_vocabulary(folder / "shared_vocabulary", made.tokens(7), form)
    found = open_model(folder).vocabularies
    assert found.source is found.target
    assert found.source.tokens == tuple(made.tokens(7))
    assert_same(read_checkpoint(folder), wanted)


def test_the_unknown_token_is_the_last_where_the_file_lacks_it(tmp_path: pathlib.Path) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    (folder / "target_vocabulary.json").unlink()
    made.write_vocabulary(folder / "target_vocabulary", [*"ab", "<s>", "c", "</s>", "d"], "txt")
    found = open_model(folder).vocabularies.target
    assert found.tokens == ("a", "b", "<s>", "c", "</s>", "d", "<unk>")
    assert (found.unk, found.id_of("c"), found.id_of("z"), len(found)) == (6, 3, 6, 7)
    config = read_checkpoint(folder).config
    assert (config.start, config.end) == (2, 4)


def test_carriage_returns_at_all_ends_are_no_part_of_tokens(tmp_path: pathlib.Path) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    (folder / "source_vocabulary.json").unlink()
    path = folder / "source_vocabulary.txt"
    path.write_bytes("".join(f"{token}\r\n" for token in made.tokens(9)).encode())
    assert open_model(folder).vocabularies.source.tokens == tuple(made.tokens(9))
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"b\n", b"b\r\n"))
    assert open_model(folder).vocabularies.source.tokens[3:5] == ("a", "b\r")


def test_what_goes_around_a_source_is_the_models_to_say(tmp_path: pathlib.Path) -> None:
    config = made.CONFIG | {"add_source_bos": True, "add_source_eos": True}
    folder = made.folder(tmp_path / "model", made.checkpoint(), config=config)
    found = open_model(folder).vocabularies
    assert found.source_ids(["a", "zz"]) == [1, 3, 0, 2]
    assert found.target_tokens([3, 4]) == ["a", "b"]
    older = {"with_source_eos": np.asarray(np.int8(1))}
    folder = made.folder(tmp_path / "older", made.checkpoint(), version=5, more=older)
    assert open_model(folder).vocabularies.source_ids(["a", "zz"]) == [3, 0, 2]


def text(value: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(value.encode(), np.int8)


def test_older_models_name_their_tokens_in_variables(tmp_path: pathlib.Path) -> None:
    more = {"eos_token": text("a"), "bos_token": text("b"), "unk_token": text("c")}
    folder = made.folder(tmp_path / "model", made.checkpoint(), version=5, more=more)
    config, found = read_checkpoint(folder).config, open_model(folder).vocabularies
    assert (config.start, config.end, found.target.unk) == (4, 3, 5)
    more |= {"with_target_bos": np.asarray(np.int8(0))}
    folder = made.folder(tmp_path / "model", made.checkpoint(), version=5, more=more)
    assert read_checkpoint(folder).config.start == 3


def test_config_json_names_the_tokens_of_newer_ones(tmp_path: pathlib.Path) -> None:
    config = made.CONFIG | {"decoder_start_token": "b", "eos_token": "a", "layer_norm_epsilon": 0.5}
    found = read_checkpoint(made.folder(tmp_path / "m", made.checkpoint(), config=config)).config
    assert (found.start, found.end, found.norm_epsilon) == (4, 3, 0.5)


def test_vmap_is_read_where_there_is_one(tmp_path: pathlib.Path) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    assert open_model(folder).vocabulary_map is None
    (folder / "vmap.txt").write_text("a b\tc\n\td\n")
    found = open_model(folder).vocabulary_map
    assert found is not None
    assert found.candidates(["a"]) == [0, 1, 2, 6]
    assert found.candidates(["a", "b"]) == [0, 1, 2, 5, 6]


# --- what is refused -----------------------------------------------------------------------------


def refused(folder: pathlib.Path, message: str) -> None:
    with pytest.raises(ModelError) as error:
        read_checkpoint(folder)
    assert message in str(error.value), str(error.value)


def test_what_is_not_computed_is_refused_by_its_name(tmp_path: pathlib.Path) -> None:
    number = np.asarray(np.int8(1))
    for name, message in [
        ("encoder/layer_0/self_attention/rotary_dim", "rotary_dim: no such variables in a model"),
        ("decoder/layer_0/self_attention/relative_position_keys", "position_keys: no such"),
        ("encoder/layer_1/ffn/linear_0_noact/weight", "linear_0_noact/weight: no such variables"),
        ("encoder/embeddings_1/weight", "encoder/embeddings_1/weight: no such variables"),
        ("encoder/multi_query_attention", "multi_query_attention is 1, supported is 0"),
        ("decoder/alibi", "decoder/alibi is 1, supported is 0"),
        ("decoder/layer_0/attention/queries_scale", "queries_scale is 3, supported is 0.707107"),
        ("decoder/layer_0/attention/num_heads_kv", "num_heads_kv is 3, supported is 8"),
    ]:  # fmt: skip
        value = number * np.int8(3) if name.endswith(("scale", "outputs", "kv")) else number
        folder = made.folder(tmp_path / "m", made.checkpoint(), more={name: value})
        refused(folder, f"model.bin: {name.rsplit('/', 1)[0]}")
        refused(folder, message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("encoder/num_heads", np.int16(3), "encoder/num_heads is 3, expected a divisor of 16"),
        ("encoder/num_heads", np.int16(0), "encoder/num_heads is 0, expected a divisor"),
        ("encoder/num_heads", np.int16(-8), "encoder/num_heads is -8, expected a divisor"),
        ("encoder/num_heads", np.float32(np.nan), "encoder/num_heads is nan, expected a finite"),
        ("encoder/num_heads", np.int16([8]), "encoder/num_heads has shape [1], expected a single"),
        ("encoder/activation", np.int8(4), "encoder/activation is 4, supported are 0 (relu), 1"),
        ("decoder/activation", np.int8(2), "activation is relu in the encoder and silu in the dec"),
        ("decoder/layer_0/ffn/linear_0_noact/weight", np.float32([[1]]), "gated is False in the"),
        ("decoder/pre_norm", np.int8(0), "pre_norm is True in the encoder and False in the dec"),
        ("decoder/scale_embeddings", np.float32(3), "scale_embeddings is 4.0 in the encoder and"),
        ("decoder/alignment_layer", np.int16(1), "decoder/alignment_layer is 1, expected -1 to 0"),
        ("decoder/alignment_heads", np.int16(9), "decoder/alignment_heads is 9, expected 0 to 8"),
        ("decoder/alignment_heads", np.int16(-1), "decoder/alignment_heads is -1, expected 0 to"),
        ("decoder/layer_norm/gamma", None, "model.bin: decoder/layer_norm/gamma is missing"),
        ("decoder/layer_norm/beta", None, "decoder/layer_norm/beta is missing"),
        ("encoder/embeddings_0/weight", None, "model.bin: encoder/embeddings_0/weight is missing"),
        ("encoder/embeddings_0/weight", np.float32([1]), "has shape [1], expected a matrix"),
        ("decoder/embeddings/weight", np.zeros((7, 4), "f"), "encoder [9, 16]; expected as"),
        ("encoder/layer_9/ffn/linear_0/bias", np.float32([1]), "layer_2/self_attention/layer_norm"),
        ("encoder/layer_1/ffn/linear_0/weight", None, "layer_1/ffn/linear_0/weight is missing"),
        ("encoder/layer_1/ffn/linear_1/bias", np.float32([1]), "has shape [1], expected [16]"),
        ("encoder/layer_0/ffn/layer_norm/beta", np.int32([1] * 16), "has dtype I32, expected F32"),
        ("encoder/layer_0/ffn/linear_1/bias", np.int8([1] * 16), "linear_1/bias_scale is missing"),
        ("unk_token", np.int8([65]), "model.bin: unk_token: no such variables in a model"),
    ],
)  # fmt: skip
def test_a_bad_variable_is_named(
    tmp_path: pathlib.Path, name: str, value: Any, message: str
) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    found = made.variables(made.checkpoint())
    if value is None:
        del found[name]
    else:
        found[name] = np.asarray(value)
    (folder / "model.bin").write_bytes(made.model_bin(found))
    refused(folder, message)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, 1e-45])
def test_a_scale_is_positive(tmp_path: pathlib.Path, bad: float) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    found = made.quantized(made.variables(made.checkpoint()), "int8")
    scale = found["encoder/layer_0/ffn/linear_0/weight_scale"].copy()
    scale[2] = bad
    found["encoder/layer_0/ffn/linear_0/weight_scale"] = scale
    (folder / "model.bin").write_bytes(made.model_bin(found))
    refused(folder, "encoder/layer_0/ffn/linear_0/weight_scale has values that are not positive")


@pytest.mark.parametrize("shape", [(), (1,), (5,), (6, 1)])
def test_an_int8_matrix_has_a_scale_for_each_row(
    tmp_path: pathlib.Path, shape: tuple[int, ...]
) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    found = made.quantized(made.variables(made.checkpoint()), "int8")
    found["encoder/layer_0/ffn/linear_0/weight_scale"] = np.ones(shape, np.float32)
    (folder / "model.bin").write_bytes(made.model_bin(found))
    refused(folder, f"weight_scale has shape {list(shape)}, expected [6]")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spec": "WhisperSpec"}, "model.bin: the model's class is 'WhisperSpec', supported are"),
        ({"spec": "TransformerDecoderSpec"}, "model.bin: revision is 7, expected 8"),
        ({"revision": 8}, "model.bin: revision is 8, expected 1 to 7"),
    ],
)
def test_another_class_is_refused(
    tmp_path: pathlib.Path, changes: dict[str, Any], message: str
) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    found = made.variables(made.checkpoint())
    (folder / "model.bin").write_bytes(made.model_bin(found, **changes))
    refused(folder, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_start_token": None}, "config.json: decoder_start_token is null, expected a tok"),
        ({"multi_query_attention": True}, "config.json: multi_query_attention is not supported"),
        ({"quantization_type": 1}, "config.json: quantization_type is 1, which is not supported"),
        ({"eos_token": "zz"}, "target_vocabulary.json: zz is missing, which the model needs"),
        ({"eos_token": 3}, "config.json: eos_token is 3, expected a string"),
        ({"add_source_bos": 1}, "config.json: add_source_bos is 1, expected true or false"),
        ({"layer_norm_epsilon": -1}, "config.json: layer_norm_epsilon is -1, expected a number"),
        ({"unk_token": "zz"}, "source_vocabulary.json: 10 tokens with zz, the model has 9"),
    ],
)
def test_a_bad_field_of_config_json_is_named(
    tmp_path: pathlib.Path, changes: dict[str, Any], message: str
) -> None:
    folder = made.folder(tmp_path / "m", made.checkpoint(), config=made.CONFIG | changes)
    refused(folder, message)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("source_vocabulary.json", b"{}", "source_vocabulary.json: dict at the top, expected a"),
        ("source_vocabulary.json", b"[", "source_vocabulary.json: not valid JSON"),
        ("source_vocabulary.json", b'["a", 1]', "token 1 is 1, expected a string"),
        ("source_vocabulary.json", b'["\\ud800"]', "token 0 is '\\ud800', which is not valid Uni"),
        ("source_vocabulary.json", b'["\xff"]', "source_vocabulary.json: not valid JSON"),
        ("source_vocabulary.json", b"[" * 6000, "nested too deeply"),
        ("source_vocabulary.json", b" " * 9999, "9999 bytes, expected at most 6400"),
        ("source_vocabulary.json", b"[]", "source_vocabulary.json: 1 tokens with <unk>, the model"),
        ("source_vocabulary.txt", b"a\n\xff\n", "source_vocabulary.txt: line 2 is not valid UTF-8"),
        ("source_vocabulary.txt", b"\n" * 99, "source_vocabulary.txt: over 9 lines, the model has"),
        ("source_vocabulary.txt", b"", "source_vocabulary.txt: 1 tokens with <unk>, the model has"),
        ("source_vocabulary.txt", None, "no vocabulary, expected shared_vocabulary.json or shared"),
        ("config.json", None, "config.json: no such file"),
        ("config.json", b"[]", "config.json: list at the top, expected a JSON object"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named(
    tmp_path: pathlib.Path, file: str, content: bytes | None, message: str
) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    if file.startswith("source"):
        (folder / "source_vocabulary.json").unlink()
    if content is None:
        (folder / file).unlink(missing_ok=True)
    else:
        (folder / file).write_bytes(content)
    refused(folder, message)


def test_a_link_in_place_of_a_file_is_followed_to_files_only(tmp_path: pathlib.Path) -> None:
    folder = made.folder(tmp_path / "model", made.checkpoint())
    (folder / "model.bin").rename(tmp_path / "elsewhere.bin")
    (folder / "model.bin").symlink_to(tmp_path / "elsewhere.bin")
    assert read_checkpoint(folder).config.dim == 16
    (folder / "model.bin").unlink()
    (folder / "model.bin").symlink_to(tmp_path)
    refused(folder, "model.bin: ")


def test_hugging_face_weights_come_first(tmp_path: pathlib.Path) -> None:
    values = model_folders.config()
    folder = model_folders.folder(tmp_path / "m", values, model_folders.tensors(values))
    (folder / "model.bin").write_bytes(b"something else")
    assert read_checkpoint(folder).config.family == "marian"


def test_reading_takes_no_more_than_the_weights(tmp_path: pathlib.Path) -> None:
    wanted = made.checkpoint(source_vocab=20_000, dim=256, embedding_scale=16.0)
    folder = made.folder(tmp_path / "model", made.checkpoint())
    (folder / "model.bin").write_bytes(made.model_bin(made.variables(wanted)))
    words = ["<unk>", *map(str, range(19_999))]
    (folder / "source_vocabulary.json").write_text(json.dumps(words))
    tracemalloc.start()
    read_checkpoint(folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Numbers that are not aligned in the file are copied, once.
    assert peak < (folder / "model.bin").stat().st_size + (8 << 20)


# --- as users meet it ----------------------------------------------------------------------------


def test_a_model_without_sentencepiece_says_what_is_missing(tmp_path: pathlib.Path) -> None:
    translator = pyattn.load(made.folder(tmp_path / "model", made.checkpoint()), threads=1)
    assert translator.model.generate(SOURCES)
    with pytest.raises(
        ModelError, match=r"files into the model.s folder: source\.spm and target\.spm"
    ):
        _ = translator.tokenizer


def test_a_folder_of_neither_kind_says_what_was_expected(tmp_path: pathlib.Path) -> None:
    refused(
        tmp_path,
        "no config.json, expected a model of pyattn's, Hugging Face's, CTranslate2's or Marian's",
    )


@pytest.mark.skipif(not REAL, reason="needs PYATTN_CTRANSLATE2_MODELS, a folder of its test models")
@pytest.mark.parametrize("variant", ["", "-v1", "-i16", "-i16-v1", "-i8"])
def test_real_models_transliterate(variant: str) -> None:
    folder = pathlib.Path(REAL or "") / f"aren-transliteration{variant}"
    tokens, checkpoint = open_model(folder).vocabularies, read_checkpoint(folder)
    sources = [tokens.source_ids(list(word)) for word in ("آتزمون", "بغداد", "محمد")]
    with Model(checkpoint, dtype="float32", threads=1) as model:
        found = model.generate(sources)
        wanted = reference.Model(checkpoint).generate(sources)
    words = ["".join(tokens.target_tokens(best.tokens)) for [best] in found]
    assert words == ["atzmon", "baghdad", "mahmad" if len(words) == 3 else ""]
    assert [best.tokens for [best] in found] == [best.tokens for [best] in wanted]
    try:
        import ctranslate2
    except ImportError:
        pytest.skip("needs the package ctranslate2 to compare with")
    theirs = ctranslate2.Translator(str(folder), compute_type="float32")
    letters = [list(word) for word in ("آتزمون", "بغداد", "محمد")]
    targets = [result.hypotheses[0] for result in theirs.translate_batch(letters)]
    assert ["".join(target) for target in targets] == words
    scores = theirs.score_batch(letters, targets)
    ours = reference.Model(checkpoint).score(sources, [tokens.target.ids(t) for t in targets])
    for one, other in zip(ours, scores, strict=True):
        np.testing.assert_allclose(one, other.log_probs, atol=1e-5)
