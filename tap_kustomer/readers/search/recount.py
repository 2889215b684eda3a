"""What a run of one search leaves to the next: to look at its rows again.

Nothing else tells whether that one answer was a part of the index. So the next run begins its own
first search where the one before began, for no request more, and compares: up to the bookmark rows
only leave, so it may show fewer rows than the run before, never more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.readers.search.page import SearchPage

__all__ = ["Recount", "is_recount"]

_MOST_OF_A_PAGE = 0.75  # rows of the run before; more would push what is new off the page


@dataclass(frozen=True)
class Recount:
    """A range that one answer showed whole; timestamps are UTC text."""

    since: str
    until: str  # not included: the last row that stood in its place
    rows: int  # that the answer showed there

    @classmethod
    def left_by(cls, page: SearchPage, since: str, watermark: str) -> Recount | None:
        """Return what ``page``, the whole run from ``since`` on, leaves; ``None`` if nothing."""
        until = page.last_in_place(watermark)
        rows = 0 if until is None else page.count_stamped(since, until)
        return cls(since, until, rows) if until is not None and since < until else None

    def is_exceeded(self, page: SearchPage) -> bool:
        """Whether ``page``, which is whole from ``since`` on, shows more rows of the range."""
        return page.count_stamped(self.since, self.until) > self.rows

    @classmethod
    def parse(cls, known: object, start: str, page_size: int) -> Recount | None:
        """Return what the state of a run that begins at ``start`` holds, if that can be used.

        Not beside another bookmark: the range in between would come again in each run.
        """
        if not isinstance(known, dict) or not is_recount(known) or known.get("bookmark") != start:
            return None
        since, until = (timestamps.normalise(known.get(key)) for key in ("since", "until"))
        rows = known.get("rows")
        if since is None or until is None or type(rows) is not int or not since < until <= start:
            return None
        return cls(since, until, rows) if 0 <= rows <= page_size * _MOST_OF_A_PAGE else None

    def as_state(self, bookmark: str) -> dict[str, Any]:
        """Return what the state keeps beside ``bookmark``."""
        return {**vars(self), "bookmark": bookmark, "recount": True}


def is_recount(known: object) -> bool:
    """Whether what the state keeps as ``uncounted`` costs the next run no search."""
    return isinstance(known, dict) and known.get("recount") is True
