"""Streams that are read as a full list, declared as data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from tap_kustomer.errors import NotFoundError
from tap_kustomer.readers.lists import read_list
from tap_kustomer.streams.base import KustomerStream, RowBatch

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_kustomer.readers.lists import ListPage

__all__ = ["ListStream", "listed_pages", "listed_rows"]


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

    @property
    @override
    def reads_list(self) -> bool:
        """A list may be no part of an org."""
        return True

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of all passes, each id once."""
        make_row = self.make_row
        kind = self.included_type
        for rows in listed_rows(self, self.paths, self.passes, self.page_size, kind):
            yield RowBatch([make_row(row) for row in self.completed(rows)])

    def completed(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the resources with what has to be asked for one by one; nothing, usually."""
        return rows


def listed_rows(
    stream: KustomerStream,
    paths: Sequence[str],
    passes: Sequence[Mapping[str, str]] = ({},),
    page_size: int | None = 100,
    included_type: str | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Yield the resources of a list page by page, each id once.

    Raises: ``NotFoundError`` when no path is known to Kustomer.
    """
    seen: set[str] = set()
    for params in passes:
        for page in listed_pages(stream, paths, params, page_size):
            rows = page.rows
            if included_type is not None:
                rows = [row for row in page.included if row.get("type") == included_type]
            yield list(_unseen(rows, seen))


def _unseen(rows: list[dict[str, Any]], seen: set[str]) -> Iterator[dict[str, Any]]:
    for row in rows:
        id_ = str(row.get("id") or "")
        if id_ not in seen or not id_:
            seen.add(id_)
            yield row


def listed_pages(
    stream: KustomerStream,
    paths: Sequence[str],
    params: Mapping[str, str],
    page_size: int | None,
) -> Iterator[ListPage]:
    """Yield the pages of the first of ``paths`` that Kustomer knows, fetched by a worker."""
    last = paths[-1]
    for path in paths:
        pages = read_list(stream.client, path, params, page_size=page_size)
        try:
            first = stream.workers.call(lambda p=pages: next(p, None))  # type: ignore[misc]
        except NotFoundError:
            if path == last:
                raise
            stream.logger.info("%s: %s is unknown here, trying the next.", stream.name, path)
            continue
        while first is not None:
            yield first
            first = stream.workers.call(lambda p=pages: next(p, None))  # type: ignore[misc]
        return
