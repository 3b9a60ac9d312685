import drafts
import pytest

END = 0


def test_a_check_gains_what_was_right_and_one_token_more() -> None:
    # Of 7 tokens: two right and one more, none and one more, three at the end.
    target = [5, 6, 7, 8, 9, 4, END]
    right = {0: 2, 3: 0, 4: 2}
    found = drafts.gain([target], lambda _, i: (right[i], 3))
    assert found == drafts.Gain(tokens=7, checks=3, rows=12)
    assert found.per_check == pytest.approx(7 / 3)


def test_another_model_is_right_up_to_its_first_error() -> None:
    agreed = [[True, True, False, True, True]]
    right = drafts.chained(agreed, rows=4)
    assert right(0, 0) == (2, 3)
    assert right(0, 2) == (0, 3)
    assert right(0, 3) == (2, 2)  # the target has no more
    assert drafts.chained(agreed, rows=1)(0, 0) == (0, 0)


@pytest.mark.parametrize(
    ("text", "begun", "expected"),
    [
        ([1, 2, 3, 4, 1, 2], [1, 2], [3, 4]),
        ([9, 2, 3, 1, 2, 8, 7], [5, 1, 2], [8, 7]),  # two tokens go before one
        ([2, 3, 2, 4], [2], [4]),  # the last place
        ([1, 2], [2], []),  # nothing follows it
        ([1, 2], [], []),
    ],
)
def test_a_copy_continues_where_the_text_had_the_same_end(
    text: list[int], begun: list[int], expected: list[int]
) -> None:
    assert drafts.copied(text, begun, 2) == expected


def test_prefix_length_is_of_tokens_from_the_first_on() -> None:
    assert drafts.prefix_length([1, 2, 3], [1, 2, 4, 3]) == 2
    assert drafts.prefix_length([1, 2], [1, 2, 4]) == 2
    assert drafts.prefix_length([1, 2], [3]) == 0
    assert drafts.prefix_length([], [3]) == 0


def test_a_table_knows_what_followed_and_prefers_longer_contexts() -> None:
    table = drafts.Table()
    for _ in range(3):
        table.learn([1, 2, 3, END])
    table.learn([4, 2, 5, END])
    assert table.next([1, 2])[0][1] == 3
    assert table.next([4, 2])[0][1] == 5  # once after 4 2, against thrice after 2
    assert table.next([9]) == []
    shares = [share for share, _ in table.next([7, 2])]
    assert sum(shares) < 1
    assert shares == sorted(shares, reverse=True)
    assert drafts.chain(table.next, [1], 5, END) == [2, 3, END]
    assert drafts.chain(table.next, [1], 1, END) == [2]
    assert drafts.chain(table.next, [9], 5, END) == []


def test_a_tree_has_the_most_probable_paths_and_all_that_lead_to_them() -> None:
    shares = {(): [(0.6, 1), (0.4, 2)], (1,): [(0.5, 3), (0.5, 4)], (2,): [(0.9, END)]}

    def following(begun: drafts.Ids) -> list[tuple[float, int]]:
        return shares.get(tuple(begun), [])

    assert drafts.tree(following, [], 3, END) == [[1], [2], [2, END]]
    paths = drafts.tree(following, [], 9, END)
    assert sorted(paths) == [[1], [1, 3], [1, 4], [2], [2, END]]
    assert drafts.longest_right(paths, [1, 4, 7]) == 2
    assert drafts.longest_right(paths, [7]) == 0
