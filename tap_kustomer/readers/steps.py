"""The way from page to page of a list, and what makes a page doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.list_page import ListPage
from tap_kustomer.readers.walks import Walk

__all__ = ["ENDS_NOW", "OTHER_KIND", "SHORT", "WITHOUT_ID", "Doubt", "Steps"]

_FIRST_PAGES = 3  # by then it shows that pages are smaller than asked for
_MOST_STALE = 2  # pages in a row without a new row: rows that come push others onto later pages


class Doubt(NamedTuple):
    """Why a page is asked for again; what ``may_be_true`` is believed when it is said twice."""

    what: str
    may_be_true: bool = False


SHORT = Doubt("is not full, though another follows")
OTHER_KIND = Doubt("holds rows of another list", may_be_true=True)
WITHOUT_ID = Doubt("holds rows without an id", may_be_true=True)
ENDS_NOW = Doubt("is now the last, though it was not before", may_be_true=True)
_IN_CIRCLES = Doubt("leads back to one that was read")
_REPEATED = Doubt("brings the rows of an earlier one")
_EMPTY_END = Doubt("is empty, though the one before is full", may_be_true=True)
_WITHOUT_LINKS = Doubt("has no links, though the one before has", may_be_true=True)


class Steps:
    """One walk from the first page on: by ``links.next``, on the same host only, else by number.

    How many rows a list puts on a page is not always what was asked for: its ``meta`` tells, or
    the pages themselves do. Behind a full page that names no next one, the next is asked for by
    its number: a missing link alone is no end.
    """

    def __init__(self, client: KustomerClient, first: Request, page_size: int) -> None:
        """Begin in front of ``first``, which asks for ``page_size`` rows."""
        self.request: Request | None = first
        self.number = 1
        self.page_size = page_size  # rows on a full page
        self.is_contradicted = False  # a page was no more the last than it was full
        self._client = client
        self._first = first
        self._visited = {_key(first)}
        self._has_links = False
        self._is_behind_end = False  # the page before is full and named no next one
        self._last_rows = 0
        self._stale = 0
        self._most_rows = 0
        self._tells_size = False

    @property
    def likely_page_size(self) -> int:
        """How many rows the list seems to put on a page: fewer than asked for, without a word."""
        is_clamped = self.number <= _FIRST_PAGES and not self._tells_size and self._most_rows
        return min(self._most_rows, self.page_size) if is_clamped else self.page_size

    def note_rows(self, page: ListPage) -> None:
        """Note how many rows there are on a page."""
        self._most_rows = max(self._most_rows, len(page.rows))
        self._tells_size = self._tells_size or page.page_size is not None

    @property
    def may_be_over(self) -> bool:
        """Whether nothing has to follow: the page before has no links and is not full.

        Or it is full, and its links name no next page.
        """
        is_short = not self._has_links and self._last_rows < self.page_size
        return self.number > 1 and (self._is_behind_end or is_short)

    def is_nothing(self, ids: Sequence[str], walk: Walk) -> bool:
        """Whether the page behind the end that a full one told of has no other rows."""
        return self._is_behind_end and walk.has_all(ids)

    def is_single(self, page: ListPage, ids: Sequence[str]) -> bool:
        """Whether the list has no further page than this; an empty one without links is none."""
        if self.number > 1:  # rows may have crossed the edge behind a full page
            return not ids and not page.has_links and not self._is_behind_end
        return page.next_link is None and (page.has_links or len(ids) < self.page_size)

    def doubt(self, page: ListPage, ids: Sequence[str], walk: Walk) -> Doubt | None:
        """Return why the page that was asked for may not be what it seems."""
        # A page that holds more than it tells of tells nothing.
        if self.number == 1 and page.page_size is not None and len(ids) <= page.page_size:
            self.page_size = min(self.page_size, page.page_size)
        if page.next_link is not None:
            if _key(self._following(page)) in self._visited:
                return _IN_CIRCLES
            return SHORT if len(ids) < self.page_size else None
        if self._has_links and not page.has_links:
            return _WITHOUT_LINKS
        return None if page.total == walk.size_with(ids) else self._doubt_of_end(page, ids, walk)

    def _doubt_of_end(self, page: ListPage, ids: Sequence[str], walk: Walk) -> Doubt | None:
        """Return why a page that names no next one, and no total that agrees, may not be the last.

        One without links is no end while it brings rows.
        """
        is_behind_full = self.number > 1 and self._last_rows >= self.page_size
        if not ids:
            return _EMPTY_END if is_behind_full else None
        return _REPEATED if not page.has_links and is_behind_full and walk.has_all(ids) else None

    def go_on(self, page: ListPage, new: int, read: int) -> None:
        """Make ``request`` that of the next page, or ``None``; ``new`` rows of ``read`` are new.

        Raises: ``StreamError`` when the list leads on to other hosts, or nowhere.
        """
        self.note_rows(page)
        by_number = not page.has_links
        if by_number and new and self.number > 1 and self._last_rows < self.page_size:
            self.is_contradicted = True
        if self.page_size < len(page.rows) and self.page_size < self._first.params["pageSize"]:
            self.is_contradicted = True
        self._has_links = self._has_links or page.has_links
        self._last_rows = len(page.rows)
        self._stale = 0 if new else self._stale + 1
        is_full_end = page.has_links and page.next_link is None and self._is_full(page, read)
        if page.next_link is not None:
            if self._stale > _MOST_STALE:
                msg = (
                    f"{self._first.path}: Kustomer's next pages bring the rows of earlier ones, "
                    "so the list has no end. Report this to Kustomer's support."
                )
                raise StreamError(msg)
            self.request = self._following(page)
            self._visited.add(_key(self.request))
        elif not new or self._is_counted_end(page, read) or (page.has_links and not is_full_end):
            self.request = None
        else:
            self.request = Request(
                self._first.path,
                {**self._first.params, "page": self.number + 1},
                budget=self._first.budget,
            )
        self._is_behind_end = is_full_end
        self.number += self.request is not None
        if self.request is not None:
            self._client.limiter.wait(self.request.budget)

    def _is_full(self, page: ListPage, read: int) -> bool:
        """Whether a page may have others behind it: it is full, and no total says otherwise."""
        return len(page.rows) >= self.page_size and page.total != read

    def _is_counted_end(self, page: ListPage, read: int) -> bool:
        return len(page.rows) < self.page_size and page.total is not None and read >= page.total

    def _following(self, page: ListPage) -> Request:
        return self._client.next_request(self._first, page.next_link or "")


def _key(request: Request) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what two requests for the same page have in common."""
    url = urlsplit(request.path)
    asked = [*parse_qsl(url.query), *((name, str(one)) for name, one in request.params.items())]
    return url.path, tuple(sorted(asked))
