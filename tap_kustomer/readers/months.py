"""Kustomer's count of rows by the month of their creation: one search a month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tap_kustomer.errors import StreamError
from tap_kustomer.readers.census import Census, Span, before
from tap_kustomer.readers.search.page import SearchPage

__all__ = ["count_by_month", "month_of", "months_between"]

_ROUNDS = 3  # countings, until the months are as many rows as the whole range


def count_by_month(census: Census, span: Span) -> dict[str, int]:
    """Return how many rows of ``span`` were created in each month that has some.

    Only months that have rows are asked about: the first row behind an empty one says where to go
    on. The sum has to be the total of the whole range, or lie between two answers about it.
    Raises: ``StreamError`` when the answers do not agree.
    """
    for _ in range(_ROUNDS):
        whole = census.first_row(span)
        counts = _counted(census, span, _created(whole))
        counted = sum(counts.values())
        if whole.total is None or counted == whole.total:
            return counts
        totals = (whole.total, census.count(span))
        if min(totals) <= counted <= max(totals):
            return counts
    msg = (
        f"{census.query.stream}: Kustomer's answers do not agree on how many rows there are, so "
        "they could not be counted. Run again later."
    )
    raise StreamError(msg)


def _counted(census: Census, span: Span, first: str | None) -> dict[str, int]:
    counts: dict[str, int] = {}
    while first is not None:
        month = month_of(first)
        while _begin(month) <= span.high:
            end = min(before(_begin(_next(month))), span.high)
            rows = census.count(replace(span, low=max(_begin(month), span.low), high=end))
            counts[month] = rows
            month = _next(month)
            if not rows:
                break
        if _begin(month) > span.high:
            break
        page = census.first_row(replace(span, low=_begin(month)))
        first = _created(page)
    return {month: rows for month, rows in counts.items() if rows}


def _created(page: SearchPage) -> str | None:
    """Return when the first row of a page was created, if there is one that tells."""
    return page.keys[0].created if page.keys else None


def month_of(moment: str) -> str:
    """Return the month of a moment, ``2024-03``."""
    return moment[:7]


def months_between(first: str, last: str) -> Iterator[str]:
    """Yield the months from ``first`` to ``last``, both included."""
    while first <= last:
        yield first
        first = _next(first)


def _begin(month: str) -> str:
    return f"{month}-01T00:00:00.000Z"


def _next(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"
