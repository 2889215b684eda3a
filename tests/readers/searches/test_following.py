"""The tail, which grows while it is read: every row that was there is read, and it ends."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tap_kustomer import timestamps
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.readers.search.tail import TailReader
from tests.readers.searches.in_memory import Client, Index, Row, at, rows_at, search_of

PAGE = 10
NOW = 3_600  # when the reading begins, in seconds after the beginning


class Growing(Index):
    """Rows come while it is searched: each search takes a second."""

    def __init__(self, rows: list[Row], rate: float, until: float = float("inf")) -> None:
        """Add ``rate`` rows with each search, until so many are there."""
        super().__init__(rows)
        self.client: Client | None = None
        self.new: list[Row] = []
        self._rate = rate
        self._due = 0.0
        self._until = until

    def __call__(self, request: Any) -> dict[str, Any]:
        """Return one page."""
        assert self.client is not None
        self.client.clock.time += 1
        self._due += self._rate if len(self.new) < self._until else 0
        while self._due >= 1:
            self._due -= 1
            moment = timestamps.from_epoch(self.client.clock.time - self._due / 10)
            row = Row(f"new-{len(self.new)}", moment, moment)
            self.new.append(row)
            self.rows.append(row)
        return super().__call__(request)


def read(
    index: Index, low: float = 0, high: float | None = None, *, shown: bool = False
) -> tuple[set[str], Client]:
    """Read the tail; return the ids of the rows, and the client."""
    search, client = search_of(index, page_size=PAGE, watermark=at(low))
    if isinstance(index, Growing):
        index.client = client
    end = None if high is None else at(high)
    first = search.ask(Bounds(at(low), end)) if shown else None
    pages = TailReader(search).read(at(low), end, first)
    ids = {str(id_) for one in pages if one.page is not None for id_ in one.page.ids}
    return ids, client


@pytest.mark.parametrize("count", [0, 9])
def test_what_one_answer_holds_takes_one_search(count: int) -> None:
    """A quiet minute costs nothing more."""
    ids, client = read(Index(rows_at(*range(count))))

    assert len(ids) == count
    assert client.ranges == [(at(0), None)]


def test_an_answer_that_is_known_is_not_asked_for_again() -> None:
    """The first pass may have it."""
    ids, client = read(Index(rows_at(*range(9))), shown=True)

    assert len(ids) == 9
    assert len(client.sent) == 1


@pytest.mark.parametrize("count", [10, 11, 20, 95, 400])
def test_a_tail_of_many_rows_takes_few_more_searches_than_windows(count: int) -> None:
    """Each holds about eight of ten rows."""
    ids, client = read(Index(rows_at(*[n * 3 for n in range(count)])))

    assert len(ids) == count
    assert len(client.sent) <= count / (0.8 * PAGE) + 4


@pytest.mark.parametrize("count", [9, 10, 95])
def test_an_end_that_the_user_set_is_read_up_to_and_no_further(count: int) -> None:
    """The row at the end is still his."""
    rows = rows_at(*range(count + 50))
    ids, client = read(Index(rows), high=count)

    assert {str(n) for n in range(count + 1)} <= ids
    assert all(high is not None and high <= at(count) for _, high in client.ranges)


def test_nothing_is_asked_for_behind_the_end() -> None:
    """Where a window ended right there."""
    rows = [Row(str(n), at(0), at(-n)) for n in range(25)]
    ids, client = read(Index(rows), high=0)

    assert len(ids) == 25
    assert {high for _, high in client.ranges} == {at(0)}


@pytest.mark.parametrize("rate", [0.2, 1, 2.5])
def test_rows_that_come_meanwhile_are_followed_to_their_end(
    rate: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Fewer than are read: the end is reached, and no warning is due."""
    index = Growing(rows_at(*[n * 30 for n in range(100)]), rate)

    ids, client = read(index)

    assert {row.id for row in index.rows} - ids <= {row.id for row in index.new[-int(rate + 1) :]}
    assert not caplog.records
    assert len(client.sent) < 300


def test_rows_that_come_faster_than_they_are_read_are_left_to_the_next_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All that were there at the beginning are read, and the log says why it ended."""
    index = Growing(rows_at(*[n * 60 for n in range(50)]), rate=12)

    with caplog.at_level(logging.WARNING):
        ids, client = read(index)

    assert {str(n) for n in range(50)} <= ids
    assert "rows change faster than they can be read" in caplog.text
    # Four rounds that left no fewer rows; each is looked behind when its rows should be read.
    assert len([one for one in client.ranges if one[1] is None]) == 9


def test_a_burst_is_not_taken_for_an_end_out_of_reach(caplog: pytest.LogCaptureFixture) -> None:
    """For some rounds more rows come than are read; then they are followed to their end."""
    index = Growing(rows_at(*[n * 90 for n in range(40)]), rate=12, until=220)

    ids, _ = read(index)

    assert {row.id for row in index.rows} <= ids
    assert not caplog.records


@pytest.mark.parametrize(("changed", "searches"), [(12, 31), (7, 33)])
def test_rows_that_change_again_and_again_do_not_hold_the_run_for_ever(
    caplog: pytest.LogCaptureFixture, changed: int, searches: int
) -> None:
    """Twenty rows, each updated every two or three searches: there are always as many left."""
    search, client = search_of(Index(), page_size=PAGE, watermark=at(0))
    index = Index(rows_at(*range(20)))

    def updated(request: Any) -> dict[str, Any]:
        client.clock.time += 1
        now = timestamps.from_epoch(client.clock.time)
        for _ in range(changed):
            oldest = min(index.rows, key=lambda row: str(row.updated))
            index.rows.remove(oldest)
            index.rows.append(Row(oldest.id, now, oldest.created))
        return index(request)

    client.answer = updated
    with caplog.at_level(logging.WARNING):
        pages = list(TailReader(search).read(at(0), None))

    assert {id_ for one in pages if one.page for id_ in one.page.ids} == {str(n) for n in range(20)}
    assert "rows change faster" in caplog.text
    assert len(client.sent) == searches  # thirty without progress, and to the end of a round


def test_rows_stamped_behind_now_are_part_of_the_round() -> None:
    """Kustomer's clock is told in whole seconds, cut: rows of this second lie behind it."""
    rows = rows_at(*[NOW + n / 100 for n in range(30)])

    ids, client = read(Index(rows), low=NOW - 1)

    assert len(ids) == 30
    assert len(client.sent) <= 9


@pytest.mark.parametrize("high", [None, 3_000])
@pytest.mark.parametrize("lost", [1, 30])
def test_rows_that_an_answer_lacked_are_read_once_it_shows_them(
    high: float | None, lost: int
) -> None:
    """While the windows were read a part of the index was away."""
    index = Index(rows_at(*[n * 30 for n in range(60)]))
    part = Index(row for n, row in enumerate(index.rows) if n % 2 == 0 or n // 2 >= lost)
    answers = 0

    def in_part(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        return part(request) if 2 <= answers <= 5 else index(request)

    ids, client = asked(in_part, high)

    assert ids == {str(n) for n in range(60)}
    assert len(client.sent) < 60


def test_one_row_that_the_last_window_lacked_is_read_too() -> None:
    """All others were read, and nothing is left to be asked for behind the end."""
    index = Index([Row(str(n), at(50), at(n)) for n in range(10)])
    answers = 0

    def in_part(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        return (Index(index.rows[1:]) if answers == 2 else index)(request)

    ids, _ = asked(in_part, high=50)

    assert len(ids) == 10


@pytest.mark.parametrize("row", [11, 15, 23, 30, 38, 44])
@pytest.mark.parametrize("high", [None, 45 * 30])
def test_a_row_that_a_window_lacked_is_read_too(high: float | None, row: int) -> None:
    """The first answer counted it, and did not show it yet."""
    index = Index(rows_at(*[n * 30 for n in range(46)]))
    part = Index(one for n, one in enumerate(index.rows) if n != row)
    answers = 0

    def in_part(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        return (part if 2 <= answers <= 6 else index)(request)

    ids, client = asked(in_part, high)

    assert ids == {str(n) for n in range(46)}
    assert len(client.sent) < 40


def test_a_row_that_the_last_window_lacked_is_missed_at_the_end() -> None:
    """The window ended there with more than an answer had room for, so nothing is left to ask."""
    index = Index([*rows_at(*range(8)), *(Row(f"tie{n}", at(900), at(n)) for n in range(9))])
    part = Index(index.rows[:-1])
    wholes = 0

    def in_part(request: Any) -> dict[str, Any]:
        nonlocal wholes
        low, high = request.body["and"]
        is_whole = (low, high) == (_criterion(gte=at(0)), _criterion(lte=at(900)))
        wholes += is_whole
        return (index if is_whole or wholes > 2 else part)(request)

    ids, client = asked(in_part, high=900)

    assert ids == {str(row.id) for row in index.rows}
    assert client.ranges.count((at(0), at(900))) == 5  # two of each reading, one between them


def _criterion(**rule: str) -> dict[str, Any]:
    return {"customer_updated_at": rule}


def test_what_fits_an_answer_with_room_left_is_asked_for_with_all_that_came() -> None:
    """Eight of ten rows."""
    ids, client = read(Index(rows_at(*[n * 3 for n in range(16)])))

    assert len(ids) == 16
    assert [high is None for _, high in client.ranges] == [True, False, True]


def asked(answer: Any, high: float | None = None) -> tuple[set[str], Client]:
    """Return the ids of the rows that are read, and the client."""
    search, client = search_of(answer, page_size=PAGE, watermark=at(0))
    pages = TailReader(search).read(at(0), None if high is None else at(high))
    return {str(id_) for one in pages if one.page is not None for id_ in one.page.ids}, client


@pytest.mark.parametrize("new", [0, 5])
@pytest.mark.parametrize("deleted", [25, 60])
def test_rows_that_were_deleted_meanwhile_are_not_waited_for(deleted: int, new: int) -> None:
    """A second answer about the same range counts no more of them: nothing is read twice."""
    index = Index(rows_at(*[n * 30 for n in range(60)]))
    answers = 0

    def shrinking(request: Any) -> dict[str, Any]:
        nonlocal answers
        answers += 1
        if answers == 2:
            del index.rows[-deleted:]
            index.rows += rows_at(*[NOW + 10 + n for n in range(new)], prefix="new")
        return index(request)

    ids, client = asked(shrinking)

    assert {row.id for row in index.rows} <= ids
    assert client.ranges.count((at(0), None)) == 2
    assert len(client.sent) < 12


def test_without_totals_the_tail_is_read_to_its_end() -> None:
    """Nothing is announced, so nothing can be lacking, and no end be expected before it comes."""
    index = Index(rows_at(*[n * 30 for n in range(45)]))

    ids, client = asked(lambda request: {**index(request), "meta": {}})

    assert len(ids) == 45
    assert len(client.sent) == 20


def test_a_tail_that_shrinks_slowly_is_read_to_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """Each round leaves a third of the one before: that is progress."""
    index = Growing(rows_at(*[n * 9 for n in range(400)]), rate=2.6)

    ids, _ = read(index)

    assert {row.id for row in index.rows} - ids <= {row.id for row in index.new[-6:]}
    assert not caplog.records


def test_rows_that_are_announced_and_never_come_fail_the_stream() -> None:
    """After some readings from the beginning."""
    index = Index(rows_at(*[n * 30 for n in range(23)]))

    def announcing(request: Any) -> dict[str, Any]:
        found = index(request)
        if request.body["and"] == [{"customer_updated_at": {"gte": at(0)}}]:
            found["meta"]["total"] += 4
        return found

    search, client = search_of(announcing, page_size=PAGE, watermark=at(0))

    with pytest.raises(StreamError, match="do not agree"):
        list(TailReader(search).read(at(0), None))

    # Seven times: its first answer, and the one that still announces what was not read.
    assert client.ranges.count((at(0), None)) == 14
