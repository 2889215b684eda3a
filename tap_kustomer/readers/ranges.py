"""Keyset reading of a time range: always page 1 of a search that begins where the last ended.

Rows are sorted by the attribute that every update moves, so with page numbers the row behind an
updated one would be skipped. Here a row can only move away from what is still to be read.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tap_kustomer import timestamps
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.query import Bounds
from tap_kustomer.readers.ties import IndexBehindError, TieReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.search import PageSearch

__all__ = ["OrderedPage", "RangeReader", "TimeRange", "Until"]

logger = logging.getLogger("tap-kustomer.search")

MILLISECOND = 0.001
_TAIL = 10  # rows at the end of a fresh page, of which the earliest gives the next position
_AGREEING_TRIES = 6  # times that a shrinking total is asked for until two answers agree
_AGREEING_PAUSE = 1.0  # seconds
_INDEX_PAUSE = 2.0  # seconds, doubled with each try
_INDEX_TRIES = 7  # 2 + 4 + ... + 64 seconds and more: longer than an index was ever seen to lag


class TimeRange(Protocol):
    """The range that is read. Its end may move while it is read."""

    @property
    def high(self) -> str | None:
        """The last moment of the range; ``None``: no end."""

    def learn(self, page: SearchPage, position: str) -> None:
        """Hear what an answer shows of the rows at and after ``position``; may move ``high``."""


class Until:
    """A range whose end stays where it is."""

    def __init__(self, high: str | None) -> None:
        """End at ``high``, included."""
        self.high = high

    def learn(self, page: SearchPage, position: str) -> None:
        """Leave the end where it is."""


@dataclass(frozen=True)
class OrderedPage:
    """Rows to emit, and the moment up to which then all rows are emitted (``None``: as before)."""

    page: SearchPage | None
    settled: str | None


class RangeReader:
    """Reads one range. Used by one thread at a time."""

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self._search = search
        self._stream = search.query.stream
        self.exhausted = False  # the last page of the range was read
        self._doubted = 0

    def read(
        self,
        low: str,
        range_: TimeRange,
        first: SearchPage | None = None,
        expected: int = 0,
    ) -> Iterator[OrderedPage]:
        """Yield the pages from ``low`` to the end of ``range_``, both included.

        ``first`` is the first page without an upper bound, when it is known already;
        ``expected`` rows at least are known to be there.
        """
        position = low  # ``expected``: what an earlier answer announced at and after it
        back = low  # where to look again when rows are missing in a fresh part
        while True:
            bounds = Bounds(position, range_.high)
            page, first = first or self._search.ask(bounds), None
            range_.learn(page, position)
            if _ends(page, self._search.page_size):
                page = self._agreed(page, bounds, expected)
            if page.total is not None and position > self._search.fresh_after:
                if page.total < expected and self._await_index():
                    position, expected = back, 0
                    continue
            if _ends(page, self._search.page_size):
                yield OrderedPage(page, self._settled_at_end(page))
                if bounds.high == range_.high or bounds.high is None:
                    self.exhausted = True
                    return
                # The range was made longer because it held so little.
                position, expected = bounds.high, 0
                continue
            back = position
            position, tie = self._step(page, position)
            if tie is None:
                yield OrderedPage(page, self._settled(page))
            else:
                yield OrderedPage(page, None)
                try:
                    for ties in TieReader(self._search).read(tie, page):
                        yield OrderedPage(ties, None)
                except IndexBehindError:
                    if self._await_index():
                        position, expected = back, 0
                        continue
                if tie <= self._search.fresh_after:
                    yield OrderedPage(None, tie)
            same_range = tie is None and bounds.high == range_.high
            expected = self._expected(page, position) if same_range else 0
            if range_.high is not None and position > range_.high:
                self.exhausted = True
                return

    def _step(self, page: SearchPage, position: str) -> tuple[str, str | None]:
        """Return the next position, and the timestamp whose ties must be read before it."""
        stamps = [key.updated for key in page.keys if key.updated is not None]
        if not stamps:
            msg = (
                f"{self._stream}: a whole page of rows has no {self._search.query.field}, so the "
                "search cannot go on behind it. Ask Kustomer's support about these rows."
            )
            raise StreamError(msg)
        if stamps[0] == stamps[-1] == min(stamps) == max(stamps):
            return timestamps.shift(stamps[0], seconds=MILLISECOND), stamps[0]
        settled = self._settled(page)
        if settled is not None and settled > position:
            return settled, None
        # Only fresh rows lie ahead. One that is fresher than its place in the index stands
        # before its time; its stamp would lead past unread rows. Ten in a row are unlikely,
        # and the count of the next answer shows it.
        step = min(stamps[-_TAIL:])
        if step > position:
            return step, None
        return timestamps.shift(position, seconds=MILLISECOND), position

    def _settled(self, page: SearchPage) -> str | None:
        """Return the timestamp of the last row that surely is in its place."""
        for key in reversed(page.keys):
            if key.updated is not None and key.updated <= self._search.fresh_after:
                return key.updated
        return None

    def _settled_at_end(self, page: SearchPage) -> str | None:
        """Return the moment that is settled once nothing follows ``page``."""
        stamps = [key.updated for key in page.keys if key.updated is not None]
        if not stamps or self._doubted > _INDEX_TRIES:
            return self._settled(page)
        return min(max(stamps), self._search.fresh_after)

    def _expected(self, page: SearchPage, position: str) -> int:
        if page.total is None:
            return 0
        if position > self._search.fresh_after:
            return page.total - len(page)
        return page.total - sum(1 for key in page.keys if key.updated and key.updated < position)

    def _agreed(self, page: SearchPage, bounds: Bounds, expected: int) -> SearchPage:
        """Return ``page``, or a later answer that two in a row agree on when it has too little.

        Rows leave a range when they are updated, so a total may shrink. It also shrinks when
        the index answers with a part of itself, and that must not end the range.
        """
        if page.total is None or page.total >= expected:
            return page
        for _ in range(_AGREEING_TRIES):
            again = self._search.ask(bounds)
            if again.total == page.total:
                return again
            page = again
            if not _ends(page, self._search.page_size):
                return page
            self._search.client.clock.sleep(_AGREEING_PAUSE)
        msg = (
            f"{self._stream}: Kustomer's answers do not agree on how many rows there are, so the "
            "stream stopped instead of losing rows. Run again later."
        )
        raise StreamError(msg)

    def _await_index(self) -> bool:
        """Wait for the index to show rows in their place; ``False`` when it was long enough."""
        self._doubted += 1
        if self._doubted > _INDEX_TRIES:
            logger.warning(
                "%s: Kustomer's index still lacks rows that it announced; the next run reads "
                "this part again.",
                self._stream,
            )
            return False
        self._search.client.clock.sleep(_INDEX_PAUSE * 2 ** (self._doubted - 1))
        return True


def _ends(page: SearchPage, page_size: int) -> bool:
    return page.holds_all or (page.total is None and len(page) < page_size)
