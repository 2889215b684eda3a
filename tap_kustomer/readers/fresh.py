"""Reading of the fresh part: what was updated since a pass began, and shortly before.

The index may still lack rows here, and show others where they were before their last update. So
nothing that is read here ever moves the bookmark: the next run reads it again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.readers.pages import OrderedPage
from tap_kustomer.readers.query import Bounds
from tap_kustomer.readers.stretches import behind, read_stretch

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.search import PageSearch

__all__ = ["FreshReader"]

logger = logging.getLogger("tap-kustomer.search")

_GAIN = 0.9  # of the rows may be left after a round, else it brought nothing
# Rounds and searches in vain until the end counts as fleeing: where few rows are left, a round
# is a search or two, and rows may come in bursts.
_VAIN_ROUNDS = 4
_VAIN_SEARCHES = 30
_LAST = 0.8  # of a page: so many rows are asked for in one go with all that came meanwhile
_TAIL = 10  # rows at the end of a page, of which the earliest gives the next position
_LACKING = 6  # times that rows are lacking which had been announced


@dataclass
class _Leg:
    """What was read since an answer told how many rows there are from ``low`` on."""

    low: str
    announced: int
    read: int = 0


class FreshReader:
    """Reads all rows from a moment on, those of other readers in between included.

    Timestamps are trusted to be in order until one is not, or until rows are missing that an
    answer announced: the search then shows rows that are fresher than their place. From there
    on all is read once more, and only what one answer holds whole counts.

    Where rows come all the time, the end flees. It is followed in rounds, each up to the moment
    when it began. A row that is not read by then was updated within every round.
    """

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self._search = search
        self._trusts = not search.misplaced  # rows of the first pass may have shown it already
        self._fewest: int | None = None  # rows that were left when a round began
        self._vain_rounds = 0
        self._last_gain = 0  # searches until then
        self._lacking = 0

    def read(
        self, low: str, high: str | None, first: SearchPage | None = None
    ) -> Iterator[OrderedPage]:
        """Yield the pages from ``low`` to ``high``; ``None``: to the end, which may flee.

        ``first`` is the first page, when it is known already.

        Raises: ``StreamError`` when answers do not agree on how many rows there are.
        """
        position = low
        end = high
        leg = _Leg(low, 0)
        while high is None or position <= high:
            page, first = first or self._search.ask(Bounds(position, high)), None
            yield OrderedPage(page, None)
            lacks = self._lacks(page, leg, high)
            if lacks or (self._trusts and not _in_order(page, high)):
                restart = low if self._trusts else leg.low
                self._trusts = False
                if lacks or position > low:
                    position, leg = restart, _Leg(restart, 0)
                    continue
            if self._search.is_whole(page):
                return
            if high is None and (end is None or position > end):
                if self._flees(page):
                    return
                end = self._end_of_round(page, position)
            leg = _Leg(position, page.total or 0)
            following = _in_page(page, position) if self._trusts else None
            if following is None:
                position = yield from self._follow(leg, page, end or position)
            else:
                leg.read = sum(1 for key in page.keys if (key.updated or "") < following)
                position = following

    def _follow(self, leg: _Leg, page: SearchPage, end: str) -> Generator[OrderedPage, None, str]:
        """Read on behind ``page`` to ``end``, or until a page may hold all that is left."""
        position, stop = leg.low, end
        shown: SearchPage | None = page
        while position <= end:
            stretch = yield from read_stretch(self._search, position, stop, shown)
            shown = None
            position = behind(stretch.high)
            leg.read += stretch.rows
            if self._trusts or leg.announced - leg.read <= _LAST * self._search.page_size:
                break
            stop = stretch.next_end(self._search.page_size, end)
        return position

    def _lacks(self, page: SearchPage, leg: _Leg, high: str | None) -> bool:
        """Whether rows of ``leg`` are neither read nor left: a part of the index answered.

        Raises: ``StreamError`` when that does not end.
        """
        found = leg.read + (page.total or 0)
        if page.total is None or found >= leg.announced:
            return False
        # Rows may also be deleted for good, or leave a range that has an end.
        again = self._search.ask(Bounds(leg.low, high))
        if (again.total or 0) <= found:
            return False
        self._lacking += 1
        if self._lacking > _LACKING:
            raise self._search.disagreement()
        return True

    def _end_of_round(self, page: SearchPage, position: str) -> str:
        now = timestamps.from_epoch(self._search.client.server_time.now())
        return max([now, position, *(key.updated for key in page.keys if key.updated)])

    def _flees(self, page: SearchPage) -> bool:
        """Whether round after round left as many rows as there were before."""
        left = page.total or len(page)
        if self._fewest is None or left <= self._fewest * _GAIN:
            self._fewest = left
            self._vain_rounds, self._last_gain = 0, self._search.requests
            return False
        self._vain_rounds += 1
        searches = self._search.requests - self._last_gain
        if self._vain_rounds < _VAIN_ROUNDS or searches < _VAIN_SEARCHES:
            return False
        logger.warning(
            "%s: rows change faster than they are read; the next run goes on from the bookmark.",
            self._search.query.stream,
        )
        return True


def _in_order(page: SearchPage, high: str | None) -> bool:
    last = ""
    for key in page.keys:
        if key.updated is None:
            continue
        if key.updated < last or (high is not None and key.updated > high):
            return False
        last = key.updated
    return True


def _in_page(page: SearchPage, position: str) -> str | None:
    """Return a moment before which ``page`` shows all rows; ``None`` when it shows only ties."""
    stamps = [key.updated for key in page.keys if key.updated is not None]
    if not stamps:
        return None
    # The last row may be the only one that stands before its time: the earliest of some.
    tail = min(stamps[-max(1, min(_TAIL, len(stamps) // 3)) :])
    # Where nothing but ties are before the tail, only the last row leads behind them.
    following = tail if tail > stamps[0] else stamps[-1]
    return following if following > max(position, stamps[0]) else None
