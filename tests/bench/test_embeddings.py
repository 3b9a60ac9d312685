"""What bench/embeddings.py makes of its turns, and what it does around programs that take ids."""

import argparse
import json
import pathlib

import embedders
import embeddings
import numpy as np
import pytest
from embedder_files import Files
from embeddings import Times

from support.paths import GOLDEN

FOLDER = GOLDEN / "embedder"


def options(count: int) -> argparse.Namespace:
    return argparse.Namespace(count=count, seed=3)


def test_texts_are_drawn_once_and_always_the_same() -> None:
    lines = [f"line {n}" for n in range(30)]
    texts = embeddings.drawn(lines, 3, options(10))
    drawn = [number for text in texts for number in text.replace("line ", "").split()]
    assert sorted(map(int, drawn)) == list(range(30))
    assert len(texts) == 10
    assert texts == embeddings.drawn(lines, 3, options(10))
    with pytest.raises(ValueError, match="--texts has 30 lines, expected 33 at least"):
        embeddings.drawn(lines, 3, options(11))


def test_figures_are_milliseconds_of_a_text() -> None:
    turns = [Times(8.0, 4.0, 2.0, 1.0), Times(4.0, 4.0, 1.0, 1.0), Times(6.0, 4.0, 3.0, 1.0)]
    found = embeddings._figures(turns, texts=4, ones=2)
    assert found["batch"] == [1500, 1000]
    assert found["ones"] == [1000, 500]
    assert found["busy"] == 15 / 24


def test_float32_is_compared_with_float32_alone() -> None:
    figures = {
        label: {"batch": [median, best]}
        for label, median, best in (
            ("pyattn/float32", 2.0, 1.0),
            ("pyattn/int8", 1.0, 1.0),
            ("other/float32", 3.0, 2.0),
            ("other/int8", 1.5, 1.0),
        )
    }
    _, rows = embeddings._rows(figures, "texts/s", "batch")
    assert [row[2:] for row in rows] == [
        ["", ""],
        ["", ""],
        ["1.50 (2.00)", "3.00 (2.00)"],
        ["", "1.50 (1.00)"],
    ]


class Counting(embedders.Padded):
    """A program whose state of a token is its id and its place, and of padding large."""

    detail = "counting"

    def states(self, ids: embedders.Ints, mask: embedders.Ints) -> embedders.Floats:
        places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        found = np.stack([ids, places], axis=-1).astype(np.float32)
        found[mask == 0] = 1e6
        return found


@pytest.mark.parametrize("mode", ["cls", "mean"])
def test_padding_counts_for_nothing_and_texts_keep_their_order(
    mode: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedders, "BATCH", 2)
    (tmp_path / "1_Pooling").mkdir()
    switches = {"pooling_mode_cls_token": mode == "cls", "pooling_mode_mean_tokens": mode == "mean"}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(switches))
    for name in ("tokenizer.json", "config.json"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    program = Counting(Files(tmp_path, tmp_path, tmp_path))
    texts = ["a cat", "the dog sat on the mat", "cat", "two dogs ran", "on"]
    together = program.embed(texts)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-6)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_array_equal(program.embed([text])[0], vector)


def test_other_poolings_are_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode": "max"}')
    with pytest.raises(ValueError, match=r"pooling is \['max'\], expected cls or mean"):
        embedders._pools_cls(tmp_path)
