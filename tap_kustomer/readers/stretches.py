"""Stretches of time so short that one answer holds each whole.

What rows say of their time plays no part in what counts as read: this holds whatever the index
lacks, and where it shows rows that are fresher than their place. What rows say only helps to
guess a length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.readers.pages import OrderedPage
from tap_kustomer.readers.query import Bounds
from tap_kustomer.readers.ties import TieReader

if TYPE_CHECKING:
    from collections.abc import Generator

    from tap_kustomer.readers.pages import SearchPage
    from tap_kustomer.readers.search import PageSearch

__all__ = ["Stretch", "behind", "between", "read_stretch", "seconds_between"]

_FILLING = 0.85  # of a page: what a stretch is made to hold, as a full page never counts as whole


@dataclass(frozen=True)
class Stretch:
    """A stretch from ``low`` to ``high``, both included, that was read whole."""

    low: str
    high: str
    rows: int

    def next_end(self, page_size: int, limit: str) -> str:
        """Return the end of the stretch behind it, if rows are as dense there; ``limit`` at most.

        Where there were few rows it is up to ten times as long.
        """
        wanted = _FILLING * page_size / max(self.rows, page_size / 10)
        seconds = max(seconds_between(self.low, self.high), 0.001) * wanted
        return min(timestamps.shift(behind(self.high), seconds=seconds), limit)


def read_stretch(
    search: PageSearch, low: str, high: str, shown: SearchPage | None = None
) -> Generator[OrderedPage, None, Stretch]:
    """Read a stretch that begins at ``low`` and ends at ``high`` or before.

    ``shown`` is an answer from ``low`` on which was not whole. Yields pages in no order; a row
    may come more than once.

    Raises: ``StreamError`` when rows of one timestamp cannot be told apart.
    """
    guess = None if shown is None else _shorter(shown, low, high, search.page_size)
    end = guess or high
    while True:
        page = search.ask(Bounds(low, end))
        yield OrderedPage(page, None)
        if search.is_whole(page):
            return Stretch(low, end, len(page))
        if end <= low:
            for ties in TieReader(search).read(low, page):
                yield OrderedPage(ties, None)
            return Stretch(low, low, page.total or len(page))
        # A guess that failed may come from rows that are fresher than their place.
        guess = None if guess else _shorter(page, low, end, search.page_size)
        end = guess or between(low, end, _share(page, search.page_size))


def behind(moment: str) -> str:
    """Return the next moment: timestamps have milliseconds."""
    return timestamps.shift(moment, seconds=0.001)


def between(low: str, high: str, share: float) -> str:
    """Return the moment that ``share`` of the way from ``low`` to ``high`` takes to."""
    return low if high <= low else timestamps.shift(low, seconds=seconds_between(low, high) * share)


def seconds_between(low: str, high: str) -> float:
    """Return the seconds from ``low`` to ``high``."""
    return (timestamps.parse(high) - timestamps.parse(low)).total_seconds()


def _share(page: SearchPage, page_size: int) -> float:
    """Return the share of a stretch that holds less than a page, if rows lie evenly in it."""
    return min(0.5, 0.7 * page_size / page.total) if page.total else 0.5


def _shorter(page: SearchPage, low: str, high: str, page_size: int) -> str | None:
    """Return an end before ``high`` up to which ``page`` seems to show all rows, if it tells."""
    stamps = sorted(key.updated for key in page.keys if key.updated and low <= key.updated < high)
    wanted = max(int(_FILLING * page_size), 1)
    if len(stamps) <= wanted:
        return None
    first, beyond = stamps[0], stamps[wanted]
    if first < beyond:
        return max(stamp for stamp in stamps if stamp < beyond)
    # Ties: alone, if an answer may hold them; first what is before them, if not.
    if first == low or stamps.count(first) < len(page):
        return first
    return timestamps.shift(first, seconds=-0.001)
