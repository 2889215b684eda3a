"""Streams that are read as a full list, declared as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar

from typing_extensions import override

from tap_kustomer.errors import MissingRoleError, NotFoundError
from tap_kustomer.readers.list_page import ListPage, identity
from tap_kustomer.readers.lists import never_an_end, read_known_list
from tap_kustomer.readers.versions import SeenVersions
from tap_kustomer.streams.base import KustomerStream, RowBatch

__all__ = ["ListStream", "listed", "listed_pages", "listed_rows"]


class ListStream(KustomerStream):
    """A stream of plain GET requests, read to the end in every run.

    ``paths`` are tried in turn until one is not answered with 404; ``passes`` are the query
    parameters of each reading, where one does not show all rows. ``included_type`` is set where
    the rows are not those of the list, but those of that type which come along with them.
    """

    paths: ClassVar[tuple[str, ...]]
    passes: ClassVar[tuple[Mapping[str, str], ...]] = ({},)
    page_size: ClassVar[int | None] = 100
    included_type: ClassVar[str | None] = None

    _ahead: Iterator[ListPage] | None = None  # pages that are fetched before the stream's turn
    _opened: Iterator[ListPage] | None = None

    reads_list = True  # a list may be no part of an org
    is_full_list = True

    @override
    def ask_ahead(self) -> None:
        self._ahead = self.prefetch.hold(self._pages())

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of all passes, each id once."""
        make_row = self.make_row
        for page in self._opened or self._all_pages():
            yield RowBatch([make_row(row) for row in page.rows])

    @override
    def prepare(self) -> None:
        """Read the first page: a list that may not be read gets no SCHEMA message."""
        pages = self._all_pages()
        first = next(pages, None)
        self._opened = pages if first is None else chain([first], pages)

    def known_page(self, params: Mapping[str, str]) -> ListPage | None:  # noqa: ARG002 - for lists that discovery reads
        """Return all rows of one pass, where discovery has read them."""
        return None

    def _all_pages(self) -> Iterator[ListPage]:
        ahead, self._ahead = self._ahead, None
        return ahead or self.prefetch.in_turn(self._pages())

    def _pages(self) -> Iterator[ListPage]:
        return map(self.completed, self.listed_by(self))

    def listed_by(self, reader: KustomerStream) -> Iterator[ListPage]:
        """Yield the pages of all passes, asked for by ``reader``: a stream below this one."""
        return listed(reader, self.paths, self.passes, self.page_size, self.included_type)

    def completed(self, page: ListPage) -> ListPage:
        """Return the page with what has to be asked for one by one; nothing, usually.

        Called by the thread that fetched it.
        """
        return page


def listed(
    stream: KustomerStream,
    paths: Sequence[str],
    passes: Sequence[Mapping[str, str]] = ({},),
    page_size: int | None = 100,
    included_type: str | None = None,
) -> Iterator[ListPage]:
    """Yield the pages of a list with the resources that are wanted, each version of a row once.

    Only talks to Kustomer, so any thread may move it on.
    Raises: ``NotFoundError`` when no path is known to Kustomer.
    """
    seen = SeenVersions()
    before = stream.rows_listed_before
    stream.rows_listed = []
    for place, params in enumerate(passes):
        # A list that had rows is read twice when it has fewer; so is one of which nothing is known.
        at_least = before[place] if place < len(before) else 1
        ids: set[str] = set()
        pages = read_known_list(
            stream.client, paths, params, page_size=page_size, at_least=at_least
        )
        for page in pages if place == 0 else _answered_before(pages):
            ids.update(map(identity, page.rows))
            rows = page.rows
            if included_type is not None:
                rows = [row for row in page.included if row.get("type") == included_type]
            yield replace(page, rows=[row for row in rows if seen.takes(identity(row), row)])
        stream.rows_listed.append(len(ids))


def _answered_before(pages: Iterator[ListPage]) -> Iterator[ListPage]:
    """Yield the pages of a list that has answered to other parameters.

    Raises: ``StreamError`` where it is refused now: the rows of before are only a part.
    """
    try:
        yield from pages
    except (MissingRoleError, NotFoundError) as error:
        raise never_an_end(error) from None


def listed_rows(stream: KustomerStream, paths: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the resources of a list page by page, each page when it is asked for."""
    for page in stream.prefetch.in_turn(listed(stream, paths)):
        yield page.rows


def listed_pages(
    stream: KustomerStream,
    paths: Sequence[str],
    params: Mapping[str, str],
    page_size: int | None,
) -> Iterator[ListPage]:
    """Yield the pages of a list as Kustomer sends them, each when it is asked for."""
    pages = read_known_list(stream.client, paths, params, page_size=page_size)
    return stream.prefetch.in_turn(pages)
