"""One run of a search stream: a first pass in slices, then a catch-up; and the bookmark's rule.

The bookmark follows what was read in order, but stays ``lookback`` behind the start of the
current pass: rows that the index shows late are then still in front of it. The simpler rules
lose rows; ``tests/readers/test_simpler_rules.py`` shows how.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.errors import StreamError, UnavailableError
from tap_kustomer.readers.emitted import EmittedRows
from tap_kustomer.readers.fresh import FreshReader
from tap_kustomer.readers.negotiation import Form, settle
from tap_kustomer.readers.pages import OrderedPage
from tap_kustomer.readers.query import Bounds
from tap_kustomer.readers.ranges import RangeReader, Until
from tap_kustomer.readers.search import PageSearch
from tap_kustomer.readers.slices import Slice, SlicePlan
from tap_kustomer.readers.workers import BUFFER_BYTES, PageTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_kustomer.client.transport import KustomerClient
    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.query import SearchQuery
    from tap_kustomer.readers.workers import Workers

__all__ = ["FreshRows", "Probe", "RunOptions", "SearchRun"]

logger = logging.getLogger("tap-kustomer.search")

# Standard search ends at rows updated two years ago; whether to the day or the hour, and by
# whose clock, is UNCONFIRMED. The days around that edge are read from both searches.
ARCHIVE_AFTER_DAYS = 730
_EDGE_DAYS = 2
_CONFIRMING_PAUSE = 1.0  # seconds until a page that breaks what was asked for is asked for again


@dataclass(frozen=True)
class RunOptions:
    """What a run of a search stream is told. Timestamps are UTC text."""

    start: str
    end: str | None
    lookback_seconds: float
    page_size: int
    archive: bool  # whether the archive search is asked for rows idle for two years
    archive_form: object = None  # of its request, as an earlier run remembers it


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
        self._fresh_after = ""  # the index shows all rows up to it: the pass's start - lookback
        self._emitted = EmittedRows()
        self._misplaced: set[str] = set()
        self.total: int | None = None  # rows that the first search announced
        self.archive_form: str | None = None  # of the request that works, where one was made

    def probe(self, query: SearchQuery) -> Probe:
        """Send the first search of the run. Raises what ``PageSearch.ask`` raises."""
        started = self._now()
        self._begin_pass(started)
        search = self._search(query)
        bounds = Bounds(self._options.start, _bounded(self._options.end, started))
        page = self._workers.call(lambda: search.ask(bounds))
        self._page_size = search.page_size
        return Probe(query, page, started, search.page_size)

    def read(self, probe: Probe) -> Iterator[FreshRows]:
        """Yield the rows of the run in order of their update, page by page.

        Raises: an error of ``tap_kustomer.errors``; what was yielded before it stays valid.
        """
        options = self._options
        self.total = probe.page.total
        self._begin_pass(probe.started)
        end = _bounded(options.end, probe.started)
        settled = self._fresh_after if end is None else min(end, self._fresh_after)
        position = options.start
        page: SearchPage | None = probe.page
        search = self._search(probe.query)
        edge = min(timestamps.shift(probe.started, days=_EDGE_DAYS - ARCHIVE_AFTER_DAYS), settled)
        if options.archive and position < edge:
            # Rows cross the edge from the standard search to the archive while this run reads,
            # so the days around the edge come from the standard search before the archive.
            self._emitted.keeps_all = True  # the archive and the rest show some of them again
            yield from self._near_edge(search, probe.page, edge)
            self._emitted.keeps_all = False
            yield from self._archived(probe.query, edge)
            position, page = max(_last_in_place(probe.page, settled) or "", edge), None
            if search.is_whole(probe.page):
                # A row of the archive that was updated meanwhile is behind the first answer.
                yield from self._emit([OrderedPage(None, _at_end(probe.page, settled))])
                position = settled
        elif search.is_whole(probe.page):
            yield from self._emit([OrderedPage(page, _at_end(probe.page, settled))])
            return
        if position < settled:
            yield from self._sliced(probe.query, position, settled, page)
            position, page = settled, None
        if end is None:
            yield from self._catch_up(probe.query, position, page)
        elif end > settled:
            reader = FreshReader(self._search(probe.query))
            tasks = _one_task(reader.read, position, end, page)
            yield from self._emit(self._workers.in_order(tasks))

    def _near_edge(self, search: PageSearch, first: SearchPage, edge: str) -> Iterator[FreshRows]:
        """Emit what the standard search has up to ``edge``; it settles nothing yet."""
        if search.is_whole(first) or (_last_in_place(first, self._fresh_after) or "") > edge:
            yield from self._emit([OrderedPage(first, None)])
            return
        tasks = _one_task(RangeReader(search).read, self._options.start, Until(edge), first)
        pages = self._workers.in_order(tasks)
        yield from self._emit(OrderedPage(ordered.page, None) for ordered in pages)

    def _archived(self, query: SearchQuery, edge: str) -> Iterator[FreshRows]:
        """Read the archive search up to ``edge``, in the first form of the query it takes."""
        bounds = Bounds(self._options.start, edge)

        def ask(form: Form[SearchQuery]) -> SearchPage:
            search = self._search(form.query)
            return self._workers.call(lambda: search.ask(bounds))

        try:
            form, first = settle(
                query.stream,
                _archive_forms(query),
                ask,
                remembered=self._options.archive_form,
                pause=lambda: self._client.clock.sleep(_CONFIRMING_PAUSE),
            )
        except StreamError as error:
            if isinstance(error, UnavailableError):
                raise
            msg = (
                f"{query.stream}: the archive search cannot be read, so rows that were last "
                f"updated over two years ago would be missing. ({error}) Set `include_archived` "
                "to false, or `start_date` to less than two years ago, to go without them."
            )
            raise StreamError(msg) from None
        self.archive_form = form.name
        if form.query.include_deleted != query.include_deleted:
            logger.warning("%s: the archive search does not give deleted rows here.", query.stream)
        yield from self._sliced(form.query, self._options.start, edge, first, edge)

    def _sliced(
        self,
        query: SearchQuery,
        low: str,
        high: str,
        first: SearchPage | None = None,
        first_high: str | None = None,
    ) -> Iterator[FreshRows]:
        """Read one settled stretch of the first pass, several slices at a time."""
        plan = SlicePlan(
            low,
            high,
            page_size=self._page_size,
            readers=self._workers.size,
            buffer_bytes=BUFFER_BYTES,
        )
        opening = [first]
        tasks: dict[Slice | None, PageTask] = {}

        def next_task() -> PageTask | None:
            slice_ = plan.next_slice()
            if slice_ is None:
                return None
            page = opening.pop() if opening else None
            reader = RangeReader(self._search(query))
            task = PageTask(
                lambda: read_slice(reader, slice_, page),
                behind=tasks.get(slice_.before),
            )
            tasks[slice_] = task
            return task

        def read_slice(
            reader: RangeReader, slice_: Slice, page: SearchPage | None
        ) -> Iterator[OrderedPage]:
            yield from reader.read(slice_.low, slice_, page, first_high)
            slice_.end()

        yield from self._emit(self._workers.in_order(next_task))
        if plan.unread:
            begin, end = plan.unread[0]
            msg = (
                f"{query.stream}: the part from {begin} to {end} was planned and never read, so "
                "the stream stopped instead of losing rows. This is an error of tap-kustomer: "
                "please report it with this line."
            )
            raise StreamError(msg)

    def _catch_up(
        self, query: SearchQuery, low: str, first: SearchPage | None
    ) -> Iterator[FreshRows]:
        """Read what was updated during the first pass, without upper bound.

        It begins where the first pass ended, which is the bookmark or, when the last rows
        before that moment are older, behind it where nothing is.
        """
        if first is None:
            self._begin_pass(self._now())
        search = self._search(query)
        settled = self._fresh_after
        page = first or self._workers.call(lambda: search.ask(Bounds(low)))
        if search.is_whole(page):
            yield from self._emit([OrderedPage(page, _at_end(page, settled))])
            return
        first_fresh: SearchPage | None = page
        if low < settled:
            tasks = _one_task(RangeReader(search).read, low, Until(settled), page)
            yield from self._emit(self._workers.in_order(tasks))
            low, first_fresh = settled, None
        tasks = _one_task(FreshReader(search).read, low, None, first_fresh)
        yield from self._emit(self._workers.in_order(tasks))

    def _emit(self, pages: Iterable[OrderedPage]) -> Iterator[FreshRows]:
        for ordered in pages:
            if ordered.settled is not None:
                settled = max(min(ordered.settled, self._fresh_after), self._options.start)
                if self._bookmark is None or settled > self._bookmark:
                    self._bookmark = settled
            raw = b"" if ordered.page is None else ordered.page.raw
            yield FreshRows(raw, self._emitted.new_rows(ordered), self._bookmark)

    def _begin_pass(self, started: str) -> None:
        self._fresh_after = timestamps.shift(started, seconds=-self._options.lookback_seconds)
        self._emitted.fresh_after = self._fresh_after

    def _search(self, query: SearchQuery) -> PageSearch:
        return PageSearch(
            self._client,
            query,
            page_size=self._page_size,
            fresh_after=self._fresh_after,
            misplaced=self._misplaced,
        )

    def _now(self) -> str:
        return timestamps.from_epoch(self._client.server_time.now())


def _archive_forms(query: SearchQuery) -> list[Form[SearchQuery]]:
    """Return the forms of a query that the archive search may take, the likeliest first."""
    queries = [replace(query, archive=True)]
    if query.context.startswith("kobject_"):
        # UNCONFIRMED which of the two the archive takes; it need not be the same as above.
        queries += [
            replace(
                queries[0],
                attribute=f"{prefix}_updated_at",
                created_attribute=f"{prefix}_created_at",
            )
            for prefix in ("kobject", query.context)
        ]
    forms = [Form(one.attribute, one) for one in dict.fromkeys(queries)]
    if not query.include_deleted:
        return forms
    parts = [
        Form(
            f"{form.name}, no deleted rows",
            replace(form.query, include_deleted=False),
            rank=1,
            instead_of=form.name,
        )
        for form in forms
    ]
    return [*forms, *parts]


def _one_task(
    read: Callable[..., Iterator[OrderedPage]], *args: object
) -> Callable[[], PageTask | None]:
    """Return what gives out one task and then no more."""
    tasks = [PageTask(lambda: read(*args))]
    return lambda: tasks.pop() if tasks else None


def _bounded(end: str | None, started: str) -> str | None:
    """Return the upper bound that the user set, if it lies before the run's start."""
    return end if end is not None and end < started else None


def _last_in_place(page: SearchPage, limit: str) -> str | None:
    """Return the timestamp of the last row that the index surely shows in its place."""
    in_place = [key.updated for key in page.keys if key.updated and key.updated <= limit]
    return max(in_place, default=None)


def _at_end(page: SearchPage, limit: str) -> str | None:
    """Return the moment that is settled once nothing follows ``page``."""
    stamps = [key.updated for key in page.keys if key.updated is not None]
    return min(max(stamps), limit) if stamps else None
