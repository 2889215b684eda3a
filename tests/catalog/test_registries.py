"""The schemas against the vendor's registries: what is documented has a column, or a reason.

The registries are not part of the checkout; where they are not beside it, nothing is compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_kustomer.catalog.schema import object_schema
from tap_kustomer.naming import snake_case

CHECKOUT = Path(__file__).parents[2]
REGISTRIES = CHECKOUT.parent / "shared" / "reference" / "openapi" / "operations.json"

# The documented operations whose rows a stream's are; paths as the registries write them.
OPERATIONS = {
    "customers": ("/customers", "/customers/{id}"),
    "conversations": ("/conversations", "/conversations/{id}", "/customers/{id}/conversations"),
    "messages": ("/messages", "/messages/{id}", "/conversations/{id}/messages"),
    "notes": ("/notes", "/notes/{id}", "/conversations/{id}/notes"),
    "companies": ("/companies", "/companies/{id}"),
    "kobjects": ("/klasses/{name}", "/klasses/{name}/{id}", "/companies/{id}/klasses/{name}"),
    "conversation_times": ("/conversations/{id}/times", "/conversations/times/{ids}"),
    "work_sessions": ("/routing/work-sessions", "/routing/work-sessions/{id}"),
    "work_items": (
        "/routing/work-items",
        "/routing/work-items/{id}",
        "/routing/conversations/{id}/work-items",
        "/routing/queues/{id}/work-items",
    ),
    "users": ("/users", "/users/{id}"),
    "teams": ("/teams", "/teams/{id}"),
    "shortcuts": ("/shortcuts", "/shortcuts/{id}"),
    "brands": ("/brands", "/brands/{id}"),
    "slas": ("/slas/{id}",),
    "queues": ("/routing/queues", "/routing/queues/{id}"),
    "schedules": ("/schedules", "/schedules/{id}"),
    "satisfaction_surveys": ("/satisfaction",),
    "satisfaction_responses": ("/satisfaction-responses/{id}",),
    "snoozes": ("/snoozes", "/snoozes/{id}"),
    "sub_statuses": ("/sub-statuses", "/sub-statuses/{id}"),
    "klasses": ("/klasses", "/klasses/{id}"),
    "audit_logs": ("/audit-logs",),
    "conversation_events": ("/conversations/{id}/events",),
    "conversation_attachments": ("/conversations/{id}/attachments",),
    "conversation_forwards": ("/conversations/{id}/forwards",),
    "customer_merges": ("/customers/{id}/merges",),
    "customer_drafts": ("/customers/{id}/drafts",),
    "customer_sessions": ("/customers/{id}/sessions",),
    "kb_articles": ("/v1/kb/articles", "/v1/kb/articles/{id}"),
    "kb_categories": ("/v1/kb/categories", "/v1/kb/categories/{id}"),
    "cards": ("/cards", "/cards/{id}"),
    "kviews": ("/kviews", "/kviews/{resource}"),
    "outbound_webhooks": ("/outbound-webhooks", "/outbound-webhooks/{id}"),
    "spam_senders": ("/spam/senders",),
    "role_groups": ("/role-groups", "/role-groups/{id}"),
    "queue_rules": ("/routing/queue-rules", "/routing/queue-rules/{id}"),
    "routing_statuses": ("/routing/statuses", "/routing/statuses/{id}"),
    "team_routing_settings": ("/routing/settings", "/routing/settings/{id}"),
    "shortcut_categories": ("/shortcuts/categories", "/shortcuts/categories/{id}"),
    "snippets": ("/snippets", "/snippets/{id}"),
    "workflows": ("/workflows", "/workflows/{id}"),
    "ai_automations": ("/ai/automations", "/ai/automations/{automationId}"),
}
# Documented, and left out on purpose.
LEFT_OUT = {
    ("customers", "messages"): "a link only: messages name their customer",
    ("conversations", "messages"): "a link only: messages name their conversation",
    ("klasses", "kobjects"): "a link only: the objects are streams of their own",
    ("kb_articles", "published_en_us"): "one for each language: in `extra_attributes`",
    ("kb_articles", "unpublished_en_us"): "one for each language: in `extra_attributes`",
}


def documented() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each stream with an operation that shows its rows."""
    if not REGISTRIES.exists():
        return
    reads = [one for one in json.loads(REGISTRIES.read_bytes()) if one["method"] == "GET"]
    for stream, paths in OPERATIONS.items():
        for path in paths:
            found = [one for one in reads if one["path"] == path]
            assert found, f"{stream}: {path} is in no registry"
            for one in found:
                yield stream, one


pytestmark = pytest.mark.skipif(
    not REGISTRIES.exists(), reason="the vendor's registries are not here"
)


@pytest.mark.parametrize("stream", OPERATIONS)
def test_every_documented_attribute_has_a_column_or_is_left_out_for_a_reason(stream: str) -> None:
    """What has no column is kept in `extra_attributes`, where nobody looks for it."""
    schema = object_schema(stream)
    known = {*schema.columns, "org_id", *(["custom"] if schema.has_custom else [])}
    missing = set()
    for operation in [one for owner, one in documented() if owner == stream]:
        missing |= {
            name
            for name in operation["attributes"]
            if snake_case(name) not in known and name not in schema.secrets
        }
        missing |= {
            name
            for name in operation["relationships"]
            if not known & {f"{snake_case(name)}_id", f"{snake_case(name)}_ids"}
        }

    assert {name for name in missing if (stream, name) not in LEFT_OUT} == set()


def test_every_reason_is_still_needed() -> None:
    """A reason for what has a column, or is documented no more, would only mislead."""
    for stream, name in LEFT_OUT:
        shown = [one for owner, one in documented() if owner == stream]
        assert any(name in one["relationships"] for one in shown), (stream, name)
        assert f"{snake_case(name)}_id" not in object_schema(stream).columns
