import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from random import Random

import augment
import copied
import pairs
import pytest
from augment import Augmenter, Shares

from support.paths import BENCH

PAIR = ("Tom paid 25 dollars on page 7.", "Tom pagó 25 dólares en la página 7.")
SEEDS = range(200)


def carriers() -> list[tuple[str, str]]:
    files = (BENCH / "phrases" / f"carriers.{side}" for side in ("en", "es"))
    return list(zip(*pairs.read_pair(*files), strict=True))


def only(**shares: float) -> Shares:
    none = {field.name: 0.0 for field in dataclasses.fields(Shares)}
    return Shares(**none | shares)


def test_capitals_are_on_both_sides() -> None:
    assert augment.capitals(("It's ça.", "¿Él?"), Random(1)) == ("IT'S ÇA.", "¿ÉL?")


def test_titles_and_small_letters_leave_the_translation() -> None:
    assert augment.titled(("don't go to Tom's", "no vayas"), Random(1)) == (
        "Don't Go To Tom's",
        "no vayas",
    )
    assert augment.lowered(PAIR, Random(1)) == (PAIR[0].lower(), PAIR[1])


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("Where are you?", "¿Dónde estás?"), ("Where are you", "Dónde estás")),
        (("Go on. Why?", "Sigue. ¿Por qué?"), ("Go on. Why", "Sigue. Por qué")),
        (("Why? Go on.", "¿Por qué? Sigue."), ("Why? Go on", "¿Por qué? Sigue")),
        (("...", "..."), ("...", "...")),
    ],
)
def test_marks_go_from_both_ends(pair: tuple[str, str], expected: tuple[str, str]) -> None:
    assert augment.bare(pair, Random(1)) == expected


def test_numbers_are_replaced_by_equal_ones_on_both_sides() -> None:
    seen = set()
    for seed in SEEDS:
        source, target = augment.renumbered(PAIR, Random(seed))
        numbers = re.findall(r"\d+", source)
        assert numbers == re.findall(r"\d+", target)
        assert [len(number) for number in numbers] == [2, 1]
        assert numbers[0][0] != "0"
        seen.add(tuple(numbers))
    assert len(seen) > 100


def test_other_numbers_in_the_translation_stay() -> None:
    source, target = augment.renumbered(("at 2.30 pm", "a las 14.30"), Random(1))
    assert "2.30" in source
    assert "14.30" in target


@pytest.mark.parametrize("way", [augment.inserted, augment.replaced, augment.renumbered])
def test_what_is_put_in_is_the_same_on_both_sides(way: Callable[..., tuple[str, str]]) -> None:
    for seed in SEEDS:
        source, target = way(("Does it snow here?", "¿Nieva aquí?"), Random(seed))
        left = [
            re.split(re.escape(text), side, maxsplit=1)
            for text, side in (("Does it snow here?", source), ("¿Nieva aquí?", target))
        ]
        assert left[0] == left[1]
        assert "".join(left[0])


def test_hard_numbers_are_the_same_on_both_sides() -> None:
    augmenter, runs = Augmenter(carriers(), only(numbered=1.0)), 0
    for seed in SEEDS:
        source, target = augmenter(PAIR, lambda: PAIR, Random(seed))
        numbers = [Counter(re.findall(r"\d+", side)) for side in (source, target)]
        assert numbers[0] == numbers[1]
        runs += bool(re.search(r"(\d)\1", source))
    assert runs > len(SEEDS) / 3  # of the same digit; one number in ten has such by chance


def test_repeating_digits_are_as_many_as_asked_for() -> None:
    for count in range(1, 10):
        numbers = [copied.repeating(count, Random(seed)) for seed in SEEDS]
        assert all(re.fullmatch(rf"[1-9]\d{{{count - 1}}}", number) for number in numbers)


def test_a_shared_name_or_number_is_replaced_at_its_place() -> None:
    found = {augment.replaced(PAIR, Random(seed)) for seed in SEEDS}
    replaced = set()
    for source, target in found:
        match = re.fullmatch(r"(.+) paid (.+) dollars on page (.+)\.", source)
        assert match
        assert target == "{} pagó {} dólares en la página {}.".format(*match.groups())
        replaced |= {n for n, old in enumerate(("Tom", "25", "7")) if match[n + 1] != old}
    assert replaced == {0, 1, 2}


def test_joined_pairs_have_as_many_parts_on_both_sides() -> None:
    others = iter([("b. " * 60, "long"), *[("b", "B")] * 1000])
    counts = set()
    for seed in SEEDS:
        source, target = augment.joined(("a", "A"), lambda: next(others), Random(seed))
        assert source.upper() == target
        counts.add(len(source.split()))
    assert counts >= {2, 3, 4}


def test_a_long_pair_is_not_joined() -> None:
    pair = ("a" * 500, "A" * 500)
    assert augment.joined(pair, lambda: pair, Random(1)) == pair


def test_every_carrier_keeps_its_copies() -> None:
    for carrier in carriers():
        for seed in range(3):
            source, target = augment.filled(carrier, Random(seed))
            assert "{url}" not in source + target
            for url in re.findall(r"https?://[\w./?=&#%-]*\w", source):
                assert url in target


def test_a_slot_is_on_both_sides_and_known() -> None:
    for carrier in (("{url}", "x"), ("{day}", "{day}"), ("{url}", "{url} {url}")):
        with pytest.raises(ValueError, match="expected equal known ones"):
            augment.filled(carrier, Random(1))


def test_shares_are_kept() -> None:
    augmenter = Augmenter([], only(capitals=0.25, lowered=0.25))
    random = Random(1)
    counts = Counter(augmenter(("Ab", "Cd"), lambda: PAIR, random) for _ in range(4000))
    assert counts[("AB", "CD")] == pytest.approx(1000, abs=100)
    assert counts[("ab", "Cd")] == pytest.approx(1000, abs=100)
    assert counts[("Ab", "Cd")] == pytest.approx(2000, abs=100)


def test_joined_pairs_have_the_share_that_they_are_given() -> None:
    other = ("Yes, please.", "Sí, por favor.")
    augmenter, random = Augmenter([], only(joined=0.3)), Random(1)
    found = [augmenter(PAIR, lambda: other, random) for _ in range(1000)]
    joined = sum(pair != PAIR for pair in found)
    assert joined == sum(other[0] in source and other[1] in target for source, target in found)
    assert 250 < joined < 350


def test_a_seed_fixes_all_choices() -> None:
    def altered(seed: int) -> list[tuple[str, str]]:
        augmenter, random = Augmenter(carriers(), Shares()), Random(seed)
        return [augmenter(PAIR, lambda: PAIR, random) for _ in range(300)]

    assert altered(1) == altered(1)
    assert altered(1) != altered(2)


@pytest.mark.parametrize("kind", sorted(copied.KINDS))
def test_copies_are_one_line_without_edges(kind: str) -> None:
    for seed in SEEDS:
        thing = copied.KINDS[kind](Random(seed))
        assert thing
        assert thing == thing.strip()
        assert len(thing.splitlines()) == 1
