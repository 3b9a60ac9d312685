"""What pyattn.compat.ctranslate2 takes and does, beside what it answers."""

from __future__ import annotations

import concurrent.futures
import io
import logging
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pyattn.compat import ctranslate2
from pyattn.files import open_model
from support import compat_models

SOURCES = [list("dcbej"), list("icc"), list("hkie"), list("g")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return compat_models.folder(tmp_path_factory.mktemp("compat") / "bare", "bare")


@pytest.fixture(scope="module")
def translator(folder: pathlib.Path) -> ctranslate2.Translator:
    return ctranslate2.Translator(folder, compute_type="float32", intra_threads=1)


def targets(results: list[Any]) -> list[list[list[str]]]:
    return [result.hypotheses for result in results]


# --- iterables ---


def test_iterables_are_read_in_order_and_not_far_ahead(
    translator: ctranslate2.Translator,
) -> None:
    read = 0

    def many() -> Iterator[list[str]]:
        nonlocal read
        while True:
            read += 1
            yield SOURCES[read % len(SOURCES)]

    wanted = targets(translator.translate_batch(SOURCES))
    results = translator.translate_iterable(many(), max_batch_size=3)
    assert read == 0
    for n in range(1, 40):
        assert next(results).hypotheses == wanted[n % len(SOURCES)]
        assert read <= n + 40


def test_iterables_of_other_lengths_are_an_error(translator: ctranslate2.Translator) -> None:
    for other in ([["f"]] * 3, [["f"]] * 5):
        with pytest.raises(ValueError, match="same length"):
            list(translator.translate_iterable(SOURCES, other))
        with pytest.raises(ValueError, match="same length"):
            list(translator.score_iterable(SOURCES, other))
    assert list(translator.score_iterable(iter(SOURCES), iter(SOURCES), 3)) == (
        translator.score_batch(SOURCES, SOURCES)
    )


# --- models ---


def test_unloaded_model_refuses_until_it_is_loaded(folder: pathlib.Path) -> None:
    translator = ctranslate2.Translator(str(folder), intra_threads=1)
    wanted = targets(translator.translate_batch(SOURCES))
    translator.unload_model(to_cpu=True)
    assert translator.model_is_loaded
    translator.unload_model()
    assert not translator.model_is_loaded
    for ask in (
        lambda: translator.translate_batch(SOURCES),
        lambda: translator.translate_batch(SOURCES, asynchronous=True),
        lambda: translator.score_batch(SOURCES, SOURCES),
        lambda: next(translator.generate_tokens(SOURCES[0])),
        lambda: next(translator.translate_iterable(SOURCES)),
        lambda: translator.compute_type,
    ):
        with pytest.raises(RuntimeError, match="unloaded"):
            ask()
    translator.load_model()
    assert targets(translator.translate_batch(SOURCES)) == wanted


def test_files_from_memory_are_a_model(
    folder: pathlib.Path, translator: ctranslate2.Translator
) -> None:
    files: dict[str, Any] = {path.name: path.read_bytes() for path in folder.iterdir()}
    opened = files | {"model.bin": io.BytesIO(files["model.bin"])}
    loaded = ctranslate2.Translator("", files=opened, compute_type="float32", intra_threads=1)
    assert targets(loaded.translate_batch(SOURCES)) == targets(translator.translate_batch(SOURCES))
    loaded.unload_model()
    loaded.load_model()
    assert targets(loaded.translate_batch(SOURCES)) == targets(translator.translate_batch(SOURCES))
    del files["target_vocabulary.json"]
    with pytest.raises(RuntimeError, match="vocabulary"):
        ctranslate2.Translator("", files=files)


@pytest.mark.parametrize(
    ("asked", "computed"),
    [
        ("default", "float32"), ("float32", "float32"), ("int8", "int8_float32"),
        ("int8_float32", "int8_float32"), ("bfloat16", "bfloat16"), ("int16", "float32"),
        ({"cpu": "int8", "cuda": "float16"}, "int8_float32"), ({"cuda": "float16"}, "float32"),
    ],
)  # fmt: skip
def test_compute_type_is_what_was_asked_for(
    folder: pathlib.Path, asked: str | dict[str, str], computed: str
) -> None:
    translator = ctranslate2.Translator(folder, compute_type=asked, intra_threads=1)
    assert translator.compute_type == computed
    assert len(translator.translate_batch(SOURCES)) == len(SOURCES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "tpu"}, "unsupported device tpu"), ({"device": "cuda"}, "cuda"),
        ({"device_index": 3}, "Invalid CPU device index: 3"), ({"compute_type": "int4"}, "int4"),
        ({"device_index": []}, "At least one device index"), ({"device_index": [0, 1]}, "index: 1"),
        ({"flash_attention": True}, "flash_attention"),
    ],
)  # fmt: skip
def test_what_is_not_for_cpus_is_a_value_error(
    folder: pathlib.Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ctranslate2.Translator(folder, **arguments)


@pytest.mark.parametrize("compute_type", [["int8"], None, {"cpu": 8}])
def test_compute_type_is_a_name(folder: pathlib.Path, compute_type: Any) -> None:
    with pytest.raises(TypeError, match="incompatible constructor arguments: compute_type"):
        ctranslate2.Translator(folder, compute_type=compute_type)


@pytest.mark.parametrize("files", [["model.bin"], {"model.bin": "text"}, {"model.bin": None}])
def test_files_from_memory_are_bytes_by_their_names(files: Any) -> None:
    with pytest.raises(TypeError, match=r"[Ff]ile content"):
        ctranslate2.Translator("", files=files)


def test_translators_are_as_many_as_asked_for(folder: pathlib.Path) -> None:
    translator = ctranslate2.Translator(
        folder, inter_threads=2, intra_threads=1, device_index=[0, 0]
    )
    assert translator.num_translators == 4
    assert translator.device_index == [0, 0]
    assert (translator.device, translator.tensor_parallel) == ("cpu", False)


def test_there_is_one_device() -> None:
    assert ctranslate2.get_cuda_device_count() == 0
    types = ctranslate2.get_supported_compute_types("cpu")
    assert {"float32", "int8", "int8_float32"} <= types
    assert ctranslate2.get_supported_compute_types("auto", 1) == types
    with pytest.raises(ValueError, match="unsupported device tpu"):
        ctranslate2.get_supported_compute_types("tpu")


def test_level_of_logging_is_one_of_pythons(
    folder: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert ctranslate2.get_log_level() == logging.WARNING
    ctranslate2.Translator(folder, intra_threads=1)
    assert not caplog.messages
    ctranslate2.set_log_level(logging.INFO)
    try:
        assert ctranslate2.get_log_level() == logging.INFO
        ctranslate2.Translator(folder, intra_threads=1)
    finally:
        ctranslate2.set_log_level(logging.WARNING)
    assert str(folder) in caplog.text
    with pytest.raises(ValueError, match="Level 7 is not a valid logging level"):
        ctranslate2.set_log_level(7)


def test_what_is_no_model_is_a_runtime_error(tmp_path: pathlib.Path) -> None:
    assert not ctranslate2.contains_model(tmp_path)
    with pytest.raises(
        RuntimeError, match=r"Unable to open file 'model\.bin' in model '.*nowhere'"
    ):
        ctranslate2.Translator(tmp_path / "nowhere")
    (tmp_path / "model.bin").write_bytes(b"\x06\0\0\0\xff\xff")
    assert ctranslate2.contains_model(tmp_path)
    with pytest.raises(RuntimeError, match=r"model\.bin"):
        ctranslate2.Translator(tmp_path)


# --- sampling, maps, threads ---


def sampled(translator: ctranslate2.Translator, **options: Any) -> list[list[list[str]]]:
    drawn = {"beam_size": 1, "sampling_topk": 0, "max_decoding_length": 12} | options
    return targets(translator.translate_batch(SOURCES, **drawn))


def test_same_seed_draws_the_same(translator: ctranslate2.Translator) -> None:
    def drawn() -> list[Any]:
        ctranslate2.set_random_seed(7)
        return [sampled(translator, sampling_temperature=2) for _ in range(3)]

    first = drawn()
    assert drawn() == first
    assert first[0] != first[1]
    ctranslate2.set_random_seed(8)
    assert sampled(translator, sampling_temperature=2) != first[0]


@pytest.mark.parametrize(
    "options", [{"sampling_topp": 1e-6}, {"sampling_temperature": 1e-3}, {"sampling_topk": 1}]
)
def test_where_one_token_is_left_sampling_is_greedy(
    translator: ctranslate2.Translator, options: dict[str, float]
) -> None:
    assert sampled(translator, **options) == sampled(translator, sampling_topk=1)


@pytest.mark.parametrize("options", [{"beam_size": 3}, {"return_alternatives": True}])
def test_beams_and_alternatives_are_sampled(
    translator: ctranslate2.Translator, options: dict[str, Any]
) -> None:
    several = {"num_hypotheses": 3, **options}
    searched = sampled(translator, sampling_topk=1, **several)
    assert sampled(translator, sampling_temperature=1e-3, **several) == searched
    ctranslate2.set_random_seed(3)
    first = sampled(translator, sampling_temperature=2, **several)
    assert first != searched
    assert sampled(translator, sampling_temperature=2, **several) != first
    ctranslate2.set_random_seed(3)
    assert sampled(translator, sampling_temperature=2, **several) == first
    for hypotheses in first:
        assert len({tuple(tokens) for tokens in hypotheses}) == len(hypotheses)


def test_sampled_tokens_are_among_the_best(translator: ctranslate2.Translator) -> None:
    best = translator.translate_batch(
        SOURCES, return_alternatives=True, num_hypotheses=2, max_decoding_length=1
    )
    allowed = [{tuple(tokens) for tokens in result.hypotheses} for result in best]
    for _ in range(10):
        drawn = sampled(translator, sampling_topk=2, sampling_temperature=3, max_decoding_length=1)
        for [tokens], those in zip(drawn, allowed, strict=True):
            assert tuple(tokens) in those


def test_sampled_hypotheses_are_independent(translator: ctranslate2.Translator) -> None:
    ctranslate2.set_random_seed(1)
    for hypotheses in sampled(translator, num_hypotheses=8, sampling_temperature=2):
        assert len(hypotheses) == 8
        assert len(set(map(tuple, hypotheses))) > 2


def test_vocabulary_map_restricts_targets(
    folder: pathlib.Path, translator: ctranslate2.Translator
) -> None:
    vmap = open_model(folder).vocabulary_map
    assert vmap is not None
    free = translator.translate_batch(SOURCES, max_decoding_length=12)
    mapped = translator.translate_batch(SOURCES, max_decoding_length=12, use_vmap=True)
    names = translator.vocabularies.target.tokens
    for source, result in zip(SOURCES, mapped, strict=True):
        assert {*result.hypotheses[0]} <= {names[id] for id in vmap.candidates(source)}
    assert targets(mapped) != targets(free)
    # An end that the map does not have may come all the same.
    translator.translate_batch(SOURCES, max_decoding_length=12, use_vmap=True, end_token="d")


def test_threads_share_a_translator(translator: ctranslate2.Translator) -> None:
    wanted = targets(translator.translate_batch(SOURCES, num_hypotheses=2))
    begin = threading.Barrier(8)

    def ask() -> list[Any]:
        begin.wait()
        return [
            targets(translator.translate_batch([source], num_hypotheses=2)) for source in SOURCES
        ]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = [asked.result() for asked in [pool.submit(ask) for _ in range(8)]]
    assert found == [[[one] for one in wanted]] * 8


# --- hostile arguments ---


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"source": b"abc"}, TypeError, "source is"), ({"source": [b"abc"]}, TypeError, "source"),
        ({"source": [{"a"}]}, TypeError, r"source\[0\]"), ({"source": [None]}, TypeError, "source"),
        ({"source": {"a": 1}}, TypeError, "source"),
        ({"source": [["a"], ["b", None]]}, TypeError, r"source\[1\]"),
        ({"source": (token for token in "a")}, TypeError, "source"),
        ({"target_prefix": "a"}, TypeError, "target_prefix"),
        ({"callback": 3, "beam_size": 1}, TypeError, "callback"),
        (
            {"callback": print, "beam_size": 1, "return_alternatives": True},
            ValueError,
            "alternatives",
        ),
        ({"target_prefix": [["a", 3]]}, TypeError, r"target_prefix\[0\]"),
        ({"beam_size": True + 0.5}, TypeError, "beam_size"),
        ({"beam_size": 10**30}, ValueError, "beam_size"),
        ({"max_decoding_length": -1, "min_decoding_length": -2}, ValueError, "decoding length"),
        ({"max_input_length": -1}, ValueError, "input length"),
        ({"length_penalty": float("nan")}, ValueError, "length_penalty"),
        ({"repetition_penalty": float("inf")}, ValueError, "repetition_penalty"),
        ({"sampling_topk": -1}, ValueError, "sampling_topk"),
        ({"return_scores": []}, TypeError, "return_scores"),
        ({"suppress_sequences": ["ab"]}, TypeError, "suppress_sequences"),
        ({"end_token": [99]}, ValueError, "99"), ({"end_token": object()}, TypeError, "end_token"),
        ({"end_token": ["a", 3]}, TypeError, "end_token"),
        ({"batch_type": None}, ValueError, "None"), ({"unknown": 1}, TypeError, "unknown"),
    ],
)  # fmt: skip
def test_hostile_arguments_are_named(
    translator: ctranslate2.Translator,
    arguments: dict[str, Any],
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        translator.translate_batch(**({"source": [["a"]]} | arguments))
