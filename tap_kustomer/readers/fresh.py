"""Reading of the fresh part: what was updated since a pass began, and shortly before.

The index may still lack rows here, and show others where they were before their last update. So
nothing that is read here ever moves the bookmark: the next run reads it again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.readers.query import Bounds
from tap_kustomer.readers.ranges import OrderedPage, behind, read_whole
from tap_kustomer.readers.ties import IndexBehindError, TieReader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.search import PageSearch

__all__ = ["FreshReader"]

logger = logging.getLogger("tap-kustomer.search")

_EXTRA_STEPS = 10  # pages beyond those that were announced
_GAIN = 0.9  # of the announced rows may be left after these pages, else the end flees
_TAIL = 10  # rows at the end of a page, of which the earliest gives the next position
_DOUBTFUL_SHARE = 0.25  # of a step: without trust in timestamps a step brings much less


class FreshReader:
    """Reads all rows from a moment on, those of other readers in between included.

    Timestamps are trusted to be in order until one is not, or until rows are missing that an
    answer announced: the search then shows rows that are fresher than their place. From there
    on only what one answer holds whole counts as read.
    """

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self._search = search
        self._trusts = not search.misplaced  # rows of the first pass may have shown it already

    def read(
        self, low: str, high: str | None, first: SearchPage | None = None
    ) -> Iterator[OrderedPage]:
        """Yield the pages from ``low`` to ``high``; ``None``: to the end, which may flee.

        ``first`` is the first page, when it is known already.
        """
        position = back = low
        expected = 0
        left, announced = 0.0, None
        while True:
            page, first = first or self._search.ask(Bounds(position, high)), None
            yield OrderedPage(page, None)
            short = page.total is not None and page.total < expected
            if self._trusts and (short or not _in_order(page, high)):
                self._trusts = False
                position = back if short else position
                expected = 0
                if short:
                    continue
            if self._search.is_whole(page):
                return
            left -= 1 if self._trusts else _DOUBTFUL_SHARE
            if left <= 0 and (announced is None or (page.total or 0) <= announced * _GAIN):
                announced = page.total or 0
                left = announced / self._search.page_size + _EXTRA_STEPS
            if left <= 0:
                logger.warning(
                    "%s: rows change faster than they are read; the next run goes on from the "
                    "bookmark.",
                    self._search.query.stream,
                )
                return
            back = position
            position = yield from self._step(page, position, high)
            if high is not None and position > high:
                return
            simple = self._trusts and any(key.updated == position for key in page.keys)
            expected = _left(page, position) if simple else 0

    def _step(
        self, page: SearchPage, position: str, high: str | None
    ) -> Generator[OrderedPage, None, str]:
        stamps = [key.updated for key in page.keys if key.updated is not None]
        # The last row may be the only one that stands before its time: the earliest of some.
        tail = min(stamps[-max(1, min(_TAIL, len(stamps) // 3)) :], default=position)
        if self._trusts and tail > position:
            if tail != stamps[0]:
                return tail
            # Nothing but ties before the tail: only the last row leads behind them.
            if stamps[-1] != stamps[0]:
                return stamps[-1]
        if self._trusts and stamps and len(stamps) == len(page):
            reached = yield from self._tie(stamps[0], page, position)
            if reached is not None:
                return reached
            self._trusts = False
        now = timestamps.from_epoch(self._search.client.server_time.now())
        end = max([now, position, *stamps]) if high is None else high
        return (yield from read_whole(self._search, position, end))

    def _tie(
        self, moment: str, page: SearchPage, position: str
    ) -> Generator[OrderedPage, None, str | None]:
        """Read the rows of one timestamp; return the next position, if all is in its place."""
        if moment > position:
            before = self._search.ask(Bounds(position, timestamps.shift(moment, seconds=-0.001)))
            yield OrderedPage(before, None)
            if not self._search.is_whole(before):
                return None
        try:
            for ties in TieReader(self._search).read(moment, page):
                yield OrderedPage(ties, None)
        except IndexBehindError:
            return None
        return behind(moment)


def _in_order(page: SearchPage, high: str | None) -> bool:
    last = ""
    for key in page.keys:
        if key.updated is None:
            continue
        if key.updated < last or (high is not None and key.updated > high):
            return False
        last = key.updated
    return True


def _left(page: SearchPage, position: str) -> int:
    if page.total is None:
        return 0
    return page.total - sum(1 for key in page.keys if (key.updated or "") < position)
