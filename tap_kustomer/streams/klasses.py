"""The list of klasses, which discovery has read already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from typing_extensions import override

from tap_kustomer.catalog.discovery import KLASS_STATUSES
from tap_kustomer.readers.list_page import ListPage, identity
from tap_kustomer.readers.versions import SeenVersions
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.lists import ListStream

__all__ = ["Klasses"]


class Klasses(ListStream):
    """One row per klass, in every status."""

    name = "klasses"
    resource = "klass"
    paths = ("/v1/klasses",)
    passes = tuple({"status": status} for status in KLASS_STATUSES)
    roles = ("org.permission.klass.read", "org.user.klass.read", "org.admin.klass.read")

    @override
    def known_page(self, params: Mapping[str, str]) -> ListPage | None:
        rows = self.org.klass_lists.get(params.get("status", ""))
        return None if rows is None else ListPage([*rows], [], None, has_links=True, total=None)

    @override
    def listed_by(self, reader: KustomerStream) -> Iterator[ListPage]:
        """Yield what discovery has read, unless it is fewer rows than before."""
        lists = self.org.klass_lists
        before = reader.rows_listed_before or [1] * len(KLASS_STATUSES)
        ids = [{identity(row) for row in lists.get(status, ())} for status in KLASS_STATUSES]
        rows = [row for status in KLASS_STATUSES for row in lists.get(status, ())]
        if reader is not self or any(
            status not in lists or len(found) < least
            for status, found, least in zip(KLASS_STATUSES, ids, before, strict=False)
        ):
            yield from super().listed_by(reader)
            return
        seen = SeenVersions()
        reader.rows_listed = [len(found) for found in ids]
        rows = [row for row in rows if seen.takes(identity(row), row)]
        yield ListPage(rows, [], None, has_links=True, total=None)
