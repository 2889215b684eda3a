"""One page of a search, whole and checked: nothing is trusted that was not seen to hold."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import Request
from tap_kustomer.errors import RequestRefusedError, StreamError, UntrustedAnswerError
from tap_kustomer.readers.pages import peek

if TYPE_CHECKING:
    from typing import NoReturn

    from tap_kustomer.client.transport import KustomerClient
    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.query import Bounds, SearchQuery

__all__ = ["PageSearch"]

logger = logging.getLogger("tap-kustomer.search")

SEARCH_PATH = "/v1/customers/search"
ARCHIVE_PATH = "/v1/customers/archive/search"
SMALLER_PAGE = 100  # rows; what every endpoint is documented to give

_PARTIAL_TRIES = 6  # times that one page is asked for until it is whole
_PARTIAL_PAUSE = 1.0  # seconds, doubled with each try


class PageSearch:
    """Asks for single pages of one query. Used by one thread at a time.

    ``fresh_after``: a row stamped later may be fresher than its place in the index, since the
    index lags. It is given out, but it proves nothing about order, bounds and position.
    """

    def __init__(
        self,
        client: KustomerClient,
        query: SearchQuery,
        *,
        page_size: int,
        fresh_after: str,
        misplaced: set[str] | None = None,
    ) -> None:
        """Prepare for asking; nothing is sent yet. ``misplaced`` is shared by a run's searches."""
        self.client = client
        self.query = query
        self.page_size = page_size
        self.fresh_after = fresh_after
        # Streams whose rows were seen outside the asked bounds: fresher than the index.
        self.misplaced = set() if misplaced is None else misplaced
        self.requests = 0
        self._size_proven = False

    def ask(self, bounds: Bounds, number: int = 1) -> SearchPage:
        """Return page ``number`` of the search, whole and checked.

        Raises: ``RequestRefusedError`` when Kustomer does not take the query,
        ``UntrustedAnswerError`` when it ignores a part of it, ``StreamError`` when the page
        stays partial.
        """
        pause = _PARTIAL_PAUSE
        for attempt in range(_PARTIAL_TRIES):
            if attempt:
                self.client.clock.sleep(pause)
                pause *= 2
            if attempt == _PARTIAL_TRIES // 2 and number == 1:
                self.page_size = min(self.page_size, SMALLER_PAGE)
            page = self._sized(bounds, number)
            if not self._is_partial(page, number):
                self._check(page, bounds)
                self._size_proven = True
                return page
            logger.warning(
                "%s: Kustomer sent a part of a page (%d rows of %s); asking again.",
                self.query.stream,
                len(page),
                page.total,
            )
        msg = (
            f"{self.query.stream}: Kustomer sent only a part of a search page {_PARTIAL_TRIES} "
            "times in a row, so the stream stopped instead of losing rows. Run again later; "
            "lower `page_size` if it stays so."
        )
        raise StreamError(msg)

    def is_whole(self, page: SearchPage) -> bool:
        """Whether ``page``, the first of a search, holds every row that matches.

        A full page never counts as whole: its total may be that of a part of the index, and the
        next page tells.
        """
        return len(page) < self.page_size and (page.total is None or page.total <= len(page))

    def settled_total(self, page: SearchPage, bounds: Bounds, expected: int) -> SearchPage:
        """Return ``page``, or a later answer when it has fewer rows than the ``expected`` ones.

        Rows leave a settled range when they are updated, so its total may shrink. It also
        shrinks when the index answers with a part of itself. It never grows, so an answer
        counts when the one after it has no more rows.

        Raises: ``StreamError`` when the answers keep growing.
        """
        if page.total is None or page.total >= expected:
            return page
        for _ in range(_PARTIAL_TRIES):
            again = self.ask(bounds)
            if (again.total or 0) <= (page.total or 0):
                return page
            page = again
            self.client.clock.sleep(_PARTIAL_PAUSE)
        raise self.disagreement()

    def disagreement(self) -> StreamError:
        """Return the error for answers that now have some rows and then lack them."""
        return StreamError(
            f"{self.query.stream}: Kustomer's answers do not agree on how many rows there are, so "
            "the stream stopped instead of losing rows. Run again later."
        )

    def _sized(self, bounds: Bounds, number: int) -> SearchPage:
        """Return a page of the size that was asked for; smaller if Kustomer gives no more."""
        try:
            page = self._fetch(bounds, number)
        except RequestRefusedError:
            # Documented for the search, UNCONFIRMED for the archive that it takes 500 rows.
            proven = self._size_proven or not self.query.archive
            if proven or self.page_size <= SMALLER_PAGE:
                raise
            asked, self.page_size = self.page_size, SMALLER_PAGE
            try:
                page = self._fetch(bounds, number)
            except RequestRefusedError:
                self.page_size = asked
                raise
        if page.page_size is not None and 0 < page.page_size < self.page_size:
            logger.info(
                "%s: Kustomer gives %d rows a page instead of %d.",
                self.query.stream,
                page.page_size,
                self.page_size,
            )
            self.page_size = page.page_size
            page = self._fetch(bounds, number)
        return page

    def _fetch(self, bounds: Bounds, number: int) -> SearchPage:
        self.requests += 1
        request = Request(
            path=ARCHIVE_PATH if self.query.archive else SEARCH_PATH,
            params={"page": number, "pageSize": self.page_size},
            body=self.query.body(bounds),
            budget=Budget.SEARCH,
        )
        return self.client.fetch(request, lambda raw: peek(raw, self.query.field))

    def _is_partial(self, page: SearchPage, number: int) -> bool:
        """Whether the page lacks rows that it announces, or announces fewer than it has."""
        if page.timed_out:
            return True
        if page.total is None:
            return False
        left = page.total - (number - 1) * self.page_size
        return len(page) < min(self.page_size, left) or len(page) > max(left, 0)

    def _check(self, page: SearchPage, bounds: Bounds) -> None:
        """Refuse a page that shows that a filter, the sort or the page size was ignored."""
        if len(page) > self.page_size or (page.page_size or 0) > self.page_size:
            self._distrust("the page size")
        by_creation = bounds.created_low is not None
        last = ""
        for key in page.keys:
            if bounds.without_creation and key.created is not None:
                self._distrust(f"the filter on {self.query.created_attribute}")
            if key.updated is None:
                continue
            if key.updated > self.fresh_after:
                if bounds.high is not None and key.updated > bounds.high:
                    self.misplaced.add(self.query.stream)
                continue
            if key.updated < bounds.low or (bounds.high and key.updated > bounds.high):
                self._distrust(f"the filter on {self.query.attribute}")
            place = (key.created or last) if by_creation else key.updated
            if place < last:
                self._distrust("the sort")
            last = place
            if by_creation and key.created and not _within(key.created, bounds):
                self._distrust(f"the filter on {self.query.created_attribute}")

    def _distrust(self, part: str) -> NoReturn:
        msg = (
            f"{self.query.stream}: Kustomer's answer ignores {part} of the search (queryContext "
            f"{self.query.context}), so it cannot be trusted to be complete."
        )
        raise UntrustedAnswerError(msg)


def _within(created: str, bounds: Bounds) -> bool:
    high = bounds.created_high
    return created >= (bounds.created_low or "") and (high is None or created <= high)
