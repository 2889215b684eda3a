"""What the SDK's flattening leaves undone: unknown custom attributes, names no loader takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from singer_sdk.mapper import StreamMap

from tap_kustomer.naming import fit_identifier, short_suffix

__all__ = [
    "column_names",
    "duplicate_name",
    "names_after",
    "names_kept",
    "rename",
    "width_warning",
    "with_known_custom_only",
]

_MOST_COLUMNS = 1_600  # of a table in PostgreSQL, the loader's own included
_LOADERS_OWN = 6
_MOST_BYTES = 8_160  # of a row there, which must fit one page
_HEADER = 24
_LONGEST_INLINE = 24  # bytes of a text or number; longer ones leave a shorter pointer in the row
_UNCLEAN = re.compile(r"[^\w -]")  # what some loader takes for SQL, or refuses


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


def column_names(
    columns: Iterable[str], first: Iterable[str] = (), kept: Collection[str] = ()
) -> dict[str, str]:
    """Return the flattened columns that targets do not take as they are, with their new names.

    New names are at most 63 bytes of letters, digits, ``_``, ``-`` and blanks, and differ by more
    than upper and lower case. Of names that are equal but for that, the one that comes first in
    ``kept`` or else in ``first`` stays as it is: Kustomer appends attributes to its metadata. One
    of ``kept`` that is gone leaves its name to nobody: the table has values of it.

    >>> column_names(["custom__vipBool"])
    {}
    >>> column_names(["custom__a.bStr", "custom__VIPBool", "custom__vipBool"], ["custom__vipBool"])
    {'custom__VIPBool': 'custom__VIPBool_ca5273', 'custom__a.bStr': 'custom__a_bStr_c5154e'}
    """
    columns = set(columns)
    places = {name: place for place, name in enumerate(dict.fromkeys([*kept, *first]))}
    taken = {name.lower() for name in kept if name not in columns}
    names = {}
    for column in sorted(columns, key=lambda one: (places.get(one, len(places)), one)):
        name = _UNCLEAN.sub("_", column)
        if name != column or name.lower() in taken:
            name = f"{name}_{short_suffix(column)}"
        name = fit_identifier(name, column)
        taken.add(name.lower())
        if name != column:
            names[column] = name
    return names


def names_after(stream_map: StreamMap, kept: Collection[str]) -> dict[str, str]:
    """Return the new names of the columns that a map's flattening makes.

    ``kept`` are those of earlier runs that have their own names.
    """
    if not stream_map.flattening_enabled:
        return {}
    columns = stream_map.transformed_schema.get("properties", {})
    return column_names(columns, _custom_columns(stream_map), kept)


def names_kept(stream_map: StreamMap, kept: Collection[str], names: Mapping[str, str]) -> list[str]:
    """Return ``kept`` and what a map's flattening makes of custom attributes under its own name.

    Another attribute may come whose name differs from it in case only. Other columns are among
    them where ``names`` has one that did lose its name to them.
    """
    columns = stream_map.transformed_schema.get("properties", {}).keys()
    losers = {name.lower() for name in names}
    winners = {one for one in columns if one.lower() in losers}
    found = winners.union(_custom_columns(stream_map)) & columns - names.keys()
    return sorted(found.union(kept))


def _custom_columns(stream_map: StreamMap) -> list[str]:
    """Return the columns that flattening can make of custom attributes, as metadata lists them."""
    options = stream_map.flattening_options
    custom = stream_map.raw_schema["properties"].get("custom", {}).get("properties", {})
    return [f"custom{options.separator}{name}" for name in custom] if options else []


def duplicate_name(error: ValueError) -> str | None:
    """Return the name that the SDK's flattening cannot give to two columns, if that is it."""
    _, found, name = str(error).partition("Duplicate column name produced in schema: ")
    return name if found else None


def width_warning(stream: str, columns: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return what is to be said of a flattened table that PostgreSQL may not take."""
    count = len(columns) + _LOADERS_OWN
    needed = _HEADER + count // 8 + sum(map(_width, columns.values())) + _LOADERS_OWN * 8
    if count > _MOST_COLUMNS:
        limit = f"takes {_MOST_COLUMNS:,} with the loader's own, and would end the load"
    elif needed > _MOST_BYTES:
        limit = (
            f"ends the load at a row of more than {_MOST_BYTES:,} bytes, and one with all columns "
            f"filled can have {needed:,}"
        )
    else:
        return None
    return (
        f"{stream}: flattened, it has {len(columns):,} columns. PostgreSQL {limit}: deselect "
        "custom attributes, or load without flattening."
    )


def _width(schema: Mapping[str, Any]) -> int:
    types = {*schema.get("type", ())} - {"null"}
    if types == {"boolean"}:
        return 1
    fixed = types == {"integer"} or schema.get("format") == "date-time"
    return 8 if fixed else _LONGEST_INLINE


def rename(record: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return ``record`` with the keys in ``names`` replaced."""
    return {names.get(key, key): value for key, value in record.items()} if names else record
