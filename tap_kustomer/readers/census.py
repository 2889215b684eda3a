"""Kustomer's own count of rows, and the ids that it has, by ranges of their creation.

A row's creation does not move, so a range below the run's start only loses rows: what is read page
by page is proven by Kustomer's count of the same range. Rows that go or come meanwhile, ties that
change places and answers of a part of the index all show as a count that differs; then the range
is halved until it fits on a page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import RequestRefusedError, StreamError, UntrustedAnswerError
from tap_kustomer.readers.search.ask import ARCHIVE_PATH, SEARCH_PATH, SMALLER_PAGE
from tap_kustomer.readers.search.page import SearchPage, peek
from tap_kustomer.readers.search.query import Bounds, SearchQuery

__all__ = ["FIRST", "Census", "PageSizeChangedError", "Span", "before", "halves"]

logger = logging.getLogger("tap-kustomer.census")

FIRST = "1900-01-01T00:00:00.000Z"  # before any row, however far back an import dates it
PAGE_SIZE = 500
_TRIES = 6  # times that one page is asked for until it is whole
_PAUSE = 1.0  # seconds before a page is asked for again, doubled with each try


@dataclass(frozen=True)
class Span:
    """A range of creation, both ends included; UTC text. ``updated_*`` narrow it by update."""

    low: str
    high: str
    updated_low: str = FIRST
    updated_high: str | None = None
    without_creation: bool = False  # the rows that do not tell when they were created instead


class Census:
    """Asks one search for counts and ids. Used by several threads at once."""

    def __init__(self, client: KustomerClient, query: SearchQuery) -> None:
        """Ask nothing yet; ``query`` is a form of the search that Kustomer takes."""
        self.client = client
        self.query = query
        self.page_size = PAGE_SIZE
        self._ids_only = True
        self._exact_totals = not query.archive

    @property
    def by_creation(self) -> bool:
        """Whether rows tell creation and update apart."""
        return self.query.created_attribute is not None

    def count(self, span: Span) -> int:
        """Return how many rows there are, by halves where a total is capped.

        Raises: ``StreamError`` when Kustomer does not tell.
        """
        total = self.first_row(span).total
        if total is not None:
            return total
        parts = halves(span)
        if parts is None:
            msg = (
                f"{self.query.stream}: Kustomer does not say how many rows were created at "
                f"{span.low}, so they cannot be counted."
            )
            raise StreamError(msg)
        return sum(self.count(half) for half in parts)

    def first_row(self, span: Span) -> SearchPage:
        """Return the row that was created first, with the total of the range."""
        return self.ask(span, size=1, ids_only=False)

    def oldest_update(self) -> str | None:
        """Return when the row was updated that was not updated for the longest time."""
        params = {"page": 1, "pageSize": 1}
        request = self._request(self.query.body(Bounds(FIRST)), params)
        page = self.client.fetch(request, lambda raw: peek(raw, self.query.field))
        return page.keys[0].updated if page.keys else None

    def ask(
        self, span: Span, number: int = 1, *, size: int | None = None, ids_only: bool = True
    ) -> SearchPage:
        """Return a page, whole as far as its total tells, within the range.

        Raises: ``StreamError`` when it stays partial, or when the range is ignored.
        """
        pause = _PAUSE
        for _ in range(_TRIES):
            page = self._sized(span, number, size, ids_only=ids_only)
            if not self._is_partial(page, number, size or self.page_size):
                self._check(page, span)
                return page
            self.client.clock.sleep(pause)
            pause *= 2
        msg = (
            f"{self.query.stream}: Kustomer sent only a part of a search page {_TRIES} times in a "
            "row. Run again later."
        )
        raise StreamError(msg)

    def _sized(self, span: Span, number: int, size: int | None, *, ids_only: bool) -> SearchPage:
        """Return a page of the size that was asked for; smaller if Kustomer gives no more."""
        asked = size or self.page_size
        try:
            page = self._send(span, number, asked, ids_only=ids_only)
        except RequestRefusedError:
            # Documented for the search, UNCONFIRMED (archive-page-size) for the archive that it
            # takes 500 rows.
            if not self.query.archive or asked <= SMALLER_PAGE:
                raise
            self._note("archive-page-size", f"it refuses {asked} rows a page")
            self.page_size = SMALLER_PAGE
            raise PageSizeChangedError from None
        if size is None and page.page_size is not None and 0 < page.page_size < asked:
            size_assumed = "archive-page-size" if self.query.archive else "search-page-size"
            self._note(size_assumed, f"it gives {page.page_size} of {asked}")
            self.page_size = page.page_size
            raise PageSizeChangedError
        return page

    def _send(self, span: Span, number: int, size: int, *, ids_only: bool) -> SearchPage:
        """Return an answer; without the parameters that Kustomer does not take here."""
        params: dict[str, Any] = {"page": number, "pageSize": size}
        wanted = {}
        if ids_only and self._ids_only:
            wanted["idsOnly"] = "true"
        if self._exact_totals:
            wanted["trackTotalHits"] = "true"
        try:
            return self._fetch(span, {**params, **wanted})
        except RequestRefusedError:
            for name in wanted:
                without = {key: value for key, value in wanted.items() if key != name}
                page = self._try(span, {**params, **without})
                if page is not None:
                    logger.debug("%s: the search does not take %s.", self.query.stream, name)
                    self._note("ids-only" if name == "idsOnly" else "exact-totals", "refused")
                    self._ids_only &= name != "idsOnly"
                    self._exact_totals &= name != "trackTotalHits"
                    return page
            if not wanted:
                raise
            page = self._fetch(span, params)  # raises where the query itself is refused
            self._ids_only = self._exact_totals = False
            for assumption in ("ids-only", "exact-totals"):
                self._note(assumption, "refused")
            return page

    def _note(self, assumption: str, how: str) -> None:
        self.client.ledger.differs(assumption, how, self.query.stream)

    def _try(self, span: Span, params: dict[str, Any]) -> SearchPage | None:
        try:
            return self._fetch(span, params)
        except RequestRefusedError:
            return None

    def _fetch(self, span: Span, params: dict[str, Any]) -> SearchPage:
        request = self._request(self.query.body(self._bounds(span)), params)
        return self.client.fetch(request, self._keys)

    def _keys(self, raw: bytes) -> SearchPage:
        """Return a page without its bytes: many wait together until they are proven."""
        return replace(peek(raw, self.query.field, ids_only=True), raw=b"")

    def _request(self, body: dict[str, Any], params: dict[str, Any]) -> Request:
        path = ARCHIVE_PATH if self.query.archive else SEARCH_PATH
        return Request(path, params, body, Budget.SEARCH)

    def _bounds(self, span: Span) -> Bounds:
        if not self.by_creation:
            return Bounds(max(span.low, span.updated_low), span.high)
        if span.without_creation:
            return Bounds(span.updated_low, span.updated_high, without_creation=True)
        return Bounds(
            span.updated_low, span.updated_high, created_low=span.low, created_high=span.high
        )

    def _is_partial(self, page: SearchPage, number: int, size: int) -> bool:
        """Whether the page lacks rows that it announces, or announces fewer than it has."""
        if page.timed_out:
            return True
        if page.total is None:
            return False
        left = max(page.total - (number - 1) * size, 0)
        return len(page) != min(size, left)

    def _check(self, page: SearchPage, span: Span) -> None:
        """Refuse a page with a row that has no id, or that was created outside of the range."""
        if not all(page.ids):
            msg = f"{self.query.stream}: Kustomer sent a row without an id. Report it to Kustomer."
            raise UntrustedAnswerError(msg)
        for key in page.keys:
            if key.created is not None and (
                span.without_creation or not span.low <= key.created <= span.high
            ):
                msg = (
                    f"{self.query.stream}: Kustomer's answer ignores the filter on the creation "
                    f"(queryContext {self.query.context}), so it cannot be counted by it."
                )
                raise UntrustedAnswerError(msg)


class PageSizeChangedError(Exception):
    """Kustomer gives smaller pages than were asked for: the range is read anew in that size."""


def before(moment: str) -> str:
    """Return the last moment before ``moment``."""
    return timestamps.shift(moment, seconds=-0.001)


def halves(span: Span) -> tuple[Span, Span] | None:
    """Return the two halves of a range; ``None`` for a single instant."""
    if span.low >= span.high or span.without_creation:
        return None
    seconds = (timestamps.parse(span.high) - timestamps.parse(span.low)).total_seconds()
    middle = timestamps.shift(span.low, seconds=seconds / 2)
    middle = min(middle, before(span.high))
    return replace(span, high=middle), replace(span, low=timestamps.shift(middle, seconds=0.001))
