"""Which rows a run has emitted: those that come again are not written again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_kustomer.readers.search.page import OrderedPage

__all__ = ["EmittedRows"]


class EmittedRows:
    """Which rows this run has emitted, as far as they may come again.

    Old rows come in order and only those of one timestamp come twice. Rows behind the watermark
    come in any order and in several passes: they are remembered with their timestamp.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.watermark = ""
        self.keeps_all = False  # remember rows of any age
        self._moment = ""
        self._ids: set[str] = set()
        self._newer: dict[str, str] = {}

    def new_rows(self, ordered: OrderedPage) -> list[int]:
        """Return the places of the rows in a page that are to be written now, and note them."""
        page, high = ordered.page, ordered.high
        if page is None:
            return []
        return [
            index
            for index, (id_, updated, _created) in enumerate(page.keys)
            if id_ is None
            or updated is None
            or (
                (high is None or updated <= high or updated > self.watermark)
                and self._is_new(id_, updated)
            )
        ]

    def _is_new(self, id_: str, updated: str) -> bool:
        if self._newer and self._newer.get(id_, "") >= updated:
            return False
        if updated > self.watermark or self.keeps_all:
            self._newer[id_] = updated
            return True
        if updated != self._moment:
            self._moment = updated
            self._ids = set()
        if id_ in self._ids:
            return False
        self._ids.add(id_)
        return True
