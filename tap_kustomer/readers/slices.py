"""A long time range in slices of about thirty pages, each read by its own worker.

A search takes a second or more for 500 rows, so one reader after another uses a fraction of the
budget. The plan is corrected by what the answers show: until the first answers of a slice fit,
its end moves and the next slice is not begun, so no request is spent on guessing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tap_kustomer import timestamps

if TYPE_CHECKING:
    from tap_kustomer.readers.pages import SearchPage

__all__ = ["Slice", "SlicePlan"]

PAGES_PER_SLICE = 30  # each slice wastes part of its last page: 1.7 % of thirty on average
_TOO_MANY = 1.5  # times the wanted rows: cut
_TOO_FEW = 0.5  # of the wanted rows: make longer


class SlicePlan:
    """Cuts one time range into slices. Methods may be called from any thread."""

    def __init__(self, low: str, high: str, *, page_size: int) -> None:
        """Plan from ``low`` to ``high``, both included; how many rows there are is not known."""
        self.high = high
        self.wanted = PAGES_PER_SLICE * page_size
        self._lock = threading.Lock()
        self._frontier = low  # where the next slice begins
        self._left: int | None = None  # rows behind the frontier, once an answer told
        self._begun = False

    def next_slice(self) -> Slice | None:
        """Return the next slice, or ``None`` when the range is planned to its end."""
        with self._lock:
            if self._begun and self._frontier >= self.high:
                return None
            low, self._begun = self._frontier, True
            self._frontier = self._end_of_next(low)
            return Slice(self, low, self._frontier)

    def _end_of_next(self, low: str) -> str:
        if self._left is None or self._left <= self.wanted * _TOO_MANY:
            return self.high
        end = _between(low, self.high, self.wanted / self._left)
        return min(max(end, _behind(low)), self.high)

    def resize(self, slice_: Slice, rows: int, page: SearchPage, position: str) -> None:
        """Fit ``slice_``, whose answers now show ``rows`` in all; ``page`` is the last of them.

        Making a slice longer costs a part of a page, since the answer that showed the need was
        not full. Making it shorter costs nothing. So a slice is rather made too long.
        """
        stamps = [key.updated for key in page.keys if key.updated] or [position]
        first, last = min(stamps), max(stamps)
        with self._lock:
            # The first slice is the whole range: its first answer tells how many rows there are.
            left = rows if self._left is None else max(self._left, rows)
            self._left = left
            if rows > self.wanted * _TOO_MANY:
                more = (self.wanted - len(page)) / max(len(page), 1)
                end = max(
                    _between(slice_.low, slice_.high, self.wanted / rows),
                    _between(first, last, 1 + more),
                    # Behind the last row: two slices that meet at ties would both read them.
                    _behind(last),
                )
                fits = end >= slice_.high
            elif rows < self.wanted * _TOO_FEW and slice_.high < self.high:
                end, fits = self.high, False
            else:
                end, fits = slice_.high, True
            slice_.high = self._frontier = min(end, self.high)
            if fits or (slice_.high == self.high and rows <= self.wanted * _TOO_MANY):
                slice_.fitted = True
                self._left = left - rows


class Slice:
    """One stretch of a plan; a ``TimeRange`` whose end moves until its size fits."""

    def __init__(self, plan: SlicePlan, low: str, high: str) -> None:
        """Begin with the planned ends."""
        self.low = low
        self.high = high
        self.fitted = False  # the next slice may begin
        self._plan = plan
        self._rows_before = 0

    def learn(self, page: SearchPage, position: str) -> None:
        """Hear the first answers and move the end until about the wanted rows are inside."""
        if self.fitted:
            return
        if page.total is None:
            self.fitted = True
            return
        self._plan.resize(self, self._rows_before + page.total, page, position)
        self._rows_before += len(page)


def _behind(moment: str) -> str:
    """Return the next moment, so that a plan always moves."""
    return timestamps.shift(moment, seconds=0.001)


def _between(low: str, high: str, share: float) -> str:
    """Return the moment that ``share`` of the way from ``low`` to ``high`` takes to."""
    seconds = (timestamps.parse(high) - timestamps.parse(low)).total_seconds()
    return timestamps.shift(low, seconds=seconds * share)
