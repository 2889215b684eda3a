"""Types of custom attributes: one table, from the suffix of the name to JSON Schema.

Source: https://developer.kustomer.com/kustomer-api-docs/reference/updatecustomattributemetadata
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["OPEN_TYPE", "attribute_schema", "custom_schema", "suffix_of", "type_in_words"]

# What the API types inconsistently: anything but a bare number or boolean, which become text.
OPEN_TYPE: dict[str, Any] = {"type": ["string", "object", "array", "null"], "items": {}}

_BY_SUFFIX: Mapping[str, dict[str, Any]] = {
    "Str": {"type": ["string", "null"]},
    "Txt": {"type": ["string", "null"]},
    "Url": {"type": ["string", "null"]},
    "Id": {"type": ["string", "null"]},
    "Num": {"type": ["number", "null"]},
    "At": {"type": ["string", "null"], "format": "date-time"},
    "Bool": {"type": ["boolean", "null"]},
    "Tree": OPEN_TYPE,  # UNCONFIRMED (tree-values): presumably a dotted path
}
_BY_METADATA_TYPE: Mapping[str, dict[str, Any]] = {
    "string": _BY_SUFFIX["Str"],
    "number": _BY_SUFFIX["Num"],
    "boolean": _BY_SUFFIX["Bool"],
    "date": _BY_SUFFIX["At"],
}
_SUFFIX = re.compile(f"(?:{'|'.join(_BY_SUFFIX)})$")


def suffix_of(name: str) -> str | None:
    """Return the suffix that tells the type of a custom attribute, if its name has one.

    >>> suffix_of("orderTotalNum"), suffix_of("vip")
    ('Num', None)
    """
    match = _SUFFIX.search(name)
    return match.group() if match else None


def attribute_schema(name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of the custom attribute ``name``.

    ``definition`` is its entry in ``properties`` of a metadata document. The suffix decides; an
    attribute without one has the type that metadata names; an unknown type stays open.
    """
    suffix = suffix_of(name)
    if suffix is not None:
        schema = _BY_SUFFIX[suffix]
    else:
        schema = _BY_METADATA_TYPE.get(str(definition.get("type")), OPEN_TYPE)
    if (definition.get("multi") is True or definition.get("array") is True) and suffix != "Tree":
        schema = {"type": ["array", "null"], "items": schema}
    description = definition.get("displayName")
    return {**schema, "description": description} if isinstance(description, str) else {**schema}


def type_in_words(name: str) -> str:
    """Return which type the name of a custom attribute tells, without the name."""
    return f"the type of {suffix_of(name) or 'an attribute without a suffix'}"


def custom_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of ``custom``, with a typed property for each attribute in metadata.

    Deleted attributes stay: their values may still be in rows, and a column that vanished
    would break the table. Keys that metadata does not know are allowed. Without any attribute
    there are no ``properties``: the SDK's flattening would leave no column at all.
    """
    schema: dict[str, Any] = {
        "type": "object",
        "description": "Custom attributes of the org, under their system names.",
        "additionalProperties": True,
    }
    if properties:
        schema["properties"] = {
            name: attribute_schema(name, definition if isinstance(definition, dict) else {})
            for name, definition in properties.items()
        }
    return schema
