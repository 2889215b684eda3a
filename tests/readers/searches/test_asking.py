"""One page of a search, asked for until it is whole: each rule alone, against answers in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.errors import EmptiedRowsError, StreamError, UntrustedAnswerError
from tap_kustomer.readers.search.query import Bounds
from tests.readers.searches.in_memory import Row, answer_of, at, rows_at, scripted, search_of

AS_ASSUMED, HANDLED = "as assumed", "different, handled"
BOUNDS = Bounds(at(0), at(100))
CREATED = Bounds(at(0), at(100), created_low=at(0), created_high=at(100))


def whole(count: int = 3) -> dict[str, Any]:
    """Return an answer with all its rows."""
    return answer_of(rows_at(*range(count)), total=count)


def part(count: int = 2, total: int = 4) -> dict[str, Any]:
    """Return an answer that lacks rows."""
    return answer_of(rows_at(*range(count)), total=total)


# ---------------------------------------------------------------- whole pages


def test_what_is_asked_for_stands_in_the_request() -> None:
    """The number and size of the page, the query and the exact total; paid by the search budget."""
    search, client = search_of(scripted(whole()))

    search.ask(BOUNDS)

    (request,) = client.sent
    assert request.path == "/v1/customers/search"
    assert request.params == {"page": 1, "pageSize": 5, "trackTotalHits": "true"}
    assert request.body == {
        "queryContext": "customer",
        "and": [
            {"customer_updated_at": {"gte": at(0)}},
            {"customer_updated_at": {"lte": at(100)}},
        ],
        "sort": [{"customer_updated_at": "asc"}],
        "timeZone": "GMT",
        "includeDeleted": True,
    }
    assert request.budget is Budget.SEARCH
    assert search.requests == 1


@pytest.mark.parametrize(
    ("context", "kind", "is_taken"),
    [
        ("customer", "customer", True),
        ("customer", "profile", True),
        ("customer", "company", False),
        ("customer", "kobject.order", False),
        ("kobject_order", "kobject.order", True),
        ("kobject_order", "order", True),
        ("kobject_order", "customer", False),
    ],
)
def test_rows_that_are_surely_of_another_search_are_refused(
    context: str,
    kind: str,
    is_taken: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Such as one out of a cache. A name that is not known may be right."""
    found = whole()
    found["data"][1]["type"] = kind
    search, _ = search_of(scripted(found), context=context)

    if is_taken:
        assert len(search.ask(BOUNDS)) == 3
    else:
        with pytest.raises(UntrustedAnswerError, match="the kind of rows"):
            search.ask(BOUNDS)


def test_the_archive_has_a_path_of_its_own_and_no_exact_totals() -> None:
    """`trackTotalHits` is a parameter of the live search only."""
    search, client = search_of(scripted(whole()), archive=True)

    search.ask(BOUNDS)

    assert client.sent[0].path == "/v1/customers/archive/search"
    assert client.sent[0].params == {"page": 1, "pageSize": 5}


def test_a_partial_page_is_asked_for_again_after_a_pause_that_doubles() -> None:
    """A node of the index that was away for seconds costs no stream."""
    search, client = search_of(scripted(part(), part(), part(), part(), part(), whole()))

    page = search.ask(BOUNDS)

    assert len(page) == 3
    assert client.clock.sleeps == [1, 2, 4, 8, 16]
    assert client.seen("whole-pages") == (HANDLED, ["rows are missing"])


def test_a_page_that_stays_partial_fails_the_stream_after_six_answers() -> None:
    """No part is taken for the whole, and nothing is asked for for ever."""
    search, client = search_of(scripted(part()))

    with pytest.raises(StreamError, match="6 times in a row"):
        search.ask(BOUNDS)

    assert len(client.sent) == 6
    assert sum(client.clock.sleeps) == 31


@pytest.mark.parametrize(
    ("number", "size", "sizes"),
    [
        (1, 500, [500, 500, 500, 100, 100, 100]),
        (1, 50, [50] * 6),
        (2, 500, [500] * 6),  # pages by number keep their size, or rows would be skipped
    ],
)
def test_a_first_page_that_stays_partial_is_asked_for_smaller(
    number: int, size: int, sizes: list[int]
) -> None:
    """After three answers: large rows may be what the server cannot send in time."""
    search, client = search_of(scripted(part(2, total=1_000)), page_size=size)

    with pytest.raises(StreamError):
        search.ask(BOUNDS, number)

    assert client.sizes == sizes
    assert search.page_size == sizes[-1]


@pytest.mark.parametrize(
    ("rows", "meta"),
    [
        (rows_at(1, 2, 3), {"total": 3, "timed_out": True}),
        (rows_at(1, 2, 3), {"total": 4}),
        (rows_at(1, 2, 3), {"total": 2}),
        (rows_at(1), {"total": 0}),
        (rows_at(1, 2, 3, 4), {"total": 10}),
        (rows_at(1, 2, 3, 4), {"total": {"value": 10, "relation": "gte"}}),
        (rows_at(1, 2, 3), {"total": {"value": 4, "relation": "gte"}}),
        ([Row(None, at(1))], {"total": 1}),
    ],
)
def test_what_lacks_rows_is_partial(rows: list[Row], meta: dict[str, Any]) -> None:
    """Fewer than are announced, more than are announced, none with an id, or cut by time."""
    search, client = search_of(scripted(answer_of(rows, **meta), whole()))

    assert search.ask(BOUNDS).total == 3
    assert len(client.sent) == 2


@pytest.mark.parametrize(
    ("number", "rows", "total"),
    [
        (1, 0, 0), (1, 3, 3), (1, 5, 5), (1, 5, 6), (2, 1, 6), (2, 5, 10), (2, 5, 11), (2, 0, 5),
        (2, 0, 3), (3, 0, 3), (3, 2, 12),
    ],
)  # fmt: skip
def test_what_has_its_rows_is_whole(number: int, rows: int, total: int) -> None:
    """A page behind the last row has none, whatever the total."""
    search, client = search_of(scripted(answer_of(rows_at(*range(rows)), total=total)))

    assert len(search.ask(BOUNDS, number)) == rows
    assert len(client.sent) == 1


@pytest.mark.parametrize(("number", "rows", "total"), [(2, 1, 5), (2, 2, 6), (2, 0, 6), (3, 1, 12)])
def test_a_later_page_is_whole_by_what_is_left_for_it(number: int, rows: int, total: int) -> None:
    """The rows of the pages before it are none of its own."""
    search, _ = search_of(scripted(answer_of(rows_at(*range(rows)), total=total)))

    with pytest.raises(StreamError):
        search.ask(BOUNDS, number)


def test_a_page_with_at_least_so_many_rows_in_all_has_its_share() -> None:
    """Totals that stop at a cap tell of a later page, too, how many rows it has at least."""
    capped = {"value": 7, "relation": "gte"}
    rows = rows_at(1, 2)
    search, client = search_of(scripted(answer_of(rows, total=capped)))

    assert len(search.ask(BOUNDS, 2)) == 2
    assert len(client.sent) == 1
    search, client = search_of(scripted(answer_of(rows[:1], total=capped)))
    with pytest.raises(StreamError):
        search.ask(BOUNDS, 2)


def test_a_row_that_never_shows_its_id_is_left_to_the_row_maker() -> None:
    """Two answers may have lost it, the third is believed: the stream then says which row it is."""
    search, client = search_of(scripted(answer_of([Row(None, at(1))], total=1)))

    assert search.ask(BOUNDS).ids == {None}
    assert len(client.sent) == 3


# ---------------------------------------------------------------- trust


ODD: tuple[tuple[str, Bounds, Sequence[Row], dict[str, Any], str], ...] = (
    ("the page size", BOUNDS, rows_at(1, 2, 3, 4, 5, 6), {"total": 6}, "search-page-size"),
    ("the page size", BOUNDS, rows_at(1), {"total": 1, "pageSize": 6}, "search-page-size"),
    ("the sort", BOUNDS, rows_at(2, 1), {"total": 2}, "search-sort"),
    ("customer_updated_at", replace(BOUNDS, low=at(2)), rows_at(1), {"total": 1}, "search-filter"),
    ("customer_updated_at", BOUNDS, rows_at(101), {"total": 1}, "search-filter"),
    (
        "the sort", CREATED, [Row("1", at(1), at(2)), Row("2", at(2), at(1))], {"total": 2},
        "search-sort",
    ),
    (
        "the sort", CREATED,
        [Row("1", at(1), at(2)), Row("2", at(1)), Row("3", at(2), at(1))], {"total": 3},
        "search-sort",
    ),
    (
        "customer_created_at", replace(CREATED, created_low=at(2)), rows_at(5, created=1),
        {"total": 1}, "search-filter",
    ),
    ("customer_created_at", CREATED, rows_at(5, created=101), {"total": 1}, "search-filter"),
    (
        "customer_created_at", Bounds(at(0), at(100), without_creation=True), rows_at(5),
        {"total": 1}, "search-filter",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("part", "bounds", "rows", "meta", "assumption"), ODD)
def test_an_answer_to_another_question_is_believed_when_it_comes_twice(
    part: str, bounds: Bounds, rows: Sequence[Row], meta: dict[str, Any], assumption: str
) -> None:
    """Once decides nothing; twice, and the search is not what it seemed."""
    odd = answer_of(rows, **meta)
    search, client = search_of(scripted(odd))

    with pytest.raises(UntrustedAnswerError, match=part) as raised:
        search.ask(bounds)

    assert raised.value.assumption == assumption
    assert len(client.sent) == 2
    assert client.clock.sleeps == [1]
    assert client.seen(assumption)[1] == ["the answer ignores it"]
    good = answer_of([], total=0)
    search, client = search_of(scripted(odd, good))
    assert not len(search.ask(bounds))
    assert client.seen(assumption)[1] == []


FITTING: tuple[tuple[Bounds, Sequence[Row]], ...] = (
    (BOUNDS, rows_at(0, 0, 100, 100)),  # both ends are included
    (Bounds(at(0)), rows_at(5, 10**7)),
    (CREATED, [Row("1", at(2), at(0)), Row("2", at(1), at(100))]),  # in order of their creation
    (CREATED, [Row("1", at(2), at(3)), Row("2", at(1)), Row("3", at(1), at(3))]),
    (replace(CREATED, created_high=None), rows_at(5, created=1_000)),
    (Bounds(at(0), at(100), without_creation=True), [Row("1", at(5))]),
    (BOUNDS, [Row("1", at(3)), Row("2", None), Row("3", at(3))]),
)


@pytest.mark.parametrize(("bounds", "rows"), FITTING)
def test_an_answer_to_the_question_is_taken_at_once(bounds: Bounds, rows: Sequence[Row]) -> None:
    """What lies on a bound is within it."""
    search, client = search_of(scripted(answer_of(rows, total=len(rows), pageSize=5)))

    assert len(search.ask(bounds)) == len(rows)
    assert len(client.sent) == 1
    assert client.seen("search-filter") == (AS_ASSUMED, [])
    assert client.seen("search-sort") == (AS_ASSUMED, [])
    assert client.seen("whole-pages") == (AS_ASSUMED, [])


def test_a_row_that_is_fresher_than_its_place_proves_nothing() -> None:
    """Behind the watermark a row may show a later update than the one that it was found by."""
    bounds = Bounds(at(0), at(40))
    rows = [Row("1", at(1)), Row("2", at(70)), Row("3", at(2)), Row("4", at(50))]
    search, client = search_of(scripted(answer_of(rows, total=4)), watermark=at(45))

    assert len(search.ask(bounds)) == 4
    assert client.seen("index-in-place") == (HANDLED, ["rows are fresher than their place"])


@pytest.mark.parametrize("rows", [[Row("1", at(40))], [Row("1", None)], [Row("1", at(44))]])
def test_a_row_in_its_place_or_without_a_stamp_says_nothing_of_the_index(rows: list[Row]) -> None:
    """Only what lies behind the end that was asked for is fresher than its place."""
    search, client = search_of(scripted(answer_of(rows, total=1)), watermark=at(30))

    search.ask(Bounds(at(0), at(44)))

    assert client.seen("index-in-place")[1] == []


def test_a_row_at_the_watermark_is_trusted() -> None:
    """The index is complete up to it, so a row there that breaks the bounds counts."""
    search, _ = search_of(scripted(answer_of(rows_at(50), total=1)), watermark=at(50))

    with pytest.raises(UntrustedAnswerError):
        search.ask(Bounds(at(0), at(40)))


def test_rows_in_their_place_are_checked_behind_one_that_is_not() -> None:
    """One fresh row must not hide that the filter is ignored."""
    search, _ = search_of(scripted(answer_of(rows_at(70, 41), total=2)), watermark=at(45))

    with pytest.raises(UntrustedAnswerError):
        search.ask(Bounds(at(0), at(40)))


def test_a_row_whose_id_is_blank_once_is_asked_for_again() -> None:
    """Nothing could be made of it, and the next answer has it whole."""
    blank = answer_of([Row("", at(1)), Row("b", at(2))], total=2)
    search, client = search_of(scripted(blank, answer_of(rows_at(1, 2), total=2)))

    assert all(key.id for key in search.ask(BOUNDS).keys)
    assert len(client.sent) == 2


def test_rows_that_lost_their_attributes_are_taken_only_if_the_run_before_saw_them() -> None:
    """They would empty what the warehouse has; after three answers the stream fails."""
    emptied = {"data": [{"type": "customer", "id": "a"}], "meta": {"total": 1}}
    search, client = search_of(scripted(emptied))

    with pytest.raises(EmptiedRowsError):
        search.ask(BOUNDS)

    assert len(client.sent) == 3
    search.takes_emptied = True
    assert len(search.ask(BOUNDS)) == 1
