"""The columns of an endpoint that no schema file describes: found by looking at its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.catalog.schema import DELETED_AT, EXTRA_ATTRIBUTES, ORG_ID, PARENT_UPDATED_AT
from tap_kustomer.naming import MAX_IDENTIFIER_BYTES, snake_case
from tap_kustomer.settings.extra_streams import ExtraStream

__all__ = ["PARENT_ROW_ID", "columns_of", "described_columns", "extra_schema", "widened"]

PARENT_ROW_ID = "parent_row_id"
_OURS = frozenset(
    {"id", "org_id", "_sdc_deleted_at", "extra_attributes", "parent_updated_at", PARENT_ROW_ID}
)
# Relationships whose target's type varies, as in the streams with a schema.
_ACTORS = frozenset({"createdBy", "modifiedBy", "deletedBy", "endedBy", "redactedBy", "pinnedBy"})
_MOMENT = "date-time"  # a text of that format; the other kinds are JSON's own


def columns_of(resources: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns that the rows show, and the kind of each; in alphabetical order.

    What is null in every row is no column yet: nothing is known of its type.
    """
    kinds: dict[str, str] = {}
    for resource in resources:
        for column, kind in _shown(resource):
            if column not in _OURS and len(column.encode()) <= MAX_IDENTIFIER_BYTES:
                kinds[column] = wider(kinds.get(column, kind), kind)
    return dict(sorted(kinds.items()))


def _shown(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    attributes = resource.get("attributes")
    for name, value in attributes.items() if isinstance(attributes, dict) else ():
        if value is not None and not name.startswith("_"):
            yield snake_case(name), _kind(name, value)
    relationships = resource.get("relationships")
    for name, one in relationships.items() if isinstance(relationships, dict) else ():
        data = one.get("data") if isinstance(one, dict) else one
        if isinstance(data, list):
            yield f"{snake_case(name)}_ids", "array"
        elif isinstance(data, dict) and data.get("id") is not None:
            yield f"{snake_case(name)}_id", "string"
            if name in _ACTORS:
                yield f"{snake_case(name)}_type", "string"


def _kind(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"  # that this page has only whole ones proves nothing
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    is_moment = name.endswith(("At", "_at")) and timestamps.normalise(value) is not None
    return _MOMENT if is_moment else "string"


def wider(one: str, other: str) -> str:
    """Return the kind that holds both; of an object or array and another, the first stays.

    What does not fit then is in ``extra_attributes``: no target makes one column of both.
    """
    if one == other:
        return one
    if {one, other} & {"object", "array"}:
        return one
    return "string"


def widened(known: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of both, so that those of earlier runs stay, and stay as open."""
    both = {**found, **known}
    for column in known.keys() & found.keys():
        both[column] = wider(known[column], found[column])
    return dict(sorted(both.items()))


def extra_schema(
    entry: ExtraStream,
    kinds: Mapping[str, str],
    *,
    has_id: bool,
    incremental: bool,
) -> dict[str, Any]:
    """Return the JSON Schema of a stream of ``extra_streams``.

    ``has_id`` where rows have an id beside another key; ``incremental`` streams follow their
    parent's updates.
    """
    key, parent = snake_case(entry.key), entry.parent
    properties: dict[str, Any] = {}
    if has_id or key == "id":
        type_: str | list[str] = "string" if key == "id" else ["string", "null"]
        properties["id"] = {"type": type_, "description": "Identifier of the row."}
    properties |= described_columns(entry, kinds)
    if key != "id":
        properties[key] = {"type": "string", "description": "Identifies the row."}
    if parent is not None:
        properties[PARENT_ROW_ID] = {
            "type": ["string", "null"],
            "description": f"Id of the row of `{parent}` that it belongs to.",
        }
    if incremental:
        properties["parent_updated_at"] = PARENT_UPDATED_AT
    properties.setdefault("org_id", ORG_ID)
    properties["_sdc_deleted_at"] = DELETED_AT
    properties["extra_attributes"] = EXTRA_ATTRIBUTES
    return {
        "type": "object",
        "description": f"One row per resource of `{entry.path}`; columns as found there.",
        "properties": properties,
    }


def described_columns(entry: ExtraStream, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON Schema of each column."""
    key = snake_case(entry.key)
    described = f"As `{entry.path}` delivers it."
    return {column: _schema(kind, described) for column, kind in kinds.items() if column != key}


def _schema(kind: str, description: str) -> dict[str, Any]:
    if kind == _MOMENT:
        return {"type": ["string", "null"], "format": _MOMENT, "description": description}
    items: dict[str, Any] = {"items": {}} if kind == "array" else {}
    return {"type": [kind, "null"], **items, "description": description}
