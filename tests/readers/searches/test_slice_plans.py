"""How a range is cut into slices: by what its first answer shows, a row a second, in memory."""

from __future__ import annotations

import pytest

from tap_kustomer.readers.search.slices import Slice, SlicePlan
from tests.readers.searches.in_memory import at
from tests.readers.searches.slice_pages import PAGE, all_of, begun, lengths, page_from, seconds

NO_BOUND = 10**9


@pytest.mark.parametrize(
    ("rows", "readers", "buffer", "expected"),
    [
        (1_000, 1, NO_BOUND, [1_000]),  # nobody else could read a part of it
        (1_000, 2, NO_BOUND, [309, 299, 392]),  # thirty pages, and a margin
        (1_000, 4, NO_BOUND, [257, 247, 247, 249]),  # a page is known, the rest is dealt out
        (200, 4, NO_BOUND, [57, 47, 47, 49]),
        (1_000, 4, 13_200, [79, *[69] * 12, 93]),  # seven pages: what may wait of the others
        (1_000, 3, 13_200, [109, *[99] * 9]),
        (100, 8, NO_BOUND, [39, 29, 32]),  # three pages at least
        (200, 8, 1_000, [49, 39, 39, 39, 34]),  # four, where there is no room
    ],
)
def test_rows_that_lie_evenly_are_dealt_out_to_the_readers(
    rows: int, readers: int, buffer: int, expected: list[int]
) -> None:
    """All of them begin at once, as time tells how many rows there are."""
    slices = all_of(rows, readers, buffer)

    assert lengths(slices) == expected
    assert [one.low for one in slices[1:]] == [one.high for one in slices[:-1]]
    assert [one.before for one in slices] == [None, *slices[:-1]]
    assert [one.is_last for one in slices] == [one.high == at(rows) for one in slices]


@pytest.mark.parametrize(
    ("pace", "count"),
    # Eleven rows lie ten steps apart: 2.2 and 0.55 are exactly twice as sparse and as dense.
    [(1.0, 4), (2.2, 4), (0.55, 4), (2.3, 1), (0.53, 1), (0.01, 1)],
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


@pytest.mark.parametrize("pace", [3.9875, 14.0, 0.00012])
def test_a_half_is_never_empty(pace: float) -> None:
    """Where the rows would end exactly at the end, behind it, or at once, the time is halved."""
    _, last, later = divided(60 if pace > 1 else 20, pace=pace)

    assert later is not None
    assert last.position < later.low < later.high == at(300)


@pytest.mark.parametrize("before_the_end", [0.0, 0.001])
def test_a_moment_is_not_divided(before_the_end: float) -> None:
    """However many rows there are in it."""
    plan, slices = begun(300, 2)
    for one in slices[:-1]:
        one.end()
    last = slices[-1]
    for _ in range(2):
        last.learn(page_from(299, 60, pace=(1 - before_the_end) / 10), at(299))

    assert last.position == at(300 - before_the_end)
    assert plan.next_slice() is None
    assert last.high == at(300)


def test_a_slice_before_others_is_divided_in_its_place() -> None:
    """The later half ends where the next one begins."""
    plan, slices = begun(300, 3)
    first, second, third = slices
    third.end()
    for one, left in [(first, 60), (second, 5)]:
        one.learn(page_from(seconds(one.low), left + PAGE), one.low)

    later = plan.next_slice()

    assert later is not None
    assert later.before is first
    assert (first.high, later.high) == (later.low, second.low)


def test_a_slice_that_ended_without_an_answer_keeps_no_other_from_being_divided() -> None:
    """Nothing more will be known of it."""
    plan, slices = begun(300, 3)
    for one in slices[:-1]:
        one.end()
    last = slices[-1]
    assert plan.next_slice() is None  # what is left of the last one is not known
    last.learn(page_from(seconds(last.low), 60 + PAGE), last.low)

    later = plan.next_slice()

    assert later is not None
    assert later.before is last


def test_ties_are_not_divided() -> None:
    """Answers do not tell how far it is to their end."""
    assert divided(100, pace=0.0)[2] is None


@pytest.mark.parametrize(
    ("rows", "readers", "pace", "expected"),
    [
        (390, 2, 1.0, 1),  # one, and one more for each forty pages
        (400, 2, 1.0, 2),
        (100, 8, 1.0, 4),  # one for two readers, at least
        (1_600, 2, 1.0, 4),  # two for each of them, at most
        (2_380, 2, 0.01, 1),  # where rows of a long extract come in bursts, few of them
        (2_400, 2, 0.01, 2),
    ],
)
def test_a_plan_is_divided_so_many_times_and_no_more(
    rows: int, readers: int, pace: float, expected: int
) -> None:
    """Halves may turn out to be empty, where rows come in bursts."""
    plan, slices = begun(rows, readers, pace=pace)
    for one in slices:
        if plan.unread or one is not slices[-1]:
            one.end()
        if plan.unread and (following := plan.next_slice()) is not None:
            slices.append(following)
    count, longest = 0, slices[-1]
    while True:
        low = seconds(longest.low)
        longest.learn(page_from(low, 30, pace=0.01), longest.low)  # it fits
        longest.learn(page_from(low + 0.1, 1_000, pace=0.01), longest.position)
        assert longest.settled
        later = plan.next_slice()
        if later is None:
            break
        longest.end()
        count, longest = count + 1, later

    assert count == expected
