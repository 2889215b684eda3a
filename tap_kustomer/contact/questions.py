"""The questions of a look: each asks one thing and tells the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.client.codec import decode
from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import Request
from tap_kustomer.contact.answers import Answers, attributes_of_rows
from tap_kustomer.errors import NotFoundError, RequestRefusedError
from tap_kustomer.ledger.ledger import Column
from tap_kustomer.readers.search.ask import ARCHIVE_PATH, SEARCH_PATH, PageSearch
from tap_kustomer.readers.search.page import SearchPage, peek
from tap_kustomer.readers.search.query import Bounds, SearchQuery
from tap_kustomer.session import Session
from tap_kustomer.streams.audit_logs import PATH as AUDIT_LOG
from tap_kustomer.streams.search import SearchStream

__all__ = ["OrgQuestions", "Question", "SearchQuestions"]

_PAGE = 500  # rows, the most that a search is assumed to give
_EDGE_DAYS = 3  # on each side of the two-year edge
_SETTLED_SECONDS = 300  # a row that was changed since may be fresher than its place
_LAST_PAGE = 100
_WINDOW = 10_000  # rows
_MANY_IDS = 100
_ARTICLES = "/v1/kb/articles"
_MADE_UP = ("0123456789abcdef00000000", "0123456789abcdef00000001")


@dataclass(frozen=True)
class Question:
    """Something to ask, and the entries of the ledger that the answer speaks of."""

    ask: Callable[[], None]
    entries: tuple[str, ...] = ()


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
        if first is None or first.expected <= _WINDOW:
            return
        number = _WINDOW // _PAGE + 1
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
        return self._session.prefetch.call(lambda: fetch(request, _document))


class OrgQuestions:
    """What is asked of everything but the searches."""

    def __init__(self, session: Session, answers: Answers) -> None:
        """Ask nothing yet."""
        self._session = session
        self._answers = answers

    def all(self, customers: SearchStream | None) -> Iterator[Question]:
        """Yield the questions; ``customers`` is their search, where the key may use it."""
        yield Question(self._read_schema, ("search-schema",))
        yield Question(self.users, ("users-default",))
        yield Question(self.audit_log, ("audit-without-type", "audit-klass"))
        first = None if customers is None else customers.first_answer
        if first is not None:
            ids = [key.id for key in first.page.keys if key.id]
            yield Question(partial(self.several_ids, ids), ("several-ids", "several-ids-most"))
            yield Question(self.absent_ids, ("several-ids-absent",))
            if first.expected > _WINDOW:
                yield Question(self.behind_ten_thousand, ("list-depth",))
        if not any(one.request.path == _ARTICLES for one in self._answers.seen):
            yield Question(self.articles, ("article-body",))

    def _read_schema(self) -> None:
        self._session.prefetch.call(self._session.search_schema.read)

    def users(self) -> None:
        """Ask for users without saying which, once deactivated ones are known."""
        inactive = {
            row.get("id")
            for one in self._answers.seen
            if one.request.path == "/v1/users" and one.request.params.get("deleted") == "true"
            for row in one.rows
        }
        if not inactive:
            return
        content = self._get("/v1/users", {"page": 1, "pageSize": _MANY_IDS})
        shown = any(row.get("id") in inactive for row in _rows(content))
        self._session.ledger.judge("users-default", holds=not shown, how="all users")

    def audit_log(self) -> None:
        """Ask for the audit log of all types, and how it names the klass of an object."""
        ledger = self._session.ledger
        if ledger.findings["audit-without-type"].column is Column.NOT_SEEN:
            try:
                self._get(AUDIT_LOG, {})
            except RequestRefusedError:
                ledger.differs("audit-without-type", "it is refused")
                return
            ledger.holds("audit-without-type")
        shown = [one for one in self._answers.seen if one.request.path == AUDIT_LOG]
        for entry in attributes_of_rows([row for one in shown for row in one.rows]):
            if entry.get("objectType") == "kobject":
                named = ".kobject." in str(entry.get("eventName"))
                ledger.judge("audit-klass", holds=named, how="it does not")

    def articles(self) -> None:
        """Ask for an article with its text."""
        content = self._get(_ARTICLES, {"includeBody": "true", "page": 1, "pageSize": 1})
        for article in attributes_of_rows(_rows(content)):
            told = "htmlBody" in article
            self._session.ledger.judge("article-body", holds=told, how="no `htmlBody`")

    def several_ids(self, ids: list[str]) -> None:
        """Ask for two customers at once, then for many."""
        ledger = self._session.ledger
        wanted = list(dict.fromkeys(ids))[:_MANY_IDS]
        if len(wanted) < 2:  # noqa: PLR2004 - several
            return
        try:
            data = self._get(f"/v1/customers/{','.join(wanted[:2])}", {}).get("data")
        except (RequestRefusedError, NotFoundError):
            ledger.differs("several-ids", "it is refused")
            return
        both = isinstance(data, list) and len(data) == 2  # noqa: PLR2004
        ledger.judge("several-ids", holds=both, how="one answer, or less")
        if not both or len(wanted) < _MANY_IDS:
            return
        try:
            found = len(_rows(self._get(f"/v1/customers/{','.join(wanted)}", {})))
        except (RequestRefusedError, NotFoundError):
            ledger.differs("several-ids-most", f"{len(wanted)} are refused")
        else:
            how = f"{found} of {len(wanted)}"
            ledger.judge("several-ids-most", holds=found == len(wanted), how=how)

    def absent_ids(self) -> None:
        """Ask for two customers that do not exist."""
        ledger = self._session.ledger
        try:
            data = self._get(f"/v1/customers/{','.join(_MADE_UP)}", {}).get("data")
        except NotFoundError:
            ledger.differs("several-ids-absent", "a 404")
        else:
            ledger.judge("several-ids-absent", holds=data == [], how="another answer")

    def behind_ten_thousand(self) -> None:
        """Ask for the page of a list that lies behind 10,000 rows."""
        page = _WINDOW // _MANY_IDS + 2
        ledger = self._session.ledger
        try:
            content = self._get("/v1/customers", {"page": page, "pageSize": _MANY_IDS})
        except (RequestRefusedError, NotFoundError):
            ledger.differs("list-depth", "a page behind the 10,000th row is refused")
        else:
            shown = bool(_rows(content))
            ledger.judge("list-depth", holds=shown, how="that page is empty")

    def _get(self, path: str, params: dict[str, Any]) -> dict[str, Any]:
        fetch = self._session.client.fetch
        return self._session.prefetch.call(lambda: fetch(Request(path, params), _document))


_FIRST = "2000-01-01T00:00:00.000Z"


def _query(stream: SearchStream) -> SearchQuery:
    first = stream.first_answer
    assert first is not None  # noqa: S101 - for the types: only streams with one are asked about
    return first.query


def _document(raw: bytes) -> dict[str, Any]:
    content = decode(raw)
    if not isinstance(content, dict) or content.get("errors"):
        msg = "the answer is no document"
        raise ValueError(msg)
    return content


def _rows(content: dict[str, Any]) -> list[dict[str, Any]]:
    data = content.get("data")
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
