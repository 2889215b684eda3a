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
    read as the first answer announced, or when nothing lies behind the last row either. The first
    answer is asked for twice, since all others are compared with its count and it may be of a
    part, and so is each that tells no count.
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
        self._left: int | None = None  # rows behind the page before
        self._is_contradicted = False  # by a page that has more rows than were left
        self._has_answered = False
        self._is_at_start = True
        self._written: set[int] = set()  # hashes of the ids of all rows so far
        self._read: set[int] = set()  # the same of this reading
        self.has_holes = False  # a page stayed short, so rows may be missing in front of its end

    @property
    def is_whole(self) -> bool:
        """Whether as many rows were read as there were when the range was first asked for."""
        if self._is_contradicted:
            return False
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
        self._announced = None
        self.has_holes = False
        self._left = None
        self._is_contradicted = False
        request: Request | None = Request(self._path, self._params)
        empty = 0
        while request is not None:
            page, ids = self._ask(request)
            self._is_at_start = False
            empty = 0 if ids else empty + 1
            if empty > _MOST_EMPTY:
                raise self._without_end()
            self._compare(page, ids)
            self._read.update(map(hash, ids))
            yield replace(page, rows=list(self._unwritten(page, ids)))
            request = self._following(request, page, ids)

    def _compare(self, page: ListPage, ids: Sequence[str]) -> None:
        """Note what a page left over, and whether it has more than the one before left over."""
        count = page.cursor_count
        if count is not None and self._left is not None and count > self._left:
            self._is_contradicted = True  # the one before was a part
        self._left = None if count is None else count - len(ids)

    def _unwritten(self, page: ListPage, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        for row, id_ in zip(page.rows, ids, strict=True):
            if hash(id_) not in self._written:
                self._written.add(hash(id_))
                yield row

    def _ask(self, request: Request) -> tuple[ListPage, list[str]]:
        """Return the page that is due and the ids of its rows, asked for again where in doubt."""
        best: tuple[ListPage, list[str]] | None = None
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
            is_confirmed = best is not None and self._confirms(page, ids, *best)
            if best is None or not self._is_at_start or len(ids) >= len(best[1]):
                best = page, ids
            if is_confirmed:
                break
        if is_stale or best is None:
            raise self._without_end()
        page, ids = best
        is_short = len(ids) < self._full(page) and self._goes_on(page, ids)
        self.has_holes = self.has_holes or is_short
        return page, ids

    def _confirms(
        self, page: ListPage, ids: Sequence[str], before: ListPage, ids_before: Sequence[str]
    ) -> bool:
        """Whether an answer shows the same as the one before, but for entries that came since."""
        if not self._is_at_start or not ids_before:
            return (page.next_link, ids) == (before.next_link, ids_before)
        if ids_before[0] not in ids:
            return False
        came = ids.index(ids_before[0])
        same = ids[came:]
        is_pushed = len(same) < len(ids_before) and len(ids) >= self._full(page)
        if is_pushed and page.has_links and not self._goes_on(page, ids):
            return False  # what was pushed off the page has to be behind it
        counts = page.cursor_count, before.cursor_count
        if counts[0] is not None and counts[1] is not None and counts[0] - counts[1] != came:
            return False
        return same == ids_before[: len(same)] and (is_pushed or len(same) == len(ids_before))

    def _count_announced(self, page: ListPage) -> None:
        """Note how many rows the first page of a reading announces; entries do not become fewer."""
        if self._is_at_start:
            total = None if page.total == SUSPICIOUS_ROWS else page.total
            announced = total and min(total, page.cursor_count or total)
            if announced is not None:
                self._announced = max(announced, self._announced or 0)

    def _is_doubtful(self, page: ListPage, ids: Sequence[str]) -> bool:
        """Whether a page may be a part: short though more follows, or an end too early.

        So may a row be, one without an id for instance.
        """
        is_uncounted = self._is_at_start or page.total is None
        if not all(map(self._is_entry, page.rows)) or (is_uncounted and ids):
            return True
        if page.cursor_count is not None and page.cursor_count < (self._left or 0):
            return True  # entries do not become fewer
        is_short = len(ids) < self._full(page)
        if self._goes_on(page, ids):
            return is_short
        if not ids:
            return not self._read or not self._is_counted(ids)
        return is_short and self._announced is not None and not self._is_counted(ids)

    def _says_end(self, page: ListPage, ids: Sequence[str]) -> bool:
        is_short = len(ids) < self._full(page)
        return (is_short or page.has_links) and not self._goes_on(page, ids)

    def _following(self, request: Request, page: ListPage, ids: Sequence[str]) -> Request | None:
        """Return the request for what lies behind a page, or ``None`` when nothing can."""
        is_short = len(ids) < self._full(page)
        if page.next_link is not None and not (is_short and ids):
            return self._client.next_request(request, page.next_link)
        if not ids or (self._says_end(page, ids) and self._is_counted(ids)):
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
