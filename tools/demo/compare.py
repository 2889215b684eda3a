"""Compares what DuckDB holds with what the simulated org holds, id by id."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from tap_kustomer.streams.registry import STREAM_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    Ids = Mapping[str, frozenset[str]]

# A load without one of these is not complete, whatever else it holds.
ALWAYS = frozenset(
    {
        "companies",
        "conversations",
        "customers",
        "klasses",
        "messages",
        "notes",
        "shortcuts",
        "tags",
        "teams",
        "users",
    }
)
MADE_BY_THE_TAP = frozenset({"custom_attributes", "sync_runs"})
"""Streams whose rows are not objects of the org, so that it has no ids to compare with."""

WITHOUT_ARCHIVE = frozenset({"conversation_time"})
"""Contexts whose rows nothing returns once they are two years old."""

TWO_YEARS = dt.timedelta(days=730)

_STREAMS = {one.resource: one.name for one in STREAM_TYPES}
_TIMEOUT = 30  # seconds


@dataclass(frozen=True)
class Difference:
    """The ids that one side has and the other has not."""

    stream: str
    missing: frozenset[str]
    unexpected: frozenset[str]

    def __str__(self) -> str:
        """Say how many, and name one."""
        parts = [
            f"{len(ids):,} {kind}, such as {min(ids)}"
            for kind, ids in (("missing", self.missing), ("unexpected", self.unexpected))
            if ids
        ]
        return "; ".join(parts)


def expected_ids(url: str) -> Ids:
    """Return the ids that the simulated org at ``url`` holds, by stream.

    Rows of a disabled klass stay out, since there is no stream for them, and so do rows that no
    endpoint hands out any more.
    """
    klasses = [row["attributes"] for row in _ask(url, "rows", context="klass")["rows"]]
    disabled = {f"kobject_{k['name']}" for k in klasses if k["status"] == "disabled"}
    contexts = _ask(url, "counts").keys() - disabled
    ids = {stream_of(c): frozenset(_ask(url, "ids", context=c)["ids"]) for c in contexts}
    return ids | {stream_of(c): _recent_ids(url, c) for c in WITHOUT_ARCHIVE & contexts}


def _recent_ids(url: str, context: str) -> frozenset[str]:
    """Return the ids of the rows that were created within two years."""
    now = dt.datetime.fromtimestamp(_ask(url, "clock")["now"], tz=dt.timezone.utc)
    edge = (now - TWO_YEARS).isoformat(timespec="milliseconds")
    rows = _ask(url, "rows", context=context)["rows"]
    return frozenset(row["id"] for row in rows if row["attributes"]["createdAt"] >= edge)


def _ask(url: str, what: str, **params: str) -> dict[str, Any]:
    answer = requests.get(f"{url}/_simulator/{what}", params=params, timeout=_TIMEOUT)
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def stream_of(context: str) -> str:
    """Return the name of the stream that carries a context: ``company``, ``kobject_Device``."""
    if context.startswith("kobject_"):
        return re.sub(r"[^a-z0-9_]", "_", context.lower())
    return _STREAMS.get(context, f"{context}s")


def loaded_ids(connection: duckdb.DuckDBPyConnection) -> Ids:
    """Return the ids that DuckDB holds, by table."""
    tables = connection.execute(
        "select table_name from information_schema.tables order by table_name"
    ).fetchall()
    return {table: _ids_in_table(connection, table) for (table,) in tables}


def _ids_in_table(connection: duckdb.DuckDBPyConnection, table: str) -> frozenset[str]:
    key = "resource || '.' || name" if table == "custom_attributes" else "id"
    query = f'select {key} from "{table}"'  # noqa: S608  # a name that DuckDB has just told
    return frozenset(id_ for (id_,) in connection.execute(query).fetchall())


def compare(expected: Ids, loaded: Ids) -> list[Difference]:
    """Return the streams whose ids differ; empty when all is there and nothing else.

    Streams that DuckDB lacks count when every load has to have them.
    """
    klasses = {stream for stream in expected if stream.startswith("kobject_")}
    streams = (ALWAYS | klasses | loaded.keys()) - MADE_BY_THE_TAP
    none: frozenset[str] = frozenset()
    differences = [
        Difference(
            stream,
            missing=expected.get(stream, none) - loaded.get(stream, none),
            unexpected=loaded.get(stream, none) - expected.get(stream, none),
        )
        for stream in sorted(streams)
    ]
    return [d for d in differences if d.missing or d.unexpected]
