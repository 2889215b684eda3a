"""All ids that one search has, in ranges of creation that are each proven by Kustomer's count.

A range is read in pages of ids, as deep as pages are known to go. The last of them brings whole
rows, whose creation says where the next range begins; the difference of the two ranges' totals is
the number of rows in between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from tap_kustomer.errors import StreamError
from tap_kustomer.readers.census import Census, PageSizeChangedError, Span, before, halves
from tap_kustomer.readers.prefetch import Prefetch
from tap_kustomer.readers.search.page import SearchPage

__all__ = ["read_ids"]

DEEPEST_ROW = 10_000  # beyond it, page numbers are not known to work
_ROUNDS = 12  # readings of one instant whose rows change places


def read_ids(census: Census, prefetch: Prefetch, span: Span) -> Iterator[set[str]]:
    """Yield the ids of a range, part by part; an id may come twice, at a border.

    Raises: ``StreamError`` when the ids that Kustomer shows are not as many as it counts.
    """
    reader = _IdReader(census, prefetch)
    try:
        yield from reader.read(span)
    except PageSizeChangedError:
        yield from reader.read(span)


class _IdReader:
    def __init__(self, census: Census, prefetch: Prefetch) -> None:
        self._census = census
        self._prefetch = prefetch

    def read(self, span: Span) -> Iterator[set[str]]:
        """Yield the ids, one chain of ranges after the other."""
        first, is_counted = self._ask(span), False
        while True:
            deepest = self._deepest
            if first.total is not None and first.total <= deepest * self._census.page_size:
                yield from self._whole(span, first, is_counted=is_counted)
                return
            last = self._rows(span, deepest)
            stamps = [key.created for key in last.keys if key.created is not None]
            if not stamps or stamps[0] == stamps[-1] or len(stamps) < self._census.page_size:
                yield from self._proven(span)  # no border can be told from these
                return
            border = stamps[-1]
            here, behind = replace(span, high=before(border)), replace(span, low=border)
            if first.total is None:
                yield from self._proven(here)
                span, first, is_counted = behind, self._ask(behind), False
                continue
            pages = [first, *self._pages(span, range(2, deepest)), last]
            following = self._ask(behind)
            ids = _ids(pages[:-1]) | {
                key.id
                for key in last.keys
                if key.id and (key.created is None or key.created < border)
            }
            is_counted = self._are_all(ids, pages, following)
            if is_counted:
                yield ids
            else:
                yield from self._proven(here)
            span, first = behind, following

    @property
    def _deepest(self) -> int:
        return max(DEEPEST_ROW // self._census.page_size, 2)

    @staticmethod
    def _are_all(ids: set[str], pages: Sequence[SearchPage], following: SearchPage) -> bool:
        """Whether these are as many as there are rows before those of ``following``.

        Where a row went meanwhile, the pages behind it have left one out: then nothing is proven,
        not even by as many ids as rows that are left.
        """
        return following.total is not None and (
            {page.total for page in pages} == {len(ids) + following.total}
        )

    def _whole(
        self, span: Span, first: SearchPage, *, is_counted: bool = False
    ) -> Iterator[set[str]]:
        """Yield the ids of a range all of whose pages can be had, once they are proven.

        One page says of itself how many there are, so it is asked for again, unless it
        ``is_counted`` by those of the range before.
        """
        count = math.ceil((first.total or 0) / self._census.page_size)
        pages = [first, *self._pages(span, range(2, count + 1))]
        if len(pages) == 1 and not is_counted:
            pages.append(self._ask(span))
        ids = _ids(pages)
        if {page.total for page in pages} == {len(ids)}:
            yield ids
        else:
            yield from self._halved(span)

    def _proven(self, span: Span) -> Iterator[set[str]]:
        """Yield the ids of a range that was read without being proven."""
        if span.low > span.high:
            return
        first = self._ask(span)
        if first.total is not None and first.total <= self._deepest * self._census.page_size:
            yield from self._whole(span, first)
        else:
            yield from self._halved(span)

    def _halved(self, span: Span) -> Iterator[set[str]]:
        parts = halves(span)
        if parts is None:
            yield self._instant(span)
            return
        for part in parts:
            yield from self._proven(part)

    def _instant(self, span: Span) -> set[str]:
        """Return the ids of what no range tells apart: pages until they are as many as counted."""
        ids: set[str] = set()
        totals: set[int | None] = set()
        for _ in range(_ROUNDS):
            first = self._ask(span)
            if first.total is None:
                break
            count = math.ceil(first.total / self._census.page_size)
            pages = [first, *self._pages(span, range(2, count + 1))]
            if totals != (totals := {page.total for page in pages}):
                ids = set()  # some went meanwhile, so an id may stand for another that is missing
            ids |= _ids(pages)
            if totals == {len(ids)}:
                return ids
        msg = (
            f"{self._census.query.stream}: Kustomer does not show as many ids as it counts of rows "
            f"that were created at {span.low}, so they are not all known. Run again later."
        )
        raise StreamError(msg)

    def _ask(self, span: Span) -> SearchPage:
        return self._prefetch.call(partial(self._census.ask, span))

    def _rows(self, span: Span, number: int) -> SearchPage:
        return self._prefetch.call(partial(self._census.ask, span, number, ids_only=False))

    def _pages(self, span: Span, numbers: range) -> list[SearchPage]:
        return self._prefetch.map(partial(self._census.ask, span), numbers)


def _ids(pages: Sequence[SearchPage]) -> set[str]:
    """Return the ids of pages, none of which has a row without."""
    return {key.id for page in pages for key in page.keys if key.id}
