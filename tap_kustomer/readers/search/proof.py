"""That a pass is complete: its parts join, and Kustomer counts no more rows than were read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tap_kustomer import timestamps
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.prefetch import Prefetch, only
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.count import ClosingCount, MissingRowsError
from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.emission import Emission, NewRows
from tap_kustomer.readers.search.page import Part
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.readers.search.recount import Recount

__all__ = ["Proof", "check_joined"]


class Proof:
    """Has Kustomer count what the passes of a run have read."""

    def __init__(
        self,
        prefetch: Prefetch,
        emission: Emission,
        *,
        start: str,
        uncounted: object,
        lookback_seconds: float,
    ) -> None:
        """Count nothing yet; ``uncounted`` is what an earlier run left, from the state."""
        self._prefetch = prefetch
        self._emission = emission
        self._start = start
        self._earlier = uncounted
        self._lookback_seconds = lookback_seconds
        self.rows_counted: int | None = None  # by Kustomer, in the ranges that were proven
        self.rows_in_range: int | None = None  # that were read in them

    def coverage_of(self, query: SearchQuery) -> Coverage:
        """Return the coverage of a pass, with what earlier runs read and could not count."""
        known = self._earlier
        carried = None
        if isinstance(known, dict) and known.get("archive") is query.archive:
            since, until = (timestamps.normalise(known.get(key)) for key in ("since", "until"))
            rows = known.get("rows")
            if since is not None and until == self._start and type(rows) is int:
                carried = Part(since, until, rows)
        return Coverage(archive=query.archive, carried=carried)

    def of_pass(
        self, search: PageSearch, coverage: Coverage, high: str, recount: Recount | None = None
    ) -> Iterator[NewRows]:
        """Have Kustomer count the pass that ended at ``high``, if it took more than one page.

        Of one that did not, ``recount`` is left to the next run.
        Yields rows that were missing. Raises: ``MissingRowsError``, after the bookmark went back.
        """
        if coverage.is_due:
            low = coverage.parts[0].low
            closing = ClosingCount(search, coverage, self._lookback_seconds)
            job = only(closing.prove(low, timestamps.behind(high)))
            try:
                pages = self._prefetch.in_order(job)
                yield from self._emission.emit(replace(one, settled=None) for one in pages)
            except MissingRowsError as error:
                yield NewRows(b"", [], error.low, goes_back=True)
                raise
            if closing.rows_counted is not None:
                self.rows_counted = (self.rows_counted or 0) + closing.rows_counted
                self.rows_in_range = (self.rows_in_range or 0) + (closing.rows_in_range or 0)
            recount = None
        yield self._emission.all_counted(recount)


def check_joined(query: SearchQuery, gaps: Sequence[tuple[str, str]]) -> None:
    """Raise ``StreamError`` when a pass left one of these ``gaps`` unread."""
    if gaps:
        low, high = gaps[0]
        msg = (
            f"{query.stream}: nothing was read from {low} to {high}, so the stream stopped instead "
            "of losing rows. This is an error of tap-kustomer: please report it with this line."
        )
        raise StreamError(msg)
