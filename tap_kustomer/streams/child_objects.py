"""What hangs on a conversation or a customer, and where it is listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.readers.children import Children, read_named
from tap_kustomer.readers.list_page import attributes_of, identity, own_link
from tap_kustomer.streams.base import RowBatch, streams_in
from tap_kustomer.streams.children import ChildStream

__all__ = ["CHILD_STREAMS"]


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
    def children_of(self, parent: dict[str, Any], client: KustomerClient) -> Children:
        return read_named(client, parent, self.paths(parent))

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the responses, and note whether any was answered."""
        yield from super().read()
        if self._has_answered:
            self.state["answered"] = True


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


CHILD_STREAMS = streams_in(__name__)
