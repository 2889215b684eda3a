"""The klasses and custom attributes that an org has defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.org.rows import reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.jsontypes import JSON

# The documented resources; klasses come as `kobject.<klass>`.
# https://developer.kustomer.com/kustomer-api-docs/reference/getcustomattributemetadata
RESOURCES = ("company", "conversation", "customer", "message")
# Attributes of these exist too, whether the endpoint serves them is UNCONFIRMED
# (metadata-of-others).
DOUBTFUL_RESOURCES = ("note", "user", "team")

# The suffix of a name says its type (vendor page on custom attributes); Tree is UNCONFIRMED
# (tree-values).
SUFFIX_TYPES = {
    "Str": "string",
    "Txt": "string",
    "Num": "number",
    "At": "string",
    "Bool": "boolean",
    "Url": "string",
    "Id": "string",
    "Tree": "string",
}


class Metadata:
    """Custom attributes by resource (`customer`, `kobject.order`); old mappings never change."""

    def __init__(self) -> None:
        self._properties: dict[str, Mapping[str, JSON]] = {name: {} for name in RESOURCES}

    def resources(self) -> list[str]:
        """Return the resources that have a document."""
        return list(self._properties)

    def properties(self, resource: str) -> Mapping[str, JSON]:
        """Return the attributes of a resource, empty where it has none."""
        return self._properties.get(resource, {})

    def has(self, resource: str) -> bool:
        """Say whether the resource has a metadata document."""
        return resource in self._properties

    def open(self, resource: str) -> None:
        """Give a resource a document without attributes."""
        self._properties.setdefault(resource, {})

    def drop(self, resource: str) -> None:
        """Remove a resource's document."""
        self._properties.pop(resource, None)

    def set(self, resource: str, name: str, definition: JSON, now_ms: int) -> None:
        """Define or redefine an attribute."""
        suffix = next((suffix for suffix in SUFFIX_TYPES if name.endswith(suffix)), None)
        complete = {
            "type": SUFFIX_TYPES.get(suffix or "", "string"),
            "displayName": name,
            "modifiedAt": to_iso(now_ms),
            "updatedAt": to_iso(now_ms),
            **definition,
        }
        self._properties[resource] = {**self.properties(resource), name: complete}

    def delete(self, resource: str, name: str, now_ms: int, *, erase: bool) -> None:
        """Mark an attribute as deleted, or with ``erase`` take it out of the document."""
        left = {**self.properties(resource)}
        definition = left.pop(name)
        if not erase:
            left[name] = {**definition, "deletedAt": to_iso(now_ms)}
        self._properties[resource] = left

    def document(self, resource: str, org_id: str) -> JSON:
        """Return the answer of `GET /v1/metadata/{resource}`: one object, attributes as a map."""
        return {
            "data": {
                "type": "metadata",
                "id": resource,
                "attributes": {"properties": dict(self.properties(resource))},
                "relationships": {"org": reference("org", org_id)},
                "links": {"self": f"/v1/metadata/{resource}"},
            }
        }
