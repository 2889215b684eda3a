"""What the SDK's flattening leaves undone: custom attributes that no schema knows, long names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from tap_kustomer.naming import MAX_IDENTIFIER_BYTES, fit_identifier

__all__ = ["rename", "short_names", "with_known_custom_only"]


def with_known_custom_only(
    row: dict[str, Any],
    known: AbstractSet[str],
    *,
    keep: bool = True,
) -> dict[str, Any]:
    """Return ``row`` with the custom attributes that its schema has no column for moved.

    Flattened, each would be a key of the record that no column takes. Where the schema knows no
    custom attribute at all, ``custom`` stays one column and ``row`` stays as it is. Without
    ``keep`` they are left out: a stream map that names ``custom`` wants no copy of it.
    """
    custom = row.get("custom")
    if not known or not isinstance(custom, dict) or custom.keys() <= known:
        return row
    unknown = {f"custom.{name}": one for name, one in custom.items() if name not in known}
    changed = {**row, "custom": {name: one for name, one in custom.items() if name in known}}
    if keep and "extra_attributes" in row:
        changed["extra_attributes"] = {**(row["extra_attributes"] or {}), **unknown}
    return changed


def short_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the columns whose names are too long, with the names that they get instead.

    >>> short_names(["custom__vipBool"])
    {}
    """
    return {
        name: fit_identifier(name, name)
        for name in columns
        if len(name.encode()) > MAX_IDENTIFIER_BYTES
    }


def rename(record: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return ``record`` with the keys in ``names`` replaced."""
    return {names.get(key, key): value for key, value in record.items()} if names else record
