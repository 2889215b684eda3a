"""What a run of a search stream is asked for, and what its first search showed."""

from __future__ import annotations

from dataclasses import dataclass

from tap_kustomer.readers.search.page import SearchPage
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.readers.search.recount import Recount

__all__ = ["FirstPage", "ReadOptions"]


@dataclass(frozen=True)
class ReadOptions:
    """What a run of a search stream is asked for. Timestamps are UTC text."""

    start: str
    end: str | None
    lookback_seconds: float
    page_size: int
    archive: bool  # whether the archive search is asked for rows idle for two years
    resumes: bool = False  # whether ``start`` is a bookmark
    archive_form: object = None  # of its request, as an earlier run remembers it
    edge_later: float = 0.0  # seconds by which the two-year edge lies later than it should
    takes_emptied: bool = False  # rows without attributes, which the run before saw, too
    uncounted: object = None  # what an earlier run read and could not count, from the state


@dataclass(frozen=True)
class FirstPage:
    """The first search, without upper bound; it also shows which form of the query works."""

    query: SearchQuery
    page: SearchPage
    started: str  # Kustomer's time before it was sent
    page_size: int
    recount: Recount | None = None  # what it shows again of the run before, and from when on

    @property
    def expected(self) -> int:
        """Rows of this run that match, as far as the answer tells; for plans, never for a proof."""
        again = self.recount
        shown = 0 if again is None else self.page.count_stamped(again.since, again.until)
        return self.page.expected - shown
