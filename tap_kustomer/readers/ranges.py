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
        position = low
        expected, up_to = 0, ""
        while True:
            bounds = Bounds(position, first_high if first else range_.high)
            page, first = first or self._search.ask(bounds), None
            range_.learn(page, position)
            high = range_.high
            if self._reaches_behind(page, high):
                # The later half went to another reader while this answer was on its way.
                yield OrderedPage(page, high, high)
                return
            if bounds.high is not None and self._search.is_whole(page):
                counted = expected if bounds.high == up_to else 0
                page = self._search.settled_total(page, bounds, counted)
                if self._search.is_whole(page):
                    yield OrderedPage(page, self._last(page, bounds.high))
                    if bounds.high >= range_.high:
                        return
                    # The range was made longer because it held so little.
                    position, expected = bounds.high, 0
                    continue
            following = self._behind_page(page, position, high)
            yield OrderedPage(page, following)
            if following is None:
                position = yield from self._apart(page, position, high)
                expected = 0
            else:
                position = following
                expected, up_to = self._left(page, following), bounds.high or ""
            if position > range_.high:
                return

    def _reaches_behind(self, page: SearchPage, high: str) -> bool:
        """Whether ``page`` shows a row in its place behind ``high``, and so all before it."""
        fresh_after = self._search.fresh_after
        return any(key.updated and high < key.updated <= fresh_after for key in page.keys)

    def _behind_page(self, page: SearchPage, position: str, high: str) -> str | None:
        """Return the moment where the next search begins; ``None`` if ``page`` tells none."""
        last = self._last(page, high)
        if last is None or last <= position or all(key.updated == last for key in page.keys):
            return None
        return last

    def _apart(
        self, page: SearchPage, position: str, high: str
    ) -> Generator[OrderedPage, None, str]:
        """Read what ``page`` shows no way past: ties, or rows that are fresher than their place."""
        last = self._last(page, high)
        if last is not None and all(key.updated == last for key in page.keys):
            for ties in TieReader(self._search).read(last):
                yield OrderedPage(ties, None)
            yield OrderedPage(None, last)
            return behind(last)
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
