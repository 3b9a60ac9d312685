import json
import pathlib

import four_bits
import pytest

from pyattn.running.origin import SHIPPED_MODEL


def test_report_has_a_row_for_each_contender(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(four_bits, "TOKENS", 2)
    code = four_bits.main(
        [
            *("--model", str(SHIPPED_MODEL), "--batches", "1,2", "--seconds", "0"),
            *("--write", str(tmp_path / "out")),
        ]
    )
    assert code == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert set(found["seconds"]) == {"1", "2"}
    sizes = found["bytes"]
    assert sizes["all int4"] < sizes["int4"] < sizes["int8"]
    text = (tmp_path / "out.md").read_text()
    assert capsys.readouterr().out == text
    assert all(f"| {name} | " in text for name in four_bits.DTYPES)
