"""Streams of what hangs on one parent: a request for each conversation or customer.

They are not the SDK's child streams: those are read one after the other, write a SCHEMA for each
parent and keep nothing when the parent is deselected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from typing_extensions import override

from tap_kustomer.errors import MissingRoleError, StreamError
from tap_kustomer.readers.children import Children, is_gone, read_children, read_named
from tap_kustomer.readers.list_page import attributes_of, identity, own_link
from tap_kustomer.readers.lists import never_an_end
from tap_kustomer.readers.workers import Workers
from tap_kustomer.streams.base import KustomerStream, RowBatch, streams_in
from tap_kustomer.streams.search import updated_at

__all__ = ["CHILD_STREAMS", "ChildStream"]

_PARENTS_AT_ONCE = 100  # whose children are held in memory


class ChildStream(KustomerStream):
    """A stream read with its parent, incrementally by the parent's updates.

    ``parent`` is the parent's stream, ``parent_column`` the column with the parent's id, and
    ``path`` where the children of one parent are listed, with ``{id}`` in it. Its bookmark is the
    place in the order of parents up to which children are written.
    """

    replication_key = "parent_updated_at"
    optional = True
    parent: ClassVar[str]
    parent_column: ClassVar[str]
    path: ClassVar[str]

    _start = ""
    _asked = 0  # paths of children of parents that are not deleted
    _unknown = 0  # of these, how many were answered with 404
    _has_answered = False

    # ------------------------------------------------------------ what differs by object

    def paths(self, parent: dict[str, Any]) -> Sequence[str]:
        """Return what to ask for to have the children of ``parent``."""
        id_ = _id(parent)
        return [self.path.format(id=quote(id_, safe=""))] if id_ else []

    def as_resource(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return the resource as a row is made from it; some lists tell no ids."""
        return {**found, "id": identity(found)}

    def columns(self, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """Return columns that neither attributes nor relationships fill."""
        return {}

    # ------------------------------------------------------------ beside the parent

    @property
    @override
    def reads_list(self) -> bool:
        """The list under a parent may be no part of an org."""
        return True

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield nothing: the rows come with the parent's pages, see ``follow``."""
        yield from ()

    def begin(self) -> None:
        """Write the SCHEMA message and note from which parent on children are due."""
        self._start = self.starting_at
        self.run.from_ = self._start
        self._write_schema_message()

    def follow(
        self,
        parents: list[dict[str, Any]],
        bookmark: str | None,
        workers: Workers,
    ) -> None:
        """Write the children of ``parents``, then move the bookmark behind them.

        Raises: an error of ``tap_kustomer.errors``; the bookmark then stays before ``parents``.
        """
        due = [one for one in parents if updated_at(one) >= self._start]
        for first in range(0, len(due), _PARENTS_AT_ONCE):
            for found in workers.map(self.fetch, due[first : first + _PARENTS_AT_ONCE]):
                if not attributes_of(found.parent).get("deleted"):
                    self._asked += found.asked
                    self._unknown += found.unknown
                self.write_batch(RowBatch(self._rows(found)))
            self.session.clock.check()
        if bookmark is not None and not self._is_doubtful:
            self.move_bookmark(bookmark)

    @property
    def _is_doubtful(self) -> bool:
        """Whether so far every answer was 404: the endpoint, not the parents, may be gone."""
        return 0 < self._asked == self._unknown

    def fetch(self, parent: dict[str, Any]) -> Children:
        """Return the children of one parent; called by worker threads.

        Raises: an error of ``tap_kustomer.errors``; ``MissingRoleError`` only while no parent
        was answered.
        """
        try:
            found = self._children(parent)
        except MissingRoleError as error:
            if self._has_answered:
                raise never_an_end(error) from None
            raise
        self._has_answered = self._has_answered or found.asked > found.unknown
        return found

    def _children(self, parent: dict[str, Any]) -> Children:
        return read_children(self.client, parent, self.paths(parent), lambda: self._is_gone(parent))

    def _is_gone(self, parent: dict[str, Any]) -> bool:
        if attributes_of(parent).get("deleted") is True:
            return True
        return is_gone(self.client, f"/v1/{self.parent}/{quote(_id(parent) or '', safe='')}")

    def _rows(self, found: Children) -> Iterator[dict[str, Any]]:
        parent = found.parent
        moment = updated_at(parent)
        own = {
            "parent_updated_at": None if moment == "9" else moment,
            self.parent_column: _id(parent),
        }
        for resource in found.rows:
            row = self.make_row(self.as_resource(resource))
            for column, value in {**own, **self.columns(resource)}.items():
                if row.get(column) is None and self.selects(column):
                    row[column] = value
            yield row

    def end(self) -> None:
        """Note that the stream was read. Raises ``StreamError`` when all there was was 404."""
        if self._is_doubtful:
            msg = (
                f"Kustomer has no {self.path} (status 404) for any of its "
                f"{self.parent}. Deselect {self.name} if your org does not have it."
            )
            raise StreamError(msg)
        self.state["read"] = True
        self.session.output.write_state()


class ConversationEvents(ChildStream):
    """One row per event on a conversation's timeline."""

    name = "conversation_events"
    resource = "customer_event"
    parent = "conversations"
    parent_column = "conversation_id"
    path = "/v1/conversations/{id}/events"
    roles = ("org.permission.event.read", "org.user.event.read")


class ConversationAttachments(ChildStream):
    """One row per attachment of a conversation's messages.

    The signed link to the file ends after ten minutes and differs in every answer, so the row
    has the attachment's own link instead, at which the API gives out a signed one.
    """

    name = "conversation_attachments"
    resource = "attachment"
    parent = "conversations"
    parent_column = "conversation_id"
    path = "/v1/conversations/{id}/attachments"
    roles = ("org.permission.attachment.read", "org.user.attachment.read")

    @override
    def as_resource(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return the resource with an id: the list has none, the own link ends with it."""
        return {**found, "id": own_link(found).rpartition("/")[2] or identity(found)}

    @override
    def columns(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return the link that stays valid."""
        return {"api_url": own_link(found) or None}


class ConversationForwards(ChildStream):
    """One row per forward of a conversation to somebody outside."""

    name = "conversation_forwards"
    resource = "forward"
    parent = "conversations"
    parent_column = "conversation_id"
    path = "/v1/conversations/{id}/forwards"
    roles = ("org.permission.draft.read", "org.user.draft.read")


class SatisfactionResponses(ChildStream):
    """One row per answer to a satisfaction survey.

    No list of them is documented; a conversation names its response, which is read by its id.
    """

    name = "satisfaction_responses"
    parent = "conversations"
    parent_column = "conversation_id"
    path = "/v1/satisfaction-responses/{id}"
    roles = (
        "org.permission.satisfaction.read",
        "org.permission.satisfaction_response.read",
        "org.user.satisfaction.read",
    )

    @override
    def paths(self, parent: dict[str, Any]) -> Sequence[str]:
        """Return the path of the response that the conversation names, if it names one."""
        level = attributes_of(parent).get("satisfactionLevel")
        response = level.get("formResponse") if isinstance(level, dict) else None
        if not isinstance(response, str) or not response:
            return []
        return [self.path.format(id=quote(response, safe=""))]

    @property
    @override
    def _is_doubtful(self) -> bool:
        """A response may be deleted alone, so once any was seen, the endpoint is known."""
        return super()._is_doubtful and not self.state.get("answered")

    @override
    def _children(self, parent: dict[str, Any]) -> Children:
        return read_named(self.client, parent, self.paths(parent))

    @override
    def end(self) -> None:
        if self._has_answered:
            self.state["answered"] = True
        super().end()


class CustomerMerges(ChildStream):
    """One row per merge of two customers."""

    name = "customer_merges"
    parent = "customers"
    parent_column = "customer_id"
    path = "/v1/customers/{id}/merges"
    roles = (
        "org.permission.customer_merge.read",
        "org.user.customer.read",
        "org.admin.customer.merge.read",
    )


class CustomerDrafts(ChildStream):
    """One row per draft of a message to a customer."""

    name = "customer_drafts"
    resource = "draft"
    parent = "customers"
    parent_column = "customer_id"
    path = "/v1/customers/{id}/drafts"
    roles = ("org.permission.draft.read", "org.user.draft.read")


class CustomerSessions(ChildStream):
    """One row per session of a customer on a tracked site."""

    name = "customer_sessions"
    resource = "session"
    parent = "customers"
    parent_column = "customer_id"
    path = "/v1/customers/{id}/sessions"
    roles = ("org.permission.event.read", "org.user.event.read")


def _id(resource: dict[str, Any]) -> str | None:
    """Return an id as text; ``None`` when there is none."""
    id_ = resource.get("id")
    if type(id_) is int:
        return str(id_)
    return id_ if isinstance(id_, str) and id_.strip() else None


CHILD_STREAMS = streams_in(__name__)
