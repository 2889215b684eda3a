"""What walks through a list prove, page by page."""

from __future__ import annotations

import pytest

from tap_kustomer.readers.walks import Walk, is_proven


def walk_of(*pages: str, proven: bool = False) -> Walk:
    """Return a walk over pages whose rows are letters."""
    walk = Walk()
    for page in pages:
        walk.add(list(page))
    walk.end(proven=proven)
    return walk


def compared(walk: Walk, *pages: str) -> set[int]:
    """Return the gaps that are left once another walk showed ``pages``."""
    walk.expect_again()
    for place, page in enumerate(pages):
        walk.compare(list(page), is_last=place == len(pages) - 1)
    return walk.gaps


def test_the_edge_of_two_pages_and_the_end_are_gaps() -> None:
    """A row may have crossed the edge between the two requests."""
    walk = walk_of("ab", "cd", "e")

    assert walk.gaps == {2, 4, 5}
    assert len(walk) == 5
    assert not walk.repeats


def test_a_page_that_begins_with_a_known_row_has_no_gap_in_front() -> None:
    """Rows came in front, so the page begins where the one before ended."""
    walk = walk_of("ab", "bc")

    assert walk.gaps == {3}
    assert walk.repeats
    assert len(walk) == 3


def test_a_page_that_only_ends_with_a_known_row_has_one() -> None:
    """What is in front of its first row is not known."""
    assert 2 in walk_of("ab", "cb").gaps


def test_an_empty_page_has_a_gap_in_front() -> None:
    """It shows nothing of what is behind the page before."""
    assert walk_of("ab", "").gaps == {2}


def test_pages_that_are_the_same_behind_others_prove_no_edge() -> None:
    """What came in front moved all rows, so a row may have crossed the same edge unseen."""
    assert compared(walk_of("ab", "cd"), "xy", "ab", "cd") == {2}


def test_a_page_that_shows_a_row_twice_proves_no_end() -> None:
    """It is in no order."""
    assert 4 in compared(walk_of("ab", "cd"), "ab", "dd")


def test_new_rows_are_counted_once() -> None:
    """A page that brings nothing new leads nowhere."""
    walk = Walk()

    assert [walk.add(list(page)) for page in ("ab", "bc", "ab")] == [2, 1, 0]
    assert walk.has_all(["a", "c"])
    assert not walk.has_all(["a", "d"])
    assert walk.size_with(["c", "d", "d"]) == 4


def test_an_end_that_something_else_proves_leaves_no_gap() -> None:
    """A single page, or a total that agrees."""
    walk = walk_of("ab", "c", proven=True)
    assert walk.gaps == set()
    walk.doubt_end()
    assert walk.gaps == {3}


@pytest.mark.parametrize(
    ("pages", "left"),
    [
        (("ab", "cd"), set()),  # the very same
        (("b", "cd"), {2}),  # a row left in front: the edge is elsewhere, the end is seen again
        (("bc", "d"), set()),  # rows of both sides on one page, and the end
        (("xa", "bc", "d"), set()),
        (("bd",), set()),  # what is between two rows of one page was there, or has left
        (("ad", "b"), {4}),
        (("db",), {2, 4}),  # in another order nothing is known
        (("ab", "dc"), {2, 4}),
        (("ab", "c"), {2, 4}),  # an end in front of a known row is none
        (("ab", "cdx"), {2}),  # a row that came behind the end
        (("x",), {2, 4}),
        (("ab", "xcd"), {2}),
        (("ac", "bd"), set()),
    ],
)
def test_a_later_walk_closes_the_gaps_that_it_sees_nothing_in(
    pages: tuple[str, ...], left: set[int]
) -> None:
    """By rows of both sides on one page, or by the very same up to there."""
    assert compared(walk_of("ab", "cd"), *pages) == left


def test_a_walk_that_is_not_expected_again_proves_no_edge() -> None:
    """It may begin anywhere."""
    walk = walk_of("ab", "cd")
    walk.compare(["c", "d"])

    assert walk.gaps == {2, 4}


def test_two_walks_that_show_the_same_rows_once_prove_each_other() -> None:
    """Whatever their order; a row that came twice stands for one that left."""
    first, second = walk_of("ab", "cd"), walk_of("dc", "ba")
    assert first.shows_the_same(second)
    assert is_proven(second, [first])
    assert not is_proven(second, [])
    assert not walk_of("ab", "cd").shows_the_same(walk_of("ab", "ce"))
    for one, other in (("bc", "cd"), ("cd", "bc")):
        assert not walk_of("ab", one).shows_the_same(walk_of("ab", other, "d"))
    twice = walk_of("ab", "bc")
    assert not twice.shows_the_same(walk_of("ab", "c"))
    assert not walk_of("ab", "c").shows_the_same(twice)


def test_one_walk_without_gaps_is_proof() -> None:
    """The last one, or one before it."""
    whole, open_ = walk_of("ab", proven=True), walk_of("a", "b")

    assert is_proven(whole, [open_])
    assert is_proven(walk_of("a", "c"), [open_, whole])
    assert not is_proven(open_, [walk_of("ac")])
