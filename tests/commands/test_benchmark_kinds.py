"""`pyattn bench` of models that are no translators, or have no tokenizer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import pyattn
from pyattn import reference
from pyattn.commands import benchmark, benchmark_work, benchmark_worker
from pyattn.commands.benchmark_work import SENTENCES, Work
from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from pyattn.files.safetensors import read_safetensors
from support.command_runs import Run, assert_fails, runner
from support.decoder_folders import decoder_folder
from support.lanes import slow
from support.model_folders import safetensors
from support.paths import GOLDEN

GPT2, BART = GOLDEN / "decoders" / "gpt2", GOLDEN / "bart-tied-gelu-5"
EMBEDDER, BERT = GOLDEN / "embedder", GOLDEN / "encoders" / "bert-head"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("decoder") / "qwen2"
    return decoder_folder(folder, "qwen2", positions=512)


def work(folder: Path, sentences: list[str] | None = None, **options: int) -> Work:
    return benchmark_work.work_of(folder, sentences, options, None, None)


# --- what is computed -----------------------------------------------------------------------------


def test_prompts_are_texts_of_four_sentences(decoder: Path) -> None:
    found = work(decoder)
    texts = [" ".join(SENTENCES[n : n + 4]) for n in range(0, 32, 4)]
    with pyattn.Generator(decoder) as own:
        assert found.sources == own.tokenizer.encode(texts)
    assert (found.kind, found.noun, found.batches) == ("decoder", "prompt", (1, 8))
    assert found.search == {"beam_size": 1, "max_new_tokens": 16, "min_new_tokens": 16}
    assert found.random_ids is None


def test_lines_are_prompts(decoder: Path) -> None:
    found = work(decoder, ["Hello", "It's"], max_new_tokens=5)
    with pyattn.Generator(decoder) as own:
        assert found.sources == own.tokenizer.encode(["Hello", "It's"])
    assert found.search == {"beam_size": 1, "max_new_tokens": 5, "min_new_tokens": 5}


def test_built_in_prompts_leave_room_for_what_follows(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    found = work(decoder_folder(tmp_path / "short", "gpt2", positions=40), max_new_tokens=9)
    assert {len(ids) for ids in found.sources} == {31}


def test_sampling_of_a_checkpoint_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "sampling"
    shutil.copytree(GPT2, folder)
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True}))
    assert work(folder).search["do_sample"] is False
    assert "do_sample" not in work(GPT2).search


def test_texts_of_an_encoder_are_framed_as_it_takes_them() -> None:
    pytest.importorskip("tokenizers")
    found = work(EMBEDDER)
    with pyattn.Embedder(EMBEDDER) as own:
        framed = [own.tokenizer.encode(own._prepared("", text)) for text in SENTENCES]
    assert found.sources == [list(one.ids) for one in framed]
    assert (found.kind, found.noun, found.search) == ("encoder", "text", {})


def test_decoder_that_sentence_transformers_leaves_out_is_left_out() -> None:
    kind, checkpoint = benchmark_work.model_of(GOLDEN / "embedder-t5")
    assert (kind, checkpoint.config.stacks) == ("encoder", ("encoder",))


def test_documents_are_for_families_that_summarise() -> None:
    assert work(BART).noun == "document"
    assert work(GOLDEN / "marian-tied-relu-3").noun == "sentence"
    assert work(pyattn.running.origin.SHIPPED_MODEL).noun == "sentence"


@pytest.mark.parametrize("folder", [GPT2, BART, BERT, GOLDEN / "marian-tied-relu-3"])
def test_model_without_a_tokenizer_gets_the_same_random_ids_each_time(folder: Path) -> None:
    found = work(folder)
    assert found.random_ids is not None
    assert "no tokenizer" in found.random_ids
    assert found == work(folder)
    config = read_checkpoint(folder).config
    ids = {id for source in found.sources for id in source}
    assert max(ids) < config.stack(config.stacks[0]).vocab
    after = [config.end] if found.kind == "encoder-decoder" else []
    for source in found.sources:
        assert source[len(source) - len(after) :] == after
        body = source[: len(source) - len(after)]
        assert body
        assert not {config.start, config.end, config.pad} & {*body}


# --- what does not fit ----------------------------------------------------------------------------


def test_sentences_need_a_tokenizer(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("Hello\n")
    result = run("bench", str(GPT2), "--sentences", str(path))
    assert_fails(result, 1, "without --sentences, random ids are measured")
    with pytest.raises(ModelError, match="no tokenizer"):
        work(GPT2, ["Hello"])


@pytest.mark.parametrize(
    ("folder", "arguments", "message"),
    [
        (GPT2, ["--from", "en"], "source is given, but the model is a decoder alone"),
        (BERT, ["--to", "en"], "target is given, but the model is an encoder alone"),
        (BERT, ["--beam", "2"], "beam_size is given, but the model is an encoder alone"),
        (BERT, ["--max-new-tokens", "2"], "max_new_tokens is given, but the model is an encoder"),
        (GPT2, ["--max-new-tokens", "1"], "max_new_tokens is 1, expected at least 2"),
        (GPT2, ["--max-new-tokens", "64"], "max_new_tokens is 64, expected at most 63"),
        (BART, ["--to", "es"], "no tokenizer; languages need one"),
    ],
)
def test_options_that_do_not_fit_are_errors(
    run: Run, folder: Path, arguments: list[str], message: str
) -> None:
    assert_fails(run("bench", str(folder), *arguments), 1, message)


# --- what is measured -----------------------------------------------------------------------------


def test_round_has_the_targets_of_the_model() -> None:
    found = work(GPT2)
    model = reference.Model(read_checkpoint(GPT2))
    round = benchmark_worker._round(model, found, 3)
    targets = model.generate(found.sources, **found.search)
    assert round.answers == [list(best.tokens) for [best, *_] in targets]
    assert round.produced == 8 * 16
    assert round.prompt_seconds is not None


def test_round_of_an_encoder_has_mean_states() -> None:
    found = work(BERT)
    model = reference.Model(read_checkpoint(BERT))
    round = benchmark_worker._round(model, found, 32)
    states = model.encode(found.sources, found.types)
    np.testing.assert_array_equal(round.answers, [rows.mean(axis=0) for rows in states])
    assert round.produced == sum(map(len, found.sources))
    assert round.prompt_seconds is None


def test_time_of_prompts_and_of_what_follows_are_apart() -> None:
    def rounds(first: float, whole: float) -> list[benchmark_worker.Round]:
        return [benchmark_worker.Round(whole, first, [[1] * 5, [2] * 5], 10, None)]

    row = benchmark._measurement("pyattn", 2, rounds(1.0, 3.0), rounds(4.0, 20.0), 30)
    assert (row.prompt_tokens_per_second, row.prompt_speed_up) == (30, 4)
    assert (row.tokens_per_second, row.speed_up) == (4, 8)
    assert row.ms_per_sentence == 1500
    # A disturbance of the shorter search says nothing of what follows.
    row = benchmark._measurement("pyattn", 2, rounds(3.0, 2.0), rounds(4.0, 20.0), 30)
    assert (row.tokens_per_second, row.speed_up, row.prompt_speed_up) == (None, None, 4 / 3)
    assert benchmark._line(row).split()[3:6] == ["1.33x", "-", "-"]


def test_cosine_is_that_of_the_least_similar_source() -> None:
    def round(*rows: list[float]) -> benchmark_worker.Round:
        return benchmark_worker.Round(1.0, None, [np.float32(row) for row in rows], 1, None)

    one, other = round([3, 4], [0, 0], [1, 0]), round([6, 8], [0, 0], [0.6, 0.8])
    assert benchmark._least_cosine(one, other) == pytest.approx(0.6)
    assert benchmark._least_cosine(round([0, 0]), round([1, 0])) == 0


def of_command(run: Run, folder: Path) -> tuple[str, dict[str, object]]:
    """The table and the figures of a benchmark of one round."""
    path = folder.parent / "figures.json"
    arguments = ("--rounds", "1", "--threads", "1", "--dtype", "float32")
    code, output, error = run("bench", str(folder), *arguments, "--json", str(path))
    assert (code, error) == (0, "")
    return output.decode(), json.loads(path.read_text())


def test_decoder_is_measured(run: Run, decoder: Path) -> None:
    output, figures = of_command(run, decoder)
    assert "same tokens for 8 of 8 prompts" in output
    assert "read tok/s" in output
    assert "random ids" not in output
    rows = figures["measurements"]
    assert isinstance(rows, list)
    assert [(row["contender"], row["batch"]) for row in rows] == [
        *(("numpy", 1), ("pyattn", 1), ("numpy", 8), ("pyattn", 8))
    ]
    for row in rows:
        assert row["tokens"] == 8 * 16
        assert row["prompt_seconds"][0] > 0


@slow
def test_pruned_model_is_measured_and_says_what_it_has(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "pruned"
    shutil.copytree(BART, folder)
    stored = read_safetensors(BART / "model.safetensors")
    tensors = {name: np.array(tensor.float32()) for name, tensor in stored.items()}
    for name, units in (
        ("fc1.weight", np.s_[2:22]),
        ("fc1.bias", np.s_[2:22]),
        ("fc2.weight", np.s_[:, 2:22]),
    ):
        tensors[f"model.decoder.layers.0.{name}"][units] = 0
    (folder / "model.safetensors").write_bytes(safetensors(tensors))
    output, figures = of_command(run, folder)
    kept = figures["kept"]
    assert isinstance(kept, str)
    assert f"\npruned, has {kept}\n" in output
    assert "same tokens for 4 of 4 documents" in output


@slow
@pytest.mark.parametrize(
    ("model", "noun"),
    [
        *(("encoders/bert-head", "texts"), ("classifiers/bert-reranker", "texts")),
        *(("embedder-t5", "texts"), ("long/longformer", "texts"), ("long/led", "documents")),
        *(("bart-tied-gelu-5", "documents"), ("decoders/gpt2", "prompts")),
    ],
)
def test_every_kind_is_measured(run: Run, tmp_path: Path, model: str, noun: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(GOLDEN / model, folder)
    output, figures = of_command(run, folder)
    assert f" {noun}, " in output.splitlines()[0]
    assert ("random ids" in output) == (figures["random_ids"] is not None)
    if noun == "texts":
        assert figures["least_cosine"] == pytest.approx(1, abs=1e-5)
        assert "smallest cosine" in output
    else:
        assert figures["same_answers"] == figures["sentences"]
