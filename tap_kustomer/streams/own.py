"""Streams whose rows the tap makes itself: from metadata, and about its own runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, ClassVar

from typing_extensions import override

from tap_kustomer import __version__
from tap_kustomer.catalog.attributes import attribute_schema, suffix_of
from tap_kustomer.catalog.discovery import DOCUMENTED, read_metadata
from tap_kustomer.errors import NotFoundError, RequestRefusedError, StreamError
from tap_kustomer.streams.base import KustomerStream, RowBatch

__all__ = ["CustomAttributes", "SyncRuns"]


class CustomAttributes(KustomerStream):
    """One row per custom attribute of a resource, deleted ones and all klasses included."""

    name = "custom_attributes"
    resource = ""
    primary_keys: ClassVar[Any] = ("org_id", "resource", "name")
    roles = (
        "org.permission.metadata.read",
        "org.user.metadata.read",
        "org.admin.metadata.read",
    )

    is_full_list = True

    @property
    @override
    def brings_all_rows(self) -> bool:
        """Not where klasses, or attributes that Kustomer documents, are missing."""
        return self.org.klasses_problem is None and not any(
            resource in DOCUMENTED or resource.startswith("kobject.")
            for resource in self.org.unread_metadata
        )

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the attributes of each resource."""
        known = self.org.metadata
        rest = [f"kobject.{klass.name}" for klass in self.org.klasses]
        rest = [resource for resource in rest if resource not in known]
        found, unread = read_metadata(self.client, self.prefetch, rest)
        for error in [*self.org.unread_metadata.values(), *unread.values()]:
            # Kustomer has none for this resource; anything else would leave rows out.
            if not isinstance(error, (NotFoundError, RequestRefusedError)):
                raise error
        documents = {**known, **found}
        for resource, properties in documents.items():
            rows = [self._row(resource, name, one) for name, one in properties.items()]
            yield RowBatch(rows)
        self._fail_without({**self.org.unread_metadata, **unread})
        self.state["resources"] = sorted(documents)

    def _fail_without(self, unread: Collection[str]) -> None:
        """Raise ``StreamError`` where attributes are missing that an earlier run has read."""
        before = self.known_state.get("resources")
        hidden = self.org.klasses_problem is not None
        gone = [
            one
            for one in (before if isinstance(before, list) else ())
            if one in unread or (hidden and str(one).startswith("kobject."))
        ]
        if gone:
            msg = (
                f"The attributes of {', '.join(gone)} were read before and there are none now. "
                "The rows of the others were read. Run --check, which says what this key may read; "
                "if they are gone for good, remove this stream from the state."
            )
            raise StreamError(msg)

    def _row(self, resource: str, name: str, definition: object) -> dict[str, Any]:
        attributes = dict(definition) if isinstance(definition, dict) else {}
        declared = attribute_schema(name, attributes)
        # The API tells either the values or only that there are some.
        enumeration = attributes.pop("enumeration", None)
        if isinstance(enumeration, bool):
            attributes["isEnumeration"] = enumeration
        elif enumeration is not None:
            attributes["enumeration"] = enumeration
            attributes["isEnumeration"] = True
        id_ = attributes.pop("id", None)
        row = self.make_row({"id": id_ or name, "attributes": attributes})
        own = {
            "org_id": self.org.id or "",
            "resource": resource,
            "name": name,
            "id": None if id_ is None else str(id_),
            "suffix": suffix_of(name),
            "json_type": next(kind for kind in declared["type"] if kind != "null"),
        }
        row.update({column: value for column, value in own.items() if self.selects(column)})
        if self.selects("_sdc_deleted_at") and attributes.get("deletedAt"):
            row["_sdc_deleted_at"] = row.get("deleted_at") or None
        return row


class SyncRuns(KustomerStream):
    """One row per stream and run: what monitoring asks for. Written last."""

    name = "sync_runs"
    resource = ""
    rows_of_tap = True
    replication_key = "started_at"

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield a row for each stream of this run."""
        known = self.schema["properties"]
        selected = [name for name in known if self._is_selected(name)]
        rows = []
        for run in self.session.finished_runs():
            row = {
                "id": f"{self.session.run_id}-{run.stream}",
                "org_id": self.org.id,
                "stream": run.stream,
                "started_at": run.started_at,
                "ended_at": run.ended_at,
                "row_count": run.rows,
                "requests": run.requests,
                "read_from": run.from_,
                "read_to": run.to,
                "rows_counted": run.rows_counted,
                "rows_in_range": run.rows_in_range,
                "status": run.status,
                "error": run.error,
                "tap_version": __version__,
            }
            rows.append({name: row.get(name) for name in selected})
        last = max((run.started_at or "" for run in self.session.finished_runs()), default="")
        yield RowBatch(rows, last or None)
