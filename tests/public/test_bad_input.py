"""What a user may do wrong, from text to model files: one clear error, or a sensible result."""

import json
import pathlib
import random
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import pyattn
from pyattn.commands import main as cli
from pyattn.running.origin import SHIPPED_MODEL

Folder = Callable[..., pathlib.Path]

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def translator() -> Iterator[pyattn.Translator]:
    with pyattn.load(threads=1) as loaded:
        yield loaded


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the shipped model, to be spoilt."""
    return pathlib.Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))


def assert_unusable(folder: pathlib.Path, *parts: str) -> None:
    """The model is refused with one line that has these parts."""
    with pytest.raises(pyattn.ModelError) as caught:
        pyattn.load(folder, threads=1)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def edit_config(folder: pathlib.Path, **model: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["model"].update(model)
    path.write_text(json.dumps(config))


# Texts


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b"])
def test_empty_text_is_its_own_translation(translator: pyattn.Translator, text: str) -> None:
    assert translator.translate(text) == text


@pytest.mark.parametrize("text", ["a", ".", "\x00", "\U0001f600", "\u0301", "好", "\ufffe"])
def test_one_token_has_a_translation(translator: pyattn.Translator, text: str) -> None:
    first, second = translator.translate([text, text])
    assert first == second


def test_ten_thousand_tokens_are_translated_sentence_by_sentence(
    translator: pyattn.Translator,
) -> None:
    sentences = ["Good morning.", "Where did you put the keys to the car?", "We are out of milk."]
    text = " ".join(sentences * 550)
    assert len(translator.tokenizer.encode([text])[0]) > 10_000
    parts = translator.translate(sentences, beam_size=1)
    assert translator.translate(text, beam_size=1) == " ".join(parts * 550)


@pytest.mark.parametrize("text", ["word " * 10_000, "x" * 10_000, "好" * 3_000])
def test_ten_thousand_tokens_without_a_sentence_are_translated(
    translator: pyattn.Translator, text: str
) -> None:
    assert translator.translate(text, beam_size=1, max_new_tokens=4)


@pytest.mark.parametrize("text", [b"bytes", None, 3, ["a", b"b"], ["a", "\ud800"]])
def test_what_is_not_text_is_refused(translator: pyattn.Translator, text: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^translate: texts"):
        translator.translate(text)


def test_invalid_utf8_is_named_by_the_command(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "latin1.txt"
    path.write_bytes("Wait!\nseñor\n".encode("latin-1"))
    assert cli.main(["translate", "--threads", "1", "--input", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    assert captured.err == f"pyattn: {path}: line 2 is not valid UTF-8 at byte 3\n"


# Ids


@pytest.mark.parametrize(
    "sources",
    [
        [[]],
        [[5] * 10_000],
        [[8768, 0]],
        [[-1, 0]],
        [[2**70, 0]],
        [[1.5, 0]],
        [["5", 0]],
        [[None]],
        ["text"],
        [5],
        5,
        None,
        [[[5, 0]]],
    ],
)
def test_what_is_not_a_source_is_refused(translator: pyattn.Translator, sources: Any) -> None:
    for operation in (translator.model.encode, translator.model.generate):
        with pytest.raises((TypeError, ValueError)) as caught:
            operation(sources)
        assert "\n" not in str(caught.value)


# Options


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"beams": 4}, TypeError),
        ({"beam_size": 0}, ValueError),
        ({"beam_size": 2.0}, ValueError),
        ({"beam_size": "4"}, ValueError),
        ({"beam_size": 2, "num_hypotheses": 3}, ValueError),
        ({"max_new_tokens": 0}, ValueError),
        ({"max_new_tokens": 10**30}, ValueError),
        ({"length_penalty": float("nan")}, ValueError),
        ({"length_penalty": "long"}, ValueError),
        ({"early_stopping": "later"}, ValueError),
        ({"suppress_tokens": [8768]}, ValueError),
        ({"suppress_tokens": ["the"]}, ValueError),
        ({"max_time": -1}, ValueError),
        ({"max_time": "soon"}, ValueError),
        ({"options": {"beam_size": 4}}, (TypeError, ValueError)),
    ],
)
def test_option_that_cannot_be_is_refused_by_name(
    translator: pyattn.Translator, options: dict[str, Any], error: Any
) -> None:
    with pytest.raises(error, match=next(iter(reversed(options)))):
        translator.translate("Wait!", **options)


@pytest.mark.parametrize("dtype", ["float31", "", None, np.float32])
def test_unknown_dtype_is_refused(dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"^dtype: expected"):
        pyattn.load(dtype=dtype)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two", True, 10**10])
def test_impossible_number_of_threads_is_refused(threads: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="threads"):
        pyattn.load(threads=threads)


def test_unknown_isa_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYATTN_ISA", "abacus")
    with pytest.raises(ValueError, match="'abacus'"):
        pyattn.load()


# Files


def test_missing_folder_is_refused(tmp_path: pathlib.Path) -> None:
    assert_unusable(tmp_path / "absent", "absent: no such folder")


def test_file_is_no_folder(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    assert_unusable(path, "model.onnx")


def test_empty_folder_is_refused(tmp_path: pathlib.Path) -> None:
    assert_unusable(tmp_path, "config.json")


@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "source.spm"])
def test_missing_file_is_named(folder: pathlib.Path, name: str) -> None:
    (folder / name).unlink()
    assert_unusable(folder, name)


@pytest.mark.parametrize("name", [WEIGHTS, "source.spm"])
@pytest.mark.parametrize("share", [0, 1e-7, 7e-7, 1e-4, 0.5, 0.999_999])
def test_truncated_file_is_named(folder: pathlib.Path, name: str, share: float) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])
    assert_unusable(folder, name)


def test_weights_with_more_behind_them_are_refused(folder: pathlib.Path) -> None:
    with (folder / WEIGHTS).open("ab") as file:
        file.write(b"more")
    assert_unusable(folder, WEIGHTS)


def test_damaged_header_never_crashes(folder: pathlib.Path) -> None:
    intact = (folder / WEIGHTS).read_bytes()
    size = int.from_bytes(intact[:8], "little")
    for seed in range(40):
        chance = random.Random(seed)
        damaged = bytearray(intact)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(8 + size)] = chance.randrange(256)
        (folder / WEIGHTS).write_bytes(damaged)
        try:
            pyattn.load(folder, threads=1).close()
        except pyattn.ModelError as error:
            assert str(error).startswith((f"{WEIGHTS}: ", "config.json: "))  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("decoder.layers.1.feed_forward.up.weight", np.transpose),
        ("decoder.layers.1.feed_forward.up.weight", lambda tensor: tensor[:-1]),
        ("decoder.layers.1.feed_forward.up.bias", lambda tensor: tensor[:, None]),
        ("decoder.layers.1.feed_forward.up.bias", lambda tensor: tensor.astype(np.int32)),
        ("encoder.layers.0.self_attention.query.weight", lambda tensor: tensor.astype(np.uint8)),
        ("encoder.layers.0.self_attention.query.weight.scale", lambda tensor: tensor[:1]),
        ("encoder.layers.0.self_attention_norm.weight", lambda tensor: tensor.astype(np.float64)),
    ],
)
def test_misshapen_tensor_is_named(
    folder: pathlib.Path, name: str, change: Callable[[Any], Any]
) -> None:
    tensors = load_file(folder / WEIGHTS)
    tensors[name] = np.ascontiguousarray(change(tensors[name]))
    save_file(tensors, folder / WEIGHTS)
    assert_unusable(folder, WEIGHTS, name)


def test_absent_and_unknown_tensors_are_named(folder: pathlib.Path) -> None:
    name = "decoder.layers.2.cross_attention.key.bias"
    tensors = load_file(folder / WEIGHTS)
    taken = tensors.pop(name)
    save_file(tensors, folder / WEIGHTS)
    assert_unusable(folder, WEIGHTS, name)
    save_file({**tensors, name: taken, "decoder.layers.9.extra": taken}, folder / WEIGHTS)
    assert_unusable(folder, WEIGHTS, "decoder.layers.9.extra")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dim", 128),
        ("dim", 512),
        ("dim", 2**40),
        ("dim", 0),
        ("dim", -256),
        ("dim", "256"),
        ("dim", None),
        ("source_vocab", 8767),
        ("target_vocab", 8769),
        ("encoder_layers", 5),
        ("encoder_layers", 7),
        ("decoder_layers", 2**31),
        ("encoder_heads", 3),
        ("decoder_heads", 0),
        ("encoder_ffn", 1023),
        ("decoder_ffn", 1025),
        ("max_positions", 0),
        ("max_positions", 2**50),
        ("start", 8768),
        ("end", -1),
        ("norm", "middle"),
        ("final_norm", True),
        ("activation", "tan"),
        ("positions", "learned"),
        ("norm_epsilon", -1),
        ("embedding_scale", float("inf")),
        ("heads", 4),
    ],
)
def test_config_that_contradicts_the_tensors_or_itself_is_refused(
    folder: pathlib.Path, field: str, value: Any
) -> None:
    edit_config(folder, **{field: value})
    assert_unusable(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"format": "pyattn"}', b"\xff\xfe", b"[" * 100_000, b"{}"],
)
def test_config_that_is_none_is_refused(folder: pathlib.Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    assert_unusable(folder, "config.json")


def test_tokenizer_of_another_model_is_refused(folder: pathlib.Path) -> None:
    edit_config(folder, start=0, end=1)
    assert_unusable(folder, "end")


@pytest.mark.parametrize("arguments", [["translate", "Wait!", "--model"], ["inspect"], ["bench"]])
def test_command_says_what_is_wrong_in_one_line(
    folder: pathlib.Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    edit_config(folder, decoder_ffn=1000)
    assert cli.main([*arguments, str(folder)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"pyattn: {WEIGHTS}: decoder.layers.0.feed_forward.")
    assert captured.err.count("\n") == 1
