"""What the ledger of a run is told by the pages of a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tap_kustomer.readers.search.query import Bounds
from tests.readers.searches.in_memory import (
    Client,
    Row,
    answer_of,
    at,
    rows_at,
    scripted,
    search_of,
)

AS_ASSUMED, HANDLED, NOT_SEEN = "as assumed", "different, handled", "not seen"
BOUNDS = Bounds(at(0), at(100))


def seen_by(rows: Sequence[Row], *, archive: bool = False, size: int = 50, **meta: Any) -> Client:
    """Return the client after one page was asked for."""
    search, client = search_of(scripted(answer_of(rows, **meta)), page_size=size, archive=archive)
    search.ask(BOUNDS)
    return client


def test_a_page_cut_by_time_is_noted_as_such() -> None:
    """It tells more than that rows are missing."""
    cut = answer_of(rows_at(1), total=1, timed_out=True)
    search, client = search_of(scripted(cut, answer_of(rows_at(1), total=1)))

    search.ask(BOUNDS)

    assert client.seen("whole-pages") == (HANDLED, ["`timed_out`"])


def test_a_total_is_noted_as_told() -> None:
    """Whatever the number."""
    assert seen_by([], total=0).seen("totals-told") == (AS_ASSUMED, [])


def test_a_total_that_is_a_known_cap_is_noted_with_its_number() -> None:
    """It is told, but not how many rows there are."""
    client = seen_by(rows_at(*range(50)), total=10_000)

    assert client.seen("total-cap")[1] == ["a total of exactly 10000"]
    assert client.seen("totals-told")[0] == NOT_SEEN


def test_a_total_that_is_no_number_is_noted_as_none() -> None:
    """Nothing can be proven by it."""
    client = seen_by(rows_at(1), total="many")

    assert client.seen("totals-told")[1] == ["there is none, or no whole number"]
    assert client.seen("total-cap")[0] == NOT_SEEN


def test_an_empty_page_shows_nothing_of_filters_and_order() -> None:
    """There is no row that could break them."""
    client = seen_by([], total=0, pageSize=50)

    for assumption in ("search-filter", "search-sort", "search-page-size", "updated-at", "ties"):
        assert client.seen(assumption)[0] == NOT_SEEN


@pytest.mark.parametrize(
    ("archive", "name"), [(False, "search-page-size"), (True, "archive-page-size")]
)
@pytest.mark.parametrize(
    ("rows", "told", "column"), [(3, 5, AS_ASSUMED), (5, None, AS_ASSUMED), (3, None, NOT_SEEN)]
)
def test_the_size_of_pages_is_shown_by_a_full_one_or_by_what_the_answer_says(
    archive: bool,  # noqa: FBT001 - a column of the table
    name: str,
    rows: int,
    told: int | None,
    column: str,
) -> None:
    """A short page that says nothing of it shows nothing."""
    client = seen_by(rows_at(*range(rows)), archive=archive, size=5, total=rows, pageSize=told)

    assert client.seen(name)[0] == column


def test_rows_without_an_update_are_noted() -> None:
    """One of them is enough."""
    client = seen_by([Row("1", at(1)), Row("2", None)], total=2)

    assert client.seen("updated-at") == (HANDLED, ["rows without `updatedAt`"])
    assert seen_by(rows_at(1, 2), total=2).seen("updated-at") == (AS_ASSUMED, [])


def test_whether_many_rows_share_a_moment_is_noted() -> None:
    """Of few rows it cannot be told."""
    assert seen_by(rows_at(*[1] * 20), total=20).seen("ties")[1] == ["half of them or more do"]
    assert seen_by(rows_at(*range(20)), total=20).seen("ties") == (AS_ASSUMED, [])
    assert seen_by(rows_at(*[1] * 19), total=19).seen("ties")[0] == NOT_SEEN
