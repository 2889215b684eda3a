"""What a total proves, and what is done where none is told: rules of one search, in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tap_kustomer.errors import StreamError, UntrustedAnswerError
from tap_kustomer.readers.search.page import SearchPage, peek
from tap_kustomer.readers.search.query import Bounds
from tests.readers.searches.in_memory import Index, Row, answer_of, at, rows_at, scripted, search_of

AS_ASSUMED, HANDLED, NOT_SEEN = "as assumed", "different, handled", "not seen"
BOUNDS = Bounds(at(0), at(100))


def without_total(answer: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Return the same search, that tells no total."""

    def told(request: Any) -> dict[str, Any]:
        found = answer(request)
        return {**found, "meta": {}}

    return told


def page_of(rows: Sequence[Row], **meta: Any) -> SearchPage:
    """Return an answer as a search reads it."""
    return peek(json.dumps(answer_of(rows, **meta)).encode())


@pytest.mark.parametrize(
    ("rows", "total", "whole"),
    [(0, 0, True), (4, 4, True), (4, 3, True), (4, 5, False), (5, 5, False), (5, 4, False)],
)
def test_a_page_is_the_whole_answer_when_it_is_short_and_has_all_rows(
    rows: int,
    total: int,
    whole: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A full page never counts as whole: its total may be that of a part of the index."""
    search, _ = search_of(scripted({}))

    assert search.is_whole(page_of(rows_at(*range(rows)), total=total)) is whole


@pytest.mark.parametrize(("rows", "is_end", "whole"), [(4, True, True), (4, False, False)])
def test_without_a_total_a_page_is_whole_once_another_search_showed_the_end(
    rows: int,
    is_end: bool,  # noqa: FBT001 - a column of the table
    whole: bool,  # noqa: FBT001
) -> None:
    """A short page alone proves nothing."""
    search, _ = search_of(scripted({}))
    page = replace(page_of(rows_at(*range(rows))), is_end=is_end)

    assert search.is_whole(page) is whole


# ---------------------------------------------------------------- a total that shrinks


@pytest.mark.parametrize("total", [3, 4, None])
def test_a_total_as_large_as_expected_needs_no_second_answer(total: int | None) -> None:
    """Nor does an answer without one, which proves nothing in any case."""
    search, client = search_of(scripted({}))
    page = page_of(rows_at(1, 2, 3), total=total)

    assert search.confirmed_total(page, BOUNDS, 3) is page
    assert not client.sent


@pytest.mark.parametrize(("total", "again"), [(2, 0), (2, 1), (2, 2), (0, 0)])
def test_a_total_that_shrank_counts_once_the_next_answer_has_no_more_rows(
    total: int, again: int
) -> None:
    """Rows were updated meanwhile, and left the range."""
    search, client = search_of(scripted(answer_of(rows_at(*range(again)), total=again)))
    page = page_of(rows_at(*range(total)), total=total)

    assert search.confirmed_total(page, BOUNDS, 3) is page
    assert len(client.sent) == 1
    assert client.ranges == [(BOUNDS.low, BOUNDS.high)]


def test_the_larger_of_two_answers_is_taken() -> None:
    """The first was of a part of the index."""
    answers = [answer_of(rows_at(*range(count)), total=count) for count in (3, 4, 4)]
    search, client = search_of(scripted(*answers))

    page = search.confirmed_total(page_of([], total=0), BOUNDS, 5)

    assert len(page) == 4
    assert len(client.sent) == 3
    assert client.clock.sleeps == [1, 1]


def test_answers_that_keep_growing_fail_the_stream() -> None:
    """Below the watermark no range gains rows: the index does not agree with itself."""
    answers = [answer_of(rows_at(*range(min(n, 5))), total=n) for n in range(1, 20)]
    search, client = search_of(scripted(*answers))

    with pytest.raises(StreamError, match="do not agree"):
        search.confirmed_total(page_of([], total=0), BOUNDS, 30)

    assert len(client.sent) == 6
    assert len(client.clock.sleeps) == 6


# ---------------------------------------------------------------- counting


def test_a_count_is_a_page_of_one_row() -> None:
    """Its total is all that is wanted."""
    search, client = search_of(Index(rows_at(1, 2, 3, 200)))

    page = search.count(BOUNDS)

    assert page.total == 3
    assert client.sent[0].params == {"page": 1, "pageSize": 1, "trackTotalHits": "true"}
    assert client.ranges == [(BOUNDS.low, BOUNDS.high)]


@pytest.mark.parametrize(
    "doubtful",
    [
        answer_of(rows_at(1), total=3, timed_out=True),
        answer_of([], total=3),
        answer_of(rows_at(1), total=0),
    ],
)
def test_a_count_that_contradicts_itself_is_asked_for_again(doubtful: dict[str, Any]) -> None:
    """Rows that are counted and not shown, or shown and not counted, or cut by time."""
    good = answer_of(rows_at(1), total=3)
    search, client = search_of(scripted(doubtful, doubtful, good))

    assert search.count(BOUNDS).total == 3
    assert client.clock.sleeps == [1, 2]
    search, client = search_of(scripted(doubtful))
    with pytest.raises(StreamError, match="do not agree"):
        search.count(BOUNDS)
    assert client.clock.sleeps == [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_count_of_nothing_and_one_without_a_total_are_answers(rows: int) -> None:
    """An empty range has no rows, and an API without totals is not asked for ever."""
    for meta in ({"total": 0}, {}) if not rows else ({},):
        search, client = search_of(scripted(answer_of(rows_at(*range(rows)), **meta)))

        assert search.count(BOUNDS).total == meta.get("total")
        assert len(client.sent) == 1


def test_a_count_of_another_range_is_not_believed() -> None:
    """A filter that is ignored would count all rows."""
    search, _ = search_of(scripted(answer_of(rows_at(200), total=7)))

    with pytest.raises(UntrustedAnswerError, match="the filter on customer_updated_at"):
        search.count(BOUNDS)


# ---------------------------------------------------------------- no total


def test_a_short_page_without_a_total_is_the_end_once_nothing_follows_it() -> None:
    """What is behind its last row is asked for, from that row on."""
    search, client = search_of(without_total(Index(rows_at(1, 2, 3))))

    page = search.ask(BOUNDS)

    assert search.is_whole(page)
    assert page.total is None
    assert client.ranges == [(at(0), at(100)), (at(3), at(100))]
    assert [one.params["page"] for one in client.sent] == [1, 1]


def test_an_empty_page_without_a_total_is_asked_for_twice() -> None:
    """It may be that of a part of the index."""
    search, client = search_of(without_total(Index()))

    assert search.is_whole(search.ask(BOUNDS))
    assert client.ranges == [(at(0), at(100))] * 2
    assert [one.params["page"] for one in client.sent] == [1, 1]


def test_behind_rows_of_one_moment_is_their_second_page() -> None:
    """From that moment on the same page would come again."""
    search, client = search_of(without_total(Index(rows_at(4, 4, 4))))

    assert search.is_whole(search.ask(BOUNDS))
    assert [one.params["page"] for one in client.sent] == [1, 2]
    assert client.ranges == [(at(0), at(100))] * 2


def test_behind_rows_in_order_of_creation_is_the_last_creation() -> None:
    """Their update is one moment."""
    rows = [Row(str(n), at(5), at(n)) for n in range(3)] + [Row("3", at(5))]
    search, client = search_of(without_total(Index(rows)))
    bounds = Bounds(at(5), at(5), created_low=at(0))

    assert search.is_whole(search.ask(bounds))
    criteria = [one for one in (client.sent[1].body or {})["and"] if "customer_created_at" in one]
    assert criteria == [{"customer_created_at": {"gte": at(2)}}]


def test_behind_rows_created_at_one_moment_is_their_second_page() -> None:
    """As with those updated at one."""
    rows = [Row(str(n), at(5), at(1)) for n in range(3)]
    search, client = search_of(without_total(Index(rows)))

    assert search.is_whole(search.ask(Bounds(at(5), at(5), created_low=at(0))))
    assert [one.params["page"] for one in client.sent] == [1, 2]


@pytest.mark.parametrize("created_low", [None, at(0)])
def test_behind_rows_without_stamps_is_their_second_page(created_low: str | None) -> None:
    """Nothing tells where the last of them stands."""
    rows = [Row(str(n), None) for n in range(3)]
    search, client = search_of(scripted(answer_of(rows), answer_of([])))

    assert search.is_whole(search.ask(Bounds(at(0), at(100), created_low=created_low)))
    assert [one.params["page"] for one in client.sent] == [1, 2]


def test_behind_a_page_is_the_last_row_that_is_in_its_place() -> None:
    """One that shows a stamp behind the watermark may stand before its time; the limit counts."""
    rows = [Row("1", at(1)), Row("2", at(3)), Row("3", at(60), place=at(4))]
    search, client = search_of(without_total(Index(rows)), watermark=at(3))

    assert search.is_whole(search.ask(BOUNDS))
    assert client.ranges[1] == (at(3), at(100))


def test_a_page_that_was_cut_in_silence_shows_how_many_rows_come_at_once() -> None:
    """Rows follow it, so it is a full page of a server that gives no more."""
    index = Index(rows_at(*range(1, 9)))

    def cut(request: Any) -> dict[str, Any]:
        size = min(request.params["pageSize"], 3)
        return index(replace(request, params={**request.params, "pageSize": size}))

    search, client = search_of(without_total(cut))

    page = search.ask(BOUNDS)

    assert len(page) == search.page_size == 3
    assert not search.is_whole(page)
    assert client.ranges == [(at(0), at(100)), (at(3), at(100)), (at(0), at(100))]
    assert client.sizes == [5, 5, 5]
    assert [one.params["page"] for one in client.sent] == [1, 1, 1]


def test_rows_behind_an_empty_page_make_pages_of_one_row() -> None:
    """Not of none, which would never end."""
    search, _ = search_of(scripted(answer_of([]), answer_of(rows_at(1)), answer_of([])))

    assert len(search.ask(BOUNDS)) == 0
    assert search.page_size == 1


def test_a_part_of_a_page_without_a_total_is_replaced_by_more_of_it() -> None:
    """The first answer was of a part of the index: the second has more, and is looked behind."""
    rows = rows_at(1, 2, 3)
    search, client = search_of(
        scripted(answer_of(rows[:1]), answer_of(rows), answer_of(rows), answer_of(rows[2:]))
    )

    page = search.ask(BOUNDS)

    assert len(page) == 3
    assert search.is_whole(page)
    assert client.ranges[-1] == (at(3), at(100))


def test_a_page_that_became_full_is_followed_by_others() -> None:
    """Whether it is the end shows when the next one is asked for."""
    rows = rows_at(*range(1, 8))
    search, client = search_of(
        scripted(answer_of(rows[:1]), answer_of(rows[:5]), answer_of(rows[:5]))
    )

    page = search.ask(BOUNDS)

    assert len(page) == 5
    assert not search.is_whole(page)
    assert len(client.sent) == 3


def test_a_page_that_shows_other_rows_each_time_fails_the_stream() -> None:
    """It grows with each answer and is never the same: that is no index to rely on."""
    answers = []
    for count in range(1, 20):
        answers += [answer_of(rows_at(*range(count))), answer_of(rows_at(60, prefix="other"))]
    search, client = search_of(scripted(*answers), page_size=50)

    with pytest.raises(StreamError, match="do not agree"):
        search.ask(BOUNDS)

    assert len(client.sent) == 13


def test_a_second_answer_to_another_question_is_not_believed() -> None:
    """It is checked as the first one was."""
    rows = rows_at(1, 2, 3)
    search, _ = search_of(
        scripted(answer_of(rows[:1]), answer_of(rows), answer_of(rows_at(200, 201)))
    )

    with pytest.raises(UntrustedAnswerError):
        search.ask(BOUNDS)


def test_a_later_page_without_a_total_is_not_looked_behind() -> None:
    """Pages by number are walked until one is empty."""
    search, client = search_of(scripted(answer_of(rows_at(1))))

    assert len(search.ask(BOUNDS, 2)) == 1
    assert len(client.sent) == 1
