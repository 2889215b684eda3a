"""Keyset reading of a range below the watermark: each search begins where the last one ended.

Always page 1: rows are sorted by the attribute that every update moves, so with page numbers the
row behind an updated one would be skipped. Below the watermark the index is complete: a row can
only leave what is still to be read, so no answer has more rows than the one before it left.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.page import OrderedPage, Part, SearchPage
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.readers.search.ties import TieReader
from tap_kustomer.readers.search.window import read_window
from tap_kustomer.timestamps import behind, between

__all__ = ["RangeReader", "TimeRange", "Until"]

_MOST_REPEATS = 12  # answers that were asked for again, as the next had more rows than they left


class TimeRange(Protocol):
    """The range that is read. Its end may move while it is read."""

    @property
    def high(self) -> str:
        """The last moment of the range."""

    @property
    def is_last(self) -> bool:
        """Whether the last moment is the range's alone, not the first of another one too."""

    def learn(self, page: SearchPage, position: str) -> None:
        """Take in what an answer shows of the rows from ``position`` on; may move ``high``."""


@dataclass(frozen=True)
class Until:
    """A range whose end stays where it is."""

    high: str
    is_last: bool = True

    def learn(self, page: SearchPage, position: str) -> None:
        """Leave the end where it is."""


@dataclass(frozen=True)
class _Step:
    """An answer that was not the last: where it began, and what it left."""

    bounds: Bounds
    total: int
    left: float  # rows from ``following`` on that it announced
    following: str
    part: Part


class RangeReader:
    """Reads one range that ends at the watermark of its search or before. One thread only.

    Only a row that is surely in its place in the index moves the position. A row that shows a
    later update than the index knows of stands before its time; where a page holds nothing
    else, windows are read that one answer holds whole, whatever the rows say.
    """

    def __init__(self, search: PageSearch) -> None:
        """Read with ``search``."""
        self._search = search
        self._repeats = 0

    def read(
        self,
        low: str,
        range_: TimeRange,
        first: SearchPage | None = None,
        first_high: str | None = None,
    ) -> Iterator[OrderedPage]:
        """Yield the pages from ``low`` to the end of ``range_``, both included.

        ``first`` is the first page, when it is known already, up to ``first_high``. What an
        answer shows counts as read once the answer behind it agrees with it.

        Raises: ``StreamError`` when answers do not agree on how many rows there are.
        """
        position = low
        step: _Step | None = None
        while True:
            bounds = Bounds(position, first_high if first else range_.high)
            page, first = first or self._search.ask(bounds), None
            if step is not None and self._left_less(step, bounds, page):
                # The answer before may be of a part of the index: it is asked for again.
                again = self._search.ask(step.bounds)
                if again.total is not None and again.total > step.total:
                    position, first, first_high = step.bounds.low, again, step.bounds.high
                    step = None
                    continue
            confirmed = (step.part,) if step is not None else ()
            settled = step.following if step is not None else None
            range_.learn(page, position)
            high = range_.high
            if self._reaches_behind(page, high):
                # The later half went to another reader while this answer was on its way.
                yield OrderedPage(
                    page, high, high, (*confirmed, *self._ending(page, position, range_))
                )
                return
            if bounds.high is not None and self._search.is_whole(page):
                page = self._search.confirmed_total(page, bounds, self._expected(step, bounds))
                if self._search.is_whole(page):
                    last = self._last(page, bounds.high)
                    if bounds.high >= range_.high:
                        parts = (*confirmed, *self._ending(page, position, range_))
                        yield OrderedPage(page, last or settled, parts=parts)
                        return
                    # The range was made longer because it held so little.
                    rows = page.count_before(bounds.high, self._search.watermark)
                    parts = (*confirmed, Part(position, bounds.high, rows))
                    yield OrderedPage(page, last or settled, parts=parts)
                    position, step = bounds.high, None
                    continue
            following = self._behind_page(page, position, high)
            yield OrderedPage(page, settled, parts=confirmed)
            if following is None:
                position = yield from self._apart(page, position, high)
                step = None
            else:
                step = self._step(bounds, page, following)
                position = following
            if position > range_.high:
                return

    def _left_less(self, step: _Step, bounds: Bounds, page: SearchPage) -> bool:
        """Whether ``page`` has more rows than the answer before it left."""
        if page.total is None or page.total <= step.left or not _is_within(bounds, step.bounds):
            return False
        self._repeats += 1
        if self._repeats > _MOST_REPEATS:
            raise self._search.disagreement()
        return True

    def _expected(self, step: _Step | None, bounds: Bounds) -> float:
        return step.left if step is not None and bounds.high == step.bounds.high else 0

    def _step(self, bounds: Bounds, page: SearchPage, following: str) -> _Step:
        shown = page.count_before(following, self._search.watermark)
        return _Step(
            bounds=bounds,
            total=page.total or 0,
            # Without a total nothing is known of what is left.
            left=page.expected - shown if page.total is not None else math.inf,
            following=following,
            part=Part(bounds.low, following, shown),
        )

    def _ending(self, page: SearchPage, position: str, range_: TimeRange) -> Iterator[Part]:
        """Yield the parts of the last answer: up to its last row, and from there to the end.

        The bookmark stays at the last row, so the rows behind that moment count apart.
        """
        watermark = self._search.watermark
        end = behind(range_.high) if range_.is_last else range_.high
        in_place = self._last(page, range_.high)
        last = min(in_place or position, end)
        # Rows that are newer than their place stand somewhere behind the position.
        before_last = 0 if in_place is None else page.count_before(last, watermark)
        yield Part(position, last, before_last)
        yield Part(last, end, page.count_before(end, watermark) - before_last)

    def _reaches_behind(self, page: SearchPage, high: str) -> bool:
        """Whether ``page`` shows a row in its place behind ``high``, and so all before it."""
        watermark = self._search.watermark
        return any(key.updated and high < key.updated <= watermark for key in page.keys)

    def _behind_page(self, page: SearchPage, position: str, high: str) -> str | None:
        """Return the moment where the next search begins; ``None`` if ``page`` shows none."""
        last = self._last(page, high)
        if last is None or last <= position or all(key.updated == last for key in page.keys):
            return None
        return last

    def _apart(
        self, page: SearchPage, position: str, high: str
    ) -> Generator[OrderedPage, None, str]:
        """Read what ``page`` shows no way past: ties, or rows that are newer than their entry."""
        last = self._last(page, high)
        if last is not None and all(key.updated == last for key in page.keys):
            ties = TieReader(self._search)
            for one in ties.read(last):
                yield OrderedPage(one)
            parts = (Part(position, last, 0), Part(last, behind(last), ties.rows))
            yield OrderedPage(None, last, parts=parts)
            return behind(last)
        half = between(position, high, 0.5)
        window = yield from read_window(self._search, position, half)
        following = behind(window.high)
        yield OrderedPage(None, window.high, parts=(Part(position, following, window.rows),))
        return following

    def _last(self, page: SearchPage, high: str) -> str | None:
        """Return the timestamp of the last row that surely is in its place."""
        limit = min(high, self._search.watermark)
        stamps = [key.updated for key in page.keys if key.updated and key.updated <= limit]
        return stamps[-1] if stamps else None


def _is_within(bounds: Bounds, others: Bounds) -> bool:
    return others.high is None or (bounds.high is not None and bounds.high <= others.high)
