"""Lists that are read by cursor, newest row first: page by page back in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import MissingRoleError, NotFoundError, StreamError
from tap_kustomer.readers.list_page import ListPage, has_id, identity
from tap_kustomer.readers.lists import SUSPICIOUS_ROWS, never_an_end

__all__ = ["CursorReader"]

_MOST_ASKED = 3  # times for one page that is not what it should be
_MOST_EMPTY = 3  # pages without a row that are followed in a row


class CursorReader:
    """Reads one range of such a list, from its newest row on.

    ``links.next`` is followed whatever a page holds. An end is believed when as many rows were
    read as the first answer announced, or when nothing lies behind the last row either.
    """

    def __init__(
        self,
        client: KustomerClient,
        path: str,
        params: Mapping[str, str],
        *,
        count: int,
        is_entry: Callable[[Mapping[str, Any]], bool] = has_id,
    ) -> None:
        """Ask nothing yet; ``count`` rows are asked for at a time.

        A row for which ``is_entry`` does not hold lacks a part: it is asked for again.
        """
        self._client = client
        self._path = path
        self._params = {"count": count, **params}
        self._count = count
        self._is_entry = is_entry
        self._announced: int | None = None
        self._has_answered = False
        self._is_at_start = True
        self._written: set[int] = set()  # hashes of the ids of all rows so far
        self._read: set[int] = set()  # the same of this reading
        self.has_holes = False  # a page stayed short, so rows may be missing in front of its end

    @property
    def is_whole(self) -> bool:
        """Whether as many rows were read as there were when the range was first asked for."""
        return self._announced is None or len(self._written) >= self._announced

    @property
    def incomplete(self) -> StreamError:
        """The error that says that it is not."""
        return StreamError(
            f"{self._path}: Kustomer announced {self._announced} entries and gave "
            f"{len(self._written)}, also when they were read again. Run again later; if it stays "
            "so, report it to Kustomer's support.",
        )

    def pages(self) -> Iterator[ListPage]:
        """Yield the pages of one reading, of each the rows that no page before it had.

        Raises: an error of ``tap_kustomer.errors``; ``NotFoundError`` and ``MissingRoleError``
        only when they are the very first answer.
        """
        self._read = set()
        self._is_at_start = True
        self.has_holes = False
        request: Request | None = Request(self._path, self._params)
        empty = 0
        while request is not None:
            page, ids = self._ask(request)
            self._is_at_start = False
            empty = 0 if ids else empty + 1
            if empty > _MOST_EMPTY:
                raise self._without_end()
            self._read.update(map(hash, ids))
            yield replace(page, rows=list(self._unwritten(page, ids)))
            request = self._following(request, page, ids)

    def _unwritten(self, page: ListPage, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        for row, id_ in zip(page.rows, ids, strict=True):
            if hash(id_) not in self._written:
                self._written.add(hash(id_))
                yield row

    def _ask(self, request: Request) -> tuple[ListPage, list[str]]:
        """Return the page that is due and the ids of its rows, asked for again where in doubt."""
        before: tuple[list[str], str | None] | None = None
        for _ in range(_MOST_ASKED):
            is_first = not self._has_answered
            try:
                page = self._client.fetch(request, ListPage.parse)
            except (NotFoundError, MissingRoleError) as error:
                if is_first:
                    raise
                raise never_an_end(error) from None
            self._has_answered = True
            ids = [identity(row) for row in page.rows]
            self._count_announced(page)
            is_stale = bool(ids) and self._read.issuperset(map(hash, ids))
            if not is_stale and not self._is_doubtful(page, ids):
                return page, ids
            if (ids, page.next_link) == before:
                break
            before = ids, page.next_link
        if is_stale:
            raise self._without_end()
        self.has_holes = self.has_holes or self._goes_on(page, ids)
        return page, ids

    def _count_announced(self, page: ListPage) -> None:
        """Note how many rows the first page of a reading announces; entries do not become fewer."""
        if self._is_at_start:
            total = None if page.total == SUSPICIOUS_ROWS else page.total
            self._announced = total and min(total, page.cursor_count or total)

    def _is_doubtful(self, page: ListPage, ids: Sequence[str]) -> bool:
        """Whether a page may be a part: short though more follows, or an end too early.

        So may a row be, one without an id for instance.
        """
        if not all(map(self._is_entry, page.rows)):
            return True
        if self._goes_on(page, ids):
            return len(ids) < self._full(page)
        if not ids:
            return not self._read or not self._is_counted(ids)
        return (
            len(ids) < self._full(page)
            and self._announced is not None
            and not self._is_counted(ids)
        )

    def _following(self, request: Request, page: ListPage, ids: Sequence[str]) -> Request | None:
        """Return the request for what lies behind a page, or ``None`` when nothing can."""
        is_short = len(ids) < self._full(page)
        if page.next_link is not None and not (is_short and ids):
            return self._client.next_request(request, page.next_link)
        says_end = (is_short or page.has_links) and not self._goes_on(page, ids)
        if not ids or (says_end and self._is_counted(ids)):
            return None
        # Behind the last row there may be some that a short page, or its link, has left out.
        return Request(self._path, {**self._params, "before": ids[-1]})

    def _goes_on(self, page: ListPage, ids: Sequence[str]) -> bool:
        return page.next_link is not None or (page.cursor_count or 0) > len(ids)

    def _is_counted(self, ids: Sequence[str]) -> bool:
        """Whether, with these, all rows are read that were announced."""
        new = sum(one not in self._read for one in {hash(id_) for id_ in ids})
        return self._announced is not None and len(self._read) + new >= self._announced

    def _full(self, page: ListPage) -> int:
        return min(self._count, page.page_size or self._count)

    def _without_end(self) -> StreamError:
        return StreamError(
            f"{self._path}: Kustomer's next page brings the rows of an earlier one, so the list "
            "has no end. Report this to Kustomer's support.",
        )
