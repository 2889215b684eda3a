"""One run of a search stream: a first pass in slices, then a catch-up; and the bookmark's rule.

The bookmark follows what was read in order, but stays ``lookback`` behind the start of the
current pass: rows that the index shows late are then still in front of it. The simpler rules
lose rows; ``tests/readers/test_simpler_rules.py`` shows how.

A pass that took more than one page ends with a count of its range by Kustomer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.edge import TwoYearEdge
from tap_kustomer.errors import StreamError, UnavailableError
from tap_kustomer.readers.negotiation import Form, settle
from tap_kustomer.readers.search.ask import ExactTotals, PageSearch
from tap_kustomer.readers.search.count import ClosingCount, MissingRowsError
from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.emitted import EmittedRows
from tap_kustomer.readers.search.keyset import RangeReader, Until
from tap_kustomer.readers.search.page import OrderedPage, Part
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.readers.search.slices import Slice, SlicePlan
from tap_kustomer.readers.search.tail import TailReader
from tap_kustomer.readers.workers import BUFFER_BYTES, PageTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_kustomer.client.transport import KustomerClient
    from tap_kustomer.readers.search.page import SearchPage
    from tap_kustomer.readers.search.query import SearchQuery
    from tap_kustomer.readers.workers import Workers

__all__ = ["FreshRows", "Probe", "RunOptions", "SearchRun"]

logger = logging.getLogger("tap-kustomer.search")

_NO_DELETED = ", no deleted rows"  # how the state names a form without ``includeDeleted``
_CONFIRMING_PAUSE = 1.0  # seconds until a page that breaks what was asked for is asked for again


@dataclass(frozen=True)
class RunOptions:
    """What a run of a search stream is asked for. Timestamps are UTC text."""

    start: str
    end: str | None
    lookback_seconds: float
    page_size: int
    archive: bool  # whether the archive search is asked for rows idle for two years
    archive_form: object = None  # of its request, as an earlier run remembers it
    uncounted: object = None  # what an earlier run read and could not count, from the state


@dataclass(frozen=True)
class Probe:
    """The first search, without upper bound; it also shows which form of the query works."""

    query: SearchQuery
    page: SearchPage
    started: str  # Kustomer's time before it was sent
    page_size: int


@dataclass(frozen=True)
class FreshRows:
    """Rows of one page that this run has not emitted yet, and the bookmark behind them.

    ``uncounted`` belongs into the state beside the bookmark: what was read before it and waits
    for the closing count. ``goes_back`` marks a bookmark that was too far on.
    """

    raw: bytes
    indexes: list[int]  # places in the page of the rows to emit
    bookmark: str | None  # never lower than one before, but for ``goes_back``
    uncounted: dict[str, object] | None = None
    goes_back: bool = False


class SearchRun:
    """Reads everything that one run of a search stream owes. Used by the main thread."""

    def __init__(
        self,
        client: KustomerClient,
        workers: Workers,
        options: RunOptions,
        exact_totals: ExactTotals | None = None,
    ) -> None:
        """Prepare a run; nothing is sent yet."""
        self._client = client
        self._workers = workers
        self._options = options
        self._exact_totals = exact_totals or ExactTotals()
        self._page_size = options.page_size
        self._bookmark: str | None = None
        self._watermark = ""  # the index is complete up to it: the pass's start - lookback
        self._emitted = EmittedRows()
        self._uncounted: dict[str, object] | None = None
        self.total: int | None = None  # rows that the first search announced
        self.archive_form: str | None = None  # of the request that works, where one was made
        self.rows_counted: int | None = None  # by Kustomer, in the ranges that were proven
        self.rows_in_range: int | None = None  # that were read in them

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
        self.total = probe.page.expected
        self._begin_pass(probe.started)
        end = _bounded(options.end, probe.started)
        settled = self._watermark if end is None else min(end, self._watermark)
        position = options.start
        page: SearchPage | None = probe.page
        search = self._search(probe.query)
        edge = TwoYearEdge.seen_at(probe.started)
        overlap = min(edge.end_of_overlap, settled)
        coverage = self._coverage_of(probe.query)
        if options.archive and edge.is_behind(position) and position < overlap:
            # Rows cross the edge from the standard search to the archive while this run reads,
            # so the days around the edge come from the standard search before the archive.
            self._emitted.keeps_all = True  # the archive and the rest show some of them again
            yield from self._near_edge(search, probe.page, overlap, coverage)
            yield from self._archived(probe.query, overlap, settled)
            self._emitted.keeps_all = False
            position, page = max(_last_in_place(probe.page, settled) or "", overlap), None
            if search.is_whole(probe.page):
                # A row of the archive that was updated meanwhile is behind the first answer.
                yield from self._emit([OrderedPage(None, _at_end(probe.page, settled))])
                position = settled
        elif search.is_whole(probe.page):
            yield from self._whole(search, probe.page, settled, coverage)
            return
        if position < settled:
            span = Bounds(position, settled)
            yield from self._emit(self._slices(probe.query, span, coverage, page), coverage)
            position, page = settled, None
        yield from self._proven(probe.query, coverage, settled)
        if end is None:
            yield from self._catch_up(probe.query, position, page)
        elif end > settled:
            reader = TailReader(self._search(probe.query))
            tasks = _one_task(reader.read, position, end, page)
            yield from self._emit(self._workers.in_order(tasks))

    # ------------------------------------------------------------ the first pass

    def _whole(
        self, search: PageSearch, page: SearchPage, settled: str, coverage: Coverage
    ) -> Iterator[FreshRows]:
        """Emit the one page that is the whole run, and count what an earlier run left uncounted."""
        parts = _parts_of(page, self._options.start, settled, self._watermark)
        yield from self._emit([OrderedPage(page, _at_end(page, settled), parts=parts)], coverage)
        yield from self._proven(search.query, coverage, settled)

    def _near_edge(
        self, search: PageSearch, first: SearchPage, edge: str, coverage: Coverage
    ) -> Iterator[FreshRows]:
        """Emit what the standard search has up to ``edge``; it settles nothing yet."""
        start, watermark = self._options.start, self._watermark
        if search.is_whole(first):
            behind = timestamps.behind(watermark)
            parts = (Part(start, behind, first.count_before(behind, watermark)),)
            yield from self._emit([OrderedPage(first, parts=parts)], coverage)
            return
        last = _last_in_place(first, watermark) or ""
        if last > edge:
            parts = (Part(start, last, first.count_before(last, watermark)),)
            yield from self._emit([OrderedPage(first, parts=parts)], coverage)
            return
        until = Until(edge, is_last=False)
        tasks = _one_task(RangeReader(search).read, start, until, first)
        pages = self._workers.in_order(tasks)
        yield from self._emit((replace(one, settled=None) for one in pages), coverage)

    def _archived(self, query: SearchQuery, edge: str, settled: str) -> Iterator[FreshRows]:
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
        ledger = self._client.ledger
        if query.context.startswith("kobject_"):
            same = form.query.attribute == query.attribute
            how = "it takes the other attribute"
            ledger.judge("archive-klass-attribute", holds=same, how=how, place=query.stream)
        if form.query.include_deleted != query.include_deleted:
            logger.warning(
                "%s: the archive search returns no deleted rows in this org.", query.stream
            )
            ledger.differs("include-deleted", "the archive refuses it", query.stream)
        coverage = self._coverage_of(form.query)
        pages = self._slices(form.query, bounds, coverage, first, edge)
        yield from self._emit(pages, coverage)
        end = edge
        beyond = self._search(form.query)
        page = self._workers.call(lambda: beyond.ask(Bounds(timestamps.behind(edge), settled)))
        if len(page) and edge < settled:
            # The edge lies further on than it should: the standard search may lack these rows.
            ledger.differs("two-year-edge", "the archive has later rows", query.stream)
            logger.info(
                "%s: the archive has rows updated after %s; reading those too.",
                query.stream,
                edge,
            )
            span, end = Bounds(timestamps.behind(edge), settled), settled
            pages = self._slices(form.query, span, coverage, page, settled)
            yield from self._emit((replace(one, settled=None) for one in pages), coverage)
        yield from self._proven(form.query, coverage, end)

    def _slices(
        self,
        query: SearchQuery,
        span: Bounds,
        coverage: Coverage,
        first: SearchPage | None = None,
        first_high: str | None = None,
    ) -> Iterator[OrderedPage]:
        """Yield the pages of a range below the watermark, several slices at a time.

        ``first`` is its first page, if it is known, of a search up to ``first_high``.
        """
        low, high = span.low, span.high or self._watermark
        plan = SlicePlan(
            low,
            high,
            page_size=self._page_size,
            readers=self._workers.size,
            buffer_bytes=BUFFER_BYTES,
        )
        coverage.is_due = True  # what one answer holds whole is not cut into slices
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

        yield from self._workers.in_order(next_task)
        gaps = [*plan.unread, *coverage.gaps(low, timestamps.behind(high))]
        if gaps:
            raise _unread(query, *gaps[0])

    # ------------------------------------------------------------ catch-up

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
        settled = self._watermark
        page = first or self._workers.call(lambda: search.ask(Bounds(low)))
        if search.is_whole(page):
            yield from self._emit([OrderedPage(page, _at_end(page, settled))])
            return
        newest: SearchPage | None = page
        if low < settled:
            coverage = Coverage()
            tasks = _one_task(RangeReader(search).read, low, Until(settled), page)
            yield from self._emit(self._workers.in_order(tasks), coverage)
            gaps = coverage.gaps(low, timestamps.behind(settled))
            if gaps:
                raise _unread(query, *gaps[0])
            yield from self._proven(query, coverage, settled)
            low, newest = settled, None
        tasks = _one_task(TailReader(search).read, low, None, newest)
        yield from self._emit(self._workers.in_order(tasks))

    # ------------------------------------------------------------ proof

    def _coverage_of(self, query: SearchQuery) -> Coverage:
        """Return the coverage of a pass, with what earlier runs read and could not count."""
        known = self._options.uncounted
        carried = None
        if isinstance(known, dict) and known.get("archive") is query.archive:
            since, until = (timestamps.normalise(known.get(key)) for key in ("since", "until"))
            rows = known.get("rows")
            if since is not None and until == self._options.start and type(rows) is int:
                carried = Part(since, until, rows)
        return Coverage(archive=query.archive, carried=carried)

    def _proven(self, query: SearchQuery, coverage: Coverage, high: str) -> Iterator[FreshRows]:
        """Have Kustomer count the pass that ended at ``high``, if it took more than one page.

        Yields rows that were missing. Raises: ``MissingRowsError``, after the bookmark went back.
        """
        if coverage.is_due:
            low = coverage.parts[0].low
            closing = ClosingCount(self._search(query), coverage, self._options.lookback_seconds)
            task = _one_task(closing.prove, low, timestamps.behind(high))
            try:
                pages = self._workers.in_order(task)
                yield from self._emit(replace(one, settled=None) for one in pages)
            except MissingRowsError as error:
                yield FreshRows(b"", [], error.low, goes_back=True)
                raise
            if closing.rows_counted is not None:
                self.rows_counted = (self.rows_counted or 0) + closing.rows_counted
                self.rows_in_range = (self.rows_in_range or 0) + (closing.rows_in_range or 0)
        self._uncounted = None
        yield FreshRows(b"", [], self._bookmark)

    # ------------------------------------------------------------ parts

    def _emit(
        self, pages: Iterable[OrderedPage], coverage: Coverage | None = None
    ) -> Iterator[FreshRows]:
        for ordered in pages:
            if coverage is not None:
                coverage.add(ordered.parts)
            if ordered.settled is not None:
                settled = max(min(ordered.settled, self._watermark), self._options.start)
                if self._bookmark is None or settled > self._bookmark:
                    self._bookmark = settled
                    self._uncounted = self._left_to_count(coverage)
            raw = b"" if ordered.page is None else ordered.page.raw
            indexes = self._emitted.new_rows(ordered)
            yield FreshRows(raw, indexes, self._bookmark, self._uncounted)

    def _left_to_count(self, coverage: Coverage | None) -> dict[str, object] | None:
        """Return what a run that goes on from the bookmark has to count besides its own."""
        if coverage is None or self._bookmark is None or not coverage.is_due:
            return None
        since = coverage.parts[0].low
        if since >= self._bookmark:
            return None
        rows = coverage.rows(since, self._bookmark)
        return {
            "archive": coverage.archive,
            "since": since,
            "until": self._bookmark,
            "rows": rows,
        }

    def _begin_pass(self, started: str) -> None:
        self._watermark = timestamps.shift(started, seconds=-self._options.lookback_seconds)
        self._emitted.watermark = self._watermark

    def _search(self, query: SearchQuery) -> PageSearch:
        return PageSearch(
            self._client,
            query,
            page_size=self._page_size,
            watermark=self._watermark,
            exact_totals=self._exact_totals,
        )

    def _now(self) -> str:
        return timestamps.from_epoch(self._client.server_time.now())


def _archive_forms(query: SearchQuery) -> list[Form[SearchQuery]]:
    """Return the forms of a query that the archive search may take, the likeliest first."""
    queries = [replace(query, archive=True)]
    if query.context.startswith("kobject_"):
        # UNCONFIRMED (archive-klass-attribute) which of the two the archive takes; it need not be
        # the same as above.
        queries += [
            replace(
                queries[0],
                attribute=f"{prefix}_updated_at",
                created_attribute=f"{prefix}_created_at",
            )
            for prefix in ("kobject", query.context)
        ]
    if not query.include_deleted:
        return [Form(f"{one.attribute}{_NO_DELETED}", one) for one in dict.fromkeys(queries)]
    forms = [Form(one.attribute, one) for one in dict.fromkeys(queries)]
    parts = [
        Form(
            f"{form.name}{_NO_DELETED}",
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
    """Return a task source that yields one task."""
    tasks = [PageTask(lambda: read(*args))]
    return lambda: tasks.pop() if tasks else None


def _unread(query: SearchQuery, low: str, high: str) -> StreamError:
    return StreamError(
        f"{query.stream}: nothing was read from {low} to {high}, so the stream stopped instead of "
        "losing rows. This is an error of tap-kustomer: please report it with this line."
    )


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


def _parts_of(page: SearchPage, low: str, high: str, watermark: str) -> tuple[Part, ...]:
    """Return what a page that is the whole run has read up to ``high``: to its last row, and on."""
    behind = timestamps.behind(high)
    last = min(_last_in_place(page, high) or low, behind)
    rows = page.count_before(last, watermark)
    return (
        Part(low, last, rows),
        Part(last, behind, page.count_before(behind, watermark) - rows),
    )
