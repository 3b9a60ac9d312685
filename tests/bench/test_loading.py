"""What bench/loading.py makes of its loads."""

import loading


def load(seconds: float, peak: float) -> dict[str, float]:
    return {"load": seconds, "again": 9.0, "first": 2 * seconds, "tokenizer": 0.5, "peak": peak,
            "anonymous": peak / 2, "pages": 0.0, "packed": 7.0}  # fmt: skip


def test_times_have_a_median_and_a_best_and_memory_a_median() -> None:
    found = loading._summary([load(3.0, 30.0), load(1.0, 10.0), load(2.0, 50.0)])
    assert found["load"] == {"median": 2.0, "best": 1.0}
    assert found["first"] == {"median": 4.0, "best": 2.0}
    assert (found["peak"], found["anonymous"], found["packed"]) == (30.0, 15.0, 7.0)


def test_factor_is_to_the_rival_of_the_same_number_type() -> None:
    ours = loading.Case("pyattn", "native-int8", "int8")
    theirs = loading.Case("ctranslate2", "ct2-int8", "int8")
    rows = {
        ours: loading._summary([load(1.0, 1.0), load(3.0, 1.0), load(2.0, 1.0)]),
        theirs: loading._summary([load(6.0, 1.0), load(4.0, 1.0), load(5.0, 1.0)]),
    }
    assert loading._cells(ours, rows[ours], rows)[2] == "2.50 (4.00)"
    assert loading._cells(theirs, rows[theirs], rows)[2] == ""


def test_every_rival_is_measured() -> None:
    assert set(loading._RIVALS) <= {case.files for case in loading.PYATTN}
    for files in loading._RIVALS.values():
        for dtype in ("float32", "int8"):
            assert loading.Case("ctranslate2", files, dtype) in loading.OTHERS
