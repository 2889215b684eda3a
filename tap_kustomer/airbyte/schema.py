"""Stream schemas in the part of JSON Schema that Airbyte's destinations understand.

Source: https://docs.airbyte.com/platform/understanding-airbyte/supported-data-types
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["airbyte_schema"]

_DRAFT = "http://json-schema.org/draft-07/schema#"


def airbyte_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stream schema ``schema`` for an Airbyte catalog."""
    return {"$schema": _DRAFT, **_translated({**schema, "type": "object"})}


def _translated(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Rebuild ``schema`` from known keywords only: whatever else there is stays behind."""
    translated: dict[str, Any] = {}
    if "description" in schema:
        translated["description"] = schema["description"]
    types = _types(schema)
    kinds = [one for one in types if one != "null"]
    if len(kinds) > 1:
        # A list of several types is no Airbyte type; a `oneOf` is. Its branches must exclude
        # one another, so null has its own.
        return {**translated, "oneOf": [_branch(schema, one) for one in types]}
    if types:
        translated["type"] = types if len(types) > 1 else types[0]
    if kinds == ["string"] and schema.get("format") == "date-time":
        translated["format"] = "date-time"
        translated["airbyte_type"] = "timestamp_with_timezone"
    if kinds == ["object"]:
        properties = schema.get("properties")
        if properties:
            translated["properties"] = {k: _translated(v) for k, v in properties.items()}
        # A closed object would make every removed property a breaking change.
        translated["additionalProperties"] = True
    if kinds == ["array"] and schema.get("items"):
        # Items without a schema are left out: as an empty one they would be of unknown type.
        translated["items"] = _translated(schema["items"])
    return translated


def _types(schema: Mapping[str, Any]) -> list[str]:
    declared = schema.get("type", [])
    return [declared] if isinstance(declared, str) else list(declared)


def _branch(schema: Mapping[str, Any], type_: str) -> dict[str, Any]:
    rest = {keyword: value for keyword, value in schema.items() if keyword != "description"}
    return _translated({**rest, "type": type_})
