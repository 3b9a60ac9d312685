"""The proof keeps what ran, shows what fails, and is as long as its minutes."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import machine
import proof
import proof_parts
import pytest
from proof_parts import Found, Part, Setting

_RIGHT = "import json, sys; open(sys.argv[1], 'w').write(json.dumps({'cases': 3}))"
_WRONG = f"{_RIGHT}; sys.exit(2)"
_CRASH = "import os, signal; print('it was here', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
_ENDLESS = "import time; time.sleep(60)"


def read(path: pathlib.Path) -> Found:
    record = json.loads(path.read_text())
    return Found([f"{record['cases']} cases"], record.get("findings", []), True, record["cases"])


def part(name: str, code: str, needs: str | None = None, share: float = 0.5) -> Part:
    def command(setting: Setting, seconds: float, result: pathlib.Path) -> list[str]:
        del setting
        return [sys.executable, "-I", "-S", "-c", code, str(result), f"{seconds:g}"]

    return Part(name, f"Part {name}", share, command, read, needs)


@pytest.fixture
def run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(proof, "prose", lambda: ["A sentence."])

    def found(parts: list[Part], *more: str) -> tuple[int, dict[str, Any], str]:
        files = ["--folder", str(tmp_path / "kept"), "--write", str(tmp_path / "page")]
        status = proof.main([*files, "--minutes", "1", *more], parts)
        results = json.loads((tmp_path / "page.json").read_text())
        return status, results, (tmp_path / "page.md").read_text()

    return found


def statuses(results: dict[str, Any]) -> list[str]:
    return [one["status"] for one in results["parts"]]


def test_failing_parts_are_shown_and_those_behind_them_run(run: Callable[..., Any]) -> None:
    parts = [part("a", _RIGHT), part("b", _WRONG), part("c", _CRASH), part("d", _RIGHT)]
    status, results, page = run(parts)
    assert status == 1
    assert statuses(results) == ["passed", "failed", "unfinished", "passed"]
    assert "| Part b (`b`) | **failed** | 3 | 0 |" in page
    assert "    it was here" in page
    assert "exit status 2" in page


def test_findings_fail_a_part_whatever_its_status(run: Callable[..., Any]) -> None:
    finding = {"case": 7, "source": "a.npz", "outcome": "CRASH", "error": "x\nexit code -11"}
    record = json.dumps({"cases": 9, "findings": [finding]})
    code = f"import sys; open(sys.argv[1], 'w').write({record!r})"
    status, results, page = run([part("a", code)])
    assert (status, statuses(results)) == (1, ["failed"])
    assert "- case 7, a.npz CRASH: `exit code -11`" in page


def test_a_part_that_never_ends_is_stopped(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "_LEAST_PATIENCE", 0.2)
    monkeypatch.setattr(proof, "_PATIENCE", 0.01)
    status, results, page = run([part("a", _ENDLESS), part("b", _RIGHT, share=0.0)])
    assert (status, statuses(results)) == (1, ["unfinished", "passed"])
    assert "did not finish: stopped after" in page


def test_what_a_part_needs_comes_first(run: Callable[..., Any]) -> None:
    parts = [part("build", _CRASH), part("tests", _RIGHT, needs="build")]
    status, results, page = run(parts)
    assert (status, statuses(results)) == (1, ["unfinished", "not run"])
    assert "Not run: needs `build`." in page
    status, results, _ = run(parts, "tests")  # by itself, too, it does not count as run
    assert (status, statuses(results)) == (1, ["unfinished", "not run"])


def test_resume_keeps_what_passed_at_the_same_revision(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = "abc"
    monkeypatch.setattr(machine, "versions", lambda _: {"revision": revision})
    run([part("a", _RIGHT), part("b", _WRONG)])
    status, results, page = run([part("a", _CRASH), part("b", _RIGHT)], "--resume")
    assert (status, statuses(results)) == (0, ["passed", "passed"])
    assert page.count("Of an earlier run, ") == 1
    assert "of revision abc, seed 1, 1 minutes to share" in page
    revision = "other"
    assert run([part("a", _CRASH)], "--resume")[0] == 1
    revision = "abc-dirty"
    assert run([part("a", _RIGHT)])[0] == 0
    assert run([part("a", _CRASH)], "--resume")[0] == 1


def test_parts_that_are_not_chosen_are_shown_as_they_ran_last(run: Callable[..., Any]) -> None:
    parts = [part("a", _RIGHT), part("b", _WRONG), part("c", _RIGHT)]
    assert run(parts, "b")[0] == 1
    status, results, page = run(parts, "a")
    assert (status, statuses(results)) == (0, ["passed", "failed", "not run"])
    assert page.count("Of an earlier run, ") == 1


def test_shares_make_the_whole_and_cover_every_subject() -> None:
    assert sum(one.share for one in proof_parts.PARTS) == pytest.approx(1.0)
    names = [one.name for one in proof_parts.PARTS]
    assert len(set(names)) == len(names)
    assert {one.needs for one in proof_parts.PARTS if one.needs} <= set(names)


def test_a_short_run_has_shorter_commands(tmp_path: pathlib.Path) -> None:
    setting = Setting(tmp_path, seed=5, jobs=1, sources=tmp_path / "sources.txt")
    for one in proof_parts.PARTS:
        command = one.command(setting, 60.0, tmp_path / f"{one.name}.json")
        assert all(isinstance(word, str) for word in command), one.name
        if one.share and "fuzz" in " ".join(command):
            assert command[command.index("--seconds") + 1] == "60"
            assert command[command.index("--seed") + 1] == "5"


def test_sentences_of_the_documents_are_many_and_plain() -> None:
    found = proof.prose()
    assert len(found) > 300
    assert len(set(found)) == len(found)
    assert not any("\n" in one or "|" in one for one in found)
