"""What `pyattn translate` protects, and whether it guards."""

from __future__ import annotations

from typing import Any

import pytest

from pyattn.commands import main as cli


class Seen:
    """In the place of a translator: the choices of the last call."""

    choices: dict[str, Any]

    def translate(self, texts: list[str], **choices: Any) -> list[str]:
        self.choices = choices
        return list(texts)

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    translator = Seen()
    monkeypatch.setattr("pyattn.loading.load", lambda *_, **__: translator)
    return translator


@pytest.mark.parametrize(
    ("arguments", "protect", "guard"),
    [
        ([], None, None),
        (["--protect"], True, None),
        (["--no-guard", "--protect"], True, False),
        (["--protect-pattern", "a+", "--protect-pattern", "b"], ["a+", "b"], None),
    ],
)
def test_choices_reach_the_translator(
    seen: Seen, arguments: list[str], protect: Any, guard: bool | None
) -> None:
    assert cli.main(["translate", *arguments, "See {x}."]) == 0
    assert (seen.choices.get("protect"), seen.choices.get("guard")) == (protect, guard)


@pytest.mark.parametrize(
    ("value", "wanted"), [("pieces", "pieces"), ("auto", "auto"), ("no", False), ("true", True)]
)
def test_what_becomes_of_long_texts_is_set(seen: Seen, value: str, wanted: Any) -> None:
    assert cli.main(["translate", "--set", f"truncate={value}", "See."]) == 0
    assert seen.choices["truncate"] is wanted or seen.choices["truncate"] == wanted


def test_unknown_fate_of_long_texts_is_a_usage_error(
    seen: Seen, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["translate", "--set", "truncate=cut", "See."])
    assert "truncate: expected auto, pieces, true or false, got 'cut'" in capsys.readouterr().err
    assert not hasattr(seen, "choices")


@pytest.mark.parametrize("pattern", ["(", "x*"])
def test_wrong_pattern_is_a_usage_error(
    seen: Seen, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["translate", "--protect-pattern", pattern, "See {x}."])
    assert "argument --protect-pattern: protect" in capsys.readouterr().err
    assert not hasattr(seen, "choices")
