"""A long time range in slices, each with a reader of its own.

A search takes a second or more for 500 rows, so one reader after another uses a fraction of the
budget. The plan is corrected by what the answers show: until the first answers of a slice fit,
its end moves and the next slice is not begun, so no request is spent on guessing. Once all is
begun, a reader that is free takes the later half of the longest slice.
"""

from __future__ import annotations

import math
import threading

from tap_kustomer import timestamps
from tap_kustomer.readers.search.page import SearchPage
from tap_kustomer.timestamps import behind, between, seconds_between

__all__ = ["Slice", "SlicePlan"]

# Each slice wastes a part of its last page: 1.7 % of thirty pages on average.
_MOST_PAGES = 30
_FEWEST_PAGES = 4
# From 60,000 rows on, searches may be 5 % more than pages, so slices are few: as many are read at a
# time as there is room for their pages. Four readers come to more than Kustomer's budget allows.
_LONG_EXTRACT = 100  # pages
_FEWEST_OF_LONG = 17
# Slices in different stages wait for those before them: half of each, and a reserve.
_WAITING = 0.6
_TOO_MANY = 1.5  # times the wanted rows: cut
_TOO_FEW = 0.5  # of the wanted rows: make longer
_EVEN = 2.0  # times as dense or sparse as on average, and the first slices begin all at once
_WORTH_DIVIDING = 2  # pages that are left of a slice
# Where rows come in bursts, a half may turn out to be empty: one division for so many pages, and
# in a long extract even fewer.
_PAGES_PER_DIVISION = 40
_PAGES_PER_DIVISION_OF_BURSTS = 120
_ROUNDED_DOWN = 0.2  # of a page, so that a few rows more do not make one slice less
_MOST_SLACK = 0.2  # of a page that the last one of a slice may lack to be full
_MARGIN = 0.08  # of a page: rows never lie quite evenly, and one too many costs a page


class Slice:
    """One stretch of a plan; a ``TimeRange`` whose end moves."""

    def __init__(self, plan: SlicePlan, low: str, high: str, left: int = 0) -> None:
        """Begin with the planned ends, and as many rows as there probably are."""
        self.low = low
        self.high = high
        self.before: Slice | None = None  # the slice whose rows come right before
        self.begun = False
        self.fitted = False  # the next slice may begin
        self.settled = False  # its end is not fitted any more
        self.ended = False  # it is read
        self.position = low  # up to which answers have shown the rows
        self.pace = 0.0  # seconds between two rows, as the last answer shows it
        self.read = 0  # rows of the answers since its length was last guessed
        self.left = left  # rows behind the position, as far as answers tell
        self._plan = plan

    @property
    def is_last(self) -> bool:
        """Whether nothing of the range lies behind the slice."""
        return self.high == self._plan.high

    def learn(self, page: SearchPage, position: str) -> None:
        """Take in what an answer shows; may move the end."""
        self._plan.learn(self, page, position)

    def end(self) -> None:
        """Note that the slice was read to its end, whatever its answers showed."""
        self._plan.end(self)

    def end_by_time(self, rows: int) -> str:
        """Return where ``rows`` more of those that are left end, if they lie evenly."""
        return between(self.position, self.high, rows / self.left)

    def end_by_pace(self, rows: int) -> str:
        """Return the same, if rows go on as densely as those seen last.

        Rows often come in bursts. Then half of the time is far from half of the rows.
        """
        end = timestamps.shift(self.position, seconds=self.pace * rows)
        return end if self.position < end < self.high else self.end_by_time(rows)


class SlicePlan:
    """Cuts one time range into slices. Methods may be called from any thread."""

    def __init__(
        self, low: str, high: str, *, page_size: int, readers: int, buffer_bytes: int
    ) -> None:
        """Plan from ``low`` to ``high``, both included; how many rows there are is not known.

        ``readers`` slices are read at a time; ``buffer_bytes`` of pages may wait for their turn.
        """
        self.high = high
        self._page_size = page_size
        self._page_rows = float(page_size)  # that are new, once an answer shows its ties
        self._readers = readers
        self._buffer_bytes = buffer_bytes
        self._wanted = 0  # rows of a slice, once an answer told how many there are in all
        self._is_even = False  # rows seem to lie evenly, so that time tells how many there are
        self._at_once = 0  # slices that may still begin before the one before them fits
        self._divisions = 0  # that may still be made
        self._slices = [Slice(self, low, high)]  # in order of time, begun or not
        self._lock = threading.Lock()

    def next_slice(self) -> Slice | None:
        """Return the earliest slice that may be begun now, if there is one."""
        with self._lock:
            if sum(one.begun and not one.ended for one in self._slices) >= self._readers:
                return None
            waiting = [index for index, one in enumerate(self._slices) if not one.begun]
            for index in waiting:
                if index == 0 or self._slices[index - 1].fitted:
                    return self._begin(index)
            return None if waiting else self._divide()

    def _begin(self, index: int) -> Slice:
        slice_ = self._slices[index]
        slice_.begun = True
        slice_.before = self._slices[index - 1] if index else None
        # Elsewhere a guess may end in a gap; the first answer of the whole rest tells more.
        if self._is_even and slice_.left > self._wanted * _TOO_MANY:
            end = max(slice_.end_by_time(self._wanted), behind(slice_.low))
            self._put_back(index, end, slice_.left - self._wanted)
        if self._at_once:
            self._at_once -= 1
            slice_.fitted = True
        return slice_

    def _put_back(self, index: int, end: str, rows: int) -> bool:
        """End a slice at ``end``; the ``rows`` behind it are the next one's.

        Return whether there is anything behind it.
        """
        slice_ = self._slices[index]
        if end >= slice_.high:
            return False
        following = self._waiting_behind(index)
        if following is None:
            self._slices.insert(index + 1, Slice(self, end, slice_.high, rows))
        else:
            following.low = following.position = end
            following.left += rows
        slice_.high = end
        return True

    def _waiting_behind(self, index: int) -> Slice | None:
        following = next(iter(self._slices[index + 1 :]), None)
        return None if following is None or following.begun else following

    def learn(self, slice_: Slice, page: SearchPage, position: str) -> None:
        """Note what ``page``, an answer from ``position`` on, shows of ``slice_``."""
        stamps = [key.updated for key in page.keys if key.updated] or [position]
        with self._lock:
            slice_.position = max(stamps)
            slice_.pace = seconds_between(min(stamps), slice_.position) / len(stamps)
            expected = page.expected
            slice_.left = max(expected - len(page), 0)
            if slice_.settled:
                return
            if page.total is None and not page.at_least:
                slice_.fitted = slice_.settled = True
                return
            rows = slice_.read + expected
            slice_.read += len(page)
            if not self._wanted:
                # The next page begins with the rows of the last moment, half of its ties.
                self._page_rows = max(self._page_size - (len(stamps) / len({*stamps}) + 1) / 2, 1.0)
                self._size(slice_, rows, page)
            self._fit(self._slices.index(slice_), rows, page)

    def end(self, slice_: Slice) -> None:
        """Note that ``slice_`` was read to its end: the next one may begin.

        A slice may end at its first answer, before any answer fitted it: it was cut behind
        rows that the same answer had shown already.
        """
        with self._lock:
            slice_.fitted = slice_.settled = slice_.ended = True
            slice_.left = 0

    @property
    def unread(self) -> list[tuple[str, str]]:
        """The parts that were planned and never begun, as (low, high)."""
        with self._lock:
            return [(one.low, one.high) for one in self._slices if not one.begun]

    def _size(self, whole: Slice, rows: int, page: SearchPage) -> None:
        """Settle how long slices shall be: the first answer to the first tells all rows."""
        if self._readers == 1 or not rows:
            self._wanted = rows
            return
        pages = rows / self._page_rows
        page_bytes = len(page.raw) / max(len(page), 1) * self._page_size
        room = self._buffer_bytes / page_bytes / _WAITING  # pages of slices that wait
        # The first slice has a page already, and as many to come as the others.
        each = (pages - 1) / self._readers
        wanted = min(room / (self._readers - 1), _MOST_PAGES, each)
        fitting = max(math.ceil(wanted - _ROUNDED_DOWN), _FEWEST_PAGES)
        divisions = max(int(pages / _PAGES_PER_DIVISION) + 1, self._readers // 2)
        average = seconds_between(whole.low, whole.high) / rows
        self._is_even = average / _EVEN <= whole.pace <= average * _EVEN
        if pages > _LONG_EXTRACT:
            fitting = max(fitting, _FEWEST_OF_LONG)
            self._readers = min(self._readers, 1 + int(room / fitting + _ROUNDED_DOWN))
            if not self._is_even:
                divisions = int(pages / _PAGES_PER_DIVISION_OF_BURSTS)
        self._divisions = min(divisions, 2 * self._readers)
        self._wanted = self._rows(fitting)
        if wanted == each:
            # One for each reader: as long as the others, so that none needs a page more.
            self._wanted = min(
                self._wanted, max(int(each * self._page_rows), self._rows(fitting - 1))
            )
        if self._is_even:
            self._at_once = self._readers - 1

    def _fit(self, index: int, rows: int, page: SearchPage) -> None:
        """Move the end of a slice, which has ``rows`` in all.

        Making a slice longer costs a part of a page, since the answer that showed the need was
        not full. Making it shorter costs nothing. So a slice is rather made too long.
        """
        slice_ = self._slices[index]
        following = self._waiting_behind(index)
        wanted = self._wanted
        if index == 0:
            wanted += int(self._page_rows)
        if not slice_.fitted and rows > wanted * _TOO_MANY:
            end = max(
                between(slice_.low, slice_.high, wanted / rows),
                timestamps.shift(slice_.position, seconds=slice_.pace * (wanted - len(page))),
                # Behind the last row: two slices that meet at ties would both read them.
                behind(slice_.position),
            )
            if self._put_back(index, end, rows - wanted):
                slice_.fitted = self._at_once > 0
                return
        elif not slice_.fitted and rows < wanted * _TOO_FEW and following is not None:
            slice_.high = following.high
            del self._slices[index + 1]
            return
        if following is None and slice_.left > wanted * _TOO_MANY:
            # A guess left far too many rows to one slice; its next answers tell where to cut it.
            end = max(slice_.end_by_time(wanted), behind(slice_.position))
            if self._put_back(index, end, slice_.left - wanted):
                slice_.fitted, slice_.read, slice_.left = False, 0, wanted
                return
        slice_.fitted = True
        if following is None:
            slice_.settled = True
            return
        # Until the next one begins, each answer tells better where whole pages end.
        pages = slice_.left / self._page_rows
        if -pages % 1 <= _MOST_SLACK:
            return
        kept = self._rows(int(pages))
        end = slice_.end_by_time(kept)
        if end > slice_.position:
            self._put_back(index, end, slice_.left - kept)
            slice_.left = kept

    def _rows(self, pages: int) -> int:
        """Return how many rows so many pages hold, if they do not lie quite evenly."""
        return int((pages - _MARGIN) * self._page_rows)

    def _divide(self) -> Slice | None:
        """Return the later half of the longest slice, if it is worth the part of a page."""
        if not all(one.read or one.settled for one in self._slices):
            return None  # what the first answers will show is not known yet
        longest = max(self._slices, key=lambda one: one.left)
        pages = longest.left / self._page_rows
        # While ties are read, answers do not tell how far that is.
        if pages < _WORTH_DIVIDING or not self._divisions or not longest.pace:
            return None
        # The page that is on its way belongs to the first half.
        kept = self._rows(math.ceil(pages / 2))
        end = longest.end_by_pace(kept)
        if end <= longest.position:
            return None
        self._divisions -= 1
        index = self._slices.index(longest)
        self._put_back(index, end, 0)
        longest.left = kept
        later = self._slices[index + 1]
        later.begun = later.fitted = True
        later.before = longest
        return later
