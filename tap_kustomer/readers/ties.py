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

__all__ = ["TieReader"]

MAX_PAGES = 100  # documented hard limit of a search
MAX_WINDOW = 10_000  # rows that page x size reaches: UNCONFIRMED beyond, so never more

_FIRST_CREATION = "1970-01-01T00:00:00.000Z"
# Walks in a row that bring nothing new. A row that comes at random stays unseen in one walk with
# a chance of 1 in 3, in all of them with less than 1 in 100,000.
_UNPRODUCTIVE_WALKS = 12
_COUNTS = 20  # of the rows of one timestamp that go on at the same time; more cost only memory


class TieReader:
    """Reads all rows of one timestamp; yields pages in no order, rows may come twice."""

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self._search = search

    def read(self, moment: str, group: SearchPage | None = None) -> Iterator[SearchPage]:
        """Yield the rows stamped ``moment``; ``group`` is the answer to that, if known.

        Raises: ``StreamError`` when the rows cannot be told apart.
        """
        bounds = Bounds(moment, moment)
        if group is None:
            group = self._search.ask(bounds)
            yield group
        if not self._search.is_whole(group):
            yield from self._separated(bounds, _total(group))

    def _separated(self, bounds: Bounds, total: int) -> Iterator[SearchPage]:
        created = replace(bounds, created_low=_FIRST_CREATION)
        first = self._ask_or_none(created)
        if first is None:
            yield from self._by_number(bounds)
            return
        # Without drift the difference is the number of rows without a creation. With it the
        # difference is larger, never smaller: rows only leave, and the first answer is older.
        if _total(first) < total:
            rest = replace(bounds, without_creation=True)
            if self._ask_or_none(rest) is None:
                yield from self._by_number(bounds)
            else:
                yield from self._by_number(rest)
        yield from self._by_creation(created, first)

    def _ask_or_none(self, bounds: Bounds) -> SearchPage | None:
        """Return the first page, or ``None`` when Kustomer does not take such a search."""
        if self._search.query.created_attribute is None:
            return None
        try:
            return self._search.ask(bounds)
        except (RequestRefusedError, UntrustedAnswerError):
            return None

    def _by_creation(self, bounds: Bounds, page: SearchPage) -> Iterator[SearchPage]:
        expected = 0
        while True:
            if self._search.is_whole(page):
                page = self._search.settled_total(page, bounds, expected)
            yield page
            if self._search.is_whole(page):
                return
            created = [key.created for key in page.keys if key.created is not None]
            step = created[-1] if created else timestamps.normalise(bounds.created_low)
            expected = _total(page) - sum(1 for one in created if one != step)
            if not created or created[0] == step or step == bounds.created_low:
                yield from self._by_number(replace(bounds, created_low=step, created_high=step))
                step = timestamps.shift(step or "", seconds=0.001)
                expected = 0
            bounds = replace(bounds, created_low=step)
            page = self._search.ask(bounds)

    def _by_number(self, bounds: Bounds) -> Iterator[SearchPage]:
        """Walk page after page, until as many rows were seen as there are.

        Rows that leave the group meanwhile would make a count too high for those that are left,
        so each total that shrinks begins another one. The older ones go on: rows only leave, so
        all that were there when a count began were seen once it is full. In a group that loses
        rows all the time, a single count that begins anew would never be full.
        """
        counts: list[tuple[int, set[str | None]]] = []
        total = most = -1
        unproductive = 0
        while unproductive < _UNPRODUCTIVE_WALKS:
            unproductive += 1
            for number in range(1, MAX_PAGES + 1):
                page = self._search.ask(bounds, number)
                yield page
                if _total(page) != total:
                    total, unproductive = _total(page), 0
                    most = max(most, total)
                    # A total that has grown shows that those below it were of a part of the index.
                    counts = [one for one in counts if one[0] >= total][-_COUNTS:]
                    counts.append((total, set()))
                before = len(counts[-1][1])
                for _, ids in counts:
                    ids.update(key.id for key in page.keys)
                unproductive = unproductive if len(counts[-1][1]) == before else 0
                full = any(len(ids) >= began_with for began_with, ids in counts)
                if full and not self._grows(bounds, total, most):
                    return
                if total > self._reach:
                    self._too_many(bounds, total)
                if number * self._search.page_size >= total:
                    break
        self._too_many(bounds, total)

    def _grows(self, bounds: Bounds, total: int, most: int) -> bool:
        """Whether a total that had shrunk is larger again: a part of the index was missing."""
        return total < most and _total(self._search.ask(bounds)) > total

    @property
    def _reach(self) -> int:
        size = self._search.page_size
        return min(MAX_WINDOW // size, MAX_PAGES) * size

    def _too_many(self, bounds: Bounds, total: int) -> NoReturn:
        msg = (
            f"{self._search.query.stream}: {total} rows carry the timestamp {bounds.low} and "
            f"nothing tells them apart; a search reaches {self._reach} such rows. The stream "
            "stopped instead of losing rows. Change some of these rows in Kustomer, or read the "
            "rest with a `start_date` behind that moment under a state id of its own."
        )
        raise StreamError(msg)


def _total(page: SearchPage) -> int:
    return len(page) if page.total is None else page.total
