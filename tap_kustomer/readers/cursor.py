"""Lists that are read by cursor, newest row first: page by page back in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_kustomer.client.transport import Request
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.lists import ListPage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_kustomer.client.transport import KustomerClient

__all__ = ["read_cursor"]


def read_cursor(
    client: KustomerClient,
    path: str,
    params: Mapping[str, str],
    *,
    count: int,
) -> Iterator[ListPage]:
    """Yield the pages of a list from its newest row on.

    ``links.next`` is followed verbatim; without it a full page is not believed to be the last,
    and the id of its last row is the next cursor.
    Raises: an error of ``tap_kustomer.errors``.
    """
    first = {"count": count, **params}
    request = Request(path, first)
    seen: set[str] = set()
    while True:
        page = client.fetch(request, ListPage.parse)
        ids = [str(row.get("id")) for row in page.rows]
        if ids and seen.issuperset(ids):
            msg = (
                f"{path}: Kustomer's next page brings the rows of an earlier one, so the list "
                "has no end. Report this to Kustomer's support."
            )
            raise StreamError(msg)
        yield page
        if not ids or (page.has_links and page.next_link is None and len(ids) < count):
            return
        seen = set(ids)
        if page.next_link is not None:
            request = client.next_request(request, page.next_link)
        else:
            request = Request(path, {**first, "before": ids[-1]})
