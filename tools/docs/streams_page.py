"""The page of all streams, made from their classes and schemas."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from tap_kustomer.catalog.schema import object_schema, stream_schema
from tap_kustomer.streams.audit_logs import PATH as AUDIT_LOGS_PATH
from tap_kustomer.streams.audit_logs import AuditLogs
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.census import CENSUS_STREAMS
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.kobjects import KlassObjects, Kobjects
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.registry import STREAM_TYPES
from tap_kustomer.streams.search import SearchStream

__all__ = ["core_diagram", "join_list", "stream_sections", "stream_table"]

KLASS_STREAM = "kobject_<klass>"
# Columns of every row; the page describes them once.
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
    "watchers": "users",
    "active_users": "users",
    "created_by_teams": "teams",
    "sent_by_teams": "teams",
}
# Inside a JSON column; seen in Kustomer's examples, in no list of columns.
_NESTED = {
    "conversations": (
        ("first_response.createdBy", "users", ""),
        ("first_message_in.id", "messages", ""),
    ),
    KLASS_STREAM: (("custom.<name>Id", "", "see `custom_attributes.target`"),),
}
# What no rule of names finds.
_MORE = {
    "custom_attributes": (("resource", "klasses", "`'kobject.'` before `klasses.name`"),),
    "audit_logs": (("object_id", "", "the object that `object_type` names"),),
    "deletions": (("object_id", "", "the object that `object_type` names"),),
    "work_items": (("resource_id", "conversations", "where `resource_type` is `conversation`"),),
    "conversation_events": (("session_id", "customer_sessions", "a guess"),),
}
# The streams of the picture in the README, and the columns that join them.
_CORE = (
    ("companies", "customers", "company_id"),
    ("customers", "conversations", "customer_id"),
    ("conversations", "messages", "conversation_id"),
    ("conversations", "notes", "conversation_id"),
    ("customers", "kobject_KLASS", "customer_id"),
    ("users", "messages", "created_by_id"),
    ("users", "conversations", "assigned_users"),
    ("teams", "conversations", "assigned_teams"),
)
# Columns that do not join as others of their name do.
_OTHERS = {
    ("kb_articles", "tags"): None,  # the knowledge base has tags of its own
    ("shortcut_categories", "parent_id"): "shortcut_categories",
    ("slas", "versions_ids"): None,  # the same as `sla_versions.sla_id`
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


def core_diagram(_tap: object = None) -> str:
    """Return the picture of the core: eight tables and the columns that join them."""
    lines = ["```mermaid", "erDiagram"]
    for parent, child, column in _CORE:
        arrow = "}o--o{" if column in ARRAYS else "||--o{"
        shown = f"{column}[]" if column in ARRAYS else column
        lines.append(f'    {parent} {arrow} {child} : "{shown}"')
    return "\n".join([*lines, "```"]) + "\n"


def join_list(_tap: object = None) -> str:
    """Return for each stream its columns that hold ids, and whose they are.

    Raises: ``ValueError`` for a column that looks like an id and of which nobody said whose it is.
    """
    lines = ["| stream | column | leads to |", "|---|---|---|"]
    alone = []
    for type_, name in _streams():
        if type_ is Kobjects:
            continue  # the streams of single klasses are the same rows
        joins = list(_joins(type_.schema_name or name, name))
        lines += [f"| `{name}` | `{column}` | {where} |" for column, where in joins]
        alone += [] if joins else [f"`{name}`"]
    return "\n".join([*lines, "", f"Nothing to join: {', '.join(alone)}.", ""])


def _joins(schema: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield each column of ids of a stream, and what it leads to in words."""
    columns = object_schema(schema).columns
    for column in columns:
        if (name, column) in _OTHERS and _OTHERS[name, column] is None:
            continue
        target = _OTHERS.get((name, column)) or JOINS.get(column) or ARRAYS.get(column)
        if target is not None:
            many = column.endswith("_ids") or column in ARRAYS
            yield f"{column}[]" if many else column, f"`{target}`"
        elif column == "klass_id":
            yield column, "`klasses`, by `klasses.name`"
        elif column.endswith("_by_id"):
            kind = column.replace("_id", "_type")
            rule = f", where `{kind}` is `user`" if kind in columns else ""
            yield column, f"`users`{rule}"
        else:
            _must_be_known(column)
    for column, target, rule in (*_MORE.get(name, ()), *_NESTED.get(name, ())):
        yield column, ", ".join(one for one in (f"`{target}`" if target else "", rule) if one)


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
