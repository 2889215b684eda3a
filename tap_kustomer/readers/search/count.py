"""The closing count: what one pass has read, proven by Kustomer's own count of the same range.

Below the watermark rows only leave a range, so Kustomer may count fewer rows than were read in
it, never more. Where it counts more, something is missing: the range is halved by counts until a
part is found that has more rows than were read in it, and that part is read again.

One count may be of a part of the index. So a smaller one is asked for once more, and after one
that was too large, what was read is believed only when four counts in a row allow it.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator

from tap_kustomer.errors import StreamError
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.keyset import RangeReader, Until
from tap_kustomer.readers.search.page import OrderedPage, Part
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.timestamps import before

__all__ = ["ClosingCount", "MissingRowsError"]

logger = logging.getLogger("tap-kustomer.search")

_CAP = 9_000  # rows of a range that is counted on its own where totals stop at a cap
_PAUSE = 2.0  # seconds before a count that is too large is asked for again, doubled each time
_AGREE = 2  # counts in a row that say that rows have left; where none has, one is enough
_AGREE_AFTER_SURPLUS = 4  # the same, where one before them counted rows that nothing shows
_MOST_LOOKS = 3  # at the halves of a range, where neither explains what the whole counted
_MOST_ROUNDS = 50  # that each find something; more, and the index does not hold still


class MissingRowsError(StreamError):
    """Kustomer counts rows from ``low`` on that no search shows."""

    def __init__(self, sentence: str, low: str) -> None:
        """Keep where the range begins: the bookmark belongs in front of it."""
        super().__init__(sentence)
        self.low = low


class ClosingCount:
    """Compares the coverage of one pass with Kustomer's count. Used by one thread."""

    def __init__(self, search: PageSearch, coverage: Coverage, patience: float) -> None:
        """Count with ``search``; doubt a count that brings nothing for ``patience`` seconds."""
        self._search = search
        self._coverage = coverage
        self._patience = patience
        self.rows_counted: int | None = None  # by Kustomer, at last; None: it tells no totals
        self.rows_in_range: int | None = None  # that were read there
        self._is_split = False  # counted range by range, as totals stop at a cap

    def prove(self, low: str, behind: str) -> Iterator[OrderedPage]:
        """Yield the pages that were missing between ``low`` and ``behind``, usually none.

        Raises: ``MissingRowsError`` for rows that are counted and cannot be found.
        """
        waited, pause = 0.0, _PAUSE
        rounds, has_looked, agreeing, had_surplus = 0, False, 0, False
        while True:
            surplus = self._surplus(low, behind)
            if not surplus:
                agreeing += 1
                if agreeing >= (_AGREE_AFTER_SURPLUS if had_surplus else self._doubt):
                    return
                continue
            agreeing, had_surplus = 0, True
            is_last_chance = waited >= self._patience
            if is_last_chance or not has_looked:
                has_looked, found = True, False
                for range_low, range_behind, _ in surplus:
                    found |= yield from self._look(range_low, range_behind)
                if found and (rounds := rounds + 1) <= _MOST_ROUNDS:
                    has_looked = had_surplus = False  # that was it, unless the next says more
                    continue
                if found or is_last_chance:
                    raise self._missing(surplus[0])
            # A replica that lags counts a row at its old place for some seconds.
            pause = min(pause, max(self._patience - waited, _PAUSE))
            self._search.client.clock.sleep(pause)
            waited, pause = waited + pause, pause * 2

    @property
    def _doubt(self) -> int:
        """How many counts have to allow what was read. Many ranges are counted only once."""
        is_smaller = self.rows_counted != self.rows_in_range and not self._is_split
        return _AGREE if is_smaller else 1

    def _surplus(self, low: str, behind: str) -> list[tuple[str, str, int]]:
        """Return the ranges in which Kustomer counts more rows than were read, and how many."""
        in_range = self._coverage.rows(low, behind)
        page = self._search.count(Bounds(low, before(behind)))
        if page.total is not None:
            counts = [(low, behind, page.total)]
        elif page.at_least:
            self._is_split = True
            counts = [
                (first, last, self._count(first, last)) for first, last in self._ranges(low, behind)
            ]
        else:
            return []  # no totals at all: proven is only that the parts join
        self.rows_counted = sum(counted for _, _, counted in counts)
        self.rows_in_range = in_range
        return [one for one in counts if one[2] > self._coverage.rows(one[0], one[1])]

    def _ranges(self, low: str, behind: str) -> Iterator[tuple[str, str]]:
        """Yield ranges that were read with few enough rows for their total to be exact."""
        first, rows = low, 0
        for part in self._coverage.within(low, behind):
            if rows and rows + part.rows > _CAP:
                yield first, part.low
                first, rows = part.low, 0
            rows += part.rows
        yield first, behind

    def _count(self, low: str, behind: str) -> int:
        page = self._search.count(Bounds(low, before(behind)))
        return page.expected if page.total is None else page.total

    def _look(self, low: str, behind: str) -> Generator[OrderedPage, None, bool]:
        """Find and read what is missing in a range; return whether anything was found."""
        parts = self._coverage.within(low, behind)
        if len(parts) <= 1:
            return (yield from self._read_again(low, behind))
        middle = parts[len(parts) // 2].low
        halves, found = ((low, middle), (middle, behind)), False
        for _ in range(_MOST_LOOKS):
            larger = [one for one in halves if self._count(*one) > self._coverage.rows(*one)]
            for first, last in larger:
                found |= yield from self._look(first, last)
            if larger:
                break
        return found

    def _read_again(self, low: str, behind: str) -> Generator[OrderedPage, None, bool]:
        rows = self._coverage.rows(low, behind)
        logger.info(
            "%s: Kustomer counts more rows from %s to %s than it showed; reading them again.",
            self._search.query.stream,
            low,
            behind,
        )
        again: list[Part] = []
        for page in RangeReader(self._search).read(low, Until(before(behind))):
            again += page.parts
            yield page
        if sum(part.rows for part in again) <= rows:
            return False
        self._coverage.remove(low, behind)
        self._coverage.add(again)
        return True

    def _missing(self, surplus: tuple[str, str, int]) -> MissingRowsError:
        low, behind, counted = surplus
        return MissingRowsError(
            f"{self._search.query.stream}: Kustomer counts {counted} rows between {low} and "
            f"{before(behind)} and shows only {self._coverage.rows(low, behind)} of them. The "
            "stream failed instead of losing rows, and the bookmark stays in front of that range. "
            "Run again later; if it stays so, report it to Kustomer's support with this line.",
            low,
        )
