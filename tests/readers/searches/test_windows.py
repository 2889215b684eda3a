"""Windows of time that one answer holds whole: how their ends are found, in memory."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from tap_kustomer import timestamps
from tap_kustomer.readers.search.page import OrderedPage, SearchPage
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.readers.search.window import Window, read_window
from tests.readers.searches.in_memory import Client, Index, Row, at, rows_at, search_of

PAGE = 10


def read(
    answer: Callable[[Any], Any],
    low: float,
    high: float,
    *,
    shown: Bounds | None = None,
    watermark: float = 0,
) -> tuple[Window, set[str | None], Client]:
    """Return the window that is read, the ids of its rows, and the client.

    ``shown`` is what was asked for before.
    """
    search, client = search_of(answer, page_size=PAGE, watermark=at(watermark))
    page = None if shown is None else search.ask(shown)
    client.sent.clear()
    window, ids = ended(read_window(search, at(low), at(high), page))
    return window, ids, client


def ended(
    pages: Generator[OrderedPage, None, Window],
) -> tuple[Window, set[str | None]]:
    """Return what ``pages`` returns at its end, and the ids of the rows."""
    ids: set[str | None] = set()
    while True:
        try:
            page = next(pages).page
        except StopIteration as end:
            window: Window = end.value
            return window, ids
        assert isinstance(page, SearchPage)
        ids |= page.ids


def ends(client: Client) -> list[str | None]:
    """Return the ends that were asked for."""
    return [high for _, high in client.ranges]


def test_few_rows_take_one_search() -> None:
    """The window is as long as it may be."""
    window, ids, client = read(Index(rows_at(*range(9))), 0, 60)

    assert window == Window(at(0), at(60), 9)
    assert len(ids) == 9
    assert client.ranges == [(at(0), at(60))]


def test_the_answer_shows_where_a_window_ends_that_it_can_hold() -> None:
    """Eight of ten rows: a full page never counts as whole."""
    window, ids, client = read(Index(rows_at(*range(1, 31))), 0, 60)

    assert window == Window(at(0), at(8), 8)
    assert ends(client) == [at(60), at(8)]
    assert len(ids) >= 8


def test_an_answer_that_is_known_saves_a_search() -> None:
    """Its rows tell the end before anything is asked for."""
    index = Index(rows_at(*range(1, 31)))

    window, _, client = read(index, 0, 60, shown=Bounds(at(0)))

    assert window == Window(at(0), at(8), 8)
    assert ends(client) == [at(8)]


def test_stamps_outside_the_window_tell_nothing_of_its_end() -> None:
    """Rows behind it, or at its end, which would make it no shorter, or before it."""
    index = Index(rows_at(1, 2, 3, *[40] * 6, *range(50, 90)))

    window, _, client = read(index, 0, 40, shown=Bounds(at(0)))

    assert window == Window(at(0), at(40), 9)
    assert ends(client) == [at(40)]


@pytest.mark.parametrize("before", [1, 3])
def test_a_window_ends_before_ties_that_it_cannot_hold_too(before: int) -> None:
    """The moment itself begins the next one."""
    index = Index(rows_at(*range(1, before + 1), *[5] * 20))

    window, _, client = read(index, 0, 60)

    assert window == Window(at(0), at(before), before)
    assert ends(client) == [at(60), at(before)]


def test_where_an_answer_shows_only_ties_what_is_before_them_is_read_first() -> None:
    """It may have rows that are newer than their place."""
    index = Index(rows_at(*[5] * 20))

    window, ids, client = read(index, 0, 60)

    assert window == Window(at(0), at(4.999), 0)
    assert ends(client) == [at(60), at(4.999)]
    assert len(ids) == 10


def test_ties_that_an_answer_may_hold_are_read_alone() -> None:
    """Nine rows of one moment, and others behind them."""
    index = Index(rows_at(*[5] * 9, *range(6, 40)))

    window, _, client = read(index, 0, 60)

    assert window == Window(at(0), at(5), 9)
    assert ends(client) == [at(60), at(5)]


@pytest.mark.parametrize("count", [10, 25, 60])
def test_ties_at_the_beginning_are_told_apart_by_their_creation(count: int) -> None:
    """Nothing shorter than their moment is left."""
    rows = [Row(str(n), at(5), at(-n)) for n in range(count)]

    window, ids, client = read(Index(rows), 5, 60)

    assert window.rows == count
    assert window.low == at(5)
    assert count == PAGE or ends(client)[1] == window.high == at(5)
    assert len(ids) == count


def newer_than_their_place(count: int, spread: float) -> list[Row]:
    """Return rows that all show an update a second ago."""
    return [Row(str(n), at(1_000 + n), place=at(n * spread)) for n in range(count)]


def test_where_stamps_tell_nothing_a_share_of_the_time_is_tried() -> None:
    """As much of it as a page holds of the rows, a third less."""
    window, ids, client = read(Index(newer_than_their_place(100, 1)), 0, 100)

    assert ends(client) == [at(100), at(7)]
    assert window == Window(at(0), at(7), 8)
    assert len(ids) >= 8


def test_a_share_is_half_of_the_time_at_most() -> None:
    """One that is hardly shorter would cost a search for a row less."""
    _, _, client = read(Index(newer_than_their_place(11, 1)), 0, 10)

    assert ends(client) == [at(10), at(5)]


def test_without_a_total_half_of_the_time_is_tried() -> None:
    """How many rows there are is not known."""
    index = Index(newer_than_their_place(30, 1))
    window, ids, client = read(lambda one: {**index(one), "meta": {}}, 0, 32)

    assert list(dict.fromkeys(ends(client))) == [at(32), at(16), at(8)]
    assert window == Window(at(0), at(8), 9)
    assert len(ids) >= 9


def test_a_guess_that_failed_is_not_made_twice() -> None:
    """The stamps that it came from are newer than the places: time is divided instead."""
    rows = [Row(str(n), at(10 + n), place=at(n / 100)) for n in range(40)]

    window, ids, client = read(Index(rows), 0, 60)

    assert ends(client)[1] == at(17)  # by the stamps
    assert ends(client)[2] == at(17 * 0.7 * PAGE / 40)  # by the share
    assert window.rows == len([one for one in rows if str(one.place) <= window.high])
    assert len(client.sent) <= 10
    assert len(ids) >= window.rows


@pytest.mark.parametrize(("size", "most"), [(1, 3_000), (2, 700), (3, 400), (10, 70)])
def test_windows_one_after_the_other_leave_no_row_unread(size: int, most: int) -> None:
    """Whatever stamps the rows show, and however densely they lie."""
    rows = rows_at(*[n / 7 for n in range(100)], *[20] * 30, *range(21, 60))
    search, client = search_of(Index(rows), page_size=size, watermark=at(0))
    position, seen, read_rows = at(0), set(), 0
    stop = at(100)
    while position <= at(100):
        window, ids = ended(read_window(search, position, stop))
        seen |= ids
        read_rows += window.rows
        position = timestamps.behind(window.high)
        stop = window.next_end(size, at(100))

    assert len(seen) == read_rows == len(rows)
    assert len(client.sent) < most


# ---------------------------------------------------------------- the next one


@pytest.mark.parametrize(("rows", "seconds"), [(17, 5), (85, 1), (10, 8.5), (5, 8.5), (0, 8.5)])
def test_the_next_window_is_as_long_as_rows_fill_a_page_if_they_go_on_like_that(
    rows: int, seconds: float
) -> None:
    """85 of 100 rows, and not over ten times the length where there were few."""
    assert Window(at(0), at(1), rows).next_end(100, at(1_000)) == at(1.001 + seconds)


def test_the_next_window_ends_where_all_ends() -> None:
    """However few rows there were."""
    assert Window(at(0), at(100), 1).next_end(100, at(150)) == at(150)


def test_behind_a_window_of_one_moment_one_of_the_shortest_time_follows() -> None:
    """Not one of no time at all."""
    assert Window(at(1), at(1), 5).next_end(10, at(60)) == at(1.002)
