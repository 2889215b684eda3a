"""What the answers of a check say of the API besides their rows: headers, ``meta``, ``links``."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from requests import Response

from tap_kustomer.client.codec import decode
from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import Request
from tap_kustomer.ledger.ledger import Ledger

__all__ = ["Answers", "Seen", "attributes_of_rows"]

_MOST_KEPT = 400  # answers whose rows are looked at
_LISTED = 100  # rows that every list is assumed to give a page
# Documented without `meta` or `links`, or in the two ways.
_BARE = frozenset(
    {
        "/v1/audit-logs",
        "/v1/outbound-webhooks",
        "/v1/routing/queue-rules",
        "/v1/satisfaction",
    }
)
_FRACTION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d+))?(?:Z|[+-]\d\d:?\d\d)")
_USUAL_DIGITS = 3


@dataclass(frozen=True)
class Seen:
    """One good answer: what was asked, and the document."""

    request: Request
    document: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The resources that are objects."""
        data = self.document.get("data")
        rows = data if isinstance(data, list) else [data]
        return [row for row in rows if isinstance(row, dict)]

    @property
    def is_search(self) -> bool:
        """Whether the rows come from one of the two searches."""
        return self.request.budget is Budget.SEARCH

    @property
    def context(self) -> str | None:
        """The search's queryContext."""
        return None if self.request.body is None else self.request.body.get("queryContext")


@dataclass
class Answers:
    """Watches the answers of a check, tells the ledger, and keeps them; any thread may call it."""

    ledger: Ledger
    seen: list[Seen] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)  # how many answers had each
    searches: int = 0
    pods: set[str] = field(default_factory=set)
    org_limit: int | None = None  # requests a minute, by the headers
    search_limit: int | None = None  # what a search's headers say
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request, response: Response) -> None:
        """Note an answer."""
        with self._lock:
            status = response.status_code
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self.searches += request.budget is Budget.SEARCH
            self._note_limit(request, response)
            if status != HTTPStatus.OK:
                return
            try:
                document = decode(response.content)
            except (ValueError, RecursionError):
                return
            if not isinstance(document, dict):
                return
            seen = Seen(request, document)
            if len(self.seen) < _MOST_KEPT:
                self.seen.append(seen)
            if seen.is_search:
                self._note_stamps(seen)
            elif isinstance(document.get("data"), list):
                self._note_list(seen)

    @property
    def requests(self) -> int:
        """How many answers there were."""
        return sum(self.statuses.values())

    def _note_limit(self, request: Request, response: Response) -> None:
        headers = response.headers
        if pod := headers.get("x-kustomer-pod"):
            self.pods.add(pod)
        limit = headers.get("x-ratelimit-limit", "")
        told = int(limit) if limit.isdecimal() and limit.isascii() else None
        if request.budget is not Budget.SEARCH:
            self.org_limit = told or self.org_limit
            return
        self.search_limit = told
        if self.org_limit is None:
            return
        how = "they are absent" if told is None else "they speak of another budget"
        same = told == self.org_limit
        self.ledger.judge("search-rate-headers", holds=same, how=how)

    def _note_list(self, seen: Seen) -> None:
        ledger, path = self.ledger, seen.request.path.partition("?")[0]
        meta, links = seen.document.get("meta"), seen.document.get("links")
        included = seen.document.get("included")
        if included is not None:
            is_array = isinstance(included, list)
            ledger.judge("list-included", holds=is_array, how="an object", place=path)
        if path.startswith("/v1/users") or not {"deleted", "includeDeleted"} & {
            *seen.request.params
        }:
            self._note_deleted(seen, path)
        asked = seen.request.params.get("pageSize")
        if asked is None or path in _BARE:
            return
        has_links = isinstance(links, dict) and "next" in links
        ledger.judge("list-links", holds=has_links, how="no `links.next`", place=path)
        if not isinstance(meta, dict):
            return
        numbers = [meta[name] for name in ("page", "pageSize", "total") if name in meta]
        if numbers:
            as_text = any(isinstance(one, str) for one in numbers)
            ledger.judge("list-numbers", holds=not as_text, how="texts", place=path)
        ledger.judge("list-totals", holds="total" not in meta, how="there is one", place=path)
        given = str(meta.get("pageSize", ""))
        if given.isdecimal():
            enough = int(given) >= min(int(asked), _LISTED)
            ledger.judge("list-page-size", holds=enough, how=f"{given} rows", place=path)

    def _note_deleted(self, seen: Seen, path: str) -> None:
        if path.startswith("/v1/users") or "," in path or not seen.rows:
            return
        deleted = any(one.get("deleted") is True for one in attributes_of_rows(seen.rows))
        self.ledger.judge("lists-hide-deleted", holds=not deleted, how="it shows some", place=path)

    def _note_stamps(self, seen: Seen) -> None:
        stamps = [one.get("updatedAt") for one in attributes_of_rows(seen.rows)]
        texts = [stamp for stamp in stamps if isinstance(stamp, str)]
        place = (seen.context or "").replace(".", "_")  # a dot would begin an attribute
        for text in texts:
            match = _FRACTION.fullmatch(text)
            digits = -1 if match is None else len(match[1] or "")
            if digits == _USUAL_DIGITS:
                self.ledger.holds("timestamp-precision")
            else:
                how = "another form" if digits < 0 else f"{digits} digits behind the second"
                self.ledger.differs("timestamp-precision", how, place)


def attributes_of_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the attributes of each row that has some."""
    found = [row.get("attributes") for row in rows]
    return [one for one in found if isinstance(one, dict)]
