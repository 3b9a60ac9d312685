import json
import os
import pathlib
import subprocess
import sys

import cells
import end_to_end
import numpy as np
import pairs
import pytest
import shapes
from contenders import DEFAULT, Decoding, Label
from safetensors.numpy import load_file
from worker import Turn

from support.lanes import but_slow, slow
from support.paths import BENCH

LINES = [
    f"{who} {does} the {what}."
    for who in ("She", "He", "Nobody")
    for does in ("sees", "paints", "sells", "forgets")
    for what in ("house", "river", "old chair")
]
PAD = 28  # the lines do not yield more than 29 pieces


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with a tiny tokenizer and config, and no weights."""
    folder = tmp_path_factory.mktemp("layout")
    pairs.train_vocabulary(folder / "shared.spm", (LINES, LINES), PAD).write(folder)
    config = {
        **{"model_type": "marian", "vocab_size": PAD + 1, "d_model": 16, "scale_embedding": True},
        **{"encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 24},
        **{"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 32},
        **{"eos_token_id": 0, "pad_token_id": PAD, "decoder_start_token_id": PAD},
        **{"activation_function": "swish", "max_position_embeddings": 128},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def sources(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "sources.txt"
    path.write_text("\n".join(LINES))
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH / "end_to_end.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_filled_folder_can_be_loaded(layout: pathlib.Path, tmp_path: pathlib.Path) -> None:
    from pyattn.files import read_checkpoint

    parameters = shapes.fill(layout, tmp_path, seed=1)
    tensors = load_file(tmp_path / "model.safetensors")
    assert parameters == sum(tensor.size for tensor in tensors.values())
    assert not tensors["model.shared.weight"][PAD].any()
    assert all(np.abs(tensor).max() > 0 for tensor in tensors.values())
    assert read_checkpoint(tmp_path).config.encoder_layers == 2


def test_the_seed_decides_the_weights(layout: pathlib.Path) -> None:
    config = json.loads((layout / "config.json").read_text())
    first, same, other = (
        shapes.random_tensors(config, seed)["model.shared.weight"] for seed in (1, 1, 2)
    )
    assert (first == same).all()
    assert (first != other)[:PAD].all()


def test_weights_are_not_overwritten(layout: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shapes.fill(layout, tmp_path, seed=1)
    with pytest.raises(ValueError, match="has weights of its own"):
        shapes.fill(tmp_path, tmp_path / "again", seed=1)


SEARCHES = [("--forced", 5), ("--forced", 0, "--beam", "2,1")]


@slow
@pytest.mark.parametrize("search", but_slow(SEARCHES, SEARCHES[0]))
def test_contenders_take_turns_and_agree(
    layout: pathlib.Path, sources: pathlib.Path, tmp_path: pathlib.Path, search: tuple[object, ...]
) -> None:
    done = run(
        *(
            "--model",
            layout,
            "--sources",
            sources,
            "--contenders",
            "pyattn/float32,numpy",
            "--rounds",
            3,
        ),
        *("--threads", 1, "--batches", "1,3", "--sentences", 2, "--check", 8),
        *("--write", tmp_path / "result", *search),
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "result.json").read_text())
    (model,) = results["runs"]
    assert model["agreement"] == {"numpy": 1.0}
    assert model["rounds"] == 3
    beams = [2, 1] if "--beam" in search else [1]
    assert [(c["beam"], c["threads"], c["batch"], c["sentences"]) for c in model["cells"]] == [
        (beam, *cell) for beam in beams for cell in ((1, 1, 2), (1, 3, 3))
    ]
    for cell in model["cells"]:
        tokens = {name: c["target_tokens"] for name, c in cell["contenders"].items()}
        assert tokens["pyattn/float32"] == tokens["numpy"]
        if model["forced"]:
            assert tokens["numpy"] == 5 * cell["sentences"]
        assert all(c["wall_best"] <= c["wall_median"] for c in cell["contenders"].values())
    assert f"| tokens/s, 1 thread | beam {beams[0]}, batch 1 | " in done.stdout
    assert "\n| pyattn/float32 : numpy | " in done.stdout
    assert (tmp_path / "result.md").read_text() == done.stdout
    assert str(tmp_path) not in done.stdout


@slow
def test_a_run_can_be_added_to_another(
    layout: pathlib.Path, sources: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    def measured(*more: object) -> subprocess.CompletedProcess[str]:
        return run(
            *("--model", layout, "--sources", sources, "--contenders", "pyattn,numpy", "--add"),
            *("--threads", 1, "--sentences", 1, "--check", 8, "--write", tmp_path / "result"),
            *("--rounds", 1, "--forced", 3, *more),
        )

    first = measured("--batches", 1)
    assert first.returncode == 0, first.stderr
    second = measured("--batches", "1,2", "--slow-batch", 1)
    assert second.returncode == 0, second.stderr
    results = json.loads((tmp_path / "result.json").read_text())
    assert ["--slow-batch 1" in run["command"] for run in results["runs"]] == [False, True]
    small, large = results["runs"][1]["cells"]
    assert (list(small["contenders"]), list(large["contenders"])) == (
        ["pyattn", "numpy"],
        ["pyattn"],
    )
    assert second.stdout.count(" (random weights)") == 2

    results["versions"]["pyattn"] = "another"
    (tmp_path / "result.json").write_text(json.dumps(results))
    third = measured("--batches", 1)
    assert third.returncode == 1
    assert "end_to_end: --add: result.json has versions {" in third.stderr


def test_disagreement_is_an_error(
    layout: pathlib.Path,
    sources: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Liar:
        detail = ""

        def __init__(self, label: str, *_: object) -> None:
            self.label = label

        def turn(self, *_: object) -> Turn:
            return Turn(1.0, 1.0, 0.0, [[1, 2] if self.label == "numpy" else [1, 3]])

    monkeypatch.setattr(end_to_end, "Worker", Liar)
    arguments = ["--model", str(layout), "--sources", str(sources), "--threads", "1"]
    arguments += ["--check", "30"]
    assert end_to_end.main([*arguments, "--contenders", "pyattn/float32,numpy"]) == 1
    assert "numpy agrees with pyattn/float32 on 0% of the sentences" in capsys.readouterr().err


def test_only_float32_has_to_agree() -> None:
    class Says:
        def __init__(self, tokens: list[int]) -> None:
            self.tokens = tokens

        def turn(self, *_: object) -> Turn:
            return Turn(1.0, 1.0, 0.0, [[7], self.tokens])

    said = {"pyattn/int8": [1, 2], "pyattn/float32": [1, 3], "numpy": [1, 3]}
    workers = {(1, label): Says(tokens) for label, tokens in said.items()}
    options = end_to_end._parser().parse_args(
        ["--model", "m", "--sources", "s", "--contenders", ",".join(said)]
    )
    greedy = Decoding(1, 0, 4)
    assert end_to_end._agreement(workers, options, range(1), greedy) == {
        "pyattn/int8": 0.5,
        "numpy": 1.0,
    }


def test_a_label_is_a_program_a_type_and_an_environment() -> None:
    assert Label.parse("pyattn") == ("pyattn", "auto", "")
    assert Label.parse("numpy") == ("numpy", "float32", "")
    assert Label.parse("pyattn/int8:PYATTN_ISA=avx2") == ("pyattn", "int8", "PYATTN_ISA=avx2")
    for text in ("fastest", "numpy/int8", "pyattn/", "pyattn:PYATTN_ISA"):
        with pytest.raises(ValueError, match="is none of pyattn/auto, pyattn/float32, "):
            Label.parse(text)


def test_each_type_is_compared_with_the_same_of_others() -> None:
    found: dict[str, list[str]] = {}
    for ours, theirs in cells.compared(DEFAULT):
        found.setdefault(ours, []).append(theirs)
    ctranslate2 = ["ctranslate2/float32", "ctranslate2/int8"]
    assert found == {
        "pyattn/float32": ["numpy", "transformers", "ctranslate2/float32"],
        "pyattn/bfloat16": ["numpy", "transformers", *ctranslate2],
        "pyattn/int8": ["numpy", "transformers", "ctranslate2/int8"],
        "pyattn": ["numpy", "transformers", *ctranslate2],
    }


def test_an_environment_is_compared_with_the_first_of_its_kind() -> None:
    labels = ["pyattn/int8", "pyattn/int8:PYATTN_ISA=avx2", "pyattn/float32", "numpy"]
    assert list(cells.compared(labels)) == [
        ("pyattn/int8", "numpy"),
        ("pyattn/int8", "pyattn/int8:PYATTN_ISA=avx2"),
        ("pyattn/float32", "numpy"),
    ]


@slow
def test_a_contender_that_fails_is_named(layout: pathlib.Path, sources: pathlib.Path) -> None:
    done = run(
        *("--model", layout, "--sources", sources, "--threads", 1),
        *("--contenders", "numpy,pyattn:PYATTN_ISA=abacus", "--check", 30),
    )
    assert done.returncode == 1
    assert "end_to_end: pyattn:PYATTN_ISA=abacus: " in done.stderr.splitlines()[-1]


def test_more_threads_than_cores_are_refused(layout: pathlib.Path, sources: pathlib.Path) -> None:
    threads = len(os.sched_getaffinity(0)) + 1
    done = run("--model", layout, "--sources", sources, "--threads", threads)
    assert done.returncode == 2
    assert f"--threads: {threads} threads need as many cores" in done.stderr


def test_figures_add_up_over_batches() -> None:
    def turn(wall: float) -> Turn:
        return Turn(wall, wall / 2, 0.0, [[7] * 6])

    turns = {
        (1, "pyattn", 4, 0): [turn(1), turn(5), turn(2)],
        (1, "pyattn", 4, 1): [turn(4), turn(3), turn(8)],
        (1, "numpy", 4, 0): [turn(10), turn(10), turn(10)],
        (1, "numpy", 4, 1): [turn(20), turn(20), turn(20)],
    }
    cell = cells.Cell(threads=1, beam=4, batch=1, batches=range(2), labels=("pyattn", "numpy"))
    summary = cells.summary(cell, [[[1, 0]], [[2, 3, 0]]], turns)
    assert summary["source_tokens"] == 5
    ours = summary["contenders"]["pyattn"]
    assert (ours["target_tokens"], ours["wall_median"], ours["wall_best"]) == (12, 2 + 4, 1 + 3)
    assert ours["tokens_per_second_median"] == 12 / 6
    factors = {"wall_median": 5.0, "wall_best": 7.5, "cpu_median": 5.0, "cpu_best": 7.5}
    assert summary["faster_than"] == [{"ours": "pyattn", "theirs": "numpy"} | factors]


def test_small_batches_are_a_part_of_large_ones() -> None:
    options = end_to_end._parser().parse_args(
        ["--model", "m", "--sources", "s", "--batches", "1,4", "--sentences", "3", "--check", "9"]
    )
    planned, batches = cells.plan_cells([[n] for n in range(9)], options)
    assert batches == [[[0]], [[1]], [[2]], [[0], [1], [2], [3]]]
    assert [(c.threads, c.batch, list(c.batches)) for c in planned] == [
        (1, 1, [0, 1, 2]),
        (1, 4, [3]),
        (2, 1, [0, 1, 2]),
        (2, 4, [3]),
    ]


def test_too_few_sources_are_an_error(layout: pathlib.Path, sources: pathlib.Path) -> None:
    done = run("--model", layout, "--sources", sources, "--threads", 1, "--contenders", "numpy")
    assert done.returncode == 1
    assert done.stderr.endswith("--sources has 36 sentences, expected 96 at least\n")
