"""A long time range in slices, each read by its own worker.

A search takes a second or more for 500 rows, so one reader after another uses a fraction of the
budget. The plan is corrected by what the answers show: until the first answers of a slice fit,
its end moves and the next slice is not begun, so no request is spent on guessing. Once all is
planned, a worker that is free takes the later half of the longest slice.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.readers.stretches import behind, between, seconds_between

if TYPE_CHECKING:
    from tap_kustomer.readers.pages import SearchPage

__all__ = ["Slice", "SlicePlan"]

# Each slice wastes a part of its last page: 1.7 % of thirty pages on average.
_MOST_PAGES = 30
_FEWEST_PAGES = 4
# Slices in different stages wait for those before them: half of each, and a reserve.
_WAITING = 0.6
_TOO_MANY = 1.5  # times the wanted rows: cut
_TOO_FEW = 0.5  # of the wanted rows: make longer
_WORTH_DIVIDING = 4  # pages that are left of a slice
# Where rows come in bursts, a half may turn out to be empty: one division for so many pages.
_PAGES_PER_DIVISION = 40
_MARGIN = 0.08  # of a page: rows never lie quite evenly, and one too many costs a page


class SlicePlan:
    """Cuts one time range into slices. Methods may be called from any thread."""

    def __init__(
        self, low: str, high: str, *, page_size: int, readers: int, buffer_bytes: int
    ) -> None:
        """Plan from ``low`` to ``high``, both included; how many rows there are is not known.

        ``readers`` slices are read at a time; ``buffer_bytes`` of pages may wait for their turn.
        """
        self.high = high
        # Each page begins with the last row of the one before.
        self._page_rows = max(page_size - 1, 1)
        self._readers = readers
        self._buffer_bytes = buffer_bytes
        self._wanted = 0  # rows of a slice, once an answer told how many there are in all
        self._lock = threading.Lock()
        self._frontier = low  # where the next slice begins
        self._left = 0  # rows behind the frontier, likewise
        self._slices: list[Slice] = []
        self._divisions = 0  # that may still be made

    def next_slice(self) -> Slice | None:
        """Return a slice that may be begun now, if there is one."""
        with self._lock:
            last = self._slices[-1] if self._slices else None
            if last is not None and not last.fitted:
                return None
            if last is not None and self._frontier >= self.high:
                return self._divide()
            low = self._frontier
            self._frontier = self._end_of_next(low)
            slice_ = Slice(self, low, self._frontier)
            self._slices.append(slice_)
            return slice_

    def _end_of_next(self, low: str) -> str:
        if self._left <= self._wanted * _TOO_MANY:
            return self.high
        end = between(low, self.high, self._wanted / self._left)
        return min(max(end, behind(low)), self.high)

    def learn(self, slice_: Slice, page: SearchPage, position: str) -> None:
        """Note what ``page``, an answer from ``position`` on, shows of ``slice_``."""
        stamps = [key.updated for key in page.keys if key.updated] or [position]
        with self._lock:
            slice_.position = max(stamps)
            slice_.pace = seconds_between(min(stamps), slice_.position) / len(stamps)
            slice_.left = max((page.total or 0) - len(page), 0)
            if slice_.fitted:
                return
            if page.total is None:
                slice_.fitted = True
                return
            rows = slice_.read + page.total
            slice_.read += len(page)
            if not self._wanted:
                # The first slice is the whole range: its first answer tells how many rows it has.
                self._left = rows
                self._wanted = self._rows_of_slice(rows, page)
                pages = rows // self._page_rows
                self._divisions = min(pages // _PAGES_PER_DIVISION + 1, 2 * self._readers)
            self._left = max(self._left, rows)
            self._fit(slice_, rows, page, min(stamps))

    def _rows_of_slice(self, rows: int, page: SearchPage) -> int:
        """Return how many rows a slice shall have, when there are ``rows`` in all."""
        if self._readers == 1:
            return rows
        page_bytes = len(page.raw) / max(len(page), 1) * self._page_rows
        waiting = self._buffer_bytes / page_bytes / (self._readers - 1)
        pages = min(waiting / _WAITING, _MOST_PAGES, rows / self._page_rows / self._readers)
        return max(math.ceil(pages), _FEWEST_PAGES) * self._page_rows

    def _fit(self, slice_: Slice, rows: int, page: SearchPage, first: str) -> None:
        """Move the end of ``slice_``, which has ``rows`` in all.

        Making a slice longer costs a part of a page, since the answer that showed the need was
        not full. Making it shorter costs nothing. So a slice is rather made too long.
        """
        if rows > self._wanted * _TOO_MANY:
            more = (self._wanted - len(page)) / max(len(page), 1)
            end = max(
                between(slice_.low, slice_.high, self._wanted / rows),
                between(first, slice_.position, 1 + more),
                # Behind the last row: two slices that meet at ties would both read them.
                behind(slice_.position),
            )
            fits = end >= slice_.high
        elif rows < self._wanted * _TOO_FEW and slice_.high < self.high:
            end, fits = self.high, False
        else:
            pages = int(slice_.left / self._page_rows + _MARGIN)
            if pages and slice_.high < self.high:
                rows -= slice_.left
                slice_.trim(min(int((pages - _MARGIN) * self._page_rows), slice_.left))
                rows += slice_.left
            end, fits = slice_.high, True
        slice_.high = self._frontier = min(end, self.high)
        if fits or (slice_.high == self.high and rows <= self._wanted * _TOO_MANY):
            slice_.fitted = True
            self._left -= rows

    def _divide(self) -> Slice | None:
        """Return the later half of the longest slice, if it is worth the part of a page."""
        longest = max(self._slices, key=lambda one: one.left)
        pages = longest.left / self._page_rows
        # While ties are read, answers do not tell how far that is.
        if pages < _WORTH_DIVIDING or not self._divisions or not longest.pace:
            return None
        high = longest.high
        # The page that is on its way belongs to the first half.
        if not longest.give_half(math.ceil(pages / 2) * self._page_rows):
            return None
        self._divisions -= 1
        later = Slice(self, longest.high, high, longest)
        later.fitted = True
        self._slices.insert(self._slices.index(longest) + 1, later)
        return later


class Slice:
    """One stretch of a plan; a ``TimeRange`` whose end moves.

    ``before`` is the slice of which it was the later half.
    """

    def __init__(self, plan: SlicePlan, low: str, high: str, before: Slice | None = None) -> None:
        """Begin with the planned ends."""
        self.low = low
        self.high = high
        self.before = before
        self.fitted = False  # the next slice may begin
        self.position = low  # up to which answers have shown the rows
        self.read = 0  # rows of the answers until it fitted
        self.pace = 0.0  # seconds between two rows, as the last answer shows it
        self.left = 0  # rows behind the position, as far as answers tell
        self._plan = plan

    def learn(self, page: SearchPage, position: str) -> None:
        """Hear what an answer shows; may move the end."""
        self._plan.learn(self, page, position)

    def trim(self, rows: int) -> None:
        """Move the end back to where about ``rows`` more rows end."""
        self._end(between(self.position, self.high, rows / max(self.left, 1)), rows)

    def give_half(self, rows: int) -> bool:
        """Do the same, guessing by the rows seen last; whether it worked.

        Rows often come in bursts. Then half of the time is far from half of the rows.
        """
        end = timestamps.shift(self.position, seconds=self.pace * rows)
        if not self.position < end < self.high:
            end = between(self.position, self.high, rows / max(self.left, 1))
        return self._end(end, rows)

    def _end(self, high: str, rows: int) -> bool:
        if not self.position < high < self.high:
            return False
        self.high, self.left = high, rows
        return True
