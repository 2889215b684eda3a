"""What later answers change of a plan of slices, in memory: rows a second each."""

from __future__ import annotations

import random

import pytest

from tap_kustomer import timestamps
from tap_kustomer.readers.search.page import RowKey, SearchPage
from tap_kustomer.readers.search.slices import Slice, SlicePlan
from tests.readers.searches.in_memory import at
from tests.readers.searches.slice_pages import begun, page_from, seconds

ROOMY = 10**9  # bytes: as many pages may wait as there are
LARGE = 26  # rows of a page: twenty-five are new, and the slices of two readers hold 748
TRIALS = 60  # of each span


# ---------------------------------------------------------------- whatever the answers show


@pytest.mark.parametrize("span", [0.003, 0.2, 5, 1_000, 10**7])
def test_slices_meet_and_what_was_read_is_never_moved(span: float) -> None:
    """Else rows between two slices are lost, or those of a slice that has begun are read twice.

    Answers may show anything, also what makes no sense. In a range of a few milliseconds every
    place of a cut is at the edge of something.
    """
    seed = random.randrange(1_000_000_000)
    for trial in range(TRIALS):
        rng = random.Random(f"{seed}-{trial}")
        readers, page_size = rng.randint(1, 5), rng.randint(1, 12)
        plan = SlicePlan(at(0), at(span), page_size=page_size, readers=readers, buffer_bytes=9_000)
        active: dict[Slice, str] = {}  # and where each began
        read: list[tuple[str, str]] = []
        for _ in range(60):
            while (slice_ := plan.next_slice()) is not None:
                active[slice_] = slice_.low
            assert len(active) <= readers, (seed, trial)
            check_joined(plan, active, read)
            if not active:
                break
            slice_ = rng.choice(list(active))
            if rng.random() < 0.1 or slice_.position >= slice_.high:
                slice_.end()
                read.append((active.pop(slice_), slice_.high))
            else:
                slice_.learn(some_page(rng, slice_, page_size), slice_.position)
                assert slice_.position <= slice_.high, (seed, trial)
                assert slice_.left >= 0


def some_page(rng: random.Random, slice_: Slice, page_size: int) -> SearchPage:
    """Return an answer of a slice: some rows, any total or none."""
    first, last = seconds(slice_.position), seconds(slice_.high)
    width = (last - first) * rng.choice([0, 0.001, 0.1, 0.9, 1])
    count = rng.choice([page_size, page_size, rng.randint(0, page_size)])
    stamps = sorted(rng.uniform(first, first + width) for _ in range(count))
    keys = [RowKey(str(one), min(at(one), slice_.high), None) for one in stamps]
    total = rng.choice([None, 0, count, *(rng.randint(0, 10**n) for n in range(2, 7))])
    return SearchPage(b"{}" + b"x" * 100 * count, keys, total, None, timed_out=False)


def check_joined(plan: SlicePlan, active: dict[Slice, str], read: list[tuple[str, str]]) -> None:
    """Check that all parts together are the range."""
    parts = [*plan.unread, *read, *((low, one.high) for one, low in active.items())]
    parts.sort()
    assert parts[0][0] == at(0)
    assert parts[-1][1] == plan.high
    assert [low for low, _ in parts[1:]] == [high for _, high in parts[:-1]]
    assert all(low < high for low, high in parts)


def test_no_more_slices_are_read_at_a_time_than_there_are_readers() -> None:
    """The pages of each take room."""
    plan, slices = begun(2_000, 2)

    assert len(slices) == 2
    slices[0].end()
    assert plan.next_slice() is not None
    assert plan.next_slice() is None


def test_behind_those_of_the_beginning_each_slice_waits_for_the_one_before_it_to_fit() -> None:
    """Time told how many rows the first ones have; later ones may be corrected by their answers."""
    plan, slices = begun(2_000, 2)
    slices[0].end()
    third = plan.next_slice()
    assert third is not None
    slices[1].end()
    assert plan.next_slice() is None

    third.learn(page_from(seconds(third.low), 300), third.low)

    following = plan.next_slice()
    assert following is not None
    assert following.low == third.high
    assert following.before is third


# ---------------------------------------------------------------- how long a slice may be


def second_of_bursts() -> tuple[SlicePlan, Slice]:
    """Return a plan of uneven rows and its second slice, for which 748 rows are wanted.

    Its first answer showed that it has to be cut.
    """
    plan, (first,) = begun(20_000, 2, pace=0.01, page=LARGE)
    first.end()
    second = plan.next_slice()
    assert second is not None
    second.learn(page_from(seconds(second.low), 10_000, pace=0.01, rows=LARGE), second.low)
    assert second.high < plan.high
    return plan, second


@pytest.mark.parametrize(
    ("rows", "change"),
    [(1_123, "shorter"), (1_122, None), (748, None), (500, None), (374, None), (373, "longer")],
)
def test_between_half_and_one_and_a_half_times_the_wanted_rows_a_slice_fits(
    rows: int, change: str | None
) -> None:
    """Each correction but the first costs a part of a page."""
    plan, second = second_of_bursts()
    high, begin = second.high, seconds(second.position)

    left = rows - LARGE  # behind the first answer
    second.learn(page_from(begin, left, pace=0.01, rows=LARGE), at(begin))

    if change == "shorter":
        assert second.high < high
        assert plan.next_slice() is None
    elif change == "longer":
        assert second.high == plan.high
        assert plan.unread == []
    else:
        assert second.fitted
        assert second.high <= high
        assert [low for low, _ in plan.unread] == [second.high]


def test_a_slice_that_cannot_be_cut_lets_the_next_one_begin() -> None:
    """Its rows go on at such a pace that the wanted ones do not end before it does."""
    plan, second = second_of_bursts()
    high, begin = second.high, seconds(second.position)

    second.learn(page_from(begin, 1_200, pace=60, rows=LARGE), at(begin))

    assert second.high == high
    following = plan.next_slice()
    assert following is not None
    assert following.low == high


@pytest.mark.parametrize(("rows", "unread"), [(1_895, 1), (1_896, 2)])
def test_a_rest_of_one_and_a_half_times_the_wanted_rows_is_one_slice(
    rows: int, unread: int
) -> None:
    """Rows that lie evenly: 773 for the first slice, which has a page already."""
    plan, slices = begun(rows, 2, page=LARGE)

    assert len(slices) + len(plan.unread) == 1 + unread
    assert round(seconds(slices[0].high)) == 773


def test_a_cut_lies_where_rows_go_on_at_the_pace_of_those_seen() -> None:
    """By time alone it would lie at a quarter: too short costs more than too long."""
    _, (first,) = begun(1_000, 4, pace=2.5)

    wanted = 247 + 10
    assert seconds(first.high) == pytest.approx(25 + (wanted - 11) * 25 / 11, abs=0.01)


def test_a_cut_lies_behind_the_rows_that_were_shown() -> None:
    """Two slices that meet at ties would both read them."""
    _, (first,) = begun(1_000, 4, pace=0.0)
    first.learn(page_from(100, 100_000, pace=0.0), at(0))

    assert first.high == timestamps.behind(at(100))


# ---------------------------------------------------------------- where whole pages end


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (230, 230), (229, 229), (228, 228),  # the last page is nearly full
        (227, 219), (222, 219),  # 22 pages, and a margin
        (220, 220),
    ],
)  # fmt: skip
def test_until_the_next_one_begins_a_slice_ends_at_a_whole_page(left: int, kept: int) -> None:
    """The rows behind that are the next one's."""
    plan, (first,) = begun(1_000, 4, pace=0.01)
    begin, high = 0.2, seconds(first.high)

    first.learn(page_from(begin, left + 11, pace=0.01), at(begin))

    assert first.left == kept
    position = seconds(first.position)
    expected = position + (high - position) * kept / left
    assert seconds(first.high) == pytest.approx(expected, abs=0.002)
    following = plan.next_slice()
    assert following is not None
    assert following.low == first.high
    assert following.left == 1_000 - 257 + left - kept


def test_a_slice_does_not_end_where_its_last_answer_does() -> None:
    """Less than a page is left: both slices would read the rows of that moment."""
    _, (first,) = begun(1_000, 4, pace=0.01)
    first.learn(page_from(0.2, 230, pace=0.01), at(0.2))
    high = first.high

    first.learn(page_from(0.4, 16, pace=0.01), at(0.4))

    assert first.left == 5
    assert first.high == high


# ---------------------------------------------------------------- far too many rows left


def last_of_even_rows() -> tuple[SlicePlan, Slice]:
    """Return a plan of 3,000 rows, and its last slice before its first answer."""
    plan, slices = begun(1_895, 2, page=LARGE)
    slices[0].end()
    return plan, slices[1]


def test_a_last_slice_with_far_too_many_rows_is_cut_where_the_wanted_ones_end() -> None:
    """A guess left them to one reader, and the others would wait for it."""
    plan, last = last_of_even_rows()
    low = seconds(last.low)

    last.learn(page_from(low, 2_000, rows=LARGE), last.low)

    position = low + LARGE - 1
    expected = position + (1_895 - position) * 748 / (2_000 - LARGE)
    assert seconds(last.high) == pytest.approx(expected, abs=0.01)
    assert last.left == 748
    assert plan.unread == [(last.high, at(1_895))]
    assert plan.next_slice() is None  # the next answer tells whether that fits
    last.learn(page_from(position, 1_122, pace=0.01, rows=LARGE), at(position))
    assert last.fitted
    following = plan.next_slice()
    assert following is not None
    assert following.low == last.high
    assert following.left == 2_000 - LARGE - 748


@pytest.mark.parametrize("rows", [1_123, 2_000])
def test_a_cut_that_still_leaves_too_many_rows_is_corrected(rows: int) -> None:
    """What was read before it does not count."""
    plan, last = last_of_even_rows()
    low = seconds(last.low)
    last.learn(page_from(low, 2_000, rows=LARGE), last.low)
    high = last.high

    last.learn(page_from(low + 26, rows, pace=0.01, rows=LARGE), at(low + 26))

    assert last.high < high
    assert plan.next_slice() is None
    assert plan.unread[0][0] == last.high


def test_a_last_slice_with_as_many_rows_as_may_be_is_not_cut() -> None:
    """Half as many again as are wanted."""
    plan, last = last_of_even_rows()

    last.learn(page_from(seconds(last.low), 1_122 + LARGE, rows=LARGE), last.low)

    assert last.settled
    assert last.left == 1_122
    assert last.is_last
    assert plan.unread == []


def test_a_total_below_the_rows_that_are_shown_leaves_nothing() -> None:
    """Not less than nothing."""
    _, last = last_of_even_rows()

    last.learn(page_from(seconds(last.low), LARGE - 3, rows=LARGE), last.low)

    assert last.left == 0


# ---------------------------------------------------------------- room


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(1_000, 4), (1_005, 17), (2_000, 17)],
)
def test_a_long_extract_has_long_slices_even_where_there_is_little_room(
    rows: int, expected: int
) -> None:
    """Each slice wastes a part of its last page. More than a hundred pages are long."""
    plan, slices = begun(rows, 8, buffer=int(16.8 * 1_100))

    following = slices[1] if len(slices) > 1 else None
    if following is None:
        slices[0].end()
        following = plan.next_slice()
    assert following is not None
    assert round((seconds(following.high) - seconds(following.low)) / 10) == expected


@pytest.mark.parametrize(
    ("pages", "readers"), [(3 * 17, 4), (2.85 * 17, 4), (2.75 * 17, 3), (17, 2), (9, 1), (500, 8)]
)
def test_of_a_long_extract_so_many_slices_are_read_as_there_is_room_for(
    pages: float, readers: int
) -> None:
    """Of each but the first the pages wait, about half of them at a time."""
    _, slices = begun(2_000, 8, buffer=int(pages * 0.6 * 1_100))

    assert len(slices) == readers


def test_pages_of_ties_take_as_much_room_as_others() -> None:
    """Half of their rows are new, but all of them wait."""
    room = 3 * 20  # pages, that is twenty for each reader but the first
    _, (first,) = begun(1_000, 4, pace=0.0, buffer=int(room * 0.6 * 1_100))

    assert seconds(first.high) == pytest.approx(21 * 5, abs=1)


@pytest.mark.parametrize(
    ("page_size", "buffer", "expected"), [(1, ROOMY, 30), (2, ROOMY, 30), (1, 3_600, 20)]
)
def test_pages_of_a_row_or_two_are_planned_as_well(
    page_size: int, buffer: int, expected: int
) -> None:
    """As if each showed one that is new: thirty pages, or what there is room for."""
    _, (first,) = begun(1_000, 4, pace=0.0, page=page_size, buffer=buffer)

    assert seconds(first.high) == expected


def test_an_answer_that_counts_rows_and_shows_none_is_planned_with() -> None:
    """It says nothing of their size."""
    plan = SlicePlan(at(0), at(1_000), page_size=11, readers=4, buffer_bytes=ROOMY)
    first = plan.next_slice()
    assert first is not None

    first.learn(SearchPage(b"{}", [], 1_000, None, timed_out=False), at(0))

    assert first.left == 1_000
    assert plan.unread == [(first.high, at(1_000))]
