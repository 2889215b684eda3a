"""What one pass over a time range has read, as data: the parts, and the rows that each held.

A pass is complete when its parts join without a gap and Kustomer counts no more rows in them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from tap_kustomer import timestamps
from tap_kustomer.readers.search.page import Part, SearchPage

__all__ = ["Coverage", "parts_of_whole"]

_MOST_PARTS = 1_024  # kept apart; more are joined, so that memory does not grow with rows
_NEWEST = 64  # parts at the end that are never joined: the bookmark may lie between them


class Coverage:
    """The parts of a range that were read, in order of time; none overlaps another."""

    def __init__(self, *, archive: bool = False, carried: Part | None = None) -> None:
        """Begin with what an earlier run read and could not count, if there is such."""
        self.archive = archive  # which of the two searches was read
        self.parts: list[Part] = [] if carried is None else [carried]
        self.is_due = carried is not None  # Kustomer's count is due: more than one answer
        self._answers = 0

    def add(self, parts: Iterable[Part]) -> None:
        """Add what one answer completed. A part that was read before is replaced."""
        added = list(parts)
        for part in added:
            self._add(part)
        self._answers += bool(added)
        self.is_due = self.is_due or self._answers > 1

    def _add(self, part: Part) -> None:
        if part.low >= part.behind:
            return
        if self.parts and self.parts[-1].low >= part.low:
            self.remove(part.low, part.behind)
        self.parts.insert(bisect_left(self.parts, part), part)
        if len(self.parts) > _MOST_PARTS:
            self._join()

    def remove(self, low: str, behind: str) -> None:
        """Forget the parts that begin within a range: it is read again."""
        self.parts = [one for one in self.parts if not low <= one.low < behind]

    def _join(self) -> None:
        older, joined = self.parts[:-_NEWEST], []
        for first, second in zip(older[::2], older[1::2], strict=False):
            if first.behind == second.low:
                joined.append(Part(first.low, second.behind, first.rows + second.rows))
            else:
                joined += [first, second]
        self.parts = [*joined, *older[len(older) // 2 * 2 :], *self.parts[-_NEWEST:]]

    def gaps(self, low: str, behind: str) -> list[tuple[str, str]]:
        """Return what is unread between ``low`` and ``behind``, as (low, behind)."""
        found = []
        position = low
        for part in self.parts:
            if part.low >= behind:
                break
            if part.low > position:
                found.append((position, part.low))
            position = max(position, part.behind)
        if position < behind:
            found.append((position, behind))
        return found

    def within(self, low: str, behind: str) -> list[Part]:
        """Return the parts that begin within a range."""
        return [one for one in self.parts if low <= one.low < behind]

    def rows(self, low: str, behind: str) -> int:
        """Return how many rows were read in the parts that begin within a range."""
        return sum(one.rows for one in self.within(low, behind))


def parts_of_whole(page: SearchPage, low: str, high: str, watermark: str) -> tuple[Part, ...]:
    """Return what a page that is the whole run has read up to ``high``: to its last row, and on."""
    behind = timestamps.behind(high)
    last = min(page.last_in_place(high) or low, behind)
    rows = page.count_before(last, watermark)
    # Nobody knows where those stand that follow the last row in its place. Rather too few are
    # counted, for which Kustomer's count has the range read again, than as many hidden.
    return (Part(low, last, rows), Part(last, behind, page.count_stamped(last, behind)))
