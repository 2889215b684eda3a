"""The page of all streams, made from their classes and schemas."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from tap_kustomer.catalog.schema import object_schema, stream_schema
from tap_kustomer.streams.audit_logs import PATH as AUDIT_LOGS_PATH
from tap_kustomer.streams.audit_logs import AuditLogs
from tap_kustomer.streams.census import CENSUS_STREAMS
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.kobjects import KlassObjects, Kobjects
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.search import SearchStream
from tap_kustomer.tap import STREAM_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_kustomer.streams.base import KustomerStream

__all__ = ["join_diagram", "stream_sections", "stream_table"]

# Columns of every row; the page tells of them once.
COMMON = ("org_id", "_sdc_deleted_at", "extra_attributes")

# The stream whose `id` a column holds. A column that ends in `_id` or `_ids` and is not here names
# something that no stream has (`_NO_STREAM`), or one of several (`..._by_id`, with its `_type`).
JOINS = {
    "customer_id": "customers",
    "source_id": "customers",
    "target_id": "customers",
    "conversation_id": "conversations",
    "message_id": "messages",
    "draft_id": "customer_drafts",
    "forward_id": "conversation_forwards",
    "attachments_ids": "conversation_attachments",
    "company_id": "companies",
    "user_id": "users",
    "assigned_to_id": "users",
    "accepted_by_id": "users",
    "sent_by_id": "users",
    "user_mentions_ids": "users",
    "access_users_ids": "users",
    "team_id": "teams",
    "access_teams_ids": "teams",
    "shortcuts_ids": "shortcuts",
    "brand_id": "brands",
    "queue_id": "queues",
    "queues_ids": "queues",
    "sla_id": "slas",
    "sla_version_id": "sla_versions",
    "versions_ids": "sla_versions",
    "sub_status_id": "sub_statuses",
    "satisfaction_id": "satisfaction_surveys",
    "work_session_id": "work_sessions",
    "routed_to_session_id": "work_sessions",
    "status_id": "routing_statuses",
    "routing_settings_id": "team_routing_settings",
    "routed_to_id": "users",
    "handle_by_id": "users",
    "machine_user_id": "users",
    "category_id": "kb_categories",
    "categories_ids": "kb_categories",
    "parent_id": "kb_categories",
}
# Arrays of ids whose names do not end so.
ARRAYS = {
    "tags": "tags",
    "assigned_users": "users",
    "assigned_teams": "teams",
    "members": "users",
    "role_groups": "role_groups",
}
# Columns that do not join as others of their name do.
_OTHERS = {
    ("kb_articles", "tags"): None,  # the knowledge base has tags of its own
    ("shortcut_categories", "parent_id"): "shortcut_categories",
}
_BY_PATTERN = "; by the pattern of others, UNCONFIRMED (role-table)"
_NO_STREAM = frozenset(
    {
        "app_id",
        "extenal_id",
        "external_id",
        "external_ids",
        "facebook_ids",
        "instagram_ids",
        "klass_id",  # the klass's name, as in `klass`
        "knowledge_base_id",
        "last_revision_id",
        "object_id",  # of the kind in `object_type`
        "org_id",
        "rule_id",  # a queue rule, UNCONFIRMED (resource-types)
        "resource_id",  # of the kind in `resource_type`
        "session_id",
        "shared_external_ids",
        "smooch_ids",
        "template_id",
    }
)
_OTHER_SOURCES = {
    "custom_attributes": "`GET /v1/metadata/{resource}` for each standard object and each klass",
    "sync_runs": "the tap itself, at the end of each run",
    "webhook_events": "the spool of `kustomer-webhooks serve`; see [webhooks](webhooks.md)",
    "audit_logs": f"`GET {AUDIT_LOGS_PATH}`, one reading per object type",
    "row_counts": "searches for one row each, for their `meta.total`",
    "present_ids": "`POST /v1/customers/search?idsOnly=true`, and the archive's",
    "deletions": f"`GET {AUDIT_LOGS_PATH}`, then the objects by id, many in one request",
}
KLASS_STREAM = "kobject_<klass>"


def stream_table(_tap: object = None) -> str:
    """Return one line for each stream."""
    lines = ["| stream | offered | read by | bookmark on |", "|---|---|---|---|"]
    for type_, name in _streams():
        key = getattr(type_, "replication_key", None)
        place = f"`{key}`" if isinstance(key, str) else ""
        offered = "when `optional_streams` names it" if type_.optional else "always"
        link = f"[`{name}`](#{name.replace('<', '').replace('>', '')})"
        lines.append(f"| {link} | {offered} | {_kind(type_)} | {place} |")
    return "\n".join(lines) + "\n"


def stream_sections(_tap: object = None) -> str:
    """Return a section for each stream: where it comes from, who may read it, its columns."""
    return "\n".join(_section(type_, name) for type_, name in _streams())


def join_diagram(_tap: object = None) -> str:
    """Return how streams join on ids, as a Mermaid diagram.

    Raises: ``ValueError`` for a column that looks like an id and of which nobody said whose it is.
    """
    lines = ["```mermaid", "erDiagram"]
    for type_, name in _streams():
        if type_ is Kobjects:
            continue  # the streams of single klasses are the same rows
        entity = "kobject_klass" if name == KLASS_STREAM else name
        for column in object_schema(type_.schema_name or name).columns:
            target = _OTHERS.get((name, column), JOINS.get(column) or ARRAYS.get(column))
            if (name, column) in _OTHERS and target is None:
                continue
            if target is None:
                _must_be_known(column)
                continue
            many = column.endswith("_ids") or column in ARRAYS
            arrow = "}o--o{" if many else "||--o{"
            lines.append(f'    {target} {arrow} {entity} : "{column}"')
    return "\n".join([*lines, "```"]) + "\n"


def _must_be_known(column: str) -> None:
    looks_like_id = column.endswith(("_id", "_ids")) and not column.endswith("_by_id")
    if looks_like_id and column not in _NO_STREAM:
        message = f"Say in tools/docs/streams_page.py which stream's rows {column} names."
        raise ValueError(message)


def _streams() -> Iterator[tuple[type[KustomerStream], str]]:
    """Yield each stream's class and name; those of klasses share one section."""
    for type_ in STREAM_TYPES:
        if type_ is Kobjects:
            yield KlassObjects, KLASS_STREAM
        yield type_, type_.name


def _kind(type_: type[KustomerStream]) -> str:
    if issubclass(type_, ChildStream):
        return f"request per row of `{type_.parent}`"
    if issubclass(type_, ListStream):
        return "list, in full"
    if issubclass(type_, SearchStream):
        return "search, else list" if type_.list_paths else "search"
    if issubclass(type_, AuditLogs):
        return "cursor"
    if issubclass(type_, CENSUS_STREAMS):
        return "search, in full"
    return {"custom_attributes": "metadata"}.get(type_.name, "the tap")


def _section(type_: type[KustomerStream], name: str) -> str:
    child = issubclass(type_, ChildStream)
    schema = stream_schema(
        type_.schema_name or name,
        klass=issubclass(type_, (Kobjects, KlassObjects)),
        child=child,
        rows_of_tap=type_.rows_of_tap,
    )
    roles = ", ".join(f"`{role}`" for role in type_.roles)
    facts = {
        "Source": _source(type_, name),
        "Key": ", ".join(f"`{one}`" for one in type_.primary_keys),
        "Roles": (f"any of {roles}" if roles else "")
        + ("" if type_.roles_documented else _BY_PATTERN),
    }
    lines = [f"### `{name}`", "", schema["description"], ""]
    notes = inspect.cleandoc(type_.__doc__ or "").partition("\n\n")[2].replace("``", "`")
    if notes:
        lines += [" ".join(notes.split()), ""]
    lines += [f"* {fact}: {text}" for fact, text in facts.items() if text]
    lines += ["", "| column | type | meaning |", "|---|---|---|"]
    lines += [
        f"| `{column}` | {_type(described)} | {described.get('description', '')} |"
        for column, described in schema["properties"].items()
        if column not in COMMON or column in type_.primary_keys
    ]
    return "\n".join([*lines, ""])


def _source(type_: type[KustomerStream], name: str) -> str:
    if issubclass(type_, ChildStream):
        return f"`GET {type_.path}` for each row of [`{type_.parent}`](#{type_.parent})"
    if issubclass(type_, ListStream):
        paths = ", else ".join(f"`GET {path}`" for path in type_.paths)
        asked = [f"`{key}={value}`" for one in type_.passes for key, value in one.items()]
        rows = f", the included `{type_.included_type}`" if type_.included_type else ""
        return paths + (f" with {', then '.join(asked)}" if asked else "") + rows
    if issubclass(type_, SearchStream):
        context = getattr(type_, "query_context", KLASS_STREAM)
        attribute = "created_at" if type_.field == "createdAt" else "updated_at"
        text = f"`POST /v1/customers/search`, context `{context}`, by `{context}_{attribute}`"
        if issubclass(type_, KlassObjects):
            text = f"`POST /v1/customers/search`, context `{context}`, by `kobject_updated_at`"
        if type_.has_archive:
            text += "; rows idle for two years by `POST /v1/customers/archive/search`"
        lists = ", ".join(f"`GET {path}`" for path in type_.list_paths)
        return text + (f"; where that is refused, {lists} in full" if lists else "")
    return _OTHER_SOURCES[name]


def _type(described: dict[str, Any]) -> str:
    types = described["type"]
    names = [types] if isinstance(types, str) else [one for one in types if one != "null"]
    shown = [described["format"] if "format" in described else " or ".join(names)]
    inner = (described.get("items") or {}).get("type")
    if names == ["array"] and inner:
        inner = [one for one in ([inner] if isinstance(inner, str) else inner) if one != "null"]
        shown = [f"array of {' or '.join(inner)}"]
    return shown[0]
