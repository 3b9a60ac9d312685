from collections import Counter

import pytest
from augment import Augmenter, Shares
from mixture import Mixture, Source

MANY = [(f"a{n}", f"b{n}") for n in range(40)]
FEW = [(f"c{n}", f"d{n}") for n in range(3)]


def drawn(mixture: Mixture, rounds: int) -> Counter[tuple[str, str]]:
    return Counter(
        pair for number in range(rounds) for pair in zip(*mixture.round(number), strict=True)
    )


def test_weights_are_shares_of_a_round() -> None:
    mixture = Mixture([Source(MANY, 3.0), Source(FEW, 1.0)], 20, seed=1)
    sources, _ = mixture.round(4)
    assert mixture.counts() == [15, 5]
    assert sum(source in dict(FEW) for source in sources) == 5


def test_all_pairs_of_a_corpus_come_equally_often() -> None:
    times = drawn(Mixture([Source(MANY, 3.0), Source(FEW, 1.0)], 20, seed=1), 8)
    assert {times[pair] for pair in MANY} == {3}
    assert {times[pair] for pair in FEW} == {13, 14}


def test_a_corpus_comes_in_another_order_each_time_and_beside_its_like() -> None:
    mixture = Mixture([Source(MANY, 1.0), Source(list(MANY), 1.0)], 80, seed=1)
    (first, _), (second, _) = mixture.round(0), mixture.round(1)
    assert sorted(first) == sorted(second)
    orders = [first[:40], first[40:], second[:40], second[40:]]
    assert len({tuple(order) for order in orders}) == 4


def test_a_round_is_a_function_of_seed_and_number() -> None:
    augmenter = Augmenter([("Open {url}.", "Abre {url}.")], Shares(capitals=0.3))

    def texts(seed: int, number: int) -> tuple[list[str], list[str]]:
        return Mixture([Source(MANY, 1.0)], 20, seed, augmenter).round(number)

    assert texts(1, 2) == texts(1, 2)
    assert texts(1, 2) != texts(1, 3)
    assert texts(1, 2) != texts(2, 2)


def test_only_whole_corpora_left_as_they_are_make_equal_rounds() -> None:
    assert Mixture([Source(MANY, 40.0), Source(FEW, 3.0)], 43, seed=1).steady
    assert not Mixture([Source(MANY, 1.0), Source(FEW, 1.0)], 43, seed=1).steady
    assert not Mixture([Source(MANY, 1.0)], 40, seed=1, augmenter=Augmenter([], Shares())).steady


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_is_above_zero(weight: float) -> None:
    with pytest.raises(ValueError, match="expected above 0"):
        Source(FEW, weight)
