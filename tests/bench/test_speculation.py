import published
import pytest
import speculation

import pyattn
from pyattn.checkpoint import ModelConfig

STEPS = {"encoder": 24.0, "steps": [1.0, 1.1, 1.2, 1.4, 1.8, 2.4]}


def test_a_draft_that_is_never_right_gains_nothing() -> None:
    found = speculation.speedup(STEPS, speculation.expected(0))
    assert found == speculation.Speedup(decode=1, whole=1, rows=1)


def test_a_draft_that_is_always_right_gains_all_rows_less_their_cost() -> None:
    free = speculation.speedup(STEPS, speculation.expected(1))
    assert free.rows == 6
    assert free.decode == pytest.approx(6 / 1.8)
    # The encoder takes half of a whole translation.
    assert free.whole == pytest.approx(48 / (24 + 24 * 1.8 / 6))
    # With half a step for each token of the draft, of which one is no longer worth it.
    paid = speculation.speedup(STEPS, speculation.expected(1), draft=0.5)
    assert paid.decode == pytest.approx(max(k / (s + (k - 1) / 2) for k, s in ROWS_AND_STEPS))


ROWS_AND_STEPS = list(zip(speculation.ROWS, (1.0, 1.1, 1.2, 1.4, 1.8, 2.4), strict=True))


def test_tokens_expected_of_a_check_are_a_geometric_sum() -> None:
    assert speculation.expected(0.5)[:4] == [1, 1.5, 1.75, 1.875]


@pytest.mark.parametrize("family", ["marian", "t5"])
def test_random_checkpoints_decode(family: str) -> None:
    config: ModelConfig = {
        "marian": published._marian(64, 64, (1, 1), 70),
        "t5": published._t5(64, 64, 1, 1),
    }[family]
    with pyattn.Model(published.checkpoint(config), dtype="int8", threads=1) as model:
        found = model.generate([[11, 12]], beam_size=1, min_new_tokens=3, max_new_tokens=3)
    assert len(found[0][0].tokens) == 3
