"""One run of a search stream: a first pass in slices, then a catch-up.

``emission.py`` has the bookmark's rule. A pass that took more than one page ends with a count of
its range by Kustomer, see ``proof.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.edge import TwoYearEdge
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.negotiation import Form
from tap_kustomer.readers.prefetch import BUFFER_BYTES, Job, Prefetch, only
from tap_kustomer.readers.search.archive import settle_archive
from tap_kustomer.readers.search.ask import ExactTotals, PageSearch
from tap_kustomer.readers.search.coverage import Coverage, parts_of_whole
from tap_kustomer.readers.search.emission import Emission, NewRows
from tap_kustomer.readers.search.keyset import RangeReader, Until
from tap_kustomer.readers.search.options import FirstPage, ReadOptions
from tap_kustomer.readers.search.page import OrderedPage, Part, SearchPage
from tap_kustomer.readers.search.proof import Proof, check_joined
from tap_kustomer.readers.search.query import Bounds, SearchQuery
from tap_kustomer.readers.search.recount import Recount
from tap_kustomer.readers.search.slices import Slice, SlicePlan
from tap_kustomer.readers.search.tail import TailReader
from tap_kustomer.timestamps import before, behind, from_epoch, seconds_between, shift

__all__ = ["SearchReader"]

logger = logging.getLogger("tap-kustomer.search")

_CONFIRMING_PAUSE = 1.0  # seconds until a page that breaks what was asked for is asked for again
_LONG = 21_600.0  # seconds by which the edge may have moved on before the next days are looked at
_MOST_STRETCHES = 8  # that are read from both searches; each takes as long as few searches take


class SearchReader:
    """Reads everything that one run of a search stream owes. Used by the main thread."""

    def __init__(
        self,
        client: KustomerClient,
        prefetch: Prefetch,
        options: ReadOptions,
        exact_totals: ExactTotals | None = None,
    ) -> None:
        """Prepare a run; nothing is sent yet."""
        self._client = client
        self._prefetch = prefetch
        self._options = options
        self._exact_totals = exact_totals or ExactTotals()
        self._page_size = options.page_size
        self._emission = Emission(options.start)
        self._emit = self._emission.emit
        self.proof = Proof(
            prefetch,
            self._emission,
            start=options.start,
            uncounted=options.uncounted,
            lookback_seconds=options.lookback_seconds,
        )
        self.total: int | None = None  # rows that the first search announced
        self.archive_form: str | None = None  # of the request that works, where one was made
        self.edge_later = options.edge_later  # seconds, as this run or an earlier one has seen

    def first_page(self, query: SearchQuery) -> FirstPage:
        """Send the first search of the run, in whatever thread calls this.

        Raises: what ``PageSearch.ask`` raises.
        """
        started = self._now()
        self._begin_pass(started)
        search = self._search(query)
        bounds = Bounds(self._options.start, _bounded(self._options.end, started))
        recount = self._recount(started)
        page = search.ask(bounds if recount is None else Bounds(recount.since))
        if recount is not None and not search.is_whole(page):
            recount, page = None, search.ask(bounds)  # too much is new to look at both
        self._page_size = search.page_size
        return FirstPage(query, page, started, search.page_size, recount)

    def _recount(self, started: str) -> Recount | None:
        """Return what the run before left to look at again, where one search can show both."""
        options = self._options
        if options.end is not None or self._is_near(self._edge_at(started)):
            return None
        return Recount.parse(options.uncounted, options.start, options.page_size)

    def _edge_at(self, now: str) -> TwoYearEdge:
        return TwoYearEdge.seen_at(now).moved(self.edge_later)

    def _is_near(self, edge: TwoYearEdge) -> bool:
        return edge.hides_from(self._options.start, resumes=self._options.resumes)

    def read(self, first: FirstPage) -> Iterator[NewRows]:
        """Yield the rows of the run in order of their update, page by page.

        Raises: an error of ``tap_kustomer.errors``; what was yielded before it stays valid.
        """
        options = self._options
        self.total = first.expected
        self._begin_pass(first.started)
        end = _bounded(options.end, first.started)
        settled = self._emission.watermark if end is None else min(end, self._emission.watermark)
        position = options.start
        page: SearchPage | None = first.page
        search = self._search(first.query)
        coverage = self.proof.coverage_of(first.query)
        if options.archive and self._is_near(self._edge_at(first.started)):
            # The archive and the rest show some rows again.
            self._emission.emitted.keeps_all = True
            coverage.is_due = True  # also of one page: no later run looks at these rows again
            position = yield from self._across_edge(first, settled, coverage)
            self._emission.emitted.keeps_all = False
            page = None
            if search.is_whole(first.page):
                # A row of the archive that was updated meanwhile is behind the first answer.
                yield from self._emit([OrderedPage(None, first.page.end_of_rows(settled))])
                position = settled
        elif search.is_whole(first.page):
            yield from self._whole(search, first, settled, coverage)
            return
        if position < settled:
            span = Bounds(position, settled)
            yield from self._emit(self._slices(first.query, span, coverage, page), coverage)
            position, page = settled, None
        # Kustomer counts and shows what came since at the same time: neither needs the other.
        newest = self._begin_catch_up(first, position, page) if end is None else None
        yield from self._proven(first.query, coverage, settled)
        if newest is not None:
            yield from self._catch_up(first.query, position, newest)
        elif end is not None and end > settled:
            reader = TailReader(self._search(first.query))
            yield from self._emit(self._read_on(reader.read(position, end, page)))

    # ------------------------------------------------------------ the first pass

    def _whole(
        self, search: PageSearch, first: FirstPage, settled: str, coverage: Coverage
    ) -> Iterator[NewRows]:
        """Emit the one page that is the whole run, and count what an earlier run left uncounted."""
        page, low = first.page, self._options.start
        watermark = self._emission.watermark
        known = first.recount
        if known is not None and not known.is_exceeded(page):
            self._emission.emitted.low = known.until
        elif known is not None:
            low = known.since
            self._client.ledger.differs(
                "whole-pages", "an answer that seemed whole was a part", search.query.stream
            )
            logger.warning(
                "%s: Kustomer now shows more than the %d rows between %s and %s that it had when "
                "the last run asked; reading all of them again.",
                search.query.stream,
                known.rows,
                known.since,
                known.until,
            )
        parts = parts_of_whole(page, low, settled, watermark)
        yield from self._emit([OrderedPage(page, page.end_of_rows(settled), parts=parts)], coverage)
        recount = Recount.left_by(page, low, watermark) if self._options.end is None else None
        yield from self.proof.of_pass(self._search(search.query), coverage, settled, recount)

    # ------------------------------------------------------------ across the two-year edge

    def _across_edge(
        self, first: FirstPage, settled: str, coverage: Coverage
    ) -> Generator[NewRows, None, str]:
        """Read what lies before the edge and near it; return from where on the rest is to be read.

        Rows cross the edge from the standard search to the archive all the time, so the days
        around it come from the standard search before the archive. So do the next days where the
        edge turns out to lie later, or to have moved on while all that was read.
        """
        end = min(self._edge_at(first.started).end_of_overlap, settled)
        yield from self._near_edge(first, self._options.start, end, settled, coverage)
        span = Bounds(self._options.start, end)
        form, page = self._open_archive(first.query, span)
        archived = self.proof.coverage_of(form.query)
        pages = self._slices(form.query, span, archived, page, end)
        for stretch in range(_MOST_STRETCHES):
            yield from self._emit(pages, archived)
            following = end
            if end < settled:
                rest = Bounds(behind(end), settled)
                # One empty answer proves nothing; those of later stretches follow others.
                times = 1 if stretch else 2
                following = self._end_behind(first.query, form.query, rest, times)
            yield from self._proven(form.query, archived, end)
            moved = min(self._edge_at(self._now()).end_of_overlap, settled)
            following = max(following, moved if moved > shift(end, seconds=_LONG) else end)
            if following == end:
                return max(first.page.last_in_place(settled) or "", end)
            yield from self._near_edge(first, end, following, settled, coverage)
            pages = self._slices(form.query, Bounds(behind(end), following), archived)
            end = following
        msg = (
            f"{first.query.stream}: rows go to the archive faster than it can be read, behind "
            f"{end} too, so some of them may be missing. Run again later; the bookmark stays in "
            "front of them."
        )
        raise StreamError(msg)

    def _near_edge(
        self, first: FirstPage, low: str, end: str, settled: str, coverage: Coverage
    ) -> Iterator[NewRows]:
        """Emit what the standard search has between ``low`` and ``end``; it settles nothing yet."""
        start, watermark = self._options.start, self._emission.watermark
        search, page = self._search(first.query), first.page
        is_first = low == start
        last = behind(watermark) if search.is_whole(page) else page.last_in_place(watermark) or ""
        if last > end:
            if is_first:
                parts = (Part(start, last, page.count_before(last, watermark)),)
                yield from self._emit([OrderedPage(page, parts=parts)], coverage)
            return
        until = Until(end, is_last=end == settled)
        reader = RangeReader(search)
        pages = reader.read(start, until, page) if is_first else reader.read(max(low, last), until)
        yield from self._emit(
            (replace(one, settled=None) for one in self._read_on(pages)), coverage
        )

    def _open_archive(
        self, query: SearchQuery, span: Bounds
    ) -> tuple[Form[SearchQuery], SearchPage]:
        """Return the first form of the query that the archive search takes, and its first page."""

        def ask(query: SearchQuery) -> SearchPage:
            search = self._search(query)
            return self._prefetch.call(lambda: search.ask(span))

        form, page = settle_archive(
            query,
            ask,
            ledger=self._client.ledger,
            remembered=self._options.archive_form,
            pause=lambda: self._client.clock.sleep(_CONFIRMING_PAUSE),
        )
        self.archive_form = form.name
        return form, page

    def _end_behind(
        self, standard: SearchQuery, archive: SearchQuery, rest: Bounds, times: int
    ) -> str:
        """Return where the days around the edge end, if the archive shows that they go on.

        The edge lies before the oldest row that the standard search has in the ``rest``. Where the
        archive has none in it, also when it is asked so many ``times``, that begins behind them.
        """
        search, settled = self._search(archive), rest.high or ""
        if not any(len(self._prefetch.call(lambda: search.ask(rest))) for _ in range(times)):
            return before(rest.low)
        self._client.ledger.differs("two-year-edge", "the archive has later rows", standard.stream)
        logger.info(
            "%s: the archive has rows updated from %s on; reading those too.",
            standard.stream,
            rest.low,
        )
        search = self._search(standard)
        page = self._prefetch.call(lambda: search.ask(rest))
        oldest = min((key.updated for key in page.keys if key.updated), default=settled)
        self.edge_later = seconds_between(TwoYearEdge.seen_at(self._now()).moment, oldest)
        return min(TwoYearEdge(oldest).end_of_overlap, settled)

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
        low, high = span.low, span.high or self._emission.watermark
        plan = SlicePlan(
            low,
            high,
            page_size=self._page_size,
            readers=self._prefetch.size,
            buffer_bytes=BUFFER_BYTES,
        )
        coverage.is_due = True  # what one answer holds whole is not cut into slices
        opening = [first]
        jobs: dict[Slice | None, Job[OrderedPage]] = {}

        def next_job() -> Job[OrderedPage] | None:
            slice_ = plan.next_slice()
            if slice_ is None:
                return None
            page = opening.pop() if opening else None
            reader = RangeReader(self._search(query))
            job = Job(read_slice(reader, slice_, page), behind=jobs.get(slice_.before))
            jobs[slice_] = job
            return job

        def read_slice(
            reader: RangeReader, slice_: Slice, page: SearchPage | None
        ) -> Iterator[OrderedPage]:
            yield from reader.read(slice_.low, slice_, page, first_high)
            slice_.end()

        yield from self._prefetch.in_order(next_job)
        check_joined(query, [*plan.unread, *coverage.gaps(low, behind(high))])

    # ------------------------------------------------------------ catch-up

    def _begin_catch_up(
        self, first: FirstPage, low: str, known: SearchPage | None
    ) -> tuple[str, Callable[[], SearchPage]]:
        """Ask for the first page of the catch-up; return when it begins, and what waits for it.

        ``known`` is that page, where the first pass has one left.
        """
        if known is not None:
            return first.started, lambda: known
        started = self._now()
        search = self._search(first.query, self._watermark_of(started))
        return started, self._prefetch.ask(lambda: search.ask(Bounds(low)))

    def _catch_up(
        self, query: SearchQuery, low: str, newest: tuple[str, Callable[[], SearchPage]]
    ) -> Iterator[NewRows]:
        """Read what was updated during the first pass, without upper bound.

        It begins where the first pass ended, which is the bookmark or, when the last rows
        before that moment are older, behind it where nothing is.
        """
        started, waits = newest
        self._begin_pass(started)
        page = waits()
        search = self._search(query)
        settled = self._emission.watermark
        if search.is_whole(page):
            yield from self._emit([OrderedPage(page, page.end_of_rows(settled))])
            return
        rest: SearchPage | None = page
        if low < settled:
            coverage = Coverage()
            pages = RangeReader(search).read(low, Until(settled), page)
            yield from self._emit(self._read_on(pages), coverage)
            check_joined(query, coverage.gaps(low, behind(settled)))
            yield from self._proven(query, coverage, settled)
            low, rest = settled, None
        yield from self._emit(self._read_on(TailReader(search).read(low, None, rest)))

    # ------------------------------------------------------------ parts

    def _read_on(self, pages: Iterator[OrderedPage]) -> Iterator[OrderedPage]:
        return self._prefetch.in_order(only(pages))

    def _proven(self, query: SearchQuery, coverage: Coverage, high: str) -> Iterator[NewRows]:
        return self.proof.of_pass(self._search(query), coverage, high)

    def _begin_pass(self, started: str) -> None:
        self._emission.begin_pass(self._watermark_of(started))

    def _watermark_of(self, started: str) -> str:
        return shift(started, seconds=-self._options.lookback_seconds)

    def _search(self, query: SearchQuery, watermark: str | None = None) -> PageSearch:
        search = PageSearch(
            self._client,
            query,
            page_size=self._page_size,
            watermark=watermark or self._emission.watermark,
            exact_totals=self._exact_totals,
        )
        search.takes_emptied = self._options.takes_emptied
        return search

    def _now(self) -> str:
        return from_epoch(self._client.server_time.now())


def _bounded(end: str | None, started: str) -> str | None:
    """Return the upper bound that the user set, if it lies before the run's start."""
    return end if end is not None and end < started else None
