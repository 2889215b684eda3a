"""Windows of time so short that one answer holds each whole.

What rows say of their time plays no part in what counts as read: this holds whatever the index
lacks, and where it shows rows that are newer than their index entry. What rows say only helps to
guess a length.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from tap_kustomer import timestamps
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.page import OrderedPage, SearchPage
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.readers.search.ties import TieReader

__all__ = ["Window", "read_window"]

_FILLING = 0.85  # of a page: what a window is made to hold, as a full page never counts as whole


@dataclass(frozen=True)
class Window:
    """A window from ``low`` to ``high``, both included, that was read whole."""

    low: str
    high: str
    rows: int

    def next_end(self, page_size: int, limit: str) -> str:
        """Return the end of the window behind it, if rows are as dense there; ``limit`` at most.

        Where there were few rows it is up to ten times as long.
        """
        wanted = _FILLING * page_size / max(self.rows, page_size / 10)
        seconds = max(timestamps.seconds_between(self.low, self.high), 0.001) * wanted
        return min(timestamps.shift(timestamps.behind(self.high), seconds=seconds), limit)


def read_window(
    search: PageSearch, low: str, high: str, shown: SearchPage | None = None
) -> Generator[OrderedPage, None, Window]:
    """Read a window that begins at ``low`` and ends at ``high`` or before.

    ``shown`` is an answer from ``low`` on which was not whole. Yields pages in no order; a row
    may come more than once.

    Raises: ``StreamError`` when rows of one timestamp cannot be told apart.
    """
    guess = None if shown is None else _shorter(shown, low, high, search.page_size)
    end = guess or high
    while True:
        page = search.ask(Bounds(low, end))
        yield OrderedPage(page)
        if search.is_whole(page):
            return Window(low, end, len(page.ids))
        if end <= low:
            ties = TieReader(search)
            for one in ties.read(low, page):
                yield OrderedPage(one)
            return Window(low, low, ties.rows)
        # A guess that failed may come from rows that are newer than their index entry.
        guess = None if guess else _shorter(page, low, end, search.page_size)
        end = guess or timestamps.between(low, end, _share(page, search.page_size))


def _share(page: SearchPage, page_size: int) -> float:
    """Return the share of a window that holds less than a page, if rows lie evenly in it."""
    return min(0.5, 0.7 * page_size / page.total) if page.total else 0.5


def _shorter(page: SearchPage, low: str, high: str, page_size: int) -> str | None:
    """Return an end before ``high`` up to which ``page`` seems to show all rows, if it tells."""
    stamps = sorted(key.updated for key in page.keys if key.updated and low <= key.updated < high)
    wanted = int(_FILLING * page_size)
    if len(stamps) <= wanted:
        return None
    first, beyond = stamps[0], stamps[wanted]
    if first < beyond:
        return max(stamp for stamp in stamps if stamp < beyond)
    # Ties: alone, if an answer may hold them; first what is before them, if not.
    if first == low or stamps.count(first) < len(page):
        return first
    return timestamps.shift(first, seconds=-0.001)
