"""Compares DuckDB with the org, row by row."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from simulator import Org
from simulator.clock import TWO_YEARS, to_ms
from simulator.jsontypes import JSON
from tools.demo.compare import stream_of

__all__ = ["Difference", "compare"]

# Attributes whose values arrive as they are, compared where a table has them. The loader stores an
# empty text as null.
COLUMNS = {
    "name": "name",
    "title": "title",
    "preview": "preview",
    "body": "body",
    "status": "status",
    "rev": "rev",
    "createdAt": "created_at",
}
# Endings of custom attributes and the type that arrives as it is; others are converted.
CUSTOM = {"Str": (str,), "Txt": (str,), "Num": (int, float), "Bool": (bool,)}
WITHOUT_ARCHIVE = frozenset({"conversation_time"})  # nothing returns their rows of old
LISTED = frozenset({"note"})  # old ones come from a list, which leaves out deleted ones


@dataclass(frozen=True)
class Difference:
    """One row that DuckDB lacks, has too much of, or has otherwise."""

    stream: str
    id: str
    what: str


@dataclass(frozen=True)
class _Row:
    updated_at: str | None
    deleted: bool
    values: Mapping[str, Any]


def compare(org: Org, database: Path, contexts: Collection[str]) -> tuple[int, list[Difference]]:
    """Return how many rows were compared, and where DuckDB differs from the org."""
    edge = int((org.clock.now() - TWO_YEARS) * 1000)
    compared, differences = 0, []
    with duckdb.connect(str(database), read_only=True) as connection:
        for context in sorted(contexts):
            stream = stream_of(context)
            columns, loaded = _loaded(connection, stream)
            rows = {row["id"]: row for row in org.rows(context)}
            expected = {id_: _expected(row, columns) for id_, row in rows.items()}
            compared += len(expected)
            unknown = loaded.keys() - expected.keys()
            differences += [Difference(stream, id_, "is not in the org") for id_ in unknown]
            for id_, row in expected.items():
                what = _difference(row, loaded.get(id_))
                if what and not _is_out_of_reach(context, rows[id_], edge):
                    differences.append(Difference(stream, id_, what))
    return compared, differences


def _difference(expected: _Row, loaded: _Row | None) -> str | None:
    if loaded is None:
        return f"is missing (updated {expected.updated_at})"
    if loaded.updated_at != expected.updated_at:
        return f"is of {loaded.updated_at}, not of {expected.updated_at}"
    if loaded.deleted != expected.deleted:
        return f"deleted is {loaded.deleted}"
    other = [name for name, value in expected.values.items() if loaded.values.get(name) != value]
    return f"has another {', '.join(other)}" if other else None


def _is_out_of_reach(context: str, row: JSON, edge: int) -> bool:
    """Say whether no endpoint may have shown a row: idle for two years, and no archive."""
    attributes = row["attributes"]
    if context in WITHOUT_ARCHIVE:
        return to_ms(attributes["createdAt"]) < edge
    old = context in LISTED and to_ms(attributes["updatedAt"]) < edge
    return old and attributes.get("deleted") is True


def _expected(row: JSON, columns: Collection[str]) -> _Row:
    attributes = row["attributes"]
    values = {column: attributes.get(name) for name, column in COLUMNS.items() if column in columns}
    for name, value in (attributes.get("custom") or {}).items():
        if any(name.endswith(ending) and type(value) in kinds for ending, kinds in CUSTOM.items()):
            values[f"custom.{name}"] = value
    return _Row(
        attributes.get("updatedAt"),
        attributes.get("deleted") is True,
        {name: value or None for name, value in values.items()},
    )


def _loaded(
    connection: duckdb.DuckDBPyConnection, stream: str
) -> tuple[Collection[str], Mapping[str, _Row]]:
    """Return the columns to compare, and what a table holds by id."""
    try:
        result = connection.execute(f'select * from "{stream}"')  # noqa: S608 - our own names
    except duckdb.CatalogException:
        return (), {}
    names = [column[0] for column in result.description]
    columns = set(COLUMNS.values()) & set(names)
    documents = {name for name, kind, *_ in result.description if str(kind) == "JSON"}
    rows: dict[str, _Row] = {}
    for values in result.fetchall():
        row = dict(zip(names, values, strict=True))
        kept = {name: _as_sent(row[name], name in documents) for name in columns}
        for name, value in json.loads(row.get("custom") or "{}").items():
            kept[f"custom.{name}"] = value
        rows[row["id"]] = _Row(
            _as_sent(row.get("updated_at")),
            row["_sdc_deleted_at"] is not None,
            {name: value or None for name, value in kept.items()},
        )
    return columns, rows


def _as_sent(value: Any, is_document: bool = False) -> Any:  # noqa: FBT001, FBT002
    """Return a value of a column in the form that the org has it."""
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return json.loads(value) if is_document and value is not None else value
