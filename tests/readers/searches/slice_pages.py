"""Plans of slices and the answers that they learn from, in memory: rows a second each."""

from __future__ import annotations

from tap_kustomer import timestamps
from tap_kustomer.readers.search.page import RowKey, SearchPage
from tap_kustomer.readers.search.slices import Slice, SlicePlan
from tests.readers.searches.in_memory import BEGIN, at

__all__ = ["PAGE", "all_of", "begun", "lengths", "page_from", "seconds"]

PAGE = 11  # rows; ten of them are new
_ROW_BYTES = 100
_NO_BOUND = 10**9


def page_from(
    first: float, total: int | None, *, pace: float = 1.0, at_least: int = 0, rows: int = PAGE
) -> SearchPage:
    """Return an answer whose rows begin at ``first``."""
    keys = [RowKey(str(n), at(first + n * pace), None) for n in range(rows)]
    return SearchPage(
        b"x" * _ROW_BYTES * rows, keys, total, None, timed_out=False, at_least=at_least
    )


def begun(
    rows: int, readers: int, *, buffer: int = _NO_BOUND, pace: float = 1.0, page: int = PAGE
) -> tuple[SlicePlan, list[Slice]]:
    """Return a plan whose first answer came, and the slices that are begun now."""
    plan = SlicePlan(at(0), at(rows), page_size=page, readers=readers, buffer_bytes=buffer)
    first = plan.next_slice()
    assert first is not None
    assert plan.next_slice() is None  # nothing is known yet
    plan.learn(first, page_from(0, rows, pace=pace, rows=page), at(0))
    slices = [first]
    while (slice_ := plan.next_slice()) is not None:
        slices.append(slice_)
    return plan, slices


def all_of(rows: int, readers: int, buffer: int) -> list[Slice]:
    """Return all slices of a plan; each ends before a later one begins, the earliest first."""
    plan, slices = begun(rows, readers, buffer=buffer)
    for one in slices:
        one.end()
        if plan.unread and (following := plan.next_slice()) is not None:
            slices.append(following)
    assert not plan.unread
    return slices


def seconds(moment: str) -> float:
    """Return the seconds of a moment after the beginning."""
    return timestamps.parse(moment).timestamp() - BEGIN


def lengths(slices: list[Slice]) -> list[int]:
    """Return how many rows the slices hold, a row a second."""
    return [round(seconds(one.high) - seconds(one.low)) for one in slices]
