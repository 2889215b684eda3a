"""The list endpoints that Kustomer documents, each with a line for ``extra_streams``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from simulator.api.endpoints import Endpoint, documented
from tap_kustomer.naming import snake_case
from tap_kustomer.rows.extra import looks_secret
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.registry import STREAM_NAMES, STREAM_TYPES
from tap_kustomer.streams.search import SearchStream

__all__ = ["endpoint_table", "entries_for"]

# Paths below other rows: the parent stream and the path as the setting wants it. Without a parent
# a part of the path has to be written out.
BELOW: dict[str, tuple[str | None, str]] = {
    "/p/v3/kb/themes/{id}/files": ("kb_themes", "/p/v3/kb/themes/{id}/files"),
    "/v1/ai/automations/{automationId}/evaluations": (
        "ai_automations",
        "/v1/ai/automations/{id}/evaluations",
    ),
    "/v1/bulk/{id}/batches": (None, "/v1/bulk/5f0c5e1dd0a1b2c3d4e5f601/batches"),
    "/v1/chat/queues/metrics/{ids}": ("queues", "/v1/chat/queues/metrics/{id}"),
    "/v1/companies/{id}/klasses/{name}": ("companies", "/v1/companies/{id}/klasses/order"),
    "/v1/customers/{id}/klasses/{name}": ("customers", "/v1/customers/{id}/klasses/order"),
    "/v1/klasses/{name}": (None, "/v1/klasses/order"),
    "/v1/customers/{customerId}/sessions/{sessionId}/events": (
        "customer_sessions",
        "/v1/customers/{customer_id}/sessions/{id}/events",
    ),
    "/v1/drafts/{id}/attachments": ("customer_drafts", "/v1/drafts/{id}/attachments"),
    "/v1/forwards/{id}/attachments": ("conversation_forwards", "/v1/forwards/{id}/attachments"),
    "/v1/hooks/email/{id}/transactions": ("hooks_email", "/v1/hooks/email/{id}/transactions"),
    "/v1/hooks/form/{id}/transactions": ("hooks_form", "/v1/hooks/form/{id}/transactions"),
    "/v1/hooks/web/{id}/transactions": ("hooks_web", "/v1/hooks/web/{id}/transactions"),
    "/v1/kb/articles/{id}/versions/{lang}": ("kb_articles", "/v1/kb/articles/{id}/versions/en_us"),
    "/v1/kb/articles/{id}/routes": ("kb_articles", "/v1/kb/articles/{id}/routes"),
    "/v1/kb/categories/{id}/routes": ("kb_categories", "/v1/kb/categories/{id}/routes"),
    "/v1/kviews/{resource}": (None, "/v1/kviews/customer"),
    "/v1/outbound-webhooks/{webhookId}/transactions": (
        "outbound_webhooks",
        "/v1/outbound-webhooks/{id}/transactions",
    ),
    "/v1/routing/work-sessions/{id}/work-items": (
        "work_sessions",
        "/v1/routing/work-sessions/{id}/work-items",
    ),
    "/v1/snoozes/klass/{id}": ("klasses", "/v1/snoozes/klass/{id}"),
    "/v1/sub-statuses/{id}": ("sub_statuses", "/v1/sub-statuses/{id}"),
    "/v1/users/{ids}": ("users", "/v1/users/{id}"),
    "/v3/kb/themes/{themeId}/revisions": ("kb_themes", "/v3/kb/themes/{id}/revisions"),
    "/v3/kb/themes/{themeId}/revisions/{revisionId}/files": (
        "kb_themes_revisions",
        "/v3/kb/themes/{parent_row_id}/revisions/{id}/files",
    ),
}
_PARENT = re.compile(r"/([a-z-]+)/\{id\}/")
# Rows without an id: what to go by instead.
KEYS = {"/v1/outboundAccounts": "account"}
NAMES = {"/v1/outbound-webhooks/{webhookId}/transactions": "outbound_webhook_transactions"}
# Attributes that are, or may hold, secrets though their names do not say so: the addresses of hooks
# and their keys let anybody write into the org, steps of workflows hold headers.
SECRETS = {
    "/v1/hooks/email": ["email", "hash", "key"],
    "/v1/hooks/form": ["hash", "url"],
    "/v1/hooks/web": ["hash", "url"],
    "/v1/hooks/email/{id}/transactions": ["data"],
    "/v1/hooks/form/{id}/transactions": ["data"],
    "/v1/hooks/web/{id}/transactions": ["data"],
    "/v1/workflows": ["steps", "trigger", "lastError"],
    "/v1/workflows/{id}/processes": ["event"],
    "/v1/settings": ["value"],
    "/v1/users/current/settings": ["value"],
    "/v1/users/{id}/settings": ["value"],
}
_REQUIRED = {"/v1/sub-statuses": {"resource": "conversation"}}


def entries_for(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return the entries of ``extra_streams`` that read an endpoint, parents in front."""
    parent, path = BELOW.get(endpoint.path) or (_parent(endpoint.path), endpoint.path)
    entry: dict[str, Any] = {"name": _name(endpoint.path), "path": path}
    if parent is not None:
        entry["parent"] = parent
    if endpoint.path in _REQUIRED:
        entry["params"] = _REQUIRED[endpoint.path]
    if not endpoint.is_paged:
        entry["page_size"] = 0
    if endpoint.path in KEYS:
        entry["key"] = KEYS[endpoint.path]
    if endpoint.path in SECRETS:
        entry["secrets"] = SECRETS[endpoint.path]
    if parent is None or parent in STREAM_NAMES:
        return [entry]
    [above] = [one for one in documented() if _name(one.path) == parent]
    return [*entries_for(above), entry]


def _name(path: str) -> str:
    if path in NAMES:
        return NAMES[path]
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    public = "public_" if parts[0] == "p" else ""
    version = "v2_" if "v2" in parts else ""
    parts = [part for part in parts if part not in {"p", "v1", "v2", "v3"}]
    name = snake_case("_".join(parts))
    suffix = "_by_id" if path.endswith("}") else ""
    taken = name in STREAM_NAMES and not suffix
    return public + version + name + suffix + ("_list" if taken else "")


def _parent(path: str) -> str | None:
    match = _PARENT.search(path)
    return match[1].replace("-", "_") if match and "{" in path else None


def endpoint_table(_tap: object = None) -> str:
    """Return one line for each documented list: who reads it, and the entry that would."""
    lines = ["| endpoint | stream | entry of `extra_streams` |", "|---|---|---|"]
    for endpoint in sorted(documented(), key=lambda one: one.path):
        entry = json.dumps(entries_for(endpoint)[-1])
        secret = sorted(name for name in endpoint.attributes or () if looks_secret(name))
        names = ", ".join(f"`{one}`" for one in secret)
        remark = f" Holds secrets; withheld by name: {names}." if names else ""
        remark = remark or (" May hold secrets." if endpoint.path in SECRETS else "")
        streams = ", ".join(f"[`{name}`](#{name})" for name in _readers(endpoint))
        lines.append(f"| `{endpoint.path}` | {streams} | `{entry}`{remark} |")
    return "\n".join(lines) + "\n"


def _readers(endpoint: Endpoint) -> Iterator[str]:
    """Yield the streams that read an endpoint, or what it shows, without any setting."""
    for type_ in STREAM_TYPES:
        paths: tuple[str, ...] = ()
        if issubclass(type_, ListStream):
            paths = type_.paths
        elif issubclass(type_, ChildStream):
            paths = (type_.path,)
        elif issubclass(type_, SearchStream):
            paths = type_.list_paths
        if endpoint.path in paths:
            yield type_.name
