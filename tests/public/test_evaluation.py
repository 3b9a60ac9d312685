"""Evaluations: scores as sacrebleu has them, faults as they are counted by hand."""

from __future__ import annotations

import importlib
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn.commands import main as cli
from pyattn.commands.evaluate import as_text
from pyattn.evaluation import evaluate, faults_of, metrics_of, stressed
from pyattn.results import Translation

sacrebleu = pytest.importorskip("sacrebleu")


def translation(text: str, *warnings: str) -> Translation:
    return Translation(
        tokens=list(range(len(text.split()))),
        score=-1.0,
        token_scores=np.full(3, -0.5, np.float32),
        finish_reason="eos",
        text=text,
        warnings=warnings,
    )


class Words:
    """In the place of a translator: translates by a function, and remembers its options."""

    def __init__(self, answer: Callable[[str], Translation]) -> None:
        self.answer = answer
        self.options: dict[str, Any] = {}

    def results(self, texts: Sequence[str], **options: Any) -> list[list[Translation]]:
        self.options = options
        return [[self.answer(text), translation("second")] for text in texts]

    def __enter__(self) -> Words:
        return self

    def __exit__(self, *_: object) -> None:
        pass


SOURCES = ["the cat sat on a mat today", "a dog and a cat ran away", "12", "we go home now then"]
REFERENCES = ["the cat sat on a rug today", "the dog and the cat ran", "12", "we go home now then"]


def test_scores_are_those_of_sacrebleu() -> None:
    found = evaluate(Words(translation), SOURCES, REFERENCES)
    bleu, chrf, ter = found.metrics
    assert (bleu.name, chrf.name, ter.name) == ("BLEU", "chrF2", "TER")
    assert bleu.score == sacrebleu.corpus_bleu(SOURCES, [REFERENCES]).score
    assert chrf.score == sacrebleu.corpus_chrf(SOURCES, [REFERENCES]).score
    assert ter.score == sacrebleu.corpus_ter(SOURCES, [REFERENCES]).score
    assert bleu.signature == (
        f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    )
    assert bleu.baseline is bleu.p_value is bleu.interval is None


def test_baseline_is_compared_by_paired_bootstrap() -> None:
    texts, worse = REFERENCES * 10, ["nothing of the kind at all"] * 40
    bleu, chrf, _ = metrics_of(texts, REFERENCES * 10, worse)
    assert bleu.score == pytest.approx(100)
    assert bleu.baseline == sacrebleu.corpus_bleu(worse, [REFERENCES * 10]).score
    assert bleu.p_value is not None
    assert chrf.p_value is not None
    assert max(bleu.p_value, chrf.p_value) < 0.01
    assert "bs:1000" in bleu.signature
    same, *_ = metrics_of(SOURCES * 10, REFERENCES * 10, SOURCES * 10)
    assert same.p_value == 1
    assert same.score == same.baseline


def test_figures_are_sums_of_all_lines() -> None:
    words = Words(translation)
    found = evaluate(words, SOURCES, REFERENCES, beam_size=3)
    assert words.options == {"beam_size": 3}
    assert found.tokens == sum(len(text.split()) for text in SOURCES)
    assert found.length_ratio == sum(map(len, SOURCES)) / sum(map(len, REFERENCES))
    assert found.tokens_per_second == found.tokens / found.seconds
    assert [one.text for one in found.translations] == SOURCES


def test_faults_are_counted() -> None:
    best = [
        translation("x" * 16, "length", "copy"),
        translation("...", "empty"),
        translation("12."),
        translation("fine", "copy"),
    ]
    faults = faults_of(["hello", "some text", "12", "good"], best)
    assert faults.warnings == {"copy": 2, "empty": 1, "length": 1}
    assert list(faults.warnings) == ["copy", "empty", "length"]
    assert (faults.lines, faults.warned, faults.empty) == (4, 3, 1)
    assert (faults.too_long, faults.changed) == (1, 1)


def test_odd_lines_of_a_model_that_copies_have_no_fault() -> None:
    faults = stressed(Words(translation))
    assert faults.lines > 300
    assert (faults.empty, faults.too_long, faults.changed, faults.warned) == (0, 0, 0, 0)
    assert stressed(Words(lambda _: translation("x" * 1000))).too_long == faults.lines


@pytest.mark.parametrize(
    ("sources", "references", "baseline", "message"),
    [
        ([], [], None, "evaluate: sources has no lines, expected some"),
        (["a"], [], None, "evaluate: references has 0 lines, expected 1, as sources"),
        (["a"], ["b"], ["c", "d"], "evaluate: baseline has 2 lines, expected 1, as sources"),
    ],
)
def test_lines_must_pair(
    sources: list[str], references: list[str], baseline: list[str] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(Words(translation), sources, references, baseline=baseline)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_: Any) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"evaluate: needs the package sacrebleu \(pip install"):
        evaluate(Words(translation), SOURCES, REFERENCES)


@pytest.fixture
def files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    for name, lines in (("s", SOURCES), ("r", REFERENCES), ("b", REFERENCES)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pyattn.loading.load", lambda *_, **__: Words(translation))
    return tmp_path


@pytest.mark.usefixtures("files")
def test_command_prints_figures(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "--source", "s", "--reference", "r"]
    assert cli.main([*arguments, "--baseline", "b", "--stress"]) == 0
    printed = capsys.readouterr().out
    assert "baseline 100.00 (p = " in printed
    assert "\nodd lines    3" in printed
    assert cli.main([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["metrics"][0]["score"] == sacrebleu.corpus_bleu(SOURCES, [REFERENCES]).score
    assert figures["lines"] == figures["faults"]["lines"] == 4
    assert "stress" not in figures
    assert cli.main(["evaluate", "--stress", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["stress"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--source and --reference are needed, or --stress"),
        (["--source", "s"], "both are needed"),
        (["--stress", "--baseline", "b"], "argument --baseline: needs --source"),
        (["--source", "-", "--reference", "-"], "standard input is one file only"),
    ],
)
@pytest.mark.usefixtures("files")
def test_command_names_what_is_missing(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["evaluate", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_warnings_are_shares_of_all_lines() -> None:
    lines = list(as_text(None, faults_of(["a b"] * 8, [translation("c", "copy")] * 8)))
    assert "    copy       8 (100.00%)" in lines


def test_included_model_is_evaluated() -> None:
    with pyattn.load(threads=1) as translator:
        found = evaluate(translator, ["I am hungry."], ["Tengo hambre."])
    assert found.metrics[1].score == pytest.approx(100)
    assert found.faults.warned == 0
