"""The questions of a look: each asks one thing and tells the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tap_kustomer.client.codec import decode
from tap_kustomer.client.transport import Request
from tap_kustomer.contact.answers import Answers, attributes_of_rows
from tap_kustomer.errors import NotFoundError, RequestRefusedError
from tap_kustomer.ledger.ledger import Column
from tap_kustomer.session import Session
from tap_kustomer.streams.audit_logs import PATH as AUDIT_LOG
from tap_kustomer.streams.search import SearchStream

__all__ = ["WINDOW", "OrgQuestions", "Question", "document"]

WINDOW = 10_000  # rows
_MANY_IDS = 100
_ARTICLES = "/v1/kb/articles"
_MADE_UP = ("0123456789abcdef00000000", "0123456789abcdef00000001")


@dataclass(frozen=True)
class Question:
    """Something to ask, and the entries of the ledger that the answer speaks of."""

    ask: Callable[[], None]
    entries: tuple[str, ...] = ()


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
            if first.expected > WINDOW:
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
        page = WINDOW // _MANY_IDS + 2
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
        return self._session.prefetch.call(lambda: fetch(Request(path, params), document))


def document(raw: bytes) -> dict[str, Any]:
    """Return a JSON:API document. Raises ``ValueError`` for what is none, or tells of errors."""
    content = decode(raw)
    if not isinstance(content, dict) or content.get("errors"):
        msg = "the answer is no document"
        raise ValueError(msg)
    return content


def _rows(content: dict[str, Any]) -> list[dict[str, Any]]:
    data = content.get("data")
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
