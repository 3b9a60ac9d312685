"""What bench/serving.py makes of its turns."""

from worker import Turn

import serving


def turns(*walls: float) -> list[Turn]:
    return [Turn(wall, wall, 0.0, []) for wall in walls]


def test_factor_is_to_the_best_setting_of_the_other() -> None:
    found = serving._summary(
        {
            "pyattn": turns(1.0, 2.0, 4.0),
            "ctranslate2, 32 examples": turns(8.0, 9.0, 10.0),
            "ctranslate2, 1024 tokens": turns(7.0, 9.5, 11.0),
        },
        20,
    )
    assert found["factor"] == {"median": 4.5, "best": 7.0}
    assert found["sentences_per_second"]["pyattn"] == {"median": 10.0, "best": 20.0}


def test_every_setting_of_the_other_has_its_turn() -> None:
    call = next(one for one in serving.SCENARIOS if one.name == "one call")
    named = list(serving._contenders(["ours", "theirs"], call, 4, True))
    assert [name for name, _, _ in named] == [
        "pyattn",
        *(f"ctranslate2, {size} {kind}" for size, kind in serving.TOGETHER),
    ]
    assert [worker for _, worker, _ in named] == ["ours"] + ["theirs"] * len(serving.TOGETHER)
    assert {decoding.beam for _, _, decoding in named} == {4}
    assert [decoding.together for _, _, decoding in named] == [None, *serving.TOGETHER]


def test_prefix_leaves_four_tokens() -> None:
    prefix = next(one for one in serving.SCENARIOS if one.name == "prefix")
    for _, _, decoding in serving._contenders(["ours", "theirs"], prefix, 1, True):
        assert (decoding.prefix, decoding.least, decoding.most) == (20, 24, 24)
        assert len(decoding.prefix_ids) == 20
