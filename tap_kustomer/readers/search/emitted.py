"""Which rows a run has emitted: those that come again are not written again."""

from __future__ import annotations

from tap_kustomer.readers.search.page import OrderedPage
from tap_kustomer.readers.versions import Version

__all__ = ["EmittedRows"]


class EmittedRows:
    """Which rows this run has emitted, as far as they may come again.

    Old rows come in order and only those of one timestamp come twice. Rows behind the watermark
    come in any order and in several passes: they are remembered with their version. A row comes
    again only in a newer version, since an upsert keeps what it got last.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.watermark = ""
        self.keeps_all = False  # remember rows of any age
        self.low = ""  # rows updated before it were emitted by an earlier run
        self._moment = ""
        self._at_moment: dict[str, float | None] = {}  # the rev of each row of one timestamp
        self._newer: dict[str, Version] = {}

    def new_rows(self, ordered: OrderedPage) -> list[int]:
        """Return the places of the rows in a page that are to be written now, and note them."""
        page, high = ordered.page, ordered.high
        if page is None:
            return []
        return [
            index
            for index, (id_, updated, _created, rev) in enumerate(page.keys)
            if id_ is None
            or updated is None
            or (
                updated >= self.low
                and (high is None or updated <= high or updated > self.watermark)
                and self._is_new(id_, updated, rev)
            )
        ]

    def _is_new(self, id_: str, updated: str, rev: float | None) -> bool:
        before = self._newer.get(id_)
        if before is not None or updated > self.watermark or self.keeps_all:
            version = Version(rev, updated)
            if before is not None and not version.is_newer_than(before):
                return False
            self._newer[id_] = version
            return True
        if updated != self._moment:
            self._moment = updated
            self._at_moment = {}
        if id_ in self._at_moment:
            known = self._at_moment[id_]
            if rev is None or known is None or rev <= known:
                return False
        self._at_moment[id_] = rev
        return True
