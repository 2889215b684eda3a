"""Rows of one timestamp, more than a page of them: read by the moment of their creation.

A bulk update stamps thousands of rows at once, and the search has no second sort that holds.
Only rows that also were created at one moment, or that do not tell when, are read by page
numbers, and again and again, because rows of one timestamp have no stable order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.errors import RequestRefusedError, StreamError, UntrustedAnswerError
from tap_kustomer.readers.query import Bounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.search import PageSearch

__all__ = ["IndexBehindError", "TieReader"]

MAX_PAGES = 100  # documented hard limit of a search
MAX_WINDOW = 10_000  # rows that page x size reaches: UNCONFIRMED beyond, so never more

_FIRST_CREATION = "1970-01-01T00:00:00.000Z"
_ROUNDS = 3  # times a group is read until its count fits
_UNPRODUCTIVE_WALKS = 6  # walks in a row that bring no new row


class IndexBehindError(Exception):
    """The index does not yet find rows where they say that they are."""


class TieReader:
    """Reads all rows of one timestamp; yields pages in no order, rows may come twice."""

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self._search = search
        self._ids: set[str | None] = set()

    def read(self, moment: str, began: SearchPage) -> Iterator[SearchPage]:
        """Yield the rows stamped ``moment``; ``began`` is the page that showed the tie.

        Raises: ``IndexBehindError`` when rows of ``began`` are fresh and not found in their
        place, ``StreamError`` when the rows cannot be told apart.
        """
        bounds = Bounds(moment, moment)
        began_ids = {key.id for key in began.keys if key.updated == moment}
        for _ in range(_ROUNDS):
            self._ids = set()
            yield from self._by_creation(bounds)
            group = self._search.ask(bounds)
            yield self._seen(group)
            if len(self._ids) < _total(group):
                yield from self._by_number(bounds)
            if began_ids <= self._ids:
                return
            # Rows of the first page are gone. Those of a settled moment were updated
            # meanwhile: one more look must find all that are left.
            if moment > self._search.fresh_after:
                raise IndexBehindError
            began_ids &= self._ids

    def _by_creation(self, bounds: Bounds) -> Iterator[SearchPage]:
        if self._search.query.created_attribute is None:
            return
        bounds = replace(bounds, created_low=_FIRST_CREATION)
        while True:
            try:
                page = self._seen(self._search.ask(bounds))
            except (RequestRefusedError, UntrustedAnswerError):
                return  # the count will show what is missing, page numbers bring it
            yield page
            created = [key.created for key in page.keys if key.created is not None]
            if page.holds_all or page.total is None or not created:
                return
            step = created[-1]
            if created[0] == step:
                yield from self._by_number(replace(bounds, created_low=step, created_high=step))
                step = timestamps.shift(step, seconds=0.001)
            bounds = replace(bounds, created_low=step)

    def _by_number(self, bounds: Bounds) -> Iterator[SearchPage]:
        ids: set[str | None] = set()
        unproductive = 0
        while unproductive < _UNPRODUCTIVE_WALKS:
            before = len(ids)
            total = 0
            for number in range(1, MAX_PAGES + 1):
                page = self._seen(self._search.ask(bounds, number))
                yield page
                ids.update(key.id for key in page.keys)
                total = _total(page)
                if len(ids) >= total:
                    return
                if total > min(MAX_WINDOW, MAX_PAGES * self._search.page_size):
                    self._too_many(bounds, total)
                if number * self._search.page_size >= total:
                    break
            unproductive = 0 if len(ids) > before else unproductive + 1
        self._too_many(bounds, total)

    def _seen(self, page: SearchPage) -> SearchPage:
        self._ids.update(key.id for key in page.keys)
        return page

    def _too_many(self, bounds: Bounds, total: int) -> NoReturn:
        reach = min(MAX_WINDOW, MAX_PAGES * self._search.page_size)
        msg = (
            f"{self._search.query.stream}: {total} rows carry the timestamp {bounds.low} and "
            f"nothing tells them apart; a search reaches {reach} such rows. The stream stopped "
            "instead of losing rows. Change some of these rows in Kustomer, or read the rest "
            "with a `start_date` behind that moment under a state id of its own."
        )
        raise StreamError(msg)


def _total(page: SearchPage) -> int:
    return len(page) if page.total is None else page.total
