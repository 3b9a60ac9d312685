import film


def test_a_film_has_short_lines_and_rising_times() -> None:
    made = film.made(100, seed=0)
    assert film.judged(made, made)[:3] == ["yes", "2", "0"]
    assert len(made.strip().split("\n\n")) == 100


def test_long_lines_and_other_times_are_seen() -> None:
    made = film.made(3, seed=0)
    longer = made.rstrip("\n") + "x" * 43
    assert film.judged(made, longer)[2] == "1"
    assert film.judged(made, made.replace(" --> ", " -->  ", 1))[0] == "no"
