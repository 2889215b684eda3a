"""Reading a range below the watermark: each search begins at the last row of the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tap_kustomer import timestamps
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.keyset import RangeReader, Until
from tap_kustomer.readers.search.page import OrderedPage, Part, SearchPage
from tap_kustomer.readers.search.query import Bounds
from tests.readers.searches.in_memory import Index, Row, at, rows_at, search_of

PAGE = 5
END = 100.0


class Reading:
    """What reading a range brought."""

    def __init__(
        self,
        answer: Callable[[Any], Any],
        range_: Any = None,
        *,
        first: Bounds | None = None,
        first_high: str | None = None,
        watermark: float = 10**6,
    ) -> None:
        """Read from the beginning to ``range_``'s end; ``first`` is asked for before."""
        self.search, self.client = search_of(answer, page_size=PAGE, watermark=at(watermark))
        page = None if first is None else self.search.ask(first)
        self.client.sent.clear()
        range_ = range_ or Until(at(END))
        self.pages: list[OrderedPage] = []
        self.coverage = Coverage()
        for one in RangeReader(self.search).read(at(0), range_, page, first_high):
            self.pages.append(one)
            self.coverage.add(one.parts)

    @property
    def ids(self) -> set[str]:
        """The ids of the rows."""
        return {str(id_) for one in self.pages if one.page is not None for id_ in one.page.ids}

    @property
    def settled(self) -> list[str | None]:
        """What each page settled."""
        return [one.settled for one in self.pages]

    def assert_joined(self, rows: int, end: float = END) -> None:
        """Check that the parts join from the beginning to the end and hold ``rows``."""
        behind = timestamps.behind(at(end))
        assert self.coverage.gaps(at(0), behind) == []
        assert self.coverage.rows(at(0), behind) == rows


def test_each_search_begins_where_the_last_one_ended() -> None:
    """Always page 1; a page counts as settled once the one behind it agrees."""
    reading = Reading(Index(rows_at(*range(1, 13))))

    assert reading.client.ranges == [(at(low), at(END)) for low in (0, 5, 9)]
    assert {one.params["page"] for one in reading.client.sent} == {1}
    assert reading.ids == {str(n) for n in range(12)}
    assert reading.settled == [None, at(5), at(12)]
    reading.assert_joined(12)
    assert list(reading.coverage.parts) == [
        Part(at(0), at(5), 4),
        Part(at(5), at(9), 4),
        Part(at(9), at(12), 3),
        Part(at(12), at(100.001), 1),
    ]


def test_a_range_that_one_answer_holds_takes_one_search() -> None:
    """Up to its last row it is settled."""
    reading = Reading(Index(rows_at(1, 2, 3)))

    assert len(reading.client.sent) == 1
    assert reading.settled == [at(3)]
    reading.assert_joined(3)


def test_an_empty_range_settles_nothing() -> None:
    """No row tells how far the index is complete; the range is read all the same."""
    reading = Reading(Index())

    assert reading.settled == [None]
    reading.assert_joined(0)


def test_a_last_answer_without_rows_in_place_settles_what_the_one_before_left() -> None:
    """The rows behind it were updated meanwhile."""
    index = Index(rows_at(*range(1, 8)))
    answers = 0

    def fleeing(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        if answers == 2:
            index.rows = index.rows[:4]
        return index(request)

    reading = Reading(fleeing)

    assert reading.settled == [None, at(5)]
    assert len(reading.client.sent) == 3  # the second one is confirmed
    reading.assert_joined(4)


def test_a_first_answer_that_is_known_is_not_asked_for_again() -> None:
    """It may be of a search without an end."""
    index = Index(rows_at(*range(1, 13)))
    reading = Reading(index, first=Bounds(at(0)))

    assert [low for low, _ in reading.client.ranges] == [at(5), at(9)]
    assert reading.ids == {str(n) for n in range(12)}
    reading.assert_joined(12)


def test_a_first_answer_without_an_end_is_never_the_whole_range() -> None:
    """It counts rows of another range, so the range is asked for itself."""
    reading = Reading(Index(rows_at(1, 2, 3)), first=Bounds(at(0)))

    assert reading.client.ranges == [(at(3), at(END))]
    reading.assert_joined(3)


def test_a_first_answer_up_to_the_end_may_be_the_whole_range() -> None:
    """As if it had been asked for here."""
    reading = Reading(Index(rows_at(1, 2)), first=Bounds(at(0), at(END)), first_high=at(END))

    assert reading.client.ranges == []
    reading.assert_joined(2)


def test_a_row_behind_the_end_shows_that_all_before_it_was_read() -> None:
    """The range was cut while its answer was on its way."""
    reading = Reading(Index(rows_at(1, 2, 3, 50)), Until(at(10)), first=Bounds(at(0)))

    assert reading.client.ranges == []
    assert reading.settled == [at(10)]
    assert reading.pages[0].high == at(10)
    reading.assert_joined(3, 10)


def test_a_row_at_the_end_shows_nothing_of_what_is_behind() -> None:
    """Others of that moment may follow."""
    reading = Reading(Index(rows_at(1, 2, 3, 10, 10, 10)), Until(at(10)), first=Bounds(at(0)))

    assert reading.client.ranges[0] == (at(10), at(10))
    assert len(reading.ids) == 6
    reading.assert_joined(6, 10)


def test_a_row_behind_the_end_that_is_newer_than_its_place_shows_nothing() -> None:
    """Behind the watermark stamps say nothing of places."""
    rows = [Row("a", at(1)), Row("b", at(60), place=at(2)), *rows_at(3, 4, 5, 6, 7)]
    reading = Reading(Index(rows), Until(at(10)), first=Bounds(at(0)), watermark=50)

    assert {"a", "b", "4"} <= reading.ids
    assert len(reading.client.sent) > 0
    reading.assert_joined(7, 10)


def test_the_first_moment_of_the_next_range_is_left_to_it() -> None:
    """A range that is not the last ends before its last moment: else rows would count twice."""
    rows = rows_at(1, 2, 10)
    whole, half = (
        Reading(Index(rows), Until(at(10), is_last=is_last)) for is_last in (True, False)
    )

    assert whole.coverage.parts[-1].behind == at(10.001)
    assert half.coverage.gaps(at(0), at(10)) == []
    assert half.coverage.rows(at(0), at(10)) == 2
    assert half.coverage.parts[-1].behind == at(10)


def test_the_end_of_a_range_without_rows_is_its_end() -> None:
    """Also where it is one moment alone."""
    reading = Reading(Index(), Until(at(0)))

    assert reading.coverage.gaps(at(0), at(0.001)) == []


class Moving:
    """A range that is made longer or shorter by an answer."""

    is_last = True

    def __init__(self, high: float, *ends: float) -> None:
        """End at ``high``, and after each answer at the next of ``ends``."""
        self.high = at(high)
        self.positions: list[str] = []
        self._ends = list(ends)

    def learn(self, page: SearchPage, position: str) -> None:
        """Move the end."""
        del page
        self.positions.append(position)
        if self._ends:
            self.high = at(self._ends.pop(0))


def test_a_range_that_was_made_longer_is_read_on_from_its_old_end() -> None:
    """It held so little; the row at the old end comes again."""
    moving = Moving(10, 30)
    reading = Reading(Index(rows_at(1, 2, 10, 20, 30, 31)), moving)

    assert reading.client.ranges == [(at(0), at(10)), (at(10), at(30))]
    assert reading.ids == {"0", "1", "2", "3", "4"}
    assert moving.positions == [at(0), at(10)]
    assert reading.settled == [at(10), at(30)]
    reading.assert_joined(5, 30)


def test_a_range_that_was_made_shorter_ends_there() -> None:
    """The rows behind are another reader's: their first moment shows that all before was read."""
    reading = Reading(Index(rows_at(*range(1, 30))), Moving(100, 100, 7))

    assert reading.client.ranges == [(at(0), at(100)), (at(5), at(100))]
    assert reading.pages[-1].high == at(7)
    assert reading.settled == [None, at(7)]
    reading.assert_joined(7, 7)


# ---------------------------------------------------------------- ties


@pytest.mark.parametrize("count", [5, 6, 23])
def test_a_page_of_one_moment_is_read_apart(count: int) -> None:
    """The next search begins behind that moment."""
    rows = [Row(f"tie{n}", at(7), at(-n)) for n in range(count)] + rows_at(1, 20, 30)
    reading = Reading(Index(rows))

    assert len(reading.ids) == count + 3
    assert reading.client.ranges[-1][0] == at(7.001)
    reading.assert_joined(count + 3)


def test_ties_at_the_end_of_a_range_end_it() -> None:
    """There is nothing behind them to be asked for."""
    rows = [Row(f"tie{n}", at(END), at(-n)) for n in range(12)]
    reading = Reading(Index(rows))

    assert len(reading.ids) == 12
    assert all(low <= (high or "") for low, high in reading.client.ranges)
    reading.assert_joined(12)
    assert reading.settled[-1] == at(END)


@pytest.mark.parametrize("count", [5, 12])
def test_ties_that_fill_the_first_answer_are_read_at_once(count: int) -> None:
    """Their moment alone is asked for next."""
    reading = Reading(Index([Row(f"tie{n}", at(7), at(-n)) for n in range(count)]))

    assert reading.client.ranges[:2] == [(at(0), at(END)), (at(7), at(7))]
    reading.assert_joined(count)


# ---------------------------------------------------------------- rows newer than their place


@pytest.mark.parametrize("count", [1, 2])
def test_rows_at_the_position_alone_show_no_way_on(count: int) -> None:
    """All others of the answer are newer than their place."""
    first = [Row(f"f{n}", at(0)) for n in range(count)]
    rows = [*first, *(Row(f"n{n}", at(500 + n), place=at(1 + n)) for n in range(12))]
    reading = Reading(Index(rows), watermark=100)

    assert len(reading.ids) == count + 12
    reading.assert_joined(count + 12)
    assert (at(0), at(0)) not in reading.client.ranges  # nothing says that it is a moment of many


def test_a_row_on_the_watermark_is_in_its_place() -> None:
    """So it shows that all before it was read."""
    reading = Reading(Index(rows_at(1, 2, 3, 50)), Until(at(10)), first=Bounds(at(0)), watermark=50)

    assert reading.client.ranges == []
    reading.assert_joined(3, 10)


def newer(count: int) -> list[Row]:
    """Return rows that show an update behind the watermark."""
    return [Row(f"n{n}", at(500 + n), place=at(n)) for n in range(count)]


def test_where_no_row_is_in_its_place_windows_are_read() -> None:
    """Half of the range at most, and then on from its end."""
    reading = Reading(Index([*newer(12), *rows_at(70, 80)]), watermark=100)

    assert len(reading.ids) == 14
    reading.assert_joined(14)
    assert reading.client.ranges[1] == (at(0), at(50))


def test_a_row_that_is_newer_than_its_place_does_not_move_the_position() -> None:
    """The last one in its place does."""
    rows = [*rows_at(1, 2, 3), Row("n", at(500), place=at(4)), *rows_at(5, 6, 7, 8, prefix="b")]
    reading = Reading(Index(rows), watermark=100)

    assert [low for low, _ in reading.client.ranges] == [at(0), at(5)]
    reading.assert_joined(8)


# ---------------------------------------------------------------- answers that do not agree


def in_part(index: Index, *numbers: int, share: int = 2) -> Callable[[Any], Any]:
    """Return a search whose answers of these numbers lack rows, and their total, too."""
    answers = 0

    def answer(request: Any) -> Any:
        nonlocal answers
        answers += 1
        if answers in numbers:
            return Index(row for n, row in enumerate(index.rows) if n % share)(request)
        return index(request)

    return answer


@pytest.mark.parametrize("bad", [(1,), (2,), (3,), (4,), (5,), (6,), (7,), (2, 5), (3, 6)])
@pytest.mark.parametrize("count", [12, 23])
def test_an_answer_of_a_part_of_the_index_loses_nothing(bad: tuple[int, ...], count: int) -> None:
    """The next one has more rows than it left, or the next to the last does."""
    reading = Reading(in_part(Index(rows_at(*range(1, count + 1))), *bad))

    assert reading.ids == {str(n) for n in range(count)}
    reading.assert_joined(count)
    assert len(reading.client.sent) <= (count + 3) // 4 + 2 * len(bad) + 1


def test_a_first_answer_without_an_end_of_a_part_of_the_index_loses_nothing() -> None:
    """It is asked for again as it was."""
    reading = Reading(in_part(Index(rows_at(*range(1, 24))), 1), first=Bounds(at(0)))

    assert (at(0), None) in reading.client.ranges
    assert reading.ids == {str(n) for n in range(23)}
    reading.assert_joined(23)


def test_an_answer_that_was_whole_is_asked_for_once_more_and_believed() -> None:
    """The next one counts more than it left, though it does not: rows came where none can."""
    index = Index(rows_at(*range(1, 13)))
    answers = 0

    def growing(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        if answers == 2:
            index.rows += rows_at(50, prefix="late")
        if answers == 3:
            index.rows.pop()
        return index(request)

    reading = Reading(growing)

    assert [low for low, _ in reading.client.ranges] == [at(n) for n in (0, 5, 0, 9, 9)]
    assert reading.ids >= {str(n) for n in range(12)}


def test_answers_that_never_agree_fail_the_stream() -> None:
    """An index that gains rows below the watermark all the time cannot be proven."""
    index = Index(rows_at(*range(1, 40)))
    answers = 0

    def growing(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        index.rows += rows_at(90, prefix=f"{answers}-")
        index.rows += rows_at(91, prefix=f"{answers}-b")
        return index(request)

    with pytest.raises(StreamError, match="do not agree"):
        Reading(growing)

    # Twelve repeats are forgiven: each costs the answer before once more.
    assert answers == 26


def test_without_totals_nothing_is_expected_of_the_next_answer() -> None:
    """Then only the row behind the last proves the end."""
    index = Index(rows_at(*range(1, 13)))
    reading = Reading(lambda request: {**index(request), "meta": {}})

    assert reading.ids == {str(n) for n in range(12)}
    reading.assert_joined(12)


def test_a_total_that_comes_and_goes_is_no_disagreement() -> None:
    """An answer without one is followed by one with it."""
    index = Index(rows_at(*range(1, 13)))
    answers = 0

    def now_and_then(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        found = index(request)
        return {**found, "meta": {}} if answers == 1 else found

    reading = Reading(now_and_then)

    assert reading.ids == {str(n) for n in range(12)}
    assert len(reading.client.sent) == 3
    reading.assert_joined(12)


def test_a_range_that_grew_may_have_more_rows_than_the_answer_before_left() -> None:
    """Its end is another one."""
    reading = Reading(Index(rows_at(*range(1, 30))), Moving(6, 20))

    assert reading.ids >= {str(n) for n in range(20)}
    assert len(reading.client.ranges) == len(set(reading.client.ranges))
    reading.assert_joined(20, 20)


def test_rows_that_leave_the_range_meanwhile_are_confirmed_once() -> None:
    """The last answer has fewer than were left: it is asked for again, and no more than that."""
    index = Index(rows_at(*range(1, 8)))
    answers = 0

    def fleeing(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        if answers == 2:
            index.rows = [row for row in index.rows if row.id != "6"]
        return index(request)

    reading = Reading(fleeing)

    assert reading.client.ranges == [(at(0), at(END)), (at(5), at(END)), (at(5), at(END))]
    reading.assert_joined(6)


def test_the_client_is_asked_for_no_page_twice_where_nothing_moves() -> None:
    """A search for each page and no more."""
    for count in (0, 1, 4, 5, 6, 9, 10, 40):
        reading = Reading(Index(rows_at(*range(1, count + 1))))

        assert len(set(reading.client.ranges)) == len(reading.client.ranges)
        assert len(reading.ids) == count
        assert len(reading.client.ranges) <= max(count + 2, 4) // 4 + 1
