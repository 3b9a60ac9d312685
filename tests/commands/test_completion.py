"""`pyattn completion`."""

import shutil
import subprocess
import sys

import pytest

from support.command_runs import Run, assert_fails, runner


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_has_the_commands_and_their_options(run: Run, shell: str) -> None:
    pytest.importorskip("shtab")
    code, output, error = run("completion", shell)
    assert (code, error) == (0, "")
    script = output.decode()
    assert all(word in script for word in ("translate", "detect", "inspect", "max-new-tokens"))
    assert "source-language" not in script  # an older name
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=output, capture_output=True, timeout=60)
        assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pyattn", "trans"], "translate"),
        (["pyattn", "translate", "--be"], "--beam"),
        (["pyattn", "translate", "--split", "sen"], "sentences"),
    ],
)
def test_bash_completes(run: Run, words: list[str], expected: str) -> None:
    pytest.importorskip("shtab")
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    script = run("completion", "bash")[1].decode()
    quoted = " ".join(f"'{word}'" for word in words)
    script += (
        f"\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMPREPLY=()\n"
        'function_name=$(complete -p pyattn | sed "s/.*-F \\([^ ]*\\).*/\\1/")\n'
        '"$function_name"; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60)
    assert expected in done.stdout.decode().split()


def test_missing_package_and_unknown_shell_are_errors(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_fails(run("completion", "tcsh"), 2, "expected bash, zsh or fish")
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert_fails(run("completion", "bash"), 1, "pip install 'pyattn[completion]'")
