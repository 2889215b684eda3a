"""Rows of one timestamp, more than a page of them: read by the moment of their creation.

A bulk update stamps thousands of rows at once, and the search has no second sort that holds.
Only rows that also were created at one moment, or whose creation cannot be read, are read by page
numbers, and again and again, because rows of one timestamp have no stable order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tap_kustomer import timestamps
from tap_kustomer.errors import (
    NotFoundError,
    RequestRefusedError,
    StreamError,
    UntrustedAnswerError,
)
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.page import SearchPage
from tap_kustomer.readers.search.query import Bounds

__all__ = ["TieReader"]

MAX_PAGES = 100  # documented hard limit of a search

_FIRST_CREATION = "0001-01-01T00:00:00.000Z"  # .NET's empty date; imports bring it along
# Walks in a row that bring nothing new. A row that comes at random stays unseen in one walk with
# a chance of 1 in 3, in all of them with less than 1 in 100,000.
_UNPRODUCTIVE_WALKS = 12
_COUNTS = 20  # of the rows of one timestamp that go on at the same time; more cost only memory


class TieReader:
    """Reads all rows of one timestamp; yields pages in no order, rows may come twice."""

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self.rows = 0  # that were read, each once
        self._search = search

    def read(self, moment: str, group: SearchPage | None = None) -> Iterator[SearchPage]:
        """Yield the rows stamped ``moment``; ``group`` is the answer to that, if known.

        Raises: ``StreamError`` when the rows cannot be told apart.
        """
        bounds = Bounds(moment, moment)
        if group is None:
            group = self._search.ask(bounds)
            yield group
        if self._search.is_whole(group):
            self.rows = len(group.ids)
            return
        unseen = set(group.ids)
        for page in self._separated(bounds, group):
            unseen -= page.ids
            yield page
        if (group.total is None and unseen) or self.rows < (group.total or 0):
            # Rows leave the group when they are updated. Only if as many are there as before, or
            # some that began the group did not come again, the way of reading them has a hole.
            now = self._search.ask(bounds)
            yield now
            if self.rows < (now.total or 0) or unseen & now.ids:
                self.rows = 0
                yield from self._by_number(bounds)

    def _separated(self, bounds: Bounds, group: SearchPage) -> Iterator[SearchPage]:
        created = replace(bounds, created_low=_FIRST_CREATION)
        first = self._ask_or_none(created)
        if first is None:
            yield from self._by_number(bounds)
            return
        # Without drift the difference is the number of rows without a creation. With it the
        # difference is larger, never smaller: rows only leave, and the first answer is older.
        if first.total is None or group.total is None or first.total < group.total:
            rest = replace(bounds, without_creation=True)
            if self._ask_or_none(rest) is None:
                yield from self._by_number(bounds)
                return
            yield from self._by_number(rest)
        yield from self._by_creation(created, first)

    def _ask_or_none(self, bounds: Bounds) -> SearchPage | None:
        """Return the first page, or ``None`` when Kustomer does not take such a search."""
        if self._search.query.created_attribute is None:
            return None
        try:
            return self._search.ask(bounds)
        except (RequestRefusedError, UntrustedAnswerError):
            return None

    def _by_creation(self, bounds: Bounds, page: SearchPage) -> Iterator[SearchPage]:
        expected = 0
        while True:
            if self._search.is_whole(page):
                page = self._search.confirmed_total(page, bounds, expected)
            yield page
            if self._search.is_whole(page):
                self.rows += len(page.ids)
                return
            created = [key.created for key in page.keys if key.created is not None]
            if not created:
                # Kustomer sorts by what its documents do not show, or not in a form known here.
                yield from self._by_number(bounds)
                return
            if min(created) < (bounds.created_low or ""):
                # The filter is ignored, which nobody checks of rows behind the watermark.
                self.rows = 0
                yield from self._by_number(Bounds(bounds.low, bounds.high))
                return
            step = created[-1]
            if created[0] == step or step <= (bounds.created_low or ""):
                yield from self._by_number(replace(bounds, created_low=step, created_high=step))
                step = timestamps.behind(step)
                expected = 0
            else:
                shown = page.count_created_before(step)
                self.rows += shown
                expected = (page.total or 0) - shown
            bounds = replace(bounds, created_low=step)
            page = self._search.ask(bounds)

    def _by_number(self, bounds: Bounds) -> Iterator[SearchPage]:
        """Walk page after page, until as many rows were seen as there are.

        Where no total is told, only walks that bring nothing new are an end.
        """
        tally = _Tally()
        while tally.unproductive_walks < _UNPRODUCTIVE_WALKS:
            tally.unproductive_walks += 1
            for number in range(1, MAX_PAGES + 1):
                page = self._page(bounds, number, tally)
                if page is None:
                    break
                yield page
                tally.add(page)
                if tally.is_full and not self._grows(bounds, tally):
                    self.rows += tally.rows
                    return
                if tally.total > MAX_PAGES * self._search.page_size:
                    raise self._too_many(bounds, tally.total)
                if page.total is None:
                    if not page.keys:
                        break
                elif number * self._search.page_size >= page.total:
                    break
        if tally.total >= 0 or len(tally.seen) >= MAX_PAGES * self._search.page_size:
            raise self._too_many(bounds, max(tally.total, len(tally.seen)))
        self.rows += len(tally.seen)

    def _page(self, bounds: Bounds, number: int, tally: _Tally) -> SearchPage | None:
        """Return a page by its number; ``None`` where Kustomer gives none behind a short one."""
        try:
            return self._search.ask(bounds, number)
        except (RequestRefusedError, NotFoundError):
            if number == 1:
                raise
        if tally.last_size < self._search.page_size and tally.total < 0:
            return None
        raise self._too_many(bounds, max(tally.total, len(tally.seen)))

    def _grows(self, bounds: Bounds, tally: _Tally) -> bool:
        """Whether a total that had shrunk is larger again: a part of the index was missing."""
        return tally.has_shrunk and (self._search.ask(bounds).total or 0) > tally.total

    def _too_many(self, bounds: Bounds, total: int) -> StreamError:
        return StreamError(
            f"{self._search.query.stream}: {total:,} rows share the timestamp {bounds.low}, more "
            f"than the {MAX_PAGES * self._search.page_size:,} a search can return. The stream "
            "stopped instead of losing rows. Change some of these rows in Kustomer, or read the "
            "rest with a later `start_date` and a separate state ID."
        )


class _Tally:
    """Which rows of one search were seen, over any number of walks through its pages.

    Rows that leave the group meanwhile would make a count too high for those that are left, so
    each total that shrinks begins another one. The older ones go on: rows only leave, so all that
    were there when a count began were seen once it is full. In a group that loses rows all the
    time, a single count that begins anew would never be full.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.seen: set[str | None] = set()
        self.total = -1  # as the last answer with a total tells it
        self.unproductive_walks = 0
        self.last_size = 0  # rows of the last page
        self._most = -1
        self._counts: list[tuple[int, set[str | None]]] = []

    def add(self, page: SearchPage) -> None:
        """Take in one page."""
        ids = page.ids
        self.last_size = len(page)
        if not self.seen.issuperset(ids):
            self.unproductive_walks = 0
        self.seen |= ids
        if page.total is None:
            return
        if page.total != self.total:
            self.total, self.unproductive_walks = page.total, 0
            self._most = max(self._most, page.total)
            # A total that has grown shows that those below it were of a part of the index.
            self._counts = [one for one in self._counts if one[0] >= page.total][-_COUNTS:]
            self._counts.append((page.total, set()))
        for _, seen in self._counts:
            seen.update(ids)

    @property
    def has_shrunk(self) -> bool:
        """Whether an earlier answer told of more rows."""
        return self.total < self._most

    @property
    def is_full(self) -> bool:
        """Whether a count has seen as many rows as there were when it began."""
        return any(len(seen) >= began_with for began_with, seen in self._counts)

    @property
    def rows(self) -> int:
        """Rows that were seen and are still there, as far as the newest count tells."""
        return max(len(self._counts[-1][1]), self.total)
