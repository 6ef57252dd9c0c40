"""How many turns one commit call carries."""

from worker.lane.committer import MAX_BYTES, fitting

HALF = ["x" * (MAX_BYTES // 2)]


def test_small_items_go_out_together() -> None:
    assert fitting([["small", ""]] * 100) == 100


def test_the_item_that_makes_a_call_large_enough_is_its_last() -> None:
    assert fitting([HALF, HALF, HALF]) == 2
    assert fitting([HALF, ["small"], HALF, ["small"]]) == 3


def test_an_item_that_is_too_large_goes_out_alone() -> None:
    assert fitting([HALF + HALF + HALF, ["small"]]) == 1
