"""A stream's schema: the standard columns of its file, and those that every stream has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from tap_kustomer.catalog.attributes import custom_schema

__all__ = ["ObjectSchema", "object_schema", "stream_schema"]

ORG_ID = {"type": ["string", "null"], "description": "Id of the org that the row belongs to."}
KLASS = {"type": ["string", "null"], "description": "System name of the klass of the row."}
PARENT_UPDATED_AT = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "When the parent was updated, as of the reading of this row.",
}
DELETED_AT = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "When the row was deleted in Kustomer; null while it exists.",
}
EXTRA_ATTRIBUTES = {
    "type": ["object", "null"],
    "description": (
        "What the schema does not know and values that do not fit their type, under their "
        "original names; null when there is nothing."
    ),
    "additionalProperties": True,
}


class ObjectSchema(NamedTuple):
    """A schema file: standard columns, and what the file says about the object."""

    description: str
    columns: Mapping[str, dict[str, Any]]
    has_custom: bool
    secrets: tuple[str, ...]  # attribute names, dotted when nested, that never leave


@cache
def object_schema(name: str) -> ObjectSchema:
    """Return the schema file ``name``. Raises ``FileNotFoundError``."""
    content = json.loads((files("tap_kustomer") / "schemas" / f"{name}.json").read_bytes())
    return ObjectSchema(
        description=content.get("description", ""),
        columns=content["properties"],
        has_custom=content.get("x-custom", False),
        secrets=tuple(content.get("x-secrets", ())),
    )


def stream_schema(
    name: str,
    *,
    custom: Mapping[str, Any] | None = None,
    klass: bool = False,
    child: bool = False,
    rows_of_tap: bool = False,
) -> dict[str, Any]:
    """Return the JSON Schema of a stream.

    ``custom`` is ``properties`` of its metadata document; ``klass`` and ``child`` add their
    columns; ``rows_of_tap`` leaves out what only rows of Kustomer have.
    """
    file = object_schema(name)
    properties: dict[str, Any] = msgspec.to_builtins(file.columns)  # a copy, which others change
    properties.setdefault("org_id", ORG_ID)
    if klass:
        properties["klass"] = KLASS
    if child:
        properties["parent_updated_at"] = PARENT_UPDATED_AT
    if file.has_custom:
        properties["custom"] = custom_schema(custom or {})
    if not rows_of_tap:
        properties["_sdc_deleted_at"] = DELETED_AT
        properties["extra_attributes"] = EXTRA_ATTRIBUTES
    return {"type": "object", "description": file.description, "properties": properties}
