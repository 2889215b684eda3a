"""What a run of a search stream is asked for, and what its first search showed."""

from __future__ import annotations

from dataclasses import dataclass

from tap_kustomer.readers.search.page import SearchPage
from tap_kustomer.readers.search.query import SearchQuery

__all__ = ["FirstPage", "ReadOptions"]


@dataclass(frozen=True)
class ReadOptions:
    """What a run of a search stream is asked for. Timestamps are UTC text."""

    start: str
    end: str | None
    lookback_seconds: float
    page_size: int
    archive: bool  # whether the archive search is asked for rows idle for two years
    archive_form: object = None  # of its request, as an earlier run remembers it
    uncounted: object = None  # what an earlier run read and could not count, from the state


@dataclass(frozen=True)
class FirstPage:
    """The first search, without upper bound; it also shows which form of the query works."""

    query: SearchQuery
    page: SearchPage
    started: str  # Kustomer's time before it was sent
    page_size: int
