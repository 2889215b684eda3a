"""Plain lists: page after page by ``links.next``, to the end or not at all."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk.pagination import BaseAPIPaginator

from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import Request
from tap_kustomer.errors import NotFoundError, StreamError
from tap_kustomer.readers.pages import decode

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_kustomer.client.transport import KustomerClient

__all__ = ["KustomerPaginator", "ListPage", "read_known_list", "read_list", "read_one"]

logger = logging.getLogger("tap-kustomer.lists")

# AWS Glue's documentation says that no list gives more rows than this: UNCONFIRMED.
SUSPICIOUS_ROWS = 10_000


@dataclass(frozen=True)
class ListPage:
    """One page of a list: the resources, those that came along, and where it goes on."""

    rows: list[dict[str, Any]]
    included: list[dict[str, Any]]
    next_link: str | None
    has_links: bool
    total: int | None
    size: int = 0  # bytes as sent

    @classmethod
    def parse(cls, raw: bytes) -> ListPage:
        """Return the page in ``raw``. Raises ``ValueError`` when it is none.

        Some lists have no ``links``, some an empty ``meta``, some numbers as text; ``data`` and
        ``included`` may be one object instead of a list.
        """
        content = decode(raw)
        if not isinstance(content, dict) or "data" not in content:
            msg = "the answer has no data"
            raise ValueError(msg)
        links, meta = content.get("links"), content.get("meta")
        next_link = links.get("next") if isinstance(links, dict) else None
        total = meta.get("total") if isinstance(meta, dict) else None
        return cls(
            rows=_resources(content["data"]),
            included=_resources(content.get("included")),
            next_link=next_link if isinstance(next_link, str) and next_link else None,
            has_links=isinstance(links, dict) and "next" in links,
            total=int(str(total)) if str(total).isdecimal() else None,
            size=len(raw),
        )


def _resources(value: object) -> list[dict[str, Any]]:
    """Return the resources; one that is no object stays as an empty one, which no row is made of.

    Raises: ``ValueError`` when ``value`` is neither a list nor a resource: no rows would be found
    where there are some, and a target would empty its table.
    """
    if value is None:
        return []
    if isinstance(value, list):
        return [item if isinstance(item, dict) else {} for item in value]
    if isinstance(value, dict):
        return [value]
    msg = "the answer holds no resources"
    raise ValueError(msg)


class KustomerPaginator(BaseAPIPaginator[Request]):
    """Reads an answer, waits for the rate limit, then shapes the next request.

    ``links.next`` is followed verbatim, on the same host only. A list without links goes on by
    page numbers until a page brings nothing new: how many rows such a list puts on a page is
    not always what was asked for.
    """

    def __init__(self, client: KustomerClient, first: Request) -> None:
        """Begin with ``first``."""
        super().__init__(first)
        self._client = client
        self._first = first
        self._ids: set[str] = set()
        self.rows = 0
        self._new = 0

    @override
    def has_more(self, response: ListPage) -> bool:  # type: ignore[override]
        """Return whether another page follows; called once for each page."""
        ids = {str(row.get("id")) for row in response.rows}
        self._new = len(ids - self._ids)
        self._ids |= ids
        self.rows += len(response.rows)
        if response.has_links:
            return response.next_link is not None
        if response.total is not None:
            return self._new > 0 and self.rows < response.total
        return self._new > 0

    @override
    def get_next(self, response: ListPage) -> Request | None:  # type: ignore[override]
        """Return the request for the next page, once the limiter allows one."""
        if response.next_link is not None:
            if not self._new and response.rows:
                msg = (
                    f"{self._first.path}: Kustomer's next page brings the rows of an earlier "
                    "one, so the list has no end. Report this to Kustomer's support."
                )
                raise StreamError(msg)
            following = self._client.next_request(self._first, response.next_link)
        else:
            page = int(self.current_value.params.get("page", 1)) + 1
            params = {**self._first.params, "page": page}
            following = Request(self._first.path, params, budget=self._first.budget)
        self._client.limiter.wait(following.budget)
        return following


def read_list(
    client: KustomerClient,
    path: str,
    params: Mapping[str, str] | None = None,
    *,
    page_size: int | None = 100,
) -> Iterator[ListPage]:
    """Yield the pages of the list at ``path``; ``page_size`` ``None`` for one without paging.

    Raises: an error of ``tap_kustomer.errors``, also when the list ends before its announced
    number of rows.
    """
    paging = {} if page_size is None else {"page": 1, "pageSize": page_size}
    first = Request(path, {**(params or {}), **paging})
    paginator = KustomerPaginator(client, first)
    total: int | None = None
    while not paginator.finished:
        page = client.fetch(paginator.current_value, ListPage.parse)
        total = page.total
        yield page
        if page_size is None:
            return
        paginator.advance(page)  # type: ignore[arg-type]
    short = total is not None and paginator.rows < total
    if short or (paginator.rows == SUSPICIOUS_ROWS and total != SUSPICIOUS_ROWS):
        announced = f"{total} rows" if total is not None else "more"
        msg = (
            f"Kustomer ended the list {path} after {paginator.rows} rows, though there seem to "
            f"be {announced}. Lists may stop at 10,000 rows; the stream counts as incomplete."
        )
        raise StreamError(msg)


def read_known_list(
    client: KustomerClient,
    paths: Sequence[str],
    params: Mapping[str, str] | None = None,
    *,
    page_size: int | None = 100,
) -> Iterator[ListPage]:
    """Yield the pages of the first of ``paths`` that Kustomer knows.

    Raises: ``NotFoundError`` when it knows none; what ``read_list`` raises.
    """
    for path in paths:
        pages = read_list(client, path, params, page_size=page_size)
        try:
            first = next(pages)
        except NotFoundError:
            if path == paths[-1]:
                raise
            logger.info("%s is unknown here, trying the next.", path)
            continue
        yield first
        yield from pages
        return


def read_one(client: KustomerClient, path: str) -> dict[str, Any] | None:
    """Return the single resource at ``path``, or ``None`` when the answer holds none."""
    page = client.fetch(Request(path, budget=Budget.ORG), ListPage.parse)
    return page.rows[0] if page.rows else None
