"""The attributes of ``custom``: each enters by the type that the org's metadata gives it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tap_kustomer.rows.values import (
    MISFIT,
    Converter,
    admits_null,
    checker,
    converter,
    is_masked,
    plain_type,
)

__all__ = ["CustomAttributes", "custom_type"]

_UNKNOWN = (None, True, None)  # a custom attribute that metadata does not tell of


def custom_type(schema: Mapping[str, Any]) -> type | None:
    """Return the type of the values of ``custom``: objects, or their JSON as text.

    ``None`` where a catalog wants something that is neither.
    """
    if "object" in schema.get("type", ()):
        return dict
    if plain_type(schema) is str:
        return str
    return dict if "type" not in schema and checker(schema)({}) else None


class CustomAttributes:
    """The function from what a resource has under ``custom`` to that column of its row.

    ``deselected`` do not leave; where ``known_only``, those that ``properties`` does not know do
    not either. ``private`` ones, as ``custom.<name>``, go nowhere else when they do not fit.
    """

    def __init__(
        self,
        properties: Mapping[str, Mapping[str, Any]],
        deselected: Collection[str],
        private: Collection[str],
        *,
        known_only: bool,
        keep_unknown: bool,
    ) -> None:
        """Compile the conversion of ``properties``."""
        self._steps: dict[str, tuple[type | None, bool, Converter | None]] = {
            name: (plain_type(schema), admits_null(schema), converter(schema))
            for name, schema in properties.items()
        }
        self._deselected = deselected
        self._private = private
        self._known_only = known_only
        self._keep_unknown = keep_unknown and not known_only

    def put(self, value: Any, row: dict[str, Any], extras: dict[str, Any]) -> None:
        """Put ``value`` into ``row``, and what does not fit into ``extras``."""
        if not isinstance(value, dict):
            if "custom" not in self._private and not self._known_only:
                extras["custom"] = value
            return
        row["custom"] = result = {}
        for name, one in value.items():
            plain, nulls, convert = self._steps.get(name, _UNKNOWN)
            if name in self._deselected or (convert is None and not self._keep_unknown):
                continue
            if one.__class__ is plain or convert is None:
                result[name] = one
                continue
            fitting = MISFIT if one is None else convert(one)
            if fitting is not MISFIT:
                result[name] = fitting
                continue
            if nulls:
                result[name] = None
            private = "custom" in self._private or f"custom.{name}" in self._private
            if one is not None and not private and not is_masked(one):
                extras[f"custom.{name}"] = one
