"""Reading of the tail: what was updated since a pass began, and shortly before.

The index may still lack rows here, and show others where they were before their last update. So
nothing that is read here ever moves the bookmark: the next run reads it again.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from tap_kustomer import timestamps
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.page import OrderedPage, SearchPage
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.readers.search.window import read_window

__all__ = ["TailReader"]

logger = logging.getLogger("tap-kustomer.search")

_PROGRESS = 0.9  # a round made progress if at most this share of the rows is left
# Rounds and searches without progress until the end counts as out of reach: where few rows are
# left, a round is a search or two, and rows may come in bursts.
_VAIN_ROUNDS = 4
_VAIN_SEARCHES = 30
_LAST = 0.8  # of a page: so many rows are asked for in one go with all that came meanwhile
_MOST_LACKS = 6  # times that rows are lacking which an answer had announced


@dataclass
class _Leg:
    """What was read since an answer announced how many rows there are from ``low`` on."""

    low: str
    announced: int = 0
    read: int = 0


@dataclass
class _Progress:
    """The last round that left fewer rows than those before."""

    left: int
    searches: int  # until it began
    vain_rounds: int = 0  # since


class TailReader:
    """Reads all rows from a moment on, in windows that one answer holds whole.

    No stamp is trusted here: a row may show a later update than its place in the index, or stand
    in no order. Where rows come all the time, the end moves on. It is followed in rounds, each up
    to the moment when it began. A row that is not read by then was updated within every round.
    """

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self._search = search
        self._progress: _Progress | None = None
        self._lacks = 0

    def read(
        self, low: str, high: str | None, first: SearchPage | None = None
    ) -> Iterator[OrderedPage]:
        """Yield the pages from ``low`` to ``high``; ``None``: to the end, which may move on.

        ``first`` is the first page, when it is known already.

        Raises: ``StreamError`` when answers do not agree on how many rows there are.
        """
        position, end = low, high
        leg = _Leg(low)
        while True:
            if high is not None and position > high:
                # The last window ended there, and it may have lacked rows as any other.
                if not self._lacks_rows(0, leg, high):
                    return
                position, leg = leg.low, _Leg(leg.low)
                continue
            page, first = first or self._search.ask(Bounds(position, high)), None
            yield OrderedPage(page)
            if self._lacks_rows(page.total, leg, high):
                position, leg = leg.low, _Leg(leg.low)
                continue
            if self._search.is_whole(page):
                return
            if high is None and (end is None or position > end):
                if self._is_out_of_reach(page):
                    return
                end = self._end_of_round(page, position)
            leg = _Leg(position, page.total or 0)
            position = yield from self._follow(leg, page, end or position)

    def _follow(self, leg: _Leg, page: SearchPage, end: str) -> Generator[OrderedPage, None, str]:
        """Read on behind ``page`` to ``end``, or until a page may hold all that is left."""
        position, stop = leg.low, end
        shown: SearchPage | None = page
        while position <= end:
            window = yield from read_window(self._search, position, stop, shown)
            shown = None
            position = timestamps.behind(window.high)
            leg.read += window.rows
            if leg.announced and leg.announced - leg.read <= _LAST * self._search.page_size:
                break
            stop = window.next_end(self._search.page_size, end)
        return position

    def _lacks_rows(self, left: int | None, leg: _Leg, high: str | None) -> bool:
        """Whether rows of ``leg`` are neither read nor ``left``: a part of the index answered.

        Raises: ``StreamError`` when that does not end.
        """
        if left is None or leg.read + left >= leg.announced:
            return False
        # Rows may also be deleted for good, or leave a range that has an end.
        again = self._search.ask(Bounds(leg.low, high))
        if (again.total or 0) <= leg.read + left:
            return False
        self._lacks += 1
        if self._lacks > _MOST_LACKS:
            raise self._search.disagreement()
        return True

    def _end_of_round(self, page: SearchPage, position: str) -> str:
        now = timestamps.from_epoch(self._search.client.server_time.now())
        return max([now, position, *(key.updated for key in page.keys if key.updated)])

    def _is_out_of_reach(self, page: SearchPage) -> bool:
        """Whether round after round left as many rows as there were before."""
        left, searches, before = page.expected, self._search.requests, self._progress
        if before is None or left <= before.left * _PROGRESS:
            self._progress = _Progress(left, searches)
            return False
        before.vain_rounds += 1
        if before.vain_rounds < _VAIN_ROUNDS or searches - before.searches < _VAIN_SEARCHES:
            return False
        logger.warning(
            "%s: rows change faster than they can be read; the next run resumes from the bookmark.",
            self._search.query.stream,
        )
        return True
