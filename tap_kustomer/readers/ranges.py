"""Keyset reading of a settled time range: each search begins where the last one ended.

Always page 1: rows are sorted by the attribute that every update moves, so with page numbers the
row behind an updated one would be skipped. A settled range is one that the index shows in full:
there a row can only move away from what is still to be read.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tap_kustomer import timestamps
from tap_kustomer.readers.query import Bounds
from tap_kustomer.readers.ties import TieReader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.search import PageSearch

__all__ = ["OrderedPage", "RangeReader", "TimeRange", "Until", "behind", "read_whole"]

logger = logging.getLogger("tap-kustomer.search")


class TimeRange(Protocol):
    """The range that is read. Its end may move while it is read."""

    @property
    def high(self) -> str:
        """The last moment of the range."""

    def learn(self, page: SearchPage, position: str) -> None:
        """Hear what an answer shows of the rows at and after ``position``; may move ``high``."""


class Until:
    """A range whose end stays where it is."""

    def __init__(self, high: str) -> None:
        """End at ``high``, included."""
        self.high = high

    def learn(self, page: SearchPage, position: str) -> None:
        """Leave the end where it is."""


@dataclass(frozen=True)
class OrderedPage:
    """Rows to emit, and the moment up to which then all rows are emitted (``None``: as before)."""

    page: SearchPage | None
    settled: str | None


class RangeReader:
    """Reads one range that ends at ``fresh_after`` of its search or before. One thread only.

    Only a row that is surely in its place in the index moves the position. A row that shows a
    later update than the index knows of stands before its time; where a page holds nothing
    else, stretches are read that one answer holds whole, whatever the rows say.
    """

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self._search = search
        self._counted = False  # the last answer tells how many rows are left

    def read(
        self,
        low: str,
        range_: TimeRange,
        first: SearchPage | None = None,
        first_high: str | None = None,
    ) -> Iterator[OrderedPage]:
        """Yield the pages from ``low`` to the end of ``range_``, both included.

        ``first`` is the first page, when it is known already, up to ``first_high``.
        """
        position, expected = low, 0
        while True:
            bounds = Bounds(position, first_high if first else range_.high)
            page, first = first or self._search.ask(bounds), None
            range_.learn(page, position)
            if bounds.high is not None and self._search.is_whole(page):
                page = self._search.settled_total(page, bounds, expected)
                if self._search.is_whole(page):
                    yield OrderedPage(page, self._last(page, bounds.high))
                    if bounds.high >= range_.high:
                        return
                    # The range was made longer because it held so little.
                    position, expected = bounds.high, 0
                    continue
            same_end = bounds.high == range_.high
            self._counted = same_end
            position = yield from self._step(page, position, range_.high)
            if position > range_.high:
                return
            expected = self._left(page, position) if self._counted else 0

    def _step(
        self, page: SearchPage, position: str, high: str
    ) -> Generator[OrderedPage, None, str]:
        """Yield ``page`` and what it takes to go on behind it; return the next position."""
        stamps = [key.updated for key in page.keys]
        last = self._last(page, high)
        if last is not None and stamps.count(last) == len(stamps):
            self._counted = False
            yield OrderedPage(page, None)
            for ties in TieReader(self._search).read(last, page):
                yield OrderedPage(ties, None)
            yield OrderedPage(None, last)
            return behind(last)
        if last is not None and last > position:
            yield OrderedPage(page, last)
            return last
        self._counted = False
        yield OrderedPage(page, None)
        reached = yield from read_whole(self._search, position, high)
        yield OrderedPage(None, min(reached, high))
        return reached

    def _last(self, page: SearchPage, high: str) -> str | None:
        """Return the timestamp of the last row that surely is in its place."""
        limit = min(high, self._search.fresh_after)
        stamps = [key.updated for key in page.keys if key.updated and key.updated <= limit]
        return stamps[-1] if stamps else None

    def _left(self, page: SearchPage, position: str) -> int:
        """Return how many rows at and after ``position`` the page surely leaves to be read."""
        if page.total is None:
            return 0
        again = sum(1 for key in page.keys if key.updated == position)
        return page.total - len(page) + again


def read_whole(search: PageSearch, position: str, high: str) -> Generator[OrderedPage, None, str]:
    """Read from ``position`` a stretch so short that one answer holds it whole.

    What rows say of their time plays no part: this holds whatever the index lacks. Returns the
    moment from which to go on; it lies behind ``position``.
    """
    end = _between(position, high, 0.5)
    while True:
        page = search.ask(Bounds(position, end))
        yield OrderedPage(page, None)
        if search.is_whole(page):
            return end if end > position else behind(position)
        if end <= position:
            for ties in TieReader(search).read(position, None):
                yield OrderedPage(ties, None)
            return behind(position)
        share = min(0.5, 0.7 * search.page_size / page.total) if page.total else 0.5
        end = _between(position, end, share)


def behind(moment: str) -> str:
    """Return the next moment: timestamps have milliseconds."""
    return timestamps.shift(moment, seconds=0.001)


def _between(low: str, high: str, share: float) -> str:
    if high <= low:
        return low
    seconds = (timestamps.parse(high) - timestamps.parse(low)).total_seconds()
    return timestamps.shift(low, seconds=seconds * share)
