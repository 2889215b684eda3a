"""Keyset reading of a settled time range: each search begins where the last one ended.

Always page 1: rows are sorted by the attribute that every update moves, so with page numbers the
row behind an updated one would be skipped. A settled range is one that the index shows in full:
there a row can only move away from what is still to be read.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from tap_kustomer.readers.pages import OrderedPage
from tap_kustomer.readers.query import Bounds
from tap_kustomer.readers.stretches import behind, between, read_stretch
from tap_kustomer.readers.ties import TieReader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.search import PageSearch

__all__ = ["RangeReader", "TimeRange", "Until"]

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
            for ties in TieReader(self._search).read(last):
                yield OrderedPage(ties, None)
            yield OrderedPage(None, last)
            return behind(last)
        if last is not None and last > position:
            yield OrderedPage(page, last)
            return last
        self._counted = False
        yield OrderedPage(page, None)
        half = between(position, high, 0.5)
        stretch = yield from read_stretch(self._search, position, half)
        yield OrderedPage(None, stretch.high)
        return behind(stretch.high)

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
