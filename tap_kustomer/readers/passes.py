"""One run of a search stream: a first pass in slices, then a catch-up; and the bookmark's rule.

The bookmark follows what was read in order, but stays ``lookback`` behind the start of the
current pass: rows that the index shows late are then still in front of it. The simpler rules
lose rows; ``tests/test_simpler_rules.py`` shows how.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.readers.query import Bounds
from tap_kustomer.readers.ranges import OrderedPage, RangeReader, Until
from tap_kustomer.readers.search import PageSearch
from tap_kustomer.readers.slices import SlicePlan
from tap_kustomer.readers.workers import PageTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_kustomer.client.transport import KustomerClient
    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.query import SearchQuery
    from tap_kustomer.readers.slices import Slice
    from tap_kustomer.readers.workers import Workers

__all__ = ["FreshRows", "Probe", "SearchRun", "RunOptions"]

logger = logging.getLogger("tap-kustomer.search")

# Standard search ends at rows updated two years ago; whether to the day or the hour, and by
# whose clock, is UNCONFIRMED. The days around that edge are read from both searches.
ARCHIVE_AFTER_DAYS = 730
_EDGE_DAYS = 2
_EXTRA_CATCH_UP_PAGES = 10


@dataclass(frozen=True)
class RunOptions:
    """What a run of a search stream is told. Timestamps are UTC text."""

    start: str
    end: str | None
    lookback_seconds: float
    page_size: int
    archive: bool  # whether the archive search is asked for rows idle for two years


@dataclass(frozen=True)
class Probe:
    """The first search, without upper bound; it also shows which form of the query works."""

    query: SearchQuery
    page: SearchPage
    started: str  # Kustomer's time before it was sent
    page_size: int


@dataclass(frozen=True)
class FreshRows:
    """Rows of one page that this run has not emitted yet, and the bookmark behind them."""

    raw: bytes
    indexes: list[int]  # places in the page of the rows to emit
    bookmark: str | None  # never lower than one before


class SearchRun:
    """Reads everything that one run of a search stream owes. Used by the main thread."""

    def __init__(self, client: KustomerClient, workers: Workers, options: RunOptions) -> None:
        """Prepare a run; nothing is sent yet."""
        self._client = client
        self._workers = workers
        self._options = options
        self._page_size = options.page_size
        self._bookmark: str | None = None
        self._emitted = _Emitted()
        self.total: int | None = None  # rows that the first search announced

    def probe(self, query: SearchQuery) -> Probe:
        """Send the first search of the run. Raises what ``PageSearch.ask`` raises."""
        started = self._now()
        end = self._options.end
        search = self._search(query, started)
        bounds = Bounds(self._options.start, _bounded(end, started))
        page = self._workers.call(lambda: search.ask(bounds))
        self._page_size = search.page_size
        return Probe(query, page, started, search.page_size)

    def read(self, probe: Probe) -> Iterator[FreshRows]:
        """Yield the rows of the run in order of their update, page by page.

        Raises: an error of ``tap_kustomer.errors``; what was yielded before it stays valid.
        """
        options = self._options
        self.total = probe.page.total
        started = probe.started
        high = _bounded(options.end, started)
        edge = timestamps.shift(started, days=-ARCHIVE_AFTER_DAYS)
        edge_low = timestamps.shift(edge, days=-_EDGE_DAYS)
        edge_high = min(timestamps.shift(edge, days=_EDGE_DAYS), high or started)
        archived = options.archive and options.start < edge_high
        self._emitted.fresh_after = self._fresh_after(started)

        if probe.page.holds_all:
            if archived:
                yield from self._emit(iter([OrderedPage(probe.page, None)]), started)
                yield from self._sliced((_archive(probe.query),), options.start, edge_high, started)
            last = _last_settled(probe.page, self._fresh_after(started))
            rows = None if archived else probe.page
            yield from self._emit(iter([OrderedPage(rows, last)]), started)
            return

        low, first = options.start, probe.page
        if archived:
            both = (probe.query, _archive(probe.query))
            if low < edge_low:
                yield from self._sliced(both[1:], low, edge_low, started)
                low = edge_low
            yield from self._sliced(both, low, edge_high, started)
            low, first = edge_high, None
        yield from self._sliced((probe.query,), low, high or started, started, first)
        if high is None:
            yield from self._catch_up(probe.query)

    def _sliced(
        self,
        queries: tuple[SearchQuery, ...],
        low: str,
        high: str,
        started: str,
        first: SearchPage | None = None,
    ) -> Iterator[FreshRows]:
        """Read one stretch of the first pass, each slice from all ``queries`` in turn."""
        plan = SlicePlan(low, high, page_size=self._page_size)
        opening = [first]

        def read(slice_: Slice, page: SearchPage | None) -> Iterator[OrderedPage]:
            main, *others = queries
            pages = RangeReader(self._search(main, started)).read(
                slice_.low,
                slice_,
                page,
                expected=0 if slice_.low == low else 1,
            )
            if not others:
                yield from pages
                return
            for ordered in pages:
                yield replace(ordered, settled=None)
            for query in others:
                reader = RangeReader(self._search(query, started))
                for ordered in reader.read(slice_.low, Until(slice_.high)):
                    yield replace(ordered, settled=None)
            yield OrderedPage(None, slice_.high)

        def next_task() -> PageTask | None:
            slice_ = plan.next_slice()
            if slice_ is None:
                return None
            page = opening.pop() if opening else None
            return PageTask(lambda: read(slice_, page), lambda: slice_.fitted)

        yield from self._emit(self._workers.in_order(next_task), started)

    def _catch_up(self, query: SearchQuery) -> Iterator[FreshRows]:
        """Read what was updated during the first pass, from the bookmark without upper bound."""
        started = self._now()
        low = self._bookmark or self._options.start
        reader = RangeReader(self._search(query, started))
        tasks = [PageTask(lambda: reader.read(low, Until(None)), lambda: False)]
        pages = self._workers.in_order(lambda: tasks.pop() if tasks else None)
        left: int | None = None  # pages until the rest is the next run's
        try:
            for ordered in pages:
                yield self._fresh_rows(ordered, started)
                if ordered.page is None:
                    continue
                if left is None:
                    announced = -(-(ordered.page.total or 0) // self._page_size)
                    left = announced + _EXTRA_CATCH_UP_PAGES
                left -= 1
                if not left:
                    logger.info(
                        "%s: rows change faster than they are read; the next run goes on from "
                        "the bookmark.",
                        query.stream,
                    )
                    return
        finally:
            pages.close()

    def _emit(self, pages: Iterator[OrderedPage], started: str) -> Iterator[FreshRows]:
        for ordered in pages:
            yield self._fresh_rows(ordered, started)

    def _fresh_rows(self, ordered: OrderedPage, started: str) -> FreshRows:
        if ordered.settled is not None:
            settled = max(min(ordered.settled, self._fresh_after(started)), self._options.start)
            if self._bookmark is None or settled > self._bookmark:
                self._bookmark = settled
        page = ordered.page
        if page is None:
            return FreshRows(b"", [], self._bookmark)
        return FreshRows(page.raw, self._emitted.new_rows(page), self._bookmark)

    def _search(self, query: SearchQuery, started: str) -> PageSearch:
        return PageSearch(
            self._client,
            query,
            page_size=self._page_size,
            fresh_after=self._fresh_after(started),
        )

    def _fresh_after(self, started: str) -> str:
        return timestamps.shift(started, seconds=-self._options.lookback_seconds)

    def _now(self) -> str:
        return timestamps.from_epoch(self._client.server_time.now())


class _Emitted:
    """Which rows this run has emitted, as far as they may come again.

    Old rows come in order and only those of one timestamp come twice. Rows of the fresh part
    come in any order and in several passes: they are remembered with their timestamp.
    """

    def __init__(self) -> None:
        self.fresh_after = ""
        self._moment = ""
        self._ids: set[str] = set()
        self._fresh: dict[str, str] = {}

    def new_rows(self, page: SearchPage) -> list[int]:
        """Return the places of the rows in ``page`` that were not emitted yet, and note them."""
        indexes = []
        for index, (id_, updated, _created) in enumerate(page.keys):
            if id_ is not None and updated is not None:
                if updated > self.fresh_after:
                    if self._fresh.get(id_, "") >= updated:
                        continue
                    self._fresh[id_] = updated
                else:
                    if updated != self._moment:
                        self._moment = updated
                        self._ids = set()
                    if id_ in self._ids:
                        continue
                    self._ids.add(id_)
            indexes.append(index)
        return indexes


def _archive(query: SearchQuery) -> SearchQuery:
    return replace(query, archive=True)


def _bounded(end: str | None, started: str) -> str | None:
    """Return the upper bound that the user set, if it lies before the run's start."""
    return end if end is not None and end < started else None


def _last_settled(page: SearchPage, fresh_after: str) -> str | None:
    stamps = [key.updated for key in page.keys if key.updated is not None]
    return min(max(stamps), fresh_after) if stamps else None
