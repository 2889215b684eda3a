"""One page of a search, whole and checked: nothing is trusted that was not seen to hold."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import (
    EmptiedRowsError,
    PageFailedError,
    RequestRefusedError,
    StreamError,
    UntrustedAnswerError,
)
from tap_kustomer.readers.search.page import SearchPage, peek
from tap_kustomer.readers.search.query import Bounds, SearchQuery

__all__ = ["ExactTotals", "PageSearch"]

logger = logging.getLogger("tap-kustomer.search")

SEARCH_PATH = "/v1/customers/search"
ARCHIVE_PATH = "/v1/customers/archive/search"
SMALLER_PAGE = 100  # rows; what every endpoint is documented to give
SMALLEST_PAGE = 25  # rows; a page that fails is asked for in halves down to it

# What searches bring besides custom objects; each context is called as its rows are.
_KINDS = frozenset(
    {
        "customer", "company", "conversation", "conversation_time", "message", "note",
        "work_item", "work_session",
    }
)  # fmt: skip
_TRIES_FOR_SIZE = 3  # failures of one page until a smaller one is asked for

_TRIES = 6  # times that one page is asked for until it is whole
_TRIES_FOR_IDS = 2  # after which a row without an id is left to the row maker, which refuses it
_PAUSE = 1.0  # seconds before a page is asked for again, doubled with each try


@dataclass
class ExactTotals:
    """Whether the live search takes ``trackTotalHits``; shared by the searches of a run.

    Without it a total may stop at a cap. It is an official parameter of the live search, not of
    the archive; a search that refuses it is asked without it.
    """

    taken: bool = False
    refused: bool = False


class PageSearch:
    """Asks for single pages of one query. Used by one thread at a time.

    ``watermark``: the index is complete up to it. A row stamped later may be newer than its
    index entry. It is given out, but it proves nothing about order, bounds and position.
    """

    def __init__(
        self,
        client: KustomerClient,
        query: SearchQuery,
        *,
        page_size: int,
        watermark: str,
        exact_totals: ExactTotals | None = None,
    ) -> None:
        """Prepare for asking; nothing is sent yet."""
        self.client = client
        self.query = query
        self.page_size = page_size
        self.watermark = watermark
        self.requests = 0
        self._exact_totals = exact_totals or ExactTotals()
        self._size_proven = False
        self.takes_emptied = False  # rows without attributes, which an earlier run has seen, too

    # ------------------------------------------------------------ pages

    def ask(self, bounds: Bounds, number: int = 1) -> SearchPage:
        """Return page ``number`` of the search, whole and checked.

        Raises: ``EmptiedRowsError`` for rows that stay without their attributes,
        ``RequestRefusedError`` when Kustomer does not take the query,
        ``UntrustedAnswerError`` when it ignores a part of it twice, ``StreamError`` when the
        page stays partial.
        """
        pause = _PAUSE
        distrusted = False
        for attempt in range(_TRIES):
            if attempt:
                self.client.clock.sleep(pause)
                pause *= 2
            if attempt == _TRIES // 2 and number == 1:
                self.page_size = min(self.page_size, SMALLER_PAGE)
            page = self._sized(bounds, number)
            if self._is_partial(page, number, attempt):
                self._note("whole-pages", "`timed_out`" if page.timed_out else "rows are missing")
                logger.warning(
                    "%s: Kustomer sent only part of a page (%d rows of %s); requesting it again.",
                    self.query.stream,
                    len(page),
                    page.total,
                )
                continue
            if page.emptied and not self.takes_emptied:
                raise self._emptied()
            try:
                self._check(page, bounds)
            except UntrustedAnswerError as error:
                if distrusted:
                    self._note(error.assumption, "the answer ignores it")
                    raise
                distrusted = True  # one odd answer decides nothing
                continue
            self._size_proven = True
            self._note_page(page)
            if page.total is None and number == 1:
                page = self._with_end_known(page, bounds)
            return page
        msg = (
            f"{self.query.stream}: Kustomer sent only a part of a search page {_TRIES} "
            "times in a row, so the stream stopped instead of losing rows. Run again later; "
            "lower `page_size` if it stays so."
        )
        raise StreamError(msg)

    def is_whole(self, page: SearchPage) -> bool:
        """Whether ``page``, the first of a search, holds every row that matches.

        A full page never counts as whole: its total may be that of a part of the index, and the
        next page shows what follows.
        """
        if len(page) >= self.page_size:
            return False
        return page.is_end if page.total is None else page.total <= len(page)

    def confirmed_total(self, page: SearchPage, bounds: Bounds, expected: float) -> SearchPage:
        """Return ``page``, or a later answer when it has fewer rows than the ``expected`` ones.

        Rows leave a range below the watermark when they are updated, so its total may shrink.
        It also shrinks when the index answers with a part of itself. It never grows, so an
        answer counts when the one after it has no more rows.

        Raises: ``StreamError`` when the answers keep growing.
        """
        if page.total is None or page.total >= expected:
            return page
        for _ in range(_TRIES):
            again = self.ask(bounds)
            if (again.total or 0) <= (page.total or 0):
                return page
            page = again
            self.client.clock.sleep(_PAUSE)
        raise self.disagreement()

    def count(self, bounds: Bounds) -> SearchPage:
        """Return an answer of one row at most, for its total.

        Raises: what ``ask`` raises.
        """
        pause = _PAUSE
        for _ in range(_TRIES):
            page = self._send(bounds, 1, 1)
            empty = page.total == 0
            if not page.timed_out and (page.total is None or empty == (not page.keys)):
                self._check_keys(page, bounds)
                return page
            self.client.clock.sleep(pause)
            pause *= 2
        raise self.disagreement()

    def disagreement(self) -> StreamError:
        """Return the error for answers that now have some rows and then lack them."""
        return StreamError(
            f"{self.query.stream}: Kustomer's answers do not agree on how many rows there are, so "
            "the stream stopped instead of losing rows. Run again later."
        )

    def _emptied(self) -> EmptiedRowsError:
        return EmptiedRowsError(
            f"{self.query.stream}: Kustomer sent rows without their attributes, also when asked "
            "again, so the stream stopped instead of emptying them. Run again; the next run takes "
            "them as they are if that has not changed."
        )

    # ------------------------------------------------------------ one answer

    def _sized(self, bounds: Bounds, number: int) -> SearchPage:
        """Return a page of the size that was asked for; smaller if Kustomer gives no more."""
        try:
            page = self._of_size_that_works(bounds, number)
        except RequestRefusedError:
            # Documented for the search, UNCONFIRMED (archive-page-size) for the archive that it
            # takes 500 rows.
            proven = self._size_proven or not self.query.archive
            if proven or self.page_size <= SMALLER_PAGE:
                raise
            page = self._send(bounds, number, SMALLER_PAGE)
            self._note("archive-page-size", f"it refuses {self.page_size} rows a page")
            self.page_size = SMALLER_PAGE
        if page.page_size is not None and 0 < page.page_size < self.page_size:
            logger.info(
                "%s: Kustomer gives %d rows a page instead of %d.",
                self.query.stream,
                page.page_size,
                self.page_size,
            )
            self._note(self._size_assumed, f"it gives {page.page_size} of {self.page_size}")
            self.page_size = page.page_size
            page = self._send(bounds, number, self.page_size)
        return page

    def _of_size_that_works(self, bounds: Bounds, number: int) -> SearchPage:
        """Return a page; a smaller first one where the server fails at one of that size."""
        if number > 1 or self.page_size <= SMALLEST_PAGE:
            return self._send(bounds, number, self.page_size)
        try:
            return self._send(bounds, number, self.page_size, page_tries=_TRIES_FOR_SIZE)
        except PageFailedError as error:
            size = max(self.page_size // 2, SMALLEST_PAGE)
            logger.warning("%s: %s Asking for %d rows a page.", self.query.stream, error, size)
        self.page_size = size
        return self._of_size_that_works(bounds, number)

    def _send(
        self, bounds: Bounds, number: int, size: int, page_tries: int | None = None
    ) -> SearchPage:
        """Return the answer to one search, with an exact total where Kustomer gives one."""
        exact = self._exact_totals
        if self.query.archive or exact.refused:
            return self._fetch(bounds, number, size, page_tries=page_tries)
        tracked = {"trackTotalHits": "true"}
        try:
            page = self._fetch(bounds, number, size, tracked, page_tries=page_tries)
        except RequestRefusedError:
            if exact.taken:
                raise
            page = self._fetch(
                bounds, number, size, page_tries=page_tries
            )  # raises where the query itself is refused
            exact.refused = True
            logger.debug("Kustomer's search does not take `trackTotalHits`; totals may be capped.")
            self._note("exact-totals", "it refuses `trackTotalHits`")
            return page
        exact.taken = True
        self.client.ledger.holds("exact-totals")
        return page

    def _fetch(
        self,
        bounds: Bounds,
        number: int,
        size: int,
        params: Mapping[str, str] | None = None,
        *,
        page_tries: int | None = None,
    ) -> SearchPage:
        self.requests += 1
        request = Request(
            path=ARCHIVE_PATH if self.query.archive else SEARCH_PATH,
            params={"page": number, "pageSize": size, **(params or {})},
            body=self.query.body(bounds),
            budget=Budget.SEARCH,
        )
        return self.client.fetch(
            request, lambda raw: peek(raw, self.query.field), page_tries=page_tries
        )

    def _is_partial(self, page: SearchPage, number: int, attempt: int) -> bool:
        """Whether the page lacks rows that it announces, or announces fewer than it has."""
        if page.timed_out or (
            attempt < _TRIES_FOR_IDS and any(key.id is None for key in page.keys)
        ):
            return True
        before = (number - 1) * self.page_size
        if page.total is None:
            return len(page) < min(self.page_size, page.at_least - before)
        left = page.total - before
        return len(page) < min(self.page_size, left) or len(page) > max(left, 0)

    # ------------------------------------------------------------ ledger

    @property
    def _size_assumed(self) -> str:
        return "archive-page-size" if self.query.archive else "search-page-size"

    def _note(self, assumption: str, how: str) -> None:
        self.client.ledger.differs(assumption, how, self.query.stream)

    def _note_page(self, page: SearchPage) -> None:
        """Note what a page that is whole and checked shows of what is assumed."""
        ledger = self.client.ledger
        if page.total is not None:
            ledger.holds("totals-told")
        elif page.at_least:
            self._note("total-cap", f"a total of exactly {page.at_least}")
        else:
            self._note("totals-told", "there is none, or no whole number")
        if not page.keys:
            return
        for assumption in ("search-filter", "search-sort", "whole-pages"):
            ledger.holds(assumption)
        if self.page_size in {len(page), page.page_size}:
            ledger.holds(self._size_assumed)
        if any(key.updated is None for key in page.keys):
            self._note("updated-at", "rows without `updatedAt`")
        else:
            ledger.holds("updated-at")
        has_many_ties = page.has_many_ties
        if has_many_ties:
            self._note("ties", "half of them or more do")
        elif has_many_ties is False:
            ledger.holds("ties")

    def _with_end_known(self, page: SearchPage, bounds: Bounds) -> SearchPage:
        """Return ``page``, which tells no total, with it known whether rows follow.

        A short page alone proves nothing: the server may cut pages in silence, or have sent a
        part. So it counts as the end only once a search behind its last row brings nothing new.
        """
        for _ in range(_TRIES):
            if len(page) >= self.page_size:
                return page
            following = self._send(*self._behind(page, bounds), self.page_size)
            if following.ids <= page.ids:
                return replace(page, is_end=True)
            again = self._send(bounds, 1, self.page_size)
            if len(again) <= len(page):
                self.page_size = max(len(page), 1)  # all that the server gives at once
                return page
            self._check(again, bounds)
            page = again
        raise self.disagreement()

    def _behind(self, page: SearchPage, bounds: Bounds) -> tuple[Bounds, int]:
        """Return bounds and page number of a search for what follows ``page``."""
        if not page.keys:
            return bounds, 1
        if bounds.created_low is not None:
            stamps = [key.created for key in page.keys if key.created]
            behind = replace(bounds, created_low=stamps[-1]) if stamps else bounds
        else:
            stamps = [key.updated for key in page.keys if key.updated]
            stamps = [stamp for stamp in stamps if stamp <= self.watermark]
            behind = replace(bounds, low=stamps[-1]) if stamps else bounds
        return (behind, 1) if stamps and stamps[0] < stamps[-1] else (bounds, 2)

    # ------------------------------------------------------------ checks

    def _check(self, page: SearchPage, bounds: Bounds) -> None:
        """Refuse a page that shows that a filter, the sort or the page size was ignored."""
        if len(page) > self.page_size or (page.page_size or 0) > self.page_size:
            self._distrust("the page size", self._size_assumed)
        if _has_others(page.kinds, self.query.context):
            # Such as the answer to another search, out of a cache.
            self._distrust("the kind of rows")
        self._check_keys(page, bounds)

    def _check_keys(self, page: SearchPage, bounds: Bounds) -> None:
        by_creation = bounds.created_low is not None
        last = ""
        for key in page.keys:
            if bounds.without_creation and key.created is not None:
                self._distrust(f"the filter on {self.query.created_attribute}")
            if key.updated is None or key.updated > self.watermark:
                if bounds.high and (key.updated or "") > bounds.high:
                    self._note("index-in-place", "rows are fresher than their place")
                continue
            if key.updated < bounds.low or (bounds.high and key.updated > bounds.high):
                self._distrust(f"the filter on {self.query.attribute}")
            place = (key.created or last) if by_creation else key.updated
            if place < last:
                self._distrust("the sort", "search-sort")
            last = place
            if by_creation and key.created and not _within(key.created, bounds):
                self._distrust(f"the filter on {self.query.created_attribute}")

    def _distrust(self, part: str, assumption: str = "search-filter") -> NoReturn:
        msg = (
            f"{self.query.stream}: Kustomer's answer ignores {part} of the search (queryContext "
            f"{self.query.context}), so it cannot be trusted to be complete."
        )
        raise UntrustedAnswerError(msg, assumption=assumption)


def _has_others(kinds: frozenset[str], context: str) -> bool:
    """Whether some rows are surely not of the searched kind; a name that is not known may be."""
    if context.startswith("kobject"):
        return not kinds.isdisjoint(_KINDS)
    others = _KINDS - {context}
    return any(kind in others or kind.startswith("kobject") for kind in kinds)


def _within(created: str, bounds: Bounds) -> bool:
    high = bounds.created_high
    return created >= (bounds.created_low or "") and (high is None or created <= high)
