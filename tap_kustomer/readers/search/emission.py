"""Rows as they leave a run, and the bookmark's rule.

The bookmark follows what was read in order, but stays ``lookback`` behind the start of the
current pass: rows that the index shows late are then still in front of it. The simpler rules
lose rows; ``tests/readers/test_simpler_rules.py`` shows how.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.emitted import EmittedRows
from tap_kustomer.readers.search.page import OrderedPage
from tap_kustomer.readers.search.recount import Recount

__all__ = ["Emission", "NewRows"]


@dataclass(frozen=True)
class NewRows:
    """Rows of one page that this run has not emitted yet, and the bookmark behind them.

    ``uncounted`` belongs into the state beside the bookmark: what was read before it and waits
    for the closing count. ``goes_back`` marks a bookmark that was too far on.
    """

    raw: bytes
    indexes: list[int]  # places in the page of the rows to emit
    bookmark: str | None  # never lower than one before, but for ``goes_back``
    uncounted: dict[str, object] | None = None
    goes_back: bool = False


class Emission:
    """Turns the pages of all passes into rows, each once, with the bookmark behind them."""

    def __init__(self, start: str) -> None:
        """Begin at ``start``, with no row emitted."""
        self.watermark = ""  # the index is complete up to it: the pass's start - lookback
        self.emitted = EmittedRows()
        self._start = start
        self._bookmark: str | None = None
        self._uncounted: dict[str, object] | None = None

    def begin_pass(self, watermark: str) -> None:
        """Let the bookmark come up to ``watermark`` from now on."""
        self.watermark = self.emitted.watermark = watermark

    def emit(
        self, pages: Iterable[OrderedPage], coverage: Coverage | None = None
    ) -> Iterator[NewRows]:
        """Yield the new rows of ``pages``, whose parts are added to ``coverage``."""
        for ordered in pages:
            if coverage is not None:
                coverage.add(ordered.parts)
            if ordered.settled is not None:
                settled = max(min(ordered.settled, self.watermark), self._start)
                if self._bookmark is None or settled >= self._bookmark:
                    self._bookmark = settled
                    self._uncounted = self._left_to_count(coverage)
            raw = b"" if ordered.page is None else ordered.page.raw
            indexes = self.emitted.new_rows(ordered)
            yield NewRows(raw, indexes, self._bookmark, self._uncounted)

    def all_counted(self, recount: Recount | None = None) -> NewRows:
        """Return no rows, with nothing left to count but ``recount``."""
        self._uncounted = None
        if recount is not None and self._bookmark is not None:
            self._uncounted = recount.as_state(self._bookmark)
        return NewRows(b"", [], self._bookmark, self._uncounted)

    def _left_to_count(self, coverage: Coverage | None) -> dict[str, object] | None:
        """Return what a run that goes on from the bookmark has to count besides its own."""
        if coverage is None or self._bookmark is None or not coverage.is_due:
            return None
        since = coverage.parts[0].low
        if since >= self._bookmark:
            return None
        return {
            "archive": coverage.archive,
            "since": since,
            "until": self._bookmark,
            "rows": coverage.rows(since, self._bookmark),
        }
