"""The questions of a look that are put to the two searches."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import Request
from tap_kustomer.contact.questions import WINDOW, document
from tap_kustomer.errors import NotFoundError, RequestRefusedError
from tap_kustomer.readers.search.ask import ARCHIVE_PATH, SEARCH_PATH, PageSearch
from tap_kustomer.readers.search.page import SearchPage, peek
from tap_kustomer.readers.search.query import Bounds, SearchQuery
from tap_kustomer.session import Session
from tap_kustomer.streams.search import SearchStream

__all__ = ["SearchQuestions"]

_FIRST = "2000-01-01T00:00:00.000Z"
_PAGE = 500  # rows, the most that a search is assumed to give
_EDGE_DAYS = 3  # on each side of the two-year edge
_SETTLED_SECONDS = 300  # a row that was changed since may be fresher than its place
_LAST_PAGE = 100


class SearchQuestions:
    """What is asked of the two searches."""

    def __init__(self, session: Session) -> None:
        """Ask nothing yet."""
        self._session = session
        self._has_archived: bool | None = None

    def archive(self, stream: SearchStream) -> None:
        """Ask the archive for a full page of old rows, and for rows that are too young for it."""
        query = replace(_query(stream), archive=True)
        edge = self._session.edge.moment
        bounds = Bounds(_FIRST, timestamps.shift(edge, days=-_EDGE_DAYS))
        try:
            page = self._whole(query, bounds)
        except RequestRefusedError:
            if not query.include_deleted:
                raise
            query = replace(query, include_deleted=False)
            page = self._whole(query, bounds)
            how = "the archive refuses it"
            self._session.ledger.differs("include-deleted", how, stream.name)
        self._has_archived = len(page) > 0
        young = self._whole(query, Bounds(timestamps.shift(edge, days=_EDGE_DAYS)))
        if len(young):
            how = "the archive has younger rows"
            self._session.ledger.differs("two-year-edge", how, stream.name)

    def live_edge(self, stream: SearchStream) -> None:
        """Ask the live search for rows that only the archive should have."""
        high = timestamps.shift(self._session.edge.moment, days=-_EDGE_DAYS)
        page = self._whole(_query(stream), Bounds(_FIRST, high))
        if len(page):
            how = "the live search has older rows"
            self._session.ledger.differs("two-year-edge", how, stream.name)
        elif self._has_archived:
            self._session.ledger.holds("two-year-edge")

    def unknown_attribute(self, stream: SearchStream) -> None:
        """Search by an attribute that does not exist."""
        query = replace(_query(stream), attribute=f"{stream.query_context}_no_such_thing_at")
        try:
            self._page(query, size=1, confirms=False)
        except RequestRefusedError:
            self._session.ledger.holds("unknown-attribute")
        else:
            self._session.ledger.differs("unknown-attribute", "it is ignored")

    def page_behind_the_last(self, stream: SearchStream) -> None:
        """Ask for page 101."""
        query = _query(stream)
        number = _LAST_PAGE + 1
        try:
            page = self._page(query, number=number, size=1, confirms=False)
        except RequestRefusedError:
            self._session.ledger.holds("page-depth")
        except NotFoundError:
            self._session.ledger.differs("page-depth", f"page {number} is a 404")
        else:
            how = "has rows" if len(page) else "is empty"
            self._session.ledger.differs("page-depth", f"page {number} {how}")

    def behind_ten_thousand(self, stream: SearchStream) -> None:
        """Ask for the rows behind the 10,000th, where there are such."""
        first = stream.first_answer
        if first is None or first.expected <= WINDOW:
            return
        number = WINDOW // _PAGE + 1
        try:
            page = self._page(first.query, number=number, size=_PAGE)
        except (RequestRefusedError, NotFoundError):
            return
        if len(page):
            self._session.ledger.differs("page-depth", "rows behind the 10,000th are shown")

    def archive_of_klass(self, stream: SearchStream) -> None:
        """Ask the archive of a klass by the attribute that the live search takes."""
        query = replace(_query(stream), archive=True)
        try:
            self._page(query, size=1)
        except RequestRefusedError:
            how = "it refuses the attribute"
            self._session.ledger.differs("archive-klass-attribute", how, stream.name)
        else:
            self._session.ledger.holds("archive-klass-attribute")

    def ids_only(self, stream: SearchStream) -> None:
        """Ask for ids alone."""
        ledger = self._session.ledger
        try:
            content = self._raw(_query(stream), {"page": 1, "pageSize": 5, "idsOnly": "true"})
        except RequestRefusedError:
            ledger.differs("ids-only", "it is refused")
            return
        rows = content.get("data")
        if not isinstance(rows, list) or not rows:
            return
        if all(isinstance(row, str) for row in rows):
            ledger.differs("ids-only", "bare ids")
        else:
            bare = all(isinstance(row, dict) and not row.get("attributes") for row in rows)
            ledger.judge("ids-only", holds=bare, how="whole rows")

    def freshest(self, stream: SearchStream) -> None:
        """Ask for the last rows of the index: are they fresher than the range asked for?"""
        query = _query(stream)
        high = timestamps.shift(self._session.server_now(), seconds=-_SETTLED_SECONDS)
        body = query.body(Bounds(_FIRST, high))
        body["sort"] = [{query.attribute: "desc"}]
        page = self._search(query, {"page": 1, "pageSize": _PAGE}, body)
        stamps = [key.updated for key in page.keys if key.updated]
        if any(stamp > timestamps.behind(high) for stamp in stamps):
            how = "rows are fresher than their place"
            self._session.ledger.differs("index-in-place", how, stream.name)
        elif stamps:
            self._session.ledger.holds("index-in-place")

    def _whole(self, query: SearchQuery, bounds: Bounds) -> SearchPage:
        """Return a page as a sync would ask for it."""
        search = PageSearch(
            self._session.client,
            query,
            page_size=_PAGE if query.archive else 1,
            watermark=self._session.server_now(),
            exact_totals=self._session.exact_totals,
        )
        ask = partial(search.ask, bounds) if query.archive else partial(search.count, bounds)
        return self._session.prefetch.call(ask)

    def _page(
        self, query: SearchQuery, *, number: int = 1, size: int, confirms: bool = True
    ) -> SearchPage:
        """Return a page; without ``confirms``, where a refusal is expected, one is believed."""
        params = {"page": number, "pageSize": size}
        return self._search(query, params, query.body(Bounds(_FIRST)), confirms=confirms)

    def _search(
        self,
        query: SearchQuery,
        params: dict[str, Any],
        body: dict[str, Any],
        *,
        confirms: bool = True,
    ) -> SearchPage:
        path = ARCHIVE_PATH if query.archive else SEARCH_PATH
        request = Request(path, params, body, Budget.SEARCH)
        fetch = partial(self._session.client.fetch, request, confirms=confirms)
        return self._session.prefetch.call(lambda: fetch(lambda raw: peek(raw, query.field)))

    def _raw(self, query: SearchQuery, params: dict[str, Any]) -> dict[str, Any]:
        request = Request(SEARCH_PATH, params, query.body(Bounds(_FIRST)), Budget.SEARCH)
        fetch = self._session.client.fetch
        return self._session.prefetch.call(lambda: fetch(request, document))


def _query(stream: SearchStream) -> SearchQuery:
    first = stream.first_answer
    assert first is not None  # noqa: S101 - for the types: only streams with one are asked about
    return first.query
