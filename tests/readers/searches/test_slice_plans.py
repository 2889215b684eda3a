"""How a range is cut into slices: by what its first answer shows, a row a second, in memory."""

from __future__ import annotations

import pytest

from tap_kustomer import timestamps
from tap_kustomer.readers.search.page import RowKey, SearchPage
from tap_kustomer.readers.search.slices import Slice, SlicePlan
from tests.readers.searches.in_memory import BEGIN, at

PAGE = 11  # rows; ten of them are new
ROW_BYTES = 100
NO_BOUND = 10**9


def page_from(
    first: float, total: int | None, *, pace: float = 1.0, at_least: int = 0, rows: int = PAGE
) -> SearchPage:
    """Return an answer whose rows begin at ``first``."""
    keys = [RowKey(str(n), at(first + n * pace), None) for n in range(rows)]
    return SearchPage(
        b"x" * ROW_BYTES * rows, keys, total, None, timed_out=False, at_least=at_least
    )


def begun(
    rows: int, readers: int, *, buffer: int = NO_BOUND, pace: float = 1.0
) -> tuple[SlicePlan, list[Slice]]:
    """Return a plan whose first answer came, and the slices that are begun now."""
    plan = SlicePlan(at(0), at(rows), page_size=PAGE, readers=readers, buffer_bytes=buffer)
    first = plan.next_slice()
    assert first is not None
    assert plan.next_slice() is None  # nothing is known yet
    plan.learn(first, page_from(0, rows, pace=pace), at(0))
    slices = [first]
    while len(slices) < readers and (slice_ := plan.next_slice()) is not None:
        slices.append(slice_)
    return plan, slices


def seconds(moment: str) -> float:
    """Return the seconds of a moment after the beginning."""
    return timestamps.parse(moment).timestamp() - BEGIN


def lengths(slices: list[Slice]) -> list[int]:
    """Return how many rows the slices hold, a row a second."""
    return [round(seconds(one.high) - seconds(one.low)) for one in slices]


@pytest.mark.parametrize(
    ("rows", "readers", "buffer", "expected"),
    [
        (1_000, 1, NO_BOUND, [1_000]),  # nobody else could read a part of it
        (1_000, 2, NO_BOUND, [309, 299, 392]),  # thirty pages, and a margin
        (1_000, 4, NO_BOUND, [257, 247, 247, 249]),  # a page is known, the rest is dealt out
        (200, 4, NO_BOUND, [57, 47, 47, 49]),
        (1_000, 4, 12_000, [79, 69, 69, 69]),  # seven pages: what may wait of the others
        (1_000, 3, 12_000, [109, 99, 99]),
        (40, 3, NO_BOUND, [27, 13]),  # begun as one, and divided by a reader that is free
    ],
)
def test_rows_that_lie_evenly_are_dealt_out_to_the_readers(
    rows: int, readers: int, buffer: int, expected: list[int]
) -> None:
    """All of them begin at once, as time tells how many rows there are."""
    plan, slices = begun(rows, readers, buffer=buffer)
    while plan.unread and len(slices) < len(expected):
        slices[-1].end()
        following = plan.next_slice()
        assert following is not None
        slices.append(following)

    assert lengths(slices) == expected
    assert [one.low for one in slices[1:]] == [one.high for one in slices[:-1]]
    assert [one.before for one in slices] == [None, *slices[:-1]]
    assert [one.is_last for one in slices] == [one.high == at(rows) for one in slices]


@pytest.mark.parametrize(
    ("pace", "count"), [(1.0, 4), (1.9, 4), (0.6, 4), (2.5, 1), (0.4, 1), (0.01, 1)]
)
def test_where_rows_come_in_bursts_no_slice_begins_at_a_guess(pace: float, count: int) -> None:
    """Up to twice as dense or as sparse as on average counts as even."""
    plan, slices = begun(1_000, 4, pace=pace)

    assert len(slices) == count
    assert plan.unread or count == 4


def test_a_slice_that_holds_too_much_is_cut_and_one_that_holds_too_little_made_longer() -> None:
    """Until its answers fit; then the next one begins."""
    plan, (first,) = begun(1_000, 4, pace=0.01)
    assert plan.next_slice() is None
    cut = seconds(first.high)

    first.learn(page_from(0.1, 700, pace=0.01), at(0.1))  # far more than 257
    assert seconds(first.high) < cut
    assert plan.next_slice() is None
    first.learn(page_from(0.2, 20, pace=0.01), at(0.2))  # far fewer
    assert first.high == at(1_000)
    assert not plan.unread
    first.learn(page_from(0.3, 600, pace=0.01), at(0.3))
    first.learn(page_from(0.4, 210), at(0.4))  # fits
    following = plan.next_slice()
    assert following is not None
    assert following.low == first.high
    assert following.before is first


def test_a_slice_that_was_fitted_is_not_moved_by_later_answers() -> None:
    """The next one has begun at its end."""
    _, slices = begun(1_000, 4)
    first = slices[0]
    first.learn(page_from(10, 247), at(10))
    high = first.high

    first.learn(page_from(20, 900), at(20))

    assert first.high == high
    assert first.left == 889


@pytest.mark.parametrize("at_least", [0, 500])
def test_without_a_total_the_least_that_is_told_counts(at_least: int) -> None:
    """Where nothing is told at all the range is read as one slice."""
    plan = SlicePlan(at(0), at(1_000), page_size=PAGE, readers=4, buffer_bytes=NO_BOUND)
    first = plan.next_slice()
    assert first is not None

    first.learn(page_from(0, None, at_least=at_least, pace=2), at(0))

    assert (first.high == at(1_000)) is (at_least == 0)
    assert first.settled is (at_least == 0)


def test_a_slice_that_ended_at_its_first_answer_lets_the_next_begin() -> None:
    """Whatever the answer showed."""
    plan, (first,) = begun(1_000, 4, pace=0.01)
    assert plan.next_slice() is None

    first.end()

    following = plan.next_slice()
    assert following is not None
    assert following.low == first.high
    assert plan.unread == []


# ---------------------------------------------------------------- a reader that is free


def divided(
    left: int, *, readers: int = 2, pace: float = 1.0
) -> tuple[SlicePlan, Slice, Slice | None]:
    """Return a plan of one slice of which so many rows are left, and what a free reader gets."""
    plan, slices = begun(300, readers)
    while (slice_ := plan.next_slice()) is not None:
        slices.append(slice_)
    *others, last = slices
    for one in others:
        one.end()
    while (slice_ := plan.next_slice()) is not None:
        last = slice_
    low = seconds(last.low)
    last.learn(page_from(low, left + PAGE, pace=pace), last.low)
    if not last.settled:
        last.learn(page_from(low, left + PAGE, pace=pace), last.low)
    return plan, last, plan.next_slice()


@pytest.mark.parametrize(("left", "kept"), [(100, 49), (60, 29), (40, 19), (20, 9), (50, 29)])
def test_a_free_reader_takes_the_later_half_of_the_longest_slice(left: int, kept: int) -> None:
    """Whole pages are kept, and the one on its way."""
    _, last, later = divided(left)

    assert later is not None
    assert last.left == kept
    # As dense as the rows seen last: eleven in ten seconds.
    assert seconds(later.low) - seconds(last.position) == pytest.approx(kept * 10 / 11, abs=0.01)
    assert later.low == last.high
    assert later.high == at(300)
    assert later.before is last
    assert later.is_last
    assert not last.is_last


@pytest.mark.parametrize("left", [0, 10, 19])
def test_less_than_two_pages_are_not_divided(left: int) -> None:
    """It would cost the part of a page that it saves."""
    plan, last, later = divided(left)

    assert later is None
    assert last.high == at(300)
    assert plan.unread == []


def test_ties_are_not_divided() -> None:
    """Answers do not tell how far it is to their end."""
    assert divided(100, pace=0.0)[2] is None


def test_a_plan_is_divided_so_many_times_and_no_more() -> None:
    """Halves may turn out to be empty, where rows come in bursts."""
    plan, last, later = divided(100)
    count = 0
    while later is not None:
        count += 1
        low = seconds(later.low)
        later.learn(page_from(low, 100 + PAGE, pace=0.01), later.low)
        last = later
        later = plan.next_slice()

    assert count == 1
    assert last.settled
