"""The lists that hang on one customer or conversation: a table like the one of the lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.api import filters
from simulator.api.filters import signed
from simulator.api.lists import ListSpec
from simulator.org.index import Version, encode

if TYPE_CHECKING:
    from simulator.org.org import Org


def _attachment(version: Version, org: Org) -> bytes:
    """The documented example has no `id`; the link ends with it."""
    resource = signed(version.resource, org)
    del resource["id"]
    return encode(resource)


def _in_milliseconds(version: Version, _: Org) -> bytes:
    """Version 2 counts in milliseconds what version 1 counts in seconds."""
    resource = version.resource
    attributes = resource["attributes"]
    if attributes.get("timerVersion") == "v2":
        return version.body
    attributes["timerVersion"] = "v2"
    for name in ("handleTime", "messageTime", "noteTime"):
        if isinstance(attributes.get(name), (int, float)):
            attributes[name] *= 1000
    return encode(resource)


_CONVERSATION, _CUSTOMER = "/v1/conversations/{id}", "/v1/customers/{id}"
_TIMES = "conversation_time"

CHILDREN: tuple[ListSpec, ...] = (
    ListSpec(f"{_CONVERSATION}/events", "customer_event", "event", "conversation", meta="empty",
             params=frozenset({"sort", "name", "changed"}), select=filters.events,
             order=filters.by_id),
    ListSpec(f"{_CONVERSATION}/attachments", "attachment", "attachment", "conversation",
             meta="empty", render=_attachment),
    ListSpec(f"{_CONVERSATION}/forwards", "forward", "draft", "conversation"),
    ListSpec(f"{_CONVERSATION}/times", _TIMES, "conversation", "conversation",
             max_page_size=1000),
    ListSpec("/v2/conversations/{id}/times", _TIMES, "conversation", "conversation",
             max_page_size=1000, render=_in_milliseconds),
    ListSpec(f"{_CONVERSATION}/messages", "message", "message", "conversation",
             params=frozenset({"include"}), included=filters.attachments),
    ListSpec(f"{_CONVERSATION}/notes", "note", "note", "conversation"),
    ListSpec("/v1/routing/conversations/{id}/work-items", "work_item", "work_item",
             "conversation"),
    ListSpec(f"{_CUSTOMER}/merges", "customer_merge", "customer_merge", "customer"),
    ListSpec(f"{_CUSTOMER}/drafts", "draft", "draft", "customer", params=frozenset({"include"})),
    ListSpec(f"{_CUSTOMER}/sessions", "session", "event", "customer", meta="empty"),
    ListSpec(f"{_CUSTOMER}/conversations", "conversation", "conversation", "customer",
             params=frozenset({"fromDate"}), select=filters.from_date),
    ListSpec(f"{_CUSTOMER}/messages", "message", "message", "customer",
             params=frozenset({"include"}), included=filters.attachments),
    ListSpec(f"{_CUSTOMER}/notes", "note", "note", "customer"),
)  # fmt: skip

# Documented as deprecated, answering 404.
GONE = (f"{_CUSTOMER}/events",)
