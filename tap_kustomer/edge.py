"""Where the standard search ends: two years ago. The one rule for runs, the preflight and notes.

Whether that is to the day or the hour, and by whose clock, is UNCONFIRMED (two-year-edge). So the
days around the edge are read from both searches, and after the archive one question shows whether
it ends there.
Source: https://developer.kustomer.com/kustomer-api-docs/reference/customerarchivesearch
"""

from __future__ import annotations

from dataclasses import dataclass

from tap_kustomer import timestamps

__all__ = ["TwoYearEdge"]

_DAYS = 730
_OVERLAP_DAYS = 2  # on each side of the edge, read from both searches
# The default start date is two years before the run, and does not reach back. Nor does one that
# was worked out as the same a little earlier.
_TOLERANCE_SECONDS = 3_600


@dataclass(frozen=True)
class TwoYearEdge:
    """The edge as it stands at one moment; UTC text."""

    moment: str

    @classmethod
    def seen_at(cls, now: str) -> TwoYearEdge:
        """Return the edge at ``now``, Kustomer's time."""
        return cls(timestamps.shift(now, days=-_DAYS))

    def moved(self, seconds: float) -> TwoYearEdge:
        """Return the edge so many seconds later, where one was seen that lies there."""
        return TwoYearEdge(timestamps.shift(self.moment, seconds=seconds))

    @property
    def end_of_overlap(self) -> str:
        """The moment behind which the standard search surely has all rows."""
        return timestamps.shift(self.moment, days=_OVERLAP_DAYS)

    def is_behind(self, start: str) -> bool:
        """Whether a run that begins at ``start`` reaches back over the edge."""
        return start < timestamps.shift(self.moment, seconds=-_TOLERANCE_SECONDS)

    def hides_from(self, start: str, *, resumes: bool) -> bool:
        """Whether the standard search may lack rows that were updated from ``start`` on.

        A start date about two years back is where people choose to begin, and one search is the
        whole run. ``resumes`` says that ``start`` is a bookmark: an earlier run, killed amid the
        archive's rows, may have left those behind it unread.
        """
        is_chosen = not resumes and start <= timestamps.shift(
            self.moment, seconds=_TOLERANCE_SECONDS
        )
        return self.is_behind(start) or (start < self.end_of_overlap and not is_chosen)
