"""How many rows a page is asked for, and whether with an exact total: what a search refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tap_kustomer.errors import PageFailedError, RequestRefusedError
from tap_kustomer.readers.search.ask import ExactTotals
from tap_kustomer.readers.search.query import Bounds
from tests.readers.searches.in_memory import Index, answer_of, at, rows_at, scripted, search_of

AS_ASSUMED, HANDLED = "as assumed", "different, handled"
BOUNDS = Bounds(at(0), at(100))


def failing_above(size: int) -> Callable[[Any], Any]:
    """Return a server that makes no page of more rows."""
    index = Index(rows_at(*range(10)))
    return lambda request: (
        PageFailedError("It failed.") if request.params["pageSize"] > size else index(request)
    )


def test_a_page_that_the_server_cannot_make_is_asked_for_in_halves() -> None:
    """Three failures of one size, then half of it; what works is kept for the pages behind."""
    search, client = search_of(failing_above(40), page_size=300)

    page = search.ask(BOUNDS)

    assert len(page) == 10
    assert client.sizes == [300, 150, 75, 37]
    assert client.page_tries == [3, 3, 3, 3]
    assert search.page_size == 37


@pytest.mark.parametrize(("size", "sizes"), [(60, [60, 30, 25]), (25, [25]), (10, [10])])
def test_no_page_is_asked_for_in_less_than_twenty_five_rows(size: int, sizes: list[int]) -> None:
    """The last one is tried for as long as any request."""
    search, client = search_of(failing_above(0), page_size=size)

    with pytest.raises(PageFailedError):
        search.ask(BOUNDS)

    assert client.sizes == sizes
    assert client.page_tries[-1] is None


def test_a_later_page_by_number_is_not_asked_for_in_halves() -> None:
    """Its rows would be others."""
    search, client = search_of(failing_above(50), page_size=100)

    with pytest.raises(PageFailedError):
        search.ask(BOUNDS, 2)

    assert client.sizes == [100]
    assert client.page_tries == [None]


@pytest.mark.parametrize("given", [1, 3])
def test_a_size_that_kustomer_cuts_is_taken_over(given: int) -> None:
    """A full page is then one of that many rows."""
    index = Index(rows_at(*range(8)))

    def cut(request: Any) -> dict[str, Any]:
        size = min(request.params["pageSize"], given)
        return index(replace(request, params={**request.params, "pageSize": size}))

    search, client = search_of(cut)

    page = search.ask(BOUNDS)

    assert len(page) == search.page_size == given
    assert client.sizes == [5, given]
    assert client.seen("search-page-size") == (HANDLED, [f"it gives {given} of 5"])


@pytest.mark.parametrize("told", [0, 5, None, "five"])
def test_a_size_that_says_nothing_changes_nothing(told: Any) -> None:
    """Zero rows a page cannot be meant."""
    search, client = search_of(scripted(answer_of(rows_at(1, 2), total=2, pageSize=told)))

    search.ask(BOUNDS)

    assert search.page_size == 5
    assert len(client.sent) == 1


def refusing_above(size: int) -> Callable[[Any], Any]:
    """Return a search that takes no larger pages."""
    index = Index(rows_at(*range(10)), rows_at(*range(10)))
    return lambda request: (
        RequestRefusedError("No.") if request.params["pageSize"] > size else index(request)
    )


def test_an_archive_that_refuses_five_hundred_rows_is_asked_for_a_hundred() -> None:
    """That it takes as many as the live search is documented nowhere."""
    search, client = search_of(refusing_above(100), page_size=500, archive=True)

    assert len(search.ask(BOUNDS)) == 10
    assert client.sizes == [500, 100]
    assert search.page_size == 100
    assert client.seen("archive-page-size")[1] == ["it refuses 500 rows a page"]


@pytest.mark.parametrize(("archive", "sizes"), [(False, [500, 500]), (True, [100]), (True, [50])])
def test_a_refusal_that_is_not_about_the_size_is_raised(
    archive: bool,  # noqa: FBT001 - a column of the table
    sizes: list[int],
) -> None:
    """The live search takes 500, and both take 100: another form of the query is due.

    The live search is asked once more, without the exact total.
    """
    search, client = search_of(refusing_above(0), page_size=sizes[0], archive=archive)

    with pytest.raises(RequestRefusedError):
        search.ask(BOUNDS)

    assert client.sizes == sizes
    assert search.page_size == sizes[0]


def test_a_size_that_worked_once_is_not_doubted_by_a_refusal() -> None:
    """What the archive refuses then is something else."""
    index = Index((), rows_at(1))
    search, client = search_of(index, page_size=500, archive=True)
    search.ask(BOUNDS)
    client.answer = refusing_above(100)

    with pytest.raises(RequestRefusedError):
        search.ask(BOUNDS)

    assert client.sizes == [500, 500]


# ---------------------------------------------------------------- exact totals


def refusing_exact(index: Index) -> Callable[[Any], Any]:
    """Return a search that does not know `trackTotalHits`."""
    return lambda request: (
        RequestRefusedError("No.") if "trackTotalHits" in request.params else index(request)
    )


def test_a_search_that_refuses_exact_totals_is_asked_without_for_the_rest_of_the_run() -> None:
    """One request finds out, whichever stream it is of."""
    totals = ExactTotals()
    index = refusing_exact(Index(rows_at(1)))
    search, client = search_of(index)
    search._exact_totals = totals  # noqa: SLF001 - as a run shares it

    search.ask(BOUNDS)
    search.ask(BOUNDS)

    assert [("trackTotalHits" in one.params) for one in client.sent] == [True, False, False]
    assert (totals.taken, totals.refused) == (False, True)
    assert client.seen("exact-totals") == (HANDLED, ["it refuses `trackTotalHits`"])


def test_a_query_that_is_refused_says_nothing_of_exact_totals() -> None:
    """It is refused without them, too."""
    search, client = search_of(scripted(RequestRefusedError("No.")))

    with pytest.raises(RequestRefusedError):
        search.ask(BOUNDS)

    assert len(client.sent) == 2
    assert not search._exact_totals.refused  # noqa: SLF001 - as a run shares it


def test_exact_totals_that_worked_once_are_asked_for_for_ever() -> None:
    """A later refusal is about something else; a total without them may stop at a cap."""
    search, client = search_of(scripted(answer_of([], total=0), RequestRefusedError("No.")))
    search.ask(BOUNDS)

    with pytest.raises(RequestRefusedError):
        search.ask(BOUNDS)

    assert all("trackTotalHits" in one.params for one in client.sent)
    assert len(client.sent) == 2
    assert client.seen("exact-totals") == (AS_ASSUMED, [])


def test_a_page_asked_for_without_exact_totals_is_tried_as_often() -> None:
    """Three times for its size, as with them."""
    search, client = search_of(refusing_exact(Index(rows_at(1))), page_size=50)

    search.ask(BOUNDS)
    search.ask(BOUNDS)

    assert client.page_tries == [3, 3, 3]
