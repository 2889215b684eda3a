"""Webhook events: read from the spool in order of arrival, each once.

The state keeps the sequence of the last event that was written, the id of that event, and the id
of its spool: in another spool, or in one that was put back from a copy, the sequence means nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from tap_kustomer.catalog.schema import object_schema
from tap_kustomer.client.codec import decode
from tap_kustomer.errors import StreamError
from tap_kustomer.rows.redaction import without
from tap_kustomer.streams.base import KustomerStream, RowBatch
from tap_kustomer.webhooks.errors import SpoolError
from tap_kustomer.webhooks.spool import Spool, SpooledEvent

__all__ = ["WebhookEvents"]

# The attribute of a row for each member of an event. Others leave only with the object itself:
# what they hold is not known.
_ATTRIBUTES = {
    "name": "event",
    "orgName": "orgName",
    "createdAt": "createdAt",
    "changes": "changes",
    "client": "client",
    "partition": "partition",
    "persist": "persist",
}
_READ_OTHERWISE = frozenset({*_ATTRIBUTES, "id", "org", "data", "dataId"})
# The schema that names the secrets of each kind of object that is pushed.
_SCHEMAS = {
    "conversation": "conversations",
    "customer": "customers",
    "message": "messages",
    "user": "users",
    "team": "teams",
    "tag": "tags",
}


class WebhookEvents(KustomerStream):
    """One row per event in the spool of ``kustomer-webhooks serve``."""

    name = "webhook_events"
    resource = ""
    optional = True
    replication_key = "sequence"

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the events behind the bookmark that are there when the reading begins."""
        with self._opened() as spool:
            until = spool.last_sequence
            position = self._start(spool)
            while events := spool.after(position, until):
                yield RowBatch([self._row(event) for event in events])
                # They are written now.
                position = events[-1].sequence
                self._note(spool, events[-1])

    def count(self) -> int:
        """Return how many events the spool holds. Raises ``StreamError`` when it is of no use."""
        with self._opened() as spool:
            return spool.last_sequence - spool.removed

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Spool]:
        path = self.settings.webhook_spool
        if path is None:
            msg = (
                f"{self.name}: `webhook_spool` is not set. Give it the file that "
                "`kustomer-webhooks serve` writes, or deselect this stream."
            )
            raise StreamError(msg)
        if self.org.id is None:
            msg = (
                f"{self.name}: Kustomer did not say which org the key belongs to, so it is not "
                "known whether the events are of the same one. Try again later."
            )
            raise StreamError(msg)
        try:
            with Spool(path) as spool:
                spool.check_org(self.org.id)
                yield spool
        except SpoolError as error:
            msg = f"{self.name}: {error}"
            raise StreamError(msg) from error

    def _start(self, spool: Spool) -> int:
        """Return the sequence of the last event that needs no reading; remove what is loaded."""
        position = self.state.get("replication_key_value") if self.is_incremental else None
        if position is None:
            position = 0
        elif not self._knows(spool, position):
            self.logger.warning(
                "%s: the state was written after reading another spool, or this one was put back "
                "from a copy, so all of its events are read.",
                self.name,
            )
            position = 0
        else:
            # The state came back: what is in front of it was loaded.
            count = spool.remove_loaded(position)
            self.logger.info("%s: %d loaded events left the spool.", self.name, count)
        if self.is_incremental and position < spool.removed:
            self.logger.warning(
                "%s: the spool's events up to number %d were loaded by other runs and removed, so "
                "this one does not bring those behind number %d. Let one pipeline read a spool, "
                "or keep events longer (`kustomer-webhooks serve --keep-hours`).",
                self.name,
                spool.removed,
                position,
            )
        return position

    def _knows(self, spool: Spool, position: object) -> bool:
        """Whether the state's event has that place in this spool."""
        if not isinstance(position, int) or self.state.get("spool") != spool.id:
            return False
        return spool.id_at(position) == self.state.get("event")

    def _note(self, spool: Spool, event: SpooledEvent) -> None:
        if self.is_incremental:
            self.state["replication_key"] = self.replication_key
            self.state["replication_key_value"] = event.sequence
            self.state["event"] = event.id
            self.state["spool"] = spool.id
            self.session.output.write_state()

    def _row(self, event: SpooledEvent) -> dict[str, Any]:
        content = decode(event.body)
        kind = _kind_of(content)
        content = _without_secrets(content, kind)
        data = content.get("data")
        attributes: dict[str, Any] = {}
        if self.settings.webhook_events_data:
            attributes = {name: content[name] for name in content if name not in _READ_OTHERWISE}
            attributes["data"] = data
        attributes |= {new: content[old] for old, new in _ATTRIBUTES.items() if old in content}
        attributes["objectType"] = kind
        attributes["objectId"] = data.get("id") if isinstance(data, dict) else None
        attributes["objectId"] = attributes["objectId"] or content.get("dataId")
        attributes["sequence"] = event.sequence
        attributes["receivedAt"] = event.received_at
        return self.make_row({"id": event.id, "attributes": attributes})


def _kind_of(content: dict[str, Any]) -> str | None:
    """Return what changed: ``conversation`` for `kustomer.conversation.update`."""
    data = content.get("data")
    if isinstance(data, dict) and isinstance(data.get("type"), str):
        return str(data["type"])
    _, _, rest = str(content.get("name")).partition(".")
    return rest.partition(".")[0] or None


def _without_secrets(content: dict[str, Any], kind: str | None) -> dict[str, Any]:
    if kind not in _SCHEMAS:
        return content
    secrets = [secret.split(".") for secret in object_schema(_SCHEMAS[kind]).secrets]
    members = ("data", "changes")
    return without(content, [[one, "attributes", *path] for path in secrets for one in members])
