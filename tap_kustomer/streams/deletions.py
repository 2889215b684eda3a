"""What was deleted for good: named by the audit log, believed once Kustomer answers without it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.errors import MissingRoleError, RequestRefusedError
from tap_kustomer.readers.existence import ById, ExistenceReader, is_id
from tap_kustomer.streams.audit_logs import ALL_TYPES, AuditLogs
from tap_kustomer.streams.base import KustomerStream, RowBatch
from tap_kustomer.streams.tombstones import write_tombstones

__all__ = ["Deletions"]

KOBJECT = "kobject"
# Object type of the log -> the stream of its rows, and where they are read by id.
OBJECTS: dict[str, tuple[str, ById]] = {
    "customer": ("customers", ById("/v1/customers", takes_several=True)),
    "conversation": ("conversations", ById("/v1/conversations", takes_several=True)),
    "company": ("companies", ById("/v1/companies")),
    "message": ("messages", ById("/v1/messages")),
    "note": ("notes", ById("/v1/notes")),
    "user": ("users", ById("/v1/users", takes_several=True)),
    "team": ("teams", ById("/v1/teams")),
    "tag": ("tags", ById("/v1/tags")),
    "shortcut": ("shortcuts", ById("/v1/shortcuts")),
    "snooze": ("snoozes", ById("/v1/snoozes")),
    "sub_status": ("sub_statuses", ById("/v1/sub-statuses", takes_several=True)),
    "schedule": ("schedules", ById("/v1/schedules")),
    "card": ("cards", ById("/v1/cards")),
    "work_session": ("work_sessions", ById("/v1/routing/work-sessions")),
    "work_item": ("work_items", ById("/v1/routing/work-items")),
}
# What the log can be asked for one by one, where it is not shown as a whole.
TYPES_OF_LOG = ("conversation", "customer", "company", "message", "shortcut", "user",
                "work_item", "work_session")  # fmt: skip

MOST_HELD = 1000  # deletions that wait to be asked about together
MOST_PAGES_HELD = 20  # pages of the log that a killed run may have to read again
# Entries are published some time after the deed, and the search shows a row some time after it is
# gone: what is deleted within this time is asked about, and emptied, once more.
OVERLAP_SECONDS = 3600


class Deletions(AuditLogs):
    """One row per object that was deleted for good, customers and conversations above all.

    Of the audit log the entries of deletes are kept, of every object type that it names. Each id
    is asked for. `confirmed` is true when Kustomer, in its own form, answers without it; a soft
    delete, a restored row, an object type without an endpoint and a refused answer leave it false.
    With `tombstones`, a confirmed deletion also empties the row in its own stream. What hangs on a
    deleted conversation (messages, notes, events, attachments) has no entries of its own.
    """

    name = "deletions"
    resource = ""
    schema_name = "deletions"
    replication_key = "deleted_at"
    read_last = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Hold nothing back yet."""
        super().__init__(*args, **kwargs)
        self._held: list[dict[str, Any]] = []
        self._pages_held = 0
        self._by_type = False  # the log is read for one object type after the other
        self._readers: dict[str, ExistenceReader] = {}
        self._refused: dict[str, MissingRoleError] = {}

    @property
    @override
    def object_types(self) -> Sequence[str]:
        return TYPES_OF_LOG if self._by_type else (ALL_TYPES,)

    @property
    @override
    def overlap_seconds(self) -> int:
        return max(super().overlap_seconds, OVERLAP_SECONDS)

    @property
    @override
    def role_to_ask_for(self) -> str | None:
        """The role for the log, or for the objects that could not be asked for."""
        if not self._refused:
            return super().role_to_ask_for
        return f"org.permission.{next(iter(self._refused)).partition('.')[0]}.read"

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the deletions, newest first.

        Raises: ``MissingRoleError``, once all is written, when ids of some type may not be asked
        for: the bookmark stays, so a key that may asks for them.
        """
        known = (self.is_incremental and self.state.get("object_types")) or {}
        self._by_type = bool(known) and ALL_TYPES not in known
        try:
            yield from super().read()
        except RequestRefusedError:
            if known:
                raise
            self.client.ledger.differs("audit-without-type", "it is refused", self.name)
            # UNCONFIRMED (audit-without-type) that the log is shown without an object type.
            self._by_type = True
            yield from super().read()

    @property
    @override
    def holds_rows_back(self) -> bool:
        return bool(self._held) or bool(self._refused)

    @override
    def batches(self, entries: list[dict[str, Any]]) -> Iterator[RowBatch]:
        self._held += filter(_is_delete, entries)
        self._pages_held = self._pages_held + 1 if self._held else 0
        if len(self._held) >= MOST_HELD or self._pages_held >= MOST_PAGES_HELD:
            yield from self._written()

    @override
    def last_batches(self) -> Iterator[RowBatch]:
        yield from self._written()
        if self._refused:
            raise next(iter(self._refused.values()))

    def _written(self) -> Iterator[RowBatch]:
        """Yield what was held back, once it was asked for; tombstones first."""
        entries, self._held, self._pages_held = self._held, [], 0
        ids: dict[str, dict[str, str]] = defaultdict(dict)
        for entry in entries:
            type_, id_, moment = _object_of(entry)
            if id_ is not None:
                ids[type_][id_] = max(moment, ids[type_].get(id_, ""))
        gone = {type_: self._gone(type_, moments) for type_, moments in ids.items()}
        if self.settings.tombstones and self.ABORT_AT_RECORD_COUNT is None:
            for type_, missing in gone.items():
                for stream in self._streams_of(type_):
                    write_tombstones(stream, {id_: ids[type_][id_] for id_ in sorted(missing)})
        yield RowBatch([self._row(entry, gone) for entry in entries])

    def _gone(self, type_: str, ids: Iterable[str]) -> set[str]:
        reader = self._reader(type_)
        if reader is None or type_ in self._refused:
            return set()
        try:
            return reader.gone(ids)
        except MissingRoleError as error:
            self._refused[type_] = error
            return set()

    def _reader(self, type_: str) -> ExistenceReader | None:
        if type_ not in self._readers:
            kind, _, klass = type_.partition(".")
            if kind == KOBJECT and klass:
                by_id = ById(f"/v1/klasses/{klass}")
            elif type_ in OBJECTS:
                by_id = OBJECTS[type_][1]
            else:
                return None
            self._readers[type_] = ExistenceReader(self.client, self.prefetch, by_id)
        return self._readers[type_]

    def _streams_of(self, type_: str) -> Iterator[KustomerStream]:
        """Yield the streams that hold rows of an object type."""
        kind, _, klass = type_.partition(".")
        for stream in self.all_streams:
            if kind == KOBJECT:
                named = getattr(getattr(stream, "klass", None), "name", None)
                if stream.name == "kobjects" or named == klass:
                    yield stream
            elif type_ in OBJECTS and stream.name == OBJECTS[type_][0]:
                yield stream

    def _row(self, entry: dict[str, Any], gone: dict[str, set[str]]) -> dict[str, Any]:
        attributes = _object(entry.get("attributes"))
        type_, id_, _ = _object_of(entry)
        user = _object(_object(_object(entry.get("relationships")).get("user")).get("data"))
        known = {
            "objectType": attributes.get("objectType"),
            "objectId": attributes.get("objectId"),
            "deletedAt": attributes.get("createdAt"),
            "deletedById": attributes.get("userId") or user.get("id"),
            "deletedByType": attributes.get("userType") or user.get("type"),
            "confirmed": id_ is not None and id_ in gone.get(type_, ()),
        }
        return self.make_row({"id": entry.get("id"), "attributes": known})


def _is_delete(entry: dict[str, Any]) -> bool:
    """Whether an entry tells of a delete: verb ``delete``, else the end of the event's name."""
    attributes = _object(entry.get("attributes"))
    verb = attributes.get("eventVerb") or str(attributes.get("eventName")).rpartition(".")[2]
    return str(verb).lower().startswith("delete")


def _object_of(entry: dict[str, Any]) -> tuple[str, str | None, str]:
    """Return type, id and moment of what an entry is about; no id where none can be asked for.

    A custom object's klass is in the event's name, ``kustomer.kobject.<klass>.delete``:
    UNCONFIRMED (audit-klass).
    """
    attributes = _object(entry.get("attributes"))
    type_, id_ = str(attributes.get("objectType")), attributes.get("objectId")
    if type_ == KOBJECT:
        _, _, klass = str(attributes.get("eventName")).partition(f".{KOBJECT}.")
        type_ = f"{KOBJECT}.{klass.rpartition('.')[0]}"
    moment = timestamps.normalise(attributes.get("createdAt")) or ""
    return type_, id_ if isinstance(id_, str) and is_id(id_) else None, moment


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
