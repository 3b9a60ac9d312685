import json
import pathlib

import numpy as np
import pytest

from pyattn.running.origin import SHIPPED_MODEL

sacrebleu = pytest.importorskip("sacrebleu")

import quality  # noqa: E402

ENGLISH = ["Good morning.", "Where is the station?", "I have never seen such a red car.", "Wait!"]
SPANISH = ["Buenos días.", "¿Dónde está la estación?", "Nunca he visto un coche rojo.", "¡Espera!"]


def test_scores_are_those_of_sacrebleu() -> None:
    plain = ["Buenas noches.", *SPANISH[1:]]
    found = [*SPANISH[:2], "Un coche.", SPANISH[3]]
    scores = quality._scores(found, plain, SPANISH)
    for name, corpus in (("bleu", sacrebleu.corpus_bleu), ("chrf", sacrebleu.corpus_chrf)):
        wanted = corpus(found, [SPANISH]).score
        assert scores[name]["score"] == pytest.approx(wanted)
        assert scores[name]["change"] == pytest.approx(wanted - corpus(plain, [SPANISH]).score)
        assert scores[name]["error"] > 0
    assert scores["same"] == 0.5


def test_batches_hold_every_target_once() -> None:
    targets = [[1] * length for length in (3, 0, 499, 700, 1, 498, 2)]
    batches = list(quality._batches(targets))
    assert [n for batch in batches for n in range(len(targets))[batch]] == list(range(len(targets)))
    assert all(targets[batch] for batch in batches)
    assert len(batches) > 2


def test_report_has_a_row_for_each_type(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, lines in (("en", ENGLISH), ("es", SPANISH)):
        (tmp_path / name).write_text("\n".join(lines), "utf-8")
    code = quality.main(
        [
            *("--sources", str(tmp_path / "en"), "--references", str(tmp_path / "es")),
            *("--model", str(SHIPPED_MODEL), "--dtypes", "float32", "int8", "--beams", "1"),
            *("--threads", "1", "--write", str(tmp_path / "out")),
        ]
    )
    assert code == 0
    exact, rounded = json.loads((tmp_path / "out.json").read_text())["models"][0]["rows"]
    assert (exact["kl"], exact["tokens"]) == (0, 1)
    assert exact["scores"][0]["bleu"]["change"] == exact["scores"][0]["bleu"]["error"] == 0
    assert 0 < rounded["kl"] < 0.01
    assert np.isfinite(rounded["scores"][0]["bleu"]["error"])
    assert capsys.readouterr().out == (tmp_path / "out.md").read_text()


def test_uneven_files_are_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "en").write_text("One.\nTwo.")
    (tmp_path / "es").write_text("Uno.")
    given = ["--sources", str(tmp_path / "en"), "--references", str(tmp_path / "es")]
    assert quality.main([*given, "--model", str(SHIPPED_MODEL)]) == 1
